/** The database that the migrations make is the one that schema.prisma describes: neither may change without the other. */
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { diffDatabase, readPrismaSchema } from '../support/schema-engine.ts';

test('the migrations make exactly what schema.prisma describes', async ({ db }) => {
  const diff = await diffDatabase(db.url, await readPrismaSchema());
  expect(diff, 'write a migration: npm run migrate:diff prints its SQL').toEqual({
    empty: true,
    sql: expect.any(String),
  });
});

test('a column that only schema.prisma has is drift', async ({ db }) => {
  const schema = await readPrismaSchema();
  const changed = schema.replace('model Viewer {', 'model Viewer {\n  shoeSize Int @default(42) @map("shoe_size")\n');
  expect(changed).not.toBe(schema);
  const diff = await diffDatabase(db.url, changed);
  expect(diff.empty).toBe(false);
  expect(diff.sql).toContain('ADD COLUMN     "shoe_size" INTEGER NOT NULL DEFAULT 42');
});

test('a column that only the database has is drift', async ({ db }) => {
  await db.pool.query('ALTER TABLE viewer ADD COLUMN shoe_size integer');
  const diff = await diffDatabase(db.url, await readPrismaSchema());
  expect(diff.empty).toBe(false);
  expect(diff.sql).toContain('DROP COLUMN "shoe_size"');
});
