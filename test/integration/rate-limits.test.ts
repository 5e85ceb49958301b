/**
 * Rate limits: executed root fields and what operations cost count, per viewer and per address, over every transport; requests and
 * documents that are not known count before that; and what they do without Redis.
 */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createClient } from 'redis';
import { expect, onTestFinished } from 'vitest';
import type { RateLimitsConfig } from '../../src/config.ts';
import { REFUSED_COST } from '../../src/graphql/limits/cost.ts';
import { READ_CHARACTERS_PER_MINUTE_MAX } from '../../src/graphql/rate-limit.ts';
import { createRedisCounters } from '../../src/live/redis-points.ts';
import { NO_RATE_LIMITS } from '../support/app.ts';
import { LIVE_EVENTS, mutationDocument, WALLET_UPDATES } from '../support/documents.ts';
import { test } from '../support/fixtures.ts';
import {
  type Actor,
  buyCoins,
  query,
  sendChatMessage,
  sendLikes,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { startRedis } from '../support/redis.ts';
import { type Server, type ServerOptions, startServer } from '../support/server.ts';
import { kindOf } from './support/moderation.ts';

/** Redis is asked for the points, however slow the machine is; the usual patience is for the test of one that does not answer. */
const PATIENCE_MS = 10_000;

/** Somebody else's address, as a proxy would write it. */
const forwarded = (address: string) => ({ headers: { 'x-forwarded-for': address } });

async function start(
  db: { url: string },
  limits: Partial<RateLimitsConfig>,
  options: Partial<ServerOptions> & { trustProxy?: number } = {},
): Promise<Server> {
  const { trustProxy = 0, overrides = { points: { answerMsMax: PATIENCE_MS } }, ...rest } = options;
  const config = { rateLimits: { ...NO_RATE_LIMITS, ...limits }, trustProxy };
  const server = await startServer({ ...rest, databaseUrl: db.url, config, overrides });
  onTestFinished(() => server.close());
  return server;
}

const ME = '{ me { id } }';

/** Asks for so many root fields in one operation. */
function fields(count: number): string {
  return `{ ${Array.from({ length: count }, (_, n) => `f${n}: me { id }`).join(' ')} }`;
}

async function codeOf(viewer: Actor, document: string, variables?: Record<string, unknown>): Promise<unknown> {
  const { errors } = await viewer.api.request(document, variables);
  return errors?.[0]?.extensions?.code;
}

test('what counts are executed root fields, not requests', async ({ db }) => {
  const server = await start(db, { viewer: 10 });
  const [one, two, three] = [await signIn(server), await signIn(server), await signIn(server)];
  expect(await codeOf(one, fields(9))).toBe(undefined);
  expect(await codeOf(one, fields(1))).toBe(undefined);
  const refused = await one.api.request(ME);
  expect(refused).toMatchObject({
    data: null,
    status: 429,
    errors: [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }],
  });
  const { retryAfterMs } = refused.errors![0]!.extensions as { retryAfterMs: number };
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(60_000);

  // One that does not fit is refused as a whole, fragments, aliases and all.
  const spread = `query ($no: Boolean = true) { ...F ... { c: me { id } } d: me @skip(if: $no) { id } d: me { id } }
    fragment F on Query { a: me { id } b: me { id } a: me { handle } }`;
  expect(await codeOf(two, spread)).toBe(undefined); // a, b, c, d: 4
  expect(await codeOf(two, fields(7))).toBe('RATE_LIMITED');
  expect(await codeOf(three, fields(11))).toBe('RATE_LIMITED');
});

test('what @skip and @include leave out costs nothing', async ({ db }) => {
  const server = await start(db, { viewer: 3 });
  const viewer = await signIn(server);
  const document = `query ($yes: Boolean!, $no: Boolean = false) { a: me { id } b: me @skip(if: $yes) { id }
    c: me @include(if: $no) { id } d: me @include(if: false) { id } }`;
  for (let n = 0; n < 3; n++) expect(await codeOf(viewer, document, { yes: true })).toBe(undefined);
  expect(await codeOf(viewer, document, { yes: true })).toBe('RATE_LIMITED');
});

