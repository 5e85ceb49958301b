import { type Queryable, rows, statement } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import { ORDER_COLUMNS, type OrderActor, type OrderRow, type OrderState } from './orders.api.ts';

/** A line as the order shows it. */
export type OrderLineRow = {
  id: bigint;
  orderId: bigint;
  variantId: bigint;
  offerId: bigint | null;
  quantity: number;
  refundedQuantity: number;
  unitPriceMinor: bigint;
  deliveredAt: Date | null;
  downloadUrl: string | null;
};

/** A step of an order's timeline. */
export type OrderEventRow = { orderId: bigint; state: OrderState; actor: OrderActor; note: string | null; at: Date };

/** A movement of an order's money. */
export type OrderTransferRow = { orderId: bigint; kind: string; amountMinor: bigint; currency: string; at: Date };

const BY_ID = lookUpStatements(
  'orders.byId',
  (equals) => `SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.id ${equals}`,
);
const page = (name: string, column: string) =>
  keysetStatements(
    name,
    { id: 'o.id', order: 'DESC', values: 1 },
    ({ where, direction, limitMax }) =>
      `SELECT * FROM (SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.${column} = $2 AND ${where}
        ORDER BY o.id ${direction} LIMIT ${limitMax}) o ORDER BY o.id ${direction} LIMIT $1`,
  );
const PAGES = { buyer: page('orders.pageOfBuyer', 'buyer_id'), merchant: page('orders.pageOfMerchant', 'merchant_id') };
const COUNTS = {
  buyer: statement('orders.countOfBuyer', 'SELECT count(*) AS count FROM shop_order WHERE buyer_id = $1'),
  merchant: statement('orders.countOfMerchant', 'SELECT count(*) AS count FROM shop_order WHERE merchant_id = $1'),
};

/** Whose orders are listed. */
export type OrdersOf = { side: 'buyer' | 'merchant'; id: bigint };

/** Orders by id, in one statement, in any order. */
export async function findOrders(sql: Queryable, ids: readonly bigint[]): Promise<OrderRow[]> {
  return lookUp<OrderRow>(sql, BY_ID, ids);
}

/** An order by its number. */
export async function findOrderByNumber(sql: Queryable, number: string): Promise<OrderRow | undefined> {
  const [found] = await rows<OrderRow>(
    sql,
    `/* orders.byNumber */ SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.number = $1`,
    [number],
  );
  return found;
}

/** A page of somebody's orders, newest first. */
export async function readOrderPage(sql: Queryable, of: OrdersOf, keyset: Keyset): Promise<OrderRow[]> {
  return readKeyset<OrderRow>(sql, PAGES[of.side], keyset, [of.id]);
}

/** How many orders somebody has. */
export async function countOrders(sql: Queryable, of: OrdersOf): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(sql, COUNTS[of.side], [of.id]);
  return Number(counted!.count);
}

/** The lines of orders, in one statement. */
export async function readOrderLines(sql: Queryable, orderIds: readonly bigint[]): Promise<OrderLineRow[]> {
  return rows<OrderLineRow>(
    sql,
    `/* orders.lines */ SELECT l.id, l.order_id AS "orderId", l.variant_id AS "variantId", l.offer_id AS "offerId", l.quantity,
            l.refunded_quantity AS "refundedQuantity", l.unit_price_minor AS "unitPriceMinor", l.delivered_at AS "deliveredAt",
            CASE WHEN l.kind = 'DIGITAL' THEN v.download_url END AS "downloadUrl"
       FROM order_line l JOIN product_variant v ON v.id = l.variant_id WHERE l.order_id = ANY($1) ORDER BY l.id`,
    [orderIds],
  );
}

/** The timelines of orders, in one statement, oldest step first. */
export async function readTimelines(sql: Queryable, orderIds: readonly bigint[]): Promise<OrderEventRow[]> {
  return rows<OrderEventRow>(
    sql,
    `/* orders.timelines */ SELECT order_id AS "orderId", state, actor, note, at FROM order_event
      WHERE order_id = ANY($1) ORDER BY order_id, version`,
    [orderIds],
  );
}

/** Every movement of orders' money, in one statement, in the order of the ledger. */
export async function readTransfers(sql: Queryable, orderIds: readonly bigint[]): Promise<OrderTransferRow[]> {
  return rows<OrderTransferRow>(
    sql,
    `/* orders.transfers */ SELECT * FROM (
       SELECT t.id, t.cause_id AS "orderId", t.kind, t.amount AS "amountMinor", t.unit AS currency, t.created_at AS at
         FROM transfer t WHERE t.cause_id = ANY($1) AND t.kind LIKE 'ORDER%'
       UNION ALL
       SELECT t.id, r.order_id, t.kind, t.amount, t.unit, t.created_at
         FROM refund r JOIN transfer t ON t.cause_id = r.id AND t.kind = 'REFUND_PAID' WHERE r.order_id = ANY($1)
     ) moved ORDER BY id`,
    [orderIds],
  );
}
