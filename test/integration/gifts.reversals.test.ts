/** A gift is taken back once: coins, diamonds, the place on the board and the feed agree, whatever happens at once. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import type { Feed } from '../support/feed.ts';
import type { Live as LiveStream } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  type LiveEventEdge,
  mutate,
  query,
  readLog,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { boardOf, diamondsOf, giftsOf, moveDiamonds, walletOf } from './support/disputes.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { endHolds, expectEarningsBalanced } from './support/payouts.ts';
import { connectReverser } from './support/reversals.ts';
import { test as base } from './support/shared-server.ts';

const test = base.extend('reverser', { scope: 'file' }, ({ db }, { onCleanup }) => {
  const reverser = connectReverser(db.url);
  onCleanup(() => reverser.close());
  return reverser;
});

type Live = { liveEvents: LiveEventEdge };

/** Waits for the next event of a type. */
async function readUntil(feed: Feed<Live>, type: string): Promise<LiveEventEdge> {
  return (await feed.until(({ liveEvents }) => liveEvents.node.type === type)).at(-1)!.liveEvents;
}

/** Ends a stream, and the hold of what it has earned. */
async function settle(server: Server, pool: Pool, { creator, streamId }: LiveStream): Promise<void> {
  await endStream(creator, streamId);
  await endHolds(pool, creator);
  await server.app.services.payouts.earnings.settle();
}

async function coinsOf(viewer: Actor): Promise<number> {
  return (await walletOf(viewer)).coins;
}

test('coins go back, diamonds leave the creator, the board sinks and the feed says so', async ({
  db,
  funded,
  live,
  reverser,
}) => {
  const before = await coinsOf(funded);
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 3 });
  const [heart, ice] = await giftsOf(db.pool, funded);
  expect(await reverser.reverse([ice!])).toBe(1);
  expect(await coinsOf(funded)).toBe(before - 50);
  expect(await diamondsOf(db.pool, live.creator)).toEqual({ ISSUANCE: -25, PENDING: 25 });
  expect(await boardOf(funded, live.streamId)).toEqual([[funded.handle, 50]]);
  const log = await readLog(funded.api, live.streamId);
  const sent = log.find(({ node }) => node.type === 'GIFT_SENT' && node.quantity === 3)!.node;
  expect(log.at(-1)!.node).toMatchObject({
    __typename: 'GiftReversed',
    giftSeq: sent.seq,
    sender: sent.sender,
    gift: sent.gift,
    quantity: 3,
    coins: 30,
    reason: 'REACTION_SKIPPED',
  });
  expect(await reverser.reverse([heart!, ice!]), 'once each').toBe(1);
  expect(await coinsOf(funded)).toBe(before);
  expect(await boardOf(funded, live.streamId), 'who has given nothing has no place').toEqual([]);
  await expectBooksBalanced(db.pool);
});

test('ids of no gift are left out, and nothing is nothing', async ({ reverser }) => {
  expect(await reverser.reverse([])).toBe(0);
  expect(await reverser.reverse([9_000_000_000n])).toBe(0);
});

test('of ten at once that take the same gift back, one does', async ({ db, funded, live, reverser }) => {
  const before = await coinsOf(funded);
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  const gifts = await giftsOf(db.pool, funded);
  const counts = await atOnce(10, () => reverser.reverse(gifts));
  expect(counts.reduce((sum, count) => sum + count)).toBe(1);
  expect(await coinsOf(funded)).toBe(before);
  await expectBooksBalanced(db.pool);
});

describe('diamonds', () => {
  test('that pend leave what pends, whatever else there is', async ({ db, server, funded, live, reverser }) => {
    await sendGift(funded, live.streamId, { gift: 'Heart' });
    await settle(server, db.pool, live);
    const { id } = await startStream(live.creator);
    await sendGift(funded, id, { gift: 'Ice Cream', quantity: 3 });
    expect(await reverser.reverse((await giftsOf(db.pool, funded)).slice(-1))).toBe(1);
    expect(await diamondsOf(db.pool, live.creator)).toEqual({ ISSUANCE: -25, AVAILABLE: 25 });
    await expectEarningsBalanced(db.pool);
  });

  test.for([
    ['are available', 0, { ISSUANCE: -20, PENDING: 5, AVAILABLE: 15 }],
    ['are partly paid out', 30, { ISSUANCE: -20, PENDING: 5, PAID: 30, DEBT: -15 }],
    ['are all paid out', 40, { ISSUANCE: -20, PENDING: 5, PAID: 40, DEBT: -25 }],
  ] as const)('that were settled and %s', async ([, paid, left], { db, server, funded, live, reverser }) => {
    await sendGift(funded, live.streamId, { gift: 'Heart' });
    await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 3 });
    await settle(server, db.pool, live);
    await moveDiamonds(db.pool, live.creator, ['AVAILABLE', 'PAID'], paid);
    const { id } = await startStream(live.creator);
    await sendGift(funded, id, { gift: 'Ice Cream' });
    expect(await reverser.reverse((await giftsOf(db.pool, funded)).slice(0, 1))).toBe(1);
    expect(await diamondsOf(db.pool, live.creator)).toEqual(left);
    await expectBooksBalanced(db.pool);
  });

  test('that pend and were taken back are not settled', async ({ db, server, funded, live, reverser }) => {
    await sendGift(funded, live.streamId, { gift: 'Heart' });
    await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 3 });
    await reverser.reverse((await giftsOf(db.pool, funded)).slice(0, 1));
    await settle(server, db.pool, live);
    expect(await diamondsOf(db.pool, live.creator)).toEqual({ ISSUANCE: -15, AVAILABLE: 15 });
    await expectEarningsBalanced(db.pool);
  });
});

