/** Rules for reactions: making, changing and deleting them, and which gifts they match. */
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { RULES_MAX } from '../../src/domains/reactions/reactions.limits.ts';
import { buyCoins, giftId, mutate, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { addRule, createRule, earn, readQueue, rulesOf } from './support/reactions.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

describe('making a rule', () => {
  test('puts it in force, with what the creator has left out', async ({ server, live }) => {
    const rule = await addRule(live.creator, {
      phrase: '  Ice cream so good!  ',
      gift: 'Ice Cream',
      animation: 'lick_1',
      sound: 'mmm',
    });
    expect(rule).toEqual({
      id: expect.any(String),
      gift: { id: await giftId(server.http(), 'Ice Cream'), name: 'Ice Cream', coins: 10 },
      minQuantity: 1,
      minStreak: null,
      phrase: 'Ice cream so good!',
      animation: 'lick_1',
      sound: 'mmm',
      priority: 0,
      cooldownMs: 0,
      durationMs: 3_000,
      active: true,
    });
    const streak = await addRule(live.creator, { minStreak: 10, priority: -3, cooldownMs: 60_000, durationMs: 500 });
    expect(streak).toMatchObject({
      minQuantity: null,
      minStreak: 10,
      priority: -3,
      cooldownMs: 60_000,
      durationMs: 500,
    });
    expect(await rulesOf(server.http(), live.creator.handle)).toEqual({
      autoPerforms: false,
      phrases: ['Ice cream so good!', 'Thank you for the rose!'],
    });
  });

  test('happens once per key, however many ask at once', async ({ server, live }) => {
    const idempotencyKey = randomUUID();
    const made = await atOnce(5, () => createRule(live.creator, { idempotencyKey }));
    expect(tally(made)).toEqual({ CreateReactionRuleSuccess: 5 });
    expect(new Set(made.map((outcome) => succeed(outcome).rule.id)).size).toBe(1);
    expect(made.filter((outcome) => succeed(outcome).replayed)).toHaveLength(4);
    expect(await createRule(live.creator, { idempotencyKey, phrase: 'Another' })).toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
    expect((await rulesOf(server.http(), live.creator.handle)).phrases).toHaveLength(1);
  });

  test('makes a creator of whoever was none, before they go live', async ({ server, viewer }) => {
    const document = 'query C($handle: String!) { creator(handle: $handle) { id } }';
    expect(await query(server.http(), document, { handle: viewer.handle })).toEqual({ creator: null });
    await addRule(viewer);
    expect((await rulesOf(server.http(), viewer.handle)).phrases).toEqual(['Thank you for the rose!']);
  });

  test('is refused beyond so many, also at once; a deleted one makes room', async ({ db, server, live }) => {
    const { id } = await addRule(live.creator);
    await db.pool.query(
      `INSERT INTO reaction_rule (creator_id, gift_id, min_quantity, phrase, duration_ms)
         SELECT creator_id, gift_id, 1, 'Filler', 1000 FROM reaction_rule, generate_series(1, $2) WHERE id = $1`,
      [rowOf(id), RULES_MAX - 3],
    );
    const outcomes = await atOnce(5, () => createRule(live.creator));
    expect(tally(outcomes)).toEqual({ CreateReactionRuleSuccess: 2, InvalidInputError: 3 });
    expect((await rulesOf(server.http(), live.creator.handle)).phrases).toHaveLength(RULES_MAX);
    succeed(await mutate(live.creator.api, 'deleteReactionRule', { ruleId: id }));
    succeed(await createRule(live.creator));
  });
});

describe('a new rule', () => {
  test.for([
    ['a phrase that is empty', { phrase: ' ' }, 'input.phrase'],
    ['a phrase that is too long', { phrase: 'x'.repeat(201) }, 'input.phrase'],
    ['a phrase with a NUL', { phrase: 'a\0b' }, 'input.phrase'],
    ['an animation that is a path', { animation: '../secret' }, 'input.animation'],
    ['an animation with capitals', { animation: 'Jump' }, 'input.animation'],
    ['an empty sound', { sound: '' }, 'input.sound'],
    ['a sound that is too long', { sound: 's'.repeat(51) }, 'input.sound'],
    ['a priority out of range', { priority: 101 }, 'input.priority'],
    ['a negative cooldown', { cooldownMs: -1 }, 'input.cooldownMs'],
    ['a cooldown of days', { cooldownMs: 2_147_483_647 }, 'input.cooldownMs'],
    ['no duration', { durationMs: 0 }, 'input.durationMs'],
    ['an endless duration', { durationMs: 60_001 }, 'input.durationMs'],
    ['a quantity of 0', { minQuantity: 0 }, 'input.minQuantity'],
    ['a quantity that no call has', { minQuantity: 1_001 }, 'input.minQuantity'],
    ['a streak of 1', { minStreak: 1 }, 'input.minStreak'],
    ['both minimums', { minQuantity: 2, minStreak: 2 }, 'input.minStreak'],
    ['an empty key', { idempotencyKey: '' }, 'input.idempotencyKey'],
  ] as const)('is refused with %s', async ([_what, fields, path], { db, live }) => {
    await expectNothingWritten(db.pool, async () => {
      expect(await createRule(live.creator, fields)).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path }] });
    });
  });

  test('is refused for no gift, a gift off sale, and nobody', async ({ db, server, live }) => {
    const { rows } = await db.pool.query<{ id: string }>(
      "INSERT INTO gift (name, coins, active) VALUES ('Old hat', 3, false) RETURNING id",
    );
    const oldHat = Buffer.from(`Gift:${rows[0]!.id}`).toString('base64');
    await expectNothingWritten(db.pool, async () => {
      for (const [what, id] of [...wrongIds('Gift'), ['off sale', oldHat]] as const) {
        expect(await createRule(live.creator, { giftId: id }), what).toMatchObject({ code: 'NOT_FOUND' });
      }
      expect(await createRule({ ...live.creator, api: server.http() })).toMatchObject({ code: 'NOT_SIGNED_IN' });
    });
  });
});

