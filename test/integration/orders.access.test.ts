/** Who sees an order: its buyer and its merchant. To everybody else it looks as if there were none. */
import { expect } from 'vitest';
import { ORDER_FIELDS } from '../support/documents.ts';
import { type Actor, query, signIn, succeed } from '../support/operations.ts';
import { afterSale, bought, type OrderNode, openCounter, orderOf } from '../support/orders.ts';
import { countSql } from '../support/sql-count.ts';
import { globalId, rowOf, wrongIds } from './support/ids.ts';
import { test } from './support/shared-server.ts';

const BY_NUMBER = `query ByNumber($number: String!) { orderByNumber(number: $number) { ${ORDER_FIELDS} } }`;
const PAGE = `edges { cursor node { id } } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const MINE = `query Mine($first: Int, $after: String, $last: Int, $before: String) {
  me { orders(first: $first, after: $after, last: $last, before: $before) { ${PAGE} } } }`;
const SOLD = `query Sold($id: ID!, $first: Int) { node(id: $id) { ... on Merchant { name orders(first: $first) { ${PAGE} } } } }`;

type Page = {
  edges: { cursor: string; node: { id: string } }[];
  totalCount: number;
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null };
};

const byNumber = async (reader: Pick<Actor, 'api'>, number: string) =>
  (await query<{ orderByNumber: OrderNode | null }>(reader.api, BY_NUMBER, { number })).orderByNumber;
const mine = async (reader: Pick<Actor, 'api'>, variables = {}) =>
  (await query<{ me: { orders: Page } }>(reader.api, MINE, variables)).me.orders;
const sold = async (reader: Pick<Actor, 'api'>, id: string, first?: number) =>
  (await query<{ node: { name: string; orders: Page | null } }>(reader.api, SOLD, { id, first })).node;
const idsOf = ({ edges }: Page) => edges.map(({ node }) => node.id);

test('its buyer and its merchant see it by id and by number, others do not', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const { id, number } = await bought(counter);
  const competitor = (await openCounter(server, viewer)).shop.member;
  for (const reader of [viewer, counter.shop.member]) {
    expect(await orderOf(reader, id)).toMatchObject({ id, number });
    expect(await byNumber(reader, number)).toMatchObject({ id, number });
    expect(await byNumber(reader, ` ${number.toLowerCase()} `)).toMatchObject({ id });
  }
  for (const reader of [await signIn(server), competitor]) {
    expect(await orderOf(reader, id)).toBeNull();
    expect(await byNumber(reader, number)).toBeNull();
  }
  expect(await orderOf({ api: server.http() }, id)).toBeNull();
  const anonymous = await server.http().request(BY_NUMBER, { number });
  expect(anonymous).toMatchObject({
    data: { orderByNumber: null },
    errors: [{ extensions: { code: 'NOT_SIGNED_IN' } }],
  });
});

test('ids and numbers that name nothing', async ({ viewer }) => {
  for (const [what, id] of wrongIds('Order').filter(([, id]) => !id.startsWith(globalId('Gift', 1)))) {
    const { data } = await viewer.api.request<{ node: { id?: string } | null }>(
      'query Order($id: ID!) { node(id: $id) { ... on Order { id } } }',
      { id },
    );
    expect(data?.node?.id, what).toBeUndefined();
  }
  for (const number of ['', 'HD-', "HD-' OR '1'='1", 'HD-0000-0000-0000-0000', 'x'.repeat(5_000)]) {
    expect(await byNumber(viewer, number), number).toBeNull();
  }
  expect((await viewer.api.request(BY_NUMBER, { number: 'a\0b' })).errors).toHaveLength(1);
});

test('numbers are random, and do not follow from one another', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer, { stock: 50 });
  const numbers = await Promise.all(Array.from({ length: 30 }, async () => (await bought(counter)).number));
  expect(new Set(numbers).size).toBe(30);
  const places = numbers.map((number) => number.replaceAll('-', '').slice(2));
  // Each place of 16 takes many of its 32 values: by chance fewer than 10 of 30 in any one is next to impossible.
  for (let place = 0; place < 16; place++) {
    expect(new Set(places.map((text) => text[place])).size, `place ${place}`).toBeGreaterThan(9);
  }
});

test('the own orders, newest first, page by page, and counted', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const other = await signIn(server);
  expect(await mine(viewer)).toMatchObject({ edges: [], totalCount: 0, pageInfo: { hasNextPage: false } });
  const ids: string[] = [];
  for (let count = 0; count < 5; count++) ids.unshift((await bought(counter)).id);
  expect(idsOf(await mine(viewer))).toEqual(ids);
  const first = await mine(viewer, { first: 2 });
  expect(first).toMatchObject({ totalCount: 5, pageInfo: { hasNextPage: true, hasPreviousPage: false } });
  const second = await mine(viewer, { first: 2, after: first.pageInfo.endCursor });
  const third = await mine(viewer, { first: 2, after: second.pageInfo.endCursor });
  expect([first, second, third].map(idsOf)).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
  expect(third.pageInfo.hasNextPage).toBe(false);
  expect(idsOf(await mine(viewer, { last: 2 }))).toEqual(ids.slice(3));
  expect(idsOf(await mine(viewer, { last: 2, before: third.edges[0]!.cursor }))).toEqual(ids.slice(2, 4));
  expect(await mine(other)).toMatchObject({ edges: [], totalCount: 0 });
});

test('what a merchant has sold is for those who act for it', async ({ db, server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const { merchantId, member } = counter.shop;
  const [one, two] = [await bought(counter), await bought(counter)];
  const list = await sold(member, merchantId);
  expect(list.orders).toMatchObject({ totalCount: 2 });
  expect(idsOf(list.orders!)).toEqual([two.id, one.id]);
  for (const reader of [viewer, await signIn(server), { api: server.http() }]) {
    expect(await sold(reader, merchantId)).toEqual({ name: list.name, orders: null });
  }
  // Who left the merchant sees nothing more, and can do nothing more.
  await db.pool.query('DELETE FROM merchant_member WHERE merchant_id = $1', [rowOf(merchantId)]);
  expect((await sold(member, merchantId)).orders).toBeNull();
  expect(await orderOf(member, one.id)).toBeNull();
  expect(await afterSale.cancel(member, one.id)).toMatchObject({ __typename: 'NotFoundError' });
});

test('a page of orders with all their parts costs a fixed number of SQL statements', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer, { stock: 100, kind: 'DIGITAL' });
  for (let count = 0; count < 20; count++) {
    const { id, lines } = await bought(counter, { quantity: 2 });
    if (count % 2) succeed(await afterSale.dispute(viewer, id));
    const call = { lines: [{ lineId: lines[0]!.id, quantity: 1 }] };
    succeed(await afterSale.refund(counter.shop.member, id, call));
  }
  const document = `query Costs($first: Int!) { me { orders(first: $first) { totalCount edges { node { ${ORDER_FIELDS}
    shipments { id state events { status } } vouchers { id } } } } } }`;
  const costs = async (first: number) => {
    await query(viewer.api, document, { first });
    const { result, statements } = await countSql(server.app, () =>
      query<{ me: { orders: { edges: unknown[] } } }>(viewer.api, document, { first }),
    );
    expect(result.me.orders.edges).toHaveLength(first);
    return statements.map((sql) => /\/\* (\S+) \*\//.exec(sql)?.[1] ?? sql.slice(0, 80)).sort();
  };
  const few = await costs(2);
  expect(await costs(20)).toEqual(few);
  expect(few.length).toBeLessThan(16);
});
