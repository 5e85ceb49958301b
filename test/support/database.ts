/** A database for each test: a copy of the migrated and seeded template. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { databaseUrl, withClient } from './postgres.ts';

/** A private copy of the template database. */
export type TestDatabase = {
  /** Its connection URL. */
  url: string;
  /** Connections for looking at it beside the server. */
  pool: pg.Pool;
  /** Closes the pool and drops the database, also under connections that are still open. */
  drop(): Promise<void>;
};

/** The advisory lock that lets one copy be made at a time: two at once would only fight for the disk. */
const CLONE_LOCK_ID = 4_242_001;

/** Postgres' code for what it waited a few seconds for in vain. */
const OBJECT_IN_USE = '55006';

/** Connections that a test may use at once to look at its database. */
const POOL_SIZE = 4;

/** Copies the template database. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const template = inject('templateName');
  const name = `${template}_${randomUUID().slice(0, 8)}`;
  const server = inject('postgresUrl');
  await withClient(server, async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [CLONE_LOCK_ID]);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  const url = databaseUrl(server, name);
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  pool.on('error', () => {}); // A dropped database ends idle connections.
  const drop = async () => {
    await pool.end();
    await withClient(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)).catch(
      (error: { code?: string }) => {
        // A connection takes its time to end: the end of the run drops the database.
        if (error.code !== OBJECT_IN_USE) throw error;
      },
    );
  };
  return { url, pool, drop };
}
