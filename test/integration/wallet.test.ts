/** The wallet as its owner sees it: now, and after every change. */
import { expect } from 'vitest';
import { WALLET_UPDATES } from '../support/documents.ts';
import { buyCoins, giftId, sendGift, signIn, succeed, type Wallet } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET, test } from './support/shared-server.ts';

type Update = { walletUpdates: Wallet };
const coins = (amount: number): Update => ({ walletUpdates: { coins: amount } });

test('the wallet is shown as it is, and after each purchase and gift', async ({ server, viewer, live }) => {
  const wallet = (await server.ws({ token: viewer.token })).subscribe<Update>(WALLET_UPDATES);
  expect(await wallet.next()).toEqual(coins(0));
  await buyCoins(viewer, { coins: 70 });
  expect(await wallet.next()).toEqual(coins(70));
  await sendGift(viewer, live.streamId, { gift: 'Ice Cream', quantity: 2 });
  expect(await wallet.next()).toEqual(coins(50));
});

test('it works over server-sent events too, on several connections at once', async ({ server, viewer }) => {
  const feeds = [1, 2, 3].map(() => server.sse<Update>(WALLET_UPDATES, undefined, viewer.token));
  for (const feed of feeds) expect(await feed.next()).toEqual(coins(0));
  await buyCoins(viewer, { coins: 70 });
  for (const feed of feeds) expect(await feed.next()).toEqual(coins(70));
});

test('what changes nothing is not shown: replays, refusals, and the wallets of others', async ({
  server,
  viewer,
  live,
}) => {
  const other = await signIn(server);
  await buyCoins(viewer, { coins: 70 });
  const order = { gift: 'Rose', idempotencyKey: 'once' };
  await sendGift(viewer, live.streamId, order);
  const wallet = (await server.ws({ token: viewer.token })).subscribe<Update>(WALLET_UPDATES);
  expect(await wallet.next()).toEqual(coins(69));
  await sendGift(viewer, live.streamId, order);
  await sendGift(viewer, live.streamId, { gift: 'Lion' });
  await buyCoins(viewer, { paymentToken: 'tok_declined' });
  await buyCoins(other, { coins: 350 });
  await sendGift(other, live.streamId, { gift: 'Rose' });
  await sendGift(viewer, live.streamId, { gift: 'Heart' });
  expect(await wallet.next()).toEqual(coins(19));
  expect(wallet.received).toHaveLength(2);
});

test('under many changes at once a wallet is never shown as it was before, and ends as it is', async ({
  server,
  viewer,
  live,
}) => {
  await buyCoins(viewer, { coins: 70 });
  const wallet = (await server.ws({ token: viewer.token })).subscribe<Update>(WALLET_UPDATES);
  await wallet.next();
  const rose = await giftId(viewer.api, 'Rose');
  await atOnce(70, async () => succeed(await sendGift(viewer, live.streamId, { giftId: rose })));
  await wallet.until(({ walletUpdates }) => walletUpdates.coins === 0);
  const shown = wallet.received.map(({ walletUpdates }) => walletUpdates.coins);
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => b - a));
});

test('a purchase at one server is shown by another on the same Redis', async ({ db, viewer }) => {
  const servers = await Promise.all([1, 2].map(() => startServer({ ...QUIET, databaseUrl: db.url, redis: true })));
  try {
    const wallet = (await servers[0]!.ws({ token: viewer.token })).subscribe<Update>(WALLET_UPDATES);
    expect(await wallet.next()).toEqual(coins(0));
    succeed(await buyCoins({ ...viewer, api: servers[1]!.http(viewer.token) }, { coins: 70 }));
    expect(await wallet.next()).toEqual(coins(70));
  } finally {
    await Promise.all(servers.map((server) => server.close()));
  }
});

test('without a token there is no wallet to watch, and the socket stays up', async ({ server }) => {
  const socket = await server.ws();
  const end = await socket.subscribe(WALLET_UPDATES).untilClosed();
  expect(end).toMatchObject({ code: null, reason: 'error', errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }] });
  expect((await socket.query('{ gifts { name } }')).errors).toBeUndefined();
  const sse = await server.sse(WALLET_UPDATES).untilClosed();
  expect(sse.errors).toMatchObject([{ extensions: { code: 'NOT_SIGNED_IN' } }]);
});