describe('changing a rule', () => {
  test('changes what is given, and nothing that waits already', async ({ server, funded, live }) => {
    const rule = await addRule(live.creator, { animation: 'jump', sound: 'pop', durationMs: 1_000 });
    await earn(funded, live.streamId, rule);
    const ruleId = rule.id;
    const change = (fields: Record<string, unknown>) =>
      mutate<{ rule: unknown }>(live.creator.api, 'updateReactionRule', { ruleId, ...fields });
    expect(await change({ phrase: 'New', sound: null, durationMs: 2_000 })).toMatchObject({
      rule: { ...rule, phrase: 'New', sound: null, durationMs: 2_000 },
    });
    expect((await rulesOf(server.http(), live.creator.handle)).phrases).toEqual(['New']);
    expect(await change({ minStreak: 5 })).toMatchObject({ rule: { minQuantity: null, minStreak: 5 } });
    expect(await change({ minQuantity: 2, gift: undefined })).toMatchObject({
      rule: { minQuantity: 2, minStreak: null },
    });
    expect(await change({ giftId: await giftId(server.http(), 'Heart') })).toMatchObject({
      rule: { gift: { name: 'Heart', coins: 50 }, animation: 'jump' },
    });
    expect(await change({})).toMatchObject({ rule: { phrase: 'New', minQuantity: 2 } });
    expect(await readQueue(funded, live.streamId)).toMatchObject([
      { phrase: 'Thank you for the rose!', sound: 'pop', durationMs: 1_000 },
    ]);
  });

  test('is refused where making it would be, for a deleted one, and for others', async ({
    db,
    server,
    live,
    viewer,
  }) => {
    const rule = await addRule(live.creator);
    const gone = await addRule(live.creator);
    succeed(await mutate(live.creator.api, 'deleteReactionRule', { ruleId: gone.id }));
    await expectNothingWritten(db.pool, async () => {
      const change = (ruleId: string, fields = {}, who = live.creator) =>
        mutate(who.api, 'updateReactionRule', { ruleId, ...fields });
      expect(await change(rule.id, { phrase: '', animation: 'A B', minQuantity: 1, minStreak: 2 })).toMatchObject({
        issues: [{ path: 'input.phrase' }, { path: 'input.animation' }, { path: 'input.minStreak' }],
      });
      expect(await change(rule.id, { minQuantity: 1, minStreak: 2 })).toMatchObject({
        issues: [{ path: 'input.minStreak' }],
      });
      expect(await change(rule.id, { giftId: 'nonsense' })).toMatchObject({ code: 'NOT_FOUND' });
      expect(await change(gone.id, { phrase: 'Back' })).toMatchObject({ code: 'NOT_FOUND' });
      expect(await change(rule.id, {}, viewer)).toMatchObject({ __typename: 'ForbiddenError' });
      expect(await change(rule.id, {}, { ...viewer, api: server.http() })).toMatchObject({ code: 'NOT_SIGNED_IN' });
      for (const [what, id] of wrongIds('ReactionRule')) {
        expect(await change(id), what).toMatchObject({ code: 'NOT_FOUND' });
        expect(await mutate(live.creator.api, 'deleteReactionRule', { ruleId: id }), what).toMatchObject({
          code: 'NOT_FOUND',
        });
      }
      expect(await mutate(viewer.api, 'deleteReactionRule', { ruleId: rule.id })).toMatchObject({ code: 'FORBIDDEN' });
      expect(await mutate(server.http(), 'deleteReactionRule', { ruleId: rule.id })).toMatchObject({
        code: 'NOT_SIGNED_IN',
      });
    });
  });

  test('deleting it, once or again, leaves what waits, and gifts earn nothing by it', async ({
    server,
    funded,
    live,
  }) => {
    const rule = await addRule(live.creator);
    const reactionId = await earn(funded, live.streamId, rule);
    const deletes = await atOnce(3, () =>
      mutate<{ replayed: boolean }>(live.creator.api, 'deleteReactionRule', { ruleId: rule.id }),
    );
    expect(deletes.filter((outcome) => succeed(outcome).replayed)).toHaveLength(2);
    expect((await rulesOf(server.http(), live.creator.handle)).phrases).toEqual([]);
    succeed(await sendGift(funded, live.streamId));
    expect((await readQueue(funded, live.streamId)).map(({ id }) => id)).toEqual([reactionId]);
    const document = 'query R($id: ID!) { node(id: $id) { ... on ReactionRule { active } } }';
    expect(await query(server.http(), document, { id: rule.id })).toEqual({ node: { active: false } });
  });
});

