/** Sending a gift: paid, earned and in the feed, or nothing at all. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  giftId,
  type LiveEventEdge,
  mutate,
  query,
  readLog,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type GiftKind = { id: string; name: string; coins: number };

async function coinsOf(viewer: Actor): Promise<number> {
  type Me = { me: { wallet: { coins: number } } };
  return (await query<Me>(viewer.api, '{ me { wallet { coins } } }')).me.wallet.coins;
}

/** Takes a kind of gift out of the catalogue for as long as the work lasts. */
async function retired<T>(pool: Pool, gift: string, work: () => Promise<T>): Promise<T> {
  const set = (active: boolean) => pool.query('UPDATE gift SET active = $2 WHERE id = $1', [rowOf(gift), active]);
  await set(false);
  try {
    return await work();
  } finally {
    await set(true);
  }
}

test('the catalogue lists the kinds of gift, cheapest first', async ({ viewer, db }) => {
  // Signed in: for others an answer is kept a moment, and nobody announces a change by hand.
  const catalogue = async () => (await query<{ gifts: GiftKind[] }>(viewer.api, '{ gifts { id name coins } }')).gifts;
  const gifts = await catalogue();
  expect(gifts.map(({ name, coins }) => [name, coins])).toEqual([
    ['Rose', 1],
    ['Ice Cream', 10],
    ['Heart', 50],
    ['Fireworks', 200],
    ['Galaxy', 1000],
    ['Lion', 5000],
  ]);
  const rest = await retired(db.pool, gifts[2]!.id, catalogue);
  expect(rest.map(({ name }) => name)).toEqual(['Rose', 'Ice Cream', 'Fireworks', 'Galaxy', 'Lion']);
});

test('a gift leaves the wallet, and the answer and every watcher show the same event', async ({
  server,
  db,
  funded,
  live,
}) => {
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await feed.until(({ liveEvents }) => liveEvents.node.__typename === 'StreamStarted');
  const before = await coinsOf(funded);
  const sent = succeed(await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 3 }));
  expect(sent).toMatchObject({
    giftSent: {
      type: 'GIFT_SENT',
      seq: 2,
      sender: { id: funded.id, handle: funded.handle },
      gift: { name: 'Ice Cream', coins: 10 },
      quantity: 3,
      coins: 30,
      streak: 3,
    },
    wallet: { coins: before - 30 },
    replayed: false,
  });
  expect(Math.abs(Date.parse(sent.giftSent.occurredAt) - Date.now())).toBeLessThan(60_000);
  expect((await feed.next()).liveEvents.node).toEqual(sent.giftSent);
  expect((await readLog(server.http(), live.streamId)).at(-1)!.node).toEqual(sent.giftSent);
  expect(await coinsOf(funded)).toBe(before - 30);
  await expectBooksBalanced(db.pool);
});

test('the quantity is 1 if it is not said, and 1000 at the most', async ({ db, funded, live }) => {
  const input = { streamId: live.streamId, giftId: await giftId(funded.api, 'Rose') };
  const one = await mutate(funded.api, 'sendGift', { ...input, idempotencyKey: 'one' });
  expect(one).toMatchObject({ giftSent: { quantity: 1, coins: 1 } });
  const many = await mutate(funded.api, 'sendGift', { ...input, quantity: 1000, idempotencyKey: 'many' });
  expect(many).toMatchObject({ giftSent: { quantity: 1000, coins: 1000 } });
  const more = await mutate(funded.api, 'sendGift', { ...input, quantity: 1001, idempotencyKey: 'more' });
  expect(more).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: 'input.quantity' }] });
  await expectBooksBalanced(db.pool);
});

test('a wallet can be emptied to the last coin, and not further', async ({ db, viewer, live }) => {
  await buyCoins(viewer, { coins: 70 });
  const all = succeed(await sendGift(viewer, live.streamId, { gift: 'Rose', quantity: 70 }));
  expect(all.wallet.coins).toBe(0);
  const refused = await expectNothingWritten(db.pool, () => sendGift(viewer, live.streamId, { gift: 'Heart' }));
  expect(refused).toMatchObject({
    __typename: 'InsufficientCoinsError',
    code: 'INSUFFICIENT_COINS',
    required: 50,
    available: 0,
  });
  await expectBooksBalanced(db.pool);
});

