/** The cases that every client of the matrix passes. */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { InvalidCursorError } from '../../../examples/resume.ts';
import { within } from '../../support/feed.ts';
import { readLog, sendChatMessage, sendGift, succeed } from '../../support/operations.ts';
import type { MakeClient, TestedClient, Watched } from './adapter.ts';
import { startProxy } from './proxy.ts';
import { sessionOf, shower, test, type World } from './world.ts';

/** How much must have arrived between one break and the next. */
const EVENTS_BETWEEN = 8;
const FEED_LIMIT_MS = 60_000;
/** Server processes start, one after the other: the first with the first case. */
const TEST_LIMIT_MS = 200_000;

type Live = { streamId: string; giftId: string };

/** A client that is closed after the test. */
function open(make: MakeClient, url: string, session = sessionOf('nobody')): TestedClient {
  const client = make({ url, session, webSocketImpl: WebSocket });
  onTestFinished(() => client.close());
  return client;
}

/** Waits until so many more events have come, and gives how many there are. */
async function more(watched: Watched, count = EVENTS_BETWEEN): Promise<number> {
  const goal = watched.edges.length + count;
  await vi.waitUntil(() => watched.edges.length >= goal, { timeout: FEED_LIMIT_MS, interval: 10 });
  return watched.edges.length;
}

/** Asserts that a client has seen exactly the log, in order, each event once; and of what a streak's end adds meanwhile, too. */
async function expectWholeLog(world: World, live: Live, watched: Watched): Promise<void> {
  const log = (await readLog((await world.person()).api, live.streamId)).map(({ cursor, node }) => ({
    cursor,
    node: { __typename: node.__typename, seq: node.seq },
  }));
  await expect.poll(() => watched.edges.length).toBeGreaterThanOrEqual(log.length);
  const seen = watched.edges.map(({ cursor, node: { __typename, seq } }) => ({ cursor, node: { __typename, seq } }));
  expect(seen.slice(0, log.length)).toEqual(log);
  expect(seen.map(({ node }) => node.seq)).toEqual(seen.map((_, n) => n + 1));
}

/** Defines the cases for a client. */
export function clientCases(make: MakeClient): void {
  // Not when this module is loaded: files of one worker share it, and each of them needs the limit.
  vi.setConfig({ testTimeout: TEST_LIMIT_MS });
  requestCases(make);
  feedCases(make);
  refusalCases(make);
}

function requestCases(make: MakeClient): void {
  test('a query with variables', async ({ world, live }) => {
    const viewer = await world.person(70);
    const client = open(make, world.url, sessionOf(viewer.sub));
    succeed(await sendChatMessage(live.creator, live.streamId, 'hello'));
    const room = await client.room(live.streamId, 1);
    expect(room).toEqual({
      me: { handle: viewer.handle, coins: 70 },
      title: expect.stringContaining(live.creator.handle),
      firstEvents: ['StreamStarted'],
    });
    expect((await client.room(live.streamId, 2)).firstEvents).toEqual(['StreamStarted', 'ChatMessage']);
  });

  test('a mutation, and its expected failures by their type', async ({ world, live: { creator: _, ...gift } }) => {
    const [rich, poor] = [await world.person(70), await world.person()];
    const client = open(make, world.url, sessionOf(rich.sub));
    const sent = await client.sendGift({ ...gift, quantity: 3, idempotencyKey: randomUUID() });
    expect(sent).toEqual({ kind: 'sent', replayed: false, coins: 67, seq: 2 });
    const poorly = open(make, world.url, sessionOf(poor.sub));
    const refused = await poorly.sendGift({ ...gift, quantity: 5, idempotencyKey: randomUUID() });
    expect(refused).toEqual({ kind: 'too few coins', required: 5, available: 0 });
    const invalid = await client.sendGift({ ...gift, quantity: 0, idempotencyKey: randomUUID() });
    expect(invalid).toEqual({ kind: 'refused', code: 'INVALID_INPUT' });
  });

  test('a gift whose answer is lost is sent again with its key, and given once', async ({ world, live }) => {
    const viewer = await world.person(70);
    const proxy = await startProxy(world.url);
    onTestFinished(() => proxy.close());
    const client = open(make, proxy.url, sessionOf(viewer.sub));
    const idempotencyKey = randomUUID();
    const { lost } = proxy.loseAnswerTo(idempotencyKey);
    const { creator, ...gift } = live;
    const outcome = await client.sendGift({ ...gift, quantity: 2, idempotencyKey });
    await within('the loss of the answer', lost);
    expect(outcome).toEqual({ kind: 'sent', replayed: true, coins: 68, seq: 2 });
    const types = (await readLog(creator.api, live.streamId)).map(({ node }) => node.__typename);
    // On a slow machine the streak has ended meanwhile.
    expect(types.filter((type) => type !== 'StreakEnded')).toEqual(['StreamStarted', 'GiftSent']);
  });
}

