/** Streaks that gifts and the stream's end close. Their window does not pass here: see gifts.streak-window.test.ts. */
import { expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  buyCoins,
  endStream,
  giftId,
  type LiveEventEdge,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { readEvents, streakLines, sumOf } from './support/log.ts';
import { sendInOneBatch } from './support/one-batch.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

/** Reads one viewer's lines in order: each streak runs up, then ends with its own number, and only then the next begins. */
function expectEachStreakEndsOnce(lines: readonly string[]): void {
  let open: { gift: string; count: number } | undefined;
  for (const line of lines) {
    const [, gift, quantity, count] = /^(.+) x(\d+) streak (\d+)$/.exec(line) ?? [];
    if (gift) {
      expect(Number(count), line).toBe((open?.count ?? 0) + Number(quantity));
      expect(open?.gift ?? gift, line).toBe(gift);
      open = { gift, count: Number(count) };
    } else if (line !== 'stream ended') {
      expect(line).toContain(`${open?.gift} ended total ${open?.count} `);
      open = undefined;
    }
  }
  expect(open).toBeUndefined();
}

test('consecutive gifts of one kind count up, by their quantities', async ({ funded, live }) => {
  const streaks: unknown[] = [];
  for (const quantity of [1, 1, 5, 2]) {
    streaks.push(succeed(await sendGift(funded, live.streamId, { quantity })).giftSent.streak);
  }
  expect(streaks).toEqual([1, 2, 7, 9]);
});

test('another gift ends the streak directly before the gift that broke it', async ({ funded, live }) => {
  for (const [gift, quantity] of [
    ['Rose', 2],
    ['Rose', 3],
    ['Heart', 1],
    ['Rose', 1],
  ] as const) {
    await sendGift(funded, live.streamId, { gift, quantity });
  }
  const events = await readEvents(funded, live.streamId);
  expect(streakLines(events)).toEqual([
    'Rose x2 streak 2',
    'Rose x3 streak 5',
    'Rose ended total 5 coins 5',
    'Heart x1 streak 1',
    'Heart ended total 1 coins 50',
    'Rose x1 streak 1',
  ]);
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  const ended = events.find((event) => event.__typename === 'StreakEnded');
  expect(ended).toMatchObject({ sender: { id: funded.id }, gift: { name: 'Rose', coins: 1 }, type: 'STREAK_ENDED' });
});

test('a replayed gift and a refused gift neither count nor break a streak', async ({ funded, live }) => {
  await sendGift(funded, live.streamId, { gift: 'Rose', idempotencyKey: 'one' });
  await sendGift(funded, live.streamId, { gift: 'Rose', idempotencyKey: 'one' });
  const refused = await sendGift(funded, live.streamId, { gift: 'Lion', quantity: 1000 });
  expect(refused.__typename).toBe('InsufficientCoinsError');
  const sent = succeed(await sendGift(funded, live.streamId, { gift: 'Rose', idempotencyKey: 'two' }));
  expect(sent.giftSent.streak).toBe(2);
});

test('the streaks of two viewers, and of one viewer in two streams, do not mix', async ({ server, funded, live }) => {
  const other = await signIn(server);
  await buyCoins(other, { coins: 70 });
  const elsewhere = (await startStream(await signIn(server))).id;
  await sendGift(funded, live.streamId, { gift: 'Rose' });
  await sendGift(other, live.streamId, { gift: 'Rose' });
  await sendGift(other, live.streamId, { gift: 'Ice Cream' });
  await sendGift(funded, elsewhere, { gift: 'Heart' });
  await sendGift(funded, live.streamId, { gift: 'Rose' });
  const here = await readEvents(funded, live.streamId);
  expect(streakLines(here, funded)).toEqual(['Rose x1 streak 1', 'Rose x1 streak 2']);
  expect(streakLines(here, other)).toEqual(['Rose x1 streak 1', 'Rose ended total 1 coins 1', 'Ice Cream x1 streak 1']);
  expect(streakLines(await readEvents(funded, elsewhere))).toEqual(['Heart x1 streak 1']);
});

test("the stream's end closes every open streak before StreamEnded, and watchers see it", async ({
  server,
  funded,
  live,
}) => {
  const other = await signIn(server);
  await buyCoins(other, { coins: 70 });
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await sendGift(funded, live.streamId, { gift: 'Heart', quantity: 2 });
  await sendGift(other, live.streamId, { gift: 'Rose', quantity: 4 });
  await endStream(live.creator, live.streamId);
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.__typename === 'StreamEnded');
  const events = seen.map(({ liveEvents }) => liveEvents.node);
  expect(streakLines(events)).toEqual([
    'Heart x2 streak 2',
    'Rose x4 streak 4',
    'Heart ended total 2 coins 100',
    'Rose ended total 4 coins 4',
    'stream ended',
  ]);
  expect(events).toEqual(await readEvents(funded, live.streamId));
});

