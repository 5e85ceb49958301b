/** Trust cards: every number of them comes from rows that tell what happened. */
import { readFile } from 'node:fs/promises';
import { parse } from 'graphql';
import { describe, expect, onTestFinished } from 'vitest';
import { selectsOnlyPublicFields } from '../../src/graphql/public-fields.ts';
import { buildSchema } from '../../src/graphql/schema.ts';
import { cloneDatabase } from '../support/database.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import { query, signIn, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { globalId, rowOf } from './support/ids.ts';
import { test as base } from './support/shared-server.ts';
import { endOffer, startOffer } from './support/shop.ts';
import {
  insertDisputes,
  insertMerchant,
  insertOldPrice,
  insertOrders,
  insertProduct,
  insertStock,
  insertWarehouse,
} from './support/shop-rows.ts';

type Card = {
  sellerVerified: boolean;
  disputeRate: number | null;
  deliveryPromiseDays: number | null;
  escrow: boolean;
  priceHistoryDays: number;
  lowestPriceLast30Days: { minorUnits: number; currency: string } | null;
};

const CARD =
  'trust { sellerVerified disputeRate deliveryPromiseDays escrow priceHistoryDays lowestPriceLast30Days { minorUnits currency } }';

const test = base.extend('cardOf', ({ server }) => async (id: string): Promise<Card> => {
  const document = `query Card($id: ID!) { node(id: $id) { ... on Product { ${CARD} } ... on Offer { ${CARD} } } }`;
  return (await query<{ node: { trust: Card } }>(server.http(), document, { id })).node.trust;
});

describe('disputes', () => {
  test.for([
    ['too few orders to tell', 19, 5, null],
    ['none contested', 20, 0, 0],
    ['some contested', 40, 3, 0.075],
  ] as const)('%s', async ([, orders, disputed, rate], { db, viewer, cardOf }) => {
    const merchant = await insertMerchant(db.pool, { verified: false });
    const { id } = await insertProduct(db.pool, merchant);
    const ids = await insertOrders(db.pool, merchant, orders, { buyer: viewer });
    await insertDisputes(db.pool, ids.slice(0, disputed));
    expect(await cardOf(id)).toMatchObject({ disputeRate: rate, sellerVerified: false, escrow: true });
  });

  test('orders that were never paid, are long ago or another merchant’s do not count; one counts once', async ({
    db,
    viewer,
    cardOf,
  }) => {
    const [merchant, other] = [await insertMerchant(db.pool), await insertMerchant(db.pool)];
    const { id } = await insertProduct(db.pool, merchant);
    const paid = [
      ...(await insertOrders(db.pool, merchant, 10, { buyer: viewer, state: 'PAID', daysAgo: 89 })),
      ...(await insertOrders(db.pool, merchant, 10, { buyer: viewer, state: 'REFUNDED' })),
    ];
    const others = [
      ...(await insertOrders(db.pool, merchant, 30, { buyer: viewer, daysAgo: 91 })),
      ...(await insertOrders(db.pool, merchant, 30, { buyer: viewer, state: 'CANCELLED' })),
      ...(await insertOrders(db.pool, merchant, 30, { buyer: viewer, state: 'PENDING_PAYMENT' })),
      ...(await insertOrders(db.pool, other, 30, { buyer: viewer })),
    ];
    await insertDisputes(db.pool, [...paid.slice(0, 2), ...others]);
    await db.pool.query(`UPDATE dispute SET state = 'REJECTED' WHERE order_id = $1`, [paid[0]]);
    await insertDisputes(db.pool, paid.slice(0, 1));
    expect((await cardOf(id)).disputeRate).toBe(0.1);
  });
});

