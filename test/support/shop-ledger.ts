/** What holds of orders, their money and their stock in a whole database. Each query finds the rows that break one rule. */

/** What moved of each order that was bought through a checkout, by where it went. Rows that tests write by hand have no charge. */
const MONEY = `
  SELECT o.id, o.state, o.total_minor AS total, o.refunded_minor AS refunded, c.state AS checkout,
         m.paid, m.payments, m.released, m.given, m.from_escrow
    FROM shop_order o JOIN checkout c ON c.id = o.checkout_id AND (c.charge_id IS NOT NULL OR c.state = 'HELD')
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(t.amount) FILTER (WHERE t.kind = 'ORDER_PAID'), 0) AS paid,
             count(*) FILTER (WHERE t.kind = 'ORDER_PAID') AS payments,
             coalesce(sum(t.amount) FILTER (WHERE t.kind = 'ORDER_RELEASED'), 0) AS released,
             coalesce(sum(t.amount) FILTER (WHERE t.kind IN ('ORDER_REFUNDED', 'ORDER_CHARGED_BACK')), 0) AS given,
             coalesce(sum(t.amount) FILTER (WHERE d.kind = 'ESCROW'), 0) AS from_escrow
        FROM transfer t JOIN ledger_account d ON d.id = t.debit_account_id WHERE t.cause_id = o.id AND t.kind LIKE 'ORDER%') m`;

