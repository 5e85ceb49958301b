/** Shared or alone, clients receive the same, byte for byte; shared, an event is executed once. */
import { describe, expect } from 'vitest';
import { LIVE_EVENT_FIELDS, LIVE_EVENTS } from '../support/documents.ts';
import { test } from '../support/fixtures.ts';
import { giftId, readLog, sendGift, startStream, succeed } from '../support/operations.ts';
import { rawSocket } from '../support/raw-socket.ts';
import { startServer } from '../support/server.ts';
import {
  chatter,
  crowd,
  expectAllReceive,
  range,
  say,
  seen,
  seqsOf,
  shower,
  watch,
  watchAll,
} from './support/watch.ts';

const shared = { overrides: { fanOut: { shared: true } } };

describe('shared', () => {
  test.override('serverOptions', shared);

  test('an event is executed once for all who ask the same, over WebSocket and SSE, late joiners included', async ({
    server,
    viewer,
    live,
  }) => {
    const feeds = await watchAll(server, live.streamId, 10);
    await Promise.all(feeds.map((feed) => seen(feed, 1)));
    await chatter(viewer, live.streamId, 20);
    const late = await watchAll(server, live.streamId, 10);
    const log = await readLog(viewer.api, live.streamId, 100);
    await expectAllReceive([...feeds, ...late], log);
    expect(server.app.fanOut.executed).toBe(log.length);
  });

  test('who asks for something else has a group of its own, and a group ends with its members', async ({
    server,
    viewer,
    live,
  }) => {
    const all = await watch(server, live.streamId);
    const gifts = await watch(server, live.streamId, { types: ['GIFT_SENT'] });
    await seen(all, 1);
    await say(viewer, live.streamId);
    const gifter = (await crowd(server, 1))[0]!;
    const sent = succeed(await sendGift(gifter, live.streamId, { giftId: await giftId(viewer.api, 'Rose') }));
    await Promise.all([all, gifts].map((feed) => seen(feed, sent.giftSent.seq)));
    expect(seqsOf(gifts)).toEqual([sent.giftSent.seq]);
    const executed = server.app.fanOut.executed;
    expect(executed).toBe(seqsOf(all).length + 1);
    await Promise.all([all.close(), gifts.close()]);
    await expect.poll(() => server.app.live.hub.watchedStreams).toBe(0);
    await say(viewer, live.streamId);
    expect(server.app.fanOut.executed).toBe(executed);
  });

  test('one socket holds several subscriptions of one group, each with its own id, and ends them one by one', async ({
    server,
    viewer,
    live,
  }) => {
    const socket = await server.raw();
    await socket.init();
    for (const id of ['one', 'two', 'three']) socket.subscribe(id, LIVE_EVENTS, { streamId: live.streamId, after: '' });
    const received = (id: string) => socket.messages.received.filter((message) => message.id === id);
    await expect.poll(() => ['one', 'two', 'three'].map((id) => received(id).length)).toEqual([1, 1, 1]);
    socket.send({ id: 'two', type: 'complete' });
    const last = await say(viewer, live.streamId);
    await expect.poll(() => [received('one').length, received('three').length]).toEqual([last, last]);
    expect(received('two')).toHaveLength(1);
  });

  test('a hundred viewers of many streams, each with a different cursor, join the group of their stream', async ({
    server,
    viewer,
  }) => {
    const creators = await crowd(server, 4);
    const streams = await Promise.all(creators.map(async (creator) => (await startStream(creator)).id));
    await Promise.all(streams.map((streamId) => chatter(viewer, streamId, 9)));
    const logs = await Promise.all(streams.map((streamId) => readLog(viewer.api, streamId, 100)));
    const feeds = await Promise.all(
      range(0, 99).map((n) => watch(server, streams[n % 4]!, { after: logs[n % 4]![(n >> 2) % 10]!.cursor })),
    );
    await Promise.all(streams.map((streamId) => say(viewer, streamId)));
    await Promise.all(feeds.map((feed) => seen(feed, 11)));
    for (const [n, feed] of feeds.entries()) expect(seqsOf(feed)).toEqual(range(((n >> 2) % 10) + 2, 11));
    // Of each stream events 2 to 11, each once: everybody else found them executed.
    expect(server.app.fanOut.executed).toBe(4 * 10);
  });
});

