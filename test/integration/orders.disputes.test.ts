/** Contested orders and the end of escrow: who gets the money, when, and where every cent of it is. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, freshHandle, signIn, succeed } from '../support/operations.ts';
import { afterSale, bought, buyNow, type OrderNode, openCounter, orderOf } from '../support/orders.ts';
import type { Server } from '../support/server.ts';
import { addAddress, makeProduct, makeShop, verify } from '../support/shop.ts';
import { globalId, rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const test = testOn({
  overrides: { ...QUIET.overrides, orders: { ...QUIET.overrides.orders, releaseIntervalMs: 20 } },
});

/** Lets the time to contest an order be over. The release then looks by itself. */
async function letWindowPass(pool: Pool, id: string): Promise<void> {
  await pool.query("UPDATE shop_order SET release_at = now() - interval '1 s' WHERE id = $1", [rowOf(id)]);
}

/** The order, once it is in the state. */
async function untilState(reader: Actor, id: string, state: string): Promise<OrderNode> {
  await expect.poll(async () => (await orderOf(reader, id))?.state, { interval: 20 }).toBe(state);
  return (await orderOf(reader, id))!;
}

/** Somebody who acts for the platform's own shop, and the shop. */
async function platformMember(server: Pick<Server, 'url'>, pool: Pool): Promise<{ member: Actor; merchantId: string }> {
  const member = await signIn(server, freshHandle('platform'));
  const { rows } = await pool.query<{ id: string }>(
    `WITH made AS (INSERT INTO merchant (handle, name, kind, verified) VALUES ('platform_shop', 'Hadiya', 'PLATFORM', true)
       ON CONFLICT DO NOTHING RETURNING id)
     SELECT id FROM made UNION ALL SELECT id FROM merchant WHERE kind = 'PLATFORM' LIMIT 1`,
  );
  const id = rows[0]!.id;
  await pool.query('INSERT INTO merchant_member VALUES ($1, $2)', [id, rowOf(member.id)]);
  return { member, merchantId: id };
}

/** What merchants have in their balances of an order's money: by handle. */
async function balances(pool: Pool, merchantIds: readonly string[]): Promise<number[]> {
  const { rows } = await pool.query<{ id: string; balance: number }>(
    `SELECT m.id, coalesce(sum(a.balance), 0)::int AS balance FROM merchant m LEFT JOIN ledger_account a
         ON a.owner_type = 'MERCHANT' AND a.owner_id = m.id AND a.kind = 'BALANCE' WHERE m.id = ANY($1) GROUP BY m.id`,
    [merchantIds],
  );
  const byId = new Map(rows.map(({ id, balance }) => [String(id), balance]));
  return merchantIds.map((id) => byId.get(id)!);
}

const kindsOf = ({ transfers }: OrderNode) => transfers.map(({ kind, amount }) => [kind, amount.minorUnits]);

