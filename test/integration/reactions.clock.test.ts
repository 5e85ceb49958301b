/** Reactions that are performed by the clock: one after another, on any number of servers, whatever becomes of them. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { type Actor, buyCoins, freshHandle, query, signIn, startStream, succeed } from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce } from './support/outcomes.ts';
import {
  addRule,
  earn,
  expectQueuesCounted,
  perform,
  type Rule,
  readQueue,
  rulesOf,
  setAuto,
} from './support/reactions.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const LOOK_MS = 10;
const NEVER_MS = 3_600_000;
/** Longer than any test. */
const LONG = { durationMs: 60_000 };
/** So many streams and looks take their time on a busy machine. */
const LIMIT = { timeout: LONG.durationMs };

const looking = (clockIntervalMs: number) => ({
  overrides: { ...QUIET.overrides, community: { reactions: { clockIntervalMs } } },
});
const test = testOn(looking(LOOK_MS));

type Room = { creator: Actor; streamId: string; rule: Rule };

/** A new creator who is live, with a rule, and the clock on unless said otherwise. */
async function openRoom(server: Pick<Server, 'url' | 'http'>, rule = {}, auto = true): Promise<Room> {
  const creator = await signIn(server, freshHandle('creator'));
  if (auto) succeed(await setAuto(creator, true));
  const { id: streamId } = await startStream(creator);
  return { creator, streamId, rule: await addRule(creator, { ...LONG, ...rule }) };
}

async function performedIn(viewer: Pick<Actor, 'api'>, streamId: string): Promise<unknown[]> {
  const events = await readEvents(viewer, streamId);
  return events.filter(({ type }) => type === 'REACTION_PERFORMED').map(({ reactionId }) => reactionId);
}

/** When a reaction was performed, in milliseconds since 1970. */
async function doneAt({ api }: Pick<Actor, 'api'>, id: string): Promise<number> {
  const document = 'query Done($id: ID!) { node(id: $id) { ... on Reaction { doneAt } } }';
  return Date.parse((await query<{ node: { doneAt: string } }>(api, document, { id })).node.doneAt);
}

/** Waits until so many reactions of a stream are performed. */
async function untilPerformed(viewer: Pick<Actor, 'api'>, streamId: string, count: number): Promise<unknown[]> {
  await expect.poll(() => performedIn(viewer, streamId), { interval: LOOK_MS }).toHaveLength(count);
  return performedIn(viewer, streamId);
}

/** Waits until a clock has looked at everything that was due when this was called: it performs what comes now, too. */
async function untilLooked(server: Server, viewer: Actor): Promise<void> {
  for (let look = 0; look < 2; look++) {
    const witness = await openRoom(server);
    await earn({ ...viewer, api: server.http(viewer.token) }, witness.streamId, witness.rule);
    await untilPerformed(viewer, witness.streamId, 1);
  }
}

/** Moves what a creator performs by so much, as if it had begun then. */
async function shift(pool: Pool, streamId: string, by: string): Promise<void> {
  const { rowCount } = await pool.query(
    `UPDATE reaction_clock SET busy_from = busy_from + $2::interval, busy_until = busy_until + $2::interval
      WHERE creator_id = (SELECT creator_id FROM stream WHERE id = $1)`,
    [rowOf(streamId), by],
  );
  expect(rowCount).toBe(1);
}

describe('the clock, turned on and off,', LIMIT, () => {
  test('performs what is next when what was performed before has had its time', async ({ db, server, funded }) => {
    const room = await openRoom(server);
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await earn(funded, room.streamId, room.rule));
    expect(await untilPerformed(funded, room.streamId, 1)).toEqual([ids[0]]);
    await untilLooked(server, funded);
    expect(await performedIn(funded, room.streamId)).toEqual([ids[0]]);
    const [next, last] = await readQueue(funded, room.streamId);
    expect([next!.id, last!.id]).toEqual(ids.slice(1));
    expect(next!.etaMs).toBeGreaterThan(0);
    expect(last!.etaMs! - next!.etaMs!).toBeGreaterThanOrEqual(LONG.durationMs - 1);
    await shift(db.pool, room.streamId, '-1 minute');
    expect(await untilPerformed(funded, room.streamId, 2)).toEqual(ids.slice(0, 2));
    await untilLooked(server, funded);
    expect(await performedIn(funded, room.streamId)).toEqual(ids.slice(0, 2));
    await expectQueuesCounted(db.pool);
  });

  test('goes by itself: without anybody’s help one follows the other', async ({ server, funded }) => {
    const room = await openRoom(server, { durationMs: 500 });
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push(await earn(funded, room.streamId, room.rule));
    expect(await untilPerformed(funded, room.streamId, 3)).toEqual(ids);
    // The times of the performances themselves: an event is stamped by the statement after it, and so some time later.
    const times = await atOnce(3, (n) => doneAt(funded, ids[n]!));
    for (let n = 1; n < times.length; n++) expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(500);
  });

  test('is off until the creator turns it on, and when they turn it off', async ({ db, server, funded }) => {
    const room = await openRoom(server, {}, false);
    const ids = [await earn(funded, room.streamId, room.rule)];
    await untilLooked(server, funded);
    expect(await performedIn(funded, room.streamId)).toEqual([]);
    expect(await setAuto(room.creator, false)).toMatchObject({ creator: { autoPerforms: false }, replayed: true });
    expect(await setAuto(room.creator, true)).toMatchObject({ creator: { autoPerforms: true }, replayed: false });
    expect(await setAuto(room.creator, true)).toMatchObject({ replayed: true });
    await untilPerformed(funded, room.streamId, 1);
    expect(await setAuto(room.creator, false)).toMatchObject({ creator: { autoPerforms: false }, replayed: false });
    ids.push(await earn(funded, room.streamId, room.rule));
    await shift(db.pool, room.streamId, '-1 minute'); // What was performed is over: nothing else keeps the next one.
    await untilLooked(server, funded);
    expect(await performedIn(funded, room.streamId)).toEqual([ids[0]]);
  });

  test('is shown to everybody, also where answers are kept', async ({ server }) => {
    const creator = await signIn(server, freshHandle('creator'));
    expect(succeed(await setAuto(creator, true)).creator.autoPerforms, 'makes a creator of whoever was none').toBe(
      true,
    );
    expect((await rulesOf(server.http(), creator.handle)).autoPerforms).toBe(true);
    await setAuto(creator, false);
    expect((await rulesOf(server.http(), creator.handle)).autoPerforms).toBe(false);
  });
});

