/** What those who watch see of purchases: in true order with the gifts, and nobody by name unless they agreed. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { endStream, type LiveEventEdge, readLog, sendGift, succeed } from '../support/operations.ts';
import { type BuyNowSuccess, buyNow, openCounter } from '../support/orders.ts';
import { addAddress } from '../support/shop.ts';
import { countSql } from '../support/sql-count.ts';
import { readEvents } from './support/log.ts';
import { callInOneBatch } from './support/one-batch.ts';
import { crowd, openOffer, stockOf } from './support/orders.ts';
import { test } from './support/shared-server.ts';
import { pinProduct } from './support/shop.ts';

type News = { liveEvents: LiveEventEdge };
const typesOf = (events: { __typename: string }[]) => events.map(({ __typename }) => __typename);

test('an offer sells out: its stock, the purchases and its end, in order with a gift', async ({
  db,
  server,
  funded,
}) => {
  const counter = await openOffer(server, funded, { stock: 9, terms: { quantity: 3, perBuyerLimit: 3 } });
  const { streamId, offer, product } = counter;
  const after = (await readLog(funded.api, streamId)).at(-1)!.cursor;
  const feed = (await server.ws()).subscribe<News>(LIVE_EVENTS, { streamId, after });
  const { order } = succeed(await counter.buy());
  succeed(await sendGift(funded, streamId));
  const last = succeed(await counter.buy({ quantity: 2, showBuyer: true }));
  const news = (await feed.until(({ liveEvents: { node } }) => node.__typename === 'OfferEnded')).map(
    ({ liveEvents }) => liveEvents.node,
  );
  expect(typesOf(news)).toEqual([
    'OfferStockChanged',
    'ProductPurchased',
    'GiftSent',
    'OfferStockChanged',
    'ProductPurchased',
    'OfferEnded',
  ]);
  expect(news.map(({ seq }) => seq)).toEqual([3, 4, 5, 6, 7, 8]);
  expect(news).toMatchObject([
    { offerId: offer.id, remaining: 2 },
    { buyer: null, quantity: 1, product: { id: product.productId, variants: [{ id: product.variantId }] } },
    {},
    { offerId: offer.id, remaining: 0 },
    { buyer: { id: expect.any(String), handle: funded.handle }, quantity: 2 },
    { offerId: offer.id, reason: 'SOLD_OUT' },
  ]);
  expect([order, last.order].map(({ total }) => total.minorUnits)).toEqual([2_000, 4_000]);
  expect(await stockOf(db.pool, product.variantId)).toEqual({ onHand: 6, held: 0 });
  await expectBooksBalanced(db.pool);
});

test('a payment that fails gives the units of the offer back, and says so', async ({ server, viewer }) => {
  const counter = await openOffer(server, viewer);
  expect((await counter.buy({ quantity: 2, paymentToken: 'tok_declined' })).__typename).toBe('PaymentDeclinedError');
  const events = (await readEvents(viewer, counter.streamId)).slice(2);
  expect(events).toMatchObject([
    { __typename: 'OfferStockChanged', remaining: 3 },
    { __typename: 'OfferStockChanged', remaining: 5 },
  ]);
  expect(events).toHaveLength(2);
});

test('a purchase from the product page shows in the stream that it was made in, if that shows the product', async ({
  server,
  viewer,
  live,
}) => {
  const counter = await openCounter(server, viewer);
  succeed(await counter.buy({ streamId: live.streamId, quantity: 3 }));
  succeed(await pinProduct(live.creator, live.streamId, counter.product.productId));
  succeed(await counter.buy({ streamId: live.streamId, quantity: 4 }));
  succeed(await counter.buy());
  const events = (await readEvents(viewer, live.streamId)).slice(2);
  expect(events).toMatchObject([{ __typename: 'ProductPurchased', quantity: 4, buyer: null }]);
  expect(events).toHaveLength(1);
});

test("a purchase from an offer shows in the offer's stream, whatever stream is named", async ({
  server,
  viewer,
  live,
}) => {
  const counter = await openOffer(server, viewer);
  succeed(await counter.buy({ streamId: live.streamId }));
  expect(typesOf((await readEvents(viewer, live.streamId)).slice(1))).toEqual([]);
  expect(typesOf((await readEvents(viewer, counter.streamId)).slice(2))).toEqual([
    'OfferStockChanged',
    'ProductPurchased',
  ]);
});

test('what is paid behind the end of the stream is bought, and leaves nothing in its log', async ({
  db,
  server,
  viewer,
}) => {
  const counter = await openOffer(server, viewer);
  const call = { idempotencyKey: 'late', paymentToken: 'tok_timeout' };
  expect((await counter.buy(call)).__typename).toBe('PaymentPendingError');
  succeed(await endStream(counter.creator, counter.streamId));
  const { order } = succeed(await counter.buy(call));
  expect(order.state).toBe('PAID');
  const page = { offerId: undefined, variantId: counter.product.variantId, expectedUnitPriceMinor: 2_500 };
  succeed(await counter.buy({ ...page, streamId: counter.streamId }));
  const types = typesOf(await readEvents(viewer, counter.streamId));
  expect(types.at(-1)).toBe('StreamEnded');
  expect(types).not.toContain('ProductPurchased');
  await expectBooksBalanced(db.pool);
});

test('a batch costs the same number of SQL statements, however many purchases are in it', async ({
  db,
  server,
  viewer,
}) => {
  const counter = await openOffer(server, viewer, { stock: 100, terms: { quantity: 90, perBuyerLimit: 90 } });
  const socket = await server.ws({ token: viewer.token });
  const input = () => ({
    offerId: counter.offer.id,
    streamId: counter.streamId,
    addressId: counter.addressId,
    expectedUnitPriceMinor: 2_000,
    paymentToken: 'tok_ok',
    idempotencyKey: randomUUID(),
  });
  const batchOf = async (size: number) => {
    const { statements, result } = await countSql(server.app, () =>
      callInOneBatch<BuyNowSuccess>(db.pool, socket, 'buyNow', input(), Array.from({ length: size }, input)),
    );
    for (const outcome of result.outcomes) succeed(outcome);
    // Holds of a batch are one transaction; what is read of an order for the answer is not the batch's.
    return statements.filter((sql) =>
      /\/\* orders\.(lockStock|insertHeld|moveStock|drawIds|variantsForSale) \*\//.test(sql),
    );
  };
  await batchOf(1);
  const one = await batchOf(1);
  expect(one.length).toBeGreaterThan(5);
  expect(await batchOf(20)).toHaveLength(one.length);
});

test('what many buy of an offer at once is one event of its stock a batch, and one purchase each', async ({
  server,
  viewer,
}) => {
  const calls = await crowd(server, 30, async (buyer) => ({ buyer, addressId: await addAddress(buyer) }));
  const counter = await openOffer(server, viewer, { stock: 50, terms: { quantity: 40, perBuyerLimit: 1 } });
  const offer = { offerId: counter.offer.id, expectedUnitPriceMinor: 2_000 };
  const outcomes = await Promise.all(calls.map(({ buyer, addressId }) => buyNow(buyer, { ...offer, addressId })));
  for (const outcome of outcomes) succeed(outcome);
  const events = (await readEvents(viewer, counter.streamId)).slice(2);
  expect(events.filter(({ __typename }) => __typename === 'ProductPurchased')).toHaveLength(30);
  const left = events.flatMap((event) => (event.__typename === 'OfferStockChanged' ? [Number(event.remaining)] : []));
  expect(left.at(-1)).toBe(10);
  expect(left).toEqual([...left].sort((one, other) => other - one));
  expect(left.length).toBeLessThanOrEqual(30);
});
