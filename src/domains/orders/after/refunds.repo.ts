import { type Queryable, rows, type SqlTransaction } from '../../../db/database.ts';

/** Money on its way back to a buyer. */
export type RefundRow = {
  id: bigint;
  orderId: bigint;
  state: 'REQUESTED' | 'REJECTED' | 'PENDING' | 'SUCCEEDED';
  amountMinor: bigint;
  currency: string;
  reason: string;
  createdAt: Date;
  settledAt: Date | null;
};

/** Units of a line that a refund is for, and those of them that go back into stock. */
export type RefundedLine = { lineId: bigint; quantity: number; restock: number };

const COLUMNS = `r.id, r.order_id AS "orderId", r.state, r.amount_minor AS "amountMinor", r.currency, r.reason,
  r.created_at AS "createdAt", r.settled_at AS "settledAt"`;

/** Inserts a refund with its lines, of an order that the caller has locked. */
export async function insertRefund(
  sql: SqlTransaction,
  refund: Pick<RefundRow, 'orderId' | 'state' | 'amountMinor' | 'currency' | 'reason'>,
  lines: readonly RefundedLine[],
): Promise<RefundRow> {
  const [inserted] = await rows<RefundRow>(
    sql,
    `/* orders.insertRefund */ WITH r AS (
       INSERT INTO refund (order_id, state, amount_minor, currency, reason) VALUES ($1, $2, $3, $4, $5) RETURNING *
     ), lines AS (
       INSERT INTO refund_line (refund_id, line_id, quantity, restock)
         SELECT r.id, l.* FROM r, unnest($6::bigint[], $7::int[], $8::int[]) l
     ) SELECT ${COLUMNS} FROM r`,
    [
      refund.orderId,
      refund.state,
      refund.amountMinor,
      refund.currency,
      refund.reason,
      lines.map(({ lineId }) => lineId),
      lines.map(({ quantity }) => quantity),
      lines.map(({ restock }) => restock),
    ],
  );
  return inserted!;
}

/** The open request of an order that the caller has locked. */
export async function findRequested(sql: Queryable, orderId: bigint): Promise<RefundRow | undefined> {
  const [found] = await rows<RefundRow>(
    sql,
    `/* orders.requestedRefund */ SELECT ${COLUMNS} FROM refund r WHERE r.order_id = $1 AND r.state = 'REQUESTED'`,
    [orderId],
  );
  return found;
}

/** A refund by id. */
export async function findRefund(sql: Queryable, id: bigint): Promise<RefundRow | undefined> {
  const [found] = await rows<RefundRow>(sql, `/* orders.refund */ SELECT ${COLUMNS} FROM refund r WHERE r.id = $1`, [
    id,
  ]);
  return found;
}

/** The refunds of orders, in one statement, oldest first. */
export async function readRefunds(sql: Queryable, orderIds: readonly bigint[]): Promise<RefundRow[]> {
  return rows<RefundRow>(
    sql,
    `/* orders.refunds */ SELECT ${COLUMNS} FROM refund r WHERE r.order_id = ANY($1) ORDER BY r.id`,
    [orderIds],
  );
}

/** The lines of refunds, in one statement. */
export async function readRefundLines(
  sql: Queryable,
  refundIds: readonly bigint[],
): Promise<(RefundedLine & { refundId: bigint })[]> {
  return rows(
    sql,
    `/* orders.refundLines */ SELECT refund_id AS "refundId", line_id AS "lineId", quantity, restock
       FROM refund_line WHERE refund_id = ANY($1) ORDER BY refund_id, line_id`,
    [refundIds],
  );
}

/** Moves a refund, whose order the caller has locked, and sets what it restocks. */
export async function updateRefund(
  sql: SqlTransaction,
  id: bigint,
  state: RefundRow['state'],
  restock: readonly RefundedLine[] = [],
): Promise<RefundRow> {
  const [updated] = await rows<RefundRow>(
    sql,
    `/* orders.updateRefund */ WITH lines AS (
       UPDATE refund_line l SET restock = n.restock FROM unnest($3::bigint[], $4::int[]) n(line_id, restock)
        WHERE l.refund_id = $1 AND l.line_id = n.line_id
     ), r AS (
       UPDATE refund SET state = $2, settled_at = CASE WHEN $2 IN ('SUCCEEDED', 'REJECTED') THEN clock_timestamp() END
        WHERE id = $1 RETURNING *
     ) SELECT ${COLUMNS} FROM r`,
    [id, state, restock.map(({ lineId }) => lineId), restock.map((line) => line.restock)],
  );
  return updated!;
}

/** Notes on the order and its lines what is given back: money at once, the units, and those of them that are in stock again. */
export async function markRefunded(
  sql: SqlTransaction,
  orderId: bigint,
  amountMinor: bigint,
  lines: readonly RefundedLine[],
): Promise<void> {
  await rows(
    sql,
    `/* orders.markRefunded */ WITH lines AS (
       UPDATE order_line l SET refunded_quantity = l.refunded_quantity + n.quantity, returned_quantity = l.returned_quantity + n.restock
         FROM unnest($3::bigint[], $4::int[], $5::int[]) n(line_id, quantity, restock) WHERE l.id = n.line_id
     ) UPDATE shop_order SET refunded_minor = refunded_minor + $2, updated_at = clock_timestamp() WHERE id = $1`,
    [
      orderId,
      amountMinor,
      lines.map(({ lineId }) => lineId),
      lines.map(({ quantity }) => quantity),
      lines.map(({ restock }) => restock),
    ],
  );
}

/** A refund that the provider has to make, with the charge that it is of. */
export type DueRefund = RefundRow & { checkoutId: bigint; chargeId: string };

/** Refunds that the provider has not confirmed yet, oldest first. */
export async function findDueRefunds(sql: Queryable, limit: number): Promise<DueRefund[]> {
  return rows<DueRefund>(
    sql,
    `/* orders.dueRefunds */ SELECT ${COLUMNS}, o.checkout_id AS "checkoutId", c.charge_id AS "chargeId"
       FROM refund r JOIN shop_order o ON o.id = r.order_id JOIN checkout c ON c.id = o.checkout_id
      WHERE r.state = 'PENDING' ORDER BY r.id LIMIT $1`,
    [limit],
  );
}

/** One refund, as {@link findDueRefunds} gives them. */
export async function findDueRefund(sql: Queryable, id: bigint): Promise<DueRefund | undefined> {
  const [found] = await rows<DueRefund>(
    sql,
    `/* orders.dueRefund */ SELECT ${COLUMNS}, o.checkout_id AS "checkoutId", c.charge_id AS "chargeId"
       FROM refund r JOIN shop_order o ON o.id = r.order_id JOIN checkout c ON c.id = o.checkout_id WHERE r.id = $1`,
    [id],
  );
  return found;
}

/** Lets watchers of an order, which the caller has locked, see that something about it has changed. */
export async function touchOrder(sql: SqlTransaction, orderId: bigint, actor: string, note: string): Promise<void> {
  await rows(
    sql,
    `/* orders.touch */ WITH o AS (
       UPDATE shop_order SET version = version + 1, updated_at = clock_timestamp() WHERE id = $1 RETURNING id, version, state
     ) INSERT INTO order_event (order_id, version, state, actor, note) SELECT id, version, state, $2, $3 FROM o`,
    [orderId, actor, note],
  );
}
