/** The platform's shop lists what trends among the partners' products, follows it, and drops what trends no more. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { KEPT_RANK_MAX, LISTED_RANK_MAX } from '../../src/domains/trends/listings.repo.ts';
import { sweepShop } from '../../src/domains/trends/trend-sweeps.ts';
import { test as base } from '../support/fixtures.ts';
import { mutate, query, succeed } from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { globalId } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';
import { insertMerchant, insertProduct, type ProductRow, readTrending, scoreProducts } from './support/trend-rows.ts';

const HOUR_MS = 3_600_000;

/** A shop that is swept when the test says so, and a partner. */
const test = base
  .extend('shop', ({ db }) => insertMerchant(db.pool, 'PLATFORM'))
  .extend('partner', ({ db }) => insertMerchant(db.pool, 'RETAIL_PARTNER'));
test.override('serverOptions', { overrides: { ...QUIET.overrides, responseCache: { ttlMs: HOUR_MS } } });

type Listing = {
  title: string;
  description: string;
  kind: string;
  mediaUrls: string[];
  merchant: { kind: string };
  variants: { sku: string; title: string; price: { minorUnits: number; currency: string }; available: number }[];
};

/** Sweeps once, as the server does by itself; says whether that was announced. */
async function sweep(server: Server): Promise<boolean> {
  const { services, live } = server.app;
  let announced = false;
  const stop = live.changes.listen((topics) => {
    announced ||= topics.includes('products');
  });
  const failures: unknown[] = [];
  const log = { warn: (failure: unknown) => failures.push(failure) } as never;
  await sweepShop({ db: services.db, live, log });
  stop();
  expect(failures).toEqual([]);
  return announced;
}

/** Listings by the row of their product, with their status. */
async function listings(pool: Pool): Promise<Map<string, { row: string; status: string }>> {
  const { rows } = await pool.query<{ row: string; source: string; status: string }>(
    `SELECT p.id AS row, p.source_id AS source, p.status FROM product p JOIN merchant m ON m.id = p.merchant_id AND m.kind = 'PLATFORM'
      ORDER BY p.source_id`,
  );
  return new Map(rows.map(({ source, row, status }) => [source, { row, status }]));
}

async function published(pool: Pool): Promise<string[]> {
  return [...(await listings(pool))].filter(([, { status }]) => status === 'PUBLISHED').map(([source]) => source);
}

/** The listing of a product, as everybody sees it. */
async function listingOf(server: Server, pool: Pool, product: ProductRow): Promise<Listing> {
  const { row } = (await listings(pool)).get(product.row)!;
  const document = `query Listing($id: ID!) { node(id: $id) { ... on Product { title description kind mediaUrls merchant { kind }
    variants { sku title price { minorUnits currency } available } } } }`;
  return (await query<{ node: Listing }>(server.http(), document, { id: globalId('Product', row) })).node;
}

test('what trends is listed with its variants, price and stock, once', async ({ server, db, shop, partner }) => {
  const product = await insertProduct(db.pool, partner, { title: 'غلاية', priceMinor: 4_200, stock: 7 });
  await scoreProducts(db.pool, [product]);
  expect(await sweep(server)).toBe(true);
  expect(await listingOf(server, db.pool, product)).toEqual({
    title: 'غلاية',
    description: 'Boils water',
    kind: 'PHYSICAL',
    mediaUrls: ['https://media.example/kettle.jpg'],
    merchant: { kind: 'PLATFORM' },
    variants: [
      {
        sku: `H${product.variantRow}-SKU-${product.row}`,
        title: 'One size',
        price: { minorUnits: 4_200, currency: 'USD' },
        available: 7,
      },
    ],
  });
  expect(await sweep(server)).toBe(false);
  expect((await readTrending(server)).map(({ product: shown }) => shown.id)).toEqual([product.id]);
  const { rows } = await db.pool.query('SELECT count(*)::int AS listings FROM product WHERE merchant_id = $1', [shop]);
  expect(rows).toEqual([{ listings: 1 }]);
});

