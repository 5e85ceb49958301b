/** After the sale: cancelling and giving money back, to the cent. */
import { describe, expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { mutate, signIn, succeed } from '../support/operations.ts';
import { afterSale, bought, openCounter, orderOf } from '../support/orders.ts';
import { availableOf, makeProduct } from '../support/shop.ts';
import { globalId, rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { openOffer, stockOf } from './support/orders.ts';
import { test } from './support/shared-server.ts';
import { endOffer } from './support/shop.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const kindsOf = (order: { transfers: { kind: string; amount: { minorUnits: number } }[] } | null) =>
  order?.transfers.map(({ kind, amount }) => [kind, amount.minorUnits]);

describe('cancelling', () => {
  test('by the buyer: stock and money go back in full, once', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { id } = await bought(counter, { quantity: 2 });
    const first = succeed(await afterSale.cancel(viewer, id, 'Too slow.'));
    expect(first).toMatchObject({ replayed: false, order: { state: 'CANCELLED', refunded: { minorUnits: 5_000 } } });
    const again = await expectNothingWritten(db.pool, () => afterSale.cancel(viewer, id));
    expect(again).toMatchObject({ replayed: true, order: { state: 'CANCELLED' } });
    const order = await orderOf(viewer, id);
    expect(kindsOf(order)).toEqual([
      ['ORDER_PAID', 5_000],
      ['ORDER_REFUNDED', 5_000],
      ['REFUND_PAID', 5_000],
    ]);
    expect(order).toMatchObject({ nextStates: [], refunds: [{ state: 'SUCCEEDED', amount: { minorUnits: 5_000 } }] });
    expect(order!.timeline.map(({ state, actor, note }) => [state, actor, note])).toEqual([
      ['PENDING_PAYMENT', 'BUYER', null],
      ['PAID', 'PROVIDER', null],
      ['CANCELLED', 'BUYER', 'Too slow.'],
      ['CANCELLED', 'PROVIDER', 'The refund was paid.'],
    ]);
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 10, held: 0 });
    await expectBooksBalanced(db.pool);
  });

  test('by the merchant, not by outsiders', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { id } = await bought(counter);
    const outsider = await signIn(server);
    const others = [await afterSale.cancel(outsider, id), await afterSale.cancel(outsider, globalId('Order', 999_999))];
    expect(others[0]).toEqual(others[1]);
    expect(others[0]).toMatchObject({ __typename: 'NotFoundError' });
    await expectNothingWritten(db.pool, async () => {
      for (const [what, wrong] of wrongIds('Order')) {
        expect(await afterSale.cancel(viewer, wrong), what).toMatchObject({ __typename: 'NotFoundError' });
      }
    });
    const { order } = succeed(await afterSale.cancel(counter.shop.member, id));
    expect(order.timeline.find(({ state }) => state === 'CANCELLED')).toMatchObject({ actor: 'MERCHANT' });
  });

  test('too late, and too early', async ({ db, server, viewer }) => {
    const digital = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const late = await bought(digital);
    const refused = await expectNothingWritten(db.pool, () => afterSale.cancel(viewer, late.id));
    expect(refused).toMatchObject({ __typename: 'OrderStateError', state: 'DELIVERED' });
    const counter = await openCounter(server, viewer);
    expect((await counter.buy({ paymentToken: 'tok_unreachable' })).__typename).toBe('PaymentPendingError');
    const document = '{ me { orders(first: 1) { edges { node { id state } } } } }';
    type Mine = { me: { orders: { edges: { node: { id: string } }[] } } };
    const { id } = (await viewer.api.request<Mine>(document)).data!.me.orders.edges[0]!.node;
    const early = await expectNothingWritten(db.pool, () => afterSale.cancel(viewer, id));
    expect(early).toMatchObject({ __typename: 'OrderStateError', state: 'PENDING_PAYMENT' });
  });

  test('the units of an offer come back to it while it is open, and to the shop afterwards', async ({
    db,
    server,
    viewer,
  }) => {
    const counter = await openOffer(server, viewer, { stock: 5, terms: { perBuyerLimit: 2 } });
    const { variantId } = counter.product;
    const [one, two] = [await bought(counter), await bought(counter)];
    expect(await counter.buy()).toMatchObject({ __typename: 'PerBuyerLimitError' });
    succeed(await afterSale.cancel(viewer, one.id));
    expect((await readEvents(viewer, counter.streamId)).at(-1)).toMatchObject({
      __typename: 'OfferStockChanged',
      remaining: 4,
    });
    const third = await bought(counter); // What was cancelled does not count for the limit.
    succeed(await endOffer(counter.creator, counter.offer.id));
    for (const { id } of [two, third]) succeed(await afterSale.cancel(viewer, id));
    expect((await readEvents(viewer, counter.streamId)).at(-1)).toMatchObject({ __typename: 'OfferEnded' });
    expect(await availableOf(viewer, variantId)).toBe(5);
    await expectBooksBalanced(db.pool);
  });
});

