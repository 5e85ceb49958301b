/** Waiting until somebody waits for a lock that the test holds. */
import type { Pool, PoolClient } from 'pg';
import { expect } from 'vitest';

/** Postgres is asked this often: what comes next waits for it. */
const LOOK_MS = 5;

/** Once somebody waits for what this connection has locked: who does, by the process ids of their connections. */
export async function whoWaitsFor(pool: Pool, holder: PoolClient): Promise<number[]> {
  const { rows } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  let waiting: number[] = [];
  const look = async () => {
    const found = await pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
         AND $1 = ANY(pg_blocking_pids(pid))`,
      [rows[0]!.pid],
    );
    waiting = found.rows.map(({ pid }) => pid);
    return waiting.length;
  };
  await expect.poll(look, { interval: LOOK_MS, message: 'somebody waits for the lock' }).toBeGreaterThan(0);
  return waiting;
}
