/** What senders and buyers read of shipments, and what it costs. */
import { expect } from 'vitest';
import { type Actor, query, signIn } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { act, type FulfilledOrder, placed, read } from './support/fulfilment.ts';
import { globalId } from './support/ids.ts';
import { createMerchant, type MerchantRows, placeOrder } from './support/order-rows.ts';
import { placedWithPartner } from './support/partners.ts';
import { test } from './support/shared-server.ts';

type Page = {
  shipments: {
    totalCount: number;
    edges: { node: { id: string; state: string } & Record<string, unknown> }[];
    pageInfo: { hasNextPage: boolean; endCursor: string };
  };
};

const SHIPMENTS = `query Shipments($merchantId: ID!, $states: [ShipmentState!], $first: Int, $after: String) {
  shipments(merchantId: $merchantId, states: $states, first: $first, after: $after) { totalCount
    edges { node { id state orderNumber address { name city } items { quantity variant { title } } events { status } } }
    pageInfo { hasNextPage endCursor } } }`;

const list = (sender: Actor, merchant: MerchantRows, more: Record<string, unknown> = {}) =>
  query<Page>(sender.api, SHIPMENTS, { merchantId: merchant.globalId, ...more });

test('a partner finds what it is to send: where to, and what is in it', async ({ db, server }) => {
  const { packer, partner, order, shipmentId } = await placedWithPartner(server, db.pool, { line: { quantity: 3 } });
  const address = {
    name: 'Layla',
    line1: '1 Palm Street',
    line2: null,
    city: 'Dubai',
    postalCode: null,
    country: 'AE',
  };
  await db.pool.query('UPDATE shop_order SET address = $2 WHERE id = $1', [order.id, address]);
  await db.pool.query('UPDATE order_line SET refunded_quantity = 1 WHERE order_id = $1', [order.id]);
  const { rows } = await db.pool.query('SELECT number FROM shop_order WHERE id = $1', [order.id]);
  const { shipments } = await list(packer, partner);
  expect(shipments).toMatchObject({
    totalCount: 1,
    edges: [
      {
        node: {
          id: shipmentId,
          state: 'PENDING',
          orderNumber: rows[0].number,
          address: { name: 'Layla', city: 'Dubai' },
          items: [{ quantity: 2, variant: { title: 'One' } }],
        },
      },
    ],
  });
});

test('what is in a shipment is of its warehouse and way only', async ({ db, server, viewer }) => {
  const { keeper, seller, order } = await placed(server, db.pool, [
    { quantity: 2 },
    { quantity: 5 },
    { kind: 'FOOD', quantity: 7 },
    { kind: 'SERVICE', quantity: 9 },
    { kind: 'DIGITAL' },
  ]);
  const other = await createMerchant(db.pool);
  await placeOrder(server, db.pool, { buyer: viewer, seller: other, lines: [{ quantity: 11 }] });
  const { shipments } = await list(keeper, seller);
  const quantities = shipments.edges.map(({ node }) =>
    (node.items as { quantity: number }[]).map(({ quantity }) => quantity),
  );
  expect(quantities.sort((a, b) => a.length - b.length)).toEqual([[7], [2, 5]]);
  expect(order.lines).toHaveLength(5);
});

test('the list goes page by page, oldest first, and by state', async ({ db, server }) => {
  const { buyer, keeper, seller, order } = await placed(server, db.pool);
  const orders = [order];
  for (let more = 0; more < 4; more++) orders.push(await placeOrder(server, db.pool, { buyer, seller, lines: [{}] }));
  const ids = await Promise.all(orders.map(async (each) => (await read(buyer, each)).shipments[0]!.id));
  await act(keeper, 'ship', ids[1]!);
  const seen: string[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const { shipments } = await list(keeper, seller, { first: 2, after });
    expect(shipments.totalCount).toBe(5);
    seen.push(...shipments.edges.map(({ node }) => node.id));
    more = shipments.pageInfo.hasNextPage;
    after = shipments.pageInfo.endCursor;
  }
  expect(seen).toEqual(ids);
  const shipped = (await list(keeper, seller, { states: ['SHIPPED', 'DELIVERED'] })).shipments;
  expect(shipped).toMatchObject({ totalCount: 1, edges: [{ node: { id: ids[1], state: 'SHIPPED' } }] });
  expect((await list(keeper, seller, { states: [] })).shipments).toMatchObject({ totalCount: 0, edges: [] });
});