describe('asking for a refund', () => {
  test('in full, granted: REFUNDED, and nothing goes back to stock by itself', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const { member } = counter.shop;
    const { id } = await bought(counter, { quantity: 2 });
    const asked = succeed(await afterSale.request(viewer, id));
    expect(asked).toMatchObject({ replayed: false, refund: { state: 'REQUESTED', amount: { minorUnits: 5_000 } } });
    expect(asked.order).toMatchObject({ state: 'REFUND_REQUESTED', refunded: { minorUnits: 0 } });
    expect(succeed(await afterSale.request(viewer, id))).toMatchObject({
      replayed: true,
      refund: { id: asked.refund.id },
    });
    expect(await afterSale.approve(viewer, asked.refund.id)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await afterSale.request(member, id)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await afterSale.approve(await signIn(server), asked.refund.id)).toMatchObject({
      __typename: 'NotFoundError',
    });
    expect(succeed(await afterSale.approve(member, asked.refund.id))).toMatchObject({
      replayed: false,
      order: { state: 'REFUNDED', refunded: { minorUnits: 5_000 } },
    });
    const again = await expectNothingWritten(db.pool, () => afterSale.approve(member, asked.refund.id));
    expect(again).toMatchObject({ replayed: true, refund: { state: 'SUCCEEDED' } });
    expect(await afterSale.reject(member, asked.refund.id)).toMatchObject({ __typename: 'OrderStateError' });
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 8, held: 0 });
    await expectBooksBalanced(db.pool);
  });

  test('rejected: the order goes on where it was, and may be asked for again', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { member } = counter.shop;
    const { id } = await bought(counter);
    const { refund } = succeed(await afterSale.request(viewer, id));
    const rejected = succeed(await afterSale.reject(member, refund.id));
    expect(rejected).toMatchObject({ replayed: false, order: { state: 'PAID' }, refund: { state: 'REJECTED' } });
    expect(await expectNothingWritten(db.pool, () => afterSale.reject(member, refund.id))).toMatchObject({
      replayed: true,
    });
    expect(await afterSale.approve(member, refund.id)).toMatchObject({ __typename: 'OrderStateError' });
    expect(succeed(await afterSale.request(viewer, id)).refund.id).not.toBe(refund.id);
    await expectBooksBalanced(db.pool);
  });

  test('per line, with some of it back in stock', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const other = await makeProduct(counter.shop, { priceMinor: 300 });
    const moreLines = [{ variantId: other.variantId, quantity: 4, expectedUnitPriceMinor: 300 }];
    const { id, lines } = await bought(counter, { quantity: 1, moreLines });
    const lineId = lines[1]!.id;
    const { refund } = succeed(await afterSale.request(viewer, id, { lines: [{ lineId, quantity: 3 }] }));
    expect(refund.amount.minorUnits).toBe(900);
    const tooMuch = await afterSale.approve(counter.shop.member, refund.id, { restock: [{ lineId, quantity: 4 }] });
    expect(tooMuch).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: 'input.restock.0' }] });
    const { order } = succeed(
      await afterSale.approve(counter.shop.member, refund.id, { restock: [{ lineId, quantity: 2 }] }),
    );
    expect(order).toMatchObject({ state: 'PAID', refunded: { minorUnits: 900 } });
    expect(order.lines.map(({ refundedQuantity }) => refundedQuantity)).toEqual([0, 3]);
    expect(await stockOf(db.pool, other.variantId)).toEqual({ onHand: 8, held: 0 });
    await expectBooksBalanced(db.pool);
  });
});

