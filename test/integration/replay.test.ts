/** Replaying the logs rebuilds every counter, state and board, while everything happens at once on two servers, and when it is over. */
import { expect } from 'vitest';
import {
  type Actor,
  buyCoins,
  endStream,
  freshHandle,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { type LoggedEvent, replay, replayDatabase } from '../support/replay.ts';
import { type Server, startServer } from '../support/server.ts';
import { uncounted } from './support/boards.ts';
import { claimBox, fundBox, reachEnd, reachOpening } from './support/boxes.ts';
import { purchase, tell } from './support/disputes.ts';
import { endGoal, startGoal } from './support/goals.ts';
import { atOnce, successes } from './support/outcomes.ts';
import { addRule, performNext, readQueue, setAuto } from './support/reactions.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const BUSY = {
  overrides: {
    ...QUIET.overrides,
    gifts: { streakWindowMs: 150, sweepIntervalMs: 20 },
    community: {
      ...QUIET.overrides.community,
      goals: { sweepIntervalMs: 20, steps: [5, 5, 150], windowMs: 60_000, levelMs: 200, cooldownMs: 50 },
      boxes: { sweepIntervalMs: 20 },
      leaderboards: { foldIntervalMs: 20, watchIntervalMs: 20 },
      reactions: { clockIntervalMs: 20 },
    },
  },
};

const test = testOn(BUSY).extend('other', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<Server> => {
  const other = await startServer({ ...BUSY, databaseUrl: db.url });
  onCleanup(() => other.close());
  return other;
});

type Stage = { creator: Actor; streamId: string };

/** Creators with rules, goals and a live stream each. */
function stages(servers: readonly Server[], count: number): Promise<Stage[]> {
  return atOnce(count, async (n) => {
    const creator = await signIn(servers[n % servers.length]!, freshHandle('creator'));
    const { id: streamId } = await startStream(creator);
    await addRule(creator, { minQuantity: 4, durationMs: 500 });
    await addRule(creator, { gift: 'Ice Cream', minStreak: 3, durationMs: 500 });
    if (n === 0) succeed(await setAuto(creator, true));
    succeed(await startGoal(creator, streamId, { target: 60 }));
    succeed(await startGoal(creator, streamId, { target: 100_000 }));
    return { creator, streamId };
  });
}

/** What a viewer does in a stream, in one round. */
async function act(viewer: Actor, { streamId }: Stage, turn: number): Promise<void> {
  await sendGift(viewer, streamId, { quantity: 1 + (turn % 6) });
  if (turn % 3 === 0) await sendGift(viewer, streamId, { gift: 'Ice Cream' });
  if (turn % 2 === 0) await sendChatMessage(viewer, streamId, `turn ${turn}`);
}

/** What a creator does meanwhile. */
async function lead({ creator, streamId }: Stage, turn: number): Promise<void> {
  if (turn % 2 === 0) await performNext(creator, streamId);
  const goal = await startGoal(creator, streamId, { target: 25 + turn });
  if (turn % 3 === 0 && 'goal' in goal) await endGoal(creator, (goal.goal as { id: string }).id);
  await sendChatMessage(creator, streamId, 'thank you');
}

/** A box that opens, is claimed by some, and closes or stays open. */
async function share(
  pool: Parameters<typeof reachOpening>[0],
  funder: Actor,
  stage: Stage,
  viewers: readonly Actor[],
  turn: number,
) {
  const funded = await fundBox(funder, stage.streamId, { coins: 20 + turn, shares: 3 + (turn % 4) });
  const [success] = successes([funded]);
  if (!success) return;
  const { id } = success.box;
  await reachOpening(pool, id);
  await Promise.all(viewers.map((viewer) => claimBox(viewer, id)));
  if (turn % 2 === 0) await reachEnd(pool, id);
}

async function expectSame(pool: Parameters<typeof replayDatabase>[0]): Promise<number> {
  const { replayed, stored, events } = await replayDatabase(pool);
  expect(replayed).toEqual(stored);
  return events;
}

const ROUNDS = 8;

