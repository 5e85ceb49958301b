import { type Queryable, rows, type SqlTransaction, statement } from '../../../db/database.ts';
import { ORDER_COLUMNS, type OrderRow } from '../orders.api.ts';

/** Where a purchase stands. */
export type CheckoutState = 'HELD' | 'PAID' | 'DECLINED' | 'EXPIRED';

/** A purchase and its one payment. */
export type CheckoutRow = {
  id: bigint;
  buyerId: bigint;
  state: CheckoutState;
  amountMinor: bigint;
  currency: string;
  paymentToken: string;
  chargeId: string | null;
  showBuyer: boolean;
  handle: string;
  displayName: string;
};

/** A line, as selling it needs it. */
export type SoldLine = {
  id: bigint;
  orderId: bigint;
  variantId: bigint;
  productId: bigint;
  itemId: bigint;
  offerId: bigint | null;
  kind: 'PHYSICAL' | 'FOOD' | 'SERVICE' | 'DIGITAL';
  quantity: number;
  unitPriceMinor: bigint;
  refundedQuantity: number;
  returnedQuantity: number;
  deliveredAt: Date | null;
  warehouseId: bigint;
  warehouseMerchantId: bigint;
  promiseMinutes: number;
};

const CHECKOUT_COLUMNS = `c.id, c.buyer_id AS "buyerId", c.state, c.amount_minor AS "amountMinor", c.currency,
  c.payment_token AS "paymentToken", c.charge_id AS "chargeId", c.show_buyer AS "showBuyer", v.handle, v.display_name AS "displayName"`;

const LOCK_CHECKOUTS = statement(
  'orders.lockCheckouts',
  `SELECT ${CHECKOUT_COLUMNS} FROM checkout c JOIN viewer v ON v.id = c.buyer_id WHERE c.id = ANY($1) ORDER BY c.id FOR NO KEY UPDATE OF c`,
);
const LOCK_ORDERS_OF = statement(
  'orders.lockOfCheckouts',
  `SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.checkout_id = ANY($1) ORDER BY o.id FOR NO KEY UPDATE`,
);
const LINE_COLUMNS = `l.id, l.order_id AS "orderId", l.variant_id AS "variantId", l.product_id AS "productId", l.item_id AS "itemId",
          l.offer_id AS "offerId", l.kind, l.quantity, l.unit_price_minor AS "unitPriceMinor",
          l.refunded_quantity AS "refundedQuantity", l.returned_quantity AS "returnedQuantity", l.delivered_at AS "deliveredAt",
          l.warehouse_id AS "warehouseId", w.merchant_id AS "warehouseMerchantId", w.promise_minutes AS "promiseMinutes"`;
const LINES = statement(
  'orders.linesToSell',
  `SELECT ${LINE_COLUMNS} FROM order_line l JOIN warehouse w ON w.id = l.warehouse_id WHERE l.order_id = ANY($1) ORDER BY l.id`,
);
const LINES_OF = statement(
  'orders.linesOfCheckouts',
  `SELECT ${LINE_COLUMNS} FROM order_line l JOIN warehouse w ON w.id = l.warehouse_id
    WHERE l.order_id = ANY(ARRAY(SELECT id FROM shop_order WHERE checkout_id = ANY($1))) ORDER BY l.id`,
);
// Only what was paid keeps its key: a refusal does not use it up.
const CLOSE = statement(
  'orders.closeCheckouts',
  `UPDATE checkout c SET state = s.state, charge_id = s.charge_id, settled_at = clock_timestamp(),
          idempotency_key = CASE WHEN s.state = 'PAID' THEN c.idempotency_key END
     FROM unnest($1::bigint[], $2::text[], $3::text[]) s(id, state, charge_id) WHERE c.id = s.id`,
);

/** Reads purchases and locks them, by id, until the transaction ends. First in the lock order. */
export async function lockCheckouts(sql: SqlTransaction, ids: readonly bigint[]): Promise<CheckoutRow[]> {
  return rows<CheckoutRow>(sql, LOCK_CHECKOUTS, [ids]);
}

/** Reads a purchase. */
export async function findCheckout(sql: Queryable, id: bigint): Promise<CheckoutRow | undefined> {
  const [found] = await rows<CheckoutRow>(
    sql,
    `/* orders.checkout */ SELECT ${CHECKOUT_COLUMNS} FROM checkout c JOIN viewer v ON v.id = c.buyer_id WHERE c.id = $1`,
    [id],
  );
  return found;
}

/** Reads the orders of purchases and locks them, by id, until the transaction ends. */
export async function lockOrdersOf(sql: SqlTransaction, checkoutIds: readonly bigint[]): Promise<OrderRow[]> {
  return rows<OrderRow>(sql, LOCK_ORDERS_OF, [checkoutIds]);
}

/** The orders of a purchase. */
export async function findOrdersOf(sql: Queryable, checkoutId: bigint): Promise<OrderRow[]> {
  return rows<OrderRow>(
    sql,
    `/* orders.ofCheckout */ SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.checkout_id = $1 ORDER BY o.id`,
    [checkoutId],
  );
}

/** The lines of orders, in one statement. */
export async function readLines(sql: Queryable, orderIds: readonly bigint[]): Promise<SoldLine[]> {
  return rows<SoldLine>(sql, LINES, [orderIds]);
}

/** The lines of purchases, in one statement. */
export async function readLinesOf(sql: Queryable, checkoutIds: readonly bigint[]): Promise<SoldLine[]> {
  return rows<SoldLine>(sql, LINES_OF, [checkoutIds]);
}

/** Notes how purchases ended, in one statement. */
export async function closeCheckouts(
  sql: SqlTransaction,
  ends: readonly { id: bigint; state: CheckoutState; chargeId: string }[],
): Promise<void> {
  await rows(sql, CLOSE, [ends.map(({ id }) => id), ends.map(({ state }) => state), ends.map((end) => end.chargeId)]);
}

const EXPIRED = `c.state = 'HELD' AND c.held_until < clock_timestamp()`;
/** Finds a row when a hold has run out. */
export const HAS_EXPIRED = `SELECT FROM checkout c WHERE ${EXPIRED}`;

/** Purchases whose hold has run out, oldest first. */
export async function findExpired(sql: Queryable, limit: number): Promise<CheckoutRow[]> {
  return rows<CheckoutRow>(
    sql,
    `/* orders.expired */ SELECT ${CHECKOUT_COLUMNS} FROM checkout c JOIN viewer v ON v.id = c.buyer_id
      WHERE ${EXPIRED} ORDER BY c.held_until LIMIT $1`,
    [limit],
  );
}

/** Keeps a hold for longer: how its charge ended cannot be told at the moment. */
export async function holdOn(sql: Queryable, id: bigint, holdMs: number): Promise<void> {
  await rows(
    sql,
    `/* orders.holdOn */ UPDATE checkout SET held_until = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
      WHERE id = $1 AND state = 'HELD'`,
    [id, holdMs],
  );
}