describe('a gift', () => {
  test('earns what its quantity or its streak reaches, the most urgent first, and says so behind the gift', async ({
    funded,
    live,
  }) => {
    await addRule(live.creator, { phrase: 'Three', minQuantity: 3, durationMs: 1_000 });
    await addRule(live.creator, { phrase: 'Five in a row', minStreak: 5, priority: 1, durationMs: 2_000 });
    for (const quantity of [1, 1, 3, 1, 3]) succeed(await sendGift(funded, live.streamId, { quantity }));
    const events = (await readEvents(funded, live.streamId)).slice(1);
    expect(events.map(({ __typename, reaction, position, etaMs }) => [__typename, reaction, position, etaMs])).toEqual([
      ['GiftSent', undefined, undefined, undefined],
      ['GiftSent', undefined, undefined, undefined],
      ['GiftSent', undefined, undefined, undefined],
      ['ReactionQueued', 'Five in a row', 1, 0],
      ['GiftSent', undefined, undefined, undefined],
      ['GiftSent', undefined, undefined, undefined],
      ['ReactionQueued', 'Three', 2, 2_000],
    ]);
    const [waiting] = await readQueue(funded, live.streamId);
    expect(events[3]).toMatchObject({ reactionId: waiting!.id, giftSeq: events[2]!.seq, sender: { id: funded.id } });
  });

  test('earns nothing while its rule rests', async ({ db, funded, live }) => {
    const rule = await addRule(live.creator, { cooldownMs: 60_000 });
    await earn(funded, live.streamId, rule);
    succeed(await sendGift(funded, live.streamId));
    expect(await readQueue(funded, live.streamId)).toHaveLength(1);
    await db.pool.query("UPDATE reaction SET queued_at = queued_at - interval '1 minute' WHERE rule_id = $1", [
      rowOf(rule.id),
    ]);
    await earn(funded, live.streamId, rule);
    expect(await readQueue(funded, live.streamId)).toHaveLength(2);
  });

  test('whose reaction does not fit is refused, and not paid; others go on', async ({ db, server, live }) => {
    const viewer = await signIn(server);
    succeed(await buyCoins(viewer, { coins: 350 }));
    await addRule(live.creator);
    const sent = await atOnce(103, () => sendGift(viewer, live.streamId));
    expect(tally(sent)).toEqual({ SendGiftSuccess: 100, ReactionQueueFullError: 3 });
    expect(await readQueue(viewer, live.streamId, 1_000)).toHaveLength(100);
    const refused = await expectNothingWritten(db.pool, () => sendGift(viewer, live.streamId));
    expect(refused).toMatchObject({ code: 'REACTION_QUEUE_FULL', retryAfterMs: expect.any(Number) });
    expect(succeed(await sendGift(viewer, live.streamId, { gift: 'Ice Cream' })).wallet.coins).toBe(350 - 110);
  });
});
