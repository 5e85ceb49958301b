import { Client } from 'pg';
import type { Logger } from 'pino';
import { StartError } from '../kernel/start-error.ts';
import { connectProblem } from './connect-problem.ts';
import { startEmbeddedPostgres } from './embedded/index.ts';
import { applyMigrations } from './migrations.ts';

/** What the choice of the database depends on: a part of the config. */
export type DatabaseConfig = { databaseUrl: string | undefined; dataDir: string };

/** A migrated database. */
export type StartedDatabase = {
  url: string;
  /** Stops the embedded Postgres; leaves a server of the operator's alone. May be called again. */
  close(): Promise<void>;
};

/** How a start can be ended, and who hears when the embedded Postgres is lost for good. */
export type DatabaseOptions = { signal?: AbortSignal; onLost?: (reason: Error) => void };

const CONNECT_MS_MAX = 5_000;
const VERSION_MIN = 14;

/**
 * Opens the database of DATABASE_URL or, without one, the embedded Postgres, and applies the migrations.
 * @throws StartError, with what to do in one line, when there is no usable database. Nothing is left running then.
 */
export async function startDatabase(
  config: DatabaseConfig,
  log: Logger,
  options: DatabaseOptions = {},
): Promise<StartedDatabase> {
  if (config.databaseUrl !== undefined) {
    await checkServer(config.databaseUrl);
    await applyMigrations(config.databaseUrl, { log });
    return { url: config.databaseUrl, close: async () => {} };
  }
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, log, ...options });
  // Without its Postgres a migration ends at once, whatever it waits for. A failure to stop shows below.
  const abort = (): void => void embedded.stop().catch(() => undefined);
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    await applyMigrations(embedded.url, { log });
    return { url: embedded.url, close: embedded.stop };
  } catch (error) {
    await embedded.stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

async function checkServer(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_MS_MAX });
  // A lost connection also fails the query that needs it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int / 10000 AS version`,
    );
    const version = rows[0]?.version ?? 0;
    if (version < VERSION_MIN) {
      throw new StartError(`DATABASE_URL leads to Postgres ${version}: Hadiya needs ${VERSION_MIN} or later`);
    }
  } catch (error) {
    throw connectProblem(error, databaseUrl) ?? error;
  } finally {
    await client.end().catch(() => undefined);
  }
}
