/** Forward decay against the naive kind, which makes every signal smaller as time passes: nobody may see a difference. */
import fc from 'fast-check';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { countSignals } from '../../src/domains/trends/trends.repo.ts';
import { EPOCH_S, HALF_LIFE_S, WEIGHTS } from '../../src/domains/trends/trends.score.ts';
import { QUIET } from '../integration/support/shared-server.ts';
import { insertMerchant, insertProduct } from '../integration/support/trend-rows.ts';
import { testWith } from '../support/fixtures.ts';

const NUM_RUNS = 40;
const PRODUCTS = 3;
const DAY_MS = 24 * 3_600_000;
const TEN_YEARS_MS = 3_653 * DAY_MS;
const HALF_LIFE_MS = HALF_LIFE_S * 1_000;
/** How far a score may be off, as a part of it. */
const TOLERANCE = 1e-9;
/** What is so small is nothing: below, numbers lose their digits. */
const NOTHING = 1e-290;

const test = testWith(QUIET);

type Signal = { product: number; region: string; kind: keyof typeof WEIGHTS; amount: number; atMs: number };
type Score = { product: number; region: string; logScore: number };

// Most within days, some years apart; from before the epoch, too, if a clock is wrong.
const atMs = fc.oneof(
  fc.integer({ min: -DAY_MS, max: 3 * DAY_MS }),
  fc.integer({ min: 0, max: TEN_YEARS_MS }),
  fc.integer({ min: TEN_YEARS_MS - DAY_MS, max: TEN_YEARS_MS }),
);
const signal: fc.Arbitrary<Signal> = fc.record({
  product: fc.nat({ max: PRODUCTS - 1 }),
  region: fc.constantFrom('', 'AE', 'SA'),
  kind: fc.constantFrom(...(Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[])),
  amount: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  atMs,
});
const signals = fc.array(signal, { minLength: 1, maxLength: 30 });
/** The same signals twice: in any order, in batches of any size. */
const scenario = signals.chain((some) =>
  fc.record({
    signals: fc.constant(some),
    shuffled: fc.shuffledSubarray(some, { minLength: some.length }),
    batchMax: fc.integer({ min: 1, max: 7 }),
    laterMs: fc.integer({ min: 0, max: TEN_YEARS_MS }),
  }),
);

/** What a product's signals are worth at a moment, every one of them halved with each half-life since. */
function naiveScore(
  all: readonly Signal[],
  { product, region }: Pick<Score, 'product' | 'region'>,
  nowMs: number,
): number {
  return all
    .filter((one) => one.product === product && (region === '' || one.region === region))
    .reduce((sum, one) => sum + WEIGHTS[one.kind] * one.amount * 2 ** ((one.atMs - nowMs) / HALF_LIFE_MS), 0);
}

/** The same, of what is stored. */
function scoreAt({ logScore }: Score, nowMs: number): number {
  return 2 ** (logScore - nowMs / HALF_LIFE_MS);
}

/** Counts signals from nothing, in this order, in batches of this size. */
async function count(pool: Pool, rows: readonly string[], all: readonly Signal[], batchMax: number): Promise<Score[]> {
  await pool.query('TRUNCATE trend_signal, product_trend');
  await pool.query(
    `INSERT INTO trend_signal (product_id, region, kind, amount, occurred_at)
       SELECT p, r, k, a, to_timestamp($6) + make_interval(secs => ms / 1000.0)
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY i(p, r, k, a, ms, n) ORDER BY n`,
    [
      all.map(({ product }) => rows[product]),
      all.map(({ region }) => region),
      all.map(({ kind }) => kind),
      all.map(({ amount }) => amount),
      all.map(({ atMs: at }) => at),
      EPOCH_S,
    ],
  );
  for (let left = all.length; left > 0; left -= batchMax) {
    expect((await countSignals(pool, batchMax)).taken).toBe(Math.min(left, batchMax));
  }
  const { rows: found } = await pool.query<{ product_id: string; region: string; log_score: number }>(
    'SELECT product_id, region, log_score FROM product_trend ORDER BY product_id, region',
  );
  return found.map((row) => ({ product: rows.indexOf(row.product_id), region: row.region, logScore: row.log_score }));
}

test('scores are those of naive decay, and in its order, at any time and however the signals are counted', async ({
  server,
  db,
}) => {
  const { pool } = server.app.services.db;
  const merchant = await insertMerchant(db.pool);
  const rows: string[] = [];
  for (let index = 0; index < PRODUCTS; index++) rows.push((await insertProduct(db.pool, merchant)).row);
  const run = async ({
    signals: all,
    shuffled,
    batchMax,
    laterMs,
  }: typeof scenario extends fc.Arbitrary<infer T> ? T : never) => {
    const whole = await count(pool, rows, all, all.length);
    const parts = await count(pool, rows, shuffled, batchMax);
    expect(parts.map(({ product, region }) => [product, region])).toEqual(
      whole.map(({ product, region }) => [product, region]),
    );
    const expected = new Set(all.flatMap(({ product, region }) => [`${product} ${region}`, `${product} `]));
    expect(new Set(whole.map(({ product, region }) => `${product} ${region}`))).toEqual(expected);

    const lastMs = Math.max(...all.map((one) => one.atMs));
    for (const [index, score] of whole.entries()) {
      // At the product's own last signal, where its score is largest and no less than a tenth.
      const ownMs = Math.max(...all.filter((one) => one.product === score.product).map((one) => one.atMs));
      expectNear(scoreAt(parts[index]!, ownMs), scoreAt(score, ownMs));
      for (const nowMs of [ownMs, lastMs, lastMs + laterMs])
        expectNear(scoreAt(score, nowMs), naiveScore(all, score, nowMs));
    }
    expectSameOrder(whole, all, lastMs);
  };
  // A signal of the beginning and one of ten years later, in one batch and in two.
  const ends: Signal[] = [
    { product: 0, region: 'AE', kind: 'VIEW', amount: 1, atMs: 0 },
    { product: 0, region: 'AE', kind: 'VIEW', amount: 1, atMs: TEN_YEARS_MS },
  ];
  await run({ signals: ends, shuffled: [...ends].reverse(), batchMax: 1, laterMs: TEN_YEARS_MS });
  await fc.assert(fc.asyncProperty(scenario, run), { numRuns: NUM_RUNS, endOnFailure: true });
});

function expectNear(actual: number, expected: number): void {
  expect(Number.isFinite(actual)).toBe(true);
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(TOLERANCE * expected + NOTHING);
}

/** Where naive decay tells two scores apart, the stored ones do, in the same direction. */
function expectSameOrder(stored: readonly Score[], all: readonly Signal[], nowMs: number): void {
  for (const a of stored) {
    for (const b of stored) {
      const [naiveA, naiveB] = [naiveScore(all, a, nowMs), naiveScore(all, b, nowMs)];
      if (naiveA > naiveB * (1 + 2 * TOLERANCE) + NOTHING) expect(a.logScore).toBeGreaterThan(b.logScore);
    }
  }
}
