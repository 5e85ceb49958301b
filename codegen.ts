import type { CodegenConfig } from '@graphql-codegen/cli';

/** Typed documents: what `test/operations` asks for, with the types that the schema gives the answers. Run by `npm run generate:documents`. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'test/operations/*.graphql',
  generates: {
    'test/generated/': {
      preset: 'client',
      // The manifest, persisted-documents.json, and in each document its hash; see docs/persisted-documents.md.
      presetConfig: { fragmentMasking: false, persistedDocuments: { hashAlgorithm: 'sha256' } },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { Date: 'string', DateTime: 'string', SafeInt: 'number' },
      },
    },
  },
};

export default config;
