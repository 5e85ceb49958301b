/** From the purchase to the door, through the public API alone. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { succeed } from '../support/operations.ts';
import { afterSale, bought, openCounter, orderOf } from '../support/orders.ts';
import { makeProduct } from '../support/shop.ts';
import { act, read, verify } from './support/fulfilment.ts';
import { rowOf } from './support/ids.ts';
import { test } from './support/shared-server.ts';

/** An order that was bought, as the helpers of fulfilment name it. */
const named = ({ id }: { id: string }) => ({ id: BigInt(rowOf(id)), globalId: id, lines: [] });

test('things of all four kinds are bought at once, and each comes its way', async ({ db, server, viewer }) => {
  const counter = await openCounter(server, viewer, { kind: 'PHYSICAL' });
  const { member } = counter.shop;
  const others = [
    await makeProduct(counter.shop, { kind: 'FOOD', priceMinor: 1_000 }),
    await makeProduct(counter.shop, { kind: 'SERVICE', priceMinor: 1_000 }),
    await makeProduct(counter.shop, { kind: 'DIGITAL', priceMinor: 1_000 }),
  ];
  const moreLines = others.map(({ variantId }) => ({ variantId, quantity: 2, expectedUnitPriceMinor: 1_000 }));
  const order = await bought(counter, { moreLines });
  expect(order.lines.map(({ downloadUrl }) => downloadUrl !== null)).toEqual([false, false, false, true]);
  const { state, shipments, vouchers } = await read(viewer, named(order));
  expect(state).toBe('PAID');
  expect(shipments.map(({ method }) => method).sort()).toEqual(['COURIER', 'PARCEL']);
  expect(vouchers).toHaveLength(2);
  for (const { id } of shipments) await act(member, 'deliver', id);
  expect((await read(viewer, named(order))).state).toBe('SHIPPED');
  for (const { id, code } of vouchers) succeed(await verify(member, code!, id));
  const done = (await orderOf(viewer, order.id))!;
  expect(done).toMatchObject({ state: 'DELIVERED', releaseAt: expect.any(String) });
  expect(done.lines.filter(({ deliveredAt }) => deliveredAt === null)).toEqual([]);
  await expectBooksBalanced(db.pool);
});

test('an order of downloads is there at payment', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
  const order = await bought(counter, { quantity: 3 });
  expect(order).toMatchObject({ state: 'DELIVERED', lines: [{ downloadUrl: expect.stringContaining('https://') }] });
});

test('sent and cancelled at once: one wins, the other hears so, and the money agrees', async ({
  db,
  server,
  viewer,
}) => {
  const counter = await openCounter(server, viewer, { stock: 50 });
  const { member } = counter.shop;
  for (let round = 0; round < 10; round++) {
    const order = await bought(counter);
    const { id } = (await read(viewer, named(order))).shipments[0]!;
    const calls = [() => act(member, 'ship', id), () => afterSale.cancel(viewer, order.id)];
    const [one, other] = await Promise.all((round % 2 ? calls.reverse() : calls).map((call) => call()));
    const winners = [one!.__typename, other!.__typename].filter((name) => name.endsWith('Success'));
    expect(winners).toHaveLength(1);
    const isSent = winners[0] === 'ShipShipmentSuccess';
    const now = await read(viewer, named(order));
    expect(now).toMatchObject(
      isSent
        ? { state: 'SHIPPED', shipments: [{ state: 'SHIPPED' }] }
        : { state: 'CANCELLED', shipments: [{ state: 'CANCELLED' }] },
    );
    expect((await orderOf(viewer, order.id))!.refunds).toHaveLength(isSent ? 0 : 1);
  }
  await expectBooksBalanced(db.pool);
});

test('verified and cancelled at once: one wins, the other hears so', async ({ db, server, viewer }) => {
  const counter = await openCounter(server, viewer, { kind: 'SERVICE', stock: 50 });
  const { member } = counter.shop;
  for (let round = 0; round < 8; round++) {
    const order = await bought(counter, { quantity: 2 });
    const { code } = (await read(viewer, named(order))).vouchers[0]!;
    const [verified, cancelled] = await Promise.all([
      verify(member, code!, order.id),
      afterSale.cancel(viewer, order.id),
    ]);
    expect(verified.__typename.endsWith('Success')).toBe(!cancelled.__typename.endsWith('Success'));
    const states = (await read(viewer, named(order))).vouchers.map(({ state }) => state);
    expect(states).toEqual(
      verified.__typename.endsWith('Success') ? ['VERIFIED', 'ISSUED'] : ['CANCELLED', 'CANCELLED'],
    );
  }
  await expectBooksBalanced(db.pool);
});

