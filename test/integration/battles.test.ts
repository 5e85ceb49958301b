/** Invitations to battles: who sees them, who may answer them, and what is refused. */
import { describe, expect } from 'vitest';
import { endStream, query, signIn, startStream, succeed } from '../support/operations.ts';
import { test } from './support/battle-test.ts';
import { accept, battleOf, decline, invite } from './support/battles.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { expectNothingWritten } from './support/unchanged.ts';

describe('invitations', () => {
  const INVITES = 'query Invites($id: ID!) { liveStream(id: $id) { battleInvites { id state } } }';

  test('only the two see one, and inviting again changes nothing', async ({ db, server, viewer, live, rival }) => {
    const { battle, replayed } = succeed(await invite(live.creator, live.streamId, rival.streamId));
    expect(replayed).toBe(false);
    expect(battle).toMatchObject({
      state: 'INVITED',
      sides: [
        { streamId: live.streamId, creator: { handle: live.creator.handle }, score: 0 },
        { streamId: rival.streamId, creator: { handle: rival.creator.handle }, score: 0 },
      ],
      durationSeconds: 120,
      startedAt: null,
      outcome: null,
    });
    const again = await expectNothingWritten(db.pool, () => invite(live.creator, live.streamId, rival.streamId));
    expect(again).toMatchObject({ replayed: true, battle: { id: battle.id } });
    const node = 'query Node($id: ID!) { node(id: $id) { id } }';
    const seen = { liveStream: { battleInvites: [{ id: battle.id, state: 'INVITED' }] } };
    for (const { creator, streamId } of [live, rival]) {
      expect(await query(creator.api, INVITES, { id: streamId })).toEqual(seen);
      expect(await query(creator.api, node, { id: battle.id })).toEqual({ node: { id: battle.id } });
    }
    for (const api of [server.http(), viewer.api]) {
      expect(await query(api, INVITES, { id: live.streamId })).toEqual({ liveStream: { battleInvites: [] } });
      expect(await query(api, node, { id: battle.id })).toEqual({ node: null });
      expect(await battleOf({ api }, live.streamId)).toBeNull();
    }
    expect((await readEvents(live.creator, live.streamId)).map(({ type }) => type)).toEqual(['STREAM_STARTED']);
  });

  test('20 at once are one', async ({ live, rival }) => {
    const outcomes = await atOnce(20, () => invite(live.creator, live.streamId, rival.streamId));
    expect(tally(outcomes)).toEqual({ InviteToBattleSuccess: 20 });
    expect(new Set(successes(outcomes).map(({ battle }) => battle.id)).size).toBe(1);
  });

  test('both may close one, once; it cannot be accepted then, and there may be another', async ({ live, rival }) => {
    for (const closer of [live.creator, rival.creator]) {
      const { battle } = succeed(await invite(live.creator, live.streamId, rival.streamId));
      expect(succeed(await decline(closer, battle.id))).toMatchObject({
        replayed: false,
        battle: { state: 'DECLINED' },
      });
      expect(succeed(await decline(closer, battle.id)).replayed).toBe(true);
      expect(await accept(rival.creator, battle.id)).toMatchObject({ code: 'BATTLE_STATE', state: 'DECLINED' });
    }
  });

  test('one whose time is over cannot be accepted, and is closed', async ({ db, live, rival }) => {
    const { battle } = succeed(await invite(live.creator, live.streamId, rival.streamId));
    await db.pool.query('UPDATE battle SET invite_until = clock_timestamp() WHERE id = $1', [rowOf(battle.id)]);
    expect(await accept(rival.creator, battle.id)).toMatchObject({ code: 'BATTLE_STATE', state: 'EXPIRED' });
    const state = async () =>
      (await db.pool.query('SELECT state FROM battle WHERE id = $1', [rowOf(battle.id)])).rows[0].state;
    await expect.poll(state).toBe('EXPIRED');
    expect(succeed(await invite(live.creator, live.streamId, rival.streamId)).replayed).toBe(false);
  });

  test('the end of a stream closes those from it and to it', async ({ live, rival }) => {
    const from = succeed(await invite(live.creator, live.streamId, rival.streamId)).battle;
    const to = succeed(await invite(rival.creator, rival.streamId, live.streamId)).battle;
    succeed(await endStream(live.creator, live.streamId));
    expect(await accept(rival.creator, from.id)).toMatchObject({ code: 'BATTLE_STATE', state: 'EXPIRED' });
    expect(await accept(live.creator, to.id)).toMatchObject({ code: 'BATTLE_STATE', state: 'EXPIRED' });
    expect((await readEvents(rival.creator, rival.streamId)).map(({ type }) => type)).toEqual(['STREAM_STARTED']);
  });
});