test('a refused key is not used up: after a top-up it sends the gift', async ({ db, viewer, live }) => {
  await buyCoins(viewer, { coins: 70 });
  const order = { gift: 'Fireworks', idempotencyKey: 'once' };
  const refused = await expectNothingWritten(db.pool, () => sendGift(viewer, live.streamId, order));
  expect(refused).toMatchObject({ __typename: 'InsufficientCoinsError', required: 200, available: 70 });
  await buyCoins(viewer, { coins: 350 });
  const sent = await sendGift(viewer, live.streamId, order);
  expect(sent).toMatchObject({ __typename: 'SendGiftSuccess', replayed: false, wallet: { coins: 70 + 350 - 200 } });
  await expectBooksBalanced(db.pool);
});

test('the same key again sends nothing, and answers with the gift that was sent', async ({ db, funded, live }) => {
  const order = { gift: 'Rose', quantity: 2, idempotencyKey: 'once' };
  const sent = succeed(await sendGift(funded, live.streamId, order));
  const again = await expectNothingWritten(db.pool, () => sendGift(funded, live.streamId, order));
  expect(again).toEqual({ ...sent, replayed: true });
});

test('a replay shows the wallet of now, and works after the stream has ended and the gift is retired', async ({
  db,
  funded,
  live,
}) => {
  const rose = await giftId(funded.api, 'Rose');
  const order = { giftId: rose, idempotencyKey: 'once' };
  const sent = succeed(await sendGift(funded, live.streamId, order));
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  await endStream(live.creator, live.streamId);
  const again = succeed(await retired(db.pool, rose, () => sendGift(funded, live.streamId, order)));
  expect(again).toEqual({ ...sent, replayed: true, wallet: { coins: sent.wallet.coins - 50 } });
});

test('the same key with another quantity, gift or stream is a conflict, and nothing is written', async ({
  server,
  db,
  funded,
  live,
}) => {
  const order = { gift: 'Rose', quantity: 2, idempotencyKey: 'once' };
  await sendGift(funded, live.streamId, order);
  const elsewhere = (await startStream(await signIn(server))).id;
  await expectNothingWritten(db.pool, async () => {
    const outcomes = [
      await sendGift(funded, live.streamId, { ...order, quantity: 3 }),
      await sendGift(funded, live.streamId, { ...order, gift: 'Heart' }),
      await sendGift(funded, live.streamId, { ...order, gift: 'Lion', quantity: 1000 }),
      await sendGift(funded, elsewhere, order),
    ];
    expect(tally(outcomes)).toEqual({ IdempotencyConflictError: 4 });
    expect(outcomes[0]).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });
});

test('a key belongs to its viewer: two people may use the same', async ({ server, db, funded, live }) => {
  const other = await signIn(server);
  await buyCoins(other);
  const sent = await Promise.all(
    [funded, other].map((viewer) => sendGift(viewer, live.streamId, { idempotencyKey: 'mine' })),
  );
  expect(sent.map((outcome) => succeed(outcome).replayed)).toEqual([false, false]);
  await expectBooksBalanced(db.pool);
});

test('an ended stream takes no gifts', async ({ db, funded, live }) => {
  await endStream(live.creator, live.streamId);
  const outcome = await expectNothingWritten(db.pool, () => sendGift(funded, live.streamId));
  expect(outcome).toMatchObject({ __typename: 'StreamNotLiveError', code: 'STREAM_NOT_LIVE' });
});

test('a stream that does not exist is not found', async ({ db, funded }) => {
  await expectNothingWritten(db.pool, async () => {
    for (const [what, id] of wrongIds('LiveStream')) {
      const missing = { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such stream.' };
      expect(await sendGift(funded, id), what).toMatchObject(missing);
    }
  });
});

test('a gift that does not exist, or is retired, is not found', async ({ db, funded, live }) => {
  const missing = { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such gift.' };
  const rose = await giftId(funded.api, 'Rose');
  await expectNothingWritten(db.pool, async () => {
    for (const [what, id] of wrongIds('Gift')) {
      expect(await sendGift(funded, live.streamId, { giftId: id }), what).toMatchObject(missing);
    }
    const refused = await retired(db.pool, rose, () => sendGift(funded, live.streamId, { giftId: rose }));
    expect(refused).toMatchObject(missing);
  });
});

test('nobody sends a gift without signing in', async ({ server, db, live }) => {
  const input = { streamId: live.streamId, giftId: await giftId(server.http(), 'Rose'), idempotencyKey: 'once' };
  const outcome = await expectNothingWritten(db.pool, () => mutate(server.http(), 'sendGift', input));
  expect(outcome).toMatchObject({ __typename: 'NotSignedInError', code: 'NOT_SIGNED_IN' });
});
