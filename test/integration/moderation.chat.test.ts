/** Slow mode and blocked words: what chat must obey beside mutes and bans. */
import { expect } from 'vitest';
import { rowId } from '../../src/graphql/global-id.ts';
import {
  type Actor,
  endStream,
  mutate,
  query,
  sendChatMessage,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { creatorIdOf, kindOf, operator } from './support/moderation.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

type SlowMode = { stream: { slowModeSeconds: number }; replayed: boolean };

function setSlowMode(by: Actor, streamId: string, seconds: number) {
  return mutate<SlowMode>(by.api, 'setSlowMode', { streamId, seconds });
}

function block(by: Actor, phrases: string[], creatorId?: string) {
  return mutate<{ blockedWords: string[] }>(by.api, 'blockWords', { phrases, creatorId });
}

function unblock(by: Actor, phrases: string[], creatorId?: string) {
  return mutate<{ blockedWords: string[] }>(by.api, 'unblockWords', { phrases, creatorId });
}

test('in slow mode a viewer says one thing, waits, and says the next', async ({ db, viewer, live }) => {
  succeed(await sendChatMessage(viewer, live.streamId, 'Before'));
  expect(succeed(await setSlowMode(live.creator, live.streamId, 60))).toMatchObject({
    stream: { slowModeSeconds: 60 },
    replayed: false,
  });
  const said = succeed(await sendChatMessage(viewer, live.streamId, 'First', 'first'));
  const refused = await sendChatMessage(viewer, live.streamId, 'Second', 'second');
  expect(refused).toMatchObject({ __typename: 'SlowModeError', code: 'SLOW_MODE' });
  const { retryAfterMs } = refused as unknown as { retryAfterMs: number };
  expect(retryAfterMs).toBeGreaterThan(0);
  expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  expect(await sendChatMessage(viewer, live.streamId, 'First', 'first')).toEqual({ ...said, replayed: true });
  await db.pool.query("UPDATE slow_turn SET said_at = said_at - interval '60 seconds' WHERE viewer_id = $1", [
    rowId('Viewer', viewer.id),
  ]);
  succeed(await sendChatMessage(viewer, live.streamId, 'Second', 'second'));
});

test('of many messages at once in slow mode one is said, of each viewer', async ({ server, viewer, live }) => {
  succeed(await setSlowMode(live.creator, live.streamId, 60));
  const other = await signIn(server);
  const outcomes = await atOnce(20, (n) => sendChatMessage(n % 2 ? viewer : other, live.streamId, `No ${n}`));
  expect(tally(outcomes)).toEqual({ SendChatMessageSuccess: 2, SlowModeError: 18 });
});

test('a clock that jumps back makes nobody wait for longer than slow mode says', async ({ db, viewer, live }) => {
  succeed(await setSlowMode(live.creator, live.streamId, 60));
  succeed(await sendChatMessage(viewer, live.streamId, 'First'));
  await db.pool.query("UPDATE slow_turn SET said_at = said_at + interval '1 day' WHERE viewer_id = $1", [
    rowId('Viewer', viewer.id),
  ]);
  expect(await sendChatMessage(viewer, live.streamId, 'Second')).toMatchObject({ retryAfterMs: 60_000 });
});

test('the creator and moderators need not wait, other streams are not slow, and 0 ends it', async ({
  server,
  viewer,
  live,
}) => {
  succeed(await setSlowMode(live.creator, live.streamId, 60));
  const moderator = await signIn(server);
  const creatorId = await creatorIdOf(live.creator);
  succeed(await mutate(live.creator.api, 'addModerator', { creatorId, viewerId: moderator.id }));
  for (const one of [live.creator, moderator, live.creator, moderator]) {
    succeed(await sendChatMessage(one, live.streamId, 'Again'));
  }
  const elsewhere = (await startStream(await signIn(server))).id;
  for (const text of ['One', 'Two']) succeed(await sendChatMessage(viewer, elsewhere, text));
  succeed(await sendChatMessage(viewer, live.streamId, 'One'));
  expect(succeed(await setSlowMode(moderator, live.streamId, 0))).toMatchObject({ replayed: false });
  succeed(await sendChatMessage(viewer, live.streamId, 'Two'));
  expect(succeed(await setSlowMode(moderator, live.streamId, 0)).replayed).toBe(true);
  expect(kindOf(await setSlowMode(viewer, live.streamId, 10))).toBe('ForbiddenError');
  for (const seconds of [-1, 3_601]) {
    expect(kindOf(await setSlowMode(live.creator, live.streamId, seconds))).toBe('InvalidInputError');
  }
});

test('nothing of slow mode is left when a stream ends', async ({ db, viewer, live }) => {
  succeed(await setSlowMode(live.creator, live.streamId, 60));
  succeed(await sendChatMessage(viewer, live.streamId, 'One'));
  succeed(await endStream(live.creator, live.streamId));
  const { rows } = await db.pool.query(
    'SELECT stream_id FROM slow_turn WHERE stream_id = $1 UNION ALL SELECT stream_id FROM slow_mode WHERE stream_id = $1',
    [rowId('LiveStream', live.streamId)],
  );
  expect(rows).toEqual([]);
});

test("a creator's words are blocked in that creator's streams, in whatever spelling, and the refusal does not repeat them", async ({
  server,
  viewer,
  live,
}) => {
  const creatorId = await creatorIdOf(live.creator);
  const list = succeed(await block(live.creator, ['Grosse Pute', 'بَطِيخ', 'free coins', '脏话'], creatorId));
  expect(list.blockedWords).toEqual(['Grosse Pute', 'بَطِيخ', 'free coins', '脏话']);
  for (const text of [
    'eine GRÖSSE   püte!',
    'بطيخ',
    'بَطِّيخٌ؟',
    'ｆｒｅｅ, coins',
    'Free\u200b C\u00adoins',
    '说脏话了',
  ]) {
    const refusal = await sendChatMessage(viewer, live.streamId, text);
    expect(refusal, text).toEqual({
      __typename: 'BlockedWordsError',
      code: 'BLOCKED_WORDS',
      message: 'The text has words that are not allowed here.',
    });
  }
  for (const text of ['free bitcoins', 'coins free', 'freecoins', 'pute', 'بطيخة']) {
    succeed(await sendChatMessage(viewer, live.streamId, text));
  }
  const elsewhere = (await startStream(await signIn(server))).id;
  succeed(await sendChatMessage(viewer, elsewhere, 'free coins'));
  succeed(await sendChatMessage(live.creator, live.streamId, 'no free coins here'));
});

test('a list is what it is at once: added, doubled, removed', async ({ viewer, live }) => {
  const creatorId = await creatorIdOf(live.creator);
  succeed(await sendChatMessage(viewer, live.streamId, 'pumpkin'));
  succeed(await block(live.creator, ['pumpkin'], creatorId));
  expect(kindOf(await sendChatMessage(viewer, live.streamId, 'pumpkin'))).toBe('BlockedWordsError');
  expect(succeed(await block(live.creator, ['PÜMPKIN', ' turnip '], creatorId)).blockedWords).toEqual([
    'pumpkin',
    'turnip',
  ]);
  expect(kindOf(await sendChatMessage(viewer, live.streamId, 'Turnip.'))).toBe('BlockedWordsError');
  expect(succeed(await unblock(live.creator, ['Pumpkin'], creatorId)).blockedWords).toEqual(['turnip']);
  succeed(await sendChatMessage(viewer, live.streamId, 'pumpkin'));
});

test('who is refused in slow mode for a word has not had a turn', async ({ viewer, live }) => {
  const creatorId = await creatorIdOf(live.creator);
  succeed(await block(live.creator, ['pumpkin'], creatorId));
  succeed(await setSlowMode(live.creator, live.streamId, 60));
  expect(kindOf(await sendChatMessage(viewer, live.streamId, 'pumpkin'))).toBe('BlockedWordsError');
  succeed(await sendChatMessage(viewer, live.streamId, 'sorry'));
});

test("the platform's words are for operators to set, and hold for everybody everywhere", async ({
  server,
  viewer,
  live,
}) => {
  const boss = await operator(server);
  expect(kindOf(await block(live.creator, ['rutabaga']))).toBe('ForbiddenError');
  succeed(await block(boss, ['rutabaga']));
  for (const one of [viewer, live.creator]) {
    expect(kindOf(await sendChatMessage(one, live.streamId, 'A rutabaga!'))).toBe('BlockedWordsError');
  }
  const words = 'query Words($creatorId: ID) { blockedWords(creatorId: $creatorId) }';
  expect(await query(boss.api, words)).toMatchObject({ blockedWords: expect.arrayContaining(['rutabaga']) });
  const { data, errors } = await viewer.api.request(words, { creatorId: await creatorIdOf(live.creator) });
  expect([data ?? null, errors?.[0]?.extensions?.code]).toEqual([null, 'FORBIDDEN']);
  succeed(await unblock(boss, ['rutabaga']));
});

test.for([
  ['nothing', []],
  ['an empty word', ['']],
  ['signs alone', ['?!']],
  ['101 characters', ['x'.repeat(101)]],
  ['101 words', Array.from({ length: 101 }, (_, n) => `word${n}`)],
] as const)('a list of %s is refused', async ([, phrases], { live }) => {
  const creatorId = await creatorIdOf(live.creator);
  expect(kindOf(await block(live.creator, [...phrases], creatorId))).toBe('InvalidInputError');
});

test('a list that is full takes no more', async ({ live }) => {
  const creatorId = await creatorIdOf(live.creator);
  for (let page = 0; page < 10; page++) {
    const words = Array.from({ length: 100 }, (_, n) => `word${page * 100 + n}`);
    succeed(await block(live.creator, words, creatorId));
  }
  expect(await block(live.creator, ['one more'], creatorId)).toMatchObject({
    __typename: 'InvalidInputError',
    issues: [{ path: 'input.phrases' }],
  });
  expect(kindOf(await block(live.creator, ['WORD7'], creatorId))).toBe('BlockWordsSuccess');
});
