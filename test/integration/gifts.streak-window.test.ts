/** Streaks that nobody continues: the window passes, and they end, whatever becomes of the sender and the server. */
import { describe, expect } from 'vitest';
import { STREAKS_PER_TRANSACTION_MAX } from '../../src/domains/gifts/streak-sweep.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { endStream, giftId, type LiveEvent, type LiveEventEdge, sendGift, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { rowOf } from './support/ids.ts';
import { readEvents, streakLines, sumOf } from './support/log.ts';
import { atOnce, tally } from './support/outcomes.ts';

const WINDOW_MS = 100;
const SWEEP_MS = 20;
const NEVER_MS = 3_600_000;

const sweeping = { overrides: { gifts: { streakWindowMs: WINDOW_MS, sweepIntervalMs: SWEEP_MS } } };
const notSweeping = { overrides: { gifts: { streakWindowMs: WINDOW_MS, sweepIntervalMs: NEVER_MS } } };

/** Watches from the beginning until so many streaks have ended. */
async function watchUntilEnded(server: Endpoint, streamId: string, streaks = 1): Promise<LiveEvent[]> {
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId, after: '' });
  let ended = 0;
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'STREAK_ENDED' && ++ended === streaks);
  await feed.close();
  return seen.map(({ liveEvents }) => liveEvents.node);
}

const test = testWith(sweeping);

test('when the window has passed the streak ends, and the next gift begins a new one', async ({
  server,
  funded,
  live,
}) => {
  await sendGift(funded, live.streamId, { gift: 'Heart', quantity: 2 });
  const [, sent, ended] = await watchUntilEnded(server, live.streamId);
  expect(streakLines([sent!, ended!])).toEqual(['Heart x2 streak 2', 'Heart ended total 2 coins 100']);
  expect(ended).toMatchObject({ sender: { id: funded.id, handle: funded.handle }, gift: { coins: 50 } });
  expect(Date.parse(ended!.occurredAt) - Date.parse(sent!.occurredAt)).toBeGreaterThanOrEqual(WINDOW_MS);
  const next = succeed(await sendGift(funded, live.streamId, { gift: 'Heart' }));
  expect(next.giftSent.streak).toBe(1);
  await watchUntilEnded(server, live.streamId, 2);
});

test('a streak that was ended by its window is not ended again by the stream', async ({ server, funded, live }) => {
  await sendGift(funded, live.streamId);
  await watchUntilEnded(server, live.streamId);
  await endStream(live.creator, live.streamId);
  expect(streakLines(await readEvents(funded, live.streamId))).toEqual([
    'Rose x1 streak 1',
    'Rose ended total 1 coins 1',
    'stream ended',
  ]);
});

test('a streak left open by a server that stopped is closed by the next one', async ({ db, server, funded, live }) => {
  const first = await startServer({ ...notSweeping, databaseUrl: db.url });
  await server.close();
  const there = { ...funded, api: first.http(funded.token) };
  try {
    await sendGift(there, live.streamId, { quantity: 3 });
    expect(streakLines(await readEvents(there, live.streamId))).toEqual(['Rose x3 streak 3']);
  } finally {
    await first.close();
  }
  const second = await startServer({ ...sweeping, databaseUrl: db.url });
  try {
    const events = await watchUntilEnded(second, live.streamId);
    expect(streakLines(events)).toEqual(['Rose x3 streak 3', 'Rose ended total 3 coins 3']);
    await expectBooksBalanced(db.pool);
  } finally {
    await second.close();
  }
});

test('servers that sweep side by side end a streak once', async ({ db, server, funded, live }) => {
  const others = await Promise.all([1, 2].map(() => startServer({ ...sweeping, databaseUrl: db.url })));
  try {
    for (const streaks of [1, 2, 3]) {
      await sendGift(funded, live.streamId);
      await watchUntilEnded(server, live.streamId, streaks);
    }
    await endStream(live.creator, live.streamId);
    expect(streakLines(await readEvents(funded, live.streamId))).toEqual([
      ...Array.from({ length: 3 }, () => ['Rose x1 streak 1', 'Rose ended total 1 coins 1']).flat(),
      'stream ended',
    ]);
  } finally {
    await Promise.all(others.map((other) => other.close()));
  }
});

