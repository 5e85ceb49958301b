/** Gifts that are taken back: goals and battles stand, as what was celebrated in public is not taken back. */
import { expect } from 'vitest';
import { sendGift, succeed } from '../support/operations.ts';
import { test as base, fight } from './support/battle-test.ts';
import { battleOf, eventsWith, expectReplayed, moveTo } from './support/battles.ts';
import { goalsOf, startGoal } from './support/goals.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { connectReverser } from './support/reversals.ts';

const test = base.extend('reverser', { scope: 'file' }, ({ db }, { onCleanup }) => {
  const reverser = connectReverser(db.url);
  onCleanup(() => reverser.close());
  return reverser;
});

test('progress, what is reached and the scores stand when all gifts are taken back', async ({
  db,
  guest,
  live,
  rival,
  fan,
  reverser,
}) => {
  const reached = succeed(await startGoal(live.creator, live.streamId, { target: 40 })).goal;
  const open = succeed(await startGoal(live.creator, live.streamId, { target: 100 })).goal;
  const battle = await fight(live, rival);
  await sendGift(fan, live.streamId, { quantity: 60 });
  const { rows } = await db.pool.query('SELECT id FROM gift_sent WHERE viewer_id = $1', [rowOf(fan.id)]);
  expect(await reverser.reverse(rows.map(({ id }) => BigInt(id)))).toBe(1);
  expect((await readEvents(guest, live.streamId)).at(-1)).toMatchObject({ type: 'GIFT_REVERSED', coins: 60 });
  expect(await goalsOf(guest, live.streamId)).toMatchObject([
    { id: open.id, progress: 60, state: 'OPEN' },
    { id: reached.id, progress: 60, state: 'REACHED' },
  ]);
  expect((await battleOf(guest, live.streamId))!.sides.map(({ score }) => score)).toEqual([60, 0]);
  await moveTo(db.pool, battle.id, 0);
  await eventsWith(guest, live.streamId, 'BATTLE_ENDED');
  expect(await expectReplayed(guest, [live.streamId, rival.streamId])).toMatchObject({
    outcome: 'WON',
    winner: { streamId: live.streamId, score: 60 },
  });
});
