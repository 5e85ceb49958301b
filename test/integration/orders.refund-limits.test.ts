/** Refunds at their edges: what cannot be is refused with a reason, never with an unexpected error. */
import { expect } from 'vitest';
import { succeed } from '../support/operations.ts';
import { afterSale, bought, openCounter, orderOf } from '../support/orders.ts';
import { test } from './support/shared-server.ts';

test.for([2, -1, 1_000_000_000])('a refund of one unit cannot bring back %i', async (restock, { server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const order = await bought(counter, { quantity: 3 });
  const lines = [{ lineId: order.lines[0]!.id, quantity: 1, restock }];
  const outcome = await afterSale.refund(counter.shop.member, order.id, { lines });
  expect(outcome).toMatchObject({ code: 'INVALID_INPUT' });
  expect(await orderOf(viewer, order.id)).toMatchObject({ state: 'PAID', refunded: { minorUnits: 0 }, refunds: [] });
});

test('a merchant who gives in to a dispute has answered the request for a refund, too', async ({
  server,
  viewer,
  db,
}) => {
  const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
  const order = await bought(counter);
  expect(order.state).toBe('DELIVERED');
  const { dispute } = succeed(await afterSale.dispute(viewer, order.id));
  const { refund } = succeed(await afterSale.request(viewer, order.id));
  succeed(await afterSale.resolve(counter.shop.member, dispute.id, 'REFUND'));
  const after = await orderOf(viewer, order.id);
  expect(after).toMatchObject({ state: 'REFUNDED', refunded: { minorUnits: counter.priceMinor } });
  expect(after!.refunds.map(({ state }) => state)).not.toContain('REQUESTED');
  for (const decide of [afterSale.approve, afterSale.reject]) {
    const outcome = await decide(counter.shop.member, refund.id);
    expect(['ORDER_STATE', undefined]).toContain((outcome as { code?: string }).code);
  }
  expect((await orderOf(viewer, order.id))?.refunded.minorUnits).toBe(counter.priceMinor);
  const given = await db.pool.query(
    'SELECT sum(amount_minor)::int AS given FROM sandbox_refund WHERE charge_key LIKE $1',
    ['checkout:%'],
  );
  expect(given.rows).toEqual([{ given: counter.priceMinor }]);
});
