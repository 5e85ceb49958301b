/** Months of events go when they may, whole, while everything else goes on; and whoever needed them is answered all the same. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import pg from 'pg';
import { expect } from 'vitest';
import { pruneMonth } from '../../src/live/months.ts';
import { brokenRules } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  query,
  readLog,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { auditedNow } from './support/audit.ts';
import { boardRows, uncounted } from './support/boards.ts';
import { giftsOf } from './support/disputes.ts';
import { rowOf } from './support/ids.ts';
import { age, heldSeqs, monthNow, monthOf, monthsAgo, sweepRetention, untilSwept } from './support/months.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { connectReverser } from './support/reversals.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const RETENTION_DAYS = 30;
/** For a crowd of gifts on a busy machine. */
const CROWD_LIMIT_MS = 120_000;

const test = testOn({
  overrides: {
    ...QUIET.overrides,
    community: { ...QUIET.overrides.community, leaderboards: { foldIntervalMs: 20, watchIntervalMs: 3_600_000 } },
  },
}).extend('swept', { scope: 'file', auto: true }, ({ server }) => untilSwept(server)); // It makes months, too.

const counted = (pool: Pool) => expect.poll(() => uncounted(pool), { timeout: 20_000 }).toBe(0);

/** A stream of so many months ago, over since: 3 gifts and a message, 40 days old unless said otherwise. */
async function oldStream(
  { server, pool, fan }: { server: { url: string }; pool: Pool; fan: Actor },
  ago: number,
  days = 40,
) {
  const creator = await signIn(server);
  const { id } = await monthsAgo(pool, ago, () => startStream(creator));
  const keys = Array.from({ length: 3 }, () => randomUUID());
  const sent = [];
  for (const idempotencyKey of keys) sent.push(succeed(await sendGift(fan, id, { gift: 'Heart', idempotencyKey })));
  const said = succeed(await sendChatMessage(fan, id, 'salaam', keys[0]!));
  succeed(await endStream(creator, id));
  await counted(pool);
  await age(pool, [id], days);
  return { creator, id, keys, sent, said, month: (await monthNow(pool)) - ago };
}

test('a month whose streams are over for long goes; others, gifts and books stay', async ({ db, server, funded }) => {
  const { pool } = db;
  const old = await oldStream({ server, pool, fan: funded }, 6);
  const recent = await oldStream({ server, pool, fan: funded }, 7, 20);
  const young = await startStream(await signIn(server));
  expect(monthOf(rowOf(young.id))).toBe(await monthNow(pool));
  const before = { recent: await heldSeqs(pool, recent.id), boards: await boardRows(pool) };

  await sweepRetention(server.app.services.db, RETENTION_DAYS);

  expect(await heldSeqs(pool, old.id)).toEqual([]);
  expect(await heldSeqs(pool, recent.id)).toEqual(before.recent);
  expect(await heldSeqs(pool, young.id)).toEqual([1]);
  expect(await boardRows(pool)).toEqual(before.boards);
  expect(await giftsOf(pool, funded)).toHaveLength(6);
  // Of all rules of ledger, log and gifts only those that read the events of before do not hold any longer.
  expect(Object.keys(await brokenRules(pool)).sort()).toEqual([
    'every gift has its event',
    'the log of a stream counts from 1 without gaps to its head',
  ]);
  const { rows } = await pool.query('SELECT month FROM month_partition WHERE events_pruned_at IS NOT NULL');
  expect(rows).toEqual([{ month: old.month }]);
});

test('without EVENT_RETENTION_DAYS nothing goes, however old', async ({ db, server, funded }) => {
  const old = await oldStream({ server, pool: db.pool, fan: funded }, 8, 500);
  const before = await heldSeqs(db.pool, old.id);
  await sweepRetention(server.app.services.db, undefined);
  expect(await heldSeqs(db.pool, old.id)).toEqual(before);
});

test('keys are answered when the events are gone: number, time, streak and all', async ({ db, server, funded }) => {
  const { pool } = db;
  const old = await oldStream({ server, pool, fan: funded }, 9, 0);
  await pool.query(`SELECT live_month_prune($1, 'infinity', 1000)`, [old.month]);
  expect(await heldSeqs(pool, old.id)).toEqual([]);
  for (const [index, idempotencyKey] of old.keys.entries()) {
    const again = succeed(await sendGift(funded, old.id, { gift: 'Heart', idempotencyKey }));
    expect(again).toEqual({ ...old.sent[index]!, replayed: true, wallet: expect.anything() });
    expect(again.giftSent.streak).toBe(index + 1);
  }
  const other = await sendGift(funded, old.id, { gift: 'Rose', idempotencyKey: old.keys[0]! });
  expect(other.__typename).toBe('IdempotencyConflictError');
  const said = succeed(await sendChatMessage(funded, old.id, 'salaam', old.keys[0]!));
  expect(said).toEqual({ ...old.said, replayed: true });
  const otherWords = await sendChatMessage(funded, old.id, 'other words', old.keys[0]!);
  expect(otherWords.__typename).toBe('IdempotencyConflictError');
});

