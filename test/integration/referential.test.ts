/** The references of the tables that gifts fill: no row without its parent and no parent gone, whoever writes and however. */
import { DatabaseError, type Pool } from 'pg';
import { expect } from 'vitest';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { buyCoins, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { QUIET } from './support/shared-server.ts';

const FOREIGN_KEY_VIOLATION = '23503';
const RESTRICT_VIOLATION = '23001';
/** An id that nothing has. */
const NONE = 999_999_999;

const test = testWith(QUIET);

/**
 * Rows of each table by the columns of a SELECT over `made`, which holds the ids of a gift that was sent: [table, columns, a row
 * that is allowed, and by the reference that it breaks a row that is not]. `n` is the number of the row in its statement.
 */
const CHILDREN: [table: string, columns: string, allowed: string, orphans: Record<string, string>][] = [
  [
    'transfer',
    'debit_account_id, credit_account_id, unit, amount, kind, cause_id, reverses',
    "wallet, gifts, 'COIN', 1, 'TEST', n, NULL::bigint",
    {
      transfer_debit_account_id_unit_fkey: `${NONE}, gifts, 'COIN', 1, 'TEST', n, NULL`,
      transfer_credit_account_id_unit_fkey: `wallet, ${NONE}, 'COIN', 1, 'TEST', n, NULL`,
      transfer_reverses_fkey: `wallet, gifts, 'COIN', 1, 'TEST', n, ${NONE}`,
    },
  ],
  [
    'live_event',
    'stream_id, seq, type, payload, occurred_at',
    "stream, 100 + n, 'TEST', '{}'::jsonb, now()",
    { live_event_stream_id_fkey: `${NONE}, 100 + n, 'TEST', '{}', now()` },
  ],
  [
    'stream_gifter',
    'stream_id, viewer_id, coins',
    'other_stream, viewer, 1',
    {
      stream_gifter_stream_id_fkey: `${NONE}, viewer, 1`,
      stream_gifter_viewer_id_fkey: `other_stream, ${NONE}, 1`,
    },
  ],
  [
    'gift_sent',
    'viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at',
    "viewer, 'test ' || n, stream, gift, 1, 1, 0, 100 + n, now()",
    {
      gift_sent_stream_id_viewer_id_fkey: `viewer, 'test ' || n, ${NONE}, gift, 1, 1, 0, 100 + n, now()`,
      gift_sent_gift_id_fkey: `viewer, 'test ' || n, stream, ${NONE}, 1, 1, 0, 100 + n, now()`,
    },
  ],
  [
    'gift_streak',
    'stream_id, viewer_id, gift_id, total, coins, expires_at',
    'stream, other_viewer, gift, 1, 1, now()',
    {
      gift_streak_stream_id_viewer_id_fkey: `stream, ${NONE}, gift, 1, 1, now()`,
      gift_streak_gift_id_fkey: `stream, viewer, ${NONE}, 1, 1, now()`,
    },
  ],
];

/** Statements that would take a row away from those that refer to it, and the reference that they would break. */
const PARENTS: [statement: string, constraint: string][] = [
  ['DELETE FROM ledger_account WHERE id = (SELECT max(id) FROM ledger_account)', 'transfer_debit_account_id_unit_fkey'],
  ['UPDATE ledger_account SET id = id + 1000000', 'transfer_debit_account_id_unit_fkey'],
  ["UPDATE ledger_account SET unit = 'EUR'", 'transfer_debit_account_id_unit_fkey'],
  ['TRUNCATE ledger_account CASCADE', 'transfer_debit_account_id_unit_fkey'],
  ['DELETE FROM viewer', 'stream_gifter_viewer_id_fkey'],
  ['UPDATE viewer SET id = id + 1000000', 'stream_gifter_viewer_id_fkey'],
  ['TRUNCATE viewer CASCADE', 'stream_gifter_viewer_id_fkey'],
  ['DELETE FROM stream', 'stream_gifter_stream_id_fkey'],
  ['UPDATE stream SET id = id + 1000000', 'stream_gifter_stream_id_fkey'],
  ['TRUNCATE stream CASCADE', 'stream_gifter_stream_id_fkey'],
  ['DELETE FROM live_log', 'live_event_stream_id_fkey'],
  ['UPDATE live_log SET stream_id = stream_id + 1000000', 'live_event_stream_id_fkey'],
  ['TRUNCATE live_log CASCADE', 'live_event_stream_id_fkey'],
  ['DELETE FROM gift', 'gift_sent_gift_id_fkey'],
  ['UPDATE gift SET id = id + 1000000', 'gift_sent_gift_id_fkey'],
  ['TRUNCATE gift CASCADE', 'gift_sent_gift_id_fkey'],
  ['DELETE FROM stream_gifter', 'gift_sent_stream_id_viewer_id_fkey'],
  ['UPDATE stream_gifter SET stream_id = stream_id + 1000000', 'gift_sent_stream_id_viewer_id_fkey'],
  [`UPDATE stream_gifter SET viewer_id = ${NONE}`, 'gift_sent_stream_id_viewer_id_fkey'],
  ['TRUNCATE stream_gifter', 'gift_sent_stream_id_viewer_id_fkey'],
  [`UPDATE gift_streak SET stream_id = ${NONE}`, 'gift_streak_stream_id_viewer_id_fkey'],
  [`UPDATE gift_streak SET viewer_id = ${NONE}`, 'gift_streak_stream_id_viewer_id_fkey'],
];

/** A stream with gifts of two viewers and another without any, and no open streak; `made` holds the ids. */
async function sendGifts(server: Server, pool: Pool): Promise<void> {
  const stream = await startStream(await signIn(server));
  for (const viewer of [await signIn(server), await signIn(server)]) {
    succeed(await buyCoins(viewer, { coins: 70 }));
    succeed(await sendGift(viewer, stream.id));
  }
  await startStream(await signIn(server));
  await pool.query(
    `DELETE FROM gift_streak;
     CREATE TABLE made AS
     SELECT g.viewer_id AS viewer, g.stream_id AS stream, g.gift_id AS gift, v.wallet_id AS wallet, s.gifts_account_id AS gifts,
            (SELECT max(viewer_id) FROM gift_sent) AS other_viewer, (SELECT max(id) FROM stream) AS other_stream
       FROM gift_sent g JOIN viewer v ON v.id = g.viewer_id JOIN stream s ON s.id = g.stream_id ORDER BY v.id LIMIT 1`,
  );
}

/** Why Postgres refuses a statement; fails the test when it does not. */
async function refusal(pool: Pool, sql: string): Promise<{ code: string | undefined; constraint: string | undefined }> {
  const error = await pool.query(sql).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof DatabaseError)) throw new Error(`not refused: ${sql} (${error})`);
  return { code: error.code, constraint: error.constraint };
}

