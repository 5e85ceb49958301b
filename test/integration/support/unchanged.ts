/** Shows that a piece of work has written nothing at all. */
import type { Pool } from 'pg';
import { expect } from 'vitest';

/** When servers did their housekeeping last: they write it by themselves, a while after they have started. */
const CHORES = 'retention_chore';

/** One fingerprint for the rows of each table. */
async function fingerprints(pool: Pool): Promise<Record<string, string>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> $1 ORDER BY 1",
    [CHORES],
  );
  const each = tables.map(
    ({
      name,
    }) => `SELECT '${name}' AS name, count(*) || ' rows ' || md5(coalesce(string_agg(t::text, ' ' ORDER BY t::text), ''))
                     AS print FROM ${name} t`,
  );
  const { rows } = await pool.query<{ name: string; print: string }>(each.join(' UNION ALL '));
  return Object.fromEntries(rows.map(({ name, print }) => [name, print]));
}

/** Runs the work and asserts that no row of any table came, went or changed. Returns what the work returns. */
export async function expectNothingWritten<T>(pool: Pool, work: () => Promise<T>): Promise<T> {
  const before = await fingerprints(pool);
  const result = await work();
  expect(await fingerprints(pool)).toEqual(before);
  return result;
}