/** Streaks stay open, however long the servers take that start one after the other: an end would be one more event. */
const GIFTS = { streakWindowMs: 3_600_000 };

describe('byte for byte', () => {
  test.override('serverOptions', { overrides: { gifts: GIFTS } });

  const ALIASED = `subscription ($id: ID!, $after: String) { feed: liveEvents(streamId: $id, after: $after) {
    at: cursor node { ${LIVE_EVENT_FIELDS} } } }`;
  const documents = [
    { query: LIVE_EVENTS, variables: (streamId: string) => ({ streamId, after: '' }) },
    {
      query: LIVE_EVENTS,
      variables: (streamId: string) => ({ streamId, after: '', types: ['GIFT_SENT', 'STREAK_ENDED'] }),
    },
    { query: ALIASED, variables: (id: string) => ({ id, after: '' }) },
    { query: LIVE_EVENTS, variables: (streamId: string) => ({ streamId, after: 'damaged' }) },
    { query: LIVE_EVENTS, variables: () => ({ streamId: 'TGl2ZVN0cmVhbTo5OTk5' }) },
    { query: LIVE_EVENTS, variables: () => ({}) },
  ];

  test('a WebSocket and an SSE client receive the same, shared or alone, with a window or without', async ({
    db,
    server,
    viewer,
    live,
  }) => {
    const gifter = (await crowd(server, 1))[0]!;
    const kinds = await Promise.all(['Rose', 'Heart'].map((name) => giftId(viewer.api, name)));
    await chatter(viewer, live.streamId, 3, 'Ünï ﷺ "quoted" \\ 🌹');
    await shower(gifter, live.streamId, kinds, 4);
    const log = await readLog(viewer.api, live.streamId, 100);
    const outputs: string[][] = [];
    for (const fanOut of [
      { shared: false, windowMs: 20 },
      { shared: true, windowMs: 20 },
      { shared: true, windowMs: 0 },
    ]) {
      const other = await startServer({ databaseUrl: db.url, overrides: { fanOut, gifts: GIFTS } });
      try {
        outputs.push([
          ...(await Promise.all(
            documents.map(({ query, variables }) => overSocket(other.url, query, variables(live.streamId), log.length)),
          )),
          ...(await Promise.all(
            documents
              .slice(0, 3)
              .map(({ query, variables }) => overSse(other.url, query, variables(live.streamId), log.at(-1)!.cursor)),
          )),
        ]);
      } finally {
        await other.close();
      }
    }
    const [alone, sharedWithWindow, sharedWithout] = outputs;
    expect(alone!.join('').length).toBeGreaterThan(5_000);
    expect(alone![3]).toContain('INVALID_CURSOR');
    expect(alone![4]).toContain('NOT_FOUND');
    expect(sharedWithWindow).toEqual(alone);
    expect(sharedWithout).toEqual(alone);
  });
});

/** Everything that a socket receives until it has seen the last event, or the subscription's end. */
async function overSocket(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  lastSeq: number,
): Promise<string> {
  const socket = await rawSocket(url);
  await socket.init();
  socket.subscribe('4f9c2a51-same-for-all', query, variables);
  await socket.messages.until(
    ({ type, payload }) => type !== 'next' || JSON.stringify(payload).includes(`"seq":${lastSeq},`),
  );
  const received = socket.texts.join('\n');
  await socket.close();
  return received;
}

/** The body of an SSE response until it holds a text. */
async function overSse(url: string, query: string, variables: Record<string, unknown>, last: string): Promise<string> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query, variables }),
    signal: abort.signal,
  });
  let body = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    body += decoder.decode(chunk as Uint8Array, { stream: true });
    if (body.includes(last) && body.endsWith('\n\n')) break;
  }
  abort.abort();
  return body.replaceAll(/^:\n\n/gm, ''); // the pings of a slow machine
}
