/** Going on and off air. */
import { expect } from 'vitest';
import { endStream, mutate, query, signIn, startStream, succeed } from '../support/operations.ts';
import { wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Started = {
  stream: { id: string; title: string; status: string; startedAt: string; creator: { handle: string } };
};

const STREAM =
  'query Stream($id: ID!) { liveStream(id: $id) { id title status startedAt endedAt creator { handle } } }';
const ON_AIR = '{ liveStreams(first: 100) { totalCount edges { node { id status } } } }';

type OnAir = { liveStreams: { totalCount: number; edges: { node: { id: string; status: string } }[] } };

test('going live starts a stream, whose log begins with its title', async ({ server, viewer }) => {
  const { stream } = succeed(await mutate<Started>(viewer.api, 'startStream', { title: '  Cooking tonight ' }));
  expect(stream).toMatchObject({ title: 'Cooking tonight', status: 'LIVE', creator: { handle: viewer.handle } });
  const { liveStream } = await query<{ liveStream: unknown }>(server.http(), STREAM, { id: stream.id });
  expect(liveStream).toMatchObject({ id: stream.id, startedAt: stream.startedAt, endedAt: null });
  const [first, ...more] = await readEvents(viewer, stream.id);
  expect(first).toMatchObject({
    __typename: 'StreamStarted',
    type: 'STREAM_STARTED',
    seq: 1,
    title: 'Cooking tonight',
  });
  expect(more).toEqual([]);
});

test('streams on air are listed newest first, and ended ones are not', async ({ server, live }) => {
  const newer = await signIn(server);
  const { id } = await startStream(newer);
  const before = (await query<OnAir>(server.http(), ON_AIR)).liveStreams;
  expect(before.edges.slice(0, 2).map(({ node }) => node)).toEqual([
    { id, status: 'LIVE' },
    { id: live.streamId, status: 'LIVE' },
  ]);
  await endStream(newer, id);
  const after = (await query<OnAir>(server.http(), ON_AIR)).liveStreams;
  expect(after.edges[0]!.node.id).toBe(live.streamId);
  expect(after.totalCount).toBe(before.totalCount - 1);
});

test('whoever is live already is told with which stream, and nothing is written', async ({ db, live }) => {
  const outcome = await expectNothingWritten(db.pool, () =>
    mutate(live.creator.api, 'startStream', { title: 'Another' }),
  );
  expect(outcome).toMatchObject({
    __typename: 'StreamAlreadyLiveError',
    code: 'STREAM_ALREADY_LIVE',
    stream: { id: live.streamId },
  });
});

test('20 starts at once make one stream, and the others are told of it', async ({ viewer }) => {
  const outcomes = await atOnce(20, () => mutate<Started>(viewer.api, 'startStream', { title: 'Race' }));
  expect(tally(outcomes)).toEqual({ StartStreamSuccess: 1, StreamAlreadyLiveError: 19 });
  const { stream } = successes(outcomes)[0]!;
  const told = outcomes.filter(({ __typename }) => __typename === 'StreamAlreadyLiveError');
  for (const refusal of told) expect(refusal).toMatchObject({ stream: { id: stream.id } });
});

test.for([
  ['empty', ''],
  ['blank', ' \n '],
  ['141 characters', 'x'.repeat(141)],
  ['141 emoji', '🌹'.repeat(141)],
  ['a NUL', 'a\0b'],
])('a title with %s is refused', async ([, title], { db, viewer }) => {
  const outcome = await expectNothingWritten(db.pool, () => mutate(viewer.api, 'startStream', { title }));
  expect(outcome).toMatchObject({
    __typename: 'InvalidInputError',
    code: 'INVALID_INPUT',
    issues: [{ path: 'input.title' }],
  });
});

test.for([
  ['140 emoji', '🌹'.repeat(140)],
  ['Arabic', 'سوق هدية — مباشر الآن'],
  ['markup', '<b>"Live" & \'free\'</b> \\ \u2028.'],
])('a title of %s comes back as it was written', async ([, title], { server, viewer }) => {
  const { id } = await startStream(viewer, title);
  expect(await query(server.http(), STREAM, { id })).toMatchObject({ liveStream: { title } });
  expect((await readEvents(viewer, id))[0]).toMatchObject({ title });
});

test('a title that is no proper Unicode is refused, or kept readable, but breaks nothing', async ({ viewer }) => {
  const outcome = await mutate(viewer.api, 'startStream', { title: 'half an emoji: \ud83c' });
  expect(['InvalidInputError', 'StartStreamSuccess']).toContain(outcome.__typename);
});

test('ending a stream ends its log and keeps it to be read', async ({ server, live }) => {
  const ended = succeed(await endStream(live.creator, live.streamId));
  expect(ended).toMatchObject({ stream: { id: live.streamId, status: 'ENDED' }, replayed: false });
  const { liveStream } = await query<{ liveStream: { startedAt: string; endedAt: string } }>(server.http(), STREAM, {
    id: live.streamId,
  });
  expect(Date.parse(liveStream.endedAt)).toBeGreaterThanOrEqual(Date.parse(liveStream.startedAt));
  const events = await readEvents({ api: server.http() }, live.streamId);
  expect(events.map(({ type }) => type)).toEqual(['STREAM_STARTED', 'STREAM_ENDED']);
});

test('ending an ended stream changes nothing, and says so', async ({ db, live }) => {
  await endStream(live.creator, live.streamId);
  const again = await expectNothingWritten(db.pool, () => endStream(live.creator, live.streamId));
  expect(again).toMatchObject({ __typename: 'EndStreamSuccess', replayed: true, stream: { status: 'ENDED' } });
});

test('20 ends at once end the stream once', async ({ live }) => {
  const outcomes = await atOnce(20, () => endStream(live.creator, live.streamId));
  expect(tally(outcomes)).toEqual({ EndStreamSuccess: 20 });
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
  const events = await readEvents(live.creator, live.streamId);
  expect(events.map(({ type }) => type)).toEqual(['STREAM_STARTED', 'STREAM_ENDED']);
});

test('only its creator ends a stream', async ({ db, viewer, live }) => {
  const outcome = await expectNothingWritten(db.pool, () => endStream(viewer, live.streamId));
  expect(outcome).toMatchObject({ __typename: 'ForbiddenError', code: 'FORBIDDEN' });
});

test('a stream that does not exist cannot be ended, and cannot be read', async ({ server, db, viewer }) => {
  await expectNothingWritten(db.pool, async () => {
    for (const [what, id] of wrongIds('LiveStream')) {
      expect(await endStream(viewer, id), what).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
      expect(await query(server.http(), STREAM, { id }), what).toEqual({ liveStream: null });
    }
  });
});

test('nobody starts or ends a stream without signing in', async ({ server, db, live }) => {
  await expectNothingWritten(db.pool, async () => {
    const outcomes = [
      await mutate(server.http(), 'startStream', { title: 'Nobody' }),
      await mutate(server.http(), 'endStream', { streamId: live.streamId }),
    ];
    expect(outcomes).toMatchObject(outcomes.map(() => ({ __typename: 'NotSignedInError', code: 'NOT_SIGNED_IN' })));
  });
});
