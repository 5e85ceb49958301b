/** Orders as they change: for those who may see them, at the time of each delivery, on every server. */
import { describe, expect } from 'vitest';
import { ORDER_FIELDS } from '../support/documents.ts';
import type { Feed } from '../support/feed.ts';
import { type Actor, signIn, succeed } from '../support/operations.ts';
import { afterSale, bought, type OrderNode, openCounter } from '../support/orders.ts';
import { type Server, startServer } from '../support/server.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { QUIET, test, testOn } from './support/shared-server.ts';

const UPDATES = `subscription Updates($orderId: ID) { orderUpdates(orderId: $orderId) { ${ORDER_FIELDS} } }`;
type Update = { orderUpdates: OrderNode };
type Watching = Feed<Update>;

/** The next update in which the order is as wanted. */
async function until(feed: Watching, fits: (order: OrderNode) => boolean): Promise<OrderNode> {
  return (await feed.until(({ orderUpdates }) => fits(orderUpdates))).at(-1)!.orderUpdates;
}

type Watch = (server: Pick<Server, 'ws' | 'sse'>, viewer: Actor, orderId?: string) => Promise<Watching>;
const ways: Record<'WebSocket' | 'server-sent events', Watch> = {
  WebSocket: async (server, { token }, orderId) => (await server.ws({ token })).subscribe<Update>(UPDATES, { orderId }),
  'server-sent events': async (server, { token }, orderId) => server.sse<Update>(UPDATES, { orderId }, token),
};

describe.for(['WebSocket', 'server-sent events'] as const)('over %s', (way) => {
  const watch = ways[way];

  test('one order: as it is now, and after each change', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const { id } = await bought(counter, { quantity: 2 });
    const [buyer, merchant] = [await watch(server, viewer, id), await watch(server, counter.shop.member, id)];
    for (const feed of [buyer, merchant]) expect((await feed.next()).orderUpdates).toMatchObject({ id, state: 'PAID' });
    const { refund } = succeed(await afterSale.request(viewer, id));
    for (const feed of [buyer, merchant]) {
      expect((await feed.next()).orderUpdates).toMatchObject({ state: 'REFUND_REQUESTED' });
    }
    succeed(await afterSale.approve(counter.shop.member, refund.id));
    for (const feed of [buyer, merchant]) {
      const order = await until(feed, ({ refunds }) => refunds[0]?.state === 'SUCCEEDED');
      expect(order).toMatchObject({ state: 'REFUNDED', refunded: { minorUnits: 5_000 } });
    }
  });

  test('all that somebody buys from now on, and nothing of others', async ({ server, viewer }) => {
    const counter = await openCounter(server, viewer, { stock: 60 });
    const before = await bought(counter);
    const feed = await watch(server, viewer);
    // A stranger's purchase of the same product comes first: had it shown, it would stand before the others.
    const stranger = await openCounter(server, await signIn(server));
    await bought(stranger);
    // Which of the two is heard first depends on when the subscription stands: one change of an old order makes sure.
    let seen: OrderNode | undefined;
    for (let attempt = 0; attempt < 50 && !seen; attempt++) {
      await bought(counter);
      seen = feed.received.at(0)?.orderUpdates;
    }
    seen ??= (await feed.next()).orderUpdates;
    expect(seen.state).toBe('PAID');
    succeed(await afterSale.cancel(viewer, before.id));
    expect(await until(feed, ({ id }) => id === before.id)).toMatchObject({ state: 'CANCELLED' });
    const shops = new Set(feed.received.map(({ orderUpdates }) => orderUpdates.merchant.id));
    expect([...shops]).toEqual([counter.shop.merchantId]);
  });

  test('what is nothing of theirs, and what there is not: the same error', async ({ server, viewer }) => {
    const { id } = await bought(await openCounter(server, viewer));
    const outsider = await signIn(server);
    for (const wrong of [id, ...wrongIds('Order').map(([, each]) => each)]) {
      const feed = await watch(server, outsider, wrong);
      const end = await feed.untilClosed().catch(() => undefined);
      const errors = end?.errors ?? [];
      expect(errors, wrong).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
      expect(feed.received).toEqual([]);
    }
  });
});

test('needs somebody who is signed in', async ({ server }) => {
  const feed = server.sse(UPDATES);
  expect((await feed.untilClosed()).errors).toMatchObject([{ extensions: { code: 'NOT_SIGNED_IN' } }]);
});

test('a merchant’s member who is none any more gets nothing more', async ({ db, server, viewer }) => {
  const counter = await openCounter(server, viewer);
  const { id } = await bought(counter, { quantity: 2 });
  const own = await ways.WebSocket(server, viewer, id);
  const socket = await server.ws({ token: counter.shop.member.token });
  const theirs = socket.subscribe<Update>(UPDATES, { orderId: id });
  await Promise.all([own.next(), theirs.next()]);
  await db.pool.query('DELETE FROM merchant_member WHERE merchant_id = $1', [rowOf(counter.shop.merchantId)]);
  succeed(await afterSale.cancel(viewer, id));
  await until(own, ({ refunds }) => refunds[0]?.state === 'SUCCEEDED');
  // Both were told by the same messages; what is asked behind them is answered behind them.
  expect((await socket.query('query Order($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({ node: null });
  expect(theirs.received).toHaveLength(1);
  expect(theirs.isClosed).toBe(false);
});

test('a slow reader gets the newest, and not all that was', async ({ server, viewer }) => {
  const counter = await openCounter(server, viewer, { stock: 60 });
  const { id, lines } = await bought(counter, { quantity: 50 });
  const feed = await ways.WebSocket(server, viewer, id);
  await feed.next();
  const call = { lines: [{ lineId: lines[0]!.id, quantity: 1 }] };
  await Promise.all(Array.from({ length: 30 }, () => afterSale.refund(counter.shop.member, id, call)));
  const paid = (order: OrderNode) => order.refunds.filter(({ state }) => state === 'SUCCEEDED').length === 30;
  expect(await until(feed, paid)).toMatchObject({ refunded: { minorUnits: 30 * 2_500 } });
  // Each refund is two changes: what was missed was not queued.
  expect(feed.received.length).toBeLessThanOrEqual(61);
  const amounts = feed.received.map(({ orderUpdates }) => orderUpdates.refunded.minorUnits);
  expect(amounts).toEqual([...amounts].sort((one, other) => one - other));
});

const onRedis = testOn({ ...QUIET, redis: true });

onRedis('what happens on one server shows on the other', async ({ db, server, viewer }) => {
  const second = await startServer({ databaseUrl: db.url, ...QUIET, redis: true });
  try {
    const counter = await openCounter(server, viewer);
    const { id } = await bought(counter);
    const feed = await ways.WebSocket(second, viewer, id);
    expect((await feed.next()).orderUpdates.state).toBe('PAID');
    succeed(await afterSale.cancel(viewer, id));
    await until(feed, ({ state }) => state === 'CANCELLED');
  } finally {
    await second.close();
  }
});

test('without a bus in common, the poll finds it', async ({ db, server, viewer }) => {
  const second = await startServer({ databaseUrl: db.url, ...QUIET });
  try {
    const counter = await openCounter(server, viewer);
    const { id } = await bought(counter);
    const one = await ways.WebSocket(second, viewer, id);
    expect((await one.next()).orderUpdates.state).toBe('PAID');
    succeed(await afterSale.cancel(viewer, id));
    await until(one, ({ state }) => state === 'CANCELLED');
  } finally {
    await second.close();
  }
});
