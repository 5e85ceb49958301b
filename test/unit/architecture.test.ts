/** Who may import whom: the layers and the walls between the domains. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { findBreaches, importsOf } from '../support/architecture.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function sourceFiles(): Promise<Map<string, string>> {
  const entries = await readdir(join(ROOT, 'src'), { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll('\\', '/'))
    .filter((path) => !path.startsWith('src/generated/'));
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(ROOT, path), 'utf8')] as const)),
  );
}

test('the source keeps the rules', async () => {
  const files = await sourceFiles();
  expect(files.size).toBeGreaterThan(0);
  expect(findBreaches(files)).toEqual([]);
});

describe('imports are found', () => {
  test.each([
    ["import { a } from './a.ts';", './a.ts', false],
    ["import type { A } from './a.ts';", './a.ts', true],
    ["import a, * as b from 'b';", 'b', false],
    ["import './side-effect.ts';", './side-effect.ts', false],
    ["import {\n  a,\n  type B,\n} from './a.ts';", './a.ts', false],
    ["export { a } from './a.ts';", './a.ts', false],
    ["export * from './a.ts';", './a.ts', false],
    ["export type { A } from './a.ts';", './a.ts', true],
    ["const a = await import('./a.ts');", './a.ts', false],
    ['import a from "a";', 'a', false],
    ["const url = 'http://x'; import a from 'a';", 'a', false],
  ])('%j', (source, specifier, typeOnly) => {
    expect(importsOf(source)).toEqual([{ specifier, typeOnly }]);
  });

  test.each([
    ["// import a from 'a';"],
    ["/** import a from 'a'; */"],
    ['const text = "export nothing";'],
    ["export const a = 'b';"],
    ["export const a = f('b');"],
    ["export function from() {}\nconst a = 'b';"],
  ])('nothing in %j', (source) => {
    expect(importsOf(source)).toEqual([]);
  });
});

/** A breach that the checker has to catch: the file, its import, and part of the complaint. */
const CAUGHT: [string, string, string][] = [
  ['src/kernel/ids.ts', '../db/client.ts', 'kernel is below db'],
  ['src/db/client.ts', '../live/hub.ts', 'db is below live'],
  ['src/live/hub.ts', '../domains/gifts/gifts.api.ts', 'live is below domains'],
  ['src/graphql/context.ts', '../server.ts', 'graphql is below server'],
  ['src/server.ts', './app.ts', 'server is below app'],
  ['src/app.ts', './main.ts', 'app is below main'],
  ['src/server/http.ts', '../app.ts', 'server is below app'],
  ['src/domains/gifts/gifts.service.ts', '../../graphql/builder.ts', 'domains is below graphql'],
  ['src/domains/gifts/gifts.repo.ts', '../../graphql/context.ts', 'domains is below graphql'],
  ['src/domains/gifts/gifts.schema.ts', '../../graphql/schema.ts', 'domains is below graphql'],
  ['src/domains/gifts/gifts.schema.ts', '../../server.ts', 'domains is below server'],
  ['src/domains/gifts/gifts.service.ts', '@pothos/core', 'GraphQL belongs'],
  ['src/domains/gifts/gifts.service.ts', 'graphql', 'GraphQL belongs'],
  ['src/domains/gifts/gifts.service.ts', 'graphql-yoga', 'GraphQL belongs'],
  ['src/domains/gifts/gifts.service.ts', 'redis', 'only live'],
  ['src/app.ts', 'redis', 'only live'],
  ['src/graphql/context.ts', '@redis/client', 'only live'],
  ['src/domains/wallet/wallet.service.ts', '../accounts/accounts.api.ts', 'wallet imports no other domain'],
  ['src/domains/gifts/gifts.service.ts', '../wallet/wallet.repo.ts', 'a domain shows only'],
  ['src/domains/gifts/gifts.schema.ts', '../wallet/wallet.service.ts', 'a domain shows only'],
  ['src/domains/gifts/gifts.service.ts', './gifts.schema.ts', 'only graphql/schema.ts'],
  ['src/graphql/context.ts', '../domains/gifts/gifts.schema.ts', 'only graphql/schema.ts'],
  ['src/kernel/ids.ts', 'node:fs', 'the kernel does no I/O'],
  ['src/kernel/ids.ts', 'fs/promises', 'the kernel does no I/O'],
  ['src/kernel/ids.ts', 'pg', 'the kernel does no I/O'],
  ['src/kernel/ids.ts', '../generated/prisma/client.ts', 'kernel knows no table'],
  ['src/domains/gifts/gifts.repo.ts', '../../generated/pothos-types.ts', 'only graphql uses'],
  ['src/app.ts', '../test/support/client.ts', 'src imports nothing of test'],
  ['src/app.ts', '../bench/gifts.ts', 'src imports nothing of test'],
  ['src/db/database.ts', '../../prisma/seed.ts', 'src imports nothing of test'],
  ['src/live/hub.ts', '../config.ts', 'only server, app and main'],
  ['src/config.ts', './app.ts', 'the configuration needs the kernel only'],
];