describe('the clock', LIMIT, () => {
  test('waits for what is performed by hand', async ({ server, funded }) => {
    const room = await openRoom(server, {}, false);
    const ids = [];
    for (let n = 0; n < 2; n++) ids.push(await earn(funded, room.streamId, room.rule));
    succeed(await perform(room.creator, ids[1]!));
    await setAuto(room.creator, true);
    await untilLooked(server, funded);
    expect(await performedIn(funded, room.streamId)).toEqual([ids[1]]);
  });

  test('passes by a stream whose log is held, and comes back to it', async ({ db, server, funded }) => {
    const room = await openRoom(server, {}, false);
    await earn(funded, room.streamId, room.rule);
    const holder = await db.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM live_log WHERE stream_id = $1 FOR UPDATE', [rowOf(room.streamId)]);
      await setAuto(room.creator, true);
      await untilLooked(server, funded);
      expect(await performedIn(funded, room.streamId)).toEqual([]);
      await holder.query('COMMIT');
    } finally {
      holder.release(true);
    }
    await untilPerformed(funded, room.streamId, 1);
  });

  test('does not stand still when the database’s clock is set back', async ({ db, server, funded }) => {
    const room = await openRoom(server);
    for (let n = 0; n < 2; n++) await earn(funded, room.streamId, room.rule);
    await untilPerformed(funded, room.streamId, 1);
    // An hour back: what is performed seems to begin in an hour.
    await shift(db.pool, room.streamId, '1 hour');
    await untilPerformed(funded, room.streamId, 2);
  });
});

describe('with several servers', LIMIT, () => {
  test('one reaction of a stream is performed at a time, and each once, in order', async ({ db, server, funded }) => {
    const others = await atOnce(2, () => startServer({ ...looking(1), databaseUrl: db.url }));
    try {
      const rooms = await atOnce(6, () => openRoom(server, {}, false));
      succeed(await buyCoins(funded, { coins: 100 }));
      const earned = await Promise.all(
        rooms.map(async ({ streamId, rule }) => {
          const ids = [];
          for (let n = 0; n < 3; n++) ids.push(await earn(funded, streamId, rule));
          return ids;
        }),
      );
      await Promise.all(rooms.map(({ creator }) => setAuto(creator, true)));
      for (let round = 1; round <= 3; round++) {
        for (const { streamId } of rooms) await untilPerformed(funded, streamId, round);
        await untilLooked(server, funded);
        for (const [n, { streamId }] of rooms.entries()) {
          expect(await performedIn(funded, streamId)).toEqual(earned[n]!.slice(0, round));
          await shift(db.pool, streamId, '-1 minute');
        }
      }
      await expectQueuesCounted(db.pool);
    } finally {
      await Promise.all(others.map((other) => other.close()));
    }
  });

  test('what a server that stopped has left goes on where it was, and not before its time', async ({
    db,
    server,
    funded,
  }) => {
    const first = await startServer({ ...looking(NEVER_MS), databaseUrl: db.url });
    const there = { ...funded, api: first.http(funded.token) };
    const room = await openRoom(first, {}, false);
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await earn(there, room.streamId, room.rule));
    succeed(await perform(room.creator, ids[0]!));
    succeed(await setAuto(room.creator, true));
    const before = await readQueue(there, room.streamId);
    await first.close();
    expect((await readQueue(funded, room.streamId)).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    await untilLooked(server, funded);
    expect(await performedIn(funded, room.streamId)).toEqual([ids[0]]);
    await shift(db.pool, room.streamId, '-1 minute');
    expect(await untilPerformed(funded, room.streamId, 2)).toEqual(ids.slice(0, 2));
  });
});
