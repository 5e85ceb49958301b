import { type Database, type Queryable, rows } from '../db/database.ts';
import { isLockTimeout } from '../db/sql-errors.ts';

/** How long pruning waits for the lock of a partition, and so the longest that it makes others wait for it. */
export const LOCK_MS = 100;
/** Attempts at that lock in one sweep; the next sweep tries again. */
const LOCK_ATTEMPTS_MAX = 5;
/** Looking through the streams of a big month takes its time, and holds up nobody. */
const PRUNE_MS_MAX = 600_000;

/** What became of a month that was to be pruned, see the SQL function live_month_prune; LOCKED: somebody uses it all the time. */
export type PruneResult = 'PRUNED' | 'EMPTY' | 'BUSY' | 'RECENT' | 'UNREAD' | 'LOCKED';

/** Makes the partitions of this month and of the next ones (docs/retention.md). Returns how many months are new. */
export async function makeMonths(sql: Queryable): Promise<number> {
  const [made] = await rows<{ months: number }>(sql, '/* months.make */ SELECT months_make() AS months');
  return made!.months;
}

/** The months whose events may go if their streams are done with: those that no new stream can be of. Oldest first. */
export async function findClosedMonths(sql: Queryable): Promise<number[]> {
  const found = await rows<{ month: number }>(
    sql,
    '/* months.closed */ SELECT month FROM month_partition WHERE month < month_floor() ORDER BY month',
  );
  return found.map(({ month }) => month);
}

/** Prunes the events of a month, all of them or none: if all its streams have ended, and nothing happened, for so many days. */
export async function pruneMonth(db: Database, month: number, retentionDays: number): Promise<PruneResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.inTransaction(async (sql) => {
        await rows(sql, `/* months.patience */ SELECT set_config('statement_timeout', $1, true)`, [
          `${PRUNE_MS_MAX}ms`,
        ]);
        const [pruned] = await rows<{ result: PruneResult }>(
          sql,
          '/* months.prune */ SELECT live_month_prune($1, clock_timestamp() - make_interval(days => $2), $3) AS result',
          [month, retentionDays, LOCK_MS],
        );
        return pruned!.result;
      });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (attempt === LOCK_ATTEMPTS_MAX) return 'LOCKED';
    }
  }
}
