import { defineConfig } from 'prisma/config';

// `prisma generate`, `validate` and `format` never call the schema engine, but the command line downloads it all the same.
// Any existing file stands in for it, so that closed networks can install Hadiya.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