test('ten aliases of a mutation cost ten, and mutations answer in their unions: none is done', async ({ db }) => {
  const server = await start(db, { viewer: 10 });
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  const likes = (count: number) =>
    `mutation ($input: SendLikesInput!) { ${Array.from(
      { length: count },
      (_, n) =>
        `l${n}: sendLikes(input: $input) { __typename ... on SendLikesSuccess { likes } ... on RateLimitedError { code retryAfterMs } }`,
    ).join(' ')} }`;
  const input = { streamId, count: 1 };
  const { data } = await viewer.api.request<Record<string, { likes: number }>>(likes(8), { input });
  expect(data!.l7!.likes).toBe(8);
  const refused = await viewer.api.request<Record<string, unknown>>(likes(3), { input });
  expect(refused.errors).toBe(undefined);
  for (const alias of ['l0', 'l1', 'l2']) {
    expect(refused.data![alias]).toEqual({
      __typename: 'RateLimitedError',
      code: 'RATE_LIMITED',
      retryAfterMs: expect.any(Number),
    });
  }
  expect(succeed(await sendLikes(creator, streamId)).likes).toBe(9);
});

test('WebSocket, SSE and HTTP spend from one bucket; a subscription costs a point when it opens, events nothing', async ({
  db,
}) => {
  const server = await start(db, { viewer: 4 });
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  const socket = await server.ws({ token: viewer.token });
  const feeds = [
    socket.subscribe(LIVE_EVENTS, { streamId, after: '' }),
    server.sse(LIVE_EVENTS, { streamId, after: '' }, viewer.token),
  ];
  for (const feed of feeds) await feed.next();
  for (const text of ['one', 'two', 'three']) succeed(await sendChatMessage(creator, streamId, text));
  for (const feed of feeds) for (let n = 0; n < 3; n++) await feed.next();
  expect(await query(viewer.api, ME)).toEqual({ me: { id: viewer.id } });
  expect((await socket.query(ME)).data).toEqual({ me: { id: viewer.id } });

  const limited = [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }];
  expect((await socket.query(ME)).errors).toMatchObject(limited);
  expect((await socket.subscribe(WALLET_UPDATES).closed).errors).toMatchObject(limited);
  const end = await server.sse(WALLET_UPDATES, {}, viewer.token).closed;
  expect(end.errors).toMatchObject(limited);
  const chat = mutationDocument('sendChatMessage');
  const input = { streamId, text: 'four', idempotencyKey: 'key' };
  const over = await socket.query<{ sendChatMessage: unknown }>(chat, { input });
  expect(over.data!.sendChatMessage).toMatchObject({ __typename: 'RateLimitedError', code: 'RATE_LIMITED' });
  // What is open goes on.
  succeed(await sendChatMessage(await signIn(server), streamId, 'still here?'));
  for (const feed of feeds) expect(await feed.next()).toMatchObject({ liveEvents: { node: { text: 'still here?' } } });
});

test('each viewer has points of their own, also on two servers, which share them over Redis', async ({ db }) => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const nodes = [
    await start(db, { viewer: 6 }, { redis: redis.url }),
    await start(db, { viewer: 6 }, { redis: redis.url }),
  ];
  const viewer = await signIn(nodes[0]!);
  const there = await signIn(nodes[1]!, viewer.handle);
  expect(await codeOf(viewer, fields(3))).toBe(undefined);
  expect(await codeOf(there, fields(3))).toBe(undefined);
  expect(await codeOf(viewer, ME)).toBe('RATE_LIMITED');
  expect(await codeOf(there, ME)).toBe('RATE_LIMITED');
  expect(await codeOf(await signIn(nodes[1]!), fields(6))).toBe(undefined);
});

test('an operation is one round trip to Redis, one that is over none, and one that is not counted none', async ({
  db,
}) => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const server = await start(
    db,
    { viewer: 5, money: 5, ip: 100, viewerCost: 1_000, ipCost: 9_000, loopback: true },
    { redis: redis.url },
  );
  const viewer = await signIn(server);
  const monitor = createClient({ url: redis.url });
  monitor.on('error', () => undefined);
  await monitor.connect();
  onTestFinished(() => monitor.destroy());
  const counted = async (work: () => Promise<unknown>) => {
    const before = await evals(monitor);
    await work();
    return (await evals(monitor)) - before;
  };
  // One command for the viewer and one for the address, whatever they have budgets for; they travel together.
  expect(await counted(() => viewer.api.request(ME))).toBe(2);
  expect(await counted(() => viewer.api.request(fields(5)))).toBe(2);
  expect(await counted(() => viewer.api.request(ME))).toBe(1); // the viewer is over: only the address is counted
  const unlimited = await start(db, {}, { redis: redis.url });
  const free = await signIn(unlimited);
  expect(await counted(() => free.api.request(ME))).toBe(0);
});

/** How many commands have counted points so far: a script that a Redis does not know yet is sent once more, in full. */
async function evals(monitor: { info: (section: string) => Promise<string> }): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await monitor.info('commandstats'))?.[1] ?? 0);
}

