/** Shipments, from being packed to being there, and what that makes of their orders. */
import { expect } from 'vitest';
import { signIn } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { type Act, act, cancel, force, placed, read, type ShipmentSuccess, timeline } from './support/fulfilment.ts';
import { wrongIds } from './support/ids.ts';
import { createMerchant, placeOrder } from './support/order-rows.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const NOT_FOUND = { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such shipment.' };
const DAY_MS = 86_400_000;

test('a parcel is packed, sent and delivered, and its order with it', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const [shipment] = (await read(buyer, order)).shipments;
  expect(shipment).toMatchObject({ state: 'PENDING', method: 'PARCEL', carrier: null, etaMinutes: null, events: [] });
  const { id } = shipment!;
  expect(await act(keeper, 'prepare', id)).toMatchObject({
    shipment: { state: 'PREPARING' },
    orderState: 'PREPARING',
    order: { id: order.globalId },
    replayed: false,
  });
  const etaAt = new Date(Date.now() + DAY_MS).toISOString();
  expect(await act(keeper, 'ship', id, { carrier: ' Aramex ', trackingNumber: 'AX-42', etaAt })).toMatchObject({
    shipment: { state: 'SHIPPED', carrier: 'Aramex', trackingNumber: 'AX-42', etaAt },
    orderState: 'SHIPPED',
  });
  await act(keeper, 'track', id, { status: 'IN_TRANSIT', note: 'Left Jebel Ali' });
  await act(keeper, 'deliver', id);
  const delivered = await read(buyer, order);
  expect(delivered.state).toBe('DELIVERED');
  expect(delivered.shipments[0]).toMatchObject({ state: 'DELIVERED', carrier: 'Aramex', etaAt });
  expect(delivered.shipments[0]!.events.map(({ status, note }) => [status, note])).toEqual([
    ['PREPARING', null],
    ['SHIPPED', null],
    ['IN_TRANSIT', 'Left Jebel Ali'],
    ['DELIVERED', null],
  ]);
  expect(await timeline(db.pool, order)).toEqual(['PREPARING MERCHANT', 'SHIPPED MERCHANT', 'DELIVERED MERCHANT']);
  const { rows } = await db.pool.query(
    `SELECT o.release_at > now() + interval '6 days' AS waits, l.delivered_at IS NOT NULL AS delivered
       FROM shop_order o JOIN order_line l ON l.order_id = o.id WHERE o.id = $1`,
    [order.id],
  );
  expect(rows).toEqual([{ waits: true, delivered: true }]);
});

test('a courier brings food, with an estimate in minutes', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [{ kind: 'FOOD', promiseMinutes: 45 }]);
  const [meal] = (await read(buyer, order)).shipments;
  expect(meal).toMatchObject({ method: 'COURIER', etaMinutes: 45 });
  const steps = [
    ['ACCEPTED', 40, 'PREPARING'],
    ['COOKING', 30, 'PREPARING'],
    ['PICKED_UP', 15, 'SHIPPED'],
    ['NEARBY', 2, 'SHIPPED'],
  ] as const;
  for (const [status, minutes, state] of steps) {
    const etaAt = new Date(Date.now() + minutes * 60_000).toISOString();
    expect(await act(keeper, 'track', meal!.id, { status, etaAt })).toMatchObject({
      shipment: { state, etaMinutes: minutes },
      orderState: state,
    });
  }
  await act(keeper, 'track', meal!.id, { status: 'DELIVERED' });
  const eaten = await read(buyer, order);
  expect(eaten).toMatchObject({ state: 'DELIVERED', shipments: [{ state: 'DELIVERED', etaMinutes: null }] });
  expect(eaten.shipments[0]!.events.map(({ status }) => status)).toEqual([
    ...steps.map(([status]) => status),
    'DELIVERED',
  ]);
});

test('the short calls take a courier’s own steps, and steps may be left out', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [{ kind: 'FOOD' }, { kind: 'PHYSICAL' }]);
  const [parcel, meal] = (await read(buyer, order)).shipments.sort((a, b) => (a.method < b.method ? 1 : -1));
  for (const what of ['prepare', 'ship', 'deliver'] as const) await act(keeper, what, meal!.id);
  const now = await read(buyer, order);
  expect(now.shipments.find(({ id }) => id === meal!.id)!.events.map(({ status }) => status)).toEqual([
    'ACCEPTED',
    'PICKED_UP',
    'DELIVERED',
  ]);
  expect(now.state, 'the parcel is still to be sent').toBe('PREPARING');
  expect(await act(keeper, 'deliver', parcel!.id)).toMatchObject({ orderState: 'DELIVERED' });
  expect(await timeline(db.pool, order)).toEqual(['PREPARING MERCHANT', 'DELIVERED MERCHANT']);
});

