/** The Postgres server that all tests share. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/db/embedded/index.ts';

/** A running Postgres server. */
export type Postgres = {
  /** The URL of a database to work from: to make others, never to put anything in. */
  url: string;
  /** Whether it was started for this run. */
  isOurs: boolean;
  /** Stops it and removes its files, if it is ours. */
  stop(): Promise<void>;
};

/** Speed instead of safety against a power cut: a test database does not outlive its run. The rest is as in production. */
const TEST_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '400',
};

/** How often the files of a Postgres that is still stopping are removed before what is left stays. */
const EXIT_REMOVE_ATTEMPTS = 5;

/** Files in memory, on Linux. */
const MEMORY = '/dev/shm';
/** Room that a run may need: some databases at a time, and a log of writes that is cut at 1 GB. */
const ROOM_BYTES_MIN = 4 * 1024 ** 3;

/** In memory, where there is room: a run makes and drops a thousand databases of hundreds of files each. */
async function workFolder(): Promise<string> {
  const free = await statfs(MEMORY, { bigint: true }).catch(() => undefined);
  return free && free.bavail * free.bsize >= ROOM_BYTES_MIN ? MEMORY : tmpdir();
}

/** TEST_DATABASE_URL when it is set, else an embedded Postgres in a directory of its own. */
export async function startPostgres(): Promise<Postgres> {
  const url = process.env.TEST_DATABASE_URL;
  if (url) return { url, isOurs: false, stop: async () => {} };
  const dataDir = await mkdtemp(join(await workFolder(), 'hadiya-postgres-'));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  try {
    const server = await startEmbeddedPostgres({ dataDir, log: pino({ level: 'error' }), settings: TEST_SETTINGS });
    // A run that is cut short has no time to wait: its Postgres gets the signal to stop, and loses its files on the way.
    const stopAtExit = () => {
      void server.stop();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: EXIT_REMOVE_ATTEMPTS });
    };
    process.once('exit', stopAtExit);
    const stop = async () => {
      process.removeListener('exit', stopAtExit);
      await server.stop().finally(remove);
    };
    return { url: server.url, isOurs: true, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The URL of another database on the same server. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs work on one connection. Its end also gives advisory locks back. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
