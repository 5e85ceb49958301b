/** Watch time: measured where somebody watches, once for all devices, while the stream is live. */
import { pino } from 'pino';
import { expect } from 'vitest';
import { WatchTime } from '../../src/domains/leaderboards/watch-time.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import { endStream } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { readBoards } from './support/boards.ts';
import { rowOf } from './support/ids.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const WRITING = {
  overrides: {
    ...QUIET.overrides,
    community: { ...QUIET.overrides.community, leaderboards: { foldIntervalMs: 3_600_000, watchIntervalMs: 20 } },
  },
};
const test = testOn(WRITING);

const watchedMs = async (
  pool: { query: (text: string, values: unknown[]) => Promise<{ rows: { ms: string }[] }> },
  streamId: string,
  viewerId: string,
) => {
  const { rows } = await pool.query(
    `SELECT watched_ms::text AS ms FROM board_score WHERE board = 'STREAM' AND owner_id = $1 AND viewer_id = $2`,
    [rowOf(streamId), rowOf(viewerId)],
  );
  return Number(rows[0]?.ms ?? 0);
};

test('who watches climbs the board by watch time, and nobody does by looking at it without a token', async ({
  db,
  server,
  viewer,
  live,
}) => {
  const stranger = (await server.ws()).subscribe(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await stranger.next();
  const feed = (await server.ws({ token: viewer.token })).subscribe(LIVE_EVENTS, {
    streamId: live.streamId,
    after: '',
  });
  await feed.next();
  await expect.poll(() => watchedMs(db.pool, live.streamId, viewer.id), { timeout: 10_000 }).toBeGreaterThan(200);
  const { stream, creator, day, all } = await readBoards(viewer, live.streamId, { by: 'WATCH_TIME' });
  expect(stream.places).toMatchObject([{ rank: 1, profile: { id: viewer.id }, coins: 0, messages: 0 }]);
  for (const board of [stream, creator, day, all]) expect(board.you?.score).toBeGreaterThan(0);
});

/** Watch time with a clock of the test's, on the file's database; its writes are the test's own. */
async function measure(databaseUrl: string) {
  const server = await startServer({ ...QUIET, databaseUrl });
  const clock = { nowMs: 1_000 };
  const watchTime = new WatchTime(
    { db: server.app.services.db, log: pino({ level: 'silent' }) },
    3_600_000,
    () => clock.nowMs,
  );
  const watch = (streamId: string, viewerId: string) =>
    watchTime.hook({ streamId: BigInt(rowOf(streamId)), viewerId: BigInt(rowOf(viewerId)), end: () => {} });
  return { server, clock, watchTime, watch };
}

test('several devices count once, and a watch that goes on is written bit by bit', async ({ db, viewer, live }) => {
  const { server, clock, watchTime, watch } = await measure(db.url);
  try {
    const first = await watch(live.streamId, viewer.id);
    clock.nowMs += 10_000;
    const second = await watch(live.streamId, viewer.id);
    clock.nowMs += 5_000;
    await watchTime.write();
    expect(await watchedMs(db.pool, live.streamId, viewer.id)).toBe(15_000);
    clock.nowMs += 1_000;
    first();
    clock.nowMs += 2_000;
    second();
    clock.nowMs += 60_000;
    await watchTime.write();
    await watchTime.write();
    expect(await watchedMs(db.pool, live.streamId, viewer.id)).toBe(18_000);
    const again = await watch(live.streamId, viewer.id);
    clock.nowMs += 500;
    again();
    await watchTime.close();
    expect(await watchedMs(db.pool, live.streamId, viewer.id)).toBe(18_500);
  } finally {
    await server.close();
  }
});

test('what cannot be written is kept for the next write', async ({ db, viewer, live }) => {
  const { server, clock, watchTime, watch } = await measure(db.url);
  try {
    const leave = await watch(live.streamId, viewer.id);
    clock.nowMs += 4_000;
    leave();
    await db.pool.query('ALTER FUNCTION boards_watched(bigint[], bigint[], bigint[]) RENAME TO boards_away');
    await watchTime.write();
    await db.pool.query('ALTER FUNCTION boards_away(bigint[], bigint[], bigint[]) RENAME TO boards_watched');
    expect(await watchedMs(db.pool, live.streamId, viewer.id)).toBe(0);
    await watchTime.write();
    await watchTime.write();
    expect(await watchedMs(db.pool, live.streamId, viewer.id)).toBe(4_000);
  } finally {
    await server.close();
  }
});

test('behind the end of a stream nothing counts, and creators do not watch their own', async ({ db, viewer, live }) => {
  const { server: quiet, clock, watchTime, watch } = await measure(db.url);
  try {
    await watch(live.streamId, live.creator.id);
    await watch(live.streamId, viewer.id);
    clock.nowMs += 3_000;
    await watchTime.write();
    await endStream(live.creator, live.streamId);
    await db.pool.query(`UPDATE stream SET ended_at = ended_at - interval '1 hour' WHERE id = $1`, [
      rowOf(live.streamId),
    ]);
    clock.nowMs += 9_000;
    await watchTime.write();
    expect(await watchedMs(db.pool, live.streamId, viewer.id)).toBe(3_000);
    expect(await watchedMs(db.pool, live.streamId, live.creator.id)).toBe(0);
  } finally {
    await quiet.close();
  }
});
