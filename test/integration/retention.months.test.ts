/** Partitions: made ahead, never missing for an insert, entered by the parent only; and what is old enough is forgotten or archived. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import type { SqlTransaction } from '../../src/db/database.ts';
import { claimChore, forget, KEY_DAYS } from '../../src/db/pruning.ts';
import { forgetGiftKeys } from '../../src/domains/gifts/gifts.api.ts';
import { findSentGifts } from '../../src/domains/gifts/reversals.repo.ts';
import { readQueues } from '../../src/domains/reactions/reactions.repo.ts';
import { readEvents, readEventsAt } from '../../src/live/live-log.ts';
import { makeMonths } from '../../src/live/months.ts';
import { query, readLog, sendChatMessage, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { auditedNow } from './support/audit.ts';
import { giftsOf } from './support/disputes.ts';
import { rowOf } from './support/ids.ts';
import { age, monthNow, monthOf, monthsAgo, sweepRetention, untilSwept } from './support/months.ts';
import { atOnce } from './support/outcomes.ts';
import { test as base } from './support/shared-server.ts';

/** Nothing of what a server does at its start comes between. */
const test = base.extend('swept', { scope: 'file', auto: true }, ({ server }) => untilSwept(server));

const NEVER = new AbortController().signal;

/** The partitions of a table that the parent knows. */
async function partitionsOf(pool: Pool, parent: string): Promise<string[]> {
  const { rows } = await pool.query(
    'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1',
    [parent],
  );
  return rows.map(({ name }) => name);
}

async function monthsThatThereAre(pool: Pool): Promise<number[]> {
  const { rows } = await pool.query('SELECT month FROM month_partition ORDER BY month');
  return rows.map(({ month }) => month);
}

/** As if nobody had ever made the partitions of these months, which hold nothing. */
async function unmake(pool: Pool, months: readonly number[]): Promise<void> {
  for (const month of months) {
    await pool.query(
      `DO $$ BEGIN EXECUTE format('DROP TABLE %I, %I', month_table('live_event', ${month}), month_table('gift_sent', ${month})); END $$`,
    );
    await pool.query('DELETE FROM month_partition WHERE month = $1', [month]);
  }
}

test('this month and the next three are there; any number of servers make what is missing', async ({ db, server }) => {
  const { pool } = db;
  const now = await monthNow(pool);
  expect(await monthsThatThereAre(pool)).toEqual([0, now, now + 1, now + 2, now + 3]);
  for (const parent of ['live_event', 'gift_sent']) {
    expect(await partitionsOf(pool, parent), parent).toHaveLength(5);
    expect(await partitionsOf(pool, parent)).toContain(`${parent}_before`);
  }
  await unmake(pool, [now + 2, now + 3]);
  const made = await atOnce(5, () => makeMonths(server.app.services.db.pool));
  expect(made.reduce((sum, months) => sum + months, 0)).toBe(2);
  expect(await monthsThatThereAre(pool)).toEqual([0, now, now + 1, now + 2, now + 3]);
  expect(await partitionsOf(pool, 'gift_sent')).toHaveLength(5);
});

test('new ids carry this month, below 2^53, and rise', async ({ db, server, funded, live }) => {
  const now = await monthNow(db.pool);
  const another = await startStream(await signIn(server));
  const ids = [live.streamId, another.id].map((id) => BigInt(rowOf(id)));
  succeed(await sendGift(funded, live.streamId));
  const gifts = await giftsOf(db.pool, funded);
  expect([...ids, ...gifts].map(monthOf)).toEqual([now, now, now]);
  expect(ids[1]! > ids[0]! && ids[1]! < 2n ** 53n).toBe(true);
});

test('no partition of this month: inserts go on in the newest that there is, and into this one once it is made', async ({
  db,
  server,
  funded,
}) => {
  const { pool } = db;
  const now = await monthNow(pool);
  const creator = await signIn(server);
  const id = await monthsAgo(pool, 3, async () => {
    const { id } = await startStream(creator);
    succeed(await sendGift(funded, id));
    succeed(await sendChatMessage(funded, id, 'still here'));
    return id;
  });
  expect([monthOf(rowOf(id)), ...(await giftsOf(pool, funded)).map(monthOf)]).toEqual([now - 3, now - 3]);
  await sweepRetention(server.app.services.db, undefined);
  succeed(await sendGift(funded, id));
  expect((await giftsOf(pool, funded)).map(monthOf)).toEqual([now - 3, now]);
  const log = await readLog(funded.api, id);
  expect(log.map(({ node }) => node.seq)).toEqual([1, 2, 3, 4]);
});

