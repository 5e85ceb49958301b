/** Likes and the counters of a stream: not in the log, but never lost. */
import { expect } from 'vitest';
import { LIVE_EVENTS, STREAM_PULSE } from '../support/documents.ts';
import { endStream, mutate, sendLikes, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Pulse = { streamPulse: { viewers: number; likes: number } };

const test = testOn({ overrides: { ...QUIET.overrides, pulseIntervalMs: 20 } });

test('likes add up, also those of one viewer', async ({ viewer, live }) => {
  expect(await sendLikes(viewer, live.streamId, 3)).toEqual({ __typename: 'SendLikesSuccess', likes: 3 });
  expect(succeed(await sendLikes(viewer, live.streamId, 100)).likes).toBe(103);
  expect(await readEvents(viewer, live.streamId), 'likes are not in the log').toHaveLength(1);
});

test('100 calls at once lose no like', async ({ viewer, live }) => {
  const outcomes = await atOnce(100, (index) => sendLikes(viewer, live.streamId, 1 + (index % 7)));
  expect(tally(outcomes)).toEqual({ SendLikesSuccess: 100 });
  const sent = Array.from({ length: 100 }, (_, index) => 1 + (index % 7)).reduce((a, b) => a + b);
  expect(succeed(await sendLikes(viewer, live.streamId, 1)).likes).toBe(sent + 1);
});

test('two servers that take likes at once lose none', async ({ db, viewer, live }) => {
  const second = await startServer({ ...QUIET, databaseUrl: db.url });
  try {
    const there = { ...viewer, api: second.http(viewer.token) };
    await atOnce(40, (index) => sendLikes(index % 2 ? there : viewer, live.streamId, 5));
    expect(succeed(await sendLikes(viewer, live.streamId, 1)).likes).toBe(201);
  } finally {
    await second.close();
  }
});

test('an ended stream takes no likes', async ({ db, viewer, live }) => {
  await sendLikes(viewer, live.streamId, 5);
  await endStream(live.creator, live.streamId);
  const outcome = await expectNothingWritten(db.pool, () => sendLikes(viewer, live.streamId));
  expect(outcome).toMatchObject({ __typename: 'StreamNotLiveError', code: 'STREAM_NOT_LIVE' });
});

test('a stream that does not exist is not found', async ({ db, viewer }) => {
  await expectNothingWritten(db.pool, async () => {
    for (const [what, id] of wrongIds('LiveStream')) {
      expect(await sendLikes(viewer, id), what).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
    }
  });
});

test.for([0, -1, 101, 2 ** 31 - 1])('a count of %i is refused', async (count, { db, viewer, live }) => {
  const outcome = await expectNothingWritten(db.pool, () => sendLikes(viewer, live.streamId, count));
  expect(outcome).toMatchObject({
    __typename: 'InvalidInputError',
    code: 'INVALID_INPUT',
    issues: [{ path: 'input.count' }],
  });
});

test('nobody likes without signing in', async ({ server, db, live }) => {
  const input = { streamId: live.streamId, count: 1 };
  const outcome = await expectNothingWritten(db.pool, () => mutate(server.http(), 'sendLikes', input));
  expect(outcome).toMatchObject({ __typename: 'NotSignedInError', code: 'NOT_SIGNED_IN' });
});

test('the pulse shows the likes and who watches, and follows both', async ({ server, viewer, live }) => {
  const { streamId } = live;
  await sendLikes(viewer, streamId, 7);
  const pulse = (await server.ws()).subscribe<Pulse>(STREAM_PULSE, { streamId });
  const reaches = (viewers: number, likes: number) =>
    pulse.until(({ streamPulse }) => streamPulse.viewers === viewers && streamPulse.likes === likes);
  await reaches(0, 7);
  const watchers = [server.sse(LIVE_EVENTS, { streamId }), server.sse(LIVE_EVENTS, { streamId })];
  await reaches(2, 7);
  await sendLikes(viewer, streamId, 5);
  await reaches(2, 12);
  await watchers[0]!.close();
  await reaches(1, 12);
  await watchers[1]!.close();
  await reaches(0, 12);
});

test('each viewer of the pulse gets the state at once, also a late one', async ({ server, viewer, live }) => {
  const socket = await server.ws();
  const early = socket.subscribe<Pulse>(STREAM_PULSE, { streamId: live.streamId });
  expect(await early.next()).toEqual({ streamPulse: { viewers: 0, likes: 0 } });
  await sendLikes(viewer, live.streamId, 9);
  await early.until(({ streamPulse }) => streamPulse.likes === 9);
  const late = socket.subscribe<Pulse>(STREAM_PULSE, { streamId: live.streamId });
  expect(await late.next()).toEqual({ streamPulse: { viewers: 0, likes: 9 } });
});

test('the pulse of a stream that does not exist is an error', async ({ server }) => {
  const socket = await server.ws();
  for (const [what, streamId] of wrongIds('LiveStream')) {
    const end = await socket.subscribe(STREAM_PULSE, { streamId }).untilClosed();
    expect(end.errors, what).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  }
});
