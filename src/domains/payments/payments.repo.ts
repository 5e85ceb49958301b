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
  /** The transfers by which its coins and its money came; null before, and of purchases that an old server has settled. */
  coinTransferId: bigint | null;
  saleTransferId: bigint | null;
  createdAt: Date;
};

const COLUMNS = `id, viewer_id AS "viewerId", pack_id AS "packId", coins, price_minor AS "priceMinor", currency,
  payment_token AS "paymentToken", state, coin_transfer_id AS "coinTransferId", sale_transfer_id AS "saleTransferId",
  created_at AS "createdAt"`;

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

/** A purchase by its id. */
export async function findPurchase(sql: Queryable, id: bigint): Promise<CoinPurchaseRow | undefined> {
  const [purchase] = await rows<CoinPurchaseRow>(
    sql,
    `/* payments.find */ SELECT ${COLUMNS} FROM coin_purchase WHERE id = $1`,
    [id],
  );
  return purchase;
}

/** Purchases by id, in one statement. */
export async function findPurchases(sql: Queryable, ids: readonly bigint[]): Promise<CoinPurchaseRow[]> {
  return rows<CoinPurchaseRow>(sql, `/* payments.findAll */ SELECT ${COLUMNS} FROM coin_purchase WHERE id = ANY($1)`, [
    ids,
  ]);
}

/** Reads a purchase and locks it until the transaction ends. */
export async function lockPurchase(sql: SqlTransaction, id: bigint): Promise<CoinPurchaseRow | undefined> {
  const [purchase] = await rows<CoinPurchaseRow>(
    sql,
    `/* payments.lock */ SELECT ${COLUMNS} FROM coin_purchase WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return purchase;
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

/** Notes the transfers by which a purchase's coins, and its money, came. The caller has locked it. */
export async function noteTransfers(
  sql: SqlTransaction,
  id: bigint,
  transfers: { coinTransferId: bigint | undefined; saleTransferId: bigint | undefined },
): Promise<void> {
  await rows(
    sql,
    '/* payments.noteTransfers */ UPDATE coin_purchase SET coin_transfer_id = $2, sale_transfer_id = $3 WHERE id = $1',
    [id, transfers.coinTransferId ?? null, transfers.saleTransferId ?? null],
  );
}

/** Purchases that have been open for longer than `olderThanMs` behind an id, in the order of their ids. */
export async function findStalePurchases(
  sql: Queryable,
  { olderThanMs, afterId, limit }: { olderThanMs: number; afterId: bigint; limit: number },
): Promise<(CoinPurchaseRow & { ageMs: number })[]> {
  return rows<CoinPurchaseRow & { ageMs: number }>(
    sql,
    `/* payments.stale */ SELECT ${COLUMNS}, (extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8 AS "ageMs"
       FROM coin_purchase
      WHERE state = 'PENDING' AND created_at < clock_timestamp() - make_interval(secs => $1::float8 / 1000) AND id > $2
      ORDER BY id LIMIT $3`,
    [olderThanMs, afterId, limit],
  );
}

/** The intent at Stripe that a key may charge, `null` for none ever; undefined while nobody has decided. */
export async function findIntent(sql: Queryable, key: string): Promise<{ intentId: string | null } | undefined> {
  const [found] = await rows<{ intentId: string | null }>(
    sql,
    '/* stripe.findIntent */ SELECT intent_id AS "intentId" FROM stripe_charge WHERE idempotency_key = $1',
    [key],
  );
  return found;
}

/** Writes down which intent a key may charge, or that there is none, unless that is decided. Returns what holds. */
export async function decideIntent(
  sql: Queryable,
  key: string,
  intentId: string | undefined,
): Promise<string | undefined> {
  await rows(
    sql,
    '/* stripe.decide */ INSERT INTO stripe_charge (idempotency_key, intent_id) VALUES ($1, $2) ON CONFLICT (idempotency_key) DO NOTHING',
    [key, intentId ?? null],
  );
  return (await findIntent(sql, key))?.intentId ?? undefined;
}

/** The key that may charge an intent. */
export async function findKeyOfIntent(sql: Queryable, intentId: string): Promise<string | undefined> {
  const [found] = await rows<{ key: string }>(
    sql,
    '/* stripe.keyOf */ SELECT idempotency_key AS key FROM stripe_charge WHERE intent_id = $1',
    [intentId],
  );
  return found?.key;
}

/** Whether an event was handled before. */
export async function isHandled(sql: Queryable, source: string, id: string): Promise<boolean> {
  const found = await rows(sql, '/* webhooks.isHandled */ SELECT 1 FROM webhook_event WHERE source = $1 AND id = $2', [
    source,
    id,
  ]);
  return found.length > 0;
}

/** Notes that an event was handled. Comes behind its effect, which has to bear a repeat: a crash in between loses nothing. */
export async function markHandled(
  sql: Queryable,
  { source, id, type }: { source: string; id: string; type: string },
): Promise<void> {
  await rows(
    sql,
    '/* webhooks.mark */ INSERT INTO webhook_event (source, id, type) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [source, id, type],
  );
}
