import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { VoucherState } from './fulfilment.errors.ts';

/** A voucher. */
export type VoucherRow = {
  id: bigint;
  lineId: bigint;
  orderId: bigint;
  buyerId: bigint;
  /** Who provides the service, and verifies: the owner of the line's warehouse. */
  merchantId: bigint;
  /** Who has sold it. */
  sellerId: bigint;
  codeHash: string;
  state: VoucherState;
  verifiedAt: Date | null;
  /** The call that verified it. */
  verifyKey: string | null;
};

/** Of a voucher `v`, its line `l`, order `o` and warehouse `w`. */
const COLUMNS = `v.id, v.line_id AS "lineId", l.order_id AS "orderId", l.buyer_id AS "buyerId", w.merchant_id AS "merchantId",
  o.merchant_id AS "sellerId", v.code_hash AS "codeHash", v.state, v.verified_at AS "verifiedAt", v.verify_key AS "verifyKey"`;
const JOINED = `voucher v JOIN order_line l ON l.id = v.line_id JOIN shop_order o ON o.id = l.order_id
  JOIN warehouse w ON w.id = l.warehouse_id`;

const VOUCHERS_BY_ORDER = lookUpStatements(
  'fulfilment.vouchersByOrder',
  (equals) => `SELECT ${COLUMNS} FROM ${JOINED} WHERE l.order_id ${equals} ORDER BY v.id`,
);

/** The vouchers of orders, in one statement. */
export async function findVouchersOfOrders(sql: Queryable, orderIds: readonly bigint[]): Promise<VoucherRow[]> {
  return lookUp<VoucherRow>(sql, VOUCHERS_BY_ORDER, orderIds);
}

/** A voucher. To be sure that it stays so, lock its order first. */
export async function findVoucher(sql: Queryable, id: bigint): Promise<VoucherRow | undefined> {
  const [voucher] = await rows<VoucherRow>(
    sql,
    `/* fulfilment.voucher */ SELECT ${COLUMNS} FROM ${JOINED} WHERE v.id = $1`,
    [id],
  );
  return voucher;
}

/** The id of the voucher with a code, by the hash of it. */
export async function findVoucherByHash(sql: Queryable, codeHash: string): Promise<VoucherRow | undefined> {
  const [voucher] = await rows<VoucherRow>(
    sql,
    `/* fulfilment.voucherByHash */ SELECT ${COLUMNS} FROM ${JOINED} WHERE v.code_hash = $1`,
    [codeHash],
  );
  return voucher;
}

/** Notes that a voucher was used; with the last one of a line the line is delivered. */
export async function verify(sql: SqlTransaction, id: bigint, verifyKey: string): Promise<void> {
  await rows(
    sql,
    `/* fulfilment.verify */ WITH used AS (
       UPDATE voucher SET state = 'VERIFIED', verified_at = clock_timestamp(), verify_key = $2 WHERE id = $1 RETURNING id, line_id
     ) UPDATE order_line l SET delivered_at = clock_timestamp() FROM used u
        WHERE l.id = u.line_id AND NOT EXISTS (SELECT FROM voucher v WHERE v.line_id = l.id AND v.state = 'ISSUED' AND v.id <> u.id)`,
    [id, verifyKey],
  );
}

/** Makes a voucher unused again, if it was used no longer ago than that; false, with nothing changed, when it was. */
export async function unverify(sql: SqlTransaction, id: bigint, withinMinutes: number): Promise<boolean> {
  const restored = await rows(
    sql,
    `/* fulfilment.unverify */ WITH unused AS (
       UPDATE voucher SET state = 'ISSUED', verified_at = NULL, verify_key = NULL
        WHERE id = $1 AND state = 'VERIFIED' AND verified_at > clock_timestamp() - make_interval(mins => $2) RETURNING line_id
     ) UPDATE order_line l SET delivered_at = NULL FROM unused u WHERE l.id = u.line_id RETURNING l.id`,
    [id, withinMinutes],
  );
  return restored.length > 0;
}