test('only what a partner sells and has in stock is listed', async ({ server, db, shop, partner }) => {
  const brand = await insertMerchant(db.pool, 'BRAND');
  const ofBrand = await insertProduct(db.pool, brand);
  const ofShop = await insertProduct(db.pool, shop);
  const soldOut = await insertProduct(db.pool, partner, { stock: 0 });
  const held = await insertProduct(db.pool, partner, { stock: 2 });
  await db.pool.query('UPDATE inventory SET held = 2 WHERE item_id = $1', [held.itemRow]);
  const draft = await insertProduct(db.pool, partner, { status: 'DRAFT' });
  const good = await insertProduct(db.pool, partner);
  await scoreProducts(db.pool, [ofBrand, ofShop, soldOut, held, draft, good]);
  await sweep(server);
  expect(await published(db.pool)).toEqual([good.row, null]);
  await db.pool.query('UPDATE inventory SET held = 0 WHERE item_id = $1', [held.itemRow]);
  await sweep(server);
  expect(await published(db.pool)).toEqual([held.row, good.row, null]);
});

test('no shop, no listings', async ({ server, db, partner }) => {
  await db.pool.query(`UPDATE merchant SET kind = 'BRAND' WHERE kind = 'PLATFORM'`);
  await scoreProducts(db.pool, [await insertProduct(db.pool, partner)]);
  expect(await sweep(server)).toBe(false);
  expect(await listings(db.pool)).toEqual(new Map());
});

test('a listing follows its product: texts, prices, variants', async ({ server, db, shop, partner }) => {
  expect(shop).toBeDefined();
  const product = await insertProduct(db.pool, partner, { priceMinor: 1_000 });
  await scoreProducts(db.pool, [product]);
  await sweep(server);
  const before = await listingOf(server, db.pool, product);
  await db.pool.query(`UPDATE product SET title = 'Better kettle', description = 'Quieter' WHERE id = $1`, [
    product.row,
  ]);
  await db.pool.query('UPDATE product_variant SET price_minor = 900 WHERE id = $1', [product.variantRow]);
  await db.pool.query(
    `INSERT INTO product_variant (product_id, merchant_id, item_id, sku, title, price_minor, currency, position)
       VALUES ($1, $2, $3, repeat('ض', 64), 'Two litres', 1500, 'USD', 1)`,
    [product.row, partner, product.itemRow],
  );
  expect(await sweep(server)).toBe(true);
  const after = await listingOf(server, db.pool, product);
  expect(after).toMatchObject({ title: 'Better kettle', description: 'Quieter' });
  expect(after.variants).toMatchObject([
    { sku: before.variants[0]!.sku, price: { minorUnits: 900 } },
    { title: 'Two litres', price: { minorUnits: 1_500 }, available: 5 },
  ]);
  expect(after.variants[1]!.sku).toHaveLength(64);
  const history = await db.pool.query<{ price_minor: string }>(
    `SELECT c.price_minor FROM price_change c JOIN product_variant v ON v.id = c.variant_id WHERE v.merchant_id = $1 AND v.sku = $2 ORDER BY c.id`,
    [shop, before.variants[0]!.sku],
  );
  expect(history.rows.map((row) => Number(row.price_minor))).toEqual([1_000, 900]);

  await db.pool.query('UPDATE product_variant SET active = false WHERE id = $1', [product.variantRow]);
  expect(await sweep(server)).toBe(true);
  expect((await listingOf(server, db.pool, product)).variants.map(({ title }) => title)).toEqual(['Two litres']);
  await db.pool.query('UPDATE product_variant SET active = true WHERE id = $1', [product.variantRow]);
  expect(await sweep(server)).toBe(true);
  expect((await listingOf(server, db.pool, product)).variants).toHaveLength(2);
  expect(await sweep(server)).toBe(false);
});

test('a listing is archived with its product, and back with it, the same row', async ({
  server,
  db,
  shop,
  partner,
}) => {
  expect(shop).toBeDefined();
  const product = await insertProduct(db.pool, partner);
  await scoreProducts(db.pool, [product]);
  await sweep(server);
  const first = await listings(db.pool);
  await db.pool.query(`UPDATE product SET status = 'ARCHIVED' WHERE id = $1`, [product.row]);
  expect(await sweep(server)).toBe(true);
  expect(await listings(db.pool)).toEqual(new Map([[product.row, { ...first.get(product.row)!, status: 'ARCHIVED' }]]));
  expect(await sweep(server)).toBe(false);
  await db.pool.query(`UPDATE product SET status = 'PUBLISHED' WHERE id = $1`, [product.row]);
  expect(await sweep(server)).toBe(true);
  expect(await listings(db.pool)).toEqual(first);
});

