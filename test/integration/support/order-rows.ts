/** Paid orders, as rows: for tests of what happens to them afterwards. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { LineToFulfil } from '../../../src/domains/fulfilment/fulfilment.api.ts';
import { lockOrders, moveOrders } from '../../../src/domains/orders/orders.api.ts';
import type { Actor } from '../../support/operations.ts';
import type { Server } from '../../support/server.ts';
import { globalId, rowOf } from './ids.ts';

/** A merchant with one warehouse. */
export type MerchantRows = { id: bigint; globalId: string; handle: string; warehouseId: bigint };

/** A line to buy: one of something, by parcel from the seller's own warehouse, unless it says otherwise. */
export type LineRows = { kind?: LineToFulfil['kind']; quantity?: number; from?: MerchantRows; promiseMinutes?: number };

/** A paid order. */
export type OrderRows = { id: bigint; globalId: string; lines: LineToFulfil[] };

/** One row of an INSERT: its id. */
async function insert(pool: Pool, text: string, values: readonly unknown[]): Promise<bigint> {
  const { rows } = await pool.query(`${text} RETURNING id`, [...values]);
  return BigInt(rows[0].id);
}

/** Writes a merchant with a warehouse. */
export async function createMerchant(
  pool: Pool,
  options: { kind?: 'BRAND' | 'RETAIL_PARTNER'; members?: readonly Actor[]; webhookSecret?: string } = {},
): Promise<MerchantRows> {
  const handle = `m_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
  const id = await insert(
    pool,
    'INSERT INTO merchant (handle, name, kind, verified, webhook_secret) VALUES ($1, $1, $2, true, $3)',
    [handle, options.kind ?? 'BRAND', options.webhookSecret],
  );
  for (const member of options.members ?? []) {
    await pool.query('INSERT INTO merchant_member VALUES ($1, $2)', [id, rowOf(member.id)]);
  }
  const warehouseId = await insert(
    pool,
    "INSERT INTO warehouse (merchant_id, name, region, promise_minutes) VALUES ($1, 'Main', 'AE', 60)",
    [id],
  );
  return { id, globalId: globalId('Merchant', id), handle, warehouseId };
}

/** Writes a checkout and an order, both paid, with these lines. Fulfilment has not begun. */
export async function payOrder(
  pool: Pool,
  { buyer, seller, lines }: { buyer: Actor; seller: MerchantRows; lines: readonly LineRows[] },
): Promise<OrderRows> {
  const buyerId = rowOf(buyer.id);
  const total = lines.reduce((sum, { quantity = 1 }) => sum + 500 * quantity, 0);
  const checkoutId = await insert(
    pool,
    `INSERT INTO checkout (buyer_id, input_hash, state, amount_minor, currency, payment_token, held_until, settled_at)
     VALUES ($1, 'test', 'PAID', $2, 'USD', 'tok_ok', now(), now())`,
    [buyerId, total],
  );
  const orderId = await insert(
    pool,
    `INSERT INTO shop_order (number, checkout_id, buyer_id, merchant_id, state, currency, total_minor)
     VALUES ($1, $2, $3, $4, 'PAID', 'USD', $5)`,
    [randomUUID(), checkoutId, buyerId, seller.id, total],
  );
  const written: LineToFulfil[] = [];
  for (const { kind = 'PHYSICAL', quantity = 1, from = seller, promiseMinutes = 60 } of lines) {
    const { productId, variantId, itemId } = await createVariant(pool, seller, kind);
    const id = await insert(
      pool,
      `INSERT INTO order_line (order_id, buyer_id, variant_id, product_id, item_id, warehouse_id, kind, quantity, unit_price_minor)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 500)`,
      [orderId, buyerId, variantId, productId, itemId, from.warehouseId, kind, quantity],
    );
    const { warehouseId, id: warehouseMerchantId } = from;
    const rest = { warehouseId, warehouseMerchantId, sellerId: seller.id, quantity, promiseMinutes };
    written.push({ id, orderId, kind, ...rest });
  }
  return { id: orderId, globalId: globalId('Order', orderId), lines: written };
}

/** Pays an order and begins to fulfil it, as a settled checkout does. */
export async function placeOrder(
  server: Server,
  pool: Pool,
  order: Parameters<typeof payOrder>[1],
): Promise<OrderRows> {
  const paid = await payOrder(pool, order);
  await begin(server, paid);
  return paid;
}

/** Begins to fulfil orders. Returns the ids of those that this delivers. */
export function begin(server: Server, ...orders: readonly OrderRows[]): Promise<bigint[]> {
  const { db, fulfilment } = server.app.services;
  return db.inTransaction(async (sql) => {
    const locked = await lockOrders(
      sql,
      orders.map(({ id }) => id),
    );
    const done = await fulfilment.begin(
      sql,
      orders.flatMap(({ lines }) => lines),
    );
    const delivered = locked.filter(({ id }) => done.includes(id));
    await moveOrders(sql, delivered, { to: 'DELIVERED', actor: 'SYSTEM' });
    return done;
  });
}

async function createVariant(pool: Pool, seller: MerchantRows, kind: LineToFulfil['kind']) {
  const itemId = await insert(pool, 'INSERT INTO item (gtin) VALUES (NULL)', []);
  const productId = await insert(
    pool,
    "INSERT INTO product (merchant_id, kind, title, media_urls, status) VALUES ($1, $2, 'Thing', '{}', 'PUBLISHED')",
    [seller.id, kind],
  );
  const variantId = await insert(
    pool,
    `INSERT INTO product_variant (product_id, merchant_id, item_id, sku, title, price_minor, currency)
     VALUES ($1, $2, $3, $4, 'One', 500, 'USD')`,
    [productId, seller.id, itemId, randomUUID()],
  );
  return { itemId, productId, variantId };
}
