import { rows, type SqlTransaction, statement } from '../../db/database.ts';
import type { LineToFulfil } from './fulfilment.api.ts';
import type { ShipmentState } from './fulfilment.state.ts';

const SHIP = statement(
  'fulfilment.ship',
  `INSERT INTO shipment (order_id, warehouse_id, method, by_partner, eta_at)
     SELECT l.order_id, l.warehouse_id, l.method, bool_or(l.by_partner), clock_timestamp() + make_interval(mins => max(l.promise_minutes))
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::boolean[], $5::int[])
            l(order_id, warehouse_id, method, by_partner, promise_minutes)
      GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
);

/** Writes one shipment for each order, warehouse and method, due when the slowest of its lines is promised. */
export async function insertShipments(sql: SqlTransaction, lines: readonly LineToFulfil[]): Promise<void> {
  await rows(sql, SHIP, [
    lines.map(({ orderId }) => orderId),
    lines.map(({ warehouseId }) => warehouseId),
    lines.map(({ kind }) => (kind === 'FOOD' ? 'COURIER' : 'PARCEL')),
    lines.map(({ warehouseMerchantId, sellerId }) => warehouseMerchantId !== sellerId),
    lines.map(({ promiseMinutes }) => promiseMinutes),
  ]);
}

/** Ids for so many vouchers that are to be written: a code follows from the id, and the hash goes in with the row. */
export async function takeVoucherIds(sql: SqlTransaction, count: number): Promise<bigint[]> {
  const taken = await rows<{ id: bigint }>(
    sql,
    `/* fulfilment.voucherIds */ SELECT nextval('voucher_id_seq') AS id FROM generate_series(1, $1)`,
    [count],
  );
  return taken.map(({ id }) => id);
}

/** Writes vouchers. */
export async function insertVouchers(
  sql: SqlTransaction,
  vouchers: readonly { id: bigint; lineId: bigint; codeHash: string }[],
): Promise<void> {
  await rows(
    sql,
    `/* fulfilment.issue */ INSERT INTO voucher (id, line_id, code_hash)
     SELECT v.id, v.line_id, v.code_hash FROM unnest($1::bigint[], $2::bigint[], $3::text[]) v(id, line_id, code_hash)`,
    [vouchers.map(({ id }) => id), vouchers.map(({ lineId }) => lineId), vouchers.map(({ codeHash }) => codeHash)],
  );
}

/** Notes that lines are delivered. */
export async function deliverLines(sql: SqlTransaction, lineIds: readonly bigint[]): Promise<void> {
  await rows(
    sql,
    '/* fulfilment.deliver */ UPDATE order_line SET delivered_at = clock_timestamp() WHERE id = ANY($1) AND delivered_at IS NULL',
    [lineIds],
  );
}

/**
 * Cancels an order's open shipments and vouchers; false, with nothing changed, when something of it was sent, used or downloaded.
 * @param options.force cancels them also then
 */
export async function cancelOpen(
  sql: SqlTransaction,
  orderId: bigint,
  { force = false }: { force?: boolean } = {},
): Promise<boolean> {
  const [result] = await rows<{ stopped: boolean }>(
    sql,
    `/* fulfilment.stop */ WITH done AS (
       SELECT 1 FROM order_line WHERE order_id = $1 AND delivered_at IS NOT NULL AND NOT $2
       UNION ALL SELECT 1 FROM shipment WHERE order_id = $1 AND state IN ('SHIPPED', 'DELIVERED') AND NOT $2
       UNION ALL SELECT 1 FROM voucher v JOIN order_line l ON l.id = v.line_id WHERE l.order_id = $1 AND v.state = 'VERIFIED' AND NOT $2
     ), shipments AS (
       UPDATE shipment SET state = 'CANCELLED', updated_at = clock_timestamp()
        WHERE order_id = $1 AND state IN ('PENDING', 'PREPARING') AND NOT EXISTS (SELECT FROM done)
     ), vouchers AS (
       UPDATE voucher v SET state = 'CANCELLED' FROM order_line l
        WHERE l.id = v.line_id AND l.order_id = $1 AND v.state = 'ISSUED' AND NOT EXISTS (SELECT FROM done)
     ) SELECT NOT EXISTS (SELECT FROM done) AS stopped`,
    [orderId, force],
  );
  return result!.stopped;
}

/** Cancels an order's open shipments of which everything was refunded. */
export async function cancelEmpty(sql: SqlTransaction, orderId: bigint): Promise<void> {
  await rows(
    sql,
    `/* fulfilment.cancelEmpty */ UPDATE shipment s SET state = 'CANCELLED', updated_at = clock_timestamp()
      WHERE s.order_id = $1 AND s.state IN ('PENDING', 'PREPARING') AND NOT EXISTS (
        SELECT FROM order_line l WHERE l.order_id = s.order_id AND l.warehouse_id = s.warehouse_id AND l.refunded_quantity < l.quantity
           AND l.kind = CASE s.method WHEN 'COURIER' THEN 'FOOD' ELSE 'PHYSICAL' END)`,
    [orderId],
  );
}

/** Cancels so many unused vouchers of a line, the newest first; false, with nothing changed, when there are not so many. */
export async function cancelVouchersOf(sql: SqlTransaction, lineId: bigint, quantity: number): Promise<boolean> {
  const cancelled = await rows(
    sql,
    `/* fulfilment.cancelVouchers */ WITH unused AS (
       SELECT id FROM voucher WHERE line_id = $1 AND state = 'ISSUED' ORDER BY id DESC LIMIT $2
     ) UPDATE voucher v SET state = 'CANCELLED' FROM unused u
        WHERE v.id = u.id AND (SELECT count(*) FROM unused) = $2 RETURNING v.id`,
    [lineId, quantity],
  );
  return cancelled.length === quantity;
}

/** How far the parts of an order are. A voucher that was cancelled with a refund leaves nothing to deliver. */
export async function readProgress(
  sql: SqlTransaction,
  orderId: bigint,
): Promise<{ shipments: ShipmentState[]; undelivered: number }> {
  const [progress] = await rows<{ shipments: ShipmentState[]; undelivered: number }>(
    sql,
    `/* fulfilment.progress */ SELECT
       ARRAY(SELECT s.state FROM shipment s WHERE s.order_id = $1) AS shipments,
       (SELECT count(*) FROM order_line l WHERE l.order_id = $1 AND l.delivered_at IS NULL AND l.refunded_quantity < l.quantity
           AND (l.kind <> 'SERVICE' OR EXISTS (SELECT FROM voucher v WHERE v.line_id = l.id AND v.state = 'ISSUED')))::int AS undelivered`,
    [orderId],
  );
  return progress!;
}
