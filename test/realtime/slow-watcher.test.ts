/** A watcher that stops reading costs the server a number, and its neighbours nothing. */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, onTestFinished } from 'vitest';
import { POOL_SIZE_MAX } from '../../src/db/database.ts';
import { PAST_READS_MAX } from '../../src/live/hub.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { Feed, type FeedEnd, within } from '../support/feed.ts';
import { test } from '../support/fixtures.ts';
import { query, readLog } from '../support/operations.ts';
import {
  chatter,
  commitUnannounced,
  expectAllReceive,
  range,
  say,
  seen,
  seqsOf,
  watch,
  watchAll,
} from './support/watch.ts';

/** Small, so that a stalled watcher is soon behind it. */
const RING_SIZE = 48;
/** Three bytes a character: much text in an allowed message. */
const TEXT = 'ﷺ'.repeat(190);
/** The text many times over: few events fill all buffers between the server and a client that does not read. */
const ALIASES = range(1, 60).map((n) => `t${n}: text`);
const GREEDY = `subscription ($id: ID!) { liveEvents(streamId: $id, after: "") {
  cursor node { seq ... on ChatMessage { ${ALIASES.join(' ')} } } } }`;
const BYTES_PER_EVENT = 60 * 570;
/** More than the kernel's buffers on both sides of a connection (tcp_wmem and tcp_rmem) can grow to, with room to spare. */
const EVENTS = Math.ceil((9 * 1024 * 1024) / BYTES_PER_EVENT) + 2 * RING_SIZE;
/** Who talk at once. */
const CHATTERS = 6;

type Greedy = { liveEvents: { cursor: string; node: { seq: number } } };

/** Megabytes go through one process, which is server and clients at once. */
const TEST_LIMIT_MS = 120_000;

describe('with a small ring', { timeout: TEST_LIMIT_MS }, () => {
  test.override('serverOptions', { overrides: { hub: { ringSize: RING_SIZE, pollIntervalMs: 100 } } });

  test('over WebSocket it is closed with 1013 among twenty healthy ones, and resumes without a gap', async ({
    server,
    viewer,
    live,
  }) => {
    const slow = await server.raw();
    await slow.init();
    slow.subscribe('slow', GREEDY, { id: live.streamId });
    const healthy = await watchAll(server, live.streamId, 20);
    await Promise.all([slow.messages.next(), ...healthy.map((feed) => seen(feed, 1))]);
    slow.pause();
    await Promise.all(range(1, CHATTERS).map(() => chatter(viewer, live.streamId, Math.ceil(EVENTS / CHATTERS), TEXT)));
    await expectAllReceive(healthy, await readLog(viewer.api, live.streamId, 100));

    slow.resume();
    expect(await within('the close frame', slow.messages.closed)).toMatchObject({ code: 1013 });
    const got = slow.messages.received.filter(({ type }) => type === 'next');
    const edges = got.map(({ payload }) => (payload as { data: Greedy }).data.liveEvents);
    expect(edges.length).toBeLessThan(EVENTS);
    expect(edges.map(({ node }) => node.seq)).toEqual(range(1, edges.length));

    const last = await say(viewer, live.streamId, 'welcome back');
    const resumed = await watch(server, live.streamId, { after: edges.at(-1)!.cursor });
    await seen(resumed, last);
    expect(seqsOf(resumed)).toEqual(range(edges.length + 1, last));
  });

  test('over SSE its connection is ended, and it resumes without a gap', async ({ server, viewer, live }) => {
    const slow = await pausableSse(server, live.streamId);
    const healthy = await watchAll(server, live.streamId, 6);
    await Promise.all([slow.events.next(), ...healthy.map((feed) => seen(feed, 1))]);
    slow.socket.pause();
    await Promise.all(range(1, CHATTERS).map(() => chatter(viewer, live.streamId, Math.ceil(EVENTS / CHATTERS), TEXT)));
    await expectAllReceive(healthy, await readLog(viewer.api, live.streamId, 100));

    slow.socket.resume();
    await within('the end of the connection', slow.events.closed);
    const edges = slow.events.received.map(({ liveEvents }) => liveEvents);
    expect(edges.length).toBeLessThan(EVENTS);
    expect(edges.map(({ node }) => node.seq)).toEqual(range(1, edges.length));

    const last = await say(viewer, live.streamId, 'welcome back');
    const resumed = await watch(server, live.streamId, { over: 'sse', after: edges.at(-1)?.cursor ?? '' });
    await seen(resumed, last);
    expect(seqsOf(resumed)).toEqual(range(edges.length + 1, last));
  });

  test('a watcher that is slow but reads is never closed while it is in the past, however small the ring', async ({
    server,
    db,
    viewer,
    live,
  }) => {
    await commitUnannounced(db.pool, live.streamId, 1_000);
    const feed = await watch(server, live.streamId);
    await chatter(viewer, live.streamId, 5);
    await expectAllReceive([feed], await readLog(viewer.api, live.streamId, 100));
  });
});

