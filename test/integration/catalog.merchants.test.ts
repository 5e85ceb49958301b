/** Merchants and what they do with their products and their stock: each mutation, who may, and what it refuses. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { freshHandle, mutate, query, signIn, succeed } from '../support/operations.ts';
import {
  availableOf,
  createProduct,
  makeProduct,
  makeShop,
  makeWarehouse,
  type ProductNode,
  setStock,
  verify,
} from '../support/shop.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Registered = {
  merchant: { id: string; handle: string; name: string; kind: string; verified: boolean };
  replayed: boolean;
};
type Changed = { product: ProductNode; replayed: boolean };

const BAD_URLS = [
  'ftp://files.example/a.png',
  'javascript:alert(1)',
  'a.png',
  `https://e.example/${'x'.repeat(2_000)}`,
];

test('whoever registers a merchant acts for it, and it is not verified', async ({ viewer }) => {
  const handle = freshHandle('shop');
  const input = { handle, name: ' Souq of Tests ', kind: 'BRAND' };
  const merchant = { handle, name: 'Souq of Tests', kind: 'BRAND', verified: false };
  const first = await mutate<Registered>(viewer.api, 'registerMerchant', input);
  expect(first).toMatchObject({ merchant, replayed: false });
  expect(await mutate<Registered>(viewer.api, 'registerMerchant', input)).toMatchObject({ merchant, replayed: true });
  const { me } = await query<{ me: { merchants: unknown[] } }>(
    viewer.api,
    '{ me { merchants { handle warehouses { id } } } }',
  );
  expect(me.merchants).toEqual([{ handle, warehouses: [] }]);
});

test('a handle belongs to one merchant, however many ask for it at once', async ({ server, viewer }) => {
  const handle = freshHandle('shop');
  const others = await atOnce(8, () => signIn(server));
  const outcomes = await atOnce(8, (index) =>
    mutate<Registered>(others[index]!.api, 'registerMerchant', { handle, name: 'Mine', kind: 'BRAND' }),
  );
  expect(tally(outcomes)).toEqual({ RegisterMerchantSuccess: 1, HandleTakenError: 7 });
  expect(await mutate(viewer.api, 'registerMerchant', { handle, name: 'Mine', kind: 'BRAND' })).toMatchObject({
    __typename: 'HandleTakenError',
    code: 'HANDLE_TAKEN',
    handle,
  });
});

test('all that is wrong with a merchant is said at once', async ({ db, viewer }) => {
  await expectNothingWritten(db.pool, async () => {
    const input = { handle: 'No Handle!', name: ' ', kind: 'PLATFORM' };
    const { issues } = (await mutate(viewer.api, 'registerMerchant', input)) as unknown as {
      issues: { path: string }[];
    };
    expect(issues.map(({ path }) => path).sort()).toEqual(['input.handle', 'input.kind', 'input.name']);
  });
});

test('a product goes from draft to sale and off it again', async ({ server, viewer }) => {
  const shop = await makeShop(server);
  const { product } = succeed(
    await createProduct(shop, {
      kind: 'FOOD',
      title: ' Kunafa ',
      description: 'Warm',
      mediaUrls: ['https://media.example/kunafa.jpg'],
      variants: [
        { sku: 'K-1', title: 'Half a kilo', priceMinor: 4_500, currency: 'AED' },
        { sku: 'K-2', title: 'A kilo', priceMinor: 8_000, currency: 'AED', gtin: '6291041500213' },
      ],
    }),
  );
  expect(product).toMatchObject({
    title: 'Kunafa',
    kind: 'FOOD',
    status: 'DRAFT',
    mediaUrls: ['https://media.example/kunafa.jpg'],
    merchant: { id: shop.merchantId },
    variants: [
      { sku: 'K-1', title: 'Half a kilo', price: { minorUnits: 4_500, currency: 'AED' }, available: 0 },
      { sku: 'K-2', title: 'A kilo', price: { minorUnits: 8_000, currency: 'AED' }, available: 0 },
    ],
  });
  const look = (api = viewer.api) =>
    query<{ product: unknown; node: unknown; variant: unknown }>(
      api,
      `{ product(id: "${product.id}") { status } node(id: "${product.id}") { id } variant: node(id: "${product.variants[0]!.id}") { id } }`,
    );
  const hidden = { product: null, node: null, variant: null };
  expect(await look()).toEqual(hidden);
  expect(await look(shop.member.api)).toMatchObject({ product: { status: 'DRAFT' }, node: {}, variant: {} });

  const change = (name: 'publishProduct' | 'archiveProduct') =>
    mutate<Changed>(shop.member.api, name, { productId: product.id });
  expect(await change('publishProduct')).toMatchObject({ product: { status: 'PUBLISHED' }, replayed: false });
  expect(await change('publishProduct')).toMatchObject({ product: { status: 'PUBLISHED' }, replayed: true });
  expect(await look()).toMatchObject({ product: { status: 'PUBLISHED' }, node: {}, variant: {} });
  expect(await change('archiveProduct')).toMatchObject({ product: { status: 'ARCHIVED' }, replayed: false });
  expect(await change('archiveProduct')).toMatchObject({ product: { status: 'ARCHIVED' }, replayed: true });
  expect(await look()).toEqual(hidden);
});

test('a product is made once per key, however often the call is sent at once', async ({ server, db }) => {
  const shop = await makeShop(server);
  const input = {
    title: 'Dates',
    idempotencyKey: randomUUID(),
    variants: [{ sku: 'D', title: 'A box', priceMinor: 900, currency: 'SAR' }],
  };
  const outcomes = await atOnce(20, () => createProduct(shop, input));
  expect(tally(outcomes)).toEqual({ CreateProductSuccess: 20 });
  expect(new Set(successes(outcomes).map(({ product }) => product.id)).size).toBe(1);
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
  await expectNothingWritten(db.pool, async () => {
    expect(await createProduct(shop, { ...input, title: 'Other dates' })).toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
  });
});

test('a sku belongs to one product of a merchant', async ({ server, db }) => {
  const [shop, other] = [await makeShop(server), await makeShop(server)];
  const variants = [{ sku: 'SAME', title: 'One', priceMinor: 100, currency: 'USD' }];
  const { product } = succeed(await createProduct(shop, { variants }));
  succeed(await createProduct(other, { variants }));
  const second = succeed(await createProduct(shop)).product;
  await expectNothingWritten(db.pool, async () => {
    const taken = { code: 'SKU_TAKEN', sku: 'SAME' };
    expect(await createProduct(shop, { variants })).toMatchObject(taken);
    const change = { productId: second.id, variants };
    expect(await mutate(shop.member.api, 'updateProduct', change)).toMatchObject(taken);
  });
  expect(product.variants).toHaveLength(1);
});

test('an update changes what it names, adds what is new and leaves the rest', async ({ server }) => {
  const shop = await makeShop(server);
  const variants = ['A', 'B'].map((sku) => ({ sku, title: sku, priceMinor: 1_000, currency: 'USD' }));
  const { product } = succeed(await createProduct(shop, { title: 'Old', description: 'Stays', variants }));
  const input = {
    productId: product.id,
    title: 'New',
    variants: [
      { sku: 'A', priceMinor: 1_500 },
      { sku: 'B', active: false },
      { sku: 'C', title: 'Third', priceMinor: 700, currency: 'USD' },
    ],
  };
  const update = () => mutate<Changed>(shop.member.api, 'updateProduct', input);
  const expected = {
    title: 'New',
    description: 'Stays',
    variants: [
      { sku: 'A', title: 'A', price: { minorUnits: 1_500 } },
      { sku: 'C', title: 'Third', price: { minorUnits: 700 } },
    ],
  };
  expect(succeed(await update()).product).toMatchObject(expected);
  expect(succeed(await update()).product).toMatchObject(expected); // safe to repeat
  const back = { productId: product.id, variants: [{ sku: 'B', active: true }] };
  const again = succeed(await mutate<Changed>(shop.member.api, 'updateProduct', back)).product;
  expect(again.variants.map(({ sku, id }) => [sku, id])).toEqual([
    ['A', product.variants[0]!.id],
    ['B', product.variants[1]!.id],
    ['C', expect.any(String)],
  ]);
});

test('a change of price is noted in the price history, and no change is not', async ({ server, db }) => {
  const shop = await makeShop(server);
  const { productId, sku, variantId } = await makeProduct(shop, { priceMinor: 1_000 });
  const change = (variant: Record<string, unknown>) =>
    mutate(shop.member.api, 'updateProduct', { productId, variants: [{ sku, ...variant }] });
  for (const priceMinor of [1_000, 900, 900, 1_200]) succeed(await change({ priceMinor }));
  succeed(await change({ title: 'Renamed' }));
  const { rows } = await db.pool.query('SELECT price_minor FROM price_change WHERE variant_id = $1 ORDER BY id', [
    rowOf(variantId),
  ]);
  expect(rows.map((row) => row.price_minor)).toEqual(['1000', '900', '1200']);
});

test.for([
  ['a new variant without its price', [{ sku: 'NEW', title: 'New' }], ['variants.0.currency', 'variants.0.priceMinor']],
  ['another barcode', [{ sku: 'A', gtin: '12345678' }], ['variants.0.gtin']],
  ['a sku twice', [{ sku: 'A' }, { sku: ' A ' }], ['variants.1.sku']],
] as const)('an update with %s is refused', async ([, variants, paths], { server, db }) => {
  const shop = await makeShop(server);
  const made = [{ sku: 'A', title: 'A', priceMinor: 1_000, currency: 'USD' }];
  const { product } = succeed(await createProduct(shop, { variants: made }));
  await expectNothingWritten(db.pool, async () => {
    const outcome = await mutate(shop.member.api, 'updateProduct', { productId: product.id, variants });
    const { issues } = outcome as unknown as { issues: { path: string }[] };
    expect(issues.map(({ path }) => path).sort()).toEqual(paths.map((path) => `input.${path}`));
  });
});

test('what is published can be bought: it keeps an active variant, and DIGITAL something to download', async ({
  server,
}) => {
  const shop = await makeShop(server);
  const { productId, sku } = await makeProduct(shop);
  const none = { productId, variants: [{ sku, active: false }] };
  expect(await mutate(shop.member.api, 'updateProduct', none)).toMatchObject({ code: 'INVALID_INPUT' });
  const digital = succeed(await createProduct(shop, { kind: 'DIGITAL' })).product;
  const publish = () => mutate<Changed>(shop.member.api, 'publishProduct', { productId: digital.id });
  expect(await publish()).toMatchObject({ code: 'INVALID_INPUT' });
  const variants = [{ sku: digital.variants[0]!.sku, downloadUrl: 'https://downloads.example/presets.zip' }];
  succeed(await mutate(shop.member.api, 'updateProduct', { productId: digital.id, variants }));
  expect(await publish()).toMatchObject({ product: { status: 'PUBLISHED' } });
});

test('all that is wrong with a product is said at once', async ({ server, db }) => {
  const shop = await makeShop(server);
  await expectNothingWritten(db.pool, async () => {
    const outcome = await createProduct(shop, {
      title: '  ',
      description: 'x'.repeat(5_001),
      mediaUrls: BAD_URLS,
      variants: [
        { sku: '', title: '', priceMinor: 0, currency: 'XYZ', gtin: '123', downloadUrl: 'file:///etc/passwd' },
        { sku: 'S', title: 'A', priceMinor: 100_000_000_000, currency: 'usd' },
        { sku: 'S', title: 'B', priceMinor: -5, currency: 'USD', gtin: '12345678901234567' },
      ],
      idempotencyKey: '',
    });
    const { issues } = outcome as unknown as { issues: { path: string }[] };
    expect([...new Set(issues.map(({ path }) => path))].sort()).toEqual(
      [
        'description',
        'idempotencyKey',
        ...BAD_URLS.map((_, index) => `mediaUrls.${index}`),
        'title',
        ...['currency', 'downloadUrl', 'gtin', 'priceMinor', 'sku', 'title'].map((field) => `variants.0.${field}`),
        'variants.1.currency',
        'variants.1.priceMinor',
        'variants.2.gtin',
        'variants.2.priceMinor',
        'variants.2.sku',
      ].map((path) => `input.${path}`),
    );
    const many = Array.from({ length: 101 }, (_, index) => ({
      sku: `${index}`,
      title: 'T',
      priceMinor: 1,
      currency: 'USD',
    }));
    for (const variants of [[], many]) {
      expect(await createProduct(shop, { variants })).toMatchObject({ issues: [{ path: 'input.variants' }] });
    }
  });
});

test('stock is set, not added, and shows at once', async ({ server, viewer }) => {
  const shop = await makeShop(server);
  const { variantId, sku } = await makeProduct(shop, { stock: 5 });
  expect(await availableOf(viewer, variantId)).toBe(5);
  for (let times = 0; times < 2; times++) {
    expect(await setStock(shop, { sku, onHand: 7 })).toMatchObject({ stock: { onHand: 7, held: 0 } });
  }
  expect(await availableOf(viewer, variantId)).toBe(7);
  const second = await makeWarehouse(shop, { region: 'SA' });
  succeed(await setStock(shop, { variantId, onHand: 3, warehouseId: second }));
  expect(await availableOf(viewer, variantId)).toBe(10);
  succeed(await setStock(shop, { sku, onHand: 0 }));
  expect(await availableOf(viewer, variantId)).toBe(3);
});

test('an anonymous visitor, whose answers are kept, sees new stock and a new price at once', async ({ server }) => {
  const shop = await makeShop(server);
  const { productId, sku } = await makeProduct(shop, { title: 'Kept lamp', stock: 5 });
  const look = async () => {
    const document = `{ products(filter: { merchantId: "${shop.merchantId}" }) { totalCount edges { node { title variants { available price { minorUnits } } } } } }`;
    return (await query<{ products: unknown }>(server.http(), document)).products;
  };
  const shown = (title: string, available: number, minorUnits: number) => ({
    totalCount: 1,
    edges: [{ node: { title, variants: [{ available, price: { minorUnits } }] } }],
  });
  expect(await look()).toEqual(shown('Kept lamp', 5, 2_500));
  succeed(await setStock(shop, { sku, onHand: 4 }));
  expect(await look()).toEqual(shown('Kept lamp', 4, 2_500));
  succeed(
    await mutate(shop.member.api, 'updateProduct', {
      productId,
      title: 'New lamp',
      variants: [{ sku, priceMinor: 9 }],
    }),
  );
  expect(await look()).toEqual(shown('New lamp', 4, 9));
  succeed(await mutate(shop.member.api, 'archiveProduct', { productId }));
  expect(await look()).toEqual({ totalCount: 0, edges: [] });
});

test('stock cannot be set below what is held for purchases', async ({ server, db }) => {
  const shop = await makeShop(server);
  const { variantId, sku } = await makeProduct(shop, { stock: 5 });
  await db.pool.query(
    'UPDATE inventory SET held = 3 WHERE item_id = (SELECT item_id FROM product_variant WHERE id = $1)',
    [rowOf(variantId)],
  );
  await expectNothingWritten(db.pool, async () => {
    expect(await setStock(shop, { sku, onHand: 2 })).toMatchObject({
      __typename: 'StockHeldError',
      code: 'STOCK_HELD',
      held: 3,
    });
  });
  expect(await setStock(shop, { sku, onHand: 3 })).toMatchObject({ stock: { onHand: 3, held: 3 } });
  expect(await availableOf(shop.member, variantId)).toBe(0);
});

test('variants of one barcode share the stock of a warehouse, and only of their own merchants', async ({
  server,
  viewer,
}) => {
  const gtin = `${Date.now()}`.slice(-12).padStart(12, '4');
  const [brand, partner] = [await makeShop(server), await makeShop(server, { kind: 'RETAIL_PARTNER' })];
  const one = await makeProduct(brand, { gtin, stock: 4 });
  const same = await makeProduct(brand, { gtin, stock: 0 });
  const partners = await makeProduct(partner, { gtin, stock: 9 });
  expect(await availableOf(viewer, one.variantId)).toBe(4);
  expect(await availableOf(viewer, same.variantId)).toBe(4);
  expect(await availableOf(viewer, partners.variantId)).toBe(9);
  // A partner may hold what others sell; a brand may not.
  succeed(await setStock(partner, { variantId: one.variantId, onHand: 2 }));
  expect(await availableOf(viewer, one.variantId)).toBe(4);
  expect(await availableOf(viewer, partners.variantId)).toBe(2);
  expect(await setStock(brand, { variantId: partners.variantId, onHand: 1 })).toMatchObject({ code: 'NOT_FOUND' });
});

test('the platform sells what verified retail partners have', async ({ server, db, viewer }) => {
  const gtin = `${Date.now()}`.slice(-12).padStart(12, '5');
  const [brand, partner] = [await makeShop(server), await makeShop(server, { kind: 'RETAIL_PARTNER' })];
  await makeProduct(brand, { gtin, stock: 4 });
  await makeProduct(partner, { gtin, stock: 9 });
  // There is no way to make a member of the platform but by hand.
  const { rows } = await db.pool.query("SELECT id FROM merchant WHERE kind = 'PLATFORM'");
  await db.pool.query('INSERT INTO merchant_member (merchant_id, viewer_id) VALUES ($1, $2)', [
    rows[0].id,
    rowOf(viewer.id),
  ]);
  const merchantId = Buffer.from(`Merchant:${rows[0].id}`).toString('base64');
  const platform = { member: viewer, merchantId, handle: 'hadiya', warehouseId: '' };
  const { variantId } = await makeProduct(platform, { gtin, stock: 0 });
  expect(await availableOf(viewer, variantId)).toBe(0);
  await verify(db.pool, partner);
  expect(await availableOf(viewer, variantId)).toBe(9);
});

test('to outsiders the merchant, its drafts and its warehouses are not there', async ({ server, db, viewer }) => {
  const [shop, other] = [await makeShop(server), await makeShop(server, { member: viewer })];
  const { productId, sku, variantId } = await makeProduct(shop);
  const calls = [
    ['createWarehouse', { merchantId: shop.merchantId, name: 'Mine', region: 'AE', promiseMinutes: 60 }],
    [
      'createProduct',
      {
        merchantId: shop.merchantId,
        kind: 'FOOD',
        title: 'Mine',
        variants: [{ sku: 'X', title: 'X', priceMinor: 1, currency: 'USD' }],
        idempotencyKey: 'mine',
      },
    ],
    ['updateProduct', { productId, title: 'Mine' }],
    ['publishProduct', { productId }],
    ['archiveProduct', { productId }],
    ['setStock', { warehouseId: shop.warehouseId, sku, onHand: 0 }],
    ['setStock', { warehouseId: other.warehouseId, sku, onHand: 0 }],
    ['setStock', { warehouseId: other.warehouseId, variantId, onHand: 0 }],
  ] as const;
  await expectNothingWritten(db.pool, async () => {
    for (const [name, input] of calls) {
      expect(await mutate(viewer.api, name, input), name).toMatchObject({
        __typename: 'NotFoundError',
        code: 'NOT_FOUND',
      });
      expect(await mutate(server.http(), name, input), name).toMatchObject({ code: 'NOT_SIGNED_IN' });
    }
    const { node } = await query<{ node: unknown }>(
      viewer.api,
      `{ node(id: "${shop.merchantId}") { ... on Merchant { handle warehouses { id } } } }`,
    );
    expect(node).toEqual({ handle: shop.handle, warehouses: null });
  });
});

test('ids that name nothing are not found', async ({ server, db, viewer }) => {
  const shop = await makeShop(server, { member: viewer });
  const { sku } = await makeProduct(shop);
  await expectNothingWritten(db.pool, async () => {
    for (const [what, id] of wrongIds('Product')) {
      for (const name of ['updateProduct', 'publishProduct', 'archiveProduct'] as const) {
        expect(await mutate(viewer.api, name, { productId: id }), what).toMatchObject({ code: 'NOT_FOUND' });
      }
      expect(await query(viewer.api, 'query ($id: ID!) { product(id: $id) { id } }', { id }), what).toEqual({
        product: null,
      });
    }
    for (const [what, warehouseId] of wrongIds('Warehouse')) {
      expect(await setStock({ ...shop, warehouseId }, { sku, onHand: 1 }), what).toMatchObject({ code: 'NOT_FOUND' });
    }
    for (const [what, variantId] of wrongIds('ProductVariant')) {
      expect(await setStock(shop, { variantId, onHand: 1 }), what).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await setStock(shop, { sku: 'no such', onHand: 1 })).toMatchObject({ code: 'NOT_FOUND' });
  });
});

test('a warehouse of the same name is changed, not doubled', async ({ server }) => {
  const shop = await makeShop(server);
  const id = await makeWarehouse(shop, { name: 'Main', region: 'AE', promiseMinutes: 60 });
  expect(await makeWarehouse(shop, { name: ' Main ', region: 'SA', promiseMinutes: 90 })).toBe(id);
  const { node } = await query<{ node: { warehouses: unknown[] } }>(
    shop.member.api,
    `{ node(id: "${shop.merchantId}") { ... on Merchant { warehouses { id region promiseMinutes } } } }`,
  );
  expect(node.warehouses).toContainEqual({ id, region: 'SA', promiseMinutes: 90 });
  expect(node.warehouses).toHaveLength(2);
});

test('a warehouse and stock that break a rule are refused with all that is wrong', async ({ server, db }) => {
  const shop = await makeShop(server);
  const { sku, variantId } = await makeProduct(shop);
  await expectNothingWritten(db.pool, async () => {
    const input = { merchantId: shop.merchantId, name: '', region: 'XX', promiseMinutes: 0 };
    const { issues } = (await mutate(shop.member.api, 'createWarehouse', input)) as unknown as {
      issues: { path: string }[];
    };
    expect(issues.map(({ path }) => path).sort()).toEqual(['input.name', 'input.promiseMinutes', 'input.region']);
    for (const onHand of [-1, 1_000_000_001]) {
      expect(await setStock(shop, { sku, onHand })).toMatchObject({ issues: [{ path: 'input.onHand' }] });
    }
    expect(await setStock(shop, { onHand: 1 })).toMatchObject({ code: 'INVALID_INPUT' });
    expect(await setStock(shop, { sku, variantId, onHand: 1 })).toMatchObject({ code: 'INVALID_INPUT' });
  });
});
