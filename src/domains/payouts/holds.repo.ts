import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';

/** Diamonds that an operator has set aside. */
export type HoldRow = {
  id: bigint;
  creatorId: bigint;
  diamonds: bigint;
  reason: string;
  heldAt: Date;
  releasedAt: Date | null;
};

const COLUMNS = 'id, creator_id AS "creatorId", diamonds, reason, held_at AS "heldAt", released_at AS "releasedAt"';
const BY_ID = lookUpStatements(
  'payouts.holdById',
  (equals) => `SELECT ${COLUMNS} FROM earnings_hold WHERE id ${equals}`,
);

/** Writes a hold under an operator's key. Undefined when the key is taken. */
export async function insertHold(
  sql: SqlTransaction,
  hold: Pick<HoldRow, 'creatorId' | 'diamonds' | 'reason'> & { operatorId: bigint; idempotencyKey: string },
): Promise<HoldRow | undefined> {
  const [inserted] = await rows<HoldRow>(
    sql,
    `/* payouts.hold */ INSERT INTO earnings_hold (creator_id, diamonds, reason, operator_id, idempotency_key)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [hold.creatorId, hold.diamonds, hold.reason, hold.operatorId, hold.idempotencyKey],
  );
  return inserted;
}

/** The hold that an operator's key stands for. */
export async function findHoldByKey(sql: Queryable, operatorId: bigint, key: string): Promise<HoldRow | undefined> {
  const [hold] = await rows<HoldRow>(
    sql,
    `/* payouts.holdByKey */ SELECT ${COLUMNS} FROM earnings_hold WHERE operator_id = $1 AND idempotency_key = $2`,
    [operatorId, key],
  );
  return hold;
}

/** Holds by id, in one statement, in any order. */
export function findHolds(sql: Queryable, ids: readonly bigint[]): Promise<HoldRow[]> {
  return lookUp<HoldRow>(sql, BY_ID, ids);
}

/** Lifts a hold that is not lifted yet. The caller holds the creator's accounts. */
export async function releaseHold(sql: SqlTransaction, id: bigint): Promise<HoldRow | undefined> {
  const [released] = await rows<HoldRow>(
    sql,
    `/* payouts.release */ UPDATE earnings_hold SET released_at = clock_timestamp() WHERE id = $1 AND released_at IS NULL
     RETURNING ${COLUMNS}`,
    [id],
  );
  return released;
}

/** The newest holds of a creator. */
export async function listHolds(sql: Queryable, creatorId: bigint, limit: number): Promise<HoldRow[]> {
  return rows<HoldRow>(
    sql,
    `/* payouts.holds */ SELECT ${COLUMNS} FROM earnings_hold WHERE creator_id = $1 ORDER BY id DESC LIMIT $2`,
    [creatorId, limit],
  );
}
