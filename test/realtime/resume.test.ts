/** Backfill, cutover, live and resume: what a single watcher may rely on. */
import { expect } from 'vitest';
import { testOn } from '../integration/support/shared-server.ts';
import { endStream, readLog, sendGift, succeed } from '../support/operations.ts';
import {
  chatter,
  commitUnannounced,
  crowd,
  edgesOf,
  expectAllReceive,
  range,
  say,
  seen,
  seqsOf,
  streamRow,
  watch,
} from './support/watch.ts';

const over = ['ws', 'sse'] as const;

// Small pages, so that every backfill takes several.
const test = testOn({ overrides: { hub: { pollIntervalMs: 50, pageSize: 7 } } });

test.for(over)(
  'over %s: the empty cursor brings the whole log, as the connection pages it',
  async (over, { server, viewer, live }) => {
    await chatter(viewer, live.streamId, 7);
    const log = await readLog(viewer.api, live.streamId, 3);
    const feed = await watch(server, live.streamId, { over });
    await expectAllReceive([feed], log);
    expect(seqsOf(feed)).toEqual(range(1, 8));
    expect(log[0]?.node).toMatchObject({ __typename: 'StreamStarted', type: 'STREAM_STARTED', seq: 1 });
  },
);

test.for(over)('over %s: a cursor brings exactly what is behind it', async (over, { server, viewer, live }) => {
  await chatter(viewer, live.streamId, 7);
  const log = await readLog(viewer.api, live.streamId);
  for (const position of [0, 3, 6]) {
    const feed = await watch(server, live.streamId, { over, after: log[position]!.cursor });
    await expectAllReceive([feed], log.slice(position + 1));
  }
});

test('a cursor at the end brings nothing until something happens', async ({ server, viewer, live }) => {
  await say(viewer, live.streamId);
  const end = (await readLog(viewer.api, live.streamId)).at(-1)!.cursor;
  const feed = await watch(server, live.streamId, { after: end });
  await say(viewer, live.streamId, 'new');
  expect((await feed.next()).liveEvents.node).toMatchObject({ seq: 3, text: 'new' });
  expect(seqsOf(feed)).toEqual([3]);
});

test('without a cursor only what happens from now on comes, and from then on everything', async ({
  server,
  viewer,
  live,
}) => {
  const past = await chatter(viewer, live.streamId, 5, 'past');
  const feed = await watch(server, live.streamId, { after: null });
  // Nothing tells a client that its subscription has begun: talk until it hears something.
  while (feed.received.length === 0) await say(viewer, live.streamId, 'now');
  const last = await chatter(viewer, live.streamId, 5, 'later');
  await seen(feed, last);
  const first = seqsOf(feed)[0]!;
  expect(first).toBeGreaterThan(past);
  expect(seqsOf(feed)).toEqual(range(first, last));
});

test('cutover while others write: no gap and no double, wherever a watcher comes in', async ({ server, live }) => {
  const writers = await crowd(server, 4);
  const writing = Promise.all(writers.map((writer) => chatter(writer, live.streamId, 25)));
  const feeds = [];
  for (let n = 0; n < 12; n++) {
    feeds.push(await watch(server, live.streamId, { over: over[n % 2] }));
    await say(writers[0]!, live.streamId, 'in between');
  }
  await writing;
  await expectAllReceive(feeds, await readLog(writers[0]!.api, live.streamId));
});

test('who reconnects goes on exactly behind the last event that it handled', async ({ server, viewer, live }) => {
  await chatter(viewer, live.streamId, 5);
  const handled: number[] = [];
  let cursor = '';
  for (let connection = 0; connection < 4; connection++) {
    const client = await server.ws();
    const feed = client.subscribe<{ liveEvents: { cursor: string; node: { seq: number } } }>(
      'subscription ($id: ID!, $after: String) { liveEvents(streamId: $id, after: $after) { cursor node { seq } } }',
      { id: live.streamId, after: cursor },
    );
    for (const { liveEvents } of await feed.take(2)) {
      handled.push(liveEvents.node.seq);
      cursor = liveEvents.cursor;
    }
    if (connection % 2 === 0) client.socket().terminate();
    else await client.close();
    await chatter(viewer, live.streamId, 2, 'meanwhile');
  }
  expect(handled).toEqual(range(1, 8));
});

test('types: only those kinds come, in order, with the numbers and cursors of the log', async ({
  server,
  funded,
  live,
}) => {
  for (const gift of ['Rose', 'Ice Cream', 'Rose']) {
    succeed(await sendGift(funded, live.streamId, { gift }));
    await say(funded, live.streamId);
  }
  succeed(await endStream(live.creator, live.streamId));
  const log = await readLog(funded.api, live.streamId);
  for (const types of [['GIFT_SENT'], ['STREAK_ENDED', 'STREAM_ENDED'], ['CHAT_MESSAGE', 'STREAM_STARTED']]) {
    const wanted = log.filter(({ node }) => types.includes(node.type));
    const feed = await watch(server, live.streamId, { types });
    await expectAllReceive([feed], wanted);
    const rest = await watch(server, live.streamId, { types, after: wanted[0]!.cursor });
    await expectAllReceive([rest], wanted.slice(1));
  }
});

