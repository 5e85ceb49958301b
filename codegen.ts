import type { CodegenConfig } from '@graphql-codegen/cli';

/** How documents are typed, whoever they are for. */
const typedDocuments = {
  preset: 'client',
  presetConfig: { fragmentMasking: false },
  config: {
    useTypeImports: true,
    enumsAsTypes: true,
    strictScalars: true,
    scalars: { Date: 'string', DateTime: 'string', SafeInt: 'number' },
  },
} as const;

/** Typed documents: what the tests and the live room ask for, with the types that the schema gives the answers. Run by `npm run generate:documents`. */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  generates: {
    'test/generated/': { ...typedDocuments, documents: 'test/operations/*.graphql' },
    'examples/live-room/src/generated/': { ...typedDocuments, documents: 'examples/live-room/src/**/*.graphql' },
  },
};

export default config;
