/** Redis is only the fast path: it may die at any moment, and nothing is lost or doubled. */
import { expect } from 'vitest';
import { WALLET_UPDATES } from '../support/documents.ts';
import type { FeedEnd } from '../support/feed.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { readMetrics } from '../support/metrics.ts';
import { giftId, readLog, sendGift, sendLikes, signIn, startStream, succeed } from '../support/operations.ts';
import { startRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { startClosableServer, test } from './support/nodes.ts';
import { chatter, crowd, edgesOf, expectAllReceive, say, seen, shower, watch } from './support/watch.ts';

/** A hundred and twenty writes by five people, and a Redis that starts again. */
const TEST_LIMIT_MS = 120_000;

test('Redis killed and restarted in the middle: writes go on, watchers catch up, then the bus works again', {
  timeout: TEST_LIMIT_MS,
}, async ({ nodes: { a, b }, redis, db }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const [viewers, kind] = [await crowd(a, 3), await giftId(creator.api, 'Rose')];
  const feeds = await Promise.all([a, b, a, b].map((node, n) => watch(node, streamId, { over: n < 2 ? 'ws' : 'sse' })));
  const there = await signIn(b, creator.handle);
  const writing = Promise.all([
    ...viewers.map((viewer) => shower(viewer, streamId, [kind], 20)),
    chatter(creator, streamId, 30),
    chatter(there, streamId, 30),
  ]);
  await feeds[0]!.take(10);
  await redis.kill();
  await writing;
  const whileDown = Math.max(await say(creator, streamId, 'down at a'), await say(there, streamId, 'down at b'));
  await Promise.all(feeds.map((feed) => seen(feed, whileDown)));

  const restarted = await startRedis({ port: redis.port });
  try {
    await chatter(creator, streamId, 5, 'up again');
    await expectFastPath(a, b);
    const log = await readLog(creator.api, streamId);
    await Promise.all(feeds.map((feed) => seen(feed, log.at(-1)!.node.seq)));
    for (const feed of feeds) expect(edgesOf(feed).slice(0, log.length)).toEqual(log);
    await expectBooksBalanced(db.pool);
  } finally {
    await restarted.stop();
  }

  /** Until an event written at one node comes to the other without its having looked into Postgres. */
  async function expectFastPath(from: typeof a, to: typeof b): Promise<void> {
    const writer = await signIn(from, creator.handle);
    let reads = 0;
    const stop = to.app.onSql((sql) => {
      if (sql.includes('live.events')) reads++;
    });
    await expect
      .poll(async () => {
        reads = 0;
        await seen(feeds[1]!, await say(writer, streamId, 'fast?'));
        return reads;
      })
      .toBe(0);
    stop();
  }
});

test('who comes while Redis is down is served from Postgres', async ({ nodes: { a }, redis }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const undelivered = async () =>
    (await readMetrics(a.url)).samples
      .filter(({ name }) => name === 'hadiya_bus_publish_failures_total')
      .map(({ labels: { server }, value }) => ({ server, failed: value > 0 }));
  const server = `127.0.0.1:${redis.port}`;
  expect(await undelivered()).toEqual([{ server, failed: false }]);
  await redis.kill();
  await say(creator, streamId, 'before you came');
  await expect.poll(undelivered).toEqual([{ server, failed: true }]);
  const feeds = await Promise.all([watch(a, streamId), watch(a, streamId, { over: 'sse' })]);
  await Promise.all(feeds.map((feed) => seen(feed, 2)));
  await say(creator, streamId, 'since you came');
  await expectAllReceive(feeds, await readLog(creator.api, streamId));
});

test('a wallet can be watched while Redis is down', async ({ nodes: { a }, redis }) => {
  const [viewer] = await crowd(a, 1);
  await redis.kill();
  const wallet = a.sse(WALLET_UPDATES, {}, viewer!.token);
  expect(await wallet.next()).toEqual({ walletUpdates: { coins: 7_000 } });
});

test('every mutation works while Redis is down', async ({ nodes: { a }, redis }) => {
  await redis.kill();
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const [viewer] = await crowd(a, 1);
  expect(await say(viewer!, streamId)).toBe(2);
  expect(succeed(await sendGift(viewer!, streamId)).giftSent.seq).toBe(3);
  expect(succeed(await sendLikes(viewer!, streamId, 3)).likes).toBe(3);
});

test('a server stops in good order while Redis is down', async ({ db, redis }) => {
  const server = await startClosableServer(db.url, redis.url);
  const creator = await signIn(server);
  const streamId = (await startStream(creator)).id;
  const feed = await watch(server, streamId);
  await seen(feed, 1);
  await redis.kill();
  await server.close();
  expect(await feed.closed).toMatchObject({ code: 1012 } satisfies Partial<FeedEnd>);
});

test('a server that cannot reach Redis does not start, and says what to do', async ({ db, redis }) => {
  await redis.kill();
  await expect(startServer({ databaseUrl: db.url, redis: redis.url })).rejects.toThrow(
    /Cannot reach Redis at REDIS_URL/,
  );
});
