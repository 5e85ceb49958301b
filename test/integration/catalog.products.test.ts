/** What everybody sees of the catalogue: lists with their filters, orders, totals and pages, and single products. */
import { expect } from 'vitest';
import type { HttpClient } from '../support/client.ts';
import { freshHandle, mutate, query, signIn, startStream, succeed } from '../support/operations.ts';
import { makeProduct, makeShop, type Shop, setStock } from '../support/shop.ts';
import { countSql } from '../support/sql-count.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { globalId, wrongIds } from './support/ids.ts';
import { test } from './support/shared-server.ts';

type Variables = {
  filter?: Record<string, unknown>;
  order?: string;
  first?: number;
  after?: string | null;
  last?: number;
  before?: string | null;
};
type Page = {
  totalCount: number;
  edges: { cursor: string; node: { id: string; title: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
};

const PAGE = `totalCount edges { cursor node { id title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const PRODUCTS = `query Products($filter: ProductFilter, $order: ProductOrder, $first: Int, $after: String, $last: Int, $before: String) {
  products(filter: $filter, order: $order, first: $first, after: $after, last: $last, before: $before) { ${PAGE} } }`;

async function list(api: HttpClient, { order = 'NEWEST', ...variables }: Variables = {}) {
  const { products } = await query<{ products: Page }>(api, PRODUCTS, { order, ...variables });
  return { ...products, titles: products.edges.map(({ node }) => node.title) };
}

/** Everything that a list holds, page by page. */
async function walk(api: HttpClient, variables: Variables, size: number, backwards = false): Promise<string[]> {
  const titles: string[] = [];
  for (let cursor: string | null = null, more = true; more; ) {
    const at: Variables = backwards ? { last: size, before: cursor } : { first: size, after: cursor };
    const page = await list(api, { ...variables, ...at });
    if (backwards) titles.unshift(...page.titles);
    else titles.push(...page.titles);
    expect(page.edges.length).toBeLessThanOrEqual(size);
    more = backwards ? page.pageInfo.hasPreviousPage : page.pageInfo.hasNextPage;
    cursor = backwards ? page.pageInfo.startCursor : page.pageInfo.endCursor;
  }
  return titles;
}

/** Products of a new shop with these titles and prices, oldest first. */
async function shopWith(server: Parameters<typeof makeShop>[0], products: Record<string, number>): Promise<Shop> {
  const shop = await makeShop(server);
  for (const [title, priceMinor] of Object.entries(products)) await makeProduct(shop, { title, priceMinor });
  return shop;
}

test('only what is published is listed, newest first or oldest first', async ({ server, viewer }) => {
  const shop = await shopWith(server, { One: 100, Two: 200, Three: 300 });
  await makeProduct(shop, { title: 'Draft', publish: false });
  const archived = await makeProduct(shop, { title: 'Archived' });
  succeed(await mutate(shop.member.api, 'archiveProduct', { productId: archived.productId }));
  const filter = { merchantId: shop.merchantId };
  for (const api of [viewer.api, shop.member.api, server.http()]) {
    expect(await list(api, { filter })).toMatchObject({ titles: ['Three', 'Two', 'One'], totalCount: 3 });
  }
  expect(await list(viewer.api, { filter, order: 'OLDEST' })).toMatchObject({ titles: ['One', 'Two', 'Three'] });
  const { titles, totalCount } = await list(viewer.api, { first: 3 });
  expect(titles).toEqual(['Three', 'Two', 'One']); // the newest of all
  expect(totalCount).toBeGreaterThanOrEqual(3);
});

test('a merchant’s members see drafts and archived products too, others see that there is no such list', async ({
  server,
  viewer,
}) => {
  const shop = await shopWith(server, { One: 100 });
  await makeProduct(shop, { title: 'Draft', publish: false });
  const document = `query All($status: ProductStatus) { node(id: "${shop.merchantId}") { ... on Merchant {
    all: allProducts(status: $status) { totalCount edges { node { title status } } } products { totalCount edges { node { title } } } } } }`;
  const look = async (api: HttpClient, status?: string) =>
    (await query<{ node: unknown }>(api, document, { status })).node;
  const products = { totalCount: 1, edges: [{ node: { title: 'One' } }] };
  const one = { node: { title: 'One', status: 'PUBLISHED' } };
  const draft = { node: { title: 'Draft', status: 'DRAFT' } };
  expect(await look(shop.member.api)).toEqual({ all: { totalCount: 2, edges: [draft, one] }, products });
  expect(await look(shop.member.api, 'DRAFT')).toEqual({ all: { totalCount: 1, edges: [draft] }, products });
  expect(await look(viewer.api)).toEqual({ all: null, products });
  expect(await look(server.http())).toEqual({ all: null, products });
});

test('filters narrow the list and its total alike, alone and together', async ({ server, viewer }) => {
  const shop = await makeShop(server);
  const kinds = ['PHYSICAL', 'FOOD', 'SERVICE', 'DIGITAL'] as const;
  for (const kind of kinds) await makeProduct(shop, { kind, title: kind });
  await makeProduct(shop, { title: 'Sold out', stock: 0 });
  await makeProduct(shop, { title: 'In yen', currency: 'JPY' });
  const of = async (filter: Record<string, unknown>) => {
    const { titles, totalCount } = await list(viewer.api, { filter: { merchantId: shop.merchantId, ...filter } });
    expect(totalCount).toBe(titles.length);
    return titles;
  };
  expect(await of({})).toHaveLength(6);
  for (const kind of kinds.slice(1)) expect(await of({ kind })).toEqual([kind]);
  expect(await of({ kind: 'PHYSICAL' })).toEqual(['In yen', 'Sold out', 'PHYSICAL']);
  expect(await of({ inStock: false })).toEqual(['Sold out']);
  expect(await of({ inStock: true })).toHaveLength(5);
  expect(await of({ currency: 'JPY' })).toEqual(['In yen']);
  expect(await of({ currency: 'USD', kind: 'PHYSICAL', inStock: true, search: 'phys' })).toEqual(['PHYSICAL']);
  expect(await of({ currency: 'JPY', kind: 'FOOD' })).toEqual([]);
});

test('what a creator sells is what the merchants sell that they act for', async ({ server, live, viewer }) => {
  const { creator } = live;
  const [one, two] = [await makeShop(server, { member: creator }), await makeShop(server, { member: creator })];
  await makeProduct(one, { title: 'Of one' });
  await makeProduct(two, { title: 'Of two' });
  await shopWith(server, { 'Of others': 1 });
  const { creator: found } = await query<{ creator: { id: string; products: Page } }>(
    viewer.api,
    `{ creator(handle: "${creator.handle}") { id products(first: 1) { ${PAGE} } } }`,
  );
  expect(found.products).toMatchObject({
    totalCount: 2,
    edges: [{ node: { title: 'Of two' } }],
    pageInfo: { hasNextPage: true },
  });
  const next = await query<{ creator: { products: Page } }>(
    viewer.api,
    `{ creator(handle: "${creator.handle}") { products(after: "${found.products.pageInfo.endCursor}") { ${PAGE} }
       last: products(last: 1) { edges { node { title } } } } }`,
  );
  expect(next.creator).toMatchObject({
    products: { edges: [{ node: { title: 'Of one' } }], pageInfo: { hasNextPage: false } },
    last: { edges: [{ node: { title: 'Of one' } }] },
  });
  expect((await list(viewer.api, { filter: { creatorId: found.id } })).titles).toEqual(['Of two', 'Of one']);
});

test('an id that names nothing lists nothing', async ({ viewer }) => {
  for (const [what, creatorId] of wrongIds('Creator')) {
    expect(await list(viewer.api, { filter: { creatorId } }), what).toMatchObject({ totalCount: 0, edges: [] });
  }
  for (const [what, merchantId] of wrongIds('Merchant')) {
    expect(await list(viewer.api, { filter: { merchantId } }), what).toMatchObject({ totalCount: 0, edges: [] });
  }
});

test.for([
  ['a word', 'lamp', ['Brass LAMP']],
  ['in any case', 'LaMp', ['Brass LAMP']],
  ['the beginning of the last word', 'bra', ['Brass LAMP']],
  ['but not of the first', 'bra lamp', []],
  ['words in any order', 'lamp brass', ['Brass LAMP']],
  ['all of the words', 'brass kunafa', []],
  ['the description', 'ramadan', ['Brass LAMP']],
  ['Arabic', 'عطر', ['عِطر العُود الفاخر']],
  ['the beginning of an Arabic word', 'الفا', ['عِطر العُود الفاخر']],
  ['Arabic with vowel signs', 'العُود', ['عِطر العُود الفاخر']],
  ['another form of alef', 'اساور', ['أساور فضة']],
  ['teh as heh', 'فضه', ['أساور فضة']],
  ['accents', 'éclair', ['Éclair au café']],
  ['what stands behind a slash', 'lightning', ['USB-C/Lightning cable 2.0']],
  ['what stands with dots and dashes', 'usb-c 2.0', ['USB-C/Lightning cable 2.0']],
  ['an apostrophe of typographers', 'reilly', ['O’Reilly book']],
  ['full-width letters', 'ｌａｍｐ', ['Brass LAMP']],
  ['what looks like an operator', 'brass & !lamp | (x', []],
  ['quotes and colons', `'brass':* "lamp"`, ['Brass LAMP']],
  ['punctuation only', '!? — &|', []],
  ['a stroke only', 'ـ', []],
  ['an emoji only', '🎁', []],
] as const)('a search finds by %s', async ([, search, titles], { server, viewer }) => {
  const shop = await makeShop(server);
  for (const title of [
    'عِطر العُود الفاخر',
    'أساور فضة',
    'Éclair au café',
    'USB-C/Lightning cable 2.0',
    'O’Reilly book',
  ]) {
    await makeProduct(shop, { title, stock: 0 });
  }
  await makeProduct(shop, { title: 'Brass LAMP', description: 'For Ramadan.', stock: 0 });
  const filter = { merchantId: shop.merchantId, search };
  expect(await list(viewer.api, { filter })).toMatchObject({ titles, totalCount: titles.length });
});

test('a blank search is none', async ({ server, viewer }) => {
  const shop = await shopWith(server, { One: 100, Two: 200 });
  for (const search of ['', '  \n ', null]) {
    const filter = { merchantId: shop.merchantId, search };
    expect(await list(viewer.api, { filter })).toMatchObject({ totalCount: 2, titles: ['Two', 'One'] });
  }
});

test.for([
  ['a search that is too long', { search: 'x'.repeat(201) }, /200 characters/],
  ['a search with NUL', { search: 'a\0b' }, /NUL/],
  ['a currency that is none', { currency: 'XYZ' }, /ISO 4217/],
] as const)('%s is refused clearly', async ([, filter, reason], { server }) => {
  const { errors } = await server.http().request(PRODUCTS, { filter, order: 'NEWEST' });
  expectClearErrors(errors, reason);
});

test('prices order the list, the cheapest variant counts, and equal prices are in the order of their ids', async ({
  server,
  viewer,
}) => {
  const shop = await shopWith(server, { B: 200, A: 100, D: 300, C: 200 });
  const { productId, sku } = await makeProduct(shop, { title: 'E', priceMinor: 900 });
  const variants = [
    { sku: `${sku}-small`, title: 'Small', priceMinor: 150, currency: 'USD' },
    { sku: `${sku}-gone`, title: 'Gone', priceMinor: 1, currency: 'USD', active: false },
  ];
  succeed(await mutate(shop.member.api, 'updateProduct', { productId, variants }));
  const filter = { merchantId: shop.merchantId };
  const low = ['A', 'E', 'B', 'C', 'D'];
  for (const size of [1, 2, 3, 10]) {
    for (const backwards of [false, true]) {
      expect(await walk(viewer.api, { filter, order: 'PRICE_LOW' }, size, backwards)).toEqual(low);
      expect(await walk(viewer.api, { filter, order: 'PRICE_HIGH' }, size, backwards)).toEqual(low.toReversed());
      expect(await walk(viewer.api, { filter, order: 'OLDEST' }, size, backwards)).toEqual(['B', 'A', 'D', 'C', 'E']);
    }
  }
});

test('pages by price go on in their place when prices change and products go', async ({ server, viewer }) => {
  const shop = await makeShop(server);
  const made: Record<string, { productId: string; sku: string }> = {};
  for (const [index, title] of ['A', 'B', 'C', 'D'].entries()) {
    made[title] = await makeProduct(shop, { title, priceMinor: 100 * (index + 1) });
  }
  const filter = { merchantId: shop.merchantId };
  const first = await list(viewer.api, { filter, order: 'PRICE_LOW', first: 2 });
  expect(first).toMatchObject({ titles: ['A', 'B'], totalCount: 4 });
  // The row of the cursor becomes the dearest, and the one before it goes: neither C nor D is skipped or comes twice.
  const { productId, sku } = made.B!;
  succeed(await mutate(shop.member.api, 'updateProduct', { productId, variants: [{ sku, priceMinor: 350 }] }));
  succeed(await mutate(shop.member.api, 'archiveProduct', { productId: made.A!.productId }));
  const second = await list(viewer.api, { filter, order: 'PRICE_LOW', after: first.pageInfo.endCursor });
  expect(second).toMatchObject({ titles: ['C', 'B', 'D'], totalCount: 3 });
});

test('a cursor is good for the order that it comes from', async ({ server, viewer }) => {
  const shop = await shopWith(server, { One: 100, Two: 200 });
  const filter = { merchantId: shop.merchantId };
  const price = (await list(viewer.api, { filter, order: 'PRICE_LOW', first: 1 })).pageInfo.endCursor;
  const age = (await list(viewer.api, { filter, order: 'NEWEST', first: 1 })).pageInfo.endCursor;
  for (const [order, cursor] of [
    ['NEWEST', price],
    ['OLDEST', price],
    ['PRICE_LOW', age],
    ['PRICE_LOW', Buffer.from(`GPC:K:${'9'.repeat(30)}:1`).toString('base64')],
    ['PRICE_LOW', Buffer.from(`GPC:K:1:${'9'.repeat(30)}`).toString('base64')],
    ['PRICE_LOW', Buffer.from('GPC:K:-1:1').toString('base64')],
    ['PRICE_LOW', 'garbage'],
  ]) {
    for (const at of [{ after: cursor }, { before: cursor }]) {
      const { errors } = await viewer.api.request(PRODUCTS, { filter, order, ...at });
      expectClearErrors(errors, 'INVALID_INPUT');
    }
  }
  const { errors } = await viewer.api.request(`{ creators(after: "${price}") { totalCount edges { cursor } } }`);
  expectClearErrors(errors, 'INVALID_INPUT');
});

test('a product can be looked at by id and as a node, with all that it has', async ({ server, viewer }) => {
  const shop = await makeShop(server);
  const { productId, variantId, sku } = await makeProduct(shop, { title: 'Whole', kind: 'DIGITAL', stock: 2 });
  const fields = `title kind description mediaUrls status merchant { id handle name kind verified }
    variants { id sku title price { amount minorUnits currency } available product { id } }`;
  const expected = {
    title: 'Whole',
    kind: 'DIGITAL',
    description: '',
    mediaUrls: [],
    status: 'PUBLISHED',
    merchant: { id: shop.merchantId, handle: shop.handle, name: `Shop ${shop.handle}`, kind: 'BRAND', verified: false },
    variants: [
      {
        id: variantId,
        sku,
        title: 'Standard',
        price: { amount: '25.00', minorUnits: 2_500, currency: 'USD' },
        available: 2,
        product: { id: productId },
      },
    ],
  };
  const document = `query ($id: ID!) { product(id: $id) { ${fields} } node(id: $id) { ... on Product { ${fields} } } }`;
  expect(await query(viewer.api, document, { id: productId })).toEqual({ product: expected, node: expected });
  expect(JSON.stringify(await query(viewer.api, document, { id: productId }))).not.toContain('downloads.example');
});

test('nobody sees what a DIGITAL product downloads by asking for it', async ({ server }) => {
  const { data, errors } = await server
    .http()
    .request(`{ node(id: "${globalId('ProductVariant', 1)}") { ... on ProductVariant { downloadUrl } } }`);
  expect(data).toBeNull();
  expectClearErrors(errors, /Cannot query field "downloadUrl"/);
});

test('stock that runs out leaves the list of what is in stock', async ({ server, viewer }) => {
  const shop = await makeShop(server);
  const { sku } = await makeProduct(shop, { stock: 1 });
  const filter = { merchantId: shop.merchantId, inStock: true };
  expect(await list(server.http(), { filter })).toMatchObject({ totalCount: 1 });
  succeed(await setStock(shop, { sku, onHand: 0 }));
  expect(await list(server.http(), { filter })).toMatchObject({ totalCount: 0, edges: [] });
  expect(await list(viewer.api, { filter })).toMatchObject({ totalCount: 0, edges: [] });
});

test('a creator without a merchant sells nothing', async ({ server }) => {
  const creator = await signIn(server, freshHandle('creator'));
  await startStream(creator);
  expect(
    await query(server.http(), `{ creator(handle: "${creator.handle}") { products { totalCount edges { cursor } } } }`),
  ).toEqual({
    creator: { products: { totalCount: 0, edges: [] } },
  });
});

test('a search looks its words up instead of reading every product', async ({ server, viewer, db }) => {
  const { statements } = await countSql(server.app, () => list(viewer.api, { filter: { search: 'brass lam' } }));
  const page = statements.find((sql) => sql.includes('/* catalog.products */'))!;
  const client = await db.pool.connect();
  try {
    await client.query('SET enable_seqscan = off');
    const { rows } = await client.query(
      `EXPLAIN ${page.replace('$1', '21').replace('$2', "'brass & lam:*'").replace('$1', '21')}`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('product_words');
  } finally {
    client.release(true);
  }
});
