/** Buying in one call: everything happens, or nothing does, once per key. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { succeed } from '../support/operations.ts';
import { bought, openCounter, orderOf } from '../support/orders.ts';
import { availableOf } from '../support/shop.ts';
import { test } from './support/shared-server.ts';

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
  await expectBooksBalanced(db.pool);
});

test('the same key again buys nothing more, and says so', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const order = await bought(counter, { idempotencyKey: 'once' });
  const again = succeed(await counter.buy({ idempotencyKey: 'once' }));
  expect(again).toMatchObject({ replayed: true, order: { id: order.id } });
  expect(await availableOf(viewer, counter.product.variantId)).toBe(9);
  expect((await orderOf(viewer, order.id))?.state).toBe('PAID');
});
