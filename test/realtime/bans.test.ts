/** A ban ends what the viewer has open, on every server and whatever becomes of the bus; and lets nothing new begin. */
import { expect, onTestFinished } from 'vitest';
import { creatorIdOf, kindOf, moderate, operator } from '../integration/support/moderation.ts';
import type { WsClient } from '../support/client.ts';
import { LIVE_EVENTS, STREAM_PULSE, WALLET_UPDATES } from '../support/documents.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { type Feed, type FeedEnd, within } from '../support/feed.ts';
import {
  type Actor,
  buyCoins,
  mutate,
  query,
  readLog,
  sendChatMessage,
  sendLikes,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import { test as base } from './support/nodes.ts';
import { type Delivery, expectAllReceive, say, seen, watch } from './support/watch.ts';

const HOUR_MS = 3_600_000;
/** What is promised; the tests are faster by far, and this is where they would fail. */
const PROMISE_MS = 30_000;

/** Two servers that hear of bans over the bus alone. */
const test = base.extend('nodeSettings', ({ db, redis }) => ({
  overrides: {
    hub: { pollIntervalMs: 200 },
    pulseIntervalMs: 50,
    community: { moderation: { banCheckIntervalMs: HOUR_MS } },
  },
  databaseUrl: db.url,
  redis: redis.url,
}));

/** Watches as somebody, over both transports. */
async function watchAs(endpoint: Endpoint, viewer: Actor, streamId: string): Promise<Feed<Delivery>[]> {
  const variables = { streamId, after: '' };
  const socket = await endpoint.ws({ token: viewer.token });
  const feeds = [
    socket.subscribe<Delivery>(LIVE_EVENTS, variables),
    endpoint.sse<Delivery>(LIVE_EVENTS, variables, viewer.token),
  ];
  await Promise.all(feeds.map((feed) => feed.next()));
  return feeds;
}

/** How often a look for bans may come just before the answer, and end the connection. */
const LOOKS_BETWEEN_MAX = 5;

/** Asserts that the viewer cannot begin to watch, and is told why. */
async function expectRefused(endpoint: Endpoint, viewer: Actor, streamId: string): Promise<void> {
  const ways: (() => Promise<Feed<unknown>>)[] = [
    async () => (await endpoint.ws({ token: viewer.token })).subscribe(LIVE_EVENTS, { streamId }),
    async () => endpoint.sse(LIVE_EVENTS, { streamId }, viewer.token),
  ];
  for (const open of ways) {
    const refused = { errors: [{ extensions: { code: 'BANNED', until: null } }] };
    expect(await endOf(open)).toMatchObject(refused);
  }
}

/** How a watch ends. Whoever the look for bans has ended before there was an answer comes back, as clients do. */
async function endOf(open: () => Promise<Feed<unknown>>): Promise<FeedEnd> {
  for (let attempt = 1; ; attempt++) {
    const feed = await open();
    const end = await feed.closed;
    if (end.errors || attempt === LOOKS_BETWEEN_MAX) return end;
    expect(feed.received, 'what a banned viewer sees').toEqual([]);
  }
}

test('a ban on one server ends what the viewer watches on all of them, and nobody else notices', async ({
  nodes: { a, b },
}) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const [banned, other] = [await signIn(a), await signIn(a)];
  const theirs = [...(await watchAs(a, banned, streamId)), ...(await watchAs(b, banned, streamId))];
  const others = [...(await watchAs(b, other, streamId)), await watch(b, streamId)];
  const elsewhere = (await startStream(await signIn(b))).id;

  succeed(await moderate.ban(creator, { viewerId: banned.id, streamId }));
  const ends = await within('the end of the watches', Promise.all(theirs.map((feed) => feed.closed)), PROMISE_MS);
  expect(ends.map(({ code }) => code).filter((code) => code === 1013)).toHaveLength(2);
  await say(creator, streamId, 'gone?');
  await expectAllReceive(others, await readLog(creator.api, streamId));
  for (const feed of theirs) expect(feed.received).toHaveLength(1);

  for (const node of [a, b]) await expectRefused(node, banned, streamId);
  for (const feed of await watchAs(b, banned, elsewhere)) await feed.close();
  succeed(await moderate.unban(creator, { viewerId: banned.id, streamId }));
  const back = await watchAs(b, banned, streamId);
  await Promise.all(back.map((feed) => seen(feed, 2)));
});

test('a client that reconnects by itself is told why it may not watch', async ({ nodes: { b } }) => {
  const creator = await signIn(b);
  const streamId = (await startStream(creator)).id;
  const banned = await signIn(b);
  const socket = await b.ws({ token: banned.token, retryAttempts: 5 });
  const feed = socket.subscribe<Delivery>(LIVE_EVENTS, { streamId, after: '' });
  const wallet = socket.subscribe(WALLET_UPDATES);
  await Promise.all([feed.next(), wallet.next()]);
  succeed(await moderate.ban(creator, { viewerId: banned.id, streamId }));
  expect((await feed.closed).errors).toMatchObject([{ extensions: { code: 'BANNED' } }]);
  // What the ban is not about goes on over the new connection.
  succeed(await buyCoins(banned, { coins: 70 }));
  await wallet.until((update) => (update as { walletUpdates: { coins: number } }).walletUpdates.coins === 70);
});

