import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Logger } from 'pino';
import { inUse, OWNER_WAIT_MS_MAX, OWNER_WAIT_MS_POLL } from './owner-lock.ts';
import type { Readiness } from './ready.ts';

/** Key of the advisory lock, in the maintenance database, that the owning Hadiya holds as long as it lives. */
const OWNER_LOCK_KEY = 4_839_212_115;
const LOCK_ATTEMPTS_MAX = OWNER_WAIT_MS_MAX / OWNER_WAIT_MS_POLL;

type Options = {
  client: Client;
  /** Connects again after Postgres restarted its sessions. */
  reconnect(): Promise<Readiness>;
  dataDir: string;
  log: Logger;
  onLost(reason: Error): void;
};

/**
 * Holds the advisory lock on `client` until released. Postgres ends all sessions when one of them crashes: the lock is
 * then taken again on a new connection, and `onLost` is called when that does not work.
 * @throws StartError when another live Hadiya holds the lock.
 */
export async function holdOwnership(options: Options): Promise<{ release(): Promise<void> }> {
  let client = options.client;
  let released = false;

  const regain = async (): Promise<void> => {
    options.log.warn('the connection that holds the embedded Postgres is lost, connecting again');
    const readiness = await options.reconnect();
    if (readiness.state !== 'ready') throw new Error(`The embedded Postgres ${readiness.state} (see postgres.log)`);
    client = readiness.client;
    watch();
    await lock(client, options.dataDir);
  };
  const watch = (): void => {
    const watched = client;
    // An error always comes with the end, which is what counts.
    watched.on('error', (error) => {
      if (!released) options.log.warn({ error: error.message }, 'owner connection');
    });
    watched.once('end', () => {
      if (!released) regain().catch((error) => released || options.onLost(error as Error));
    });
  };

  client.on('error', () => undefined);
  await lock(client, options.dataDir);
  watch();
  return {
    release: async () => {
      released = true;
      await client.end().catch(() => undefined);
    },
  };
}

async function lock(client: Client, dataDir: string): Promise<void> {
  for (let attempt = 1; attempt <= LOCK_ATTEMPTS_MAX; attempt++) {
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [OWNER_LOCK_KEY]);
    if (rows[0]?.held) return;
    await delay(OWNER_WAIT_MS_POLL);
  }
  throw inUse(dataDir);
}