test('ranks: what falls out of the list is kept for a while, and dropped further down', async ({
  server,
  db,
  shop,
  partner,
}) => {
  expect(shop).toBeDefined();
  const products = await atOnce(KEPT_RANK_MAX + 2, () => insertProduct(db.pool, partner));
  products.sort((a, b) => Number(a.row) - Number(b.row));
  const rowsOf = (some: ProductRow[]) => some.map(({ row }) => row);
  await scoreProducts(db.pool, products);
  await sweep(server);
  expect(await published(db.pool)).toEqual(rowsOf(products.slice(0, LISTED_RANK_MAX)));

  // The first falls to the last rank that is kept, so the one behind the list is listed beside it.
  const [first, ...others] = products;
  await scoreProducts(db.pool, [...others.slice(0, KEPT_RANK_MAX - 1), first!, ...others.slice(KEPT_RANK_MAX - 1)]);
  await sweep(server);
  expect(await published(db.pool)).toEqual(rowsOf(products.slice(0, LISTED_RANK_MAX + 1)));

  await scoreProducts(db.pool, [...others.slice(0, KEPT_RANK_MAX), first!, ...others.slice(KEPT_RANK_MAX)]);
  await sweep(server);
  expect(await published(db.pool)).toEqual(rowsOf(products.slice(1, LISTED_RANK_MAX + 1)));

  // Back at a rank that keeps, but does not list.
  await scoreProducts(db.pool, [...others.slice(0, KEPT_RANK_MAX - 1), first!, ...others.slice(KEPT_RANK_MAX - 1)]);
  expect(await sweep(server)).toBe(false);
});

test('a listing outlives its stock, and goes when its product is forgotten', async ({ server, db, shop, partner }) => {
  expect(shop).toBeDefined();
  const product = await insertProduct(db.pool, partner);
  await scoreProducts(db.pool, [product]);
  await sweep(server);
  await db.pool.query('UPDATE inventory SET on_hand = 0 WHERE item_id = $1', [product.itemRow]);
  await sweep(server);
  expect(await published(db.pool)).toEqual([product.row]);
  expect((await listingOf(server, db.pool, product)).variants).toMatchObject([{ available: 0 }]);
  await db.pool.query('UPDATE product_trend SET log_score = log_score - 20');
  await sweep(server);
  expect(await published(db.pool)).toEqual([]);
});

test('servers that keep the shop at once list everything once', async ({ server, db, shop, partner }) => {
  expect(shop).toBeDefined();
  const products = await atOnce(10, () => insertProduct(db.pool, partner));
  await scoreProducts(db.pool, products);
  expect(await atOnce(8, () => sweep(server))).toContain(true);
  expect(await published(db.pool)).toHaveLength(10);
  const { rows } = await db.pool.query('SELECT count(*)::int AS variants FROM product_variant WHERE merchant_id = $1', [
    shop,
  ]);
  expect(rows).toEqual([{ variants: 10 }]);
  expect(await sweep(server)).toBe(false);
});

test.describe('by itself', () => {
  test.override('serverOptions', {
    overrides: { ...QUIET.overrides, trends: { ...QUIET.overrides.trends, countIntervalMs: 10, shopIntervalMs: 10 } },
  });

  test('what people look at comes into the shop', async ({ server, db, viewer, shop, partner }) => {
    expect(shop).toBeDefined();
    const product = await insertProduct(db.pool, partner);
    succeed(await mutate(viewer.api, 'recordProductViews', { productIds: [product.id], region: 'AE' }));
    await expect.poll(() => published(db.pool)).toEqual([product.row]);
    const { row } = (await listings(db.pool)).get(product.row)!;
    // And what they look at there speaks for the partner's product.
    const productIds = [globalId('Product', row)];
    succeed(await mutate(viewer.api, 'recordProductViews', { productIds }));
    await expect
      .poll(() => readTrending(server))
      .toEqual([{ rank: 1, score: expect.closeTo(2, 1), product: { id: product.id, title: 'Kettle' } }]);
  });
});
