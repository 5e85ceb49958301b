/** What must hold of a shop once nothing is under way, row by row; and the record of stock that this needs. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { ORDER_TRANSITIONS, type OrderState } from '../../src/domains/orders/orders.state.ts';
import { expectBooksBalanced } from './ledger.ts';

/** Records each change of stock on hand, and whether orders made it: what merchants set is not in any table. */
const AUDIT = `
  CREATE TABLE stock_audit (item_id BIGINT, warehouse_id BIGINT, delta INTEGER, by_orders BOOLEAN);
  CREATE FUNCTION audit_stock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO stock_audit VALUES (NEW.item_id, NEW.warehouse_id, NEW.on_hand - CASE TG_OP WHEN 'UPDATE' THEN OLD.on_hand ELSE 0 END,
      current_query() LIKE '%orders.moveStock%');
    RETURN NULL;
  END $$;
  INSERT INTO stock_audit SELECT item_id, warehouse_id, on_hand, false FROM inventory;
  CREATE TRIGGER audit_stock AFTER INSERT OR UPDATE ON inventory FOR EACH ROW EXECUTE FUNCTION audit_stock()`;

const PAID_LINES = `SELECT l.*, o.stream_id FROM order_line l JOIN shop_order o ON o.id = l.order_id JOIN checkout c ON c.id = o.checkout_id
  WHERE c.state = 'PAID'`;

/** Each query finds the rows that break one rule. Those of any moment are in shop-ledger.ts; these hold when nothing is under way. */
const RULES: Record<string, string> = {
  'nothing is held': `
    SELECT 'stock' AS what, item_id AS id, held FROM inventory WHERE held <> 0
    UNION ALL SELECT 'offer', id, held FROM offer WHERE held <> 0
    UNION ALL SELECT 'checkout', id, 1 FROM checkout WHERE state = 'HELD'
    UNION ALL SELECT 'refund', id, 1 FROM refund WHERE state = 'PENDING'`,
  'stock is what was set, less what was sold, and what came back': `
    SELECT i.*, a.given, s.sold, s.returned FROM inventory i
      CROSS JOIN LATERAL (SELECT coalesce(sum(delta) FILTER (WHERE NOT by_orders), 0) AS given FROM stock_audit
        WHERE item_id = i.item_id AND warehouse_id = i.warehouse_id) a
      CROSS JOIN LATERAL (SELECT coalesce(sum(quantity), 0) AS sold, coalesce(sum(returned_quantity), 0) AS returned
        FROM (${PAID_LINES}) p WHERE p.item_id = i.item_id AND p.warehouse_id = i.warehouse_id) s
     WHERE i.on_hand <> a.given - s.sold + s.returned`,
  'what an offer has sold is what its lines have; what came back after its end is not for sale again': `
    SELECT o.*, s.* FROM offer o CROSS JOIN LATERAL (
        SELECT coalesce(sum(quantity), 0) AS units, coalesce(sum(returned_quantity), 0) AS returned
          FROM (${PAID_LINES}) p WHERE p.offer_id = o.id) s
     WHERE (o.ended_at IS NULL AND o.sold <> s.units - s.returned) OR o.sold NOT BETWEEN s.units - s.returned AND s.units
        OR s.units - s.returned > o.quantity`,
  'nobody has more of an offer than one may': `
    SELECT p.offer_id, p.buyer_id, sum(p.quantity - p.returned_quantity) FROM (${PAID_LINES}) p JOIN offer o ON o.id = p.offer_id
     GROUP BY 1, 2, o.per_buyer_limit HAVING sum(p.quantity - p.returned_quantity) > o.per_buyer_limit`,
  'every purchase that is paid was charged, once and exactly; no other was': `
    SELECT c.id, c.state, c.amount_minor, s.status, s.amount_minor AS charged FROM checkout c
      FULL JOIN (SELECT * FROM sandbox_charge WHERE idempotency_key LIKE 'checkout:%') s ON s.idempotency_key = 'checkout:' || c.id
     WHERE (c.state = 'PAID') IS DISTINCT FROM (coalesce(s.status, 'NONE') = 'SUCCEEDED') OR c.amount_minor <> s.amount_minor
        OR c.currency <> s.currency OR c.id IS NULL`,
  'the provider has given back what was refunded, and nothing else': `
    SELECT r.id, r.state, r.amount_minor, s.idempotency_key, s.amount_minor AS given FROM refund r
      FULL JOIN sandbox_refund s ON s.idempotency_key = 'refund:' || r.id
     WHERE (r.state = 'SUCCEEDED') IS DISTINCT FROM (s.idempotency_key IS NOT NULL) OR r.amount_minor <> s.amount_minor`,
  "a seller's escrow is what their orders have left; nobody waits for a refund": `
    SELECT a.id, a.owner_id, a.kind, a.balance, o.due FROM ledger_account a
      LEFT JOIN (SELECT s.merchant_id, s.currency, sum(s.total_minor - s.refunded_minor) AS due FROM shop_order s
        JOIN checkout c ON c.id = s.checkout_id WHERE c.state = 'PAID' AND s.state <> 'COMPLETED' GROUP BY 1, 2) o
        ON a.kind = 'ESCROW' AND o.merchant_id = a.owner_id AND o.currency = a.unit
     WHERE a.kind IN ('ESCROW', 'REFUNDS') AND a.balance <> coalesce(o.due, 0)`,
  'an order is where its purchase has brought it': `
    SELECT o.id, o.state, c.state FROM shop_order o JOIN checkout c ON c.id = o.checkout_id
     WHERE (c.state = 'PAID' AND o.state = 'PENDING_PAYMENT') OR (c.state <> 'PAID' AND o.state <> 'CANCELLED')
        OR ((o.state IN ('CANCELLED', 'REFUNDED') AND c.state = 'PAID') <> (o.refunded_minor = o.total_minor))`,
  'an order has one request at the most, and waits for the merchant exactly then': `
    SELECT o.id, o.state, count(r.id) FROM shop_order o LEFT JOIN refund r ON r.order_id = o.id AND r.state = 'REQUESTED'
     GROUP BY o.id HAVING count(r.id) <> (o.state = 'REFUND_REQUESTED')::int`,
  'a key is kept by what was paid, and only by that': `
    SELECT id, state FROM checkout WHERE (state = 'PAID') <> (idempotency_key IS NOT NULL)`,
  'each unit of a service has a voucher until it is refunded': `
    SELECT l.id, l.quantity, l.refunded_quantity, count(v.id) FROM (${PAID_LINES}) l
      LEFT JOIN voucher v ON v.line_id = l.id AND v.state <> 'CANCELLED' WHERE l.kind = 'SERVICE'
     GROUP BY l.id, l.quantity, l.refunded_quantity HAVING count(v.id) <> l.quantity - l.refunded_quantity`,
  'the last that the log says is left of an open offer is what is left': `
    SELECT o.id, o.quantity, o.sold, e.payload FROM offer o CROSS JOIN LATERAL (
        SELECT payload FROM live_event WHERE stream_id = o.stream_id AND type = 'OFFER_STOCK_CHANGED'
           AND (payload->>'offerId')::bigint = o.id ORDER BY seq DESC LIMIT 1) e
     WHERE o.ended_at IS NULL AND (e.payload->>'remaining')::int <> o.quantity - o.sold - o.held`,
  'the log says of an offer that anything was bought of it': `
    SELECT o.id FROM offer o WHERE EXISTS (SELECT 1 FROM order_line WHERE offer_id = o.id) AND NOT EXISTS (
      SELECT 1 FROM live_event WHERE stream_id = o.stream_id AND type = 'OFFER_STOCK_CHANGED' AND (payload->>'offerId')::bigint = o.id)`,
  'the log says once that an offer started and ended, and nothing of it before and after': `
    SELECT o.id, o.ended_at, e.* FROM offer o CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE type = 'OFFER_STARTED') AS started, count(*) FILTER (WHERE type = 'OFFER_ENDED') AS ended,
               min(seq) FILTER (WHERE type = 'OFFER_STARTED') AS first, max(seq) FILTER (WHERE type = 'OFFER_ENDED') AS last,
               min(seq) AS from_seq, max(seq) AS to_seq
          FROM live_event WHERE stream_id = o.stream_id
           AND coalesce(payload->>'offerId', payload->'offer'->>'id')::bigint = o.id) e
     WHERE e.started <> 1 OR e.ended <> (o.ended_at IS NOT NULL)::int OR e.first <> e.from_seq OR e.last <> e.to_seq`,
  'the log never says less than nothing or more than all is left': `
    SELECT e.stream_id, e.seq, e.payload FROM live_event e JOIN offer o ON o.id = (e.payload->>'offerId')::bigint
     WHERE e.type = 'OFFER_STOCK_CHANGED' AND (e.payload->>'remaining')::int NOT BETWEEN 0 AND o.quantity`,
  'every paid line of a stream is in its log, once': `
    SELECT * FROM (SELECT stream_id, variant_id, quantity, count(*) FROM (${PAID_LINES}) l WHERE stream_id IS NOT NULL GROUP BY 1, 2, 3) l
      FULL JOIN (SELECT stream_id, (payload->'product'->'variants'->0->>'id')::bigint AS variant_id, (payload->>'quantity')::int AS quantity, count(*)
        FROM live_event WHERE type = 'PRODUCT_PURCHASED' GROUP BY 1, 2, 3) e USING (stream_id, variant_id, quantity)
     WHERE l.count IS DISTINCT FROM e.count`,
  'the versions of an order count from 1, and the last one is where it stands': `
    SELECT o.id, o.version, o.state, count(*), max(e.version) FROM shop_order o JOIN order_event e ON e.order_id = o.id
     GROUP BY o.id HAVING count(*) <> o.version OR max(e.version) <> o.version
        OR (array_agg(e.state ORDER BY e.version DESC))[1] <> o.state`,
};

