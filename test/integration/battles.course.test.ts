/** Battles from their beginning to their end, as both logs tell them, and what becomes of them when a stream ends. */
import { describe, expect, vi } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { endStream, type LiveEventEdge, sendGift, succeed } from '../support/operations.ts';
import { fight, goLive, test } from './support/battle-test.ts';
import { accept, battleOf, eventsWith, expectReplayed, invite, moveTo } from './support/battles.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';

const HOUR_MS = 3_600_000;
/** Some fight battle after battle, while a sweep looks at them fifty times a second. */
vi.setConfig({ testTimeout: 120_000 });

describe('a battle', () => {
  test('counts coins of both sides, more in the end, and the higher score wins', async ({
    db,
    guest,
    live,
    rival,
    fan,
    foe,
  }) => {
    await sendGift(fan, live.streamId, { quantity: 50 }); // before it
    const battle = await fight(live, rival);
    expect(battle.multipliers.map(({ factor }) => factor)).toEqual([2, 3]);
    const left = battle.multipliers.map(({ startsAt }) => Date.parse(battle.endsAt!) - Date.parse(startsAt));
    expect(left).toEqual([30_000, 10_000]);
    await sendGift(fan, live.streamId, { quantity: 100 });
    await sendGift(foe, rival.streamId, { quantity: 90 });
    expect((await battleOf(guest, live.streamId))!.sides.map(({ score }) => score)).toEqual([100, 90]);
    await moveTo(db.pool, battle.id, 29_000);
    await eventsWith(fan, rival.streamId, 'BATTLE_MULTIPLIED');
    await sendGift(foe, rival.streamId, { quantity: 10 });
    expect(await battleOf(guest, rival.streamId)).toMatchObject({
      factor: 2,
      sides: [{ score: 100 }, { score: 110 }],
    });
    await moveTo(db.pool, battle.id, 9_000);
    await eventsWith(fan, live.streamId, 'BATTLE_MULTIPLIED', 2);
    await sendGift(fan, live.streamId, { quantity: 5 });
    await sendGift(foe, rival.streamId, { quantity: 20 });
    await moveTo(db.pool, battle.id, 0);
    const events = await eventsWith(fan, live.streamId, 'BATTLE_ENDED');
    const sides = [
      { streamId: live.streamId, creator: { handle: live.creator.handle }, score: 115 },
      { streamId: rival.streamId, creator: { handle: rival.creator.handle }, score: 170 },
    ];
    expect(events.at(-1)).toMatchObject({
      battleId: battle.id,
      sides,
      outcome: 'WON',
      winner: { streamId: rival.streamId, score: 170 },
    });
    await sendGift(fan, live.streamId, { quantity: 100 }); // behind it
    const ended = await expectReplayed(fan, [live.streamId, rival.streamId]);
    expect(ended).toMatchObject({ state: 'ENDED', sides, outcome: 'WON', extended: false });
    expect(succeed(await accept(rival.creator, battle.id))).toMatchObject({
      replayed: true,
      battle: { outcome: 'WON' },
    });
    const next = await fight(rival, live);
    expect((await battleOf(guest, live.streamId))!.id).toBe(next.id);
  });

  test('a short one has only the windows that fit into it', async ({ live, rival }) => {
    const battle = await fight(live, rival, 30);
    expect(battle.multipliers.map(({ factor }) => factor)).toEqual([3]);
    expect(Date.parse(battle.endsAt!) - Date.parse(battle.startedAt!)).toBe(30_000);
  });
});

describe('a close battle', () => {
  test('a tie is extended, once, and may end as a draw', async ({ db, guest, live, rival, fan, foe }) => {
    const battle = await fight(live, rival);
    await moveTo(db.pool, battle.id, 9_000);
    await eventsWith(guest, live.streamId, 'BATTLE_MULTIPLIED');
    await moveTo(db.pool, battle.id, 0);
    const extended = (await eventsWith(guest, live.streamId, 'BATTLE_EXTENDED')).at(-1)!;
    expect(extended).toMatchObject({ type: 'BATTLE_EXTENDED', factor: 3, sides: [{ score: 0 }, { score: 0 }] });
    expect(Date.parse(extended.endsAt as string) - Date.parse(extended.occurredAt)).toBeGreaterThan(HOUR_MS / 2);
    const running = (await battleOf(guest, rival.streamId))!;
    expect(running).toMatchObject({ state: 'RUNNING', extended: true, endsAt: extended.endsAt });
    await sendGift(fan, live.streamId, { quantity: 7 });
    await sendGift(foe, rival.streamId, { quantity: 7 });
    await moveTo(db.pool, battle.id, 0);
    await eventsWith(guest, live.streamId, 'BATTLE_ENDED');
    const ended = await expectReplayed(guest, [live.streamId, rival.streamId]);
    expect(ended).toMatchObject({ outcome: 'DRAW', winner: null, sides: [{ score: 21 }, { score: 21 }] });
  });

  test('a lead under 2% is extended, and one of 2% is not', async ({ db, guest, live, rival, fan, foe }) => {
    const battle = await fight(live, rival);
    await sendGift(fan, live.streamId, { quantity: 1_000 });
    await sendGift(foe, rival.streamId, { quantity: 961 });
    await moveTo(db.pool, battle.id, 0);
    await eventsWith(guest, live.streamId, 'BATTLE_EXTENDED');
    await moveTo(db.pool, battle.id, 0);
    await eventsWith(guest, live.streamId, 'BATTLE_ENDED');
    expect(await expectReplayed(guest, [live.streamId, rival.streamId])).toMatchObject({
      outcome: 'WON',
      extended: true,
      winner: { streamId: live.streamId },
    });
    const second = await fight(live, rival);
    await sendGift(fan, live.streamId, { quantity: 510 });
    await sendGift(foe, rival.streamId, { quantity: 490 });
    await moveTo(db.pool, second.id, 0);
    await eventsWith(guest, live.streamId, 'BATTLE_ENDED', 2);
    expect(await expectReplayed(guest, [live.streamId, rival.streamId])).toMatchObject({ extended: false });
  });
});

