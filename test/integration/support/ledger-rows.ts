/** The ledger's rows behind the back of what protects them, for tests of what happens when somebody gets there. */
import type pg from 'pg';

/** Runs statements on one connection that no trigger stops: rows that never change can be changed. */
export async function unguarded<T>(pool: pg.Pool, work: (sql: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('SET session_replication_role = replica');
    return await work(client);
  } finally {
    client.release(true); // The setting goes with the connection.
  }
}
