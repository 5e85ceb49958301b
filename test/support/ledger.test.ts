/** A checker that finds nothing is only worth something if it finds what is wrong. */
import { expect } from 'vitest';
import { test } from './fixtures.ts';
import { brokenRules, expectBooksBalanced } from './ledger.ts';

/** A stream that turned 5 coins into 2 diamonds in two gifts, written with the functions that the server uses. */
const SETUP = `
  CREATE TEMPORARY TABLE made AS
  WITH account AS (
    INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES
      ('VIEWER', 900, 'COIN', 'TEST_WALLET'), ('PLATFORM', 900, 'COIN', 'ISSUANCE'), ('PLATFORM', 900, 'COIN', 'TEST_GIFTS'),
      ('PLATFORM', 900, 'DIAMOND', 'ISSUANCE'), ('CREATOR', 900, 'DIAMOND', 'TEST_PENDING') RETURNING id, unit, kind
  ), rate AS (INSERT INTO rate_card (coins, diamonds) VALUES (2, 1) RETURNING id
  ), viewer AS (
    INSERT INTO viewer (subject, handle, display_name, wallet_id, birth_date)
      SELECT 'test:books', 'books_test', 'Books', id, '1990-01-01' FROM account WHERE kind = 'TEST_WALLET' RETURNING id, wallet_id
  ), creator AS (INSERT INTO creator (viewer_id) SELECT id FROM viewer RETURNING id
  ), gift AS (INSERT INTO gift (name, coins) VALUES ('Test Tulip', 1) RETURNING id
  ), stream AS (
    INSERT INTO stream (creator_id, title, status, rate_card_id, rate_coins, rate_diamonds,
                        gifts_account_id, issuance_account_id, pending_account_id)
      SELECT creator.id, 'Books', 'LIVE', rate.id, 2, 1,
             (SELECT id FROM account WHERE kind = 'TEST_GIFTS'),
             (SELECT id FROM account WHERE kind = 'ISSUANCE' AND unit = 'DIAMOND'),
             (SELECT id FROM account WHERE kind = 'TEST_PENDING') FROM creator, rate RETURNING id
  ) SELECT viewer.id AS viewer, viewer.wallet_id AS wallet, gift.id AS gift, stream.id AS stream,
           (SELECT id FROM account WHERE kind = 'ISSUANCE' AND unit = 'COIN') AS coins FROM viewer, gift, stream;
  INSERT INTO live_log (stream_id, epoch) SELECT stream, '0badcafe' FROM made;
  SELECT wallet_post(ARRAY[coins], ARRAY[wallet], ARRAY['COIN'], ARRAY[10::bigint], ARRAY['TEST'], ARRAY[0::bigint], now())
    FROM made;
  SELECT gifts_send_batch(ARRAY[viewer, viewer], ARRAY['a', 'b'], ARRAY[stream, stream], ARRAY[gift, gift], ARRAY[3, 2],
                          interval '10 s') FROM made`;

/** Switches off what protects the rows: the checker must not lean on it. */
const UNPROTECTED = `
  SET session_replication_role = replica;
  ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_balance_check`;

const GIFT = "(SELECT max(id) FROM gift_sent WHERE idempotency_key = 'b')";
const STREAM = `(SELECT stream_id FROM gift_sent WHERE id = ${GIFT})`;

/** Each damage, and a rule that must notice. */
const DAMAGES: [string, string, string][] = [
  ['a changed balance', "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'TEST_WALLET'", 'a balance is'],
  ['a changed balance', "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'TEST_WALLET'", 'all balances'],
  ['a debt', "UPDATE ledger_account SET balance = -1 WHERE kind = 'TEST_WALLET'", 'only issuance'],
  [
    'a lost transfer',
    `DELETE FROM transfer WHERE cause_id = ${GIFT} AND kind = 'GIFT_SPENT'`,
    'every gift is paid once',
  ],
  ['a lost diamond', `DELETE FROM transfer WHERE cause_id = ${GIFT} AND kind = 'GIFT_EARNED'`, 'every gift earns'],
  ['a doubled transfer', doubled(), 'every gift is paid once'],
  ['a transfer of mixed units', `UPDATE transfer SET unit = 'USD' WHERE cause_id = ${GIFT}`, 'a transfer moves'],
  ['a transfer without a gift', 'UPDATE transfer SET cause_id = 0', 'every gift transfer'],
  ['a gap in the log', `DELETE FROM live_event WHERE stream_id = ${STREAM} AND seq = 1`, 'the log of a stream'],
  [
    'a head behind its log',
    `UPDATE live_log SET last_seq = last_seq - 1 WHERE stream_id = ${STREAM}`,
    'the log of a stream',
  ],
  ['another event for a gift', `UPDATE live_event SET type = 'CHAT' WHERE stream_id = ${STREAM}`, 'every gift has its'],
  [
    'other coins in the event',
    `UPDATE live_event SET payload = '{"coins": 9}' WHERE stream_id = ${STREAM}`,
    'every gift has its',
  ],
  ['a lost gift', `DELETE FROM gift_sent WHERE id = ${GIFT}`, 'every gift event'],
  ['too few diamonds', `UPDATE gift_sent SET diamonds = 0 WHERE stream_id = ${STREAM}`, "a stream's diamonds"],
  ['a wrong stream total', `UPDATE stream SET gift_coins = 4 WHERE id = ${STREAM}`, "a stream's coins"],
  ['a wrong gifter', `UPDATE stream_gifter SET coins = 4 WHERE stream_id = ${STREAM}`, "a gifter's coins"],
  ['a lost gifter', `DELETE FROM stream_gifter WHERE stream_id = ${STREAM}`, "a gifter's coins"],
];

function doubled(): string {
  return `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id)
    SELECT debit_account_id, credit_account_id, unit, amount, kind, cause_id FROM transfer
     WHERE cause_id = ${GIFT} AND kind = 'GIFT_SPENT'`;
}

test('true books are balanced, damaged ones are not', async ({ db }) => {
  await expectBooksBalanced(db.pool);
  const client = await db.pool.connect();
  try {
    await client.query(SETUP);
    await expectBooksBalanced(db.pool);
    await client.query(UNPROTECTED);
    for (const [damage, sql, rule] of DAMAGES) {
      await client.query('BEGIN');
      const { rowCount } = await client.query(sql);
      expect(rowCount, damage).toBeGreaterThan(0);
      const broken = Object.keys(await brokenRules(client));
      await client.query('ROLLBACK');
      expect(broken, damage).toEqual(expect.arrayContaining([expect.stringContaining(rule)]));
    }
  } finally {
    client.release(true);
  }
});
