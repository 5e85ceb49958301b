import { rows, type SqlTransaction } from '../../db/database.ts';
import { halfLivesUntil, NEGLIGIBLE_LOG } from './trends.score.ts';

/** The platform's shop lists what stands so high among the partners' products with stock… */
export const LISTED_RANK_MAX = 20;
/** …and keeps a listing while its product stands so high among all of theirs: what wavers at the edge does not come and go. */
export const KEPT_RANK_MAX = 40;

/** One server at a time keeps the shop. */
const SHOP_LOCK = 4_823_018;

/** Whether a partner could send anything of a product `p` now. */
const IN_STOCK = `EXISTS (SELECT 1 FROM product_variant v JOIN inventory i ON i.item_id = v.item_id AND i.on_hand > i.held
  JOIN warehouse w ON w.id = i.warehouse_id JOIN merchant wm ON wm.id = w.merchant_id AND wm.kind = 'RETAIL_PARTNER' AND wm.verified
 WHERE v.product_id = p.id AND v.active)`;

/**
 * The sku of the listing of a variant `v`. The id keeps two partners with the same sku apart; the merchant's own sku is for people, as
 * far as there is room.
 */
const LISTING_SKU = `left('H' || v.id || '-' || v.sku, 64)`;

/** Locks the platform's shop until the transaction ends. Returns its merchant; undefined when there is none, or another server is at it. */
export async function lockShop(sql: SqlTransaction): Promise<bigint | undefined> {
  const [shop] = await rows<{ locked: boolean; merchantId: bigint | null }>(
    sql,
    `/* trends.lockShop */ SELECT pg_try_advisory_xact_lock($1) AS locked,
       (SELECT id FROM merchant WHERE kind = 'PLATFORM') AS "merchantId"`,
    [SHOP_LOCK],
  );
  return shop!.locked ? (shop!.merchantId ?? undefined) : undefined;
}

/** The partners' products that the shop is to list: those that trend, and those that still do and are listed. */
export async function findProductsToList(sql: SqlTransaction): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* trends.toList */ SELECT product_id AS id FROM (${best(IN_STOCK, LISTED_RANK_MAX)}) listed
     UNION SELECT k.product_id FROM (${best('true', KEPT_RANK_MAX)}) k
       JOIN product l ON l.source_id = k.product_id AND l.status = 'PUBLISHED'`,
  );
  return found.map(({ id }) => id);
}

function best(condition: string, rankMax: number): string {
  return `SELECT t.product_id FROM product_trend t JOIN product p ON p.id = t.product_id AND p.status = 'PUBLISHED'
       JOIN merchant m ON m.id = p.merchant_id AND m.kind = 'RETAIL_PARTNER' AND m.verified
      WHERE t.region = '' AND t.log_score > ${halfLivesUntil('now()')} + ${NEGLIGIBLE_LOG} AND ${condition}
      ORDER BY t.log_score DESC, t.product_id LIMIT ${rankMax}`;
}

/** Publishes a listing of each of these products, as the product is now. Returns how many listings are new or have changed. */
export async function listProducts(sql: SqlTransaction, shopId: bigint, sourceIds: readonly bigint[]): Promise<number> {
  const changed = await rows(
    sql,
    `/* trends.list */ INSERT INTO product AS o (merchant_id, kind, title, description, media_urls, status, source_id)
     SELECT $1, p.kind, p.title, p.description, p.media_urls, 'PUBLISHED', p.id FROM product p WHERE p.id = ANY($2) ORDER BY p.id
     ON CONFLICT (source_id) DO UPDATE SET kind = EXCLUDED.kind, title = EXCLUDED.title, description = EXCLUDED.description,
       media_urls = EXCLUDED.media_urls, status = EXCLUDED.status, updated_at = CURRENT_TIMESTAMP
       WHERE (o.kind, o.title, o.description, o.media_urls, o.status)
         IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.title, EXCLUDED.description, EXCLUDED.media_urls, EXCLUDED.status)
     RETURNING 1`,
    [shopId, sourceIds],
  );
  return changed.length;
}

/** Archives all other listings. Never deletes one: orders know it, and it may trend again. Returns how many. */
export async function archiveListings(
  sql: SqlTransaction,
  shopId: bigint,
  keptSourceIds: readonly bigint[],
): Promise<number> {
  const archived = await rows(
    sql,
    `/* trends.archive */ UPDATE product SET status = 'ARCHIVED', updated_at = CURRENT_TIMESTAMP
      WHERE merchant_id = $1 AND source_id <> ALL($2) AND status = 'PUBLISHED' RETURNING 1`,
    [shopId, keptSourceIds],
  );
  return archived.length;
}

/**
 * Makes the variants of listings those of their products: the same items, so that their stock is what partners have of them, at the
 * same prices. Returns how many are new or have changed.
 */
export async function listVariants(sql: SqlTransaction, shopId: bigint, sourceIds: readonly bigint[]): Promise<number> {
  const changed = await rows(
    sql,
    `/* trends.listVariants */ INSERT INTO product_variant AS o
       (product_id, merchant_id, item_id, sku, title, price_minor, currency, position, download_url)
     SELECT l.id, $1, v.item_id, ${LISTING_SKU}, v.title, v.price_minor, v.currency, v.position, v.download_url
       FROM product l JOIN product_variant v ON v.product_id = l.source_id AND v.active
      WHERE l.merchant_id = $1 AND l.source_id = ANY($2) ORDER BY v.id
     ON CONFLICT (merchant_id, sku) DO UPDATE SET item_id = EXCLUDED.item_id, title = EXCLUDED.title,
       price_minor = EXCLUDED.price_minor, currency = EXCLUDED.currency, position = EXCLUDED.position, active = true,
       download_url = EXCLUDED.download_url
       WHERE o.product_id = EXCLUDED.product_id
         AND (o.item_id, o.title, o.price_minor, o.currency, o.position, o.active, o.download_url) IS DISTINCT FROM
           (EXCLUDED.item_id, EXCLUDED.title, EXCLUDED.price_minor, EXCLUDED.currency, EXCLUDED.position, true, EXCLUDED.download_url)
     RETURNING 1`,
    [shopId, sourceIds],
  );
  return changed.length;
}

/** Takes the variants of listings off sale whose product has them no more. Returns how many. */
export async function withdrawVariants(
  sql: SqlTransaction,
  shopId: bigint,
  sourceIds: readonly bigint[],
): Promise<number> {
  const withdrawn = await rows(
    sql,
    `/* trends.withdraw */ UPDATE product_variant o SET active = false FROM product l
      WHERE l.merchant_id = $1 AND l.source_id = ANY($2) AND o.product_id = l.id AND o.active AND NOT EXISTS (
        SELECT 1 FROM product_variant v WHERE v.product_id = l.source_id AND v.active AND ${LISTING_SKU} = o.sku)
     RETURNING 1`,
    [shopId, sourceIds],
  );
  return withdrawn.length;
}