test('a unit of a service that is refunded takes an unused voucher with it, and never a used one', async ({
  db,
  server,
  viewer,
}) => {
  const counter = await openCounter(server, viewer, { kind: 'SERVICE' });
  const { member } = counter.shop;
  const order = await bought(counter, { quantity: 2 });
  const { vouchers } = await read(viewer, named(order));
  succeed(await verify(member, vouchers[1]!.code!, 'used'));
  const lines = [{ lineId: order.lines[0]!.id, quantity: 1 }];
  succeed(await afterSale.refund(member, order.id, { lines }));
  const states = async () => (await read(viewer, named(order))).vouchers.map(({ state }) => state);
  expect(await states()).toEqual(['CANCELLED', 'VERIFIED']);
  expect((await orderOf(viewer, order.id))!.state, 'nothing is left to deliver').toBe('DELIVERED');
  expect(await verify(member, vouchers[0]!.code!, 'late')).toMatchObject({ __typename: 'VoucherStateError' });
  expect(await afterSale.refund(member, order.id, { lines })).toMatchObject({ __typename: 'OrderStateError' });
  expect(await states()).toEqual(['CANCELLED', 'VERIFIED']);
  await expectBooksBalanced(db.pool);
});

test('while a refund is asked for nothing is sent; rejected, it goes on', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const { member } = counter.shop;
  const order = await bought(counter);
  const { id } = (await read(viewer, named(order))).shipments[0]!;
  await act(member, 'prepare', id);
  const { refund } = succeed(await afterSale.request(viewer, order.id));
  expect(await act(member, 'ship', id)).toMatchObject({
    __typename: 'OrderStateError',
    orderState: 'REFUND_REQUESTED',
  });
  expect(succeed(await afterSale.reject(member, refund.id)).order.state).toBe('PREPARING');
  expect(await act(member, 'ship', id)).toMatchObject({ orderState: 'SHIPPED' });
});

test('refunded in full, what was not sent is not sent any more', async ({ db, server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const { member } = counter.shop;
  const { variantId } = await makeProduct(counter.shop, { kind: 'FOOD', priceMinor: 1_000 });
  const order = await bought(counter, { moreLines: [{ variantId, quantity: 1, expectedUnitPriceMinor: 1_000 }] });
  const { shipments } = await read(viewer, named(order));
  await act(member, 'ship', shipments[0]!.id);
  succeed(await afterSale.refund(member, order.id));
  const now = await read(viewer, named(order));
  expect(now.state).toBe('REFUNDED');
  expect(now.shipments.map(({ state }) => state)).toEqual(['SHIPPED', 'CANCELLED']);
  await expectBooksBalanced(db.pool);
});

test('a shipment of which everything was refunded is not sent, and nobody waits for it', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const { member } = counter.shop;
  const { variantId } = await makeProduct(counter.shop, { kind: 'FOOD', priceMinor: 1_000 });
  const order = await bought(counter, {
    quantity: 2,
    moreLines: [{ variantId, quantity: 1, expectedUnitPriceMinor: 1_000 }],
  });
  const [parcel, meal] = (await read(viewer, named(order))).shipments.sort((a, b) => b.method.localeCompare(a.method));
  const lineId = order.lines[0]!.id;
  const states = async () => {
    const { state, shipments } = await read(viewer, named(order));
    return [state, shipments.find(({ id }) => id === parcel!.id)!.state];
  };
  succeed(await afterSale.refund(member, order.id, { lines: [{ lineId, quantity: 1 }] }));
  expect(await states(), 'one is left in it').toEqual(['PAID', 'PENDING']);
  succeed(await afterSale.refund(member, order.id, { lines: [{ lineId, quantity: 1 }] }));
  expect(await states()).toEqual(['PAID', 'CANCELLED']);
  expect(await act(member, 'ship', parcel!.id)).toMatchObject({ __typename: 'OrderStateError', orderState: 'PAID' });
  expect(await act(member, 'ship', meal!.id)).toMatchObject({ orderState: 'SHIPPED' });
  expect(await act(member, 'deliver', meal!.id)).toMatchObject({ orderState: 'DELIVERED' });
});