test('pages and earnings of a pruned stream: what is missing is said, what is known is shown', async ({
  db,
  server,
  funded,
}) => {
  const { pool } = db;
  const old = await oldStream({ server, pool, fan: funded }, 10, 0);
  const log = await readLog(funded.api, old.id);
  const last = log.length;
  const EARNED = `{ me { creator { earnings { history(account: PENDING, first: 3) { edges { node { kind diamonds
    gift { sender { handle } gift { name coins } quantity } } } } } } } }`;
  const earned = await old.creator.api.request(EARNED);
  await pool.query(`SELECT live_month_prune($1, 'infinity', 1000)`, [old.month]);

  type Page = { liveStream: { events: { totalCount: number; edges: unknown[]; pageInfo: { hasNextPage: boolean } } } };
  const PAGE = `query($id: ID!, $after: String) { liveStream(id: $id) { events(first: 2, after: $after) {
    totalCount pageInfo { hasNextPage } edges { cursor node { __typename seq ... on ResyncRequired { missedFrom resumesAt } } } } } }`;
  const page = async (after?: string) => (await query<Page>(funded.api, PAGE, { id: old.id, after })).liveStream.events;
  const end = log.at(-1)!.cursor;
  const resync = (missedFrom: number) => ({
    totalCount: last,
    pageInfo: { hasNextPage: false },
    edges: [{ cursor: end, node: { __typename: 'ResyncRequired', seq: last, missedFrom, resumesAt: last + 1 } }],
  });
  expect(await page()).toEqual(resync(1));
  expect(await page(log[1]!.cursor)).toEqual(resync(3));
  expect(await page(end)).toEqual({ totalCount: last, pageInfo: { hasNextPage: false }, edges: [] });
  expect(await old.creator.api.request(EARNED)).toEqual(earned);
});

test('a marathon keeps its month, and so does what nobody has counted yet', async ({ db, server, funded }) => {
  const { pool } = db;
  const { db: database } = server.app.services;
  const old = await oldStream({ server, pool, fan: funded }, 11, 400);
  const runner = await signIn(server);
  const { id: marathon } = await monthsAgo(pool, 11, () => startStream(runner));
  await age(pool, [marathon], 400);
  const before = await heldSeqs(pool, old.id);
  expect(await pruneMonth(database, old.month, RETENTION_DAYS)).toBe('RECENT');
  succeed(await endStream(runner, marathon));
  await counted(pool);
  expect(await pruneMonth(database, old.month, RETENTION_DAYS), 'it ended today').toBe('RECENT');
  await age(pool, [marathon], 31);
  await pool.query('UPDATE board_cursor SET done = false WHERE stream_id = $1', [rowOf(old.id)]);
  expect(await pruneMonth(database, old.month, RETENTION_DAYS)).toBe('UNREAD');
  expect(await heldSeqs(pool, old.id)).toEqual(before);
  await pool.query('UPDATE board_cursor SET done = true WHERE stream_id = $1', [rowOf(old.id)]);
  expect(await pruneMonth(database, old.month, RETENTION_DAYS)).toBe('PRUNED');
  expect([...(await heldSeqs(pool, old.id)), ...(await heldSeqs(pool, marathon))]).toEqual([]);
  expect(await pruneMonth(database, old.month, RETENTION_DAYS)).toBe('EMPTY');
});

test('the months that new streams can be of never go', async ({ db, server, funded }) => {
  const now = await monthNow(db.pool);
  const old = await oldStream({ server, pool: db.pool, fan: funded }, 1, 400);
  for (const month of [now - 1, now]) {
    expect(await pruneMonth(server.app.services.db, month, 1)).toBe('RECENT');
  }
  expect(await heldSeqs(db.pool, old.id)).not.toEqual([]);
});

test('a gift of a pruned stream is taken back: the log goes on behind its end, and the board of the day sinks', async ({
  db,
  server,
  funded,
  onTestFinished,
}) => {
  const { pool } = db;
  const old = await oldStream({ server, pool, fan: funded }, 12);
  const last = (await heldSeqs(pool, old.id)).at(-1)!;
  expect(await pruneMonth(server.app.services.db, old.month, RETENTION_DAYS)).toBe('PRUNED');
  const reverser = connectReverser(db.url);
  onTestFinished(() => reverser.close());
  const DAY = `SELECT owner_id::int, coins::int FROM board_score WHERE viewer_id = $1 AND board = 'DAY' AND coins > 0 ORDER BY owner_id`;
  // The boards counted the day on which the gift was sent; only its rows were made older.
  await age(pool, [old.id], -40);
  const { rows: before } = await pool.query(DAY, [rowOf(funded.id)]);
  const [gift] = await giftsOf(pool, funded);
  expect(await reverser.reverse([gift!])).toBe(1);
  await counted(pool);
  const { rows: after } = await pool.query(DAY, [rowOf(funded.id)]);
  expect(before.map(({ coins }) => coins - (old.sent[0]!.giftSent.coins as number))).toEqual(
    after.map(({ coins }) => coins),
  );
  expect(await heldSeqs(pool, old.id)).toEqual([last + 1]);
  const log = await readLog(funded.api, old.id);
  expect(log.map(({ node }) => [node.__typename, node.seq])).toEqual([
    ['ResyncRequired', last],
    ['GiftReversed', last + 1],
  ]);
  expect(await pruneMonth(server.app.services.db, old.month, RETENTION_DAYS), 'a correction of now').toBe('RECENT');
});

