/** Goals: who may begin and end them, what counts, and what the feed says of it. */
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import {
  buyCoins,
  endStream,
  giftId,
  type LiveEventEdge,
  query,
  sendGift,
  signIn,
  succeed,
} from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { endGoal, goalsOf, startGoal } from './support/goals.ts';
import { globalId, rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { openOffer } from './support/orders.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

describe('goals in coins', () => {
  test('count from their beginning, are reached once, and then stand', async ({ server, live, funded }) => {
    const { creator, streamId } = live;
    await sendGift(funded, streamId, { quantity: 7 });
    const { goal, replayed } = succeed(await startGoal(creator, streamId, { title: '  A song ', target: 10 }));
    expect(replayed).toBe(false);
    expect(goal).toMatchObject({ kind: 'COINS', title: 'A song', gift: null, target: 10, progress: 0, state: 'OPEN' });
    await sendGift(funded, streamId, { quantity: 9 });
    expect(await goalsOf({ api: server.http() }, streamId)).toEqual([{ ...goal, progress: 9 }]);
    await sendGift(funded, streamId, { quantity: 3 });
    await sendGift(funded, streamId, { quantity: 5 });
    const [reached] = await goalsOf({ api: server.http() }, streamId);
    expect(reached).toMatchObject({ id: goal.id, progress: 12, state: 'REACHED', doneAt: expect.any(String) });
    const events = await readEvents(creator, streamId);
    expect(events.slice(2)).toMatchObject([
      { type: 'GOAL_STARTED', goal },
      { type: 'GIFT_SENT', quantity: 9 },
      { type: 'GIFT_SENT', quantity: 3 },
      { type: 'GOAL_REACHED', goal: { ...reached, doneAt: expect.any(String) } },
      { type: 'GIFT_SENT', quantity: 5 },
    ]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, index) => index + 1));
  });

  test('the feed brings them in order with the gifts', async ({ server, live, funded }) => {
    const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
    await startGoal(live.creator, live.streamId);
    await sendGift(funded, live.streamId, { quantity: 10 });
    await endStream(live.creator, live.streamId);
    const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'STREAM_ENDED');
    await feed.close();
    expect(seen.map(({ liveEvents }) => liveEvents.node.type)).toEqual([
      'STREAM_STARTED',
      'GOAL_STARTED',
      'GIFT_SENT',
      'GOAL_REACHED',
      'STREAK_ENDED',
      'STREAM_ENDED',
    ]);
  });

  test('one gift may reach several', async ({ live, funded }) => {
    for (const target of [3, 20, 5]) succeed(await startGoal(live.creator, live.streamId, { target }));
    await sendGift(funded, live.streamId, { quantity: 6 });
    const reached = (await readEvents(live.creator, live.streamId)).filter(({ type }) => type === 'GOAL_REACHED');
    expect(reached).toMatchObject([{ goal: { target: 3 } }, { goal: { target: 5 } }]);
    await sendGift(funded, live.streamId, { quantity: 14 });
    const events = await readEvents(live.creator, live.streamId);
    expect(events.at(-1)).toMatchObject({ type: 'GOAL_REACHED', goal: { target: 20, progress: 20 } });
  });

  test('gifts that come at once reach a goal once', async ({ server, live }) => {
    const { goal } = succeed(await startGoal(live.creator, live.streamId, { target: 25 }));
    const givers = await atOnce(20, () => signIn(server));
    await Promise.all(givers.map((giver) => buyCoins(giver, { coins: 10 })));
    const outcomes = await Promise.all(givers.map((giver) => sendGift(giver, live.streamId, { quantity: 2 })));
    expect(tally(outcomes)).toEqual({ SendGiftSuccess: 20 });
    const events = await readEvents(live.creator, live.streamId);
    const at = events.findIndex(({ type }) => type === 'GOAL_REACHED');
    const given = events.slice(0, at).reduce((sum, { coins }) => sum + ((coins as number | undefined) ?? 0), 0);
    expect(given).toBeGreaterThanOrEqual(25);
    expect(events[at]).toMatchObject({ goal: { id: goal.id, progress: given } });
    expect(events.filter(({ type }) => type === 'GOAL_REACHED')).toHaveLength(1);
  });
});

test('goals in gifts count one kind only', async ({ db, live, funded }) => {
  const { creator, streamId } = live;
  const iceCream = await giftId(funded.api, 'Ice Cream');
  const { goal } = succeed(await startGoal(creator, streamId, { kind: 'GIFTS', giftId: iceCream, target: 3 }));
  expect(goal.gift).toMatchObject({ id: iceCream, name: 'Ice Cream', coins: 10 });
  await sendGift(funded, streamId, { quantity: 50 });
  await sendGift(funded, streamId, { gift: 'Ice Cream', quantity: 2 });
  expect(await goalsOf(creator, streamId)).toMatchObject([{ progress: 2, state: 'OPEN' }]);
  await sendGift(funded, streamId, { gift: 'Ice Cream' });
  expect(await goalsOf(creator, streamId)).toMatchObject([{ progress: 3, state: 'REACHED' }]);
  expect((await readEvents(creator, streamId)).at(-1)).toMatchObject({ type: 'GOAL_REACHED', goal: { progress: 3 } });
  const { rows } = await db.pool.query('SELECT counts_gifts, coin_mark FROM stream WHERE id = $1', [rowOf(streamId)]);
  expect(rows, 'gifts do not look for it any more').toEqual([{ counts_gifts: false, coin_mark: null }]);
});