test('an order is as far as its slowest shipment', async ({ db, server }) => {
  const buyer = await signIn(server);
  const [keeper, packer] = [await signIn(server), await signIn(server)];
  const seller = await createMerchant(db.pool, { members: [keeper] });
  const partner = await createMerchant(db.pool, { kind: 'RETAIL_PARTNER', members: [packer] });
  const order = await placeOrder(server, db.pool, {
    buyer,
    seller,
    lines: [{}, { from: partner }, { kind: 'DIGITAL' }],
  });
  const { shipments } = await read(buyer, order);
  const stateAfter = async (who: typeof keeper, what: Act, index: number) =>
    ((await act(who, what, shipments[index]!.id)) as ShipmentSuccess).orderState;
  expect(await stateAfter(keeper, 'ship', 0)).toBe('PREPARING');
  expect(await stateAfter(packer, 'prepare', 1)).toBe('PREPARING');
  expect(await stateAfter(packer, 'ship', 1)).toBe('SHIPPED');
  expect(await stateAfter(packer, 'deliver', 1)).toBe('SHIPPED');
  expect(await stateAfter(keeper, 'deliver', 0)).toBe('DELIVERED');
  expect(await timeline(db.pool, order)).toEqual(['PREPARING MERCHANT', 'SHIPPED PARTNER', 'DELIVERED MERCHANT']);
});

test('asking for what is so already changes nothing', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const { id } = (await read(buyer, order)).shipments[0]!;
  const said = { status: 'IN_TRANSIT', note: 'In Dubai', etaAt: new Date(Date.now() + DAY_MS).toISOString() };
  for (const [what, input] of [['prepare'], ['ship'], ['track', said], ['deliver']] as [Act, object?][]) {
    expect(await act(keeper, what, id, { ...input })).toMatchObject({ replayed: false });
    await expectNothingWritten(db.pool, async () => {
      expect(await act(keeper, what, id, { ...input })).toMatchObject({ shipment: { id }, replayed: true });
    });
  }
});

test('news of the same step is no repetition', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const { id } = (await read(buyer, order)).shipments[0]!;
  for (const note of ['In Dubai', 'In Sharjah', 'In Dubai'])
    await act(keeper, 'track', id, { status: 'IN_TRANSIT', note });
  const { events } = (await read(buyer, order)).shipments[0]!;
  expect(events.map(({ note }) => note)).toEqual(['In Dubai', 'In Sharjah', 'In Dubai']);
});

test('a shipment never goes back', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const { id } = (await read(buyer, order)).shipments[0]!;
  await act(keeper, 'track', id, { status: 'OUT_FOR_DELIVERY' });
  await expectNothingWritten(db.pool, async () => {
    for (const outcome of [
      await act(keeper, 'prepare', id),
      await act(keeper, 'track', id, { status: 'PREPARING' }),
      await act(keeper, 'track', id, { status: 'IN_TRANSIT' }),
    ]) {
      expect(outcome).toMatchObject({ __typename: 'OrderStateError', code: 'ORDER_STATE', orderState: 'SHIPPED' });
    }
  });
});

test('an order that is cancelled, contested or refunded is not moved', async ({ db, server }) => {
  const scenes = [await placed(server, db.pool), await placed(server, db.pool), await placed(server, db.pool)];
  await cancel(server, scenes[0]!.order);
  await force(server, scenes[1]!.order, 'REFUND_REQUESTED');
  await force(server, scenes[2]!.order, 'REFUNDED');
  for (const [index, orderState] of ['CANCELLED', 'REFUND_REQUESTED', 'REFUNDED'].entries()) {
    const { buyer, keeper, order } = scenes[index]!;
    const { id } = (await read(buyer, order)).shipments[0]!;
    await expectNothingWritten(db.pool, async () => {
      for (const what of ['prepare', 'ship', 'deliver'] as const) {
        expect(await act(keeper, what, id)).toMatchObject({ __typename: 'OrderStateError', orderState });
      }
    });
  }
});

test('only whoever sends a shipment moves it; for everybody else there is none', async ({ db, server, viewer }) => {
  const [keeper, packer] = [await signIn(server), await signIn(server)];
  const seller = await createMerchant(db.pool, { members: [keeper] });
  const partner = await createMerchant(db.pool, { kind: 'RETAIL_PARTNER', members: [packer] });
  const order = await placeOrder(server, db.pool, { buyer: viewer, seller, lines: [{ from: partner }] });
  const { id } = (await read(viewer, order)).shipments[0]!;
  await expectNothingWritten(db.pool, async () => {
    for (const outsider of [viewer, keeper, await signIn(server, viewer.handle)]) {
      for (const what of ['prepare', 'ship', 'deliver'] as const) {
        expect(await act(outsider, what, id)).toMatchObject(NOT_FOUND);
      }
      expect(await act(outsider, 'track', id, { status: 'SHIPPED' })).toMatchObject(NOT_FOUND);
    }
    for (const [what, wrong] of wrongIds('Shipment')) {
      expect(await act(packer, 'prepare', wrong), what).toMatchObject(NOT_FOUND);
    }
  });
  expect(await act(packer, 'prepare', id)).toMatchObject({ shipment: { state: 'PREPARING' } });
});