test('a clock that was years ahead leaves partitions, and nothing fails before or after', async ({
  db,
  server,
  live,
  funded,
}) => {
  const { pool } = db;
  const now = await monthNow(pool);
  for (const ahead of [100, 101, 102, 103]) await pool.query('SELECT month_make($1)', [now + ahead]);
  const { id } = await startStream(await signIn(server));
  for (const streamId of [id, live.streamId]) succeed(await sendGift(funded, streamId));
  expect(await monthsThatThereAre(pool)).toContain(monthOf(rowOf(id)));
  expect((await giftsOf(pool, funded)).map(monthOf).every((month) => month >= now)).toBe(true);
  await sweepRetention(server.app.services.db, 1);
  expect((await readLog(funded.api, id)).map(({ node }) => node.seq)).toEqual([1, 2]);
  await unmake(
    pool,
    [now + 101, now + 102, now + 103, now + 100].filter((month) => month !== monthOf(rowOf(id))),
  );
});

test('rows go in by the parent alone, where references and keys are checked', async ({ db, live, funded }) => {
  const { pool } = db;
  succeed(await sendGift(funded, live.streamId));
  const [gift] = await giftsOf(pool, funded);
  const tables = await pool.query(
    `SELECT tableoid::regclass::text AS gifts, (SELECT tableoid::regclass::text FROM live_event WHERE stream_id = $2 LIMIT 1) AS events
       FROM gift_sent WHERE id = $1`,
    [gift, rowOf(live.streamId)],
  );
  const { gifts, events } = tables.rows[0];
  expect(gifts).toMatch(/^gift_sent_\d{4}_\d{2}$/);
  for (const sql of [
    `INSERT INTO ${gifts} SELECT * FROM gift_sent WHERE id = ${gift}`,
    `INSERT INTO ${events} SELECT stream_id, seq + 1000, type, payload, occurred_at FROM live_event WHERE stream_id = ${rowOf(live.streamId)}`,
    `UPDATE ${gifts} SET coins = 1`,
    `DELETE FROM ${gifts}`,
    `UPDATE ${events} SET payload = '{}'`,
    'UPDATE gift_key SET gift_sent_id = 1',
  ]) {
    await expect(pool.query(sql), sql).rejects.toMatchObject({ code: '23001' });
  }
  await expect(
    pool.query(
      `INSERT INTO gift_sent (viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
         SELECT viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at FROM gift_sent WHERE id = $1`,
      [gift],
    ),
  ).rejects.toMatchObject({ constraint: 'gift_key_pkey' });
});

test('hot reads touch one partition: when planned, and as generic plans', async ({ db, live, funded }) => {
  const { pool } = db;
  succeed(await sendGift(funded, live.streamId));
  const [gift] = await giftsOf(pool, funded);
  const client = await pool.connect();
  try {
    const scans = async (sql: string) => {
      const { rows } = await client.query(sql);
      const lines = rows.map((row) => String(row['QUERY PLAN']));
      return lines.filter(
        (line) => /Scan.* on (gift_sent|live_event)_/.test(line) && !/never executed|Bitmap Index Scan/.test(line),
      );
    };
    const stream = rowOf(live.streamId);
    const explain = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)';
    const page = (id: string) =>
      `SELECT seq FROM live_event WHERE stream_id = ${id} AND seq > 0 ORDER BY seq LIMIT 500`;
    expect(await scans(`${explain} ${page(stream)}`)).toHaveLength(1);
    expect(await scans(`${explain} SELECT * FROM gift_sent WHERE id = ${gift}`)).toHaveLength(1);
    await client.query('SET plan_cache_mode = force_generic_plan');
    await client.query(`PREPARE page AS ${page('$1')}`);
    await client.query('PREPARE gift AS SELECT * FROM gift_sent WHERE id = $1');
    expect(await scans(`${explain} EXECUTE page(${stream})`)).toHaveLength(1);
    expect(await scans(`${explain} EXECUTE gift(${gift})`)).toHaveLength(1);
    await client.query('SET enable_hashjoin = off; SET enable_mergejoin = off');
    const joined = `${explain} SELECT g.seq FROM transfer t JOIN LATERAL (SELECT * FROM gift_sent WHERE id = t.cause_id LIMIT 1) g ON true
      WHERE t.kind = 'GIFT_SPENT' AND t.cause_id = ${gift}`;
    expect(await scans(joined)).toHaveLength(1);
  } finally {
    await client.query('RESET ALL; DEALLOCATE ALL').finally(() => client.release());
  }
});

