/** Two servers on one Postgres and one Redis, and a Redis that belongs to the test. */
import { inject } from 'vitest';
import { createTestApp } from '../../support/app.ts';
import { connectTo, type Endpoint } from '../../support/endpoint.ts';
import { test as base } from '../../support/fixtures.ts';
import { startRedis } from '../../support/redis.ts';
import { startServer } from '../../support/server.ts';

/** Short, so that what only a poll can find is found soon. */
export const POLL_INTERVAL_MS = 200;

/**
 * Beside the usual fixtures:
 * - `redis`: a Redis of the test's own, to look into and to kill
 * - `nodes`: two servers, a and b
 */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('redis', async ({}, { onCleanup }) => {
    const redis = await startRedis();
    onCleanup(() => redis.stop());
    return redis;
  })
  .extend('nodeSettings', ({ db, redis }) => ({
    overrides: { hub: { pollIntervalMs: POLL_INTERVAL_MS }, pulseIntervalMs: 50 },
    databaseUrl: db.url,
    redis: redis.url,
  }))
  .extend('nodeA', async ({ nodeSettings }, { onCleanup }) => {
    const server = await startServer(nodeSettings);
    onCleanup(() => server.close());
    return server;
  })
  .extend('nodeB', async ({ nodeSettings }, { onCleanup }) => {
    const server = await startServer(nodeSettings);
    onCleanup(() => server.close());
    return server;
  })
  .extend('nodes', ({ nodeA, nodeB }) => ({ a: nodeA, b: nodeB }));

/** A server that the test itself closes, while its clients watch. */
export type ClosableServer = Endpoint & { close: () => Promise<void>; closeClients: () => Promise<void> };

/** Starts a server whose `close` leaves the clients alone: to see it is what they are for. */
export async function startClosableServer(databaseUrl: string, redisUrl?: string): Promise<ClosableServer> {
  const app = await createTestApp({ databaseUrl, dataDir: inject('dataDir'), redisUrl });
  const { url } = await app.listen();
  const { endpoint, closeClients } = connectTo(url);
  return { ...endpoint, close: () => app.close(), closeClients };
}
