import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { OrderStateError } from './orders.errors.ts';
import { ORDER_TRANSITIONS, type OrderState } from './orders.state.ts';

export { checkTransitions, type OrderState } from './orders.state.ts';

/** How long after delivery a merchant waits for the money, if nobody contests the order. */
export const ESCROW_WINDOW_DAYS = 7;

/** Who moved an order. */
export type OrderActor = 'BUYER' | 'MERCHANT' | 'PROVIDER' | 'PARTNER' | 'SYSTEM';

/** An order, as the rules need it. */
export type OrderRow = {
  id: bigint;
  number: string;
  checkoutId: bigint;
  buyerId: bigint;
  merchantId: bigint;
  streamId: bigint | null;
  state: OrderState;
  currency: string;
  totalMinor: bigint;
  refundedMinor: bigint;
  /** The address as it was; null where nothing is sent. */
  address: OrderAddress | null;
  version: bigint;
  createdAt: Date;
  updatedAt: Date;
  releaseAt: Date | null;
};

/** Where an order goes: a copy of the buyer's address. */
export type OrderAddress = {
  name: string;
  line1: string;
  line2: string | null;
  city: string;
  postalCode: string | null;
  country: string;
};

/** What watchers of an order need to know of a change. */
export type ChangedOrder = { id: bigint; buyerId: bigint; version: bigint };

/** Tells watchers of orders, in all processes, of committed changes. */
export type OrderNews = { announce: (orders: readonly ChangedOrder[]) => void };

/** The columns of {@link OrderRow}; the table is `o`. */
export const ORDER_COLUMNS = `o.id, o.number, o.checkout_id AS "checkoutId", o.buyer_id AS "buyerId", o.merchant_id AS "merchantId",
  o.stream_id AS "streamId", o.state, o.currency, o.total_minor AS "totalMinor", o.refunded_minor AS "refundedMinor", o.address,
  o.version, o.created_at AS "createdAt", o.updated_at AS "updatedAt", o.release_at AS "releaseAt"`;

const LOCK = statement(
  'orders.lock',
  `SELECT ${ORDER_COLUMNS} FROM shop_order o WHERE o.id = ANY($1) ORDER BY o.id FOR NO KEY UPDATE`,
);
const MOVE = statement(
  'orders.move',
  `WITH moved AS (
       UPDATE shop_order o SET state = $2, version = o.version + 1, updated_at = clock_timestamp(),
              release_at = CASE WHEN $2 = 'DELIVERED' THEN coalesce(o.release_at, clock_timestamp() + make_interval(days => $5))
                                WHEN $2 = 'PAID' THEN NULL ELSE o.release_at END
        WHERE o.id = ANY($1) RETURNING o.*
     ), noted AS (
       INSERT INTO order_event (order_id, version, state, actor, note) SELECT id, version, state, $3, $4 FROM moved
     ) SELECT ${ORDER_COLUMNS} FROM moved o ORDER BY o.id`,
);

/** Reads orders and locks them, by id, until the transaction ends. Second in the lock order, behind checkouts. */
export async function lockOrders(sql: SqlTransaction, ids: readonly bigint[]): Promise<OrderRow[]> {
  return rows<OrderRow>(sql, LOCK, [ids]);
}

/** Whether somebody acts for a merchant. */
export async function isMember(sql: Queryable, merchantId: bigint, viewerId: bigint): Promise<boolean> {
  const found = await rows(
    sql,
    '/* orders.isMember */ SELECT 1 FROM merchant_member WHERE merchant_id = $1 AND viewer_id = $2',
    [merchantId, viewerId],
  );
  return found.length > 0;
}

/**
 * Moves orders, which the caller has locked, to a state, and writes their timelines. Delivery starts the escrow's clock.
 * @returns the orders as they are now; announce them once the transaction is committed
 * @throws {OrderStateError} when the table does not allow it for one of them
 */
export async function moveOrders(
  sql: SqlTransaction,
  orders: readonly OrderRow[],
  { to, actor, note }: { to: OrderState; actor: OrderActor; note?: string },
): Promise<OrderRow[]> {
  const refused = orders.find((order) => !ORDER_TRANSITIONS[order.state].includes(to));
  if (refused) throw new OrderStateError(refused.state);
  if (orders.length === 0) return [];
  return rows<OrderRow>(sql, MOVE, [orders.map(({ id }) => id), to, actor, note ?? null, ESCROW_WINDOW_DAYS]);
}

/**
 * Gives orders, which the caller has locked, a new version: something that belongs to them has changed, and not their state.
 * @returns the orders as they are now; announce them once the transaction is committed
 */
export async function touchOrders(sql: SqlTransaction, ids: readonly bigint[]): Promise<OrderRow[]> {
  return rows<OrderRow>(
    sql,
    `/* orders.touch */ UPDATE shop_order o SET version = o.version + 1, updated_at = clock_timestamp()
      WHERE o.id = ANY($1) RETURNING ${ORDER_COLUMNS}`,
    [ids],
  );
}
