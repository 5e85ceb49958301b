/** The crowd's level: when it sets off, how it rises, and how it is over, told once, whoever looks. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { test as own } from '../support/fixtures.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  type LiveEvent,
  type LiveEventEdge,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { levelOf } from './support/goals.ts';
import { rowOf } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const HOUR_MS = 3_600_000;
/** Levels of 20, 30 and 50 coins that nothing but the test lets expire. */
const RULES = { steps: [20, 30, 50], windowMs: HOUR_MS, levelMs: HOUR_MS, cooldownMs: HOUR_MS, sweepIntervalMs: 20 };
const options = (goals: Partial<typeof RULES> = {}) => ({
  overrides: {
    ...QUIET.overrides,
    community: { ...QUIET.overrides.community, goals: { ...RULES, ...goals } },
  },
});
const test = testOn(options()).extend('live', async ({ live, server }) => {
  await counting({ api: server.http() }, live.streamId);
  return live;
});

/** Waits until coins count in a stream. */
async function counting(viewer: Pick<Actor, 'api'>, streamId: string): Promise<void> {
  await expect.poll(() => levelOf(viewer, streamId)).toMatchObject({ level: 0, target: 20 });
}

/** As if the time of what is under way in a stream had passed. */
async function letPass(pool: Pool, streamId: string): Promise<void> {
  const { rowCount } = await pool.query(
    "UPDATE crowd_level SET until = now() - interval '1 second' WHERE stream_id = $1 AND until IS NOT NULL",
    [rowOf(streamId)],
  );
  expect(rowCount).toBe(1);
}

/** The log, once it has an event of the type. */
async function eventsWith(viewer: Pick<Actor, 'api'>, streamId: string, type: string): Promise<LiveEvent[]> {
  await expect.poll(async () => (await readEvents(viewer, streamId)).some((event) => event.type === type)).toBe(true);
  return readEvents(viewer, streamId);
}

/** What the log says of a run: coins and givers among the gifts that its end names. */
function replayRun(events: readonly LiveEvent[], ended: LiveEvent) {
  const gifts = events.filter(
    ({ type, seq }) => type === 'GIFT_SENT' && seq >= (ended.firstSeq as number) && seq <= (ended.lastSeq as number),
  );
  const byGiver = new Map<string, number>();
  for (const { sender, coins } of gifts) {
    const { handle } = sender as { handle: string };
    byGiver.set(handle, (byGiver.get(handle) ?? 0) + (coins as number));
  }
  const top = [...byGiver].sort(([, one], [, other]) => other - one);
  return {
    coins: [...byGiver.values()].reduce((sum, coins) => sum + coins, 0),
    contributors: byGiver.size,
    top: top.map(([handle, coins]) => ({ profile: { handle }, coins })),
  };
}

test('sets off at the first step, and rises with each further one', async ({ live, funded }) => {
  const { creator, streamId } = live;
  await sendGift(funded, streamId, { quantity: 19 });
  expect(await levelOf(creator, streamId)).toMatchObject({ level: 0, progress: 19, target: 20, expiresAt: null });
  await sendGift(funded, streamId, { quantity: 4 });
  const started = await levelOf(creator, streamId);
  expect(started).toMatchObject({ level: 1, coins: 23, progress: 3, target: 30, cooldownUntil: null });
  await sendGift(funded, streamId, { quantity: 27 });
  expect(await levelOf(creator, streamId)).toMatchObject({ level: 2, coins: 50, progress: 0, target: 50 });
  const events = await readEvents(creator, streamId);
  expect(events.slice(1)).toMatchObject([
    { type: 'GIFT_SENT' },
    { type: 'GIFT_SENT' },
    { type: 'LEVEL_STARTED', level: 1, coins: 23, progress: 3, target: 30, expiresAt: started!.expiresAt, firstSeq: 1 },
    { type: 'GIFT_SENT' },
    { type: 'LEVEL_RAISED', level: 2, coins: 50, progress: 0, target: 50, firstSeq: 1 },
  ]);
  const lasts = Date.parse(events[3]!.expiresAt as string) - Date.parse(events[3]!.occurredAt);
  expect(lasts).toBe(HOUR_MS);
});