test('when Redis is down, the other server finds the ban in the database', async ({ db, redis }) => {
  const start = async (): Promise<Server> => {
    const overrides = { community: { moderation: { banCheckIntervalMs: 200 } } };
    const server = await startServer({ databaseUrl: db.url, redis: redis.url, overrides });
    onTestFinished(() => server.close());
    return server;
  };
  const [a, b] = [await start(), await start()];
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const banned = await signIn(a);
  const theirs = await watchAs(b, banned, streamId);
  await redis.kill();
  succeed(await moderate.ban(creator, { viewerId: banned.id, streamId }));
  await within('the end of the watches', Promise.all(theirs.map((feed) => feed.closed)), PROMISE_MS);
  await expectRefused(b, banned, streamId);
});

test('a ban by an operator from everywhere ends every connection, and refuses all that needs signing in but reads', async ({
  nodes: { a, b },
}) => {
  const boss = await operator(a);
  const streamId = (await startStream(await signIn(a))).id;
  const [banned, other] = [await signIn(b), await signIn(b)];
  const socket = await b.ws({ token: banned.token });
  const open = [
    socket.subscribe(WALLET_UPDATES),
    b.sse(WALLET_UPDATES, {}, banned.token),
    ...(await watchAs(b, banned, streamId)),
  ];
  await Promise.all(open.slice(0, 2).map((feed) => feed.next()));
  succeed(await moderate.ban(boss, { viewerId: banned.id }));
  await within('the end of the connections', Promise.all(open.map((feed) => feed.closed)), PROMISE_MS);

  await expectRefused(b, banned, streamId);
  const again = await b.ws({ token: banned.token });
  for (const document of [WALLET_UPDATES, STREAM_PULSE]) {
    const end = await again.subscribe(document, { streamId }).closed;
    expect(end.errors).toMatchObject([{ extensions: { code: 'BANNED', until: null } }]);
  }
  const refused = [
    await buyCoins(banned, { packId: 'Q29pblBhY2s6MQ==' }),
    await sendChatMessage(banned, streamId, 'Hello?'),
    await sendLikes(banned, streamId),
    await mutate(banned.api, 'startStream', { title: 'Elsewhere' }),
  ];
  expect(refused.map(kindOf)).toEqual(Array(4).fill('BannedError'));
  expect(await query(banned.api, '{ me { id } }')).toEqual({ me: { id: banned.id } });
  succeed(await sendLikes(other, streamId));

  succeed(await moderate.unban(boss, { viewerId: banned.id }));
  await expect.poll(async () => kindOf(await sendLikes(banned, streamId))).toBe('SendLikesSuccess');
  for (const feed of await watchAs(b, banned, streamId)) await feed.close();
});

test('a ban that is over lets the viewer in again', async ({ db, nodes: { a } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const banned = await signIn(a);
  succeed(await moderate.ban(creator, { viewerId: banned.id, streamId }));
  await expectRefused(a, banned, streamId);
  await db.pool.query('UPDATE restriction SET banned_until = clock_timestamp()');
  await watchAs(a, banned, streamId);
});

test('who begins to watch while the ban comes does not slip through', async ({ nodes: { a, b } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const banned = await signIn(a);
  const creatorId = await creatorIdOf(creator);
  const feeds: Feed<Delivery>[] = [];
  const sockets: WsClient[] = [];
  const begin = async () => {
    for (let n = 0; n < 15; n++) {
      feeds.push(b.sse<Delivery>(LIVE_EVENTS, { streamId, after: '' }, banned.token));
      const socket = await b.ws({ token: banned.token });
      sockets.push(socket);
      feeds.push(socket.subscribe<Delivery>(LIVE_EVENTS, { streamId, after: '' }));
    }
  };
  await Promise.all([begin(), moderate.ban(creator, { viewerId: banned.id, creatorId }).then(succeed)]);
  await within('the end of all watches', Promise.all(feeds.map((feed) => feed.closed)), PROMISE_MS);
  await Promise.all(sockets.map((socket) => socket.close()));
  await expect.poll(() => b.app.services.moderation.bans.present).toBe(0);
});

test('a token that an operation brings itself counts as well', async ({ nodes: { a } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const banned = await signIn(a);
  const socket = await a.raw();
  await socket.init();
  const headers = { Authorization: `Bearer ${banned.token}` };
  const payload = { query: LIVE_EVENTS, variables: { streamId, after: '' }, extensions: { headers } };
  socket.send({ type: 'subscribe', id: '1', payload });
  await socket.messages.until(({ type }) => type === 'next');
  succeed(await moderate.ban(creator, { viewerId: banned.id, streamId }));
  expect(await socket.messages.closed).toMatchObject({ code: 1013 });
  const boss = await operator(a);
  succeed(await moderate.unban(creator, { viewerId: banned.id, streamId }));
  const wallet = await a.raw();
  await wallet.init();
  wallet.send({ type: 'subscribe', id: '1', payload: { query: WALLET_UPDATES, extensions: { headers } } });
  await wallet.messages.until(({ type }) => type === 'next');
  succeed(await moderate.ban(boss, { viewerId: banned.id }));
  expect(await wallet.messages.closed).toMatchObject({ code: 1013 });
});

test('who begins to watch at once is looked up together, and leaves nothing behind', async ({ nodes: { a } }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const viewers = await Promise.all(Array.from({ length: 10 }, () => signIn(a)));
  const socket = await a.ws({ token: viewers[0]!.token });
  const { statements } = await countSql(a.app, async () => {
    const feeds = Array.from({ length: 10 }, () => socket.subscribe(LIVE_EVENTS, { streamId, after: '' }));
    await Promise.all(feeds.map((feed) => feed.next()));
  });
  expect(statements.filter((sql) => sql.includes('moderation.bansAt')).length).toBeLessThan(5);
  await socket.close();
  await expect.poll(() => a.app.services.moderation.bans.present).toBe(0);
});