test('while Redis is down, money is closed and the rest is open, counted here; then all works again', async ({
  db,
}) => {
  const redis = await startRedis();
  const server = await start(db, { viewer: 50, money: 50 }, { redis: redis.url });
  const viewer = await signIn(server);
  const streamId = (await startStream(await signIn(server))).id;
  const packId = await packOf(viewer);
  succeed(await buyCoins(viewer, { packId }));
  await redis.kill();
  const refused = await buyCoins(viewer, { packId, idempotencyKey: 'down' });
  expect(refused).toMatchObject({ __typename: 'UnavailableError', code: 'UNAVAILABLE' });
  expect(await query(viewer.api, '{ me { wallet { coins } } }')).toEqual({ me: { wallet: { coins: 70 } } });
  succeed(await sendChatMessage(viewer, streamId, 'Redis is down'));
  // Money and reads in one operation: it is refused as a whole.
  const both = `mutation ($buy: BuyCoinsInput!, $say: SendChatMessageInput!) {
    sendChatMessage(input: $say) { __typename } buyCoins(input: $buy) { __typename ... on UnavailableError { retryAfterMs } } }`;
  const { data } = await viewer.api.request(both, {
    buy: { packId, paymentToken: 'tok_ok', idempotencyKey: 'both' },
    say: { streamId, text: 'not said', idempotencyKey: 'both' },
  });
  expect(data).toEqual({
    sendChatMessage: { __typename: 'UnavailableError' },
    buyCoins: { __typename: 'UnavailableError', retryAfterMs: expect.any(Number) },
  });
  // Open is not without bounds: this server counts for itself.
  expect(await codeOf(viewer, fields(25))).toBe(undefined);
  expect(await codeOf(viewer, fields(30))).toBe('RATE_LIMITED');

  const again = await startRedis({ port: redis.port });
  onTestFinished(() => again.stop());
  const later = await signIn(server);
  await expect.poll(async () => kindOf(await buyCoins(later, { packId }))).toBe('BuyCoinsSuccess');
});

async function packOf(viewer: Actor): Promise<string> {
  const { coinPacks } = await query<{ coinPacks: { id: string; coins: number }[] }>(
    viewer.api,
    '{ coinPacks { id coins } }',
  );
  return coinPacks.find(({ coins }) => coins === 70)!.id;
}

test('a Redis that does not answer is down, and nobody waits for it for long', async ({ db }) => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const server = await start(db, { viewer: 1_000, money: 1_000 }, { redis: redis.url, overrides: {} });
  const viewer = await signIn(server);
  const packId = await packOf(viewer);
  const admin = createClient({ url: redis.url });
  admin.on('error', () => undefined);
  await admin.connect();
  onTestFinished(() => admin.destroy());
  await admin.sendCommand(['CLIENT', 'PAUSE', '60000', 'WRITE']);
  expect(kindOf(await buyCoins(viewer, { packId }))).toBe('UnavailableError');
  expect(await query(viewer.api, ME)).toEqual({ me: { id: viewer.id } });
  await admin.sendCommand(['CLIENT', 'UNPAUSE']);
  await expect.poll(async () => kindOf(await buyCoins(viewer, { packId }))).toBe('BuyCoinsSuccess');
});

test('a server that stood still itself does not take Redis for down', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const counters = await createRedisCounters(redis.url, randomUUID(), pino({ level: 'silent' }), {
    answerMsMax: 1_000,
  });
  onTestFinished(() => counters.close());
  const purses = counters.purses('still', [10]);
  const spending = purses.spend('key', [1]);
  for (const until = performance.now() + 1_200; performance.now() < until; );
  expect(await spending).toEqual({ kind: 'SPENT' });
});

test('money has points of its own', async ({ db }) => {
  const server = await start(db, { money: 2 });
  const viewer = await signIn(server);
  const packId = await packOf(viewer);
  for (let n = 0; n < 2; n++) succeed(await buyCoins(viewer, { packId }));
  expect(kindOf(await buyCoins(viewer, { packId, idempotencyKey: randomUUID() }))).toBe('RateLimitedError');
  expect(await query(viewer.api, '{ me { wallet { coins } } }')).toEqual({ me: { wallet: { coins: 140 } } });
});