test('one large gift raises several levels at once, up to the highest, and watchers hear of each', async ({
  server,
  live,
  funded,
}) => {
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await sendGift(funded, live.streamId, { gift: 'Ice Cream', quantity: 13 });
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.level === 3);
  await feed.close();
  expect(seen.map(({ liveEvents }) => liveEvents.node)).toMatchObject([
    { type: 'STREAM_STARTED' },
    { type: 'GIFT_SENT' },
    { type: 'LEVEL_STARTED', level: 1, coins: 130, progress: 110, target: 30 },
    { type: 'LEVEL_RAISED', level: 2, coins: 130, progress: 80, target: 50 },
    { type: 'LEVEL_RAISED', level: 3, coins: 130, progress: 30, target: null },
  ]);
  expect(await levelOf(live.creator, live.streamId)).toMatchObject({ level: 3, progress: 30, target: null });
  await sendGift(funded, live.streamId, { quantity: 500 });
  expect((await readEvents(live.creator, live.streamId)).at(-1)).toMatchObject({ type: 'GIFT_SENT', quantity: 500 });
});

test('what is not given within the window does not count', async ({ db, live, funded }) => {
  await sendGift(funded, live.streamId, { quantity: 19 });
  const opened = async () =>
    (await db.pool.query('SELECT until FROM crowd_level WHERE stream_id = $1', [rowOf(live.streamId)])).rows[0].until;
  await expect.poll(opened).not.toBeNull();
  await letPass(db.pool, live.streamId);
  await expect.poll(() => levelOf(live.creator, live.streamId)).toMatchObject({ level: 0, progress: 0, target: 20 });
  await sendGift(funded, live.streamId, { quantity: 19 });
  expect(await levelOf(live.creator, live.streamId)).toMatchObject({ level: 0, progress: 19 });
  expect((await readEvents(live.creator, live.streamId)).map(({ type }) => type)).toEqual([
    'STREAM_STARTED',
    'GIFT_SENT',
    'GIFT_SENT',
  ]);
});

describe('when the time is over', () => {
  test('the run ends, with what the log says of it; then it cools down, and begins anew', async ({
    db,
    server,
    live,
    funded,
  }) => {
    const { creator, streamId } = live;
    const [second, hidden] = [await signIn(server), await signIn(server)];
    await buyCoins(second, { coins: 100 });
    await buyCoins(hidden, { coins: 100 });
    await db.pool.query('UPDATE viewer SET named_on_boards = false WHERE handle = $1', [hidden.handle]);
    await sendGift(funded, streamId, { quantity: 15 });
    await sendChatMessage(second, streamId, 'more!');
    await sendGift(second, streamId, { quantity: 30 });
    await sendGift(hidden, streamId, { quantity: 10 });
    await letPass(db.pool, streamId);
    const events = await eventsWith(creator, streamId, 'LEVEL_ENDED');
    const ended = events.at(-1)!;
    expect(ended).toMatchObject({ type: 'LEVEL_ENDED', level: 2, coins: 55, contributors: 3, firstSeq: 1 });
    const replayed = replayRun(events, ended);
    expect(replayed.top.map(({ coins }) => coins)).toEqual([30, 15, 10]);
    expect(ended).toMatchObject({
      coins: replayed.coins,
      contributors: replayed.contributors,
      top: replayed.top.map((place) => (place.profile.handle === hidden.handle ? { ...place, profile: null } : place)),
    });
    expect(await levelOf(creator, streamId)).toEqual({
      level: 0,
      coins: 0,
      progress: 0,
      target: null,
      expiresAt: null,
      cooldownUntil: ended.cooldownUntil,
    });
    await sendGift(funded, streamId, { quantity: 200 });
    expect((await readEvents(creator, streamId)).at(-1), 'nothing starts in a cooldown').toMatchObject({
      type: 'GIFT_SENT',
    });
    await letPass(db.pool, streamId);
    await counting(creator, streamId);
    await sendGift(funded, streamId, { quantity: 20 });
    const again = (await readEvents(creator, streamId)).at(-1)!;
    expect(again).toMatchObject({ type: 'LEVEL_STARTED', level: 1, coins: 20, progress: 0 });
    expect(again.firstSeq).toBeGreaterThan(ended.seq);
  });

  test('the end of the stream ends the run, before the last event', async ({ db, live, funded }) => {
    await sendGift(funded, live.streamId, { quantity: 25 });
    succeed(await endStream(live.creator, live.streamId));
    const events = await readEvents(live.creator, live.streamId);
    expect(events.slice(-2)).toMatchObject([
      {
        type: 'LEVEL_ENDED',
        level: 1,
        coins: 25,
        contributors: 1,
        top: [{ profile: { handle: funded.handle }, coins: 25 }],
        cooldownUntil: null,
      },
      { type: 'STREAM_ENDED' },
    ]);
    expect(await levelOf(live.creator, live.streamId)).toBeNull();
    const { rows } = await db.pool.query('SELECT coin_mark FROM stream WHERE id = $1', [rowOf(live.streamId)]);
    expect(rows).toEqual([{ coin_mark: null }]);
  });

  test('a stream without a run ends without a word of it', async ({ live, funded }) => {
    await sendGift(funded, live.streamId, { quantity: 19 });
    succeed(await endStream(live.creator, live.streamId));
    const types = (await readEvents(live.creator, live.streamId)).map(({ type }) => type);
    expect(types).toEqual(['STREAM_STARTED', 'GIFT_SENT', 'STREAK_ENDED', 'STREAM_ENDED']);
  });
});

