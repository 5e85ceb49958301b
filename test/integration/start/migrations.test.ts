/** Migrations on real databases: from nothing, again, at once, and every state that needs a person. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { applyMigrations } from '../../../src/db/migrations.ts';
import { startDatabase } from '../../../src/db/start-database.ts';
import { StartError } from '../../../src/kernel/start-error.ts';

const OWN_MIGRATIONS = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));
const log = pino({ level: 'silent' });
/** Too long for a label: it cannot exist, and no name server is asked, which might be slow to say so. */
const NO_HOST = `${'x'.repeat(64)}.invalid`;

let server: pg.Client;
let name: string;
let url: string;
let pool: pg.Pool;
let directory: string;

beforeEach(async () => {
  server = new pg.Client({ connectionString: inject('postgresUrl') });
  await server.connect();
  name = `hadiya_migrations_${randomUUID().slice(0, 8)}`;
  await server.query(`CREATE DATABASE ${name}`);
  const address = new URL(inject('postgresUrl'));
  address.pathname = `/${name}`;
  url = address.href;
  pool = new pg.Pool({ connectionString: url });
  // Dropping the database ends what is still open.
  pool.on('error', () => undefined);
  directory = await mkdtemp(join(tmpdir(), 'hadiya-migrations-'));
  await addMigration('1_one', 'CREATE TABLE one (n int);\nINSERT INTO one VALUES (1);\n');
  await addMigration('2_two', 'CREATE TABLE two (n int);\n');
});

afterEach(async () => {
  await pool.end();
  await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await server.end();
  await rm(directory, { recursive: true, force: true });
});

async function addMigration(migration: string, sql: string): Promise<void> {
  await mkdir(join(directory, migration), { recursive: true });
  await writeFile(join(directory, migration, 'migration.sql'), sql);
}

