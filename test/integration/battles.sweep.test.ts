/** Battles that servers move on by themselves: scores, borders under a rain of gifts, two servers at once, and servers that are lost. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { test as base } from '../support/fixtures.ts';
import { endStream, sendGift, signIn, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { startServerProcess } from '../support/server-process.ts';
import { fight, goLive, rich, type Side } from './support/battle-test.ts';
import { battleOf, eventsWith, expectReplayed, moveTo } from './support/battles.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, tally } from './support/outcomes.ts';

/** Several servers, one of them a process: on a busy machine that takes long. */
const TEST_LIMIT_MS = 120_000;

const test = base
  .extend('guest', ({ server }) => ({ api: server.http() }))
  .extend('pair', async ({ server }): Promise<[Side, Side]> => [await goLive(server), await goLive(server)]);

/** What the log of a stream tells of its battle, by SQL: a log that grows while it is read page by page takes long to be read. */
async function told(pool: Pool, streamId: string, type: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM live_event WHERE stream_id = $1 AND type = $2',
    [rowOf(streamId), type],
  );
  return rows[0]!.n;
}

/** Lets the end of battles come. On a slow machine it may have come by itself since their last border: that is as good. */
async function reachEnd(pool: Pool, ...battles: readonly { id: string }[]): Promise<void> {
  await pool.query("UPDATE battle SET ends_at = clock_timestamp() WHERE id = ANY($1) AND state = 'RUNNING'", [
    battles.map(({ id }) => rowOf(id)),
  ]);
}

/** A server whose battles tell of scores at once. */
const battles = (options: object = {}) => ({
  overrides: { community: { battles: { sweepIntervalMs: 10, scoredEveryMs: 0, extensionMs: 100, ...options } } },
});
test.override('serverOptions', battles());

test('scores are told of as they change, and not otherwise', { timeout: TEST_LIMIT_MS }, async ({
  db,
  server,
  guest,
  pair,
}) => {
  const [one, other] = pair;
  const fan = await rich(server);
  const battle = await fight(one, other);
  await sendGift(fan, one.streamId, { quantity: 10 });
  const events = await eventsWith(guest, other.streamId, 'BATTLE_SCORED');
  expect(events.at(-1)).toMatchObject({ battleId: battle.id, factor: 1, sides: [{ score: 10 }, { score: 0 }] });
  await sendGift(fan, other.streamId, { quantity: 3 });
  await eventsWith(guest, one.streamId, 'BATTLE_SCORED', 2);
  await moveTo(db.pool, battle.id, 0);
  await eventsWith(guest, one.streamId, 'BATTLE_ENDED');
  expect(await expectReplayed(guest, [one.streamId, other.streamId])).toMatchObject({
    sides: [{ score: 10 }, { score: 3 }],
  });
  const told = (await readEvents(guest, one.streamId)).filter(({ type }) => type === 'BATTLE_SCORED');
  expect(told.map(({ sides }) => (sides as { score: number }[]).map(({ score }) => score))).toEqual([
    [10, 0],
    [10, 3],
  ]);
});

test('gifts that rain while borders come count as both logs say', { timeout: TEST_LIMIT_MS }, async ({
  db,
  server,
  guest,
  pair,
}) => {
  const second = await startServer({ databaseUrl: db.url, ...battles() });
  let raining = true;
  try {
    const [one, other] = pair;
    const fans = await atOnce(6, () => rich(server));
    const battle = await fight(one, other);
    await db.pool.query('UPDATE battle SET close_per_mille = 1000 WHERE id = $1', [rowOf(battle.id)]);
    const rain = fans.map(async (fan, index) => {
      let sent = 0;
      while (raining) {
        const outcome = await sendGift(fan, pair[index % 2]!.streamId, { quantity: 1 + (index % 3) });
        expect(outcome.__typename).toBe('SendGiftSuccess');
        sent++;
      }
      return sent;
    });
    for (const [count, msBeforeEnd] of [
      [1, 29_500],
      [2, 9_500],
    ] as const) {
      await moveTo(db.pool, battle.id, msBeforeEnd);
      await expect.poll(() => told(db.pool, one.streamId, 'BATTLE_MULTIPLIED')).toBe(count);
    }
    await reachEnd(db.pool, battle);
    await expect.poll(() => told(db.pool, other.streamId, 'BATTLE_EXTENDED')).toBe(1);
    await expect.poll(() => told(db.pool, other.streamId, 'BATTLE_ENDED')).toBe(1);
    raining = false;
    expect((await Promise.all(rain)).every((sent) => sent > 0)).toBe(true);
    const ended = await expectReplayed(guest, [one.streamId, other.streamId]);
    expect(ended.sides.every(({ score }) => score > 0)).toBe(true);
    expect(ended).toMatchObject({ extended: true, factor: 3 });
  } finally {
    raining = false;
    await second.close();
  }
});

