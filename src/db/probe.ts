import pg from 'pg';
import type { Logger } from 'pino';
import type { Queryable } from './database.ts';

/** One for the probes, one for what looks at the books. */
const CONNECTIONS_MAX = 2;
const CONNECT_MS_MAX = 1_000;
/** What looks at whole tables gives up then: it must not become a load of its own. */
const STATEMENT_MS_MAX = 10_000;

/** Connections to Postgres apart from those that serve: a check that waited behind gifts would call a busy server a dead one. */
export type Probe = Queryable & { close: () => Promise<void> };

/** Opens them. Nothing is connected before the first query. */
export function connectProbe(url: string, log: Logger): Probe {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    keepAlive: true,
    application_name: 'hadiya probe',
  });
  pool.on('error', (error) => log.debug({ err: error }, 'an idle connection of the probe broke'));
  pool.on('connect', (client) => client.on('error', (error) => log.debug({ err: error }, 'a probe broke')));
  return { query: pool.query.bind(pool) as Probe['query'], close: () => pool.end() };
}
