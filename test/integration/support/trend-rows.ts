/** Merchants, products and signals as rows, for tests of what trends. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { halfLivesUntil } from '../../../src/domains/trends/trends.score.ts';
import type { Endpoint } from '../../support/endpoint.ts';
import { query } from '../../support/operations.ts';
import { globalId } from './ids.ts';

/** A product that was inserted. */
export type ProductRow = { row: string; id: string; variantRow: string; itemRow: string; warehouseRow: string };

/** A product as `trendingProducts` shows it. */
export type Trending = { rank: number; score: number; product: { id: string; title: string } };

/** Inserts a merchant; returns its row id. The platform is there already. */
export async function insertMerchant(
  pool: Pool,
  kind: 'BRAND' | 'RETAIL_PARTNER' | 'PLATFORM' = 'BRAND',
): Promise<string> {
  const handle = kind === 'PLATFORM' ? 'hadiya' : `m${randomUUID().slice(0, 8)}`;
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO merchant (handle, name, kind, verified) VALUES ($1, $1, $2, true) ON CONFLICT (handle) DO UPDATE SET kind = $2 RETURNING id`,
    [handle, kind],
  );
  return rows[0]!.id;
}

/** Inserts a published product with one variant and stock in one warehouse of its merchant. */
export async function insertProduct(
  pool: Pool,
  merchantRow: string,
  options: { title?: string; priceMinor?: number; stock?: number; status?: string } = {},
): Promise<ProductRow> {
  const { title = 'Kettle', priceMinor = 1_999, stock = 5, status = 'PUBLISHED' } = options;
  const { rows } = await pool.query<{ row: string; variantRow: string; itemRow: string; warehouseRow: string }>(
    `WITH p AS (
       INSERT INTO product (merchant_id, kind, title, description, media_urls, status)
         VALUES ($1, 'PHYSICAL', $2, 'Boils water', ARRAY['https://media.example/kettle.jpg'], $5) RETURNING id
     ), i AS (INSERT INTO item DEFAULT VALUES RETURNING id
     ), v AS (
       INSERT INTO product_variant (product_id, merchant_id, item_id, sku, title, price_minor, currency)
         SELECT p.id, $1, i.id, 'SKU-' || p.id, 'One size', $3, 'USD' FROM p, i RETURNING id
     ), w AS (
       INSERT INTO warehouse (merchant_id, name, region, promise_minutes) SELECT $1, 'W' || p.id, 'AE', 60 FROM p RETURNING id
     ), s AS (INSERT INTO inventory (item_id, warehouse_id, on_hand) SELECT i.id, w.id, $4 FROM i, w
     ) SELECT p.id AS row, v.id AS "variantRow", i.id AS "itemRow", w.id AS "warehouseRow" FROM p, v, i, w`,
    [merchantRow, title, priceMinor, stock, status],
  );
  return { ...rows[0]!, id: globalId('Product', rows[0]!.row) };
}

/** Inserts signals as their writers do. */
export async function insertSignal(
  pool: Pool,
  productRow: string,
  options: { kind?: string; amount?: number; region?: string; hoursAgo?: number } = {},
): Promise<void> {
  const { kind = 'VIEW', amount = 1, region = '', hoursAgo = 0 } = options;
  await pool.query(
    `INSERT INTO trend_signal (product_id, region, kind, amount, occurred_at)
       VALUES ($1, $2, $3, $4, clock_timestamp() - make_interval(mins => $5))`,
    [productRow, region, kind, amount, hoursAgo * 60],
  );
}

/** Gives every product a score in some regions, the newer the higher. */
export async function insertScores(pool: Pool, regions: readonly string[]): Promise<void> {
  await pool.query(
    `INSERT INTO product_trend (region, product_id, log_score)
       SELECT r, id, ${halfLivesUntil('now()')} + id * 1e-4 FROM product, unnest($1::text[]) r`,
    [regions],
  );
}

/** Gives products scores in the whole world, in this order, best first; all others lose theirs. */
export async function scoreProducts(pool: Pool, products: readonly ProductRow[]): Promise<void> {
  await pool.query('DELETE FROM product_trend');
  await pool.query(
    `INSERT INTO product_trend (region, product_id, log_score)
       SELECT '', p, ${halfLivesUntil('now()')} + 1 - n * 1e-2 FROM unnest($1::bigint[]) WITH ORDINALITY o(p, n)`,
    [products.map(({ row }) => row)],
  );
}

/** How many signals are not counted yet. */
export async function waitingSignals(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM trend_signal');
  return rows[0]!.count;
}

/** What trends, as everybody sees it. */
export async function readTrending(
  endpoint: Pick<Endpoint, 'http'>,
  args: { region?: string; first?: number } = {},
): Promise<Trending[]> {
  const document = `query Trending($region: String, $first: Int) { trendingProducts(region: $region, first: $first) {
    rank score product { id title } } }`;
  return (await query<{ trendingProducts: Trending[] }>(endpoint.http(), document, args)).trendingProducts;
}
