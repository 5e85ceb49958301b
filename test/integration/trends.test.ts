/** What trends, through the public API: views, weights, decay, regions, and what is kept of the answers. */
import { describe, expect } from 'vitest';
import { noteSignals } from '../../src/domains/trends/trends.api.ts';
import { REGION_PRODUCTS_MIN, TRENDING_MAX } from '../../src/domains/trends/trends.repo.ts';
import { VIEWS_PER_CALL_MAX } from '../../src/domains/trends/trends.service.ts';
import { httpClient } from '../support/client.ts';
import { testWith } from '../support/fixtures.ts';
import { type Actor, mutate, query, succeed } from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import { globalId, wrongIds } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';
import {
  insertMerchant,
  insertProduct,
  insertScores,
  insertSignal,
  type ProductRow,
  readTrending,
  waitingSignals,
} from './support/trend-rows.ts';

const HOUR_MS = 3_600_000;
/** Counts soon, and does nothing else by itself. */
const COUNTING = { overrides: { ...QUIET.overrides, trends: { ...QUIET.overrides.trends, countIntervalMs: 10 } } };

const test = testWith(COUNTING);

function view(viewer: Actor, products: readonly ProductRow[], region?: string) {
  const productIds = products.map(({ id }) => id);
  return mutate<{ counted: number }>(viewer.api, 'recordProductViews', { productIds, region });
}

async function titles(server: Server, region?: string): Promise<string[]> {
  return (await readTrending(server, { region })).map(({ product }) => product.title);
}

test('views of many people make a product trend', async ({ server, db, viewer }) => {
  const merchant = await insertMerchant(db.pool);
  const seldom = await insertProduct(db.pool, merchant, { title: 'Seldom' });
  const often = await insertProduct(db.pool, merchant, { title: 'Often' });
  expect(await readTrending(server)).toEqual([]);
  const outcomes = await atOnce(20, (index) => view(viewer, index < 5 ? [seldom, often] : [often], 'AE'));
  expect(outcomes.map((outcome) => succeed(outcome).counted)).toEqual([...Array(5).fill(2), ...Array(15).fill(1)]);
  await expect.poll(() => readTrending(server)).toHaveLength(2);
  await expect.poll(() => waitingSignals(db.pool)).toBe(0);
  await expect
    .poll(() => readTrending(server))
    .toEqual([
      { rank: 1, score: expect.closeTo(20, 1), product: { id: often.id, title: 'Often' } },
      { rank: 2, score: expect.closeTo(5, 1), product: { id: seldom.id, title: 'Seldom' } },
    ]);
});

test('a repeated call counts again, a product named twice in a call once', async ({ server, db, viewer }) => {
  const product = await insertProduct(db.pool, await insertMerchant(db.pool));
  expect(succeed(await view(viewer, [product, product])).counted).toBe(1);
  expect(succeed(await view(viewer, [product, product])).counted).toBe(1);
  await expect.poll(async () => (await readTrending(server))[0]?.score).toBeCloseTo(2, 1);
});

test('views of what is no product, or not for sale, are left out', async ({ server, db, viewer }) => {
  const merchant = await insertMerchant(db.pool);
  const product = await insertProduct(db.pool, merchant);
  const draft = await insertProduct(db.pool, merchant, { status: 'DRAFT' });
  const productIds = [draft.id, ...wrongIds('Product').map(([, id]) => id), product.id];
  const outcome = await mutate<{ counted: number }>(viewer.api, 'recordProductViews', { productIds });
  expect(succeed(outcome).counted).toBe(1);
  await expect.poll(() => readTrending(server)).toHaveLength(1);
  expect(succeed(await view(viewer, [])).counted).toBe(0);
});

describe('bad input', () => {
  test.override('serverOptions', QUIET);

  test('views need a token, few enough products, and a country', async ({ server, viewer, db }) => {
    const call = async (input: Record<string, unknown>, api = viewer.api) =>
      mutate(api, 'recordProductViews', { productIds: [], ...input });
    expect(await call({}, httpClient(server.url))).toMatchObject({ code: 'NOT_SIGNED_IN' });
    const many = Array.from({ length: VIEWS_PER_CALL_MAX + 1 }, (_, index) => globalId('Product', 9_000_000 + index));
    for (const wrong of [{ productIds: many }, { region: 'ae' }, { region: 'ARE' }, { region: '' }, { region: "A'" }]) {
      expect(await call(wrong), JSON.stringify(wrong)).toMatchObject({ code: 'INVALID_INPUT' });
    }
    expect(succeed(await call({ productIds: many.slice(1), region: 'AE' }))).toMatchObject({ counted: 0 });
    expect(await waitingSignals(db.pool)).toBe(0);
  });

  test('a list has a region that is a country and a size that is not negative', async ({ server }) => {
    for (const args of ['region: "Dubai"', 'region: "ae"', 'first: -1']) {
      const { errors } = await server.http().request(`{ trendingProducts(${args}) { rank } }`);
      expect(errors?.[0]?.extensions, args).toMatchObject({ code: 'INVALID_INPUT' });
    }
    expect(await readTrending(server, { first: 2_000_000_000 })).toEqual([]);
  });
});