test('gifts that race the sweep lose nothing: the streaks add up to the gifts', async ({
  db,
  server,
  funded,
  live,
}) => {
  const racing = { gifts: { streakWindowMs: 1, sweepIntervalMs: 1 } };
  const other = await startServer({ databaseUrl: db.url, overrides: racing });
  try {
    const there = { ...funded, api: other.http(funded.token) };
    const kinds = [await giftId(funded.api, 'Rose'), await giftId(funded.api, 'Ice Cream')];
    for (let round = 0; round < 10; round++) {
      const sent = await atOnce(8, (index) =>
        sendGift(index % 2 ? there : funded, live.streamId, { giftId: kinds[(index >> 1) % 2]!, quantity: 1 + index }),
      );
      expect(tally(sent)).toEqual({ SendGiftSuccess: 8 });
    }
    await endStream(live.creator, live.streamId);
    const events = await readEvents({ api: server.http() }, live.streamId);
    expect(events.at(-1)!.__typename).toBe('StreamEnded');
    expect(sumOf(events, 'GiftSent', 'quantity')).toBe(10 * 36);
    expect(sumOf(events, 'StreakEnded', 'total')).toBe(10 * 36);
    expect(sumOf(events, 'StreakEnded', 'coins')).toBe(sumOf(events, 'GiftSent', 'coins'));
    await expectBooksBalanced(db.pool);
  } finally {
    await other.close();
  }
});

test.describe('with a sweep that is late', () => {
  test.override('serverOptions', { overrides: { gifts: { streakWindowMs: 0, sweepIntervalMs: NEVER_MS } } });

  test('a gift behind the window ends the old streak itself and begins a new one', async ({ funded, live }) => {
    await sendGift(funded, live.streamId, { quantity: 2 });
    await sendGift(funded, live.streamId, { quantity: 3 });
    expect(streakLines(await readEvents(funded, live.streamId))).toEqual([
      'Rose x2 streak 2',
      'Rose ended total 2 coins 2',
      'Rose x3 streak 3',
    ]);
  });
});

describe('after an outage', () => {
  test.override('serverOptions', notSweeping);

  test('streaks by the thousand are closed in steps, so that no gift waits for all of them', async ({
    db,
    server,
    live,
  }) => {
    const streaks = 2 * STREAKS_PER_TRANSACTION_MAX + 1;
    await db.pool.query(
      `WITH wallet AS (
         INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
           SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1::int) RETURNING id, owner_id
       ) INSERT INTO viewer (id, subject, handle, display_name, wallet_id)
           SELECT owner_id, 'crowd:' || owner_id, 'crowd' || owner_id, 'Crowd', id FROM wallet`,
      [streaks],
    );
    await db.pool.query(
      `INSERT INTO stream_gifter (stream_id, viewer_id, coins) SELECT $1, id, 1 FROM viewer WHERE subject LIKE 'crowd:%'`,
      [rowOf(live.streamId)],
    );
    await db.pool.query(
      `INSERT INTO gift_streak (stream_id, viewer_id, gift_id, total, coins, expires_at)
         SELECT $1, v.id, g.id, 1, g.coins, now() - interval '1 minute'
           FROM viewer v, (SELECT * FROM gift ORDER BY coins LIMIT 1) g WHERE v.subject LIKE 'crowd:%'`,
      [rowOf(live.streamId)],
    );
    const other = await startServer({ databaseUrl: db.url, ...sweeping });
    try {
      const ended = await watchUntilEnded(other, live.streamId, streaks);
      const senders = new Set(
        ended.filter(({ type }) => type === 'STREAK_ENDED').map(({ sender }) => (sender as { id: string }).id),
      );
      expect(senders.size).toBe(streaks);
      const { rows } = await db.pool.query<{ together: number }>(
        `SELECT count(*)::int AS together FROM live_event WHERE stream_id = $1 AND type = 'STREAK_ENDED' GROUP BY occurred_at`,
        [rowOf(live.streamId)],
      );
      expect(Math.max(...rows.map(({ together }) => together))).toBeLessThanOrEqual(STREAKS_PER_TRANSACTION_MAX);
      expect(await readEvents({ api: server.http() }, live.streamId)).toHaveLength(1 + streaks);
    } finally {
      await other.close();
    }
  });
});