/** Begins to record changes of stock. */
export async function auditStock(pool: Pool): Promise<void> {
  await pool.query(AUDIT);
}

/** How many purchases and refunds are under way. */
export async function underWay(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT ((SELECT count(*) FROM checkout WHERE state = 'HELD') + (SELECT count(*) FROM refund WHERE state = 'PENDING'))::int AS count`,
  );
  return rows[0]!.count;
}

/** Asserts that stock, offers, orders, money, the provider and the log agree. Nothing may be under way. */
export async function expectShopInOrder(pool: Pool): Promise<void> {
  const broken: Record<string, unknown[]> = {};
  for (const [rule, sql] of Object.entries(RULES)) {
    const { rows } = await pool.query(`${sql} LIMIT 5`);
    if (rows.length > 0) broken[rule] = rows;
  }
  expect(broken).toEqual({});
  const { rows: steps } = await pool.query<{ id: string; state: OrderState; next: OrderState }>(
    `SELECT order_id AS id, state, next FROM (
       SELECT order_id, state, lead(state) OVER (PARTITION BY order_id ORDER BY version) AS next FROM order_event) e
      WHERE next IS NOT NULL AND next <> state`,
  );
  for (const { id, state, next } of steps)
    expect(ORDER_TRANSITIONS[state], `order ${id} from ${state}`).toContain(next);
  await expectBooksBalanced(pool);
}