/** What the rules allow. */
const ALLOWED: [string, string][] = [
  ['src/db/client.ts', '../kernel/errors.ts'],
  ['src/domains/gifts/gifts.service.ts', '../../live/log.ts'],
  ['src/domains/gifts/gifts.service.ts', '../wallet/wallet.api.ts'],
  ['src/domains/gifts/gifts.service.ts', './gifts.repo.ts'],
  ['src/domains/gifts/gifts.schema.ts', '../../graphql/builder.ts'],
  ['src/domains/gifts/gifts.schema.ts', '../wallet/wallet.schema.ts'],
  ['src/domains/gifts/gifts.schema.ts', '../streams/streams.errors.ts'],
  ['src/domains/gifts/gifts.schema.ts', 'graphql'],
  ['src/domains/gifts/gifts.repo.ts', '../../generated/prisma/client.ts'],
  ['src/graphql/schema.ts', '../domains/gifts/gifts.schema.ts'],
  ['src/graphql/builder.ts', '../generated/pothos-types.ts'],
  ['src/graphql/context.ts', '../domains/accounts/accounts.service.ts'],
  ['src/live/redis-bus.ts', 'redis'],
  ['src/kernel/ids.ts', 'node:crypto'],
  ['src/app.ts', './config.ts'],
  ['src/app.ts', '../prisma/seed.ts'],
  ['src/config.ts', './kernel/errors.ts'],
];

describe('the checker', () => {
  const check = (path: string, specifier: string, statement = 'import x from') =>
    findBreaches(new Map([[path, `${statement} '${specifier}';\n`]]));

  test.each(CAUGHT)('catches %s → %s', (path, specifier, complaint) => {
    expect(check(path, specifier)).toEqual([expect.stringContaining(complaint)]);
  });

  test.each(ALLOWED)('allows %s → %s', (path, specifier) => {
    expect(check(path, specifier)).toEqual([]);
  });

  test('allows the type of the configuration everywhere', () => {
    expect(check('src/live/hub.ts', '../config.ts', 'import type x from')).toEqual([]);
  });

  test('catches a dynamic import, a long file and a file without a layer', () => {
    const files = new Map([
      ['src/kernel/a.ts', "const fs = await import('node:fs');\n"],
      ['src/kernel/b.ts', '\n'.repeat(501)],
      ['src/kernel/c.ts', '\n'.repeat(500)],
      ['src/helpers.ts', ''],
    ]);
    expect(findBreaches(files)).toEqual([
      'src/kernel/a.ts imports node:fs: the kernel does no I/O',
      'src/kernel/b.ts has 501 lines: no file over 500',
      'src/helpers.ts belongs to no layer',
    ]);
  });
});
