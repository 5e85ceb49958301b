/** A list costs the same number of SQL statements, however long it is. */
import { expect } from 'vitest';
import { testWith } from '../support/fixtures.ts';
import {
  type Actor,
  buyCoins,
  giftId,
  mutate,
  query,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { makeProduct, makeShop } from '../support/shop.ts';
import { countSql } from '../support/sql-count.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET, test as shared } from './support/shared-server.ts';

const FEW = 2;
const MANY = 20;
/** The first of the tests that find a crowd also waits for it. */
const CROWDED = { timeout: 120_000 };
/** Totals of whole lists: they are read again every few seconds, whoever asks. */
const KEPT_COUNTS = ['catalog.count', 'creators.count', 'streams.countLive'];

/** People on air, each with gifts, chat and earnings. */
async function manyOnAir(server: Server): Promise<void> {
  const viewer = await signIn(server);
  succeed(await buyCoins(viewer, { coins: 70 }));
  const rose = await giftId(server.http(), 'Rose');
  await atOnce(MANY, async () => {
    const creator = await signIn(server);
    const { id } = await startStream(creator);
    succeed(await sendGift(viewer, id, { giftId: rose }));
    succeed(await sendChatMessage(creator, id, 'Thank you!'));
  });
}

/** Creators who sell, each with a merchant and products of several variants. */
async function manyShops(server: Server): Promise<void> {
  await atOnce(MANY, async (index) => {
    // The oldest creator is on air already, and on every page.
    const member = await signIn(server, index === 0 ? 'pinkydoll' : undefined);
    if (index > 0) await startStream(member);
    const shop = await makeShop(server, { member });
    await makeProduct(shop);
    await makeProduct(shop, { kind: 'FOOD' });
  });
}

/** Asked for as `crowded`, it has happened once before the first such test. */
const test = shared.extend('crowded', { scope: 'file' }, async ({ server }) => {
  await manyOnAir(server);
  await manyShops(server);
});
const alone = testWith(QUIET);

type List = { list: { edges: { cursor: string }[] } };

/** The statements of one list query, for few and for many rows. */
async function costs(
  server: Server,
  reader: Pick<Actor, 'api'>,
  document: string,
): Promise<[few: string[], many: string[]]> {
  const run = async (first: number) => {
    await query(reader.api, document, { first }); // What is prepared or cached once is not the page's cost.
    const { result, statements } = await countSql(server.app, () => query<List>(reader.api, document, { first }));
    expect(result.list.edges).toHaveLength(first);
    return statements
      .map(label)
      .filter((name) => !KEPT_COUNTS.includes(name))
      .sort();
  };
  return [await run(FEW), await run(MANY)];
}

/** What a statement is called, or its table. */
function label(sql: string): string {
  return /\/\* (\S+) \*\//.exec(sql)?.[1] ?? /FROM "public"\."(\w+)"/.exec(sql)?.[1] ?? sql;
}

test.for([
  ['creators with what they are live with', 2, 'creators', '{ handle displayName currentStream { id title status } }'],
  [
    'creators with all that there is',
    5,
    'creators',
    `{ handle currentStream { title creator { handle displayName }
     topGifters { rank profile { handle } } events(first: 3) { totalCount edges { node { seq } } } } }`,
  ],
  ['live streams with their creators', 2, 'liveStreams', '{ title creator { handle displayName } }'],
  [
    'live streams with all that there is',
    5,
    'liveStreams',
    `{ title creator { handle currentStream { id } }
     topGifters(first: 3) { coins profile { handle } } events(first: 5) { edges { cursor node { seq } } } }`,
  ],
] as const)('a page of %s', CROWDED, async ([, limit, field, node], { server, viewer, crowded: _ }) => {
  const document = `query Page($first: Int) { list: ${field}(first: $first) {
    totalCount edges { node ${node} } pageInfo { hasNextPage } } }`;
  const [few, many] = await costs(server, viewer, document);
  expect(many).toEqual(few);
  expect(many.length, many.join('\n')).toBeLessThanOrEqual(limit);
  expect(many.length).toBeGreaterThan(0);
});

const PRODUCT =
  '{ title mediaUrls merchant { name verified } variants { title price { amount } available product { id } } }';

test.for([
  ['products with their variants and merchants', 4, 'products', '', PRODUCT],
  [
    'products that are filtered and searched for',
    4,
    'products',
    'filter: { search: "oud", inStock: true, kind: FOOD }',
    PRODUCT,
  ],
  ['products by price', 4, 'products', 'order: PRICE_LOW', PRODUCT],
  [
    'creators with the products that they sell',
    7,
    'creators',
    '',
    `{ handle products(first: 3) { totalCount edges { node ${PRODUCT} } } last: products(last: 1) { edges { node { id } } } }`,
  ],
  [
    'products with all that there is of their merchants',
    6,
    'products',
    '',
    `{ merchant { warehouses { id } products(first: 2) { totalCount edges { node ${PRODUCT} } }
       allProducts(first: 2) { edges { node { status } } } } }`,
  ],
] as const)('a page of %s', CROWDED, async ([, limit, field, args, node], { server, viewer, crowded: _ }) => {
  const document = `query Page($first: Int) { list: ${field}(first: $first ${args}) {
    totalCount edges { cursor node ${node} } pageInfo { hasNextPage } } }`;
  const [few, many] = await costs(server, viewer, document);
  expect(many).toEqual(few);
  expect(many.length, many.join('\n')).toBeLessThanOrEqual(limit);
  expect(many.length).toBeGreaterThan(0);
});

test('the total of products is counted only if it is selected', CROWDED, async ({ server, viewer, crowded: _ }) => {
  const run = async (args: string, selection: string) => {
    const document = `{ list: products(${args}) { ${selection} } }`;
    return (await countSql(server.app, () => query(viewer.api, document))).statements.map(label).sort();
  };
  const items = 'edges { cursor node { id merchant { name } } } pageInfo { hasNextPage }';
  expect(await run('first: 5', items)).toEqual(['catalog.newest.first']);
  expect(await run('first: 5, filter: { kind: FOOD }', items)).toEqual(['catalog.products']);
  expect(await run('first: 5, filter: { kind: FOOD }', 'totalCount')).toEqual(['catalog.count']);
  expect(await run('first: 5, order: PRICE_HIGH', items)).toEqual(['catalog.byPrice']);
});

test(
  'leaderboards of different sizes in one query are read together',
  CROWDED,
  async ({ server, viewer, crowded: _ }) => {
    const document = `query Page($first: Int) { list: liveStreams(first: $first) { edges { node {
    few: topGifters(first: 1) { rank } many: topGifters(first: 50) { rank } } } } }`;
    const [few, many] = await costs(server, viewer, document);
    expect(many).toEqual(few);
    expect(many.filter((name) => name === 'gifts.top')).toHaveLength(1);
  },
);

test(
  'a page is one statement, wherever it stands, and a count is read only if it is selected, and once',
  CROWDED,
  async ({ server, viewer, crowded: _ }) => {
    const run = async (field: string, args: string, selection: string) => {
      const document = `{ list: ${field}(${args}) { ${selection} } }`;
      const { result, statements } = await countSql(server.app, () => query<List>(viewer.api, document));
      return { statements: statements.map(label).sort(), cursor: result.list.edges?.at(-1)?.cursor };
    };
    for (const [field, page, count] of [
      ['liveStreams', 'streams.livePage', 'streams.countLive'],
      ['creators', 'creators.page', 'creators.count'],
    ] as const) {
      const items = 'edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage }';
      const first = await run(field, 'first: 5', items);
      expect(first.statements).toEqual([`${page}.first`]);
      expect((await run(field, `first: 5, after: "${first.cursor}"`, items)).statements).toEqual([`${page}.after`]);
      expect((await run(field, 'last: 5', items)).statements).toEqual([`${page}.last`]);
      expect((await run(field, `last: 5, before: "${first.cursor}"`, items)).statements).toEqual([`${page}.before`]);
      await startStream(await signIn(server)); // a creator and a stream more: both counts are to be read again
      expect((await run(field, 'first: 5', `totalCount ${items}`)).statements).toEqual([count, `${page}.first`].sort());
      expect((await run(field, 'first: 5', 'totalCount')).statements).toEqual([]);
    }
  },
);

test('single streams and creators that are asked for at once are read together', async ({ server, viewer, live }) => {
  const { handle } = live.creator;
  const other = await startStream(viewer);
  const document = `query Many($one: ID!, $other: ID!, $handle: String!) {
    a: liveStream(id: $one) { title creator { currentStream { id } } } b: liveStream(id: $other) { title }
    c: node(id: $one) { ... on LiveStream { title } } d: node(id: $other) { id }
    e: creator(handle: $handle) { id currentStream { creator { handle } } } f: creator(handle: "souq") { id } }`;
  const variables = { one: live.streamId, other: other.id, handle };
  const { statements } = await countSql(server.app, () => query(viewer.api, document, variables));
  expect(statements.map(label).sort()).toEqual(['creators.byHandle.many', 'streams.byId.many']);
});

test('what a mutation returns of a stream is one statement', async ({ server, viewer }) => {
  const start = () =>
    countSql(server.app, () => mutate<{ stream: unknown }>(viewer.api, 'startStream', { title: 'Counted' }));
  const labels = async () => (await start()).statements.map(label).filter((name) => name.startsWith('streams.byId'));
  expect(await labels()).toEqual(['streams.byId.one']);
  expect(await labels()).toEqual(['streams.byId.one']); // StreamAlreadyLiveError
});

alone('a page is prepared once, and then neither parsed nor planned again', CROWDED, async ({ server, viewer }) => {
  await manyOnAir(server);
  const pages = '{ liveStreams(first: 5) { edges { node { title } } } }';
  for (let times = 0; times < 10; times++) await query(viewer.api, pages);
  // The pool hands out the connection that came back last, so that one has done all of this.
  const { rows } = await server.app.services.db.pool.query(
    `SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE name = 'streams.livePage.first'`,
  );
  expect(rows).toEqual([{ custom_plans: '5', generic_plans: '5' }]);
});
