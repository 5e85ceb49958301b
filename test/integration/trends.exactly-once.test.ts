/** Every signal counts exactly once: with servers that sweep side by side, and with one that dies while it does. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { countSignals, removeDust } from '../../src/domains/trends/trends.repo.ts';
import { halfLivesUntil } from '../../src/domains/trends/trends.score.ts';
import { testWith } from '../support/fixtures.ts';
import { type Server, startServer } from '../support/server.ts';
import { QUIET } from './support/shared-server.ts';
import { insertMerchant, insertProduct, insertSignal, readTrending, waitingSignals } from './support/trend-rows.ts';

const COUNTING = { overrides: { ...QUIET.overrides, trends: { ...QUIET.overrides.trends, countIntervalMs: 2 } } };

const test = testWith(QUIET);

/** The undecayed scores at the moment of the signals, which all have one. */
async function scoresAt(pool: Pool, moment: string): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ region: string; productId: string; score: number }>(
    `SELECT region, product_id AS "productId", power(2, log_score - ${halfLivesUntil('$1::timestamptz')}) AS score FROM product_trend`,
    [moment],
  );
  return Object.fromEntries(rows.map(({ region, productId, score }) => [`${productId} ${region}`, score]));
}

test('three servers that sweep at once count every signal once', async ({ db }) => {
  const merchant = await insertMerchant(db.pool);
  const products = await Promise.all([1, 2, 3].map(() => insertProduct(db.pool, merchant)));
  const others = await Promise.all([1, 2, 3].map(() => startServer({ ...COUNTING, databaseUrl: db.url })));
  const moment = new Date().toISOString();
  try {
    // In many transactions, so that there is something to take at any time, from both ends of the table.
    const writers = Array.from({ length: 3 }, async (_, writer) => {
      for (let round = 0; round < 40; round++) {
        await db.pool.query(
          `INSERT INTO trend_signal (product_id, region, kind, amount, occurred_at)
             SELECT p, r, 'VIEW', 1, $1 FROM unnest($2::bigint[]) p, unnest(ARRAY['AE', 'SA', '']) r, generate_series(1, 10)`,
          [moment, writer % 2 ? products.map(({ row }) => row) : products.map(({ row }) => row).reverse()],
        );
      }
    });
    await Promise.all(writers);
    await expect.poll(() => waitingSignals(db.pool)).toBe(0);
  } finally {
    await Promise.all(others.map((other) => other.close()));
  }
  const scores = await scoresAt(db.pool, moment);
  expect(Object.keys(scores)).toHaveLength(9);
  for (const { row } of products) {
    expect(scores[`${row} AE`]).toBeCloseTo(1_200, 5);
    expect(scores[`${row} SA`]).toBeCloseTo(1_200, 5);
    expect(scores[`${row} `]).toBeCloseTo(3_600, 5);
  }
});

test('a server that dies while it counts has counted nothing, and another one counts all of it', async ({ db }) => {
  const product = await insertProduct(db.pool, await insertMerchant(db.pool));
  const moment = new Date().toISOString();
  const note = (amount: number) =>
    db.pool.query(
      `INSERT INTO trend_signal (product_id, region, kind, amount, occurred_at) VALUES ($1, 'AE', 'VIEW', $2, $3)`,
      [product.row, amount, moment],
    );
  await note(3);
  expect(await countSignals(db.pool, 10)).toMatchObject({ taken: 1, changed: 2 });
  await note(4);
  const holder = await db.pool.connect();
  let victim: Server | undefined;
  try {
    // Before there is a victim: it counts as soon as it is there.
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM product_trend FOR UPDATE');
    victim = await startServer({ ...COUNTING, databaseUrl: db.url });
    // The victim has taken the signal and waits for the score: here its connection is cut.
    const cut = async () => {
      const { rowCount } = await db.pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%trends.count%'`,
      );
      return rowCount;
    };
    await expect.poll(cut).toBe(1);
    expect(await waitingSignals(db.pool)).toBe(1);
    await expect.poll(cut).toBe(1); // It tries again, and dies again.
    // Its last count may be waiting by now, and would keep it from closing: that one is cut, too.
    let isClosed = false;
    const closing = victim.close().then(() => {
      isClosed = true;
    });
    await expect
      .poll(async () => {
        await cut();
        return isClosed;
      })
      .toBe(true);
    await closing;
    await holder.query('COMMIT');
  } finally {
    holder.release(true);
    await victim?.close();
  }
  expect(await waitingSignals(db.pool)).toBe(1);
  expect(await scoresAt(db.pool, moment)).toEqual({
    [`${product.row} AE`]: expect.closeTo(3, 9),
    [`${product.row} `]: expect.closeTo(3, 9),
  });
  const next = await startServer({ ...COUNTING, databaseUrl: db.url });
  try {
    await expect.poll(() => waitingSignals(db.pool)).toBe(0);
  } finally {
    await next.close();
  }
  expect(await scoresAt(db.pool, moment)).toEqual({
    [`${product.row} AE`]: expect.closeTo(7, 9),
    [`${product.row} `]: expect.closeTo(7, 9),
  });
});

test('signals of a product that is gone, and of none, are taken and count for nothing', async ({ db }) => {
  await insertSignal(db.pool, '999999999');
  expect(await countSignals(db.pool, 10)).toMatchObject({ taken: 1, changed: 0 });
  expect(await waitingSignals(db.pool)).toBe(0);
});

describe('dust', () => {
  test.override('serverOptions', {
    overrides: { ...QUIET.overrides, trends: { ...QUIET.overrides.trends, dustIntervalMs: 10 } },
  });

  test('scores that have become negligible are removed, and a new signal begins anew', async ({ server, db }) => {
    const merchant = await insertMerchant(db.pool);
    const gone = await insertProduct(db.pool, merchant, { title: 'Gone' });
    const here = await insertProduct(db.pool, merchant, { title: 'Here' });
    await insertSignal(db.pool, gone.row, { hoursAgo: 24 * 7, region: 'AE' });
    await insertSignal(db.pool, here.row, { hoursAgo: 12 });
    expect(await countSignals(db.pool, 10)).toMatchObject({ taken: 2, changed: 3 });
    const rows = async () => (await db.pool.query('SELECT product_id FROM product_trend')).rows;
    await expect.poll(rows).toEqual([{ product_id: here.row }]);
    await insertSignal(db.pool, gone.row, { region: 'AE' });
    await countSignals(db.pool, 10);
    expect((await readTrending(server)).map(({ product }) => product.title)).toEqual(['Gone', 'Here']);
  });
});

test('dust is removed in steps', async ({ db }) => {
  const merchant = await insertMerchant(db.pool);
  for (let index = 0; index < 5; index++) {
    await insertSignal(db.pool, (await insertProduct(db.pool, merchant)).row, { hoursAgo: 24 * 30 });
  }
  await countSignals(db.pool, 10);
  expect([await removeDust(db.pool, 3), await removeDust(db.pool, 3), await removeDust(db.pool, 3)]).toEqual([3, 2, 0]);
});
