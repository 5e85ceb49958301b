/** Buying in one call: everything happens, or nothing does, once per key. */
import { describe, expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, signIn, succeed } from '../support/operations.ts';
import { bought, buyNow, openCounter, orderOf } from '../support/orders.ts';
import { startServer } from '../support/server.ts';
import { addAddress, availableOf, makeProduct, makeShop } from '../support/shop.ts';
import { chargesOf, stockOf } from './support/orders.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { QUIET, test } from './support/shared-server.ts';

test('a product is bought from its page: charged, sold, and its money in escrow', async ({ db, server, viewer }) => {
  const counter = await openCounter(server, viewer, { stock: 5 });
  const { order, orders, replayed } = succeed(await counter.buy({ quantity: 2 }));
  expect(replayed).toBe(false);
  expect(orders).toHaveLength(1);
  expect(order).toMatchObject({
    number: expect.stringMatching(/^HD(-[0-9A-HJKMNP-TV-Z]{4}){4}$/),
    state: 'PAID',
    total: { minorUnits: 5_000, currency: 'USD' },
    lines: [{ quantity: 2, unitPrice: { minorUnits: 2_500 } }],
    transfers: [{ kind: 'ORDER_PAID', amount: { minorUnits: 5_000, currency: 'USD' } }],
    address: { city: 'Dubai', country: 'AE' },
  });
  expect(order.timeline.map(({ state }) => state)).toEqual(['PENDING_PAYMENT', 'PAID']);
  expect(await availableOf(viewer, counter.product.variantId)).toBe(3);
  expect(await chargesOf(db.pool, [viewer])).toEqual({ SUCCEEDED: 1 });
  await expectBooksBalanced(db.pool);
});

describe('one key is one purchase', () => {
  test('the same key again buys nothing more, and says so', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const order = await bought(counter, { idempotencyKey: 'once' });
    const again = succeed(await counter.buy({ idempotencyKey: 'once' }));
    expect(again).toMatchObject({ replayed: true, order: { id: order.id } });
    expect(await availableOf(viewer, counter.product.variantId)).toBe(9);
    expect((await orderOf(viewer, order.id))?.state).toBe('PAID');
  });

  test('a repeat is answered though the price has changed and all is sold out since', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer, { stock: 1 });
    const order = await bought(counter, { idempotencyKey: 'once' });
    expect(await counter.buy({ idempotencyKey: 'once' })).toMatchObject({ replayed: true, order: { id: order.id } });
    expect(await counter.buy()).toMatchObject({ __typename: 'SoldOutError' });
  });

  test('fifty at once with one key', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const outcomes = await atOnce(50, () => counter.buy({ idempotencyKey: 'once' }));
    expect(tally(outcomes)).toEqual({ BuyNowSuccess: 50 });
    expect(new Set(successes(outcomes).map(({ order }) => order.id)).size).toBe(1);
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 9, held: 0 });
    expect(await chargesOf(db.pool, [viewer])).toEqual({ SUCCEEDED: 1 });
  });

  test('from two servers at once', async ({ db, server, viewer }) => {
    const second = await startServer({ databaseUrl: db.url, ...QUIET });
    try {
      const counter = await openCounter(server, viewer);
      const call = {
        variantId: counter.product.variantId,
        expectedUnitPriceMinor: 2_500,
        addressId: counter.addressId,
      };
      const there: Actor = { ...viewer, api: second.http(viewer.token) };
      const outcomes = await atOnce(20, (index) =>
        buyNow(index % 2 ? there : viewer, { ...call, idempotencyKey: `key ${Math.floor(index / 4)}` }),
      );
      expect(tally(outcomes)).toEqual({ BuyNowSuccess: 20 });
      expect(new Set(successes(outcomes).map(({ order }) => order.id)).size).toBe(5);
      expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(5);
      expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 5, held: 0 });
      expect(await chargesOf(db.pool, [viewer])).toEqual({ SUCCEEDED: 5 });
    } finally {
      await second.close();
    }
  });

  test('two inputs under one key at once: one is bought, the other conflicts', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const outcomes = await atOnce(10, (index) => counter.buy({ quantity: 1 + (index % 2), idempotencyKey: 'mixed' }));
    expect(tally(outcomes)).toEqual({ BuyNowSuccess: 5, IdempotencyConflictError: 5 });
    expect(await chargesOf(db.pool, [viewer])).toEqual({ SUCCEEDED: 1 });
  });

  test('two buyers may use the same key', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const other = await signIn(server);
    const call = { ...{ variantId: counter.product.variantId, expectedUnitPriceMinor: 2_500 }, idempotencyKey: 'mine' };
    const [mine, theirs] = await Promise.all([
      buyNow(viewer, { ...call, addressId: counter.addressId }),
      buyNow(other, { ...call, addressId: await addAddress(other) }),
    ]);
    expect(succeed(mine).replayed || succeed(theirs).replayed).toBe(false);
    expect(succeed(mine).order.id).not.toBe(succeed(theirs).order.id);
  });
});

