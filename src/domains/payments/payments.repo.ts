import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';

/** An amount of coins for sale. */
export type CoinPackRow = { id: bigint; coins: bigint; priceMinor: bigint; currency: string };

/** A purchase of coins. */
export type CoinPurchaseRow = {
  id: bigint;
  viewerId: bigint;
  packId: bigint;
  coins: bigint;
  priceMinor: bigint;
  currency: string;
  paymentToken: string;
  state: 'PENDING' | 'SUCCEEDED' | 'DECLINED';
};

const COLUMNS = `id, viewer_id AS "viewerId", pack_id AS "packId", coins, price_minor AS "priceMinor", currency,
  payment_token AS "paymentToken", state`;

/** Coin packs on sale, smallest first. */
export async function listCoinPacks(sql: Queryable): Promise<CoinPackRow[]> {
  return rows<CoinPackRow>(
    sql,
    '/* payments.coinPacks */ SELECT id, coins, price_minor AS "priceMinor", currency FROM coin_pack WHERE active ORDER BY coins',
  );
}

/** Coin packs by id, on sale or not, in one statement. */
export async function findCoinPacks(sql: Queryable, ids: readonly bigint[]): Promise<CoinPackRow[]> {
  return rows<CoinPackRow>(
    sql,
    '/* payments.findPacks */ SELECT id, coins, price_minor AS "priceMinor", currency FROM coin_pack WHERE id = ANY($1)',
    [ids],
  );
}

/** Opens a purchase under a key, at the pack's price of now. Returns undefined when the key is taken or the pack is not on sale. */
export async function insertPurchase(
  sql: Queryable,
  purchase: { viewerId: bigint; packId: bigint; paymentToken: string; idempotencyKey: string },
): Promise<CoinPurchaseRow | undefined> {
  const [inserted] = await rows<CoinPurchaseRow>(
    sql,
    `/* payments.open */ INSERT INTO coin_purchase (viewer_id, pack_id, coins, price_minor, currency, payment_token, idempotency_key)
     SELECT $1, id, coins, price_minor, currency, $3, $4 FROM coin_pack WHERE id = $2 AND active
     ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
    [purchase.viewerId, purchase.packId, purchase.paymentToken, purchase.idempotencyKey],
  );
  return inserted;
}

/** The purchase that a viewer's key stands for. */
export async function findPurchaseByKey(
  sql: Queryable,
  viewerId: bigint,
  key: string,
): Promise<CoinPurchaseRow | undefined> {
  const [purchase] = await rows<CoinPurchaseRow>(
    sql,
    `/* payments.byKey */ SELECT ${COLUMNS} FROM coin_purchase WHERE viewer_id = $1 AND idempotency_key = $2`,
    [viewerId, key],
  );
  return purchase;
}

/** Reads a purchase and locks it until the transaction ends. */
export async function lockPurchase(sql: SqlTransaction, id: bigint): Promise<CoinPurchaseRow> {
  const [purchase] = await rows<CoinPurchaseRow>(
    sql,
    `/* payments.lock */ SELECT ${COLUMNS} FROM coin_purchase WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return purchase!;
}

/** Notes how a purchase ended. A declined one gives its key back: the same key may succeed with another card. */
export async function closePurchase(sql: SqlTransaction, id: bigint, state: 'SUCCEEDED' | 'DECLINED'): Promise<void> {
  await rows(
    sql,
    `/* payments.close */ UPDATE coin_purchase SET state = $2, idempotency_key = CASE WHEN $2 = 'DECLINED' THEN NULL ELSE idempotency_key END
      WHERE id = $1`,
    [id, state],
  );
}

/** Purchases that have been open for longer than `olderThanMs`, oldest first. */
export async function findStalePurchases(
  sql: Queryable,
  olderThanMs: number,
  limit: number,
): Promise<CoinPurchaseRow[]> {
  return rows<CoinPurchaseRow>(
    sql,
    `/* payments.stale */ SELECT ${COLUMNS} FROM coin_purchase
      WHERE state = 'PENDING' AND created_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000) ORDER BY created_at LIMIT $2`,
    [olderThanMs, limit],
  );
}
