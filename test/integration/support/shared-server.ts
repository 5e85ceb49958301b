/** One database and one server for all tests of a file; people and streams are new for each test. */
import { test as base } from 'vitest';
import { cloneDatabase } from '../../support/database.ts';
import { FUNDED_COINS, type Live } from '../../support/fixtures.ts';
import { buyCoins, freshHandle, signIn, startStream, succeed } from '../../support/operations.ts';
import { type ServerOptions, startServer } from '../../support/server.ts';

/**
 * The test function of a file whose tests do not change what they share.
 * - `db`, `server`: the file's own
 * - `viewer`: somebody new, signed in; `funded`: the same viewer, with coins
 * - `live`: a new creator who is live
 */
export function testOn(options: Omit<ServerOptions, 'databaseUrl'>) {
  return (
    base
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
      .extend('db', { scope: 'file' }, async ({}, { onCleanup }) => {
        const db = await cloneDatabase();
        onCleanup(() => db.drop());
        return db;
      })
      .extend('server', { scope: 'file' }, async ({ db }, { onCleanup }) => {
        const server = await startServer({ ...options, databaseUrl: db.url });
        onCleanup(() => server.close());
        return server;
      })
      .extend('viewer', ({ server }) => signIn(server))
      .extend('funded', async ({ viewer }) => {
        succeed(await buyCoins(viewer, { coins: FUNDED_COINS }));
        return viewer;
      })
      .extend('live', async ({ server }): Promise<Live> => {
        const creator = await signIn(server, freshHandle('creator'));
        return { creator, streamId: (await startStream(creator)).id };
      })
  );
}

const HOUR_MS = 3_600_000;

/** A server that does nothing by itself: streaks stay open, however slow the machine is, and all SQL is the test's own. */
export const QUIET = {
  overrides: {
    gifts: { streakWindowMs: HOUR_MS, sweepIntervalMs: HOUR_MS },
    payments: { recoveryIntervalMs: HOUR_MS, disputes: { sweepIntervalMs: HOUR_MS } },
    offers: { sweepIntervalMs: HOUR_MS },
    fulfilment: { partnerSweepIntervalMs: HOUR_MS },
    orders: { holdSweepIntervalMs: HOUR_MS, refundSweepIntervalMs: HOUR_MS, releaseIntervalMs: HOUR_MS },
    community: {
      reactions: { clockIntervalMs: HOUR_MS },
      goals: { sweepIntervalMs: HOUR_MS },
      battles: { sweepIntervalMs: HOUR_MS },
      boxes: { sweepIntervalMs: HOUR_MS },
      moderation: { banCheckIntervalMs: HOUR_MS },
      reports: { sweepIntervalMs: HOUR_MS },
      payouts: { cutIntervalMs: HOUR_MS, settleIntervalMs: HOUR_MS, recoveryIntervalMs: HOUR_MS, tryAgainAfterMs: 0 },
      leaderboards: { foldIntervalMs: HOUR_MS, watchIntervalMs: HOUR_MS },
    },
    trends: {
      countIntervalMs: HOUR_MS,
      giftsIntervalMs: HOUR_MS,
      shopIntervalMs: HOUR_MS,
      dustIntervalMs: HOUR_MS,
    },
  },
};

/** The usual one. */
export const test = testOn(QUIET);