test('at any moment, and at the end', { timeout: 120_000 }, async ({ db, server, other }) => {
  const servers = [server, other];
  const all = await stages(servers, 3);
  const viewers = await atOnce(6, (n) => signIn(servers[n % 2]!));
  for (const viewer of viewers) succeed(await buyCoins(viewer, { coins: 1_000 }));
  const contested = await signIn(server);
  const purchaseId = await purchase(contested, 350);
  const operator = await signIn(server, 'operator');

  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all([
      ...viewers.map((viewer, n) => act(viewer, all[(n + round) % 3]!, n + round)),
      act(contested, all[round % 3]!, round),
      ...all.map((stage, n) => lead(stage, n + round)),
      share(db.pool, viewers[round % 6]!, all[round % 3]!, viewers, round),
      ...(round === 5 ? [endStream(all[2]!.creator, all[2]!.streamId), tell(operator, purchaseId)] : []),
      expectSame(db.pool),
    ]);
  }
  const waiting = (await Promise.all(all.map(({ creator, streamId }) => readQueue(creator, streamId)))).flat();
  expect(waiting.length, 'some reactions still wait').toBeGreaterThan(0);
  await endStream(all[1]!.creator, all[1]!.streamId);
  await expect.poll(() => uncounted(db.pool), { timeout: 20_000 }).toBe(0);
  const events = await expectSame(db.pool);
  expect(events).toBeGreaterThan(200);

  // Nothing of it was left out: all that can happen has happened.
  const { rows } = await db.pool.query<{ type: string }>('SELECT DISTINCT type FROM live_event');
  expect(rows.map(({ type }) => type)).toEqual(
    expect.arrayContaining([
      ...['STREAM_STARTED', 'STREAM_ENDED', 'GIFT_SENT', 'GIFT_REVERSED', 'STREAK_ENDED', 'CHAT_MESSAGE'],
      ...['REACTION_QUEUED', 'REACTION_PERFORMED', 'REACTION_SKIPPED', 'GOAL_STARTED', 'GOAL_REACHED', 'GOAL_ENDED'],
      ...['LEVEL_STARTED', 'LEVEL_RAISED', 'LEVEL_ENDED', 'BOX_FUNDED', 'BOX_OPENED', 'BOX_CLAIMED', 'BOX_CLOSED'],
    ]),
  );
});

test('a counter that is off by one shows', async ({ db, funded, live }) => {
  succeed(await sendGift(funded, live.streamId, { quantity: 2 }));
  await expect.poll(() => uncounted(db.pool), { timeout: 20_000 }).toBe(0);
  for (const [wrong, right] of [
    ['UPDATE stream_gifter SET coins = coins + 1', 'UPDATE stream_gifter SET coins = coins - 1'],
    ['UPDATE stream SET gift_coins = gift_coins + 1', 'UPDATE stream SET gift_coins = gift_coins - 1'],
    [`UPDATE board_score SET messages = messages + 1`, `UPDATE board_score SET messages = messages - 1`],
  ] as const) {
    await db.pool.query(wrong);
    await expect(expectSame(db.pool)).rejects.toThrow();
    await db.pool.query(right);
  }
  await expectSame(db.pool);
});

test('a log that contradicts itself is not folded', () => {
  const at = { streamId: '1', occurredAt: new Date(0) };
  const sender = { id: 7 };
  const gift = { sender, gift: { id: 1 }, quantity: 2, coins: 2 };
  const logs: LoggedEvent[][] = [
    [{ ...at, seq: 1, type: 'GIFT_SENT', payload: { ...gift, streak: 2 } }],
    [
      { ...at, seq: 1, type: 'STREAM_STARTED', payload: {} },
      { ...at, seq: 2, type: 'GIFT_SENT', payload: { ...gift, streak: 3 } },
    ],
    [
      { ...at, seq: 1, type: 'BOX_FUNDED', payload: { box: { id: 1, coins: 5, shares: 2 } } },
      { ...at, seq: 2, type: 'BOX_CLOSED', payload: { boxId: 1, claimed: 0, returned: 4 } },
    ],
  ];
  for (const log of logs) expect(() => replay(log, new Map(), new Map())).toThrow(/^1:\d /);
});