test('a run whose time was set back by the clock goes on, and is not told of twice', async ({ db, live, funded }) => {
  const { creator, streamId } = live;
  await sendGift(funded, streamId, { quantity: 25 });
  // A clock that jumps back by a day is the same as an end that is a day further off.
  const move = (days: number) =>
    db.pool.query('UPDATE crowd_level SET until = until + make_interval(days => $2) WHERE stream_id = $1', [
      rowOf(streamId),
      days,
    ]);
  await move(1);
  await sendGift(funded, streamId, { quantity: 25 });
  expect(await levelOf(creator, streamId)).toMatchObject({ level: 2 });
  await letPass(db.pool, streamId);
  await eventsWith(creator, streamId, 'LEVEL_ENDED');
  await move(1);
  await sendGift(funded, streamId, { quantity: 100 });
  const types = (await readEvents(creator, streamId)).map(({ type }) => type);
  expect(types.filter((type) => type.startsWith('LEVEL'))).toEqual(['LEVEL_STARTED', 'LEVEL_RAISED', 'LEVEL_ENDED']);
});

describe('servers side by side', () => {
  own.override('serverOptions', options({ sweepIntervalMs: 5 }));

  own(
    'two sweeps end each run once, also what a server that stopped has left',
    { timeout: 120_000 },
    async ({ db, server, funded }) => {
      const other = await startServer({ databaseUrl: db.url, ...options({ sweepIntervalMs: 5 }) });
      const streams = await startMany(server, 12);
      try {
        for (const { creator, id } of streams) await counting(creator, id);
        await Promise.all(streams.map(({ id }) => sendGift(funded, id, { quantity: 25 })));
        await other.close();
        await db.pool.query("UPDATE crowd_level SET until = now() - interval '1 second'");
        const third = await startServer({ databaseUrl: db.url, ...options({ sweepIntervalMs: 5 }) });
        for (const { creator, id } of streams) {
          const events = await eventsWith(creator, id, 'LEVEL_ENDED');
          const ended = events.filter(({ type }) => type === 'LEVEL_ENDED');
          expect(ended).toMatchObject([{ level: 1, coins: 25, contributors: 1 }]);
        }
        await third.close();
        for (const { creator, id } of streams) succeed(await endStream(creator, id));
        for (const { creator, id } of streams) {
          const types = (await readEvents(creator, id)).map(({ type }) => type);
          expect(types.filter((type) => type === 'LEVEL_ENDED')).toHaveLength(1);
        }
      } finally {
        await other.close();
      }
    },
  );
});

async function startMany(server: Server, count: number): Promise<{ creator: Actor; id: string }[]> {
  const creators = await Promise.all(Array.from({ length: count }, () => signIn(server)));
  return Promise.all(creators.map(async (creator) => ({ creator, id: (await startStream(creator)).id })));
}
