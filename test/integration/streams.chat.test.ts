/** Chat: said once, in order, as it was written. */
import { expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import {
  endStream,
  type LiveEventEdge,
  mutate,
  sendChatMessage,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

test('a message is answered and watched as the same event', async ({ server, viewer, live }) => {
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await feed.next();
  const said = succeed(await sendChatMessage(viewer, live.streamId, '  Hello! '));
  expect(said).toMatchObject({
    chatMessage: { type: 'CHAT_MESSAGE', seq: 2, text: 'Hello!', sender: { id: viewer.id, handle: viewer.handle } },
    replayed: false,
  });
  expect((await feed.next()).liveEvents.node).toEqual(said.chatMessage);
});

test.for([
  ['200 emoji', '👩‍🚀🌹'.repeat(50)],
  ['Arabic', 'السلام عليكم 🌹 هدية'],
  ['markup', '<script>alert("x")</script> & \\ \u2028 \u2067x\u2069'],
  ['line breaks', 'one\ntwo\r\nthree\tfour'],
] as const)('a message of %s comes back as it was written', async ([, text], { viewer, live }) => {
  expect([...text].length).toBeLessThanOrEqual(200);
  expect(succeed(await sendChatMessage(viewer, live.streamId, text)).chatMessage.text).toBe(text);
  expect((await readEvents(viewer, live.streamId)).at(-1)).toMatchObject({ text });
});

test('a message that is no proper Unicode is refused, or kept readable, but breaks nothing', async ({
  viewer,
  live,
}) => {
  const outcome = await sendChatMessage(viewer, live.streamId, 'half an emoji: \ud83c');
  expect(['InvalidInputError', 'SendChatMessageSuccess']).toContain(outcome.__typename);
});

test('the same key again says nothing more, and answers with what was said', async ({ db, viewer, live }) => {
  const said = succeed(await sendChatMessage(viewer, live.streamId, 'Once', 'key'));
  const again = await expectNothingWritten(db.pool, () => sendChatMessage(viewer, live.streamId, ' Once ', 'key'));
  expect(again).toEqual({ ...said, replayed: true });
});

test('a replay works after the stream has ended', async ({ viewer, live }) => {
  const said = succeed(await sendChatMessage(viewer, live.streamId, 'Once', 'key'));
  await endStream(live.creator, live.streamId);
  expect(await sendChatMessage(viewer, live.streamId, 'Once', 'key')).toEqual({ ...said, replayed: true });
});

test('the same key with another text or stream is a conflict, and nothing is written', async ({
  server,
  db,
  viewer,
  live,
}) => {
  await sendChatMessage(viewer, live.streamId, 'Once', 'key');
  const elsewhere = (await startStream(await signIn(server))).id;
  await expectNothingWritten(db.pool, async () => {
    const outcomes = [
      await sendChatMessage(viewer, live.streamId, 'Twice', 'key'),
      await sendChatMessage(viewer, elsewhere, 'Once', 'key'),
    ];
    expect(tally(outcomes)).toEqual({ IdempotencyConflictError: 2 });
    expect(outcomes[0]).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });
});

test('a key belongs to its viewer and its mutation', async ({ server, funded, live }) => {
  const other = await signIn(server);
  const outcomes = await Promise.all([funded, other].map((one) => sendChatMessage(one, live.streamId, 'Hi', 'key')));
  expect(successes(outcomes).map(({ replayed }) => replayed)).toEqual([false, false]);
});

test('50 calls at once with one key say it once', async ({ viewer, live }) => {
  const outcomes = await atOnce(50, () => sendChatMessage(viewer, live.streamId, 'Once', 'key'));
  const said = outcomes.map(succeed);
  expect(new Set(said.map(({ chatMessage }) => JSON.stringify(chatMessage))).size).toBe(1);
  expect(said.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(await readEvents(viewer, live.streamId)).toHaveLength(2);
});

test('50 calls at once with one key and two texts: one text wins, the other is a conflict', async ({
  viewer,
  live,
}) => {
  const outcomes = await atOnce(50, (index) => sendChatMessage(viewer, live.streamId, `Text ${index % 2}`, 'key'));
  expect(tally(outcomes)).toEqual({ SendChatMessageSuccess: 25, IdempotencyConflictError: 25 });
  expect(new Set(successes(outcomes).map(({ chatMessage }) => chatMessage.text)).size).toBe(1);
  expect(await readEvents(viewer, live.streamId)).toHaveLength(2);
});

test('50 messages at once are numbered without a gap', async ({ viewer, live }) => {
  const outcomes = await atOnce(50, (index) => sendChatMessage(viewer, live.streamId, `No ${index}`));
  const seqs = outcomes.map((outcome) => succeed(outcome).chatMessage.seq).sort((a, b) => a - b);
  expect(seqs).toEqual(Array.from({ length: 50 }, (_, index) => index + 2));
});

test('an ended stream takes no messages, and the refused key is free', async ({ server, db, viewer, live }) => {
  await endStream(live.creator, live.streamId);
  const outcome = await expectNothingWritten(db.pool, () => sendChatMessage(viewer, live.streamId, 'Late', 'key'));
  expect(outcome).toMatchObject({ __typename: 'StreamNotLiveError', code: 'STREAM_NOT_LIVE' });
  const elsewhere = (await startStream(await signIn(server))).id;
  expect((await sendChatMessage(viewer, elsewhere, 'In time', 'key')).__typename).toBe('SendChatMessageSuccess');
});

test('a stream that does not exist is not found', async ({ db, viewer }) => {
  await expectNothingWritten(db.pool, async () => {
    for (const [what, id] of wrongIds('LiveStream')) {
      const missing = { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such stream.' };
      expect(await sendChatMessage(viewer, id, 'Hello?'), what).toMatchObject(missing);
    }
  });
});

test.for([
  ['text', 'empty', ''],
  ['text', 'blank', '   '],
  ['text', '201 characters', 'x'.repeat(201)],
  ['text', '201 emoji', '🌹'.repeat(201)],
  ['text', 'a NUL', 'a\0b'],
  ['idempotencyKey', 'empty', ''],
  ['idempotencyKey', '65 characters', 'x'.repeat(65)],
  ['idempotencyKey', 'a NUL', 'a\0b'],
] as const)('a %s that is or has %s is refused', async ([field, , value], { db, viewer, live }) => {
  const input = { streamId: live.streamId, text: 'Hello', idempotencyKey: 'key', [field]: value };
  const outcome = await expectNothingWritten(db.pool, () => mutate(viewer.api, 'sendChatMessage', input));
  expect(outcome).toMatchObject({
    __typename: 'InvalidInputError',
    code: 'INVALID_INPUT',
    issues: [{ path: `input.${field}` }],
  });
});

test('nobody chats without signing in', async ({ server, db, live }) => {
  const input = { streamId: live.streamId, text: 'Hello', idempotencyKey: 'key' };
  const outcome = await expectNothingWritten(db.pool, () => mutate(server.http(), 'sendChatMessage', input));
  expect(outcome).toMatchObject({ __typename: 'NotSignedInError', code: 'NOT_SIGNED_IN' });
});