test('gifts and events of several months are read where they are: no other month is opened', async ({
  db,
  server,
  funded,
}) => {
  const { pool } = db;
  const database = server.app.services.db;
  const sent: { id: bigint; streamId: bigint; seq: bigint }[] = [];
  for (const ago of [14, 13]) {
    const id = await monthsAgo(pool, ago, async () => {
      const stream = await startStream(await signIn(server));
      for (let gift = 0; gift < 2; gift++) succeed(await sendGift(funded, stream.id, { gift: 'Heart' }));
      return rowOf(stream.id);
    });
    const { rows } = await pool.query('SELECT id, seq FROM gift_sent WHERE stream_id = $1 ORDER BY id', [id]);
    sent.push(...rows.map((row) => ({ id: BigInt(row.id), streamId: BigInt(id), seq: BigInt(row.seq) })));
  }
  /** The answer, and the months that Postgres has had to look at for it: it keeps a lock on each until the transaction ends. */
  const opened = <T>(read: (sql: SqlTransaction) => Promise<T>) =>
    database.inTransaction(async (sql) => {
      const result = await read(sql);
      const { rows } = await sql.query(
        `SELECT count(*)::int AS months FROM pg_locks l JOIN pg_inherits i ON i.inhrelid = l.relation
          WHERE l.pid = pg_backend_pid() AND i.inhparent IN ('gift_sent'::regclass, 'live_event'::regclass)`,
      );
      return { result, months: rows[0].months as number };
    });
  const [first, , third] = sent;
  const asked = [
    ...sent,
    first!,
    { id: 5n, streamId: 5n, seq: 1n },
    { id: 1_900n << 42n, streamId: 1_900n << 42n, seq: 1n },
  ];
  const gifts = await opened((sql) =>
    findSentGifts(
      sql,
      asked.map(({ id }) => id),
    ),
  );
  expect(gifts.result.map(({ id }) => id)).toEqual([...sent, first!].map(({ id }) => id));
  expect(gifts.months).toBe(3); // and that of before there were months
  const events = await opened((sql) => readEventsAt(sql, asked));
  expect(events.result.map((event) => event?.seq)).toEqual([
    ...[...sent, first!].map(({ seq }) => seq),
    undefined,
    undefined,
  ]);
  expect(events.months).toBe(3);
  expect((await opened((sql) => findSentGifts(sql, [third!.id]))).months).toBe(1);
  expect((await opened((sql) => readEvents(sql, third!.streamId, 0n, 10))).months).toBe(1);
  const queues = await opened((sql) => readQueues(sql, [{ streamId: third!.streamId, limit: 10 }]));
  expect(queues).toEqual({ result: [[]], months: 0 });
});

test('keys of calls and events of providers are forgotten when they are old, by one server a day', async ({
  db,
  server,
  live,
  viewer,
}) => {
  const { pool } = server.app.services.db;
  const [old, young] = [randomUUID(), randomUUID()];
  const say = (key: string) => sendChatMessage(viewer, live.streamId, 'salaam', key);
  for (const key of [old, young]) succeed(await say(key));
  await pool.query(`INSERT INTO webhook_event (source, id, type) VALUES ('test', $1, 'x'), ('test', $2, 'x')`, [
    old,
    young,
  ]);
  const long = [old, `${KEY_DAYS} days 1 hour`];
  const almost = [young, `${KEY_DAYS - 1} days`];
  for (const values of [long, almost]) {
    await pool.query('UPDATE idempotency_key SET created_at = created_at - $2::interval WHERE key = $1', values);
    await pool.query('UPDATE webhook_event SET received_at = received_at - $2::interval WHERE id = $1', values);
  }
  await pool.query(`UPDATE retention_chore SET claimed_at = '-infinity'`);
  await atOnce(3, () => sweepRetention(server.app.services.db, undefined));
  const left = async (sql: string) => (await db.pool.query(sql, [[old, young]])).rows.map(({ id }) => id);
  expect(await left('SELECT key AS id FROM idempotency_key WHERE key = ANY($1)')).toEqual([young]);
  expect(await left('SELECT id FROM webhook_event WHERE id = ANY($1)')).toEqual([young]);
  expect((await say(young)).replayed).toBe(true);
  expect((await say(old)).replayed, 'a new message').toBe(false);

  expect(await claimChore(pool, 'webhook_event'), 'done today').toBe(false);
  await pool.query(`UPDATE retention_chore SET claimed_at = clock_timestamp() + interval '1 year'`);
  expect(await claimChore(pool, 'webhook_event'), 'claimed by a clock that was ahead').toBe(true);
  expect(await forget(pool, 'webhook_event', NEVER)).toBe(0);
});