describe('escrow', () => {
  test('is released after the window, less what was refunded', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const { id, lines } = await bought(counter, { quantity: 3 });
    succeed(await afterSale.refund(counter.shop.member, id, { lines: [{ lineId: lines[0]!.id, quantity: 1 }] }));
    expect((await orderOf(viewer, id))?.state).toBe('DELIVERED');
    await letWindowPass(db.pool, id);
    const order = await untilState(viewer, id, 'COMPLETED');
    expect(kindsOf(order)).toEqual([
      ['ORDER_PAID', 7_500],
      ['ORDER_REFUNDED', 2_500],
      ['REFUND_PAID', 2_500],
      ['ORDER_RELEASED', 5_000],
    ]);
    expect(await balances(db.pool, [rowOf(counter.shop.merchantId)])).toEqual([5_000]);
    await expectBooksBalanced(db.pool);
  });

  test('stays while the order is contested, or a refund is asked for', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const [contested, asked, free] = [await bought(counter), await bought(counter), await bought(counter)];
    succeed(await afterSale.dispute(viewer, contested.id));
    succeed(await afterSale.request(viewer, asked.id));
    for (const { id } of [contested, asked, free]) await letWindowPass(db.pool, id);
    await untilState(viewer, free.id, 'COMPLETED'); // One look has seen all three.
    expect((await orderOf(viewer, contested.id))?.state).toBe('DELIVERED');
    expect((await orderOf(viewer, asked.id))?.state).toBe('REFUND_REQUESTED');
    await expectBooksBalanced(db.pool);
  });

  test('of what a partner sends for the platform is split, and comes back from those who got it, to the cent', async ({
    db,
    server,
    viewer,
  }) => {
    const { member, merchantId } = await platformMember(server, db.pool);
    const partner = await makeShop(server, { kind: 'RETAIL_PARTNER' });
    await verify(db.pool, partner);
    const own = await makeProduct(partner, { priceMinor: 5, stock: 20 });
    const { rows } = await db.pool.query<{ id: string }>(
      `WITH source AS (SELECT v.*, p.title AS name FROM product_variant v JOIN product p ON p.id = v.product_id WHERE v.id = $2),
       p AS (INSERT INTO product (merchant_id, kind, title, media_urls, status) SELECT $1, 'PHYSICAL', name, '{}', 'PUBLISHED' FROM source RETURNING id)
       INSERT INTO product_variant (product_id, merchant_id, item_id, sku, title, price_minor, currency)
         SELECT p.id, $1, item_id, sku, title, price_minor, currency FROM p, source RETURNING id`,
      [merchantId, rowOf(own.variantId)],
    );
    const variantId = globalId('ProductVariant', rows[0]!.id);
    const call = { variantId, quantity: 7, expectedUnitPriceMinor: 5, addressId: await addAddress(viewer) };
    const { order } = succeed(await buyNow(viewer, call));
    await db.pool.query("UPDATE shop_order SET state = 'DELIVERED' WHERE id = $1", [rowOf(order.id)]);
    await db.pool.query(
      "INSERT INTO order_event (order_id, version, state, actor) VALUES ($1, 1000, 'DELIVERED', 'PARTNER')",
      [rowOf(order.id)],
    );
    await db.pool.query('UPDATE shop_order SET version = 1000 WHERE id = $1', [rowOf(order.id)]);
    await letWindowPass(db.pool, order.id);
    await untilState(viewer, order.id, 'COMPLETED');
    const partnerId = rowOf(partner.merchantId);
    // A tenth of 35 is 3.5: the margin is rounded to the partner's good.
    expect(await balances(db.pool, [merchantId, partnerId])).toEqual([3, 32]);
    const expected = [
      [3, 27],
      [2, 23],
      [2, 18],
      [1, 14],
      [1, 9],
      [0, 5],
      [0, 0],
    ];
    for (const left of expected) {
      const lines = [{ lineId: order.lines[0]!.id, quantity: 1 }];
      succeed(await afterSale.refund(member, order.id, { lines }));
      expect(await balances(db.pool, [merchantId, partnerId])).toEqual(left);
      await expectBooksBalanced(db.pool);
    }
    expect((await orderOf(viewer, order.id))?.state).toBe('REFUNDED');
  });
});

describe('a dispute', () => {
  test('is for the buyer to open, of what is on its way or delivered, once', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const { id } = await bought(counter);
    expect(await afterSale.dispute(counter.shop.member, id)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await afterSale.dispute(await signIn(server), id)).toMatchObject({ __typename: 'NotFoundError' });
    const outcomes = await atOnce(10, () => afterSale.dispute(viewer, id));
    const opened = outcomes.map((outcome) => succeed(outcome));
    expect(opened.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(opened.map(({ dispute }) => dispute.id)).size).toBe(1);
    const paid = await bought(await openCounter(server, viewer));
    const early = await expectNothingWritten(db.pool, () => afterSale.dispute(viewer, paid.id));
    expect(early).toMatchObject({ __typename: 'OrderStateError', state: 'PAID' });
  });

  test('may be given in to by the merchant, and rejected by the platform only', async ({ db, server, viewer }) => {
    const { member } = await platformMember(server, db.pool);
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const [one, two] = [await bought(counter), await bought(counter)];
    const first = succeed(await afterSale.dispute(viewer, one.id)).dispute.id;
    const second = succeed(await afterSale.dispute(viewer, two.id)).dispute.id;
    for (const decision of ['REFUND', 'REJECT'] as const) {
      expect(await afterSale.resolve(viewer, first, decision)).toMatchObject({ __typename: 'ForbiddenError' });
      const outsider = await signIn(server);
      expect(await afterSale.resolve(outsider, first, decision)).toMatchObject({ __typename: 'NotFoundError' });
    }
    expect(await afterSale.resolve(counter.shop.member, first, 'REJECT')).toMatchObject({
      __typename: 'ForbiddenError',
    });
    expect(succeed(await afterSale.resolve(counter.shop.member, first, 'REFUND'))).toMatchObject({
      replayed: false,
      dispute: { state: 'REFUNDED' },
      order: { state: 'REFUNDED', refunded: { minorUnits: 2_500 } },
    });
    const again = await expectNothingWritten(db.pool, () => afterSale.resolve(counter.shop.member, first, 'REFUND'));
    expect(again).toMatchObject({ replayed: true });
    expect(await afterSale.resolve(member, first, 'REJECT')).toMatchObject({ __typename: 'OrderStateError' });
    expect(succeed(await afterSale.resolve(member, second, 'REJECT'))).toMatchObject({
      dispute: { state: 'REJECTED' },
      order: { state: 'DELIVERED', refunded: { minorUnits: 0 } },
    });
    await letWindowPass(db.pool, two.id);
    await untilState(viewer, two.id, 'COMPLETED');
    await expectBooksBalanced(db.pool);
  });

  test('is not decided by whoever opened it, whomever they act for', async ({ db, server }) => {
    const { member } = await platformMember(server, db.pool);
    const { id } = await bought(await openCounter(server, member, { kind: 'DIGITAL' }));
    const { dispute } = succeed(await afterSale.dispute(member, id));
    expect(await afterSale.resolve(member, dispute.id, 'REFUND')).toMatchObject({ __typename: 'ForbiddenError' });
  });

  test('of which all was refunded meanwhile can be decided, and moves nothing more', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const { id } = await bought(counter);
    const { dispute } = succeed(await afterSale.dispute(viewer, id));
    succeed(await afterSale.refund(counter.shop.member, id));
    expect(succeed(await afterSale.resolve(counter.shop.member, dispute.id, 'REFUND'))).toMatchObject({
      dispute: { state: 'REFUNDED' },
      order: { state: 'REFUNDED', refunded: { minorUnits: 2_500 } },
    });
    await expectBooksBalanced(db.pool);
  });

  test('that is decided for the buyer ends the request for a refund, too', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
    const { id } = await bought(counter, { quantity: 2 });
    const { dispute } = succeed(await afterSale.dispute(viewer, id));
    const { refund } = succeed(await afterSale.request(viewer, id));
    const { order } = succeed(await afterSale.resolve(counter.shop.member, dispute.id, 'REFUND'));
    expect(order).toMatchObject({ state: 'REFUNDED', refunded: { minorUnits: 5_000 } });
    expect(order.refunds.map(({ state }) => state)).toEqual(['REJECTED', expect.stringMatching(/PENDING|SUCCEEDED/)]);
    expect(await afterSale.approve(counter.shop.member, refund.id)).toMatchObject({ __typename: 'OrderStateError' });
    await expectBooksBalanced(db.pool);
  });
});