test('who uses a month keeps it from being pruned, and nobody else is kept waiting', async ({
  db,
  server,
  funded,
  live,
  onTestFinished,
}) => {
  const { pool } = db;
  const old = await oldStream({ server, pool, fan: funded }, 13);
  const before = await heldSeqs(pool, old.id);
  const reader = await pool.connect();
  onTestFinished(() => reader.release());
  await reader.query('BEGIN');
  await reader.query('SELECT count(*) FROM live_event WHERE stream_id = $1', [rowOf(old.id)]);
  const pruning = pruneMonth(server.app.services.db, old.month, RETENTION_DAYS);
  const sends = await atOnce(20, () => sendGift(funded, live.streamId));
  expect(tally(sends)).toEqual({ SendGiftSuccess: 20 });
  expect(await pruning).toBe('LOCKED');
  expect(await heldSeqs(pool, old.id)).toEqual(before);
  await reader.query('COMMIT');
  expect(await pruneMonth(server.app.services.db, old.month, RETENTION_DAYS)).toBe('PRUNED');
});

test('months go while gifts are sent, replayed and watched elsewhere', { timeout: CROWD_LIMIT_MS }, async ({
  db,
  server,
  live,
}) => {
  const { pool } = db;
  const fans = await atOnce(4, async () => {
    const fan = await signIn(server);
    succeed(await buyCoins(fan, { coins: 7_000 }));
    return fan;
  });
  const months = [];
  for (const ago of [14, 15, 16]) months.push(await oldStream({ server, pool, fan: fans[0]! }, ago));
  const key = randomUUID();
  const sending = atOnce(200, (n) =>
    sendGift(fans[n % 4]!, live.streamId, n % 20 === 0 ? { idempotencyKey: key } : {}),
  );
  // On a busy machine somebody may have the month at each of the attempts of one sweep: the next one tries again.
  const prune = async (month: number): Promise<string> => {
    const result = await pruneMonth(server.app.services.db, month, RETENTION_DAYS);
    return result === 'LOCKED' ? prune(month) : result;
  };
  const results = await Promise.all(months.map(({ month }) => prune(month)));
  expect(tally(await sending)).toEqual({ SendGiftSuccess: 200 });
  expect(results).toEqual(['PRUNED', 'PRUNED', 'PRUNED']);
  const log = await readLog(fans[0]!.api, live.streamId);
  expect(log.map(({ node }) => node.seq)).toEqual(log.map((_, index) => index + 1));
});

test('of many servers that prune a month at once one does; the others find it done, or being done', async ({
  db,
  server,
  funded,
}) => {
  const old = await oldStream({ server, pool: db.pool, fan: funded }, 17);
  const results = await atOnce(6, () => pruneMonth(server.app.services.db, old.month, RETENTION_DAYS));
  expect(results.filter((result) => result === 'PRUNED')).toHaveLength(1);
  expect(results.filter((result) => !['PRUNED', 'BUSY', 'EMPTY'].includes(result))).toEqual([]);
  expect(await heldSeqs(db.pool, old.id)).toEqual([]);
});

test('a prune that dies half-way has done nothing, and the next one does all', async ({ db, server, funded }) => {
  const old = await oldStream({ server, pool: db.pool, fan: funded }, 18);
  const before = await heldSeqs(db.pool, old.id);
  const dying = new pg.Client({ connectionString: db.url });
  const died = new Promise((resolve) => dying.on('error', resolve));
  await dying.connect();
  await dying.query('BEGIN');
  const { rows } = await dying.query(
    `SELECT live_month_prune($1, 'infinity', 1000) AS result, pg_backend_pid() AS pid`,
    [old.month],
  );
  expect(rows[0].result).toBe('PRUNED');
  expect(await pruneMonth(server.app.services.db, old.month, RETENTION_DAYS), 'while it is at it').toBe('BUSY');
  await db.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
  await died;
  expect(await heldSeqs(db.pool, old.id)).toEqual(before);
  expect(await pruneMonth(server.app.services.db, old.month, RETENTION_DAYS)).toBe('PRUNED');
});

test('after all that every coin is accounted for', async ({ db, live, funded }) => {
  succeed(await sendGift(funded, live.streamId));
  const { rows } = await db.pool.query(
    'SELECT count(*)::int AS alone FROM gift_key k FULL JOIN gift_sent g ON g.id = k.gift_sent_id WHERE k IS NULL OR g IS NULL',
  );
  expect(rows).toEqual([{ alone: 0 }]);
  expect((await auditedNow(db.pool)).lines).toEqual([]);
});
