/** Merchants, products and stock as rows: for tests that are not about how they come to be. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Actor } from '../../support/operations.ts';
import { globalId, rowOf } from './ids.ts';

/** A merchant, and where it sends from. */
export type MerchantRows = { id: string; merchantId: string; warehouseId: string };
/** A product, with global ids. */
export type ProductRows = { id: string; productId: string; variantIds: string[]; itemIds: string[] };

/** Makes a merchant with one warehouse and those who act for it. */
export async function insertMerchant(
  pool: Pool,
  { members = [], kind = 'BRAND', verified = true, promiseMinutes = 2_880 }: MerchantOptions = {},
): Promise<MerchantRows> {
  if (kind === 'PLATFORM') return platform(pool, promiseMinutes);
  const handle = `m_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const merchantId = await insert(
    pool,
    'INSERT INTO merchant (handle, name, kind, verified) VALUES ($1, $2, $3, $4) RETURNING id',
    [handle, `Shop ${handle}`, kind, verified],
  );
  for (const member of members) {
    await pool.query('INSERT INTO merchant_member (merchant_id, viewer_id) VALUES ($1, $2)', [
      merchantId,
      rowOf(member.id),
    ]);
  }
  const warehouseId = await insertWarehouse(pool, merchantId, promiseMinutes);
  return { id: globalId('Merchant', merchantId), merchantId, warehouseId };
}

/** The platform's shop, of which there is one, with a warehouse. */
async function platform(pool: Pool, promiseMinutes: number): Promise<MerchantRows> {
  await pool.query(
    `INSERT INTO merchant (handle, name, kind, verified) VALUES ('platform_rows', 'Platform', 'PLATFORM', true) ON CONFLICT DO NOTHING`,
  );
  const { rows } = await pool.query<{ id: string }>(`SELECT id FROM merchant WHERE kind = 'PLATFORM'`);
  const merchantId = rows[0]!.id;
  return {
    id: globalId('Merchant', merchantId),
    merchantId,
    warehouseId: await insertWarehouse(pool, merchantId, promiseMinutes),
  };
}

/** What a merchant is. */
export type MerchantOptions = {
  members?: readonly Actor[];
  kind?: 'BRAND' | 'RETAIL_PARTNER' | 'PLATFORM';
  verified?: boolean;
  promiseMinutes?: number;
};

/** Makes another warehouse of a merchant. */
export function insertWarehouse(pool: Pool, merchantId: string, promiseMinutes: number): Promise<string> {
  return insert(
    pool,
    'INSERT INTO warehouse (merchant_id, name, region, promise_minutes) VALUES ($1, $2, $3, $4) RETURNING id',
    [merchantId, `Warehouse ${randomUUID()}`, 'AE', promiseMinutes],
  );
}

/** What a product is. */
export type ProductOptions = {
  kind?: 'PHYSICAL' | 'FOOD' | 'SERVICE' | 'DIGITAL';
  status?: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  title?: string;
  /** One variant for each price. */
  prices?: readonly number[];
  currency?: string;
  /** Units in the merchant's warehouse, of each variant. */
  stock?: number;
};

/** Makes a product, published unless said otherwise, with its variants in stock. */
export async function insertProduct(
  pool: Pool,
  { merchantId, warehouseId }: MerchantRows,
  options: ProductOptions = {},
): Promise<ProductRows> {
  const { kind = 'PHYSICAL', status = 'PUBLISHED', title = 'Oud', prices = [10_000], currency = 'AED' } = options;
  const productId = await insert(
    pool,
    `INSERT INTO product (merchant_id, kind, title, media_urls, status) VALUES ($1, $2, $3, '{}', $4) RETURNING id`,
    [merchantId, kind, title, status],
  );
  const variantIds: string[] = [];
  const itemIds: string[] = [];
  for (const [position, price] of prices.entries()) {
    const itemId = await insert(pool, 'INSERT INTO item DEFAULT VALUES RETURNING id', []);
    await insertStock(pool, itemId, warehouseId, options.stock ?? 100);
    const variantId = await insert(
      pool,
      `INSERT INTO product_variant (product_id, merchant_id, item_id, sku, title, price_minor, currency, position)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
      [productId, merchantId, itemId, randomUUID(), `Size ${position}`, price, currency, position],
    );
    variantIds.push(globalId('ProductVariant', variantId));
    itemIds.push(itemId);
  }
  return { id: globalId('Product', productId), productId, variantIds, itemIds };
}

/** Puts units into a warehouse. */
export async function insertStock(pool: Pool, itemId: string, warehouseId: string, onHand: number): Promise<void> {
  await pool.query('INSERT INTO inventory (item_id, warehouse_id, on_hand) VALUES ($1, $2, $3)', [
    itemId,
    warehouseId,
    onHand,
  ]);
}

/** Notes what a variant cost so many days ago. */
export async function insertOldPrice(pool: Pool, variantId: string, minor: number, daysAgo: number): Promise<void> {
  await pool.query(
    `INSERT INTO price_change (variant_id, price_minor, currency, changed_at)
     SELECT id, $2, currency, now() - make_interval(days => $3) FROM product_variant WHERE id = $1`,
    [rowOf(variantId), minor, daysAgo],
  );
}

/** Makes orders of a merchant, each in the state and so many days old. Returns their rows. */
export async function insertOrders(
  pool: Pool,
  { merchantId }: MerchantRows,
  count: number,
  { state = 'COMPLETED', daysAgo = 1, buyer }: { state?: string; daysAgo?: number; buyer: Actor },
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `WITH paid AS (
       INSERT INTO checkout (buyer_id, input_hash, state, amount_minor, currency, payment_token, held_until)
       SELECT $2, '', 'PAID', 100, 'AED', 'tok_ok', now() FROM generate_series(1, $3) RETURNING id
     ) INSERT INTO shop_order (number, checkout_id, buyer_id, merchant_id, state, currency, total_minor, created_at)
       SELECT gen_random_uuid(), id, $2, $1, $4, 'AED', 100, now() - make_interval(days => $5) FROM paid RETURNING id`,
    [merchantId, rowOf(buyer.id), count, state, daysAgo],
  );
  return rows.map(({ id }) => id);
}

/** Has the buyers of orders contest them. */
export async function insertDisputes(pool: Pool, orderIds: readonly string[]): Promise<void> {
  await pool.query(`INSERT INTO dispute (order_id, kind, reason) SELECT unnest($1::bigint[]), 'BUYER', 'Never came.'`, [
    orderIds,
  ]);
}

async function insert(pool: Pool, sql: string, values: unknown[]): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(sql, values);
  return rows[0]!.id;
}
