import { type Database, rows } from './database.ts';

/** ANALYZE reads a sample, but of many months that may take its time; it holds up nobody. */
const ANALYZE_MS_MAX = 600_000;
/** How long it waits for a partition that somebody empties or takes off; longer, and tomorrow is early enough. */
const LOCK_MS_MAX = 1_000;
/** From this version of Postgres on a parent is analysed without each of its partitions again. */
const ONLY_VERSION = 180_000;

/**
 * Renews what the planner knows of partitioned tables that have changed (`parents_to_analyze`). Readers and writers go on meanwhile:
 * ANALYZE conflicts only with what changes a table's shape, and leaves a table alone on which that is under way.
 * @returns the tables
 */
export async function analyzeParents(db: Database, signal: AbortSignal): Promise<string[]> {
  const [found] = await rows<{ tables: string[]; version: number }>(
    db.pool,
    `/* statistics.old */ SELECT ARRAY(SELECT parents_to_analyze()) AS tables, current_setting('server_version_num')::int AS version`,
  );
  const only = found!.version >= ONLY_VERSION ? 'ONLY ' : '';
  const analyzed: string[] = [];
  for (const table of found!.tables) {
    if (signal.aborted) break;
    await db.inTransaction(async (sql) => {
      await rows(
        sql,
        `/* statistics.patience */ SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)`,
        [`${ANALYZE_MS_MAX}ms`, `${LOCK_MS_MAX}ms`],
      );
      await rows(sql, `/* statistics.analyze */ ANALYZE (SKIP_LOCKED) ${only}"${table}"`, []);
    });
    analyzed.push(table);
  }
  return analyzed;
}
