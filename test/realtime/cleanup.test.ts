/** Who leaves is gone: no watcher, no subscription of the bus and no viewer stays behind, also when nothing happens any more. */
import { expect } from 'vitest';
import { STREAM_PULSE } from '../support/documents.ts';
import { testWith } from '../support/fixtures.ts';
import { range, say, seen, seqsOf, streamRow, watch } from './support/watch.ts';

const test = testWith({ overrides: { pulseIntervalMs: 20 } });

const WATCH = 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { node { seq } } }';
type Seq = { liveEvents: { node: { seq: number } } };

test('complete releases the watcher at once, though no event arrives', async ({ server, live }) => {
  const { hub, presence } = server.app.live;
  const client = await server.ws();
  const feeds = range(1, 3).map(() => client.subscribe<Seq>(WATCH, { id: live.streamId }));
  await Promise.all(feeds.map((feed) => feed.next()));
  expect([hub.watchedStreams, presence.viewers(streamRow(live.streamId))]).toEqual([1, 3]);
  await feeds[0]!.close();
  await expect.poll(() => presence.viewers(streamRow(live.streamId))).toBe(2);
  await Promise.all(feeds.map((feed) => feed.close()));
  await expect.poll(() => [hub.watchedStreams, presence.viewers(streamRow(live.streamId))]).toEqual([0, 0]);
});

test.for(['in good order', 'without a word'] as const)(
  'a socket that closes %s releases all its watchers',
  async (how, { server, live }) => {
    const { hub, presence } = server.app.live;
    const socket = await server.raw();
    await socket.init();
    for (const n of range(1, 5)) socket.subscribe(`${n}`, WATCH, { id: live.streamId });
    await socket.messages.take(5);
    expect(hub.watchedStreams).toBe(1);
    if (how === 'in good order') await socket.close();
    else socket.terminate();
    await expect.poll(() => [hub.watchedStreams, presence.viewers(streamRow(live.streamId))]).toEqual([0, 0]);
  },
);

test('an SSE connection that is dropped releases its watcher', async ({ server, live }) => {
  const { hub, presence } = server.app.live;
  const feed = await watch(server, live.streamId, { over: 'sse' });
  await seen(feed, 1);
  expect(hub.watchedStreams).toBe(1);
  await feed.close();
  await expect.poll(() => [hub.watchedStreams, presence.viewers(streamRow(live.streamId))]).toEqual([0, 0]);
});

test('who leaves before its subscription has begun leaves nothing behind', async ({ server, live }) => {
  const { hub, presence } = server.app.live;
  for (const n of range(1, 20)) {
    const socket = await server.raw();
    await socket.init();
    socket.subscribe('1', WATCH, { id: live.streamId });
    if (n % 2) socket.send({ id: '1', type: 'complete' });
    socket.terminate();
  }
  const { meters } = server.app.services.db.instruments;
  await expect.poll(() => meters.socketsOpen).toBe(0); // then the server has heard of all of them
  await expect.poll(() => [hub.watchedStreams, presence.viewers(streamRow(live.streamId))]).toEqual([0, 0]);
});

test('who joins while the last one leaves misses nothing', async ({ server, viewer, live }) => {
  const client = await server.ws();
  for (const _ of range(1, 25)) {
    const leaving = client.subscribe<Seq>(WATCH, { id: live.streamId });
    await leaving.next();
    const left = leaving.close();
    const joining = client.subscribe<Seq>(WATCH, { id: live.streamId });
    const [seq] = await Promise.all([say(viewer, live.streamId), left]);
    await joining.until(({ liveEvents }) => liveEvents.node.seq === seq);
    expect(joining.received.map(({ liveEvents }) => liveEvents.node.seq)).toEqual(range(1, seq));
    await joining.close();
  }
  await expect.poll(() => server.app.live.hub.watchedStreams).toBe(0);
});

test('pulse and feed can be watched, left and watched again', async ({ server, viewer, live }) => {
  type Pulse = { streamPulse: { viewers: number } };
  const pulse = server.sse<Pulse>(STREAM_PULSE, { streamId: live.streamId });
  for (const _ of range(1, 3)) {
    const feed = await watch(server, live.streamId);
    await pulse.until(({ streamPulse }) => streamPulse.viewers === 1);
    const seq = await say(viewer, live.streamId);
    await seen(feed, seq);
    expect(seqsOf(feed)).toEqual(range(1, seq));
    await feed.close();
    await pulse.until(({ streamPulse }) => streamPulse.viewers === 0);
  }
});
