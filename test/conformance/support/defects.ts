/** Defects that no input can cause, made by hand in the database and mended again. */
import type { Pool } from 'pg';

/** How often Postgres is asked whether somebody waits, before the test fails. */
const LOOKS_MAX = 2_000;

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
    await blocker.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const asked = work();
    await endWhoWaits(blocker);
    await asked;
  } finally {
    await blocker.query('ROLLBACK');
    blocker.release();
  }
}

async function endWhoWaits(sql: Pick<Pool, 'query'>): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const { rowCount } = await sql.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rowCount) return;
  }
  throw new Error(`nobody waits for the lock after ${LOOKS_MAX} looks`);
}