test('an open streak goes on: its running count, and what StreakEnded says, is what was sent', async ({
  db,
  funded,
  live,
  reverser,
}) => {
  await sendGift(funded, live.streamId, { quantity: 2 });
  await sendGift(funded, live.streamId, { quantity: 3 });
  await reverser.reverse([(await giftsOf(db.pool, funded))[0]!]);
  const { giftSent } = succeed(await sendGift(funded, live.streamId, { quantity: 1 }));
  expect(giftSent.streak).toBe(6);
  await endStream(live.creator, live.streamId);
  const log = await readLog(funded.api, live.streamId);
  expect(log.find(({ node }) => node.type === 'STREAK_ENDED')!.node).toMatchObject({ total: 6, coins: 6 });
  await expectBooksBalanced(db.pool);
});

test('a stream that has ended is corrected: for who watches still, who resumes and who reads pages', async ({
  db,
  server,
  funded,
  live,
  reverser,
}) => {
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  const watcher = await server.ws();
  const feed = watcher.subscribe<Live>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await endStream(live.creator, live.streamId);
  const ended = await readUntil(feed, 'STREAM_ENDED');
  const next = await startStream(live.creator);
  await sendGift(funded, next.id, { gift: 'Heart' });
  expect(await reverser.reverse(await giftsOf(db.pool, funded))).toBe(2);
  const still = await readUntil(feed, 'GIFT_REVERSED');
  expect(still.node.seq).toBe(ended.node.seq + 1);
  const resumed = watcher.subscribe<Live>(LIVE_EVENTS, { streamId: live.streamId, after: ended.cursor });
  expect(await readUntil(resumed, 'GIFT_REVERSED')).toEqual(still);
  const log = await readLog(server.http(), live.streamId, 2);
  expect(log.at(-1)).toEqual(still);
  expect(log.map(({ node }) => node.seq)).toEqual(log.map((_edge, index) => index + 1));
  await expectBooksBalanced(db.pool);
});

describe('spending caps', () => {
  const remaining = async (viewer: Actor) => {
    type Me = { me: { wallet: { spendingCaps: { period: string; remaining: number }[] } } };
    const { me } = await query<Me>(viewer.api, '{ me { wallet { spendingCaps { period remaining } } } }');
    return Object.fromEntries(me.wallet.spendingCaps.map((cap) => [cap.period, cap.remaining]));
  };
  const cap = async (viewer: Actor) => {
    for (const [period, coins] of [
      ['DAY', 100],
      ['MONTH', 200],
    ] as const) {
      succeed(await mutate(viewer.api, 'setSpendingCap', { period, coins }));
    }
  };

  test.for([
    ['REACTION_SKIPPED', 'were not spent', { DAY: 90, MONTH: 190 }],
    ['CHARGEBACK', 'were', { DAY: 40, MONTH: 140 }],
  ] as const)(
    'coins of a gift that is taken back for %s %s',
    async ([reason, , left], { db, funded, live, reverser }) => {
      await cap(funded);
      await sendGift(funded, live.streamId, { gift: 'Heart' });
      await sendGift(funded, live.streamId, { gift: 'Ice Cream' });
      await reverser.reverse((await giftsOf(db.pool, funded)).slice(0, 1), reason);
      expect(await remaining(funded)).toEqual(left);
    },
  );

  test('those of yesterday, and of last month, make no room today', async ({ db, funded, live, reverser }) => {
    await cap(funded);
    await sendGift(funded, live.streamId, { gift: 'Heart' });
    // As if today were tomorrow: the limits have turned over, and have counted another gift since.
    await db.pool.query('UPDATE spending_limit SET day = day + 1, day_coins = 10 WHERE viewer_id = $1', [
      rowOf(funded.id),
    ]);
    await reverser.reverse(await giftsOf(db.pool, funded));
    const { rows } = await db.pool.query('SELECT day_coins, month_coins FROM spending_limit WHERE viewer_id = $1', [
      rowOf(funded.id),
    ]);
    expect(rows).toEqual([{ day_coins: '10', month_coins: '0' }]);
  });
});

test('while gifts are sent, gifts are taken back', async ({ db, server, live, reverser }) => {
  const viewers = await Promise.all(Array.from({ length: 4 }, () => signIn(server)));
  for (const viewer of viewers) succeed(await buyCoins(viewer, { coins: 70 }));
  const rose = 'Rose';
  await Promise.all(
    viewers.map(async (viewer) => {
      for (let round = 0; round < 8; round++) {
        succeed(await sendGift(viewer, live.streamId, { gift: rose }));
        const gifts = await giftsOf(db.pool, viewer);
        await Promise.all([reverser.reverse(gifts.slice(-2)), sendGift(viewer, live.streamId, { gift: rose })]);
      }
    }),
  );
  await expectBooksBalanced(db.pool);
});
