/** Defects that no input can cause, made by hand in the database and mended again. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { WAIT_LIMIT_MS } from '../../support/feed.ts';

/** A defect, and how it goes away. */
export type Defect = [how: string, back: string];

/** A column is not there: the statement cannot be understood. */
export const without = (table: string, column: string): Defect => [
  `ALTER TABLE ${table} RENAME ${column} TO hidden`,
  `ALTER TABLE ${table} RENAME hidden TO ${column}`,
];
/** A constraint holds for no row: Postgres tells of the whole row that it refuses. */
export const refusing = (table: string): Defect => [
  `ALTER TABLE ${table} ADD CONSTRAINT broken CHECK (false) NOT VALID`,
  `ALTER TABLE ${table} DROP CONSTRAINT broken`,
];
/** A column holds numbers: Postgres repeats the text that is none, in the message itself. */
export const ofNumbers = (table: string, column: string): Defect => [
  `${without(table, column)[0]}; ALTER TABLE ${table} ADD ${column} integer`,
  `ALTER TABLE ${table} DROP ${column}; ${without(table, column)[1]}`,
];

/** Lets a defect be for as long as the work lasts. */
export async function broken(pool: Pool, [how, back]: Defect, work: () => Promise<unknown>): Promise<void> {
  await pool.query(how);
  try {
    await work();
  } finally {
    await pool.query(back);
  }
}

/** Ends the connection of a statement that waits for a lock on the table. */
export async function cutOff(pool: Pool, table: string, work: () => Promise<unknown>): Promise<void> {
  const blocker = await pool.connect();
  try {
    const { rows } = await blocker.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await blocker.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const asked = work();
    await endWhoWaits(pool, rows[0]!.pid);
    await asked;
  } finally {
    await blocker.query('ROLLBACK');
    blocker.release();
  }
}

/** Asks outside of the transaction that holds the lock: within one, Postgres shows who is connected as of the first look. */
async function endWhoWaits(pool: Pool, blocker: number): Promise<void> {
  const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))';
  const end = async () => (await pool.query(sql, [blocker])).rowCount;
  await expect.poll(end, { timeout: WAIT_LIMIT_MS, interval: 10 }).toBeGreaterThan(0);
}
