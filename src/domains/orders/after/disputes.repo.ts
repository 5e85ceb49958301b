import { type Queryable, rows, type SqlTransaction } from '../../../db/database.ts';

/** Somebody contests an order. */
export type DisputeRow = {
  id: bigint;
  orderId: bigint;
  /** With us, or with the buyer's bank. */
  kind: 'BUYER' | 'PROVIDER';
  state: 'OPEN' | 'REJECTED' | 'REFUNDED';
  reason: string;
  openedAt: Date;
  closedAt: Date | null;
};

const COLUMNS = `d.id, d.order_id AS "orderId", d.kind, d.state, d.reason, d.opened_at AS "openedAt", d.closed_at AS "closedAt"`;

/** Opens a dispute of an order that the caller has locked; one that is open, or that the provider has told of before, is returned as it is. */
export async function openDispute(
  sql: SqlTransaction,
  dispute: { orderId: bigint; kind: DisputeRow['kind']; reason: string; providerId?: string },
): Promise<{ dispute: DisputeRow; isNew: boolean }> {
  const [inserted] = await rows<DisputeRow>(
    sql,
    `/* orders.openDispute */ WITH d AS (
       INSERT INTO dispute (order_id, kind, reason, provider_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING *
     ) SELECT ${COLUMNS} FROM d`,
    [dispute.orderId, dispute.kind, dispute.reason, dispute.providerId ?? null],
  );
  if (inserted) return { dispute: inserted, isNew: true };
  const [known] = await rows<DisputeRow>(
    sql,
    `/* orders.knownDispute */ SELECT ${COLUMNS} FROM dispute d
      WHERE d.provider_id = $3 OR (d.order_id = $1 AND d.kind = $2 AND d.state = 'OPEN')
      ORDER BY d.provider_id = $3 DESC NULLS LAST LIMIT 1`,
    [dispute.orderId, dispute.kind, dispute.providerId ?? null],
  );
  return { dispute: known!, isNew: false };
}

/** A dispute by id. */
export async function findDispute(sql: Queryable, id: bigint): Promise<DisputeRow | undefined> {
  const [found] = await rows<DisputeRow>(sql, `/* orders.dispute */ SELECT ${COLUMNS} FROM dispute d WHERE d.id = $1`, [
    id,
  ]);
  return found;
}

/** The disputes of orders, in one statement, oldest first. */
export async function readDisputes(sql: Queryable, orderIds: readonly bigint[]): Promise<DisputeRow[]> {
  return rows<DisputeRow>(
    sql,
    `/* orders.disputes */ SELECT ${COLUMNS} FROM dispute d WHERE d.order_id = ANY($1) ORDER BY d.id`,
    [orderIds],
  );
}

/** Closes a dispute of an order that the caller has locked. */
export async function closeDispute(
  sql: SqlTransaction,
  id: bigint,
  state: 'REJECTED' | 'REFUNDED',
): Promise<DisputeRow> {
  const [closed] = await rows<DisputeRow>(
    sql,
    `/* orders.closeDispute */ WITH d AS (
       UPDATE dispute SET state = $2, closed_at = clock_timestamp() WHERE id = $1 RETURNING *
     ) SELECT ${COLUMNS} FROM d`,
    [id, state],
  );
  return closed!;
}

/** Whether somebody acts for the platform, which decides what buyers and merchants cannot agree on. */
export async function actsForPlatform(sql: Queryable, viewerId: bigint): Promise<boolean> {
  const found = await rows(
    sql,
    `/* orders.actsForPlatform */ SELECT 1 FROM merchant_member mm JOIN merchant m ON m.id = mm.merchant_id
      WHERE m.kind = 'PLATFORM' AND mm.viewer_id = $1`,
    [viewerId],
  );
  return found.length > 0;
}
