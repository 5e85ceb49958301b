import { type Queryable, rows } from './database.ts';

/** Days for which keys of calls, and names of events of providers, are kept. */
export const KEY_DAYS = 400;
/** How often a chore is done, by one of all servers; one that is claimed in the future was so by a clock that was ahead. */
const CHORE_EVERY_HOURS = 20;
/** Blocks of a table that one statement looks through. */
const BLOCKS_PER_STATEMENT = 200;

/** Tables that grow for ever if nobody forgets, with the time that counts. */
const FORGETTABLE = { idempotency_key: 'created_at', webhook_event: 'received_at' } as const;
/** Tables whose rows are forgotten by their age. */
export type Forgettable = keyof typeof FORGETTABLE;

/** Takes a chore of today for this server; false when some server has it already. If that one dies, the rest waits for tomorrow. */
export async function claimChore(sql: Queryable, name: string): Promise<boolean> {
  const claimed = await rows(
    sql,
    `/* pruning.claim */ UPDATE retention_chore SET claimed_at = clock_timestamp() WHERE name = $1
        AND (claimed_at < clock_timestamp() - make_interval(hours => $2) OR claimed_at > clock_timestamp() + interval '1 hour')
      RETURNING 1`,
    [name, CHORE_EVERY_HOURS],
  );
  return claimed.length > 0;
}

/**
 * Deletes rows that are older than {@link KEY_DAYS}: a walk through the table, some blocks at a time, each a transaction of its own. So
 * nobody waits, no index on the time is needed, and it may end anywhere.
 * @param signal ends it between two statements
 */
export async function forget(sql: Queryable, table: Forgettable, signal: AbortSignal): Promise<number> {
  const [size] = await rows<{ blocks: bigint }>(
    sql,
    `/* pruning.blocks */ SELECT pg_relation_size($1::regclass) / current_setting('block_size')::bigint AS blocks`,
    [table],
  );
  let deleted = 0;
  for (let block = 0; block < Number(size!.blocks) && !signal.aborted; block += BLOCKS_PER_STATEMENT) {
    const [gone] = await rows<{ count: number }>(
      sql,
      `/* pruning.forget */ WITH gone AS (
         DELETE FROM ${table} WHERE ctid >= $1::tid AND ctid < $2::tid
            AND ${FORGETTABLE[table]} < clock_timestamp() - make_interval(days => $3) RETURNING 1
       ) SELECT count(*)::int AS count FROM gone`,
      [`(${block},0)`, `(${block + BLOCKS_PER_STATEMENT},0)`, KEY_DAYS],
    );
    deleted += gone!.count;
  }
  return deleted;
}