test('watchers of either stream hear of it', async ({ server, live, rival }) => {
  const feeds = [live, rival].map(({ streamId }) =>
    server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId, after: '' }),
  );
  const battle = await fight(live, rival);
  await endStream(live.creator, live.streamId);
  for (const feed of feeds) {
    const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'BATTLE_ENDED');
    expect(seen.map(({ liveEvents }) => liveEvents.node.type)).toEqual([
      'STREAM_STARTED',
      'BATTLE_STARTED',
      'BATTLE_ENDED',
    ]);
    expect(seen.at(-1)!.liveEvents.node).toMatchObject({ battleId: battle.id, outcome: 'FORFEIT' });
    await feed.close();
  }
});

describe('when a stream ends', () => {
  test('the other side wins by forfeit, at once, whatever the scores are', async ({ guest, live, rival, fan }) => {
    const battle = await fight(live, rival);
    await sendGift(fan, live.streamId, { quantity: 500 });
    succeed(await endStream(live.creator, live.streamId));
    const events = await readEvents(fan, live.streamId);
    expect(events.slice(-3).map(({ type }) => type)).toEqual(['STREAK_ENDED', 'BATTLE_ENDED', 'STREAM_ENDED']);
    expect(await expectReplayed(guest, [live.streamId, rival.streamId])).toMatchObject({
      id: battle.id,
      state: 'ENDED',
      outcome: 'FORFEIT',
      sides: [{ score: 500 }, { score: 0 }],
      winner: { streamId: rival.streamId, score: 0 },
    });
    await sendGift(fan, rival.streamId, { quantity: 5 });
    expect((await battleOf(guest, rival.streamId))!.sides.map(({ score }) => score)).toEqual([500, 0]);
  });

  test('both at once: the one that ends last has won, and it ends once', async ({ server, guest }) => {
    for (let round = 0; round < 5; round++) {
      const sides = [await goLive(server), await goLive(server)] as const;
      await fight(...sides);
      await Promise.all(sides.map(({ creator, streamId }) => endStream(creator, streamId)));
      const battle = await expectReplayed(
        guest,
        sides.map(({ streamId }) => streamId),
      );
      expect(battle.outcome).toBe('FORFEIT');
      const winner = sides.find(({ streamId }) => streamId === battle.winner!.streamId)!;
      const types = (await readEvents(guest, winner.streamId)).map(({ type }) => type);
      expect(types).toEqual(['STREAM_STARTED', 'BATTLE_STARTED', 'BATTLE_ENDED', 'STREAM_ENDED']);
    }
  });

  test('while an invitation is accepted: there is a battle that ends, or none', async ({ server, guest }) => {
    for (let round = 0; round < 8; round++) {
      const [one, other] = [await goLive(server), await goLive(server)];
      const [a, b] = [one.streamId, other.streamId];
      const { battle } = succeed(await invite(one.creator, a, b));
      const [accepted] = await Promise.all([accept(other.creator, battle.id), endStream(one.creator, a)]);
      if (accepted.__typename === 'AcceptBattleSuccess') {
        expect(await expectReplayed(guest, [a, b])).toMatchObject({ outcome: 'FORFEIT', winner: { streamId: b } });
      } else {
        expect(['BATTLE_STATE', 'STREAM_NOT_LIVE']).toContain((accepted as { code: string }).code);
        expect(await battleOf(guest, b)).toBeNull();
      }
      expect((await readEvents(guest, a)).at(-1)!.type).toBe('STREAM_ENDED');
    }
  });

  test('a battle that begins after its locks were taken is ended all the same', async ({ db, guest, live, rival }) => {
    const client = await db.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM live_log WHERE stream_id = $1 FOR NO KEY UPDATE', [rowOf(live.streamId)]);
      const ending = endStream(live.creator, live.streamId);
      // It has looked for battles, and waits for the log.
      const waiting =
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%live.lock%' AND datname = current_database()";
      await expect.poll(async () => (await db.pool.query(waiting)).rows[0].n).toBe(1);
      await client.query(
        `INSERT INTO battle (stream_id, opponent_stream_id, state, duration_ms, invited_at, invite_until, started_at, ends_at, told_at)
         VALUES ($1, $2, 'RUNNING', 60000, now(), now(), now(), now() + interval '1 hour', now())`,
        [rowOf(live.streamId), rowOf(rival.streamId)],
      );
      await client.query('COMMIT');
      succeed(await ending);
    } finally {
      client.release();
    }
    for (const { streamId } of [live, rival]) {
      expect((await readEvents(guest, streamId)).map(({ type }) => type)).toContain('BATTLE_ENDED');
    }
    expect(await battleOf(guest, rival.streamId)).toMatchObject({
      outcome: 'FORFEIT',
      winner: { streamId: rival.streamId },
    });
  });
});
