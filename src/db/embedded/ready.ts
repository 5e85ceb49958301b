import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { StartError } from '../../kernel/start-error.ts';
import { CLUSTER_USER } from './cluster.ts';
import { isRunning, type Postmaster } from './postmaster.ts';
import { throwIfAborted } from './processes.ts';

/** How long a start may take, recovery after a crash included. */
const READY_WAIT_MS_MAX = 120_000;
/** How long a Postgres that has been running may say nothing at all before it counts as hung. */
const SILENT_MS_MAX = 6_000;
/** The same for one that was just started: on a cold disk, and beside much else, it takes its time before it listens. */
export const SILENT_AT_START_MS_MAX = 60_000;
const READY_WAIT_MS_POLL = 20;
const CONNECT_MS_MAX = 2_000;

/** What came of waiting for a Postgres. `ended`: its process is gone. `hung`: it does not answer. */
export type Readiness = { state: 'ready'; client: Client } | { state: 'ended' } | { state: 'hung' };

/** The address of one database of the embedded Postgres. */
export function embeddedUrl(postmaster: Postmaster, password: string, database: string): string {
  return `postgres://${CLUSTER_USER}:${password}@127.0.0.1:${postmaster.port}/${database}`;
}

/**
 * Waits until Postgres takes connections, and returns one to its maintenance database.
 * @throws StartError when it refuses our password.
 */
export async function connectWhenReady(
  postmaster: Postmaster,
  password: string,
  { silentMsMax = SILENT_MS_MAX, signal }: { silentMsMax?: number; signal?: AbortSignal | undefined } = {},
): Promise<Readiness> {
  const start = performance.now();
  let lastWord = start;
  while (isRunning(postmaster)) {
    throwIfAborted(signal);
    const client = new Client({
      connectionString: embeddedUrl(postmaster, password, 'postgres'),
      connectionTimeoutMillis: CONNECT_MS_MAX,
      application_name: 'hadiya owner',
    });
    try {
      await client.connect();
      return { state: 'ready', client };
    } catch (error) {
      await client.end().catch(() => undefined);
      if (speaks(error)) lastWord = performance.now();
    }
    const now = performance.now();
    if (now - lastWord > silentMsMax || now - start > READY_WAIT_MS_MAX) return { state: 'hung' };
    await delay(READY_WAIT_MS_POLL);
  }
  return { state: 'ended' };
}

/** Whether the error is an answer of Postgres, such as that it is still starting up. */
function speaks(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (code === '28P01') {
    throw new StartError('The embedded Postgres refuses the password in postgres.password: put the right one back');
  }
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
}
