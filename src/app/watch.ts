import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Database } from '../db/database.ts';
import { connectProbe } from '../db/probe.ts';
import type { FanOut } from '../graphql/fan-out/fan-out.ts';
import type { Live } from '../live/live.ts';
import { createMetricsServer, type MetricsAccess, type MetricsExport } from '../server/metrics-access.ts';
import { Readiness } from '../server/readiness.ts';
import { BooksCheck } from './books.ts';
import { createChecks } from './checks.ts';
import { createMetrics } from './metrics.ts';

/** How operators look at a running app. */
export type Watch = {
  readiness: Readiness;
  metrics: MetricsExport;
  access: MetricsAccess;
  /** Where the metrics listen, if they have a port of their own. */
  port: () => number | undefined;
  start: () => Promise<void>;
  close: () => Promise<void>;
};

/** Puts together what `/ready` and `/metrics` tell. */
export async function createWatch(
  config: Config,
  deps: {
    db: Database;
    live: Live;
    fanOut: FanOut;
    log: Logger;
    databaseUrl: string;
    overrides?: { booksIntervalMs?: number };
  },
): Promise<Watch> {
  const { db, live, fanOut, log } = deps;
  const probe = connectProbe(deps.databaseUrl, log);
  const readiness = new Readiness(await createChecks(probe, live.bus));
  const books = new BooksCheck(
    { probe, log, meter: db.instruments.meters.sweeps.of('books') },
    deps.overrides?.booksIntervalMs,
  );
  const metrics = createMetrics({ db, live, fanOut, readiness, books });
  const server = config.metrics.port === undefined ? undefined : createMetricsServer(metrics);
  let port: number | undefined;
  return {
    readiness,
    metrics,
    access: { token: config.metrics.token, loopback: config.auth.mode === 'demo' },
    port: () => port,
    start: async () => {
      port = await server?.listen(config.metrics.port!, config.host);
      books.start();
    },
    close: async () => {
      await books.close();
      if (port !== undefined) await server?.close();
      await probe.close();
    },
  };
}
