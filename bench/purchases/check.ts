import type pg from 'pg';
import { BOOKS, checkRules, type Rules, withClient } from '../lib/books.ts';
import type { Acknowledged } from './buyers.api.ts';
import type { SeededShop } from './seed.ts';

/** What holds of a shop that nothing is under way in. $STOCK is what there was of each variant. */
const RULES: Rules = {
  ...BOOKS,
  'nothing is on hold': `
    SELECT 'checkout', id FROM checkout WHERE state = 'HELD' UNION ALL SELECT 'item', item_id FROM inventory WHERE held <> 0
    UNION ALL SELECT 'offer', id FROM offer WHERE held <> 0`,
  'every order is paid, or cancelled with its purchase': `
    SELECT o.id, o.state, c.state FROM checkout c FULL JOIN shop_order o ON o.checkout_id = c.id
     WHERE (o.state, c.state) NOT IN (('PAID', 'PAID'), ('CANCELLED', 'DECLINED'), ('CANCELLED', 'EXPIRED')) OR o.id IS NULL OR c.id IS NULL`,
  'every paid order has its money in escrow, once': `
    SELECT o.id, t.id FROM (SELECT * FROM shop_order WHERE state = 'PAID') o
      FULL JOIN (SELECT * FROM transfer WHERE kind = 'ORDER_PAID') t ON t.cause_id = o.id
     WHERE o.total_minor IS DISTINCT FROM t.amount OR o.currency IS DISTINCT FROM t.unit`,
  'every order has its lines, and is their sum': `
    SELECT o.id FROM shop_order o LEFT JOIN order_line l ON l.order_id = o.id GROUP BY o.id
    HAVING o.total_minor IS DISTINCT FROM sum(l.quantity * l.unit_price_minor)`,
  'stock is what there was less what was sold': `
    SELECT i.item_id, i.on_hand, s.sold FROM inventory i LEFT JOIN (
        SELECT l.item_id, sum(l.quantity) AS sold FROM order_line l JOIN shop_order o ON o.id = l.order_id AND o.state = 'PAID' GROUP BY 1
      ) s USING (item_id) WHERE i.on_hand <> $STOCK - coalesce(s.sold, 0)`,
  'an offer has sold what its orders say': `
    SELECT f.id, f.sold, s.sold FROM offer f LEFT JOIN (
        SELECT l.offer_id, sum(l.quantity) AS sold FROM order_line l JOIN shop_order o ON o.id = l.order_id AND o.state = 'PAID' GROUP BY 1
      ) s ON s.offer_id = f.id WHERE f.sold <> coalesce(s.sold, 0)`,
  'the feed tells of every line that was bought in a stream, once': `
    SELECT FROM (
      SELECT (SELECT count(*) FROM order_line l JOIN shop_order o ON o.id = l.order_id AND o.state = 'PAID' WHERE o.stream_id IS NOT NULL) AS sold,
             (SELECT count(*) FROM live_event WHERE type = 'PRODUCT_PURCHASED') AS told
    ) s WHERE sold <> told`,
  'every paid line that is sent has a shipment': `
    SELECT l.id FROM order_line l JOIN shop_order o ON o.id = l.order_id AND o.state = 'PAID'
     WHERE NOT EXISTS (SELECT FROM shipment s WHERE s.order_id = o.id AND s.warehouse_id = l.warehouse_id)`,
};

/** How a sale ended, by the database. */
export type Sold = {
  orders: number;
  /** Charges that succeeded. */
  charges: number;
  /** Orders beyond the units that there were. */
  oversold: number;
  /** Charges that succeeded without an order. */
  chargedLosers: number;
};

/**
 * Checks our database after a round, when nobody writes any more: stock, offer, orders, charges, books and log agree, and what
 * was bought is what the buyers were told.
 * @throws when they do not
 */
export async function checkShop(
  databaseUrl: string,
  shop: SeededShop,
  acknowledged: readonly Acknowledged[],
): Promise<Sold> {
  const rules = Object.fromEntries(
    Object.entries(RULES).map(([rule, text]) => [rule, text.replaceAll('$STOCK', String(shop.stock))]),
  );
  return withClient(databaseUrl, async (client) => {
    await checkRules(client, rules);
    const [known] = await select<{ bought: number; known: number }>(
      client,
      `SELECT (SELECT count(*)::int FROM checkout WHERE state = 'PAID') AS bought,
              (SELECT count(*)::int FROM checkout c JOIN unnest($1::bigint[], $2::text[]) a(buyer_id, key)
                 ON c.buyer_id = a.buyer_id AND c.idempotency_key = a.key WHERE c.state = 'PAID') AS known`,
      [acknowledged.map(({ buyerId }) => buyerId), acknowledged.map(({ idempotencyKey }) => idempotencyKey)],
    );
    if (known!.bought !== acknowledged.length || known!.known !== acknowledged.length) {
      throw new Error(
        `${acknowledged.length} buyers were told that it is theirs, the database has ${JSON.stringify(known)}`,
      );
    }
    const [sold] = await select<Sold>(
      client,
      `SELECT (SELECT count(*)::int FROM shop_order WHERE state = 'PAID') AS orders,
              (SELECT count(*)::int FROM sandbox_charge WHERE status = 'SUCCEEDED') AS charges,
              (SELECT greatest(0, coalesce(sum(l.quantity), 0) - max(f.quantity))::int FROM offer f
                 LEFT JOIN (order_line l JOIN shop_order o ON o.id = l.order_id AND o.state = 'PAID') ON l.offer_id = f.id) AS oversold,
              (SELECT count(*)::int FROM sandbox_charge s LEFT JOIN checkout c ON s.idempotency_key = 'checkout:' || c.id
                WHERE s.status = 'SUCCEEDED' AND (c.state IS DISTINCT FROM 'PAID' OR c.amount_minor <> s.amount_minor)) AS "chargedLosers"`,
    );
    return sold!;
  });
}

/** What a bare server has sold of the first variant. Whoever was charged and got an order of what was not there has lost, too. */
export async function countBare(databaseUrl: string, units: number): Promise<Sold> {
  return withClient(databaseUrl, async (client) => {
    const [counted] = await select<{ orders: number; charges: number }>(
      client,
      'SELECT (SELECT count(*)::int FROM bare_order) AS orders, (SELECT count(*)::int FROM bare_charge) AS charges',
    );
    const { orders, charges } = counted!;
    const oversold = Math.max(0, orders - units);
    return { orders, charges, oversold, chargedLosers: Math.max(0, charges - units) };
  });
}

async function select<Row extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await client.query<Row>(text, values)).rows;
}
