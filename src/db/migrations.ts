import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, DatabaseError } from 'pg';
import type { Logger } from 'pino';
import { StartError } from '../kernel/start-error.ts';
import { connectProblem } from './connect-problem.ts';
import type { Queryable } from './database.ts';

/** Where the migrations come from and who hears of them. */
export type MigrationOptions = {
  /** Holds one directory for each migration, with a `migration.sql` in it. Default: the project's own. */
  directory?: string;
  log?: Logger;
};

type Migration = { name: string; sql: string; checksum: string };
type Recorded = { migration_name: string; checksum: string; finished_at: Date | null };

const DIRECTORY_DEFAULT = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
/** The key that `prisma migrate` locks, so that the two never run at once. */
const MIGRATION_LOCK_KEY = 72_707_369;
/** How long another node may take to migrate. */
const LOCK_WAIT_MS_MAX = 60_000;

/** The table exactly as Prisma makes it. */
const createTable = `CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)`;

/**
 * Brings the database to the state that the code expects, and returns the names of the migrations that this took. Each is
 * applied in a SQL transaction of its own, together with its row in Prisma's own table, so that a failed one leaves
 * nothing behind. Any number of nodes may call this at once.
 * @throws StartError, with what to do in one line, when the database cannot be reached or brought there.
 */
export async function applyMigrations(
  databaseUrl: string,
  options: MigrationOptions = {},
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(options.directory ?? DIRECTORY_DEFAULT);
  const client = new Client({ connectionString: databaseUrl, application_name: 'hadiya migrations' });
  // A lost connection also fails the query that needs it: that is the error to report.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw connectProblem(error, databaseUrl) ?? error;
  }
  try {
    await lock(client);
    const recorded = await readRecorded(client);
    checkRecorded(recorded, migrations);
    const known = new Set(recorded.map((row) => row.migration_name));
    const pending = migrations.filter(({ name }) => !known.has(name));
    for (const migration of pending) {
      await apply(client, migration);
      options.log?.info({ migration: migration.name }, 'migration applied');
    }
    return { applied: pending.map(({ name }) => name) };
  } finally {
    // Also gives the lock back.
    await client.end().catch(() => undefined);
  }
}

/** How the migrations of a database differ from those of this code, by name. */
export type MigrationState = { pending: string[]; unknown: string[] };

/** Compares what the database says was applied with what this code was started with. Changes nothing. */
export async function createMigrationCheck(
  directory = DIRECTORY_DEFAULT,
): Promise<(sql: Queryable) => Promise<MigrationState>> {
  const names = (await readMigrations(directory)).map(({ name }) => name);
  return async (sql) => {
    const { rows: recorded } = await sql.query<{ name: string; done: boolean }>(
      `/* db.migrations */ SELECT migration_name AS name, finished_at IS NOT NULL AS done FROM _prisma_migrations
        WHERE rolled_back_at IS NULL`,
    );
    const applied = new Set(recorded.filter(({ done }) => done).map(({ name }) => name));
    return {
      pending: names.filter((name) => !applied.has(name)),
      unknown: recorded.map(({ name }) => name).filter((name) => !names.includes(name)),
    };
  };
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function lock(client: Client): Promise<void> {
  await client.query(`SET lock_timeout = ${LOCK_WAIT_MS_MAX}`);
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK_KEY]);
  } catch (error) {
    if ((error as DatabaseError).code !== '55P03') throw error;
    throw new StartError('Another process has been migrating the database for a minute: let it end, then start again');
  }
  await client.query('RESET lock_timeout');
}

/** What the database says was applied. Makes the table in an empty database. */
async function readRecorded(client: Client): Promise<Recorded[]> {
  const { rows } = await client.query<{ known: boolean; tables: string[]; schema: string | null; encoding: string }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS known, current_schema() AS schema,
       current_setting('server_encoding') AS encoding,
       ARRAY(SELECT relname::text FROM pg_class
              WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
                AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
              ORDER BY relname) AS tables`,
  );
  const { known, tables, schema, encoding } = rows[0]!;
  if (!known) {
    if (encoding !== 'UTF8') {
      throw new StartError(`The database keeps its text as ${encoding}: give Hadiya one with the encoding UTF8`);
    }
    if (schema === null) throw new StartError('The search_path of the database user names no schema: set one');
    if (tables.length > 0) {
      throw new StartError(
        `The database holds tables of something else (such as "${tables[0]}"): give Hadiya an empty database`,
      );
    }
    await client.query(createTable).catch((error) => {
      throw new StartError(`Hadiya cannot make tables in the database (${error.message}): grant its user that right`);
    });
  }
  const result = await client.query<Recorded>(
    `SELECT migration_name, checksum, finished_at FROM _prisma_migrations
      WHERE rolled_back_at IS NULL ORDER BY started_at, migration_name`,
  );
  return result.rows;
}

function checkRecorded(recorded: readonly Recorded[], migrations: readonly Migration[]): void {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  const newest = migrations.at(-1)?.name ?? '';
  for (const { migration_name: name, checksum, finished_at } of recorded) {
    if (finished_at === null) {
      throw new StartError(
        `Migration ${name} failed half-way in this database: repair it, then record that with "prisma migrate resolve"`,
      );
    }
    const migration = byName.get(name);
    if (migration === undefined && name > newest) {
      throw new StartError(`The database is newer than this code (it has migration ${name}): update the code`);
    }
    if (migration === undefined) {
      throw new StartError(
        `The database has migration ${name}, which prisma/migrations lacks: put it back, or use another database`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new StartError(
        `Migration ${name} was changed after the database applied it: restore its file and add a new migration instead`,
      );
    }
  }
}

/** Applies one migration and its row, or neither. */
async function apply(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  const started = new Date();
  try {
    await client.query('BEGIN');
    await client.query(sql);
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
       VALUES ($1, $2, clock_timestamp(), $3, $4, 1)`,
      [randomUUID(), checksum, name, started],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    if (!(error instanceof DatabaseError)) throw error;
    throw new StartError(`Migration ${name} failed and left no trace: ${error.message}`);
  }
}