describe('a refund', () => {
  test.for([
    [
      'a line that is not of the order',
      (own: string) => [{ lineId: globalId('OrderLine', 999_999), quantity: 1, own }],
    ],
    ['more than was bought', (own: string) => [{ lineId: own, quantity: 3 }]],
    [
      'a line twice',
      (own: string) => [
        { lineId: own, quantity: 1 },
        { lineId: own, quantity: 1 },
      ],
    ],
    ['eleven lines', (own: string) => Array(11).fill({ lineId: own, quantity: 1 })],
    ['no unit', (own: string) => [{ lineId: own, quantity: 0 }]],
  ] as const)('of %s: refused', async ([, linesOf], { db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { id, lines } = await bought(counter, { quantity: 2 });
    const wanted = linesOf(lines[0]!.id).map(({ lineId, quantity }) => ({ lineId, quantity }));
    for (const call of [
      () => afterSale.request(viewer, id, { lines: wanted }),
      () => afterSale.refund(counter.shop.member, id, { lines: wanted }),
    ]) {
      expect(await expectNothingWritten(db.pool, call)).toMatchObject({ __typename: 'InvalidInputError' });
    }
  });
});

describe('refunding without being asked', () => {
  test('in parts, up to the total and not beyond, once per key', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { member } = counter.shop;
    const { id, lines } = await bought(counter, { quantity: 3 });
    const one = [{ lineId: lines[0]!.id, quantity: 1 }];
    const call = { lines: one, idempotencyKey: 'first' };
    const first = succeed(await afterSale.refund(member, id, call));
    expect(first).toMatchObject({
      replayed: false,
      refund: { amount: { minorUnits: 2_500 } },
      order: { state: 'PAID' },
    });
    const again = await expectNothingWritten(db.pool, () => afterSale.refund(member, id, call));
    expect(again).toMatchObject({ replayed: true, refund: { id: first.refund.id, state: 'SUCCEEDED' } });
    const conflict = await afterSale.refund(member, id, { idempotencyKey: 'first' });
    expect(conflict).toMatchObject({ __typename: 'IdempotencyConflictError' });
    expect(await afterSale.refund(viewer, id)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await afterSale.refund(await signIn(server), id)).toMatchObject({ __typename: 'NotFoundError' });
    const tooMuch = await afterSale.refund(member, id, { lines: [{ lineId: lines[0]!.id, quantity: 3 }] });
    expect(tooMuch).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: 'input.lines.0.quantity' }] });
    const rest = succeed(await afterSale.refund(member, id));
    expect(rest).toMatchObject({ refund: { amount: { minorUnits: 5_000 } }, order: { state: 'REFUNDED' } });
    expect(await afterSale.refund(member, id)).toMatchObject({ __typename: 'OrderStateError', state: 'REFUNDED' });
    await expectBooksBalanced(db.pool);
  });

  test.for([
    ['less than nothing', -1, 'restock'],
    ['more than is refunded', 2, 'lines.0.restock'],
  ] as const)('of which %s is back in stock: refused', async ([, restock, path], { db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { id, lines } = await bought(counter, { quantity: 2 });
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 1, restock }] };
    const outcome = await expectNothingWritten(db.pool, () => afterSale.refund(counter.shop.member, id, call));
    expect(outcome).toMatchObject({
      __typename: 'InvalidInputError',
      issues: [{ path: expect.stringContaining(path) }],
    });
  });

  test('twenty at once: no more than there is, to the unit', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { id, lines } = await bought(counter, { quantity: 5 });
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 1, restock: 1 }] };
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => afterSale.refund(counter.shop.member, id, call)),
    );
    expect(outcomes.filter(({ __typename }) => __typename === 'RefundOrderSuccess')).toHaveLength(5);
    expect(await orderOf(viewer, id)).toMatchObject({ state: 'REFUNDED', refunded: { minorUnits: 12_500 } });
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 10, held: 0 });
    await expectBooksBalanced(db.pool);
  });

  test('the last undelivered line: what is left of the order is delivered', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const file = await makeProduct(counter.shop, { kind: 'DIGITAL' });
    const moreLines = [{ variantId: file.variantId, expectedUnitPriceMinor: 2_500 }];
    const { id, state, lines } = await bought(counter, { moreLines });
    expect(state).toBe('PAID');
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 1 }] };
    const { order } = succeed(await afterSale.refund(counter.shop.member, id, call));
    expect(order).toMatchObject({ state: 'DELIVERED', releaseAt: expect.any(String) });
    await expectBooksBalanced(db.pool);
  });

  test('the part of an order that was furthest: the order does not go back', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'FOOD' });
    const { member } = counter.shop;
    const candle = await makeProduct(counter.shop);
    const moreLines = [{ variantId: candle.variantId, expectedUnitPriceMinor: 2_500 }];
    const { id, lines } = await bought(counter, { moreLines });
    const { rows } = await db.pool.query<{ id: string }>(
      "SELECT id FROM shipment WHERE order_id = $1 AND method = 'COURIER'",
      [rowOf(id)],
    );
    succeed(await mutate(member.api, 'prepareShipment', { shipmentId: globalId('Shipment', rows[0]!.id) }));
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 1 }] };
    const { order } = succeed(await afterSale.refund(member, id, call));
    expect(order).toMatchObject({ state: 'PREPARING', refunded: { minorUnits: 2_500 } });
    await expectBooksBalanced(db.pool);
  });
});