describe('refusals', () => {
  test('of inviting', async ({ db, server, viewer, live, rival }) => {
    const over = await signIn(server);
    const { id: overId } = await startStream(over);
    await endStream(over, overId);
    succeed(await invite(live.creator, live.streamId, rival.streamId));
    const outcomes = await expectNothingWritten(db.pool, async () => [
      await invite(live.creator, live.streamId, live.streamId),
      await invite(live.creator, live.streamId, rival.streamId, 29),
      await invite(live.creator, live.streamId, rival.streamId, 1_801),
      await invite(live.creator, live.streamId, rival.streamId, 121),
      await invite(viewer, live.streamId, rival.streamId),
      await invite(live.creator, live.streamId, overId),
      await invite(over, overId, rival.streamId),
      await invite({ api: server.http() }, live.streamId, rival.streamId),
    ]);
    expect(outcomes).toMatchObject([
      { code: 'INVALID_INPUT', issues: [{ path: 'input.opponentStreamId' }] },
      { code: 'INVALID_INPUT', issues: [{ path: 'input.durationSeconds' }] },
      { code: 'INVALID_INPUT', issues: [{ path: 'input.durationSeconds' }] },
      { code: 'BATTLE_STATE', state: 'INVITED' },
      { code: 'FORBIDDEN' },
      { code: 'STREAM_NOT_LIVE' },
      { code: 'STREAM_NOT_LIVE' },
      { code: 'NOT_SIGNED_IN' },
    ]);
  });

  test('of answering, by others or by the one who has invited', async ({ db, server, viewer, live, rival }) => {
    const { battle } = succeed(await invite(live.creator, live.streamId, rival.streamId));
    const outcomes = await expectNothingWritten(db.pool, async () => [
      await accept(viewer, battle.id),
      await decline(viewer, battle.id),
      await accept(live.creator, battle.id),
      await accept({ api: server.http() }, battle.id),
      await decline({ api: server.http() }, battle.id),
    ]);
    expect(outcomes.map((outcome) => (outcome as { code?: string }).code)).toEqual([
      'NOT_FOUND',
      'NOT_FOUND',
      'FORBIDDEN',
      'NOT_SIGNED_IN',
      'NOT_SIGNED_IN',
    ]);
  });

  test('ids of nothing', async ({ live }) => {
    for (const [, id] of wrongIds('LiveStream')) {
      expect(await invite(live.creator, live.streamId, id)).toMatchObject({ code: 'NOT_FOUND' });
      expect(await invite(live.creator, id, live.streamId)).toMatchObject({ code: 'NOT_FOUND' });
    }
    for (const [, id] of wrongIds('Battle')) {
      expect(await accept(live.creator, id)).toMatchObject({ code: 'NOT_FOUND' });
      expect(await decline(live.creator, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  test('an eleventh open invitation', async ({ server, live }) => {
    const others = await atOnce(11, async () => (await startStream(await signIn(server))).id);
    const outcomes = await Promise.all(others.map((id) => invite(live.creator, live.streamId, id)));
    expect(tally(outcomes)).toEqual({ InviteToBattleSuccess: 10, BattleStateError: 1 });
  });

  test('a second battle, also when two are accepted at once', async ({ server, live, rival }) => {
    const third = await signIn(server);
    const { id: thirdId } = await startStream(third);
    const one = succeed(await invite(live.creator, live.streamId, rival.streamId)).battle;
    const other = succeed(await invite(third, thirdId, live.streamId)).battle;
    const outcomes = await Promise.all([accept(rival.creator, one.id), accept(live.creator, other.id)]);
    expect(tally(outcomes)).toEqual({ AcceptBattleSuccess: 1, BattleStateError: 1 });
    expect(await invite(live.creator, live.streamId, thirdId)).toMatchObject({
      code: 'BATTLE_STATE',
      state: 'RUNNING',
    });
    const started = (await readEvents(live.creator, live.streamId)).filter(({ type }) => type === 'BATTLE_STARTED');
    expect(started).toHaveLength(1);
  });

  test('a battle that has begun cannot be declined, and is accepted once', async ({ live, rival }) => {
    const { battle } = succeed(await invite(live.creator, live.streamId, rival.streamId));
    const outcomes = await atOnce(10, () => accept(rival.creator, battle.id));
    expect(tally(outcomes)).toEqual({ AcceptBattleSuccess: 10 });
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await decline(rival.creator, battle.id)).toMatchObject({ code: 'BATTLE_STATE', state: 'RUNNING' });
    const types = (await readEvents(rival.creator, rival.streamId)).map(({ type }) => type);
    expect(types).toEqual(['STREAM_STARTED', 'BATTLE_STARTED']);
  });
});
