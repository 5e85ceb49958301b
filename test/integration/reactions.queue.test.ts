/** What waits in a stream: in which order, until when, and how the creator performs it. */
import { describe, expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { type LiveEventEdge, mutate, query, signIn, succeed } from '../support/operations.ts';
import { wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, tally } from './support/outcomes.ts';
import {
  addRule,
  earn,
  expectQueuesCounted,
  perform,
  performNext,
  type Reaction,
  readQueue,
} from './support/reactions.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

describe('the queue', () => {
  test('is empty at first, and there is none of no stream', async ({ viewer, live }) => {
    expect(await readQueue(viewer, live.streamId)).toEqual([]);
    for (const [what, id] of wrongIds('LiveStream')) {
      await expect(readQueue(viewer, id), what).rejects.toThrow('NOT_FOUND');
    }
  });

  test('holds what gifts have earned, highest priority first, then oldest, each with its place and time', async ({
    db,
    funded,
    live,
  }) => {
    const plain = await addRule(live.creator, { phrase: 'Plain', durationMs: 2_000 });
    const loud = await addRule(live.creator, {
      phrase: 'Loud',
      gift: 'Ice Cream',
      priority: 5,
      durationMs: 1_500,
      animation: 'jump',
      sound: 'pop',
    });
    for (const rule of [plain, loud, plain, loud]) await earn(funded, live.streamId, rule);
    const queue = await readQueue(funded, live.streamId);
    expect(queue.map(({ phrase, position, etaMs }) => [phrase, position, etaMs])).toEqual([
      ['Loud', 1, 0],
      ['Loud', 2, 1_500],
      ['Plain', 3, 3_000],
      ['Plain', 4, 5_000],
    ]);
    expect(queue[0]).toMatchObject({
      animation: 'jump',
      sound: 'pop',
      priority: 5,
      durationMs: 1_500,
      state: 'QUEUED',
      sender: { id: funded.id, handle: funded.handle },
      doneAt: null,
    });
    expect((await readQueue(funded, live.streamId, 2)).map(({ position }) => position)).toEqual([1, 2]);
    expect(await readQueue(funded, live.streamId, 0)).toEqual([]);
    await expectQueuesCounted(db.pool);
  });

  test('of streams, and single reactions, are read together', async ({ funded, live }) => {
    const rule = await addRule(live.creator, { durationMs: 1_000 });
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await earn(funded, live.streamId, rule));
    const document = `query Both($stream: ID!, $one: ID!, $other: ID!) {
      liveStream(id: $stream) { reactionQueue(first: 2) { id } }
      one: node(id: $one) { ... on Reaction { id position etaMs } } other: node(id: $other) { ... on Reaction { id position etaMs } } }`;
    expect(await query(funded.api, document, { stream: live.streamId, one: ids[0], other: ids[2] })).toEqual({
      liveStream: { reactionQueue: [{ id: ids[0] }, { id: ids[1] }] },
      one: { id: ids[0], position: 1, etaMs: 0 },
      other: { id: ids[2], position: 3, etaMs: 2_000 },
    });
  });
});

test('performing takes a reaction out of the queue, whatever waits before it, and everybody sees it', async ({
  db,
  server,
  funded,
  live,
}) => {
  const rule = await addRule(live.creator, { phrase: 'Yes yes yes!', sound: 'yes', durationMs: 60_000 });
  const first = await earn(funded, live.streamId, rule);
  const second = await earn(funded, live.streamId, rule);
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, {
    streamId: live.streamId,
    after: '',
    types: ['REACTION_PERFORMED'],
  });
  const { reaction, replayed } = succeed(await perform(live.creator, second));
  expect(replayed).toBe(false);
  expect(reaction).toMatchObject({ id: second, state: 'PERFORMED', position: null, etaMs: null });
  expect(reaction.doneAt).not.toBeNull();
  const [{ liveEvents }] = (await feed.take(1)) as [{ liveEvents: LiveEventEdge }];
  await feed.close();
  expect(liveEvents.node).toMatchObject({
    __typename: 'ReactionPerformed',
    reactionId: second,
    reaction: 'Yes yes yes!',
    animation: null,
    sound: 'yes',
    sender: { handle: funded.handle },
    durationMs: 60_000,
  });
  const gift = (await readEvents(funded, live.streamId)).find(({ seq }) => seq === liveEvents.node.giftSeq);
  expect(gift).toMatchObject({ type: 'GIFT_SENT', sender: { handle: funded.handle } });
  // What waits now waits for the one that is performed, too.
  const [next] = (await readQueue(funded, live.streamId)) as [Reaction];
  expect(next).toMatchObject({ id: first, position: 1 });
  expect(next.etaMs).toBeGreaterThan(50_000);
  expect(next.etaMs).toBeLessThanOrEqual(60_000);
  await expectQueuesCounted(db.pool);
});

