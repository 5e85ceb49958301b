/** A server that stops: what is under way ends well, who watches is told to come back. */
import { expect, onTestFinished } from 'vitest';
import { within } from '../support/feed.ts';
import { test } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { buyCoins, readLog, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { startClosableServer } from './support/nodes.ts';
import { range, say, seen, seqsOf, watch } from './support/watch.ts';

/** A server without a stalled client stops well within this. */
const STOP_LIMIT_MS = 20_000;

test('sockets are closed with 1012, SSE connections end, and both resume elsewhere by their cursors', async ({
  db,
}) => {
  const server = await startClosableServer(db.url);
  const creator = await signIn(server);
  const streamId = (await startStream(creator)).id;
  const feeds = [await watch(server, streamId), await watch(server, streamId, { over: 'sse' })];
  const seq = await say(creator, streamId);
  await Promise.all(feeds.map((feed) => seen(feed, seq)));
  await within('the stop', server.close(), STOP_LIMIT_MS);
  expect(await feeds[0]!.closed).toMatchObject({ code: 1012 });
  await feeds[1]!.closed;

  const next = await startServer({ databaseUrl: db.url });
  onTestFinished(() => next.close());
  const last = await say(await signIn(next, creator.handle), streamId, 'back again');
  for (const feed of feeds) {
    const resumed = await watch(next, streamId, { after: feed.received.at(-1)!.liveEvents.cursor });
    await seen(resumed, last);
    expect([...seqsOf(feed), ...seqsOf(resumed)]).toEqual(range(1, last));
  }
});

test('a mutation under way is committed and answered, and nothing new is taken', async ({ db }) => {
  const server = await startClosableServer(db.url);
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  succeed(await buyCoins(viewer, { coins: 70 }));
  const blocker = await db.pool.connect();
  await blocker.query('BEGIN');
  await blocker.query("SELECT 1 FROM ledger_account WHERE kind = 'WALLET' FOR UPDATE");
  const gift = sendGift(viewer, streamId, { quantity: 7 });
  await expect
    .poll(
      async () =>
        (
          await db.pool.query(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
          )
        ).rowCount,
    )
    .toBe(1);
  let stopped = false;
  const stopping = server.close().then(() => {
    stopped = true;
  });
  await expect.poll(() => signIn(server).catch(() => 'refused')).toBe('refused');
  expect(stopped).toBe(false);
  await blocker.query('ROLLBACK');
  blocker.release();
  expect(succeed(await gift)).toMatchObject({ replayed: false, giftSent: { quantity: 7 }, wallet: { coins: 63 } });
  await within('the stop', stopping, STOP_LIMIT_MS);
  const { rows } = await db.pool.query('SELECT count(*)::int AS gifts FROM gift_sent');
  expect(rows).toEqual([{ gifts: 1 }]);
  await expectBooksBalanced(db.pool);
});

test('a client that has stopped reading does not hold up the stop', async ({ db }) => {
  const server = await startClosableServer(db.url);
  const streamId = (await startStream(await signIn(server))).id;
  const socket = await server.raw();
  onTestFinished(() => socket.terminate());
  await socket.init();
  socket.subscribe('1', 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { cursor } }', {
    id: streamId,
  });
  await socket.messages.next();
  socket.pause();
  await within('the stop', server.close(), STOP_LIMIT_MS);
});

test('gifts that were acknowledged before a stop are all there after it', async ({ db }) => {
  const server = await startClosableServer(db.url);
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  succeed(await buyCoins(viewer, { coins: 700 }));
  const acknowledged: number[] = [];
  let stopping: Promise<void> | undefined;
  const senders = range(1, 8).map(async () => {
    for (;;) {
      const outcome = await sendGift(viewer, streamId).catch(() => undefined);
      if (outcome?.__typename !== 'SendGiftSuccess') return;
      acknowledged.push(succeed(outcome).giftSent.seq);
      if (acknowledged.length === 40) stopping = server.close();
    }
  });
  await Promise.all(senders);
  await within('the stop', stopping!, STOP_LIMIT_MS);
  const next = await startServer({ databaseUrl: db.url });
  onTestFinished(() => next.close());
  const log = await readLog((await signIn(next)).api, streamId);
  const gifts = log.filter(({ node }) => node.type === 'GIFT_SENT').map(({ node }) => node.seq);
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  expect(gifts).toEqual(expect.arrayContaining(acknowledged));
  await expectBooksBalanced(db.pool);
});