describe('several lines', () => {
  test('of two merchants: an order each, one charge, all or nothing', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const more = await makeProduct(await makeShop(server), { priceMinor: 700 });
    const moreLines = [
      { variantId: more.variantId, quantity: 3, expectedUnitPriceMinor: 700 },
      { variantId: counter.product.variantId, quantity: 1, expectedUnitPriceMinor: 2_500 },
    ];
    const { order, orders } = succeed(await counter.buy({ moreLines, idempotencyKey: 'basket' }));
    expect(order.id).toBe(orders[0]!.id);
    expect(orders.map(({ state, total, lines }) => [state, total.minorUnits, lines.length])).toEqual([
      ['PAID', 5_000, 2],
      ['PAID', 2_100, 1],
    ]);
    expect(new Set(orders.map(({ merchant }) => merchant.id)).size).toBe(2);
    const { rows } = await db.pool.query(
      `SELECT s.amount_minor::int AS amount FROM sandbox_charge s JOIN checkout c ON s.idempotency_key = 'checkout:' || c.id
        WHERE c.buyer_id = (SELECT buyer_id FROM shop_order WHERE number = $1)`,
      [order.number],
    );
    expect(rows).toEqual([{ amount: 7_100 }]);
    const again = succeed(await counter.buy({ moreLines, idempotencyKey: 'basket' }));
    expect(again.orders.map(({ id }) => id)).toEqual(orders.map(({ id }) => id));
    await expectBooksBalanced(db.pool);
  });

  test('of one stock do not oversell it', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { stock: 5 });
    const line = { variantId: counter.product.variantId, quantity: 3, expectedUnitPriceMinor: 2_500 };
    expect(await counter.buy({ quantity: 3, moreLines: [line] })).toMatchObject({
      __typename: 'SoldOutError',
      remaining: 2,
    });
    succeed(await counter.buy({ quantity: 3, moreLines: [{ ...line, quantity: 2 }] }));
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 0, held: 0 });
  });
});

describe('kinds of products', () => {
  test('a download is delivered with the payment, and only then', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const pending = await counter.buy({ addressId: undefined, paymentToken: 'tok_unreachable' });
    expect(pending.__typename).toBe('PaymentPendingError');
    const document = '{ me { orders(first: 1) { edges { node { state lines { downloadUrl deliveredAt } } } } } }';
    const { data } = await viewer.api.request(document);
    expect(data).toEqual({
      me: {
        orders: { edges: [{ node: { state: 'PENDING_PAYMENT', lines: [{ downloadUrl: null, deliveredAt: null }] } }] },
      },
    });
    const order = await bought(counter, { addressId: undefined });
    expect(order).toMatchObject({
      state: 'DELIVERED',
      address: null,
      lines: [{ downloadUrl: 'https://downloads.example/file.zip', deliveredAt: expect.any(String) }],
      releaseAt: expect.any(String),
    });
    expect(order.timeline.map(({ state, actor }) => [state, actor])).toEqual([
      ['PENDING_PAYMENT', 'BUYER'],
      ['PAID', 'PROVIDER'],
      ['DELIVERED', 'SYSTEM'],
    ]);
  });

  test('a service comes as vouchers, one a unit, without an address', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'SERVICE' });
    const order = await bought(counter, { quantity: 3, addressId: undefined });
    expect(order).toMatchObject({ state: 'PAID', address: null });
    const { rows } = await db.pool.query(
      `SELECT v.state, count(*)::int FROM voucher v JOIN order_line l ON l.id = v.line_id JOIN shop_order o ON o.id = l.order_id
        WHERE o.number = $1 GROUP BY 1`,
      [order.number],
    );
    expect(rows).toEqual([{ state: 'ISSUED', count: 3 }]);
  });

  test('food comes by courier, and parcels by parcel, in one order', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'FOOD' });
    const candle = await makeProduct(counter.shop);
    const moreLines = [{ variantId: candle.variantId, expectedUnitPriceMinor: 2_500 }];
    const order = await bought(counter, { moreLines });
    const { rows } = await db.pool.query(
      `SELECT s.method, s.state FROM shipment s JOIN shop_order o ON o.id = s.order_id WHERE o.number = $1 ORDER BY 1`,
      [order.number],
    );
    expect(rows).toEqual([
      { method: 'COURIER', state: 'PENDING' },
      { method: 'PARCEL', state: 'PENDING' },
    ]);
  });

  test('a download and a parcel: delivered is only the download', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const file = await makeProduct(counter.shop, { kind: 'DIGITAL' });
    const moreLines = [{ variantId: file.variantId, expectedUnitPriceMinor: 2_500 }];
    const order = await bought(counter, { moreLines });
    expect(order.state).toBe('PAID');
    expect(order.lines.map(({ deliveredAt }) => deliveredAt !== null)).toEqual([false, true]);
  });
});