describe('with a ring that is short', () => {
  test.override('serverOptions', { overrides: { hub: { ringSize: RING_SIZE, pollIntervalMs: 100 } } });

  test('many who each read another page of the past leave connections to everybody else', async ({
    server,
    db,
    viewer,
    live,
  }) => {
    const last = await commitUnannounced(db.pool, live.streamId, 4 * RING_SIZE);
    const log = await readLog(viewer.api, live.streamId, 100);
    await seen(await watch(server, live.streamId), last); // and keeps the feed open
    const blocker = await db.pool.connect();
    try {
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE live_event IN ACCESS EXCLUSIVE MODE');
      // Twice as many as the server has connections.
      const reading = log
        .slice(0, 2 * POOL_SIZE_MAX)
        .map(({ cursor }) => watch(server, live.streamId, { after: cursor }));
      const blocked = async () => {
        const waiting = `SELECT count(*)::int AS count FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%live.events %'`;
        return (await db.pool.query<{ count: number }>(waiting)).rows[0]!.count; // the other would see what it saw first
      };
      await expect.poll(blocked).toBe(PAST_READS_MAX);
      expect(await query(viewer.api, '{ me { wallet { coins } } }')).toEqual({ me: { wallet: { coins: 0 } } });
      expect(await blocked()).toBe(PAST_READS_MAX);
      await blocker.query('ROLLBACK');
      const feeds = await Promise.all(reading);
      await Promise.all(feeds.map((feed) => seen(feed, last)));
      for (const [n, feed] of feeds.entries()) expect(seqsOf(feed)).toEqual(range(n + 2, last));
    } finally {
      blocker.release(true);
    }
  });
});

describe('with a ring that nobody falls out of', { timeout: TEST_LIMIT_MS }, () => {
  test.override('serverOptions', { overrides: { hub: { ringSize: 4_096, pageSize: 100, pollIntervalMs: 50 } } });

  test('nothing is queued for watchers that do not read: memory stays flat', async ({ server, db, live }) => {
    const stalled = await Promise.all(range(1, 5).map(() => server.raw()));
    for (const socket of stalled) {
      await socket.init();
      socket.subscribe('slow', GREEDY, { id: live.streamId });
      await socket.messages.next();
      socket.pause();
    }
    const witness = await watch(server, live.streamId);
    const before = memoryInUse();
    // Queued, this would be 2,500 events × 34 kB × 5 watchers: over 400 MB.
    let last = 0;
    for (let n = 0; n < 5; n++) {
      last = await commitUnannounced(db.pool, live.streamId, 500, TEXT);
      await seen(witness, last);
    }
    expect(seqsOf(witness)).toEqual(range(1, last));
    // Polled: of buffers that nobody holds any more, V8 lets go in its own time.
    await expect.poll(() => memoryInUse() - before).toBeLessThan(64 * 1024 * 1024);
    for (const socket of stalled) socket.terminate();
    await witness.close();
    await expect.poll(() => server.app.live.hub.watchedStreams).toBe(0);
  });
});

/** Bytes that this process, the server included, holds after a garbage collection: on the heap and in buffers. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** An SSE subscription whose network socket can be paused: fetch hides it. */
async function pausableSse(endpoint: Endpoint, streamId: string): Promise<{ events: Feed<Greedy>; socket: Socket }> {
  const events = new Feed<Greedy>('the pausable SSE feed');
  const end = (reason: string): FeedEnd => ({ code: null, reason });
  const socket = await new Promise<Socket>((resolve, reject) => {
    const call = request(endpoint.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      agent: false,
    });
    onTestFinished(() => void call.destroy());
    call.on('error', reject);
    call.on('response', (response) => {
      let unread = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const blocks = (unread + chunk).split('\n\n');
        unread = blocks.pop()!;
        for (const block of blocks) {
          const data = /^data: ?(.*)$/m.exec(block)?.[1];
          if (/^event: ?next$/m.test(block) && data) events.push((JSON.parse(data) as { data: Greedy }).data);
        }
      });
      response.on('error', () => events.end(end('broken')));
      response.on('close', () => events.end(end('closed')));
      resolve(response.socket);
    });
    call.end(JSON.stringify({ query: GREEDY, variables: { id: streamId } }));
  });
  return { events, socket };
}
