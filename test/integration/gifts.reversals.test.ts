/** A gift is taken back once: coins, diamonds, the place on the board and the feed agree, whatever happens at once. */
import { describe, expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import type { Feed } from '../support/feed.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  type LiveEventEdge,
  query,
  readLog,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { connectReverser } from './support/reversals.ts';
import { test as base } from './support/shared-server.ts';

const test = base
  .extend('reverser', { scope: 'file' }, ({ db }, { onCleanup }) => {
    const reverser = connectReverser(db.url);
    onCleanup(() => reverser.close());
    return reverser;
  })
  /** The rows of a viewer's gifts, oldest first. */
  .extend('giftsOf', ({ db }) => async (viewer: Actor): Promise<bigint[]> => {
    const { rows } = await db.pool.query('SELECT id FROM gift_sent WHERE viewer_id = $1 ORDER BY id', [
      rowOf(viewer.id),
    ]);
    return rows.map(({ id }) => BigInt(id));
  })
  /** A creator's balances in diamonds, by kind. */
  .extend('diamondsOf', ({ db }) => async (creator: Actor): Promise<Record<string, number>> => {
    const { rows } = await db.pool.query(
      `SELECT a.kind, a.balance::int FROM ledger_account a JOIN creator c ON c.id = a.owner_id
        WHERE c.viewer_id = $1 AND a.owner_type = 'CREATOR' AND a.unit = 'DIAMOND' AND a.balance <> 0`,
      [rowOf(creator.id)],
    );
    return Object.fromEntries(rows.map(({ kind, balance }) => [kind, balance]));
  })
  .extend('boardOf', ({ server }) => async (streamId: string) => {
    const document = `query Board($id: ID!) { liveStream(id: $id) { topGifters { coins profile { handle } } } }`;
    type Board = { liveStream: { topGifters: { coins: number; profile: { handle: string } }[] } };
    const { liveStream } = await query<Board>(server.http(), document, { id: streamId });
    return liveStream.topGifters.map(({ coins, profile }) => [profile.handle, coins]);
  });

type Live = { liveEvents: LiveEventEdge };

/** Waits for the next event of a type. */
async function readUntil(feed: Feed<Live>, type: string): Promise<LiveEventEdge> {
  return (await feed.until(({ liveEvents }) => liveEvents.node.type === type)).at(-1)!.liveEvents;
}

async function coinsOf(viewer: Actor): Promise<number> {
  return (await query<{ me: { wallet: { coins: number } } }>(viewer.api, '{ me { wallet { coins } } }')).me.wallet
    .coins;
}

test('coins go back, diamonds leave the creator, the board sinks and the feed says so', async ({
  db,
  funded,
  live,
  reverser,
  giftsOf,
  diamondsOf,
  boardOf,
}) => {
  const before = await coinsOf(funded);
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 3 });
  const [heart, ice] = await giftsOf(funded);
  expect(await reverser.reverse([ice!])).toBe(1);
  expect(await coinsOf(funded)).toBe(before - 50);
  expect(await diamondsOf(live.creator)).toEqual({ ISSUANCE: -25, PENDING: 25 });
  expect(await boardOf(live.streamId)).toEqual([[funded.handle, 50]]);
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
  expect(await boardOf(live.streamId), 'who has given nothing has no place').toEqual([]);
  await expectBooksBalanced(db.pool);
});

test('ids of no gift are left out, and nothing is nothing', async ({ reverser }) => {
  expect(await reverser.reverse([])).toBe(0);
  expect(await reverser.reverse([9_000_000_000n])).toBe(0);
});

test('of ten at once that take the same gift back, one does', async ({ db, funded, live, reverser, giftsOf }) => {
  const before = await coinsOf(funded);
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  const gifts = await giftsOf(funded);
  const counts = await atOnce(10, () => reverser.reverse(gifts));
  expect(counts.reduce((sum, count) => sum + count)).toBe(1);
  expect(await coinsOf(funded)).toBe(before);
  await expectBooksBalanced(db.pool);
});