test('an input that breaks a rule names the field', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const { id } = (await read(buyer, order)).shipments[0]!;
  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
  const broken: [Act, string, Record<string, unknown>][] = [
    ['ship', 'carrier', { carrier: ' ' }],
    ['ship', 'carrier', { carrier: 'x'.repeat(61) }],
    ['ship', 'trackingNumber', { trackingNumber: '' }],
    ['ship', 'trackingNumber', { trackingNumber: 'a\0b' }],
    ['ship', 'etaAt', { etaAt: inDays(-1) }],
    ['ship', 'etaAt', { etaAt: inDays(367) }],
    ['track', 'etaAt', { status: 'SHIPPED', etaAt: '0001-01-01T00:00:00Z' }],
    ['track', 'note', { status: 'SHIPPED', note: 'x'.repeat(301) }],
    ['track', 'status', { status: 'COOKING' }],
  ];
  await expectNothingWritten(db.pool, async () => {
    for (const [what, field, input] of broken) {
      expect(await act(keeper, what, id, input), JSON.stringify(input)).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ path: `input.${field}` }],
      });
    }
  });
});

test('20 who deliver at once: one does, the others hear that it is so', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const { id } = (await read(buyer, order)).shipments[0]!;
  const outcomes = await atOnce(20, () => act(keeper, 'deliver', id));
  expect(tally(outcomes)).toEqual({ DeliverShipmentSuccess: 20 });
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect((await read(buyer, order)).shipments[0]!.events).toHaveLength(1);
  expect(await timeline(db.pool, order)).toEqual(['DELIVERED MERCHANT']);
});

test('sent and cancelled at once: one wins, and what is reported is so', async ({ db, server }) => {
  const wins = { sent: 0, cancelled: 0 };
  for (let round = 0; round < 12; round++) {
    const { buyer, keeper, order } = await placed(server, db.pool);
    const { id } = (await read(buyer, order)).shipments[0]!;
    const calls = [() => act(keeper, 'ship', id), () => cancel(server, order)];
    if (round % 2) calls.reverse();
    const outcomes = await Promise.all(calls.map((call) => call()));
    const isCancelled = outcomes.find((outcome) => typeof outcome === 'boolean') as boolean;
    const isSent = outcomes.some(
      (outcome) => typeof outcome === 'object' && outcome.__typename === 'ShipShipmentSuccess',
    );
    expect(isSent).toBe(!isCancelled);
    const state = isSent ? 'SHIPPED' : 'CANCELLED';
    expect(await read(buyer, order)).toMatchObject({ state, shipments: [{ state }] });
    wins[isSent ? 'sent' : 'cancelled'] += 1;
  }
  expect(wins.sent + wins.cancelled).toBe(12);
});

test('every change gives the order a new version, for those who watch it', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool);
  const { id } = (await read(buyer, order)).shipments[0]!;
  const version = async () =>
    Number((await db.pool.query('SELECT version FROM shop_order WHERE id = $1', [order.id])).rows[0].version);
  const versions = [await version()];
  for (const status of ['PREPARING', 'SHIPPED', 'IN_TRANSIT', 'DELIVERED']) {
    await act(keeper, 'track', id, { status });
    versions.push(await version());
  }
  expect(versions.map((each) => each - versions[0]!)).toEqual([0, 1, 2, 3, 4]);
});

test('shipments, their news and vouchers of many orders are three statements, as of one', async ({ db, server }) => {
  const { buyer, seller, keeper } = await placed(server, db.pool);
  const lines = [{}, { kind: 'FOOD' } as const, { kind: 'SERVICE', quantity: 2 } as const];
  const orders = await Promise.all(
    Array.from({ length: 6 }, () => placeOrder(server, db.pool, { buyer, seller, lines })),
  );
  for (const order of orders) await act(keeper, 'prepare', (await read(buyer, order)).shipments[0]!.id);
  const { shipments, vouchers } = server.app.services.fulfilment;
  const cost = async (some: typeof orders) => {
    const { result, count } = await countSql(server.app, async () => {
      const sent = await Promise.all(some.map(({ id }) => shipments.of(id)));
      const said = await Promise.all(sent.flat().map(({ id }) => shipments.eventsOf(id)));
      const issued = await Promise.all(some.map(({ id }) => vouchers.of(id)));
      return [sent, said, issued].map((each) => each.flat().length);
    });
    expect(result).toEqual([2, 1, 2].map((each) => each * some.length));
    return count;
  };
  expect([await cost(orders.slice(0, 1)), await cost(orders)]).toEqual([3, 3]);
});

test('what others have bought is nothing of yours', async ({ db, server, viewer }) => {
  const { order } = await placed(server, db.pool, [{}, { kind: 'SERVICE' }]);
  expect(await read(viewer, order)).toBeNull();
});