test('kinds that take turns in one batch end each streak once, and the next batch goes on with the open one', async ({
  db,
  server,
  funded,
  live,
}) => {
  const { streamId } = live;
  const rose = await giftId(funded.api, 'Rose');
  const iceCream = await giftId(funded.api, 'Ice Cream');
  const order = [rose, rose, iceCream, rose, iceCream, iceCream];
  const socket = await server.ws({ token: funded.token });
  await sendInOneBatch(
    db.pool,
    socket,
    { streamId, giftId: rose, idempotencyKey: 'opener' },
    order.map((gift, index) => ({ streamId, giftId: gift, quantity: index + 1, idempotencyKey: `no ${index}` })),
  );
  await sendGift(funded, streamId, { giftId: iceCream });
  await sendGift(funded, streamId, { giftId: rose });
  expect(streakLines(await readEvents(funded, streamId))).toEqual([
    'Rose x1 streak 1',
    'Rose x1 streak 2',
    'Rose x2 streak 4',
    'Rose ended total 4 coins 4',
    'Ice Cream x3 streak 3',
    'Ice Cream ended total 3 coins 30',
    'Rose x4 streak 4',
    'Rose ended total 4 coins 4',
    'Ice Cream x5 streak 5',
    'Ice Cream x6 streak 11',
    'Ice Cream x1 streak 12',
    'Ice Cream ended total 12 coins 120',
    'Rose x1 streak 1',
  ]);
  await expectBooksBalanced(db.pool);
});

test('in one batch, the streaks of one viewer in two streams are kept apart', async ({ db, server, funded, live }) => {
  const elsewhere = (await startStream(await signIn(server))).id;
  const [rose, iceCream] = [await giftId(funded.api, 'Rose'), await giftId(funded.api, 'Ice Cream')];
  const here = { streamId: live.streamId, giftId: rose };
  const there = { streamId: elsewhere, giftId: iceCream };
  const socket = await server.ws({ token: funded.token });
  await sendInOneBatch(db.pool, socket, { ...here, idempotencyKey: 'opener' }, [
    { ...here, quantity: 2, idempotencyKey: 'a' },
    { ...there, idempotencyKey: 'b' },
    { ...here, quantity: 3, idempotencyKey: 'c' },
    { ...there, idempotencyKey: 'd' },
  ]);
  const lines = ['Rose x1 streak 1', 'Rose x2 streak 3', 'Rose x3 streak 6'];
  expect(streakLines(await readEvents(funded, live.streamId))).toEqual(lines);
  expect(streakLines(await readEvents(funded, elsewhere))).toEqual(['Ice Cream x1 streak 1', 'Ice Cream x1 streak 2']);
});

test('however gifts come at once, when the stream has ended the streaks add up to the gifts', async ({
  server,
  db,
  live,
}) => {
  const viewers = await atOnce(4, () => signIn(server));
  await Promise.all(viewers.map((viewer) => buyCoins(viewer, { coins: 3500 })));
  const kinds = await Promise.all(['Rose', 'Ice Cream', 'Heart'].map((name) => giftId(server.http(), name)));
  const outcomes = await atOnce(120, (index) =>
    sendGift(viewers[index % 4]!, live.streamId, {
      giftId: kinds[(index >> 3) % 3]!,
      quantity: 1 + (index % 5),
    }),
  );
  expect(tally(outcomes)).toEqual({ SendGiftSuccess: 120 });
  succeed(await endStream(live.creator, live.streamId));
  const events = await readEvents({ api: server.http() }, live.streamId);
  expect(events.at(-1)!.__typename).toBe('StreamEnded');
  expect(sumOf(events, 'StreakEnded', 'total')).toBe(sumOf(events, 'GiftSent', 'quantity'));
  expect(sumOf(events, 'StreakEnded', 'coins')).toBe(sumOf(events, 'GiftSent', 'coins'));
  for (const viewer of viewers) expectEachStreakEndsOnce(streakLines(events, viewer));
  await expectBooksBalanced(db.pool);
});