describe('delivery', () => {
  test.for([
    ['a day is a day', 1_440, 1],
    ['a minute more is another', 1_441, 2],
    ['within the hour is today', 45, 1],
  ] as const)('%s', async ([, promiseMinutes, days], { db, cardOf }) => {
    const { id } = await insertProduct(db.pool, await insertMerchant(db.pool, { promiseMinutes }));
    expect((await cardOf(id)).deliveryPromiseDays).toBe(days);
  });

  test('the fastest warehouse that has stock counts', async ({ db, cardOf }) => {
    const merchant = await insertMerchant(db.pool, { promiseMinutes: 5 * 1_440 });
    const { id, itemIds } = await insertProduct(db.pool, merchant);
    await insertStock(db.pool, itemIds[0]!, await insertWarehouse(db.pool, merchant.merchantId, 3 * 1_440), 1);
    await insertStock(db.pool, itemIds[0]!, await insertWarehouse(db.pool, merchant.merchantId, 1_440), 0);
    const stranger = await insertMerchant(db.pool, { promiseMinutes: 10 });
    await insertStock(db.pool, itemIds[0]!, stranger.warehouseId, 9);
    expect((await cardOf(id)).deliveryPromiseDays).toBe(3);
    await db.pool.query('UPDATE inventory SET held = on_hand WHERE item_id = $1 AND on_hand = 1', [itemIds[0]]);
    expect((await cardOf(id)).deliveryPromiseDays).toBe(5);
    await db.pool.query('UPDATE inventory SET held = on_hand WHERE item_id = $1', [itemIds[0]]);
    expect((await cardOf(id)).deliveryPromiseDays).toBeNull();
  });

  test('nothing is sent of services and downloads', async ({ db, cardOf }) => {
    const merchant = await insertMerchant(db.pool);
    for (const kind of ['SERVICE', 'DIGITAL'] as const) {
      expect((await cardOf((await insertProduct(db.pool, merchant, { kind })).id)).deliveryPromiseDays).toBeNull();
    }
  });

  test('the platform’s is that of the fastest retail partner', async ({ db, cardOf }) => {
    const platform = await insertMerchant(db.pool, { kind: 'PLATFORM' });
    const { id, itemIds } = await insertProduct(db.pool, platform, { stock: 0 });
    for (const [kind, minutes] of [
      ['RETAIL_PARTNER', 4 * 1_440],
      ['RETAIL_PARTNER', 2 * 1_440],
      ['BRAND', 1_440],
    ] as const) {
      const { warehouseId } = await insertMerchant(db.pool, { kind, promiseMinutes: minutes });
      await insertStock(db.pool, itemIds[0]!, warehouseId, 1);
    }
    expect((await cardOf(id)).deliveryPromiseDays).toBe(2);
  });
});

describe('the lowest price of the last 30 days', () => {
  /** A creator's product, which costs 10,000 since now. */
  const selling = test.extend('shop', async ({ db, live }) => {
    const merchant = await insertMerchant(db.pool, { members: [live.creator] });
    const product = await insertProduct(db.pool, merchant);
    return { merchant, product, variantId: product.variantIds[0]! };
  });

  selling('of what is new is its price, with no history behind it', async ({ live, shop, cardOf }) => {
    const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.variantId));
    for (const id of [shop.product.id, offer.id]) {
      expect(await cardOf(id)).toMatchObject({ priceHistoryDays: 0 });
    }
    expect((await cardOf(offer.id)).lowestPriceLast30Days).toEqual({ minorUnits: 10_000, currency: 'AED' });
  });

  selling(
    'is the lowest of those in force, from the one at the window’s beginning on',
    async ({ db, shop, cardOf }) => {
      const lowest = async () => (await cardOf(shop.product.id)).lowestPriceLast30Days?.minorUnits;
      await insertOldPrice(db.pool, shop.variantId, 3_000, 60); // over before the window began
      await insertOldPrice(db.pool, shop.variantId, 6_000, 40); // in force until 20 days ago
      await insertOldPrice(db.pool, shop.variantId, 12_000, 20);
      expect(await lowest()).toBe(6_000);
      await insertOldPrice(db.pool, shop.variantId, 5_000, 10);
      expect(await lowest()).toBe(5_000);
      expect((await cardOf(shop.product.id)).priceHistoryDays).toBe(30);
    },
  );

  selling('counts offers while they were open, and not the offer itself', async ({ db, live, shop, cardOf }) => {
    await insertOldPrice(db.pool, shop.variantId, 11_000, 12);
    const first = succeed(
      await startOffer(live.creator, live.streamId, shop.variantId, { unitPriceMinor: 4_000 }),
    ).offer;
    expect(await cardOf(first.id)).toMatchObject({
      lowestPriceLast30Days: { minorUnits: 10_000 },
      priceHistoryDays: 12,
    });
    succeed(await endOffer(live.creator, first.id));
    const second = succeed(
      await startOffer(live.creator, live.streamId, shop.variantId, { unitPriceMinor: 6_000 }),
    ).offer;
    expect((await cardOf(second.id)).lowestPriceLast30Days?.minorUnits).toBe(4_000);
    expect((second as unknown as { trust: Card }).trust).toEqual(await cardOf(second.id));
    // Long ago: the first offer was over when the window began.
    await db.pool.query(
      `UPDATE offer SET starts_at = starts_at - interval '31 days', ends_at = ends_at - interval '31 days', ended_at = ended_at - interval '31 days'
        WHERE id = $1`,
      [rowOf(first.id)],
    );
    expect((await cardOf(second.id)).lowestPriceLast30Days?.minorUnits).toBe(10_000);
    expect((await cardOf(shop.product.id)).lowestPriceLast30Days?.minorUnits).toBe(6_000);
  });

  selling(
    'of a product is that of its cheapest active variant; of nothing active, null',
    async ({ db, shop, cardOf }) => {
      const { id, productId, variantIds } = await insertProduct(db.pool, shop.merchant, { prices: [900, 500, 700] });
      expect((await cardOf(id)).lowestPriceLast30Days?.minorUnits).toBe(500);
      await db.pool.query('UPDATE product_variant SET active = false WHERE id = $1', [rowOf(variantIds[1]!)]);
      expect((await cardOf(id)).lowestPriceLast30Days?.minorUnits).toBe(700);
      await db.pool.query('UPDATE product_variant SET active = false WHERE product_id = $1', [productId]);
      expect(await cardOf(id)).toMatchObject({ lowestPriceLast30Days: null, priceHistoryDays: 0, escrow: true });
    },
  );
});

