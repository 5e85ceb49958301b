/** A log that is pruned to its end, or nearly: every way to watch it says so first, and then goes on. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { testWith } from '../support/fixtures.ts';
import { endStream, readLog, signIn, startStream, succeed } from '../support/operations.ts';
import { chatter, commitUnannounced, edgesOf, range, say, seen, seqsOf, streamRow, watch } from './support/watch.ts';

const over = ['ws', 'sse'] as const;

const test = testWith({ overrides: { hub: { pollIntervalMs: 50, pageSize: 7 } } });

/** As the retention does it, for one stream. */
async function prune(pool: Pool, streamId: string): Promise<void> {
  await pool.query('DELETE FROM live_event WHERE stream_id = $1', [streamRow(streamId)]);
}

test.for(over)(
  'over %s: of a log without a single event, all of it is missing, and what comes then comes without a gap',
  async (over, { server, db, viewer, live }) => {
    const last = await chatter(viewer, live.streamId, 9);
    const log = await readLog(viewer.api, live.streamId);
    await prune(db.pool, live.streamId);

    const whole = await watch(server, live.streamId, { over });
    const behind = await watch(server, live.streamId, { over, after: log[3]!.cursor });
    const upToDate = await watch(server, live.streamId, { over, after: log.at(-1)!.cursor });
    const fromNow = await watch(server, live.streamId, { over, after: null });
    // Who watches from now on must be there before it is said; nothing tells a client that its subscription has begun.
    await expect.poll(() => server.app.fanOut.open).toBe(4);
    const next = await say(viewer, live.streamId, 'new');
    await Promise.all([whole, behind, upToDate, fromNow].map((feed) => seen(feed, next)));

    const resync = (missedFrom: number) => ({
      __typename: 'ResyncRequired',
      seq: last,
      missedFrom,
      resumesAt: last + 1,
    });
    expect(edgesOf(whole).map(({ node }) => node)).toMatchObject([resync(1), { seq: next, text: 'new' }]);
    expect(edgesOf(behind).map(({ node }) => node)).toMatchObject([resync(5), { seq: next, text: 'new' }]);
    expect([seqsOf(upToDate), seqsOf(fromNow)]).toEqual([[next], [next]]);

    const resumed = await watch(server, live.streamId, { over, after: edgesOf(whole)[0]!.cursor });
    await seen(resumed, next);
    expect(seqsOf(resumed)).toEqual([next]);
    const edges = await readLog(viewer.api, live.streamId);
    expect(edges.map(({ cursor }) => cursor)).toEqual(edgesOf(whole).map(({ cursor }) => cursor));
  },
);

test.for(over)(
  'over %s: the log of a stream that has ended says what is missing, while another stream is watched',
  async (over, { server, db, viewer, live }) => {
    const elsewhere = await startStream(await signIn(server));
    const other = await watch(server, elsewhere.id, { over });
    await chatter(viewer, live.streamId, 3);
    succeed(await endStream(live.creator, live.streamId));
    await prune(db.pool, live.streamId);
    const feed = await watch(server, live.streamId, { over });
    const { liveEvents } = await feed.next();
    expect(liveEvents.node).toMatchObject({ __typename: 'ResyncRequired', missedFrom: 1, resumesAt: 6 });
    const last = await chatter(viewer, elsewhere.id, 5);
    await seen(other, last);
    expect(seqsOf(other)).toEqual(range(1, last));
    expect(seqsOf(feed)).toEqual([5]);
  },
);

test('pruned while it is watched: who has read it goes on, who comes later is told', async ({
  server,
  db,
  viewer,
  live,
}) => {
  const early = await watch(server, live.streamId);
  const last = await chatter(viewer, live.streamId, 20);
  await seen(early, last);
  await prune(db.pool, live.streamId);
  const unannounced = await commitUnannounced(db.pool, live.streamId, 3);
  await seen(early, unannounced);
  expect(seqsOf(early)).toEqual(range(1, unannounced));
  const late = await watch(server, live.streamId);
  await seen(late, unannounced);
  expect(seqsOf(late)).toEqual(range(1, unannounced)); // the ring has them still
});

test('who filters by type is told of it, too', async ({ server, db, viewer, live }) => {
  await chatter(viewer, live.streamId, 10);
  await prune(db.pool, live.streamId);
  const feed = await watch(server, live.streamId, { types: ['GIFT_SENT'] });
  expect((await feed.next()).liveEvents.node).toMatchObject({ __typename: 'ResyncRequired', missedFrom: 1 });
});
