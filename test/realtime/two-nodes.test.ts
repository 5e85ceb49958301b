/** Two servers on one Postgres and one Redis are one Hadiya. */
import { createClient } from 'redis';
import { expect, onTestFinished } from 'vitest';
import { cloneDatabase } from '../support/database.ts';
import { STREAM_PULSE, WALLET_UPDATES } from '../support/documents.ts';
import {
  type Actor,
  buyCoins,
  giftId,
  readLog,
  sendGift,
  sendLikes,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import type { Redis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { test } from './support/nodes.ts';
import { chatter, crowd, expectAllReceive, range, say, seen, seqsOf, shower, watch } from './support/watch.ts';

/** The person on another server: demo tokens hold on all of them. */
async function on(server: { url: string }, viewer: Actor): Promise<Actor> {
  return signIn(server, viewer.handle);
}

/** How many processes are subscribed to each stream's channel. */
async function subscriptions(redis: Redis): Promise<Record<string, number>> {
  const client = createClient({ url: redis.url });
  client.on('error', () => undefined); // What goes wrong fails the command.
  await client.connect();
  try {
    return { ...(await client.pubSubShardNumSub(await client.pubSubShardChannels('hadiya:stream:*'))) };
  } finally {
    client.destroy();
  }
}

test('what is written on either node is watched on both: same events, same order', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const feeds = await Promise.all([
    watch(a, streamId),
    watch(b, streamId),
    watch(a, streamId, { over: 'sse' }),
    watch(b, streamId, { over: 'sse' }),
  ]);
  const [viewers, kinds] = [
    await crowd(a, 2),
    await Promise.all(['Rose', 'Heart'].map((name) => giftId(creator.api, name))),
  ];
  await Promise.all([
    shower(viewers[0]!, streamId, kinds, 15),
    shower(await on(b, viewers[1]!), streamId, kinds, 15),
    chatter(viewers[1]!, streamId, 10),
    chatter(await on(b, viewers[0]!), streamId, 10),
  ]);
  const log = await readLog(creator.api, streamId);
  // Streaks that the sweep closes from now on only add to the log.
  expect((await readLog((await on(b, creator)).api, streamId)).slice(0, log.length)).toEqual(log);
  await Promise.all(feeds.map((feed) => seen(feed, log.at(-1)!.node.seq)));
  for (const feed of feeds) expect(feed.received.slice(0, log.length).map((one) => one.liveEvents)).toEqual(log);
});

test('who moves to the other node with its cursor goes on there without a gap', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const seqs: number[] = [];
  let after = '';
  for (const node of [a, b, a, b]) {
    const seq = await say(creator, streamId);
    const feed = await watch(node, streamId, { after });
    await seen(feed, seq);
    seqs.push(...seqsOf(feed));
    after = feed.received.at(-1)!.liveEvents.cursor;
    await feed.close();
  }
  expect(seqs).toEqual(range(1, 5));
});

test('a cursor that this node has not heard of yet is good all the same', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  await seen(await watch(b, streamId), 1);
  for (let n = 0; n < 10; n++) {
    const seq = await say(creator, streamId);
    const after = (await readLog(creator.api, streamId)).find(({ node }) => node.seq === seq)!.cursor;
    const feed = await watch(b, streamId, { after });
    const next = await say(creator, streamId);
    await seen(feed, next);
    expect(seqsOf(feed)).toEqual(range(seq + 1, next));
  }
});

test('viewers are counted over both nodes, come and go; likes too', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  type Pulse = { streamPulse: { viewers: number; likes: number } };
  const pulses = [a, b].map((node) => node.sse<Pulse>(STREAM_PULSE, { streamId }));
  const shows = (viewers: number, likes: number) =>
    Promise.all(
      pulses.map((pulse) =>
        pulse.until(({ streamPulse }) => streamPulse.viewers === viewers && streamPulse.likes === likes),
      ),
    );
  const watching = [await watch(a, streamId), await watch(a, streamId), await watch(b, streamId)];
  await shows(3, 0);
  await Promise.all([sendLikes(creator, streamId, 5), on(b, creator).then((same) => sendLikes(same, streamId, 2))]);
  await shows(3, 7);
  await watching[0]!.close();
  await watching[2]!.close();
  await shows(1, 7);
});

test('the first pulse says what is true now', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  succeed(await sendLikes(creator, streamId, 7));
  for (const node of [a, b]) {
    expect(await node.sse(STREAM_PULSE, { streamId }).next()).toMatchObject({ streamPulse: { likes: 7 } });
  }
});

