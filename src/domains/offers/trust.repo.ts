import { type Queryable, rows, statement } from '../../db/database.ts';
import type { ProductKind } from '../catalog/catalog.api.ts';

/** What a trust card is about: one variant of a product, or all of them, before a moment. */
export type TrustSubject = { productId: bigint; variantId: bigint | null; before: Date | null };

/** Days before an offer (for a product: before now) whose lowest price is shown. */
export const PRICE_WINDOW_DAYS = 30;
/** Days whose orders say how often buyers contest them. */
export const DISPUTE_WINDOW_DAYS = 90;
/** Orders that are looked at: the newest ones. So a card costs no more for a merchant who sells much. */
export const DISPUTE_ORDERS_MAX = 1_000;

/** What the prices and warehouses say. */
export type SubjectRow = {
  merchantId: bigint;
  sellerVerified: boolean;
  kind: ProductKind;
  currency: string | null;
  /** The fastest promise among the warehouses that have stock. */
  promiseMinutes: number | null;
  lowestMinor: bigint | null;
  /** Since when there has been a price. */
  since: Date | null;
};

/** How many of a merchant's orders were contested. */
export type SellerRow = { merchantId: bigint; orders: number; disputed: number };

// A price counts while it is in force: the changes in the window, the one before it, and the offers that were open in it.
const SUBJECTS = statement(
  'offers.trustSubjects',
  `SELECT r.position::int, p.merchant_id AS "merchantId", m.verified AS "sellerVerified", p.kind, chosen.currency,
          promise.minutes AS "promiseMinutes", prices.lowest AS "lowestMinor", prices.since
     FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) WITH ORDINALITY r(product_id, variant_id, before, position)
     JOIN product p ON p.id = r.product_id JOIN merchant m ON m.id = p.merchant_id
     CROSS JOIN LATERAL (
       SELECT coalesce(r.before, clock_timestamp()) AS until,
              coalesce(r.before, clock_timestamp()) - make_interval(days => $4) AS begin) span
     LEFT JOIN LATERAL (
       SELECT (array_agg(v.currency ORDER BY v.position, v.id))[1] AS currency, array_agg(v.item_id) AS items, array_agg(v.id) AS ids
         FROM product_variant v
        WHERE v.product_id = r.product_id AND CASE WHEN r.variant_id IS NULL THEN v.active ELSE v.id = r.variant_id END
     ) chosen ON true
     LEFT JOIN LATERAL (
       SELECT min(w.promise_minutes) AS minutes
         FROM inventory i JOIN warehouse w ON w.id = i.warehouse_id JOIN merchant wm ON wm.id = w.merchant_id
        WHERE i.item_id = ANY(chosen.items) AND i.on_hand > i.held
          AND (w.merchant_id = p.merchant_id OR (m.kind = 'PLATFORM' AND wm.kind = 'RETAIL_PARTNER' AND wm.verified))
     ) promise ON true
     LEFT JOIN LATERAL (
       SELECT min(price.minor) AS lowest, min(price.since) AS since FROM unnest(chosen.ids) AS of(variant_id) CROSS JOIN LATERAL (
         (SELECT c.price_minor AS minor, c.changed_at AS since FROM price_change c
           WHERE c.variant_id = of.variant_id AND c.changed_at < span.until AND c.changed_at > span.begin AND c.currency = chosen.currency)
         UNION ALL
         (SELECT c.price_minor, c.changed_at FROM (
            SELECT price_minor, changed_at, currency FROM price_change
             WHERE variant_id = of.variant_id AND changed_at <= span.begin ORDER BY changed_at DESC, id DESC LIMIT 1
          ) c WHERE c.currency = chosen.currency)
         UNION ALL
         (SELECT o.unit_price_minor, NULL FROM offer o
           WHERE o.variant_id = of.variant_id AND o.starts_at < span.until AND o.starts_at > span.begin - make_interval(secs => $5)
             AND coalesce(o.ended_at, o.ends_at) > span.begin AND o.currency = chosen.currency)
       ) price
     ) prices ON true`,
);

const SELLERS = statement(
  'offers.trustSellers',
  `SELECT r.merchant_id AS "merchantId", count(o.id)::int AS orders,
          count(*) FILTER (WHERE EXISTS (SELECT 1 FROM dispute d WHERE d.order_id = o.id))::int AS disputed
     FROM unnest($1::bigint[]) AS r(merchant_id)
     LEFT JOIN LATERAL (
       SELECT id FROM (
         SELECT id, state, created_at FROM shop_order WHERE merchant_id = r.merchant_id ORDER BY id DESC LIMIT $3
       ) newest WHERE state NOT IN ('PENDING_PAYMENT', 'CANCELLED') AND created_at > clock_timestamp() - make_interval(days => $2)
     ) o ON true GROUP BY r.merchant_id`,
);

/**
 * What the prices and warehouses of subjects say, in one statement, in the order of the subjects.
 * @param offerSecondsMax how long an offer lasts at the most: one that began earlier before the window was over by then
 */
export async function readSubjects(
  sql: Queryable,
  subjects: readonly TrustSubject[],
  offerSecondsMax: number,
): Promise<(SubjectRow | undefined)[]> {
  const found = await rows<SubjectRow & { position: number }>(sql, SUBJECTS, [
    subjects.map(({ productId }) => productId),
    subjects.map(({ variantId }) => variantId),
    subjects.map(({ before }) => before),
    PRICE_WINDOW_DAYS,
    offerSecondsMax,
  ]);
  const byPosition = new Map(found.map((row) => [row.position, row]));
  return subjects.map((_subject, index) => byPosition.get(index + 1));
}

/** How often the orders of merchants were contested, in one statement. */
export function readSellers(sql: Queryable, merchantIds: readonly bigint[]): Promise<SellerRow[]> {
  return rows<SellerRow>(sql, SELLERS, [merchantIds, DISPUTE_WINDOW_DAYS, DISPUTE_ORDERS_MAX]);
}
