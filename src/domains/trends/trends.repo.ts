import { type Queryable, rows, statement } from '../../db/database.ts';
import { halfLivesUntil, log2, NEGLIGIBLE_LOG, smallPower, WEIGHTS } from './trends.score.ts';

/** What speaks for a product. */
export type SignalKind = keyof typeof WEIGHTS;

/** Something that speaks for a product. */
export type TrendSignal = {
  productId: bigint;
  /** Where from, ISO 3166-1 alpha-2; empty when nobody knows. */
  region: string;
  kind: SignalKind;
  /** Views, pins, units bought, coins given. */
  amount: bigint | number;
};

/** A product that trends. Its score is 2^power now. */
export type TrendRow = { productId: bigint; power: number };

/** Products that a read returns at the most. */
export const TRENDING_MAX = 100;
/** A region in which fewer products trend shows what trends in the whole world. */
export const REGION_PRODUCTS_MIN = 5;

// Not prepared, but planned each time: a plan made while the tables are empty would read all of them once they are full.
const NOTE = `/* trends.note */ ${insert('true')}`;
const VIEW = `/* trends.view */ ${insert(`p.status = 'PUBLISHED'`)} RETURNING product_id AS "productId"`;

/** Finds a row when a signal waits to be counted. */
export const HAS_SIGNALS = 'SELECT FROM trend_signal';

/**
 * Takes signals away and adds them to the scores, as one statement: both happen or neither, so each signal counts exactly once. Signals
 * that another server takes at this moment are passed over, and scores are locked in one order. What speaks for a listing of the platform's shop
 * (`source_id`) counts for the product that it lists: a product does not compete with its own listing. Planned each time, as above.
 */
const COUNT = `/* trends.count */ WITH taken AS (
     DELETE FROM trend_signal WHERE id = ANY(ARRAY(
       SELECT id FROM trend_signal WHERE id > $4 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
     RETURNING id, product_id, region, kind, amount, occurred_at
   ), worth AS (
     SELECT coalesce(p.source_id, p.id) AS product_id, t.region, ${log2('w.weight * t.amount')} + ${halfLivesUntil('t.occurred_at')} AS power
       FROM taken t JOIN product p ON p.id = t.product_id JOIN unnest($2::text[], $3::float8[]) w(kind, weight) ON w.kind = t.kind
   ), spread AS (
     SELECT r.region, w.product_id, w.power, max(w.power) OVER (PARTITION BY r.region, w.product_id) AS top
       FROM worth w CROSS JOIN LATERAL (SELECT w.region UNION SELECT '') r(region)
   ), added AS (
     INSERT INTO product_trend AS o (region, product_id, log_score)
       SELECT region, product_id, top + ${log2(`sum(${smallPower('power - top')})`)}
         FROM spread GROUP BY region, product_id, top ORDER BY region, product_id
       ON CONFLICT (region, product_id) DO UPDATE SET log_score = greatest(o.log_score, EXCLUDED.log_score)
         + ${log2(`1 + ${smallPower('-abs(o.log_score - EXCLUDED.log_score)')}`)}
     RETURNING 1
   ) SELECT count(*)::int AS taken, max(id) AS "lastId", (SELECT count(*) FROM added)::int AS changed FROM taken`;

const TRENDING = statement(
  'trends.trending',
  `WITH near AS (${top('$1')}), few AS (SELECT $1 <> '' AND count(*) < ${REGION_PRODUCTS_MIN} AS few FROM near)
   SELECT product_id AS "productId", log_score - ${halfLivesUntil('now()')} AS power FROM (
     SELECT * FROM near WHERE NOT (SELECT few FROM few)
     UNION ALL SELECT * FROM (${top("''")}) world WHERE (SELECT few FROM few)
   ) found ORDER BY log_score DESC, product_id LIMIT $2`,
);

/** What trends in a region, best first. The constant limit has Postgres walk the index. */
function top(region: string): string {
  return `SELECT t.product_id, t.log_score FROM product_trend t JOIN product p ON p.id = t.product_id AND p.status = 'PUBLISHED'
     WHERE t.region = ${region} AND t.log_score > ${halfLivesUntil('now()')} + ${NEGLIGIBLE_LOG}
     ORDER BY t.log_score DESC, t.product_id LIMIT ${TRENDING_MAX}`;
}

function insert(condition: string): string {
  return `INSERT INTO trend_signal (product_id, region, kind, amount)
     SELECT p.id, i.region, i.kind, i.amount
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[]) i(product_id, region, kind, amount)
       JOIN product p ON p.id = i.product_id WHERE i.amount >= 1 AND ${condition}`;
}

/** Inserts signals, in one statement; those of no product, and of nothing, are left out. */
export async function insertSignals(sql: Queryable, signals: readonly TrendSignal[]): Promise<void> {
  await insertBy(sql, NOTE, signals);
}

/** Inserts signals of what people look at, in one statement. Returns the products among them that can be looked at. */
export async function insertViews(sql: Queryable, views: readonly TrendSignal[]): Promise<Set<bigint>> {
  const inserted = await insertBy<{ productId: bigint }>(sql, VIEW, views);
  return new Set(inserted.map(({ productId }) => productId));
}

function insertBy<Row extends object>(sql: Queryable, query: string, signals: readonly TrendSignal[]) {
  return rows<Row>(sql, query, [
    signals.map(({ productId }) => productId),
    signals.map(({ region }) => region),
    signals.map(({ kind }) => kind),
    signals.map(({ amount }) => amount),
  ]);
}

/** What one batch has counted: signals, scores that it changed, and the last of the signals. */
export type Counted = { taken: number; changed: number; lastId: bigint | null };

/**
 * Turns up to so many signals into scores, first those noted first.
 * @param afterId where to go on within a sweep: until Postgres has tidied up, the signals counted before lie in the way. A sweep begins
 *   at 0, as signals may appear out of order
 */
export async function countSignals(sql: Queryable, signalsMax: number, afterId = 0n): Promise<Counted> {
  const values = [signalsMax, Object.keys(WEIGHTS), Object.values(WEIGHTS), afterId];
  const [counted] = await rows<Counted>(sql, COUNT, values);
  return counted!;
}

/** What trends in a region, best first; in the whole world when the region is '' or too little trends there. */
export async function readTrending(sql: Queryable, region: string, limit: number): Promise<TrendRow[]> {
  return rows<TrendRow>(sql, TRENDING, [region, limit]);
}

/** Removes up to so many scores that have become negligible. Returns how many. */
export async function removeDust(sql: Queryable, scoresMax: number): Promise<number> {
  const removed = await rows(
    sql,
    `/* trends.dust */ WITH dust AS MATERIALIZED (
       SELECT region, product_id FROM product_trend WHERE log_score < ${halfLivesUntil('now()')} + ${NEGLIGIBLE_LOG}
        LIMIT $1 FOR UPDATE SKIP LOCKED
     ) DELETE FROM product_trend t USING dust d WHERE t.region = d.region AND t.product_id = d.product_id RETURNING 1`,
    [scoresMax],
  );
  return removed.length;
}