test('goals in orders count the purchases that the feed shows', async ({ server, live, funded }) => {
  const counter = await openOffer(server, funded);
  const elsewhere = await openOffer(server, await signIn(server));
  const { creator, streamId } = counter;
  const { goal } = succeed(await startGoal(creator, streamId, { kind: 'ORDERS', target: 2 }));
  succeed(await startGoal(live.creator, live.streamId, { kind: 'ORDERS', target: 1 }));
  await sendGift(funded, streamId, { quantity: 5 });
  succeed(await counter.buy({ quantity: 3 }));
  expect(await goalsOf(creator, streamId)).toMatchObject([{ id: goal.id, progress: 1, state: 'OPEN' }]);
  succeed(await elsewhere.buy());
  expect(await counter.buy({ paymentToken: 'tok_declined' })).toMatchObject({ code: 'PAYMENT_DECLINED' });
  expect(await goalsOf(creator, streamId)).toMatchObject([{ id: goal.id, progress: 1, state: 'OPEN' }]);
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId, after: '' });
  succeed(await counter.buy());
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'GOAL_REACHED');
  await feed.close();
  expect(seen.map(({ liveEvents }) => liveEvents.node).slice(-2)).toMatchObject([
    { type: 'PRODUCT_PURCHASED' },
    { type: 'GOAL_REACHED', goal: { id: goal.id, progress: 2, state: 'REACHED' } },
  ]);
  expect(await goalsOf(live.creator, live.streamId)).toMatchObject([{ progress: 0, state: 'OPEN' }]);
});