describe('what it costs', () => {
  test('20 products with their cards take as many statements as one', async ({ db, server, live }) => {
    const { creator, streamId } = live;
    const add = async () => {
      const { productId } = await insertProduct(db.pool, await insertMerchant(db.pool), { prices: [500, 700] });
      await db.pool.query('INSERT INTO showcase_item (stream_id, product_id) VALUES ($1, $2)', [
        rowOf(streamId),
        productId,
      ]);
    };
    const reader = await signIn(server);
    const document = (fields: string) =>
      `query Shown($id: ID!) { liveStream(id: $id) { showcase { title merchant { name } variants { price { amount } } ${fields} } } }`;
    /** How many products are shown, and by which statements. */
    const read = async (fields: string): Promise<[number, string[]]> => {
      const run = () => query<{ liveStream: { showcase: object[] } }>(reader.api, document(fields), { id: streamId });
      const { result, statements } = await countSql(server.app, run);
      const names = statements.map((sql) => /\/\* (\S+?)(\.one|\.many)? \*\//.exec(sql)![1]!);
      return [result.liveStream.showcase.length, names.sort()];
    };
    await add();
    const one = await read(CARD);
    for (let n = 1; n < 20; n++) await add();
    const [shown, without] = await read('');
    expect(shown).toBe(20);
    const [prices, rates] = ['offers.trustSubjects', 'offers.trustSellers'] as const;
    expect(await read(CARD)).toEqual([20, [...without, prices, rates].sort()]);
    expect(one).toEqual([1, [...without, prices, rates].sort()]);
    expect(await read(CARD), 'dispute rates are kept for a while').toEqual([20, [...without, prices].sort()]);
    expect(creator.handle).toBeTruthy();
  });

  test('every table is reached by an index', async ({ db, server, viewer }) => {
    const { productId } = await insertProduct(db.pool, await insertMerchant(db.pool));
    const sent: string[] = [];
    const stop = server.app.onSql((text) => sent.push(text));
    await query(viewer.api, `query Card($id: ID!) { node(id: $id) { ... on Product { ${CARD} } } }`, {
      id: globalId('Product', productId),
    });
    stop();
    const subjects = sent.find((text) => text.includes('/* offers.trustSubjects */'))!;
    const sellers = sent.find((text) => text.includes('/* offers.trustSellers */'))!;
    // Rows of one product in a database of their own: too few for Postgres to renew what it knows of the tables, which would change plans.
    const own = await cloneDatabase();
    onTestFinished(() => own.drop());
    const seller = await insertMerchant(own.pool);
    const sold = await insertProduct(own.pool, seller);
    const client = await own.pool.connect();
    try {
      // Tables are small here: what could not use an index would still be read whole.
      await client.query('BEGIN; SET LOCAL enable_seqscan = off');
      const plans = [
        await client.query(
          `EXPLAIN ${inline(subjects, [[sold.productId], [rowOf(sold.variantIds[0]!)], [null], 30, 1_200])}`,
        ),
        await client.query(`EXPLAIN ${inline(sellers, [[seller.merchantId], 90, 1_000])}`),
      ];
      const text = plans.flatMap(({ rows }) => rows.map((row) => row['QUERY PLAN'])).join('\n');
      expect(text).not.toMatch(/Seq Scan/);
      for (const index of [
        'price_change_variant_id_changed_at_idx',
        'offer_variant_id_starts_at_idx',
        'product_variant_(pkey|product_id_idx)',
        'inventory_pkey',
        'shop_order_merchant_id_id_idx',
        'dispute_order_id_idx|dispute_one_open',
      ]) {
        expect(text).toMatch(new RegExp(index));
      }
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });
});

/** Puts values into a statement's text, for EXPLAIN. */
function inline(text: string, values: readonly (number | readonly (string | null)[])[]): string {
  return text.replace(/\$(\d)/g, (_match, position) => {
    const value = values[Number(position) - 1]!;
    return typeof value === 'number' ? String(value) : `'{${value.map((item) => item ?? 'NULL').join(',')}}'`;
  });
}

test('the feed with offers, products and their cards is the same for everybody, and is shared', async () => {
  const document = parse(LIVE_EVENTS);
  const [operation] = document.definitions;
  if (operation?.kind !== 'OperationDefinition') throw new Error('the feed is an operation');
  expect(selectsOnlyPublicFields(buildSchema({ demo: true }), document, operation)).toBe(true);
  expect(LIVE_EVENTS).toContain('disputeRate');
  expect(await readFile('schema.graphql', 'utf8')).toContain('type TrustCard');
});
