/** Streams of other months: the clock cannot be moved, but which months there are can. */

import type { Pool } from 'pg';
import { pino } from 'pino';
import { expect } from 'vitest';
import { Retention } from '../../../src/app/retention.ts';
import type { Database } from '../../../src/db/database.ts';
import type { Server } from '../../support/server.ts';
import { rowOf } from './ids.ts';

const log = pino({ level: 'silent' });

/** This month, as ids have it. */
export async function monthNow(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ month: number }>('SELECT month_of(clock_timestamp()) AS month');
  return rows[0]!.month;
}

/** The month that an id carries. */
export function monthOf(id: bigint | string): number {
  return Number(BigInt(id) >> 42n);
}

/**
 * Has new ids get a month that is so many months ago while `work` runs, as they would have got then. Afterwards that month is closed:
 * this one, the last one and those ahead are the newest.
 */
export async function monthsAgo<T>(pool: Pool, ago: number, work: () => Promise<T>): Promise<T> {
  const now = await monthNow(pool);
  await pool.query('SELECT month_make($1)', [now - 1]);
  await pool.query('SELECT month_make($1)', [now - ago]);
  // The partitions stay.
  const { rows } = await pool.query('DELETE FROM month_partition WHERE month > $1 RETURNING *', [now - ago]);
  try {
    return await work();
  } finally {
    await pool.query('INSERT INTO month_partition SELECT * FROM json_populate_recordset(NULL::month_partition, $1)', [
      JSON.stringify(rows),
    ]);
  }
}

/** Moves what has happened in streams so many days into the past. */
export async function age(pool: Pool, streamIds: readonly string[], days: number): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN; SET LOCAL session_replication_role = replica');
    for (const sql of [
      `UPDATE stream SET created_at = created_at - make_interval(days => $2), started_at = started_at - make_interval(days => $2),
         ended_at = ended_at - make_interval(days => $2) WHERE id = ANY($1::bigint[])`,
      'UPDATE live_event SET occurred_at = occurred_at - make_interval(days => $2) WHERE stream_id = ANY($1::bigint[])',
      'UPDATE gift_sent SET created_at = created_at - make_interval(days => $2) WHERE stream_id = ANY($1::bigint[])',
    ]) {
      await client.query(sql, [streamIds.map(rowOf), days]);
    }
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/** The numbers of the events that a log still has. */
export async function heldSeqs(pool: Pool, streamId: string): Promise<number[]> {
  const { rows } = await pool.query('SELECT seq::int FROM live_event WHERE stream_id = $1 ORDER BY seq', [
    rowOf(streamId),
  ]);
  return rows.map(({ seq }) => seq);
}

/** Waits until a server has done what it does at its start: made months, renewed statistics, and all of it in between. */
export async function untilSwept({ app }: Pick<Server, 'app'>): Promise<void> {
  const last = app.services.db.instruments.meters.sweeps.of('statistics');
  await expect.poll(() => last.runs).toBeGreaterThan(0);
}

/** What every server does once an hour, by one more of them. */
export function sweepRetention(db: Database, eventRetentionDays: number | undefined): Promise<void> {
  return new Retention({ db, log, eventRetentionDays }).sweep();
}