describe('services', () => {
  /** Marks the oldest vouchers of an order as used. */
  const use = (pool: Pool, id: string, count: number) =>
    pool.query(
      `UPDATE voucher SET state = 'VERIFIED', verified_at = now() WHERE id IN (
         SELECT v.id FROM voucher v JOIN order_line l ON l.id = v.line_id WHERE l.order_id = $1 ORDER BY v.id LIMIT $2)`,
      [rowOf(id), count],
    );
  const statesOf = async (pool: Pool, id: string) =>
    (
      await pool.query<{ state: string }>(
        'SELECT v.state FROM voucher v JOIN order_line l ON l.id = v.line_id WHERE l.order_id = $1 ORDER BY v.id',
        [rowOf(id)],
      )
    ).rows.map(({ state }) => state);

  test('vouchers that were used are not refunded by agreement', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'SERVICE' });
    const { id, lines } = await bought(counter, { quantity: 3 });
    await use(db.pool, id, 1);
    expect(await afterSale.cancel(viewer, id)).toMatchObject({ __typename: 'OrderStateError' });
    const all = await expectNothingWritten(db.pool, () => afterSale.refund(counter.shop.member, id));
    expect(all).toMatchObject({ __typename: 'OrderStateError' });
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 2 }] };
    const { order } = succeed(await afterSale.refund(counter.shop.member, id, call));
    // The one that is left was used: there is nothing left to deliver.
    expect(order).toMatchObject({ state: 'DELIVERED', refunded: { minorUnits: 5_000 } });
    expect(await statesOf(db.pool, id)).toEqual(['VERIFIED', 'CANCELLED', 'CANCELLED']);
    await expectBooksBalanced(db.pool);
  });

  test('a decision for the buyer refunds them all the same', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { kind: 'SERVICE' });
    const { id, lines } = await bought(counter, { quantity: 2 });
    await use(db.pool, id, 1);
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 1 }] };
    succeed(await afterSale.refund(counter.shop.member, id, call));
    const { dispute } = succeed(await afterSale.dispute(viewer, id));
    const { order } = succeed(await afterSale.resolve(counter.shop.member, dispute.id, 'REFUND'));
    expect(order).toMatchObject({ state: 'REFUNDED', refunded: { minorUnits: 5_000 } });
    expect(await statesOf(db.pool, id)).toEqual(['VERIFIED', 'CANCELLED']);
    await expectBooksBalanced(db.pool);
  });
});
