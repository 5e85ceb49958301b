import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import type { CoinDisputeState } from './coin-disputes.state.ts';
import type { CoinPurchaseRow } from './payments.repo.ts';

/** A coin purchase that a bank contests, and what was taken for it. */
export type CoinDisputeRow = {
  id: bigint;
  purchaseId: bigint;
  providerId: string;
  reason: string;
  state: CoinDisputeState;
  coinsLeft: bigint;
  coinsUnspent: bigint;
  coinsGifted: bigint;
  coinsOwed: bigint;
  giftsReversed: number;
  coinTransferId: bigint | null;
  saleTransferId: bigint | null;
  openedAt: Date;
  reversedAt: Date | null;
  decidedAt: Date | null;
};

/** What one step of a reversal has found. */
export type StepTaken = {
  unspent: bigint;
  gifted: bigint;
  owed: bigint;
  gifts: number;
  coinTransferId: bigint | undefined;
  saleTransferId: bigint | undefined;
};

const COLUMNS = `d.id, d.purchase_id AS "purchaseId", d.provider_id AS "providerId", d.reason, d.state, d.coins_left AS "coinsLeft",
  d.coins_unspent AS "coinsUnspent", d.coins_gifted AS "coinsGifted", d.coins_owed AS "coinsOwed",
  d.gifts_reversed AS "giftsReversed", d.coin_transfer_id AS "coinTransferId", d.sale_transfer_id AS "saleTransferId",
  d.opened_at AS "openedAt", d.reversed_at AS "reversedAt", d.decided_at AS "decidedAt"`;

/** A dispute by id. */
export async function findCoinDispute(sql: Queryable, id: bigint): Promise<CoinDisputeRow | undefined> {
  const [found] = await rows<CoinDisputeRow>(
    sql,
    `/* disputes.find */ SELECT ${COLUMNS} FROM coin_dispute d WHERE d.id = $1`,
    [id],
  );
  return found;
}

/** The disputes of purchases, in one statement, oldest first. */
export async function listCoinDisputes(sql: Queryable, purchaseIds: readonly bigint[]): Promise<CoinDisputeRow[]> {
  return rows<CoinDisputeRow>(
    sql,
    `/* disputes.list */ SELECT ${COLUMNS} FROM coin_dispute d WHERE d.purchase_id = ANY($1) ORDER BY d.id`,
    [purchaseIds],
  );
}

/** Opens a dispute of a purchase that the caller has locked. */
export async function insertCoinDispute(
  sql: SqlTransaction,
  dispute: {
    purchase: CoinPurchaseRow;
    providerId: string;
    reason: string;
    state: CoinDisputeState;
    isDecided: boolean;
  },
): Promise<CoinDisputeRow> {
  const { purchase, providerId, reason, state, isDecided } = dispute;
  const [inserted] = await rows<CoinDisputeRow>(
    sql,
    `/* disputes.open */ WITH d AS (
       INSERT INTO coin_dispute (purchase_id, provider_id, reason, state, coins_left, decided_at)
       VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN clock_timestamp() END) RETURNING *
     ) SELECT ${COLUMNS} FROM d`,
    [purchase.id, providerId, reason, state, purchase.coins, isDecided],
  );
  return inserted!;
}

/** Moves a dispute, of a purchase that the caller has locked, and notes when the bank decided. */
export async function moveCoinDispute(
  sql: SqlTransaction,
  id: bigint,
  { state, isDecided }: { state: CoinDisputeState; isDecided: boolean },
): Promise<void> {
  await rows(
    sql,
    `/* disputes.move */ UPDATE coin_dispute SET state = $2,
       decided_at = CASE WHEN $3 THEN clock_timestamp() ELSE decided_at END WHERE id = $1`,
    [id, state, isDecided],
  );
}

/** Notes what a step has found. Once nothing is left, all is reversed. */
export async function noteStep(sql: SqlTransaction, id: bigint, taken: StepTaken): Promise<CoinDisputeRow> {
  const [noted] = await rows<CoinDisputeRow>(
    sql,
    `/* disputes.step */ WITH d AS (
       UPDATE coin_dispute SET coins_left = coins_left - $2 - $3 - $4, coins_unspent = coins_unspent + $2,
           coins_gifted = coins_gifted + $3, coins_owed = coins_owed + $4, gifts_reversed = gifts_reversed + $5,
           coin_transfer_id = coalesce(coin_transfer_id, $6), sale_transfer_id = coalesce(sale_transfer_id, $7),
           state = CASE WHEN coins_left = $2 + $3 + $4 THEN 'REVERSED' ELSE state END,
           reversed_at = CASE WHEN coins_left = $2 + $3 + $4 THEN clock_timestamp() END
         WHERE id = $1 RETURNING *
     ) SELECT ${COLUMNS} FROM d`,
    [
      id,
      taken.unspent,
      taken.gifted,
      taken.owed,
      taken.gifts,
      taken.coinTransferId ?? null,
      taken.saleTransferId ?? null,
    ],
  );
  return noted!;
}

/** Disputes whose reversal is under way, in the order of their ids, behind one. */
export async function findReversing(sql: Queryable, afterId: bigint, limit: number): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* disputes.reversing */ SELECT id FROM coin_dispute WHERE state = 'REVERSING' AND id > $1 ORDER BY id LIMIT $2`,
    [afterId, limit],
  );
  return found.map(({ id }) => id);
}