test('addresses have points, whoever is signed in; this machine has none unless they are set for it', async ({
  db,
}) => {
  const server = await start(db, { ip: 2, loopback: true });
  const anonymous = server.http();
  const PUBLIC = '{ gifts { id } }';
  const code = async (headers?: { headers: Record<string, string> }, document = PUBLIC) =>
    (await anonymous.request(document, {}, headers)).errors?.[0]?.extensions?.code;
  expect(await code()).toBe(undefined);
  // A copy of an answer that is kept is not an execution.
  for (let n = 0; n < 5; n++) expect(await code()).toBe(undefined);
  expect(await code(undefined, '{ gifts { name } }')).toBe(undefined);
  expect(await code(forwarded('203.0.113.7'), '{ gifts { coins } }')).toBe('RATE_LIMITED'); // nobody believes that header
  const socket = await server.ws();
  expect((await socket.query(PUBLIC)).errors).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);

  const usual = await start(db, { ip: 2 }, { trustProxy: 1 });
  const ask = async (headers?: { headers: Record<string, string> }) =>
    (await usual.http().request(ME, {}, headers)).errors?.[0]?.extensions?.code;
  for (let n = 0; n < 5; n++) expect(await ask()).toBe(undefined);
  for (let n = 0; n < 2; n++) expect(await ask(forwarded(`198.51.100.${n}, 203.0.113.7`))).toBe(undefined);
  expect(await ask(forwarded('198.51.100.3, 203.0.113.7'))).toBe('RATE_LIMITED');
  expect(await ask(forwarded('203.0.113.8'))).toBe(undefined);
  const behind = await usual.raw({ headers: { 'x-forwarded-for': '203.0.113.7' } });
  await behind.init();
  behind.subscribe('1', ME);
  expect(await behind.messages.next()).toMatchObject({
    type: 'error',
    payload: [{ extensions: { code: 'RATE_LIMITED' } }],
  });
});

test('a client of the older media type gets the same answer with 200', async ({ db }) => {
  const server = await start(db, { viewer: 1 });
  const viewer = await signIn(server);
  await viewer.api.request(ME);
  const answer = await viewer.api.request(ME, {}, { headers: { accept: 'application/json' } });
  expect(answer).toMatchObject({ status: 200, errors: [{ extensions: { code: 'RATE_LIMITED' } }] });
});

/** A page of so many streams: it costs 5, and 4 for each. */
const PAGE = 'query ($first: Int) { liveStreams(first: $first) { edges { node { id title } } } }';
/** Over what an operation may cost, when it asks for 100. */
const TOO_LARGE = `query ($first: Int) { liveStreams(first: $first) { edges { node { events(first: 100) { edges { node {
  ${Array.from({ length: 12 }, (_, n) => `s${n}: seq`).join(' ')} } } } } } } }`;

test('what an operation costs counts, over all transports, before it is executed', async ({ db }) => {
  const server = await start(db, { viewerCost: 2_000 });
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  const socket = await server.ws({ token: viewer.token });
  const feed = server.sse(LIVE_EVENTS, { streamId, after: '' }, viewer.token);
  await feed.next();
  const limited = [{ extensions: { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) } }];
  // A feed with all that events have costs 811, and two large pages 810; a small one fits, a large one does not.
  expect(await codeOf(viewer, PAGE, { first: 100 })).toBe(undefined);
  expect((await socket.query(PAGE, { first: 100 })).errors).toBe(undefined);
  for (let n = 0; n < 3; n++) expect(await codeOf(viewer, PAGE, { first: 1 })).toBe(undefined);
  const refused = await viewer.api.request(PAGE, { first: 100 });
  expect(refused).toMatchObject({ data: null, status: 429, errors: limited });
  // From then on nothing is, as what does not fit counts, too: reads, subscriptions, mutations.
  expect((await socket.query(PAGE, { first: 1 })).errors).toMatchObject(limited);
  expect((await socket.subscribe(WALLET_UPDATES).closed).errors).toMatchObject(limited);
  expect((await server.sse(WALLET_UPDATES, {}, viewer.token).closed).errors).toMatchObject(limited);
  expect(kindOf(await sendChatMessage(viewer, streamId, 'hello'))).toBe('RateLimitedError');
  // What is open goes on, and others are not concerned.
  succeed(await sendChatMessage(creator, streamId, 'still here?'));
  expect(await feed.next()).toMatchObject({ liveEvents: { node: { text: 'still here?' } } });
});