test('a purchase counts for more than a pin, a pin for more than a view, and a coin for little', async ({
  server,
  db,
}) => {
  const merchant = await insertMerchant(db.pool);
  const scores: Record<string, number> = { PURCHASE: 50, PIN: 20, VIEW: 1, GIFT: 0.1 };
  const products = await Promise.all(Object.keys(scores).map((title) => insertProduct(db.pool, merchant, { title })));
  await server.app.services.db.inTransaction((sql) =>
    noteSignals(sql, [
      ...Object.keys(scores).map((kind, index) => ({
        productId: BigInt(products[index]!.row),
        region: '',
        kind: kind as 'VIEW',
        amount: 1n,
      })),
      { productId: 999_999_999n, region: '', kind: 'VIEW', amount: 1 },
      { productId: BigInt(products[3]!.row), region: '', kind: 'GIFT', amount: 0n },
    ]),
  );
  await expect.poll(() => titles(server)).toEqual(Object.keys(scores));
  for (const { score, product } of await readTrending(server)) expect(score).toBeCloseTo(scores[product.title]!, 1);
});

test('signals whose transaction is rolled back were never there', async ({ server, db }) => {
  const product = await insertProduct(db.pool, await insertMerchant(db.pool));
  const signal = { productId: BigInt(product.row), region: 'AE', kind: 'PURCHASE' as const, amount: 1 };
  const failing = server.app.services.db.inTransaction(async (sql) => {
    await noteSignals(sql, [signal]);
    throw new Error('the purchase failed');
  });
  await expect(failing).rejects.toThrow('the purchase failed');
  await server.app.services.db.inTransaction((sql) => noteSignals(sql, [{ ...signal, kind: 'VIEW' }]));
  await expect.poll(async () => (await readTrending(server))[0]?.score).toBeCloseTo(1, 1);
});

test('what was said half a day ago is worth a quarter, and what nobody speaks of any more goes away', async ({
  server,
  db,
}) => {
  const merchant = await insertMerchant(db.pool);
  const [old, older, ancient] = await Promise.all(
    ['Old', 'Older', 'Ancient'].map((title) => insertProduct(db.pool, merchant, { title })),
  );
  await insertSignal(db.pool, old!.row, { hoursAgo: 12, amount: 4 });
  await insertSignal(db.pool, older!.row, { hoursAgo: 24, amount: 8 });
  await insertSignal(db.pool, ancient!.row, { hoursAgo: 24 * 30, amount: 100, kind: 'PURCHASE' });
  await expect.poll(() => waitingSignals(db.pool)).toBe(0);
  await expect.poll(() => titles(server)).toEqual(['Old', 'Older']);
  const [first, second] = await readTrending(server);
  expect(first!.score).toBeCloseTo(1, 2);
  expect(second!.score).toBeCloseTo(0.5, 2);
});

describe('regions', () => {
  test('a region shows its own, if enough trends there, and else the whole world', async ({ server, db }) => {
    const merchant = await insertMerchant(db.pool);
    const names = Array.from({ length: REGION_PRODUCTS_MIN }, (_, index) => `Local ${index}`);
    const world = await insertProduct(db.pool, merchant, { title: 'World' });
    await insertSignal(db.pool, world.row, { amount: 1_000 });
    for (const [index, title] of names.entries()) {
      const { row } = await insertProduct(db.pool, merchant, { title });
      await insertSignal(db.pool, row, { region: 'SA', amount: 100 - index });
      if (index > 0) await insertSignal(db.pool, row, { region: 'AE', amount: 10 + index });
    }
    await expect.poll(() => waitingSignals(db.pool)).toBe(0);
    await expect.poll(() => titles(server, 'SA')).toEqual(names);
    expect((await titles(server))[0]).toBe('World');
    expect(await titles(server, 'AE')).toEqual(await titles(server));
    expect(await titles(server, 'EG')).toEqual(await titles(server));
    expect((await readTrending(server, { region: 'SA', first: 2 })).map(({ rank }) => rank)).toEqual([1, 2]);
    expect((await readTrending(server, { region: 'SA' }))[0]!.score).toBeCloseTo(100, 0);
  });

  test('what is archived is not shown, and does not count as something that trends there', async ({ server, db }) => {
    const merchant = await insertMerchant(db.pool);
    const rows = await atOnce(REGION_PRODUCTS_MIN, (index) =>
      insertProduct(db.pool, merchant, { title: `Local ${index}` }),
    );
    for (const { row } of rows) await insertSignal(db.pool, row, { region: 'SA' });
    const world = await insertProduct(db.pool, merchant, { title: 'World' });
    await insertSignal(db.pool, world.row);
    await expect.poll(() => waitingSignals(db.pool)).toBe(0); // also the world's, which is the last
    await expect.poll(() => titles(server, 'SA')).toHaveLength(REGION_PRODUCTS_MIN);
    await db.pool.query(`UPDATE product SET status = 'ARCHIVED' WHERE id = $1`, [rows[0]!.row]);
    server.app.live.changes.announce(['products']);
    const shown = await titles(server, 'SA');
    expect(shown).toContain('World');
    expect(shown).not.toContain('Local 0');
  });
});