/** Rules of the shop, beside those of the ledger. */
export const SHOP_RULES: Record<string, string> = {
  'a paid order has paid what it cost, once, and another nothing': `
    SELECT * FROM (${MONEY}) m WHERE paid <> CASE WHEN checkout = 'PAID' THEN total ELSE 0 END
       OR payments <> CASE WHEN checkout = 'PAID' THEN 1 ELSE 0 END`,
  'an order has given back what it says': `SELECT * FROM (${MONEY}) m WHERE given <> refunded`,
  'an order has in escrow what was neither refunded nor released': `
    SELECT * FROM (${MONEY}) m WHERE checkout = 'PAID'
       AND paid - from_escrow <> CASE WHEN released > 0 OR state = 'COMPLETED' THEN 0 ELSE total - refunded END`,
  'only a delivered order was released, and only one of which nothing is left is REFUNDED or CANCELLED': `
    SELECT * FROM (${MONEY}) m
     WHERE (state = 'COMPLETED' AND released = 0) OR (released > 0 AND state NOT IN ('COMPLETED', 'REFUNDED'))
        OR (checkout = 'PAID' AND (state IN ('REFUNDED', 'CANCELLED')) <> (refunded = total))`,
  'the orders of a checkout cost what is charged for it': `
    SELECT c.id, c.amount_minor, sum(o.total_minor) FROM checkout c JOIN shop_order o ON o.checkout_id = c.id
     GROUP BY c.id HAVING sum(o.total_minor) <> c.amount_minor OR count(DISTINCT o.merchant_id) <> count(*)`,
  'an order costs what its lines cost': `
    SELECT o.id, o.total_minor, sum(l.quantity * l.unit_price_minor) FROM shop_order o JOIN order_line l ON l.order_id = o.id
     GROUP BY o.id HAVING sum(l.quantity * l.unit_price_minor) <> o.total_minor`,
  'an order has given back what its lines say': `
    SELECT o.id, o.refunded_minor, sum(l.refunded_quantity * l.unit_price_minor)
      FROM shop_order o JOIN order_line l ON l.order_id = o.id
     GROUP BY o.id HAVING sum(l.refunded_quantity * l.unit_price_minor) <> o.refunded_minor`,
  'an order is where its checkout is': `
    SELECT o.id, o.state, c.state FROM shop_order o JOIN checkout c ON c.id = o.checkout_id
     WHERE (c.state = 'HELD') <> (o.state = 'PENDING_PAYMENT') OR (c.state IN ('DECLINED', 'EXPIRED') AND o.state <> 'CANCELLED')`,
  'a timeline ends where its order is': `
    SELECT o.id, o.state, e.state FROM shop_order o
      JOIN LATERAL (SELECT state FROM order_event WHERE order_id = o.id ORDER BY version DESC LIMIT 1) e ON true
     WHERE e.state <> o.state`,
  'stock is set aside for what is being paid, and for nothing else': `
    SELECT i.item_id, i.warehouse_id, i.held, coalesce(sum(l.quantity) FILTER (WHERE o.id IS NOT NULL), 0) AS wanted
      FROM inventory i LEFT JOIN order_line l ON l.item_id = i.item_id AND l.warehouse_id = i.warehouse_id
      LEFT JOIN shop_order o ON o.id = l.order_id AND o.state = 'PENDING_PAYMENT'
     GROUP BY i.item_id, i.warehouse_id HAVING i.held <> coalesce(sum(l.quantity) FILTER (WHERE o.id IS NOT NULL), 0)`,
  'an offer has held and sold what its lines say': `
    SELECT f.id, f.held, f.sold, s.held, s.sold, s.kept FROM offer f CROSS JOIN LATERAL (
      SELECT coalesce(sum(l.quantity) FILTER (WHERE c.state = 'HELD'), 0) AS held,
             coalesce(sum(l.quantity) FILTER (WHERE c.state = 'PAID'), 0) AS sold,
             coalesce(sum(l.quantity - l.returned_quantity) FILTER (WHERE c.state = 'PAID'), 0) AS kept
        FROM order_line l JOIN shop_order o ON o.id = l.order_id JOIN checkout c ON c.id = o.checkout_id WHERE l.offer_id = f.id) s
     WHERE f.held <> s.held OR f.sold > s.sold OR f.sold < s.kept OR (f.ended_at IS NULL AND f.sold <> s.kept)`,
  'refunds and chargebacks are all that an order has given back': `
    SELECT o.id, o.refunded_minor, r.granted, b.charged_back FROM shop_order o
      CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS granted FROM refund
                           WHERE order_id = o.id AND state IN ('PENDING', 'SUCCEEDED')) r
      CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS charged_back FROM transfer
                           WHERE cause_id = o.id AND kind LIKE 'ORDER%' AND kind = 'ORDER_CHARGED_BACK') b
     WHERE r.granted + b.charged_back <> o.refunded_minor`,
  'a refund is paid once when it has succeeded, and not before': `
    SELECT r.id, r.state, r.amount_minor, sum(t.amount) FROM refund r LEFT JOIN transfer t ON t.cause_id = r.id AND t.kind = 'REFUND_PAID'
     GROUP BY r.id HAVING coalesce(sum(t.amount), 0) <> CASE WHEN r.state = 'SUCCEEDED' THEN r.amount_minor ELSE 0 END`,
  'REFUNDS holds what the provider has still to pay': `
    SELECT a.unit, a.balance, p.pending FROM ledger_account a CROSS JOIN LATERAL (
      SELECT coalesce(sum(amount_minor), 0) AS pending FROM refund WHERE state = 'PENDING' AND currency = a.unit) p
     WHERE a.kind = 'REFUNDS' AND a.balance <> p.pending`,
  'a purchase that is paid has one charge of its amount at the sandbox, and another has none that was not given back': `
    SELECT c.id, c.state, c.amount_minor, s.status, s.amount_minor, r.given FROM checkout c
      LEFT JOIN sandbox_charge s ON s.idempotency_key = 'checkout:' || c.id
      CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS given FROM sandbox_refund WHERE charge_key = s.idempotency_key) r
     WHERE (c.state = 'PAID' AND c.charge_id LIKE 'sandbox:%'
            AND (s.status, s.amount_minor, s.currency) IS DISTINCT FROM ('SUCCEEDED', c.amount_minor, c.currency))
        OR (c.state IN ('DECLINED', 'EXPIRED') AND s.status = 'SUCCEEDED' AND r.given <> s.amount_minor)`,
  'the sandbox has paid the refunds that have succeeded': `
    SELECT r.id, r.state, r.amount_minor, s.amount_minor FROM refund r JOIN shop_order o ON o.id = r.order_id
      JOIN checkout c ON c.id = o.checkout_id AND c.charge_id LIKE 'sandbox:%'
      LEFT JOIN sandbox_refund s ON s.idempotency_key = 'refund:' || r.id
     WHERE CASE r.state WHEN 'SUCCEEDED' THEN s.amount_minor IS DISTINCT FROM r.amount_minor
                        WHEN 'PENDING' THEN false ELSE s.amount_minor IS NOT NULL END`,
  'what providers owe us is what they have charged less what they have given back': `
    SELECT a.unit, a.balance, o.paid, p.coins, r.given, b.charged_back FROM ledger_account a
      CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS paid FROM checkout
                           WHERE state = 'PAID' AND charge_id IS NOT NULL AND currency = a.unit) o
      CROSS JOIN LATERAL (SELECT coalesce(sum(price_minor), 0) AS coins FROM coin_purchase
                           WHERE state = 'SUCCEEDED' AND currency = a.unit) p
      CROSS JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0) AS given FROM refund
                           WHERE state = 'SUCCEEDED' AND currency = a.unit) r
      CROSS JOIN LATERAL (SELECT coalesce(sum(CASE kind WHEN 'COIN_SALE_RETURNED' THEN -amount ELSE amount END), 0) AS charged_back
                            FROM transfer WHERE kind IN ('ORDER_CHARGED_BACK', 'COIN_SALE_CHARGED_BACK', 'COIN_SALE_RETURNED')
                             AND unit = a.unit) b
     WHERE a.kind = 'CLEARING' AND a.owner_id = 0 AND a.balance <> r.given + b.charged_back - o.paid - p.coins`,
};
