/** The audit of the ledger, over random books and random damages. */
import fc from 'fast-check';
import type pg from 'pg';
import { expect } from 'vitest';
import { brokeConstraint } from '../../src/db/sql-errors.ts';
import { audited, inRolledBack } from '../integration/support/audit.ts';
import { test } from '../support/fixtures.ts';

const RUNS = 25;
const ACCOUNTS = 6;
/** Of ISO 4217, for tests and for no currency at all. */
const UNITS = { A: 'XTS', B: 'XXX' } as const;
/** Accounts 0 to 3 are in one unit, the others in another; each unit has one that may go below zero. */
const account = (unit: 'A' | 'B') => (unit === 'A' ? fc.integer({ min: 0, max: 3 }) : fc.integer({ min: 4, max: 5 }));
const posting = fc
  .constantFrom('A' as const, 'B' as const)
  .chain((unit) =>
    fc.record({
      unit: fc.constant(unit),
      debit: account(unit),
      credit: account(unit),
      amount: fc.integer({ min: 1, max: 1_000 }),
    }),
  )
  .filter(({ debit, credit }) => debit !== credit);
type Posting = { unit: string; debit: number; credit: number; amount: number };
/** What is posted first: without it one run in two would post nothing, as accounts without money cannot pay. */
const FUNDS: Posting[] = [1, 2, 3, 5].map((credit) => ({
  unit: credit < 4 ? 'A' : 'B',
  debit: credit < 4 ? 0 : 4,
  credit,
  amount: 2_000,
}));
const batches = fc.array(fc.array(posting, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 });

/** Each changes one thing of a row, whatever it was. */
const DAMAGES = [
  'UPDATE transfer SET amount = amount + 1 WHERE id = $1',
  "UPDATE transfer SET kind = kind || 'X' WHERE id = $1",
  'UPDATE transfer SET cause_id = cause_id + 1 WHERE id = $1',
  "UPDATE transfer SET created_at = created_at - interval '1 s' WHERE id = $1",
  'UPDATE transfer SET debit_account_id = credit_account_id, credit_account_id = debit_account_id WHERE id = $1',
  "UPDATE transfer SET credit_hash = sha256(coalesce(credit_hash, '') || 'x') WHERE id = $1",
  'UPDATE transfer SET credit_prev = coalesce(credit_prev, 0) + 1 WHERE id = $1',
  'DELETE FROM transfer WHERE id = $1',
] as const;

/** Opens accounts, and posts what can be posted; a batch that would break a CHECK is left out. Returns the transfers. */
async function post(sql: pg.ClientBase, all: readonly (readonly Posting[])[]): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
       SELECT 'PLATFORM', 900 + n, CASE WHEN n < 4 THEN '${UNITS.A}' ELSE '${UNITS.B}' END, CASE WHEN n IN (0, 4) THEN 'ISSUANCE' ELSE 'TEST' END
         FROM generate_series(0, ${ACCOUNTS - 1}) n ORDER BY n RETURNING id`,
  );
  const { rows: before } = await sql.query<{ max: string | null }>('SELECT max(id) FROM transfer');
  for (const batch of all) {
    await sql.query('SAVEPOINT batch');
    try {
      await sql.query(
        `SELECT wallet_post($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], array_fill('TEST'::text, ARRAY[cardinality($1::bigint[])]),
                            $4::bigint[], clock_timestamp())`,
        [
          batch.map(({ debit }) => rows[debit]!.id),
          batch.map(({ credit }) => rows[credit]!.id),
          batch.map(({ unit }) => UNITS[unit as 'A' | 'B']),
          batch.map(({ amount }) => amount),
        ],
      );
    } catch (error) {
      if (!brokeConstraint(error, 'ledger_account_balance_check')) throw error;
      await sql.query('ROLLBACK TO SAVEPOINT batch');
    }
  }
  const posted = await sql.query<{ id: string }>('SELECT id FROM transfer WHERE id > $1 ORDER BY id', [
    before[0]!.max ?? 0,
  ]);
  return posted.rows.map(({ id }) => id);
}

test('whatever is posted, it passes; whatever is changed of it, is found at that row', async ({ db }) => {
  await fc.assert(
    fc.asyncProperty(batches, fc.nat(), fc.nat(), async (all, which, how) => {
      await inRolledBack(db.pool, 'BEGIN', async (sql) => {
        const transfers = await post(sql, [FUNDS, ...all]);
        expect((await audited(sql)).lines).toEqual([]);
        const id = transfers[which % transfers.length]!;
        await sql.query('SET LOCAL session_replication_role = replica');
        const { rowCount } = await sql.query(DAMAGES[how % DAMAGES.length]!, [id]);
        expect(rowCount).toBe(1);
        const { lines } = await audited(sql);
        expect(lines.length).toBeGreaterThan(0);
        expect(lines.join('\n'), DAMAGES[how % DAMAGES.length]).toMatch(new RegExp(`\\b${id}\\b`));
      });
    }),
    { numRuns: RUNS },
  );
});
