import type { CodegenConfig } from '@graphql-codegen/cli';

/** How documents are typed: scalars as JSON has them, enums as unions of strings. */
const typed = {
  preset: 'client' as const,
  // The manifest, persisted-documents.json, and in each document its hash; see docs/persisted-documents.md.
  presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: 'sha256' as const } },
  config: {
    useTypeImports: true,
    enumsAsTypes: true,
    strictScalars: true,
    scalars: { Date: 'string', DateTime: 'string', SafeInt: 'number' },
  },
};

/** Typed documents: what tests and examples ask for, with the types that the schema gives the answers. Run by `npm run generate:documents`. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  generates: {
    'test/generated/': { ...typed, documents: 'test/operations/*.graphql' },
    'examples/clients/generated/': { ...typed, documents: 'examples/clients/*.graphql' },
    'examples/live-room/src/generated/': { ...typed, documents: 'examples/live-room/src/**/*.graphql' },
  },
};

export default config;