test('what the planner knows of partitioned tables is renewed once a day, and nobody waits for it', async ({
  db,
  server,
  funded,
  live,
}) => {
  const { pool } = db;
  const database = server.app.services.db;
  const said = Array.from({ length: 60 }, () => sendChatMessage(funded, live.streamId, 'salaam'));
  for (const outcome of await Promise.all(said)) succeed(outcome);
  // Autovacuum does this of its own, with partitions.
  for (const part of await partitionsOf(pool, 'live_event')) await pool.query(`ANALYZE ${part}`);
  const old = async () => (await pool.query('SELECT parents_to_analyze() AS name')).rows.map(({ name }) => name);
  const known = async () =>
    (await pool.query("SELECT reltuples FROM pg_class WHERE oid = 'live_event'::regclass")).rows[0].reltuples as number;
  const sweepTomorrow = async () => {
    await pool.query(`UPDATE retention_chore SET claimed_at = '-infinity' WHERE name = 'statistics'`);
    await sweepRetention(database, undefined);
  };
  expect(await old()).toContain('live_event');
  const before = await known();
  const { runs, failed } = database.instruments.meters.sweeps.of('statistics');
  const other = await pool.connect();
  try {
    // Somebody makes a partition at this moment: it is left alone, and not waited for.
    await other.query('BEGIN; LOCK TABLE live_event IN SHARE UPDATE EXCLUSIVE MODE');
    await sweepTomorrow();
    expect(await known()).toBe(before);
    await other.query('ROLLBACK');
    // Somebody reads and writes at this moment.
    await other.query('BEGIN; LOCK TABLE live_event, gift_sent IN ROW EXCLUSIVE MODE');
    await sweepTomorrow();
    expect(await known()).toBeGreaterThanOrEqual(Math.max(before, 0) + 60);
  } finally {
    await other.query('ROLLBACK');
    other.release();
  }
  expect(await old()).not.toContain('live_event');
  const meter = database.instruments.meters.sweeps.of('statistics');
  expect([meter.runs - runs, meter.failed - failed]).toEqual([2, 0]);
});

test('keys of gifts are forgotten in their turn, and only then may their month be archived: the ledger stays whole', async ({
  db,
  server,
  funded,
}) => {
  const { pool } = server.app.services.db;
  const creator = await signIn(server);
  const now = await monthNow(pool);
  const key = randomUUID();
  const { id } = await monthsAgo(pool, 30, async () => {
    const stream = await startStream(creator);
    succeed(await sendGift(funded, stream.id, { quantity: 2, idempotencyKey: key }));
    succeed(await sendGift(funded, stream.id, { quantity: 3 }));
    return stream;
  });
  const day = `SELECT to_char(timestamp '1970-01-01' + make_interval(months => $1), 'YYYY-MM-DD') AS day`;
  const month = (await pool.query(day, [now - 30])).rows[0].day as string;
  const archivable = async () => (await pool.query('SELECT gift_month_archivable($1) AS yes', [month])).rows[0].yes;
  const keysOf = async () =>
    (await pool.query('SELECT count(*)::int AS keys FROM gift_key WHERE viewer_id = $1', [rowOf(funded.id)])).rows[0]
      .keys;

  await age(pool, [id], 549);
  expect(await forgetGiftKeys(pool, NEVER)).toBe(0);
  expect([await keysOf(), await archivable()]).toEqual([2, false]);
  expect((await sendGift(funded, id, { quantity: 2, idempotencyKey: key })).replayed).toBe(true);
  await age(pool, [id], 2);
  const forgotten = await atOnce(3, () => forgetGiftKeys(pool, NEVER));
  expect(forgotten.reduce((sum, gifts) => sum + gifts, 0)).toBe(2);
  expect([await keysOf(), await archivable()]).toEqual([0, true]);

  const table = `gift_sent_${month.slice(0, 7).replace('-', '_')}`;
  await pool.query(`ALTER TABLE gift_sent DETACH PARTITION ${table} CONCURRENTLY`);
  await pool.query(`DROP TABLE ${table}`);
  const HISTORY = `{ me { wallet { history(first: 3) { edges { node { kind amount gift { quantity } } } } } } }`;
  type History = { me: { wallet: { history: { edges: { node: unknown }[] } } } };
  const { me } = await query<History>(funded.api, HISTORY);
  expect(me.wallet.history.edges.slice(0, 2).map(({ node }) => node)).toEqual([
    { kind: 'GIFT_SPENT', amount: -3, gift: null },
    { kind: 'GIFT_SPENT', amount: -2, gift: null },
  ]);
  expect((await auditedNow(db.pool)).lines).toEqual([]);
  succeed(await sendGift(funded, (await startStream(await signIn(server))).id));
});
