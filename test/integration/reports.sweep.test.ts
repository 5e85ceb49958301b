/** Days are rolled up by themselves, by any number of servers at once, and a report never counts one twice on the way. */
import { expect } from 'vitest';
import { testWith } from '../support/fixtures.ts';
import { sendGift, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { readReport } from './support/report-rows.ts';

/** The ledger begins so many days ago. */
const DAYS = 100;
/** For sweeps that wait for transactions of other tests, in databases beside this. */
const TEST_LIMIT_MS = 120_000;
const FAST = { overrides: { community: { reports: { sweepIntervalMs: 50, settleMs: 1_000 } } } };

const test = testWith(FAST);

test('all days that are over are rolled up once, today is not, and links that have ended go', {
  timeout: TEST_LIMIT_MS,
}, async ({ db, server, funded, live }) => {
  const other = await startServer({ ...FAST, databaseUrl: db.url });
  try {
    const client = await db.pool.connect();
    await client.query('BEGIN; SET LOCAL session_replication_role = replica');
    await client.query(
      `INSERT INTO transfer (id, debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
         SELECT -1, debit_account_id, credit_account_id, unit, 1, 'DEMO_GRANT', 0, now() - make_interval(days => $1)
           FROM transfer LIMIT 1`,
      [DAYS],
    );
    await client.query('COMMIT');
    client.release();
    await db.pool.query(
      `INSERT INTO report_link SELECT '\\x00', '2012-01-01', 'HTML', min(id), clock_timestamp() - interval '1 second' FROM viewer`,
    );
    const now = new Date();
    const input = { year: now.getUTCFullYear(), quarter: Math.floor(now.getUTCMonth() / 3) + 1 };
    let sent = 0;
    const seen: Record<string, number>[] = [];
    const pending = async () => {
      succeed(await sendGift(funded, live.streamId));
      sent++;
      const { giftCoins, gifts, gifters } = await readReport(server.http(), input);
      seen.push({ sent, giftCoins, gifts, gifters });
      const { rows } = await db.pool.query(
        `SELECT ARRAY(
           SELECT d::date::text FROM generate_series(date_trunc('quarter', (now() - make_interval(days => $1)) AT TIME ZONE 'UTC'),
             date_trunc('day', now() AT TIME ZONE 'UTC') - interval '1 day', interval '1 day') d
           EXCEPT SELECT day::text FROM report_day) AS days`,
        [DAYS],
      );
      return rows[0].days;
    };
    await expect.poll(pending, { timeout: 60_000 }).toEqual([]);
    // However far the sweeps were: every gift counted once.
    expect(seen).toEqual(seen.map(({ sent }) => ({ sent, giftCoins: sent, gifts: sent, gifters: 1 })));
    const today = await db.pool.query("SELECT FROM report_day WHERE day >= (now() AT TIME ZONE 'UTC')::date");
    expect(today.rows).toEqual([]);
    await expect
      .poll(async () => (await db.pool.query('SELECT FROM report_link')).rows, { timeout: 10_000 })
      .toEqual([]);
  } finally {
    await other.close();
  }
});