describe('refusals', () => {
  test.for([
    ['a target of 0', { target: 0 }, 'input.target'],
    ['a negative target', { target: -1 }, 'input.target'],
    ['a huge target', { target: Number.MAX_SAFE_INTEGER }, 'input.target'],
    ['no title', { title: ' ' }, 'input.title'],
    ['a long title', { title: 'x'.repeat(101) }, 'input.title'],
    ['an empty key', { idempotencyKey: '' }, 'input.idempotencyKey'],
    ['gifts of no kind', { kind: 'GIFTS' }, 'input.giftId'],
    ['coins of a kind of gift', { giftId: globalId('Gift', 1) }, 'input.giftId'],
    ['orders of a kind of gift', { kind: 'ORDERS', giftId: globalId('Gift', 1) }, 'input.giftId'],
  ] as const)('%s', async ([, terms, path], { db, live }) => {
    const outcome = await expectNothingWritten(db.pool, () => startGoal(live.creator, live.streamId, terms));
    expect(outcome).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path }] });
  });

  test('somebody else’s stream, one that is over, and nobody signed in', async ({ db, server, live }) => {
    const stranger = await signIn(server);
    const { goal } = succeed(await startGoal(live.creator, live.streamId));
    const outcomes = await expectNothingWritten(db.pool, () =>
      Promise.all([
        startGoal(stranger, live.streamId),
        endGoal(stranger, goal.id),
        startGoal({ api: server.http() }, live.streamId),
        endGoal({ api: server.http() }, goal.id),
      ]),
    );
    expect(tally(outcomes)).toEqual({ ForbiddenError: 2, NotSignedInError: 2 });
    await endStream(live.creator, live.streamId);
    expect(await startGoal(live.creator, live.streamId)).toMatchObject({ code: 'STREAM_NOT_LIVE' });
  });

  test('ids of nothing', async ({ db, server, live }) => {
    for (const [, id] of wrongIds('LiveStream')) {
      expect(await startGoal(live.creator, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
    for (const [, id] of wrongIds('Goal')) expect(await endGoal(live.creator, id)).toMatchObject({ code: 'NOT_FOUND' });
    const document = 'query Node($id: ID!) { node(id: $id) { id } }';
    expect(await query(server.http(), document, { id: globalId('Goal', 999_999) })).toEqual({ node: null });
    await db.pool.query("INSERT INTO gift (name, coins, active) VALUES ('Gone', 1, false) ON CONFLICT DO NOTHING");
    const { rows } = await db.pool.query("SELECT id FROM gift WHERE name = 'Gone'");
    const terms = { kind: 'GIFTS', giftId: globalId('Gift', rows[0].id) };
    expect(await startGoal(live.creator, live.streamId, terms)).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a sixth open goal, also of many at once', async ({ db, live }) => {
    const outcomes = await atOnce(12, () => startGoal(live.creator, live.streamId));
    expect(tally(outcomes)).toEqual({ StartGoalSuccess: 5, GoalStateError: 7 });
    const refused = await expectNothingWritten(db.pool, () => startGoal(live.creator, live.streamId));
    expect(refused).toMatchObject({ code: 'GOAL_STATE', state: null });
    succeed(await endGoal(live.creator, successes(outcomes)[0]!.goal.id));
    succeed(await startGoal(live.creator, live.streamId));
  });

  test('a goal that is reached cannot be ended', async ({ db, live, funded }) => {
    const { goal } = succeed(await startGoal(live.creator, live.streamId, { target: 1 }));
    await sendGift(funded, live.streamId);
    const outcome = await expectNothingWritten(db.pool, () => endGoal(live.creator, goal.id));
    expect(outcome).toMatchObject({ __typename: 'GoalStateError', code: 'GOAL_STATE', state: 'REACHED' });
  });
});

test('a key begins one goal, however often and however much at once', async ({ live }) => {
  const idempotencyKey = randomUUID();
  const outcomes = await atOnce(20, () => startGoal(live.creator, live.streamId, { idempotencyKey }));
  expect(tally(outcomes)).toEqual({ StartGoalSuccess: 20 });
  expect(new Set(successes(outcomes).map(({ goal }) => goal.id)).size).toBe(1);
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
  const other = await startGoal(live.creator, live.streamId, { idempotencyKey, target: 11 });
  expect(other).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
});

describe('ending', () => {
  test('ends once, with what it came to; later gifts do not count', async ({ db, live, funded }) => {
    const { goal } = succeed(await startGoal(live.creator, live.streamId));
    await sendGift(funded, live.streamId, { quantity: 4 });
    const outcomes = await atOnce(10, () => endGoal(live.creator, goal.id));
    expect(tally(outcomes)).toEqual({ EndGoalSuccess: 10 });
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    await sendGift(funded, live.streamId, { quantity: 20 });
    const again = await expectNothingWritten(db.pool, () => endGoal(live.creator, goal.id));
    expect(again).toMatchObject({ replayed: true, goal: { state: 'ENDED', progress: 4 } });
    const types = (await readEvents(live.creator, live.streamId)).map(({ type }) => type);
    expect(types).toEqual(['STREAM_STARTED', 'GOAL_STARTED', 'GIFT_SENT', 'GOAL_ENDED', 'GIFT_SENT']);
  });

  test('the end of the stream ends its open goals, before the last event', async ({ db, live, funded }) => {
    const iceCream = await giftId(funded.api, 'Ice Cream');
    const first = succeed(await startGoal(live.creator, live.streamId)).goal;
    const reached = succeed(await startGoal(live.creator, live.streamId, { target: 1 })).goal;
    const last = succeed(await startGoal(live.creator, live.streamId, { kind: 'GIFTS', giftId: iceCream })).goal;
    await sendGift(funded, live.streamId, { quantity: 6 });
    succeed(await endStream(live.creator, live.streamId));
    expect((await readEvents(live.creator, live.streamId)).slice(-3)).toMatchObject([
      { type: 'GOAL_ENDED', goal: { id: first.id, progress: 6, state: 'ENDED' } },
      { type: 'GOAL_ENDED', goal: { id: last.id, progress: 0, state: 'ENDED' } },
      { type: 'STREAM_ENDED' },
    ]);
    expect((await goalsOf(live.creator, live.streamId)).map(({ id }) => id)).toEqual([last.id, reached.id, first.id]);
    const { rows } = await db.pool.query('SELECT counts_gifts, coin_mark FROM stream WHERE id = $1', [
      rowOf(live.streamId),
    ]);
    expect(rows).toEqual([{ counts_gifts: false, coin_mark: null }]);
  });

  test('goals that begin while the stream ends are in the log with their ends, or not at all', async ({ live }) => {
    const [outcomes] = await Promise.all([
      atOnce(4, () => startGoal(live.creator, live.streamId)),
      endStream(live.creator, live.streamId),
    ]);
    const started = successes(outcomes).length;
    const events = await readEvents(live.creator, live.streamId);
    const count = (type: string) => events.filter((event) => event.type === type).length;
    expect([count('GOAL_STARTED'), count('GOAL_ENDED')]).toEqual([started, started]);
    expect(events.at(-1)!.type).toBe('STREAM_ENDED');
  });
});

test('a stream shows the open goals first, and 20 at the most', async ({ db, live }) => {
  const open = succeed(await startGoal(live.creator, live.streamId)).goal;
  await db.pool.query(
    `INSERT INTO goal (stream_id, kind, title, target, coins_from, state, started_at, done_at)
     SELECT $1, 'COINS', 'Old', 5, 0, 'ENDED', now(), now() FROM generate_series(1, 30)`,
    [rowOf(live.streamId)],
  );
  const shown = await goalsOf(live.creator, live.streamId);
  expect(shown).toHaveLength(20);
  expect(shown[0]!.id).toBe(open.id);
});

test('the goals of many streams are one statement', async ({ server, live }) => {
  succeed(await startGoal(live.creator, live.streamId));
  const document = 'query All { liveStreams(first: 50) { edges { node { goals { progress } level { level } } } } }';
  const reader = await signIn(server);
  const { count } = await countSql(server.app, () => query(reader.api, document));
  const without = await countSql(server.app, () => query(reader.api, document.replace(/goals.*level \}/, 'id')));
  expect(count).toBe(without.count + 2);
});