test('an operation that costs too much is refused, and counts', async ({ db }) => {
  const server = await start(db, { viewerCost: 3 * REFUSED_COST, ipCost: 5 * REFUSED_COST }, { trustProxy: 1 });
  const from = forwarded('203.0.113.7');
  const ask = async (viewer: Actor) =>
    (await viewer.api.request(TOO_LARGE, { first: 100 }, from)).errors?.[0]?.extensions?.code;
  const [one, two] = [await signIn(server), await signIn(server)];
  for (let n = 0; n < 3; n++) expect(await ask(one)).toBe('OPERATION_TOO_COSTLY');
  expect(await ask(one)).toBe('RATE_LIMITED');
  const socket = await server.raw({ headers: from.headers });
  await socket.init({ authorization: `Bearer ${two.token}` });
  const onSocket = async () => {
    socket.subscribe('1', TOO_LARGE, { first: 100 });
    return await socket.messages.next();
  };
  const error = (code: string) => ({ type: 'error', payload: [{ extensions: { code } }] });
  expect(await onSocket()).toMatchObject(error('OPERATION_TOO_COSTLY'));
  expect(await onSocket()).toMatchObject(error('RATE_LIMITED')); // the address: four and one are five
  expect(await ask(two)).toBe('RATE_LIMITED');
});

test('requests of an address count before anything of them is looked at', async ({ db }) => {
  const config = { requests: 20 };
  const server = await start(db, config, { trustProxy: 1 });
  const viewer = await signIn(server);
  const post = (address: string, body: string, url = server.url) =>
    fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', 'x-forwarded-for': address } });
  const socket = await server.raw({ headers: { 'x-forwarded-for': '2001:db8:0:7::1' } });
  await socket.init({ authorization: `Bearer ${viewer.token}` });
  for (let n = 1; n < 20; n++) expect((await post(`2001:db8:0:7::${n}`, '{"query": ')).status).toBe(400);
  const refused = await post('2001:db8:0:7:ffff::1', JSON.stringify({ query: ME }));
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] });
  expect((await post('2001:db8:0:7::1', '{}', `${new URL(server.url).origin}/webhooks/stripe`)).status).toBe(429);
  await expect(server.raw({ headers: { 'x-forwarded-for': '2001:db8:0:7::1' } })).rejects.toThrow('429');
  // What is open stays open, and is answered so, whatever it asks for.
  for (const query of [ME, '{ __typename }', '{ nothing', 'subscription { walletUpdates { coins } }']) {
    socket.subscribe('1', query);
    expect(await socket.messages.next()).toMatchObject({ payload: [{ extensions: { code: 'RATE_LIMITED' } }] });
  }
  // Probes, the network next door, and this machine are not concerned.
  const health = `${new URL(server.url).origin}/health`;
  expect((await fetch(health, { headers: { 'x-forwarded-for': '2001:db8:0:7::1' } })).status).toBe(200);
  expect((await post('2001:db8:0:8::1', JSON.stringify({ query: '{ __typename }' }))).status).toBe(200);
  for (let n = 0; n < 25; n++) expect(await codeOf(viewer, ME)).toBe(undefined);
});

test('documents that have to be read count by their length, right or wrong; what is known is executed all the same', async ({
  db,
}) => {
  const server = await start(db, { requests: 10_000 }, { trustProxy: 1 });
  const viewer = await signIn(server);
  const from = forwarded('198.51.100.7');
  const http = async (document: string, headers = from) =>
    await viewer.api.request(document, {}, { headers: headers.headers });
  expect((await http(ME)).data).toEqual({ me: { id: viewer.id } });
  const long = (start: string) => start.padEnd(60_000);
  const allowed = Math.floor(READ_CHARACTERS_PER_MINUTE_MAX / 61_000);
  const codes = new Map<unknown, number>();
  for (let n = 0; n < allowed + 5; n++) {
    const { errors, status } = await http(long(['{ __typename }', '{ nothing }', '{ me {'][n % 3]!));
    const code = errors?.[0]?.extensions?.code;
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (code === 'RATE_LIMITED') expect(status).toBe(429);
  }
  expect(codes.get('RATE_LIMITED')).toBeGreaterThanOrEqual(4);
  expect(codes.get('GRAPHQL_VALIDATION_FAILED')).toBeGreaterThan(20);
  expect(codes.get('GRAPHQL_PARSE_FAILED')).toBeGreaterThan(20);
  expect((await http(ME)).data).toEqual({ me: { id: viewer.id } });
  const socket = await server.raw({ headers: from.headers });
  await socket.init({ authorization: `Bearer ${viewer.token}` });
  socket.subscribe('1', long('{ me {'));
  expect(await socket.messages.next()).toMatchObject({ payload: [{ extensions: { code: 'RATE_LIMITED' } }] });
  socket.subscribe('2', ME);
  expect(await socket.messages.next()).toMatchObject({ payload: { data: { me: { id: viewer.id } } } });
  expect((await http(long('{ me {'), forwarded('198.51.100.8'))).errors).toMatchObject([
    { extensions: { code: 'GRAPHQL_PARSE_FAILED' } },
  ]);
});