test('a wallet is one on both nodes, and its watchers see its newest state', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const viewer = await signIn(a);
  const there = await on(b, viewer);
  type Update = { walletUpdates: { coins: number } };
  const wallets = [a, b].map((node) => node.sse<Update>(WALLET_UPDATES, {}, viewer.token));
  const shows = (coins: number) =>
    Promise.all(wallets.map((wallet) => wallet.until(({ walletUpdates }) => walletUpdates.coins === coins)));
  await shows(0);
  succeed(await buyCoins(viewer, { coins: 70 }));
  await shows(70);
  succeed(await sendGift(there, streamId, { gift: 'Heart' }));
  await shows(20);
  succeed(await buyCoins(there, { coins: 70 }));
  succeed(await sendGift(viewer, streamId, { quantity: 5 }));
  await shows(85);
});

test('the last coins are spent once, whichever node is asked', async ({ nodes: { a, b } }) => {
  const streamId = (await startStream(await signIn(a))).id;
  const viewer = await signIn(a);
  succeed(await buyCoins(viewer, { coins: 70 }));
  const there = await on(b, viewer);
  const outcomes = await Promise.all(
    range(1, 30).map((n) => sendGift(n % 2 ? viewer : there, streamId, { gift: 'Ice Cream' })),
  );
  expect(outcomes.filter(({ __typename }) => __typename === 'SendGiftSuccess')).toHaveLength(7);
  expect(outcomes.filter(({ __typename }) => __typename === 'InsufficientCoinsError')).toHaveLength(23);
});

test('one key is one gift, whichever node is asked and however often', async ({ nodes: { a, b } }) => {
  const streamId = (await startStream(await signIn(a))).id;
  const [viewer] = await crowd(a, 1);
  const there = await on(b, viewer!);
  const outcomes = await Promise.all(
    range(1, 30).map((n) => sendGift(n % 2 ? viewer! : there, streamId, { idempotencyKey: 'once' }).then(succeed)),
  );
  expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(new Set(outcomes.map(({ giftSent }) => giftSent.seq)).size).toBe(1);
});

test('a process holds one subscription a watched stream, whatever the number of its viewers', async ({
  nodes: { a, b },
  redis,
}) => {
  const streams = await Promise.all([0, 1, 2].map(async () => (await startStream(await signIn(a))).id));
  const crowdOf = (streamId: string) => Promise.all(range(1, 20).map(() => watch(a, streamId)));
  const watching = [await crowdOf(streams[0]!), [await watch(a, streams[1]!)], [await watch(b, streams[1]!)]];
  await Promise.all(watching.flat().map((feed) => seen(feed, 1)));
  expect(Object.values(await subscriptions(redis)).sort()).toEqual([1, 2]);
  expect([a.app.live.hub.watchedStreams, b.app.live.hub.watchedStreams]).toEqual([2, 1]);
  await Promise.all(watching[0]!.slice(1).map((feed) => feed.close()));
  expect([a.app.live.hub.watchedStreams, b.app.live.hub.watchedStreams]).toEqual([2, 1]);
  await Promise.all([watching[0]![0]!, ...watching[1]!, ...watching[2]!].map((feed) => feed.close()));
  await expect.poll(() => subscriptions(redis)).toEqual({});
  expect([a.app.live.hub.watchedStreams, b.app.live.hub.watchedStreams]).toEqual([0, 0]);
});

test('viewers who leave and come back at once keep hearing the bus: teardown of the last one takes nobody along', async ({
  nodes: { a, b },
  redis,
}) => {
  const creator = await signIn(b);
  const streamId = (await startStream(creator)).id;
  const client = await a.ws();
  const document = 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { node { seq } } }';
  type Seq = { liveEvents: { node: { seq: number } } };
  for (let n = 0; n < 15; n++) {
    const leaving = client.subscribe<Seq>(document, { id: streamId });
    if (n % 3 > 0) await leaving.next();
    void leaving.close();
    const staying = client.subscribe<Seq>(document, { id: streamId });
    const seq = await say(creator, streamId);
    await staying.until(({ liveEvents }) => liveEvents.node.seq === seq);
    expect(staying.received.map(({ liveEvents }) => liveEvents.node.seq)).toEqual(range(1, seq));
    expect(Object.values(await subscriptions(redis))).toEqual([1]);
    await staying.close();
  }
  await expect.poll(() => subscriptions(redis)).toEqual({});
  expect(a.app.live.hub.watchedStreams).toBe(0);
});

test('two deployments that share a Redis do not hear each other, though their streams have the same numbers', async ({
  nodes: { a },
  redis,
}) => {
  const stranger = await cloneDatabase();
  onTestFinished(() => stranger.drop());
  const foreign = await startServer({ databaseUrl: stranger.url, redis: redis.url });
  try {
    const [ours, theirs] = [await signIn(a), await signIn(foreign)];
    const [streamId, same] = [(await startStream(ours)).id, (await startStream(theirs)).id];
    expect(same).toBe(streamId);
    const feed = await watch(a, streamId);
    await seen(feed, 1);
    await chatter(theirs, same, 3, 'not yours');
    await chatter(ours, streamId, 3, 'ours');
    await expectAllReceive([feed], await readLog(ours.api, streamId));
  } finally {
    await foreign.close();
  }
});