describe('diamonds', () => {
  test.for([
    ['pending ones first', 10, 15, { ISSUANCE: -10, AVAILABLE: 10 }],
    ['then available ones', 20, 5, { ISSUANCE: -10, AVAILABLE: 10 }],
    ['what was paid out is owed', 0, 0, { ISSUANCE: -10, PAID: 25, DEBT: -15 }],
    ['some pending, some available, some owed', 3, 2, { ISSUANCE: -10, PAID: 20, DEBT: -10 }],
  ] as const)('%s', async ([, available, pending, left], { db, funded, live, reverser, giftsOf, diamondsOf }) => {
    await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 3 });
    await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 2 });
    await move(db.pool, live.creator, 'AVAILABLE', available);
    await move(db.pool, live.creator, 'PAID', 25 - available - pending);
    expect(await reverser.reverse([(await giftsOf(funded))[0]!])).toBe(1);
    expect(await diamondsOf(live.creator)).toEqual(left);
    await expectBooksBalanced(db.pool);
  });

  /** Moves a creator's pending diamonds, as settlement and payouts do. */
  async function move(pool: Parameters<typeof expectBooksBalanced>[0], creator: Actor, kind: string, amount: number) {
    if (amount === 0) return;
    await pool.query(
      `WITH c AS (SELECT id FROM creator WHERE viewer_id = $1), opened AS (
         INSERT INTO ledger_account (owner_type, owner_id, unit, kind) SELECT 'CREATOR', id, 'DIAMOND', $2 FROM c ON CONFLICT DO NOTHING)
       SELECT FROM c`,
      [rowOf(creator.id), kind],
    );
    await pool.query(
      `SELECT wallet_post(ARRAY[p.id], ARRAY[t.id], ARRAY['DIAMOND'], ARRAY[$3::bigint], ARRAY['DIAMONDS_SETTLED'], ARRAY[0::bigint], now())
         FROM creator c
         JOIN ledger_account p ON p.owner_type = 'CREATOR' AND p.owner_id = c.id AND p.unit = 'DIAMOND' AND p.kind = 'PENDING'
         JOIN ledger_account t ON t.owner_type = 'CREATOR' AND t.owner_id = c.id AND t.unit = 'DIAMOND' AND t.kind = $2
        WHERE c.viewer_id = $1`,
      [rowOf(creator.id), kind, amount],
    );
  }
});

test('an open streak goes on: its running count, and what StreakEnded says, is what was sent', async ({
  db,
  funded,
  live,
  reverser,
  giftsOf,
}) => {
  await sendGift(funded, live.streamId, { quantity: 2 });
  await sendGift(funded, live.streamId, { quantity: 3 });
  await reverser.reverse([(await giftsOf(funded))[0]!]);
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
  giftsOf,
}) => {
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  const watcher = await server.ws();
  const feed = watcher.subscribe<Live>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await endStream(live.creator, live.streamId);
  const ended = await readUntil(feed, 'STREAM_ENDED');
  const next = await startStream(live.creator);
  await sendGift(funded, next.id, { gift: 'Heart' });
  expect(await reverser.reverse(await giftsOf(funded))).toBe(2);
  const still = await readUntil(feed, 'GIFT_REVERSED');
  expect(still.node.seq).toBe(ended.node.seq + 1);
  const resumed = watcher.subscribe<Live>(LIVE_EVENTS, { streamId: live.streamId, after: ended.cursor });
  expect(await readUntil(resumed, 'GIFT_REVERSED')).toEqual(still);
  const log = await readLog(server.http(), live.streamId, 2);
  expect(log.at(-1)).toEqual(still);
  expect(log.map(({ node }) => node.seq)).toEqual(log.map((_edge, index) => index + 1));
  await expectBooksBalanced(db.pool);
});

test('while gifts are sent, gifts are taken back', async ({ db, server, live, reverser, giftsOf }) => {
  const viewers = await Promise.all(Array.from({ length: 4 }, () => signIn(server)));
  for (const viewer of viewers) succeed(await buyCoins(viewer, { coins: 70 }));
  const rose = 'Rose';
  await Promise.all(
    viewers.map(async (viewer) => {
      for (let round = 0; round < 8; round++) {
        succeed(await sendGift(viewer, live.streamId, { gift: rose }));
        const gifts = await giftsOf(viewer);
        await Promise.all([reverser.reverse(gifts.slice(-2)), sendGift(viewer, live.streamId, { gift: rose })]);
      }
    }),
  );
  await expectBooksBalanced(db.pool);
});