test('three servers that sweep side by side move each battle on once', { timeout: TEST_LIMIT_MS }, async ({
  db,
  server,
  guest,
}) => {
  const others = await atOnce(2, () => startServer({ databaseUrl: db.url, ...battles({ sweepIntervalMs: 5 }) }));
  try {
    const fan = await rich(server);
    const pairs = await atOnce(10, async () => [await goLive(server), await goLive(server)] as const);
    const fought = await Promise.all(pairs.map(([one, other]) => fight(one, other)));
    expect(tally(await Promise.all(pairs.map(([one]) => sendGift(fan, one.streamId, { quantity: 10 }))))).toEqual({
      SendGiftSuccess: 10,
    });
    for (const [msBeforeEnd, count] of [
      [29_500, 1],
      [9_500, 2],
    ] as const) {
      await Promise.all(fought.map(({ id }) => moveTo(db.pool, id, msBeforeEnd)));
      for (const [one] of pairs) await expect.poll(() => told(db.pool, one.streamId, 'BATTLE_MULTIPLIED')).toBe(count);
    }
    await reachEnd(db.pool, ...fought);
    for (const [one] of pairs) await expect.poll(() => told(db.pool, one.streamId, 'BATTLE_ENDED')).toBe(1);
    for (const [one, other] of pairs) {
      expect(await expectReplayed(guest, [one.streamId, other.streamId])).toMatchObject({ outcome: 'WON' });
      const types = (await readEvents(guest, other.streamId)).map(({ type }) => type);
      expect(types.filter((type) => type !== 'BATTLE_SCORED')).toEqual([
        'STREAM_STARTED',
        'BATTLE_STARTED',
        'BATTLE_MULTIPLIED',
        'BATTLE_MULTIPLIED',
        'BATTLE_ENDED',
      ]);
    }
  } finally {
    await Promise.all(others.map((other) => other.close()));
  }
});

test('streams end while their battles do: each ends once, and never after its stream', {
  timeout: TEST_LIMIT_MS,
}, async ({ db, server, guest }) => {
  const pairs = await atOnce(10, async () => [await goLive(server), await goLive(server)] as const);
  const fought = await Promise.all(pairs.map(([one, other]) => fight(one, other)));
  await Promise.all([
    db.pool.query("UPDATE battle SET ends_at = clock_timestamp(), factor_at = '{}', factors = '{}', extension_ms = 0"),
    ...pairs.map(([one]) => endStream(one.creator, one.streamId)),
  ]);
  for (const [index, [one, other]] of pairs.entries()) {
    await eventsWith(guest, other.streamId, 'BATTLE_ENDED');
    const battle = await expectReplayed(guest, [one.streamId, other.streamId]);
    expect(battle.id).toBe(fought[index]!.id);
    expect(['FORFEIT', 'DRAW']).toContain(battle.outcome);
    expect((await readEvents(guest, one.streamId)).at(-1)!.type).toBe('STREAM_ENDED');
  }
});

describe('when servers are lost', () => {
  test.override('serverOptions', battles({ sweepIntervalMs: 3_600_000 }));

  test('a battle goes on with the next one, whatever it has missed', { timeout: TEST_LIMIT_MS }, async ({
    db,
    server,
    guest,
    pair,
  }) => {
    const [one, other] = pair;
    const lost = await startServerProcess({ databaseUrl: db.url });
    const fan = await signIn(lost, (await rich(server)).handle);
    const battle = await fight(one, other);
    await sendGift(fan, one.streamId, { quantity: 40 });
    await moveTo(db.pool, battle.id, 25_000);
    await eventsWith(guest, one.streamId, 'BATTLE_MULTIPLIED');
    await sendGift(fan, one.streamId, { quantity: 5 });
    await lost.kill();
    // Nobody is there at the next border, nor at the end.
    await moveTo(db.pool, battle.id, 0);
    expect(await battleOf(guest, one.streamId)).toMatchObject({ state: 'RUNNING', factor: 2 });
    const next = await startServer({ databaseUrl: db.url, ...battles() });
    try {
      await eventsWith(guest, other.streamId, 'BATTLE_ENDED');
      expect(await expectReplayed(guest, [one.streamId, other.streamId])).toMatchObject({
        outcome: 'WON',
        sides: [{ score: 50 }, { score: 0 }],
      });
      succeed(await endStream(one.creator, one.streamId));
      expect((await battleOf(guest, other.streamId))!.outcome, 'what is over stays so').toBe('WON');
    } finally {
      await next.close();
    }
  });
});