test('nobody else gets the list', async ({ db, server, viewer }) => {
  const { packer, partner, buyer } = await placedWithPartner(server, db.pool);
  const stranger = (await placed(server, db.pool)).keeper;
  const ask = async (api: Actor['api'], merchantId: string) =>
    (await api.request(SHIPMENTS, { merchantId })).errors?.map(({ extensions }) => extensions?.code);
  for (const outsider of [viewer, buyer, stranger]) {
    expect(await ask(outsider.api, partner.globalId)).toEqual(['NOT_FOUND']);
  }
  expect(await ask(packer.api, globalId('Merchant', 999_999))).toEqual(['NOT_FOUND']);
  expect(await ask(server.http(), partner.globalId)).toEqual(['NOT_SIGNED_IN']);
});

test('a list costs the same, however long it is', async ({ db, server }) => {
  const { buyer, keeper, seller } = await placed(server, db.pool);
  const cost = async () => {
    const { count, statements } = await countSql(server.app, () => list(keeper, seller));
    return { count, statements };
  };
  const one = await cost();
  for (let more = 0; more < 5; more++) await placeOrder(server, db.pool, { buyer, seller, lines: [{}, {}] });
  const many = await cost();
  expect(many.count, many.statements.join('\n')).toBe(one.count);
  // Whether they may, the page, its count, the labels, the items, their variants, the events.
  expect(many.count, many.statements.join('\n')).toBe(7);
});

test('a page of orders with what is sent of them costs the same, however long it is', async ({
  db,
  server,
  viewer,
}) => {
  const keeper = await signIn(server);
  const seller = await createMerchant(db.pool, { members: [keeper] });
  const lines = [{}, { kind: 'FOOD' } as const, { kind: 'SERVICE', quantity: 2 } as const];
  type Orders = { me: { orders: { edges: { node: FulfilledOrder }[] } } };
  const document = `{ me { orders(first: 50) { edges { node {
    state shipments { state items { quantity } events { status } } vouchers { state code } } } } } }`;
  const cost = async (length: number) => {
    const { result, statements } = await countSql(server.app, () => query<Orders>(viewer.api, document));
    expect(result.me.orders.edges).toHaveLength(length);
    for (const { node } of result.me.orders.edges) {
      expect([node.shipments.length, node.vouchers.length]).toEqual([2, 2]);
    }
    return statements;
  };
  const place = () => placeOrder(server, db.pool, { buyer: viewer, seller, lines });
  await act(keeper, 'prepare', (await read(viewer, await place())).shipments[0]!.id);
  const one = await cost(1);
  for (let more = 0; more < 6; more++)
    await act(keeper, 'prepare', (await read(viewer, await place())).shipments[0]!.id);
  const many = await cost(7);
  expect(many.length, many.join('\n')).toBe(one.length);
  expect(many.filter((text) => text.includes('/* fulfilment.'))).toHaveLength(4);
});

test('whoever watches an order hears of its shipments and vouchers', async ({ db, server }) => {
  const { buyer, keeper, order } = await placed(server, db.pool, [{}, { kind: 'SERVICE' }]);
  type Update = { orderUpdates: FulfilledOrder };
  const feed = server.sse(
    `subscription Watch($id: ID!) { orderUpdates(orderId: $id) {
      state shipments { state events { note } } vouchers { state code } } }`,
    { id: order.globalId },
    buyer.token,
  );
  const next = async () => ((await feed.next()) as unknown as Update).orderUpdates;
  const { shipments, vouchers } = await next();
  expect([shipments[0]!.state, vouchers[0]!.state]).toEqual(['PENDING', 'ISSUED']);
  const { id } = (await read(buyer, order)).shipments[0]!;
  await act(keeper, 'ship', id);
  expect(await next()).toMatchObject({ state: 'SHIPPED', shipments: [{ state: 'SHIPPED' }] });
  await act(keeper, 'track', id, { status: 'IN_TRANSIT', note: 'In Dubai' });
  expect(await next()).toMatchObject({ shipments: [{ events: [{ note: null }, { note: 'In Dubai' }] }] });
});