const tables = async (): Promise<string[]> => {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`,
  );
  return rows.map((row) => row.name);
};

/** The one line that an operator would read. */
async function refusal(): Promise<string> {
  const error = await applyMigrations(url, { directory }).then(
    () => new Error('nothing was refused'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StartError);
  expect((error as Error).message).not.toContain('\n');
  return (error as Error).message;
}

describe('migrations are applied', () => {
  test('in the order of their names, each recorded as Prisma does', async () => {
    expect(await applyMigrations(url, { directory })).toEqual({ applied: ['1_one', '2_two'] });
    expect(await tables()).toEqual(['_prisma_migrations', 'one', 'two']);
    const { rows } = await pool.query('SELECT * FROM _prisma_migrations ORDER BY started_at, migration_name');
    expect(rows).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        // sha256sum of the file
        checksum: '3c56623967278e3fe74ddaea5dc9c5f3450a7101c11a296d4f670910e2740e83',
        finished_at: expect.any(Date),
        migration_name: '1_one',
        logs: null,
        rolled_back_at: null,
        started_at: expect.any(Date),
        applied_steps_count: 1,
      },
      expect.objectContaining({ migration_name: '2_two' }),
    ]);
  });

  test('once, and later only what is new', async () => {
    await applyMigrations(url, { directory });
    expect(await applyMigrations(url, { directory })).toEqual({ applied: [] });
    await addMigration('3_three', 'ALTER TABLE one ADD m int');
    expect(await applyMigrations(url, { directory })).toEqual({ applied: ['3_three'] });
  });

  test('once, however many nodes start together', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => applyMigrations(url, { directory })));
    expect(results.flatMap(({ applied }) => applied)).toEqual(['1_one', '2_two']);
  });

  test('again, when they were recorded as rolled back', async () => {
    await applyMigrations(url, { directory });
    await pool.query(
      `DROP TABLE two; UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '2_two'`,
    );
    expect(await applyMigrations(url, { directory })).toEqual({ applied: ['2_two'] });
  });

  test('Hadiya’s own ones, from wherever the process was started', async () => {
    const names = (await readdir(OWN_MIGRATIONS, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const { applied } = await applyMigrations(url);
    expect(applied).toEqual(names.map((entry) => entry.name).sort());
    expect(await tables()).toContain('transfer');
  });
});

describe('what needs a person gives one line', () => {
  test('a migration that fails: nothing of it stays, those before it do, and it is tried again', async () => {
    await addMigration('3_bad', 'CREATE TABLE three (n int);\nINSERT INTO missing VALUES (1);');
    expect(await refusal()).toBe('Migration 3_bad failed and left no trace: relation "missing" does not exist');
    expect(await tables()).toEqual(['_prisma_migrations', 'one', 'two']);
    await addMigration('3_bad', 'CREATE TABLE three (n int);');
    expect(await applyMigrations(url, { directory })).toEqual({ applied: ['3_bad'] });
  });

  test('a migration that was changed', async () => {
    await applyMigrations(url, { directory });
    await addMigration('1_one', 'CREATE TABLE one (n bigint);');
    expect(await refusal()).toMatch(/^Migration 1_one was changed after .*: restore its file/);
  });

  test('a migration whose file is missing', async () => {
    await applyMigrations(url, { directory });
    await rm(join(directory, '1_one'), { recursive: true });
    expect(await refusal()).toMatch(/^The database has migration 1_one, which .* lacks: put it back/);
  });

  test('a database that is newer than the code', async () => {
    await addMigration('3_three', 'SELECT 1');
    await applyMigrations(url, { directory });
    await rm(join(directory, '3_three'), { recursive: true });
    expect(await refusal()).toMatch(/^The database is newer than this code \(it has migration 3_three\): update/);
  });

  test('a migration that Prisma left half-done', async () => {
    await applyMigrations(url, { directory });
    await pool.query(`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '2_two'`);
    expect(await refusal()).toMatch(/^Migration 2_two failed half-way .*prisma migrate resolve/);
  });

  test('a database with the tables of something else', async () => {
    await pool.query('CREATE TABLE wordpress (n int)');
    expect(await refusal()).toMatch(/^The database holds tables of something else \(such as "wordpress"\): /);
    expect(await tables()).toEqual(['wordpress']);
  });

  test('a database with an encoding that does not know all letters', async () => {
    const ascii = `${url}_ascii`;
    await pool.query(
      `CREATE DATABASE ${pg.escapeIdentifier(new URL(ascii).pathname.slice(1))} ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0`,
    );
    try {
      await expect(applyMigrations(ascii, { directory })).rejects.toThrow(
        new StartError('The database keeps its text as SQL_ASCII: give Hadiya one with the encoding UTF8'),
      );
    } finally {
      await pool.query(`DROP DATABASE ${pg.escapeIdentifier(new URL(ascii).pathname.slice(1))}`);
    }
  });

  test('a database that does not exist', async () => {
    await expect(applyMigrations(`${url}_not`, { directory })).rejects.toThrow(
      new StartError(
        `Postgres at ${new URL(url).host} has no database "${name}_not": create it, or correct DATABASE_URL`,
      ),
    );
  });
});

describe('DATABASE_URL', () => {
  const open = (databaseUrl: string) => startDatabase({ databaseUrl, dataDir: '/nowhere' }, log);

  test('is opened and migrated; closing it leaves the server alone', async () => {
    const database = await open(url);
    expect(database.url).toBe(url);
    expect(await tables()).toContain('transfer');
    await database.close();
    expect((await pool.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  test.each([
    ['a server that is not there', { port: '1' }, /^No Postgres answers at .*: start it, or correct DATABASE_URL$/],
    ['a wrong password', { password: 'geheim' }, /refuses the password of user "postgres": correct DATABASE_URL$/],
    ['an unknown user', { username: 'nobody' }, /refuses the password of user "nobody": correct DATABASE_URL$/],
    ['a missing password', { password: '' }, /asks for a password: add the one of user "postgres" to DATABASE_URL$/],
    ['a missing database', { pathname: '/none' }, /has no database "none": create it, or correct DATABASE_URL$/],
    ['a host that does not exist', { hostname: NO_HOST }, `The host of DATABASE_URL, ${NO_HOST}, does not exist: `],
    ['encryption that the server lacks', { search: '?sslmode=verify-full' }, /^No encrypted connection to .*sslmode/],
  ])('%s gives one line', async (_, change, expected) => {
    const wrong = Object.assign(new URL(url), change);
    const error = await open(wrong.href).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StartError);
    expect((error as Error).message).toMatch(expected);
    expect((error as Error).message).not.toMatch(/geheim|\n/);
  });
});