test('performing again, or by many at once, happens once', async ({ db, funded, live }) => {
  const rule = await addRule(live.creator);
  const reactionId = await earn(funded, live.streamId, rule);
  const outcomes = await atOnce(5, () => perform(live.creator, reactionId));
  expect(tally(outcomes)).toEqual({ PerformReactionSuccess: 5 });
  expect(outcomes.filter((outcome) => succeed(outcome).replayed)).toHaveLength(4);
  const events = await readEvents(funded, live.streamId);
  expect(events.filter(({ type }) => type === 'REACTION_PERFORMED')).toHaveLength(1);
  await expectQueuesCounted(db.pool);
});

test('performing what is next: by priority, then age, once per key', async ({ funded, live }) => {
  const plain = await addRule(live.creator, { phrase: 'Plain' });
  const loud = await addRule(live.creator, { phrase: 'Loud', gift: 'Ice Cream', priority: 1 });
  for (const rule of [plain, loud, plain]) await earn(funded, live.streamId, rule);
  const key = 'the first one';
  const first = succeed(await performNext(live.creator, live.streamId, key));
  expect(first).toMatchObject({ reaction: { phrase: 'Loud' }, replayed: false });
  const again = await atOnce(3, () => performNext(live.creator, live.streamId, key));
  for (const outcome of again) {
    expect(outcome).toMatchObject({ reaction: { id: first.reaction.id }, replayed: true });
  }
  expect(await readQueue(funded, live.streamId)).toHaveLength(2);
  await performNext(live.creator, live.streamId);
  await performNext(live.creator, live.streamId);
  expect(await performNext(live.creator, live.streamId)).toMatchObject({ code: 'NOT_FOUND' });
  const performed = (await readEvents(funded, live.streamId)).filter(({ type }) => type === 'REACTION_PERFORMED');
  expect(performed.map(({ reaction }) => reaction)).toEqual(['Loud', 'Plain', 'Plain']);
});

test('performing is for the creator alone, and for what there is', async ({ db, server, funded, live }) => {
  const rule = await addRule(live.creator);
  const reactionId = await earn(funded, live.streamId, rule);
  const stranger = await signIn(server);
  await expectNothingWritten(db.pool, async () => {
    expect(await perform(stranger, reactionId)).toMatchObject({ __typename: 'ForbiddenError', code: 'FORBIDDEN' });
    expect(await performNext(stranger, live.streamId)).toMatchObject({ code: 'FORBIDDEN' });
    const nobody = { api: server.http() };
    for (const [name, input] of [
      ['performReaction', { reactionId }],
      ['performNextReaction', { streamId: live.streamId, idempotencyKey: 'k' }],
      ['setAutoPerform', { enabled: true }],
    ] as const) {
      expect(await mutate(nobody.api, name, input)).toMatchObject({ code: 'NOT_SIGNED_IN' });
    }
    for (const [what, id] of wrongIds('Reaction')) {
      expect(await perform(live.creator, id), what).toMatchObject({ code: 'NOT_FOUND' });
    }
    for (const [what, id] of wrongIds('LiveStream')) {
      expect(await performNext(live.creator, id), what).toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(await performNext(live.creator, live.streamId, '')).toMatchObject({ code: 'INVALID_INPUT' });
  });
});
