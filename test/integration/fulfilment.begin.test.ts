/** What fulfilment does inside the SQL transactions of orders: it begins, and it stops. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import type { LineToFulfil } from '../../src/domains/fulfilment/fulfilment.api.ts';
import type { Server } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import { begin, createMerchant, type OrderRows, payOrder, placeOrder } from './support/order-rows.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

async function shipmentsOf(pool: Pool, order: OrderRows) {
  const { rows } = await pool.query(
    `SELECT warehouse_id::int AS "warehouseId", method, by_partner AS "byPartner", state,
            round(extract(epoch FROM eta_at - created_at) / 60)::int AS minutes
       FROM shipment WHERE order_id = $1 ORDER BY warehouse_id, method`,
    [order.id],
  );
  return rows;
}

async function vouchersOf(pool: Pool, order: OrderRows): Promise<{ id: string; state: string; codeHash: string }[]> {
  const { rows } = await pool.query(
    `SELECT v.id, v.state, v.code_hash AS "codeHash" FROM voucher v JOIN order_line l ON l.id = v.line_id
      WHERE l.order_id = $1 ORDER BY v.id`,
    [order.id],
  );
  return rows;
}

const stop = (server: Server, order: OrderRows) =>
  server.app.services.db.inTransaction((sql) => server.app.services.fulfilment.stop(sql, order.id));
const cancelVouchers = (server: Server, line: LineToFulfil, quantity: number) =>
  server.app.services.db.inTransaction((sql) => server.app.services.fulfilment.cancelVouchers(sql, line.id, quantity));
const progress = (server: Server, order: OrderRows) =>
  server.app.services.db.inTransaction((sql) => server.app.services.fulfilment.progress(sql, order.id));

test('what is sent becomes one shipment for each warehouse and way, due when the slowest of it is promised', async ({
  db,
  server,
  viewer,
}) => {
  const [seller, partner] = [await createMerchant(db.pool), await createMerchant(db.pool, { kind: 'RETAIL_PARTNER' })];
  const order = await placeOrder(server, db.pool, {
    buyer: viewer,
    seller,
    lines: [
      { promiseMinutes: 60 },
      { promiseMinutes: 90, quantity: 3 },
      { kind: 'FOOD', promiseMinutes: 30 },
      { from: partner, promiseMinutes: 1_440 },
    ],
  });
  const pending = { state: 'PENDING', byPartner: false, warehouseId: Number(seller.warehouseId) };
  expect(await shipmentsOf(db.pool, order)).toEqual([
    { ...pending, method: 'COURIER', minutes: 30 },
    { ...pending, method: 'PARCEL', minutes: 90 },
    { ...pending, method: 'PARCEL', minutes: 1_440, byPartner: true, warehouseId: Number(partner.warehouseId) },
  ]);
  expect(await vouchersOf(db.pool, order)).toEqual([]);
});

test('each unit of a service is a voucher, of which only a hash is kept', async ({ db, server, viewer }) => {
  const seller = await createMerchant(db.pool);
  const lines = [{ kind: 'SERVICE', quantity: 3 } as const, { kind: 'SERVICE' } as const];
  const order = await placeOrder(server, db.pool, { buyer: viewer, seller, lines });
  const vouchers = await vouchersOf(db.pool, order);
  expect(vouchers.map(({ state }) => state)).toEqual(Array(4).fill('ISSUED'));
  expect(new Set(vouchers.map(({ codeHash }) => codeHash)).size).toBe(4);
  for (const { codeHash } of vouchers) expect(codeHash).toMatch(/^[0-9a-f]{64}$/);
  expect(await shipmentsOf(db.pool, order)).toEqual([]);
});

test('a download is delivered at once, and an order of nothing else with it', async ({ db, server, viewer }) => {
  const seller = await createMerchant(db.pool);
  const buy = (...kinds: LineToFulfil['kind'][]) =>
    payOrder(db.pool, { buyer: viewer, seller, lines: kinds.map((kind) => ({ kind })) });
  const [downloads, mixed, service] = [
    await buy('DIGITAL', 'DIGITAL'),
    await buy('DIGITAL', 'FOOD'),
    await buy('SERVICE'),
  ];
  expect(await begin(server, downloads, mixed, service)).toEqual([downloads.id]);
  const { rows } = await db.pool.query(
    'SELECT kind, delivered_at IS NOT NULL AS delivered FROM order_line WHERE order_id = ANY($1) ORDER BY id',
    [[downloads.id, mixed.id, service.id]],
  );
  expect(rows.map(({ kind, delivered }) => `${kind} ${delivered}`)).toEqual([
    'DIGITAL true',
    'DIGITAL true',
    'DIGITAL true',
    'FOOD false',
    'SERVICE false',
  ]);
  expect([await progress(server, downloads), await progress(server, mixed)]).toEqual(['DELIVERED', 'PAID']);
});

test('however many lines there are, it takes four statements; for none it takes none', async ({
  db,
  server,
  viewer,
}) => {
  const seller = await createMerchant(db.pool);
  const kinds = ['PHYSICAL', 'FOOD', 'SERVICE', 'DIGITAL'] as const;
  const { db: database, fulfilment } = server.app.services;
  const cost = async (times: number) => {
    const lines = Array.from({ length: times }, () => kinds.map((kind) => ({ kind, quantity: times }))).flat();
    const order = await payOrder(db.pool, { buyer: viewer, seller, lines });
    return (
      await countSql(server.app, () =>
        database.inTransaction((sql) => fulfilment.begin(sql, times === 0 ? [] : order.lines)),
      )
    ).count;
  };
  expect([await cost(1), await cost(5)]).toEqual([4, 4]);
  const nothing = await countSql(server.app, () => database.inTransaction((sql) => fulfilment.begin(sql, [])));
  expect(nothing).toMatchObject({ result: [], count: 0 });
});

test('stopping an order cancels what is open of it', async ({ db, server, viewer }) => {
  const seller = await createMerchant(db.pool);
  const lines = [{}, { kind: 'FOOD' } as const, { kind: 'SERVICE', quantity: 2 } as const];
  const [order, other] = [
    await placeOrder(server, db.pool, { buyer: viewer, seller, lines }),
    await placeOrder(server, db.pool, { buyer: viewer, seller, lines }),
  ];
  await db.pool.query("UPDATE shipment SET state = 'PREPARING' WHERE order_id = $1 AND method = 'COURIER'", [order.id]);
  expect(await stop(server, order)).toBe(true);
  const states = async (of: OrderRows) =>
    [...(await shipmentsOf(db.pool, of)), ...(await vouchersOf(db.pool, of))].map(({ state }) => state);
  expect(await states(order)).toEqual(Array(4).fill('CANCELLED'));
  expect(await states(other)).toEqual(['PENDING', 'PENDING', 'ISSUED', 'ISSUED']);
});

test('an order of which something is sent, used or downloaded is not stopped', async ({ db, server, viewer }) => {
  const seller = await createMerchant(db.pool);
  const lines = [{}, { kind: 'SERVICE', quantity: 2 } as const];
  const place = () => placeOrder(server, db.pool, { buyer: viewer, seller, lines });
  const orders = [await place(), await place(), await place()];
  await db.pool.query("UPDATE shipment SET state = 'SHIPPED' WHERE order_id = $1", [orders[0]!.id]);
  await db.pool.query(
    `UPDATE voucher SET state = 'VERIFIED', verified_at = now()
      WHERE id = (SELECT max(v.id) FROM voucher v JOIN order_line l ON l.id = v.line_id WHERE l.order_id = $1)`,
    [orders[1]!.id],
  );
  await db.pool.query("UPDATE order_line SET delivered_at = now() WHERE order_id = $1 AND kind = 'PHYSICAL'", [
    orders[2]!.id,
  ]);
  await expectNothingWritten(db.pool, async () => {
    for (const order of orders) expect(await stop(server, order)).toBe(false);
  });
});

test('an order that is refunded in full is given up: what is open is cancelled, what was sent or used stays', async ({
  db,
  server,
  viewer,
}) => {
  const [seller, other] = [await createMerchant(db.pool), await createMerchant(db.pool)];
  const lines = [{}, { from: other }, { kind: 'SERVICE', quantity: 2 } as const, { kind: 'DIGITAL' } as const];
  const order = await placeOrder(server, db.pool, { buyer: viewer, seller, lines });
  await db.pool.query("UPDATE shipment SET state = 'SHIPPED' WHERE order_id = $1 AND warehouse_id = $2", [
    order.id,
    seller.warehouseId,
  ]);
  await db.pool.query("UPDATE voucher SET state = 'VERIFIED', verified_at = now() WHERE id = $1", [
    (await vouchersOf(db.pool, order))[0]!.id,
  ]);
  const { db: database, fulfilment } = server.app.services;
  await database.inTransaction((sql) => fulfilment.abandon(sql, order.id));
  expect((await shipmentsOf(db.pool, order)).map(({ state }) => state)).toEqual(['SHIPPED', 'CANCELLED']);
  expect((await vouchersOf(db.pool, order)).map(({ state }) => state)).toEqual(['VERIFIED', 'CANCELLED']);
});

test('so many unused vouchers of a line are cancelled, or none', async ({ db, server, viewer }) => {
  const seller = await createMerchant(db.pool);
  const lines = [{ kind: 'SERVICE', quantity: 3 } as const, { kind: 'SERVICE' } as const];
  const order = await placeOrder(server, db.pool, { buyer: viewer, seller, lines });
  const [line] = order.lines;
  await expectNothingWritten(db.pool, async () => expect(await cancelVouchers(server, line!, 4)).toBe(false));
  expect(await cancelVouchers(server, line!, 2)).toBe(true);
  const states = (await vouchersOf(db.pool, order)).map(({ state }) => state);
  expect(states).toEqual(['ISSUED', 'CANCELLED', 'CANCELLED', 'ISSUED']);
  await expectNothingWritten(db.pool, async () => expect(await cancelVouchers(server, line!, 2)).toBe(false));
});

test('a line refunded in full leaves nothing to deliver', async ({ db, server, viewer }) => {
  const seller = await createMerchant(db.pool);
  const lines = [{ kind: 'DIGITAL' } as const, { quantity: 2 }];
  const order = await placeOrder(server, db.pool, { buyer: viewer, seller, lines });
  const refund = (quantity: number) =>
    db.pool.query("UPDATE order_line SET refunded_quantity = $2 WHERE order_id = $1 AND kind = 'PHYSICAL'", [
      order.id,
      quantity,
    ]);
  await refund(1);
  expect(await progress(server, order)).toBe('PAID');
  await refund(2);
  expect(await progress(server, order)).toBe('DELIVERED');
});
