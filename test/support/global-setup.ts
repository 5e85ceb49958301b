/** Starts what the whole run shares: one Postgres with a template database, one Redis, the built page. Stops and removes both, also on failure. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { applyMigrations } from '../../src/db/migrations.ts';
import { createTestApp } from './app.ts';
import { databaseUrl, startPostgres, withClient } from './postgres.ts';
import { sharedRedis } from './redis.ts';

declare module 'vitest' {
  /** What the tests get from here with `inject`. */
  export interface ProvidedContext {
    /** The maintenance database of the shared Postgres. */
    postgresUrl: string;
    /** The shared Redis. */
    redisUrl: string;
    /** The name of the database that `cloneDatabase` copies. Names of its clones begin with it. */
    templateName: string;
    /** The data directory of all servers: they share the secret that demo tokens are signed with. */
    dataDir: string;
  }
}

const ENSURE_BUILT = fileURLToPath(new URL('../../examples/live-room/ensure-built.mjs', import.meta.url));

/** Vitest calls this before the first test; what it returns, after the last. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cleanups: (() => Promise<void>)[] = [];
  const teardown = async () => {
    const failures: unknown[] = [];
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup().catch((error) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, `Test servers did not stop: ${failures.join('; ')}`);
  };
  try {
    await promisify(execFile)(process.execPath, [ENSURE_BUILT]); // As npm start does.
    const dataDir = await mkdtemp(join(tmpdir(), 'hadiya-data-'));
    cleanups.push(() => rm(dataDir, { recursive: true, force: true }));
    const postgres = await startPostgres();
    cleanups.push(postgres.stop);
    const redis = await sharedRedis();
    cleanups.push(redis.stop);
    const templateName = `hadiya_test_${randomUUID().slice(0, 8)}`;
    // A Postgres of ours goes with all its files: what cannot be dropped there just now must not fail a run that has passed.
    if (!postgres.isOurs) cleanups.push(() => dropDatabases(postgres.url, templateName));
    await createTemplate(postgres.url, templateName, dataDir);
    project.provide('postgresUrl', postgres.url);
    project.provide('redisUrl', redis.url);
    project.provide('templateName', templateName);
    project.provide('dataDir', dataDir);
    return teardown;
  } catch (error) {
    await teardown().catch(() => {}); // What went wrong first is what matters.
    throw error;
  }
}

/** One migrated and seeded database, closed to connections so that copying it never meets one. */
async function createTemplate(postgresUrl: string, name: string, dataDir: string): Promise<void> {
  await withClient(postgresUrl, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = databaseUrl(postgresUrl, name);
  await applyMigrations(url);
  const app = await createTestApp({ databaseUrl: url, dataDir }); // Seeds, as every server does.
  await app.close();
  await withClient(url, (client) => client.query('VACUUM ANALYZE'));
  await withClient(postgresUrl, (client) => client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`));
}

/** Drops the template and the clones that tests left behind. */
async function dropDatabases(postgresUrl: string, prefix: string): Promise<void> {
  await withClient(postgresUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  });
}