test('no row without its parent, alone or among rows that have theirs', async ({ server, db }) => {
  await sendGifts(server, db.pool);
  for (const [table, columns, allowed, orphans] of CHILDREN) {
    const insert = `INSERT INTO ${table} (${columns}) SELECT ${allowed} FROM made, generate_series(1, 1) n`;
    for (const [constraint, orphan] of Object.entries(orphans)) {
      const expected = { code: FOREIGN_KEY_VIOLATION, constraint };
      const alone = `INSERT INTO ${table} (${columns}) SELECT ${orphan} FROM made, generate_series(2, 2) n`;
      expect(await refusal(db.pool, alone), alone).toEqual(expected);
      const among = `${insert} UNION ALL SELECT ${orphan} FROM made, generate_series(2, 2) n`;
      expect(await refusal(db.pool, among), among).toEqual(expected);
    }
    // The row beside the orphans is allowed: it was not that one.
    expect((await db.pool.query(insert)).rowCount, table).toBe(1);
  }
});

test('no row loses its parent by an update of its own', async ({ server, db }) => {
  await sendGifts(server, db.pool);
  await db.pool.query("INSERT INTO gift_streak SELECT stream, viewer, gift, 1, 1, now() + interval '1 hour' FROM made");
  const unknownGift = await refusal(db.pool, `UPDATE gift_streak SET gift_id = ${NONE}`);
  expect(unknownGift).toEqual({ code: FOREIGN_KEY_VIOLATION, constraint: 'gift_streak_gift_id_fkey' });
  const upsert = await refusal(
    db.pool,
    `INSERT INTO gift_streak SELECT stream, viewer, gift, 1, 1, now() FROM made
     ON CONFLICT (stream_id, viewer_id) DO UPDATE SET gift_id = ${NONE}`,
  );
  expect(upsert).toEqual({ code: FOREIGN_KEY_VIOLATION, constraint: 'gift_streak_gift_id_fkey' });
  for (const column of [
    'transfer.debit_account_id',
    'transfer.reverses',
    'live_event.stream_id',
    'gift_sent.gift_id',
  ]) {
    const update = `UPDATE ${column.replace('.', ' SET ')} = ${NONE}`;
    expect((await refusal(db.pool, update)).code, update).toBe(RESTRICT_VIOLATION);
  }
  const { rowCount } = await db.pool.query('UPDATE gift_streak SET gift_id = (SELECT max(id) FROM gift)');
  expect(rowCount, 'to another kind of gift').toBe(1);
});

test('no parent is taken away, whether its rows are referred to or not', async ({ server, db }) => {
  await sendGifts(server, db.pool);
  for (const [statement, constraint] of PARENTS) {
    expect(await refusal(db.pool, statement), statement).toEqual({ code: RESTRICT_VIOLATION, constraint });
  }
  await expectBooksBalanced(db.pool);
});

test('a transfer refers to one that was written before it or with it', async ({ server, db }) => {
  await sendGifts(server, db.pool);
  const reversing = `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, reverses)
    SELECT gifts, wallet, 'COIN', 1, 'REVERSAL', 0, `;
  const { rowCount } = await db.pool.query(`${reversing} (SELECT max(id) FROM transfer) FROM made`);
  expect(rowCount).toBe(1);
  expect((await refusal(db.pool, `${reversing} max(t.id) + 1000 FROM transfer t, made GROUP BY 1, 2`)).code).toBe(
    FOREIGN_KEY_VIOLATION,
  );
});

test('a parent that is not committed is no parent to others', async ({ server, db }) => {
  await sendGifts(server, db.pool);
  const writer = await db.pool.connect();
  try {
    await writer.query('BEGIN');
    const { rows } = await writer.query<{ id: string }>(
      "INSERT INTO gift (name, coins) VALUES ('Comet', 7) RETURNING id",
    );
    const give = `INSERT INTO gift_streak SELECT stream, viewer, ${rows[0]!.id}, 1, 1, now() FROM made`;
    expect(await refusal(db.pool, give)).toEqual({
      code: FOREIGN_KEY_VIOLATION,
      constraint: 'gift_streak_gift_id_fkey',
    });
    // To the transaction that wrote it, it is one.
    expect((await writer.query(give)).rowCount).toBe(1);
  } finally {
    await writer.query('ROLLBACK').finally(() => writer.release());
  }
});