test('the feed of an ended stream can still be read, and stays open', async ({ server, viewer, live }) => {
  await say(viewer, live.streamId);
  succeed(await endStream(live.creator, live.streamId));
  const feed = await watch(server, live.streamId);
  expect((await feed.take(3)).map(({ liveEvents }) => liveEvents.node.type)).toEqual([
    'STREAM_STARTED',
    'CHAT_MESSAGE',
    'STREAM_ENDED',
  ]);
  expect(feed.isClosed).toBe(false);
});

test.for(over)(
  'over %s: a cursor that is not of this log is an error of its own',
  async (over, { server, viewer, live }) => {
    const watched = server.app.live.hub.watchedStreams; // those of the tests before
    const head = await say(viewer, live.streamId);
    const log = await readLog(viewer.api, live.streamId);
    const epoch = Buffer.from(log[0]!.cursor, 'base64url').toString().split(':')[0];
    const other = await readLog(viewer.api, await otherStream(viewer.api, live.streamId));
    const cursors = {
      damaged: log[0]!.cursor.slice(0, 4),
      nonsense: 'nonsense',
      'of another stream': other[0]!.cursor,
      'ahead of the log': Buffer.from(`${epoch}:${head + 1}`).toString('base64url'),
    };
    for (const [what, after] of Object.entries(cursors)) {
      const { errors } = await (await watch(server, live.streamId, { over, after })).closed;
      expect(errors?.[0]?.extensions, what).toMatchObject({ code: 'INVALID_CURSOR' });
    }
    await expect.poll(() => server.app.live.hub.watchedStreams).toBe(watched);
  },
);

test.for(over)(
  'over %s: a stream that does not exist is not found, and neither is another kind of thing',
  async (over, { server, viewer }) => {
    const watched = server.app.live.hub.watchedStreams; // those of the tests before
    const missing = Buffer.from('LiveStream:999999').toString('base64');
    for (const id of [missing, viewer.id, 'nonsense', '']) {
      const { errors } = await (await watch(server, id, { over })).closed;
      expect(errors?.[0]?.extensions, id).toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect.poll(() => server.app.live.hub.watchedStreams).toBe(watched);
  },
);

test.for(over)(
  'over %s: pruned history is said first, then the rest comes without a gap',
  async (over, { server, db, viewer, live }) => {
    await chatter(viewer, live.streamId, 9);
    const log = await readLog(viewer.api, live.streamId);
    await db.pool.query('DELETE FROM live_event WHERE stream_id = $1 AND seq <= 6', [streamRow(live.streamId)]);
    const feed = await watch(server, live.streamId, { over, after: log[1]!.cursor });
    const last = await say(viewer, live.streamId, 'new');
    await seen(feed, last);
    const [resync, ...rest] = edgesOf(feed);
    expect(resync?.node).toMatchObject({ __typename: 'ResyncRequired', missedFrom: 3, resumesAt: 7 });
    expect(rest.slice(0, 4)).toEqual(log.slice(6));
    expect(rest.map(({ node }) => node.seq)).toEqual(range(7, last));
    const resumed = await watch(server, live.streamId, { over, after: resync!.cursor });
    await seen(resumed, last);
    expect(seqsOf(resumed)).toEqual(range(7, last));
  },
);

test('who asks for some types only is told of pruned history all the same', async ({ server, db, viewer, live }) => {
  await chatter(viewer, live.streamId, 4);
  await db.pool.query('DELETE FROM live_event WHERE stream_id = $1 AND seq <= 2', [streamRow(live.streamId)]);
  const feed = await watch(server, live.streamId, { types: ['CHAT_MESSAGE'] });
  expect((await feed.take(2)).map(({ liveEvents }) => liveEvents.node.type)).toEqual([
    'RESYNC_REQUIRED',
    'CHAT_MESSAGE',
  ]);
});

test('what nobody announced comes by the poll, many pages of it in order', async ({ server, db, viewer, live }) => {
  const feed = await watch(server, live.streamId);
  await seen(feed, 1);
  const last = await commitUnannounced(db.pool, live.streamId, 100);
  await expectAllReceive([feed], await readLog(viewer.api, live.streamId));
  expect(last).toBe(101);
});

/** A stream of the demo data. */
async function otherStream(
  api: { request<T>(query: string): Promise<{ data: T | null }> },
  not: string,
): Promise<string> {
  const { data } = await api.request<{ liveStreams: { edges: { node: { id: string } }[] } }>(
    '{ liveStreams { edges { node { id } } } }',
  );
  return data!.liveStreams.edges.map(({ node }) => node.id).find((id) => id !== not)!;
}
