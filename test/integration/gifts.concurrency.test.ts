/** Many gifts at once: the wallet, the keys and the log hold. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { buyCoins, giftId, query, readLog, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { sendInOneBatch } from './support/one-batch.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { QUIET, test } from './support/shared-server.ts';

test('of 100 gifts at once on a wallet that covers 10, exactly 10 succeed', async ({ db, viewer, live }) => {
  await buyCoins(viewer, { coins: 70 });
  const rose = await giftId(viewer.api, 'Rose');
  const outcomes = await atOnce(100, () => sendGift(viewer, live.streamId, { giftId: rose, quantity: 7 }));
  expect(tally(outcomes)).toEqual({ SendGiftSuccess: 10, InsufficientCoinsError: 90 });
  const refused = outcomes.filter((outcome) => outcome.__typename === 'InsufficientCoinsError');
  expect(refused.every((outcome) => 'required' in outcome && outcome.required === 7)).toBe(true);
  expect(refused.every((outcome) => 'available' in outcome && Number(outcome.available) < 7)).toBe(true);
  const log = await readLog(viewer.api, live.streamId);
  expect(log.filter(({ node }) => node.__typename === 'GiftSent')).toHaveLength(10);
  const { me } = await query<{ me: { wallet: { coins: number } } }>(viewer.api, '{ me { wallet { coins } } }');
  expect(me.wallet.coins).toBe(0);
  await expectBooksBalanced(db.pool);
});

test('50 sends at once with one key are one gift, one event, one answer', async ({ db, funded, live }) => {
  const order = { giftId: await giftId(funded.api, 'Rose'), quantity: 3, idempotencyKey: 'once' };
  const outcomes = await atOnce(50, () => sendGift(funded, live.streamId, order));
  const sent = outcomes.map(succeed);
  expect(new Set(sent.map(({ giftSent }) => giftSent.seq))).toEqual(new Set([2]));
  expect(new Set(sent.map(({ giftSent }) => JSON.stringify(giftSent))).size).toBe(1);
  expect(sent.filter(({ replayed }) => !replayed)).toHaveLength(1);
  const log = await readLog(funded.api, live.streamId);
  expect(log.map(({ node }) => node.__typename)).toEqual(['StreamStarted', 'GiftSent']);
  await expectBooksBalanced(db.pool);
});

test('50 sends at once with one key and two inputs: one input wins, the other is a conflict', async ({
  db,
  funded,
  live,
}) => {
  const order = { giftId: await giftId(funded.api, 'Rose'), idempotencyKey: 'once' };
  const outcomes = await atOnce(50, (index) =>
    sendGift(funded, live.streamId, { ...order, quantity: 1 + (index % 2) }),
  );
  expect(tally(outcomes)).toEqual({ SendGiftSuccess: 25, IdempotencyConflictError: 25 });
  const sent = successes(outcomes);
  expect(sent.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(new Set(sent.map(({ giftSent }) => giftSent.quantity)).size).toBe(1);
  expect(await readLog(funded.api, live.streamId)).toHaveLength(2);
  await expectBooksBalanced(db.pool);
});

test('one key sent to two servers at once is one gift', async ({ db, server, funded, live }) => {
  const second = await startServer({ ...QUIET, databaseUrl: db.url });
  try {
    const order = { giftId: await giftId(funded.api, 'Rose'), idempotencyKey: 'once' };
    const there = { ...funded, api: second.http(funded.token) };
    const outcomes = await atOnce(50, (index) => sendGift(index % 2 ? there : funded, live.streamId, order));
    const sent = outcomes.map(succeed);
    expect(sent.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await readLog(server.http(), live.streamId)).toHaveLength(2);
    await expectBooksBalanced(db.pool);
  } finally {
    await second.close();
  }
});

test('two servers that spend one wallet at once do not overspend it', async ({ db, viewer, live }) => {
  const second = await startServer({ ...QUIET, databaseUrl: db.url });
  try {
    await buyCoins(viewer, { coins: 70 });
    const rose = await giftId(viewer.api, 'Rose');
    const there = { ...viewer, api: second.http(viewer.token) };
    const outcomes = await atOnce(40, (index) =>
      sendGift(index % 2 ? there : viewer, live.streamId, { giftId: rose, quantity: 7 }),
    );
    expect(tally(outcomes)).toEqual({ SendGiftSuccess: 10, InsufficientCoinsError: 30 });
    await expectBooksBalanced(db.pool);
  } finally {
    await second.close();
  }
});

test('in one batch, a refused large gift does not stop the small one behind it', async ({
  db,
  server,
  viewer,
  live,
}) => {
  await buyCoins(viewer, { coins: 70 });
  const gift = async (name: string) => ({ streamId: live.streamId, giftId: await giftId(viewer.api, name) });
  const [rose, heart, iceCream] = [await gift('Rose'), await gift('Heart'), await gift('Ice Cream')];
  const socket = await server.ws({ token: viewer.token });
  const { outcomes } = await sendInOneBatch(db.pool, socket, { ...rose, idempotencyKey: 'opener' }, [
    { ...iceCream, idempotencyKey: 'small' },
    { ...heart, quantity: 2, idempotencyKey: 'large' },
    { ...heart, quantity: 1, idempotencyKey: 'rest' },
    { ...iceCream, idempotencyKey: 'too much' },
    { ...rose, quantity: 9, idempotencyKey: 'last' },
  ]);
  expect(outcomes).toMatchObject([
    { __typename: 'SendGiftSuccess' },
    { __typename: 'InsufficientCoinsError', required: 100, available: 59 },
    { __typename: 'SendGiftSuccess' },
    { __typename: 'InsufficientCoinsError', required: 10, available: 9 },
    { __typename: 'SendGiftSuccess', wallet: { coins: 0 } },
  ]);
  // One batch has one time: they were judged together.
  expect(new Set(successes(outcomes).map(({ giftSent }) => giftSent.occurredAt)).size).toBe(1);
  await expectBooksBalanced(db.pool);
});

test('in one batch, each gift has its own outcome', async ({ db, server, funded, live }) => {
  const giftIds = { rose: await giftId(funded.api, 'Rose'), lion: await giftId(funded.api, 'Lion') };
  const { streamId } = live;
  const rose = { streamId, giftId: giftIds.rose };
  await sendGift(funded, streamId, { giftId: giftIds.rose, idempotencyKey: 'known' });
  const socket = await server.ws({ token: funded.token });
  const { outcomes } = await sendInOneBatch(db.pool, socket, { ...rose, idempotencyKey: 'opener' }, [
    { ...rose, idempotencyKey: 'known' },
    { ...rose, quantity: 2, idempotencyKey: 'known, too' },
    { streamId, giftId: giftIds.lion, quantity: 1000, idempotencyKey: 'dear' },
    { ...rose, quantity: 5, idempotencyKey: 'opener' },
    { ...rose, giftId: Buffer.from('Gift:999').toString('base64'), idempotencyKey: 'unknown gift' },
    { ...rose, streamId: Buffer.from('LiveStream:999').toString('base64'), idempotencyKey: 'unknown stream' },
    { ...rose, idempotencyKey: 'fine' },
  ]);
  expect(outcomes.map(({ __typename }) => __typename)).toEqual([
    'SendGiftSuccess',
    'SendGiftSuccess',
    'InsufficientCoinsError',
    'IdempotencyConflictError',
    'NotFoundError',
    'NotFoundError',
    'SendGiftSuccess',
  ]);
  expect(outcomes.map((outcome) => ('replayed' in outcome ? outcome.replayed : undefined))).toEqual([
    true,
    false,
    ...[undefined, undefined, undefined, undefined],
    false,
  ]);
  await expectBooksBalanced(db.pool);
});

test('many viewers and streams at once: every gift is paid, and every log is whole', async ({ db, server }) => {
  const viewers = await atOnce(8, () => signIn(server));
  await Promise.all(viewers.map((viewer) => buyCoins(viewer, { coins: 350 })));
  const streams = await atOnce(4, async () => (await startStream(await signIn(server))).id);
  const gifts = [await giftId(server.http(), 'Rose'), await giftId(server.http(), 'Ice Cream')];
  const outcomes = await atOnce(160, (index) =>
    sendGift(viewers[index % 8]!, streams[Math.floor(index / 8) % 4]!, {
      giftId: gifts[index % 3 === 0 ? 1 : 0]!,
      quantity: 1 + (index % 3),
    }),
  );
  expect(tally(outcomes)).toEqual({ SendGiftSuccess: 160 });
  for (const stream of streams) {
    const log = await readLog(server.http(), stream);
    expect(log.map(({ node }) => node.seq)).toEqual(log.map((_, index) => index + 1));
    expect(log.filter(({ node }) => node.__typename === 'GiftSent')).toHaveLength(40);
  }
  await expectBooksBalanced(db.pool);
});