function feedCases(make: MakeClient): void {
  test('no event is lost when the server closes (1013), restarts (1012) and is killed', async ({ world, live }) => {
    const [banned, viewer] = [await world.person(), await world.person()];
    const session = sessionOf(banned.sub);
    const watched = open(make, world.url, session).watch(live.streamId, '');
    onTestFinished(() => watched.stop());
    const gifts = await shower(world, live);
    await more(watched);
    session.sub = viewer.sub;
    await world.ban(banned.id);
    await more(watched);
    await expect.poll(() => session.fetched).toBeGreaterThan(1);
    await world.restart();
    await more(watched);
    await world.killAndRestart();
    await more(watched);
    await gifts.stop();
    expect(gifts.sent.length).toBeGreaterThan(3 * EVENTS_BETWEEN);
    await expectWholeLog(world, live, watched);
  });

  test('no event is lost when the network cuts the connection', async ({ world, live }) => {
    const proxy = await startProxy(world.url);
    onTestFinished(() => proxy.close());
    const viewer = await world.person();
    const watched = open(make, proxy.url, sessionOf(viewer.sub)).watch(live.streamId, '');
    onTestFinished(() => watched.stop());
    const gifts = await shower(world, live);
    for (let cuts = 0; cuts < 3; cuts++) {
      await more(watched);
      expect(proxy.open()).toBe(1);
      proxy.cut();
    }
    await more(watched);
    await gifts.stop();
    await expectWholeLog(world, live, watched);
    watched.stop();
    await expect.poll(() => proxy.open()).toBe(0);
    expect(await within('the end of the feed', watched.ended)).toBeUndefined();
  });

  test('a token that expires while a feed is open is replaced, and no event is lost', async ({ world, live }) => {
    const viewer = await world.person();
    const session = sessionOf(viewer.sub, 2);
    const watched = open(make, world.url, session).watch(live.streamId, '');
    onTestFinished(() => watched.stop());
    const gifts = await shower(world, live);
    await vi.waitUntil(() => session.fetched > 2, { timeout: FEED_LIMIT_MS, interval: 20 });
    await more(watched);
    await gifts.stop();
    await expectWholeLog(world, live, watched);
  });
}

function refusalCases(make: MakeClient): void {
  test('a cursor that is not of this stream ends the feed with a typed error', async ({ world, live }) => {
    const other = await world.person();
    const client = open(make, world.url, sessionOf(other.sub));
    const watched = client.watch(live.streamId, 'bm90IGEgY3Vyc29y');
    expect(await within('the end of the feed', watched.ended)).toBeInstanceOf(InvalidCursorError);
    expect(watched.edges).toEqual([]);
  });

  test('a document that is refused leaves the other feeds of the client open', async ({ world, live }) => {
    const viewer = await world.person();
    const session = sessionOf(viewer.sub);
    const client = open(make, world.url, session);
    const watched = client.watch(live.streamId, '');
    onTestFinished(() => watched.stop());
    await more(watched, 1);
    const seen = watched.edges.length;
    const fetched = session.fetched;
    expect((await within('the refusal', client.watchNonsense())).join()).toMatch(/Cannot query field|Syntax Error/);
    succeed(await sendGift(await world.person(70), live.streamId));
    await expect.poll(() => watched.edges.length).toBe(seen + 1);
    await expectWholeLog(world, live, watched);
    expect(session.fetched - fetched).toBeLessThanOrEqual(1); // SSE takes one for each request
  });
}