test('what speaks for a listing of the platform counts for the product that it lists', async ({ server, db }) => {
  const source = await insertProduct(db.pool, await insertMerchant(db.pool, 'RETAIL_PARTNER'), { title: 'Source' });
  const listing = await insertProduct(db.pool, await insertMerchant(db.pool, 'PLATFORM'), { title: 'Listing' });
  await db.pool.query('UPDATE product SET source_id = $1 WHERE id = $2', [source.row, listing.row]);
  await insertSignal(db.pool, source.row, { amount: 3 });
  await insertSignal(db.pool, listing.row, { amount: 4 });
  await expect.poll(() => waitingSignals(db.pool)).toBe(0);
  await expect.poll(() => titles(server)).toEqual(['Source']);
  expect((await readTrending(server))[0]!.score).toBeCloseTo(7, 1);
});

describe('cost', () => {
  const KEPT = { overrides: { ...COUNTING.overrides, responseCache: { ttlMs: HOUR_MS } } };
  test.override('serverOptions', QUIET);

  test('the list with products, merchants and variants is a fixed number of statements', async ({
    server,
    db,
    viewer,
  }) => {
    const merchant = await insertMerchant(db.pool);
    const products = await atOnce(40, () => insertProduct(db.pool, merchant));
    succeed(await view(viewer, products));
    await insertScores(db.pool, ['', 'AE']);
    const document = `query Trending($first: Int, $region: String) { trendingProducts(first: $first, region: $region) {
      rank score product { title merchant { name } variants { sku available price { minorUnits } } } } }`;
    const costs = async (first: number, region?: string) => {
      const run = () => query<{ trendingProducts: unknown[] }>(viewer.api, document, { first, region });
      const { result, statements } = await countSql(server.app, run);
      expect(result.trendingProducts).toHaveLength(first);
      return statements.map((sql) => /\/\* (\S+) \*\//.exec(sql)![1]!.replace(/\.(one|many)$/, '')).sort();
    };
    const expected = ['catalog.productsById', 'catalog.variantsByProduct', 'trends.trending'];
    for (const [first, region] of [
      [2, undefined],
      [40, undefined],
      [2, 'AE'],
      [40, 'AE'],
      [40, 'EG'],
    ] as const) {
      expect(await costs(first, region)).toEqual(expected);
    }
  });

  test('the list walks the index, however many scores there are', async ({ server, db }) => {
    await insertProduct(db.pool, await insertMerchant(db.pool));
    await db.pool.query(
      `INSERT INTO product (merchant_id, kind, title, media_urls, status)
         SELECT m.id, 'PHYSICAL', 'P' || n, '{}', 'PUBLISHED' FROM merchant m, generate_series(1, 5000) n`,
    );
    await insertScores(db.pool, ['', 'AE', 'SA']);
    await db.pool.query('ANALYZE product, product_trend');
    const { pool } = server.app.services.db;
    const { statements } = await countSql(server.app, () =>
      readTrending(server, { region: 'AE', first: TRENDING_MAX }),
    );
    const sql = statements.find((text) => text.includes('trends.trending'))!;
    const client = await pool.connect();
    try {
      await client.query('SET plan_cache_mode = force_generic_plan');
      await client.query(`PREPARE trending (text, int) AS ${sql}`);
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE) EXECUTE trending ('AE', 20)`);
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan.match(/Index Scan using product_trend_region_log_score_idx/g), plan).toHaveLength(2);
      expect(plan).not.toMatch(/Seq Scan on product(_trend)?\b/);
      // 100 rows are read of the region, none of the world.
      expect(plan).toMatch(/never executed/);
    } finally {
      client.release(true);
    }
  });

  describe('kept answers', () => {
    test.override('serverOptions', KEPT);

    test('an answer is kept until a sweep has counted something', async ({ server, db }) => {
      const product = await insertProduct(db.pool, await insertMerchant(db.pool));
      const isRead = async () => {
        const { statements } = await countSql(server.app, () => readTrending(server));
        return statements.some((sql) => sql.includes('trends.trending'));
      };
      await readTrending(server);
      expect(await isRead()).toBe(false);
      await insertSignal(db.pool, product.row);
      await expect.poll(() => readTrending(server)).toHaveLength(1);
      expect(await isRead()).toBe(false);
    });
  });
});
