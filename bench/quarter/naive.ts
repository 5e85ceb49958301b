import { withClient } from '../lib/books.ts';
import type { World } from './closer.api.ts';
import { QUARTER } from './seed.ts';

const FROM = `${QUARTER.year}-${String((QUARTER.quarter - 1) * 3 + 1).padStart(2, '0')}-01`;

/** What anybody would write first: everything in one statement over the gifts. Of reversals, orders, days and creators it says nothing. */
const REPORT = `
SELECT coalesce(v.region, 'ZZ') AS region, GROUPING(coalesce(v.region, 'ZZ')) = 1 AS world, count(*) AS gifts, sum(g.coins) AS coins,
       count(DISTINCT g.viewer_id) AS gifters, count(DISTINCT s.creator_id) AS creators
  FROM gift_sent g JOIN viewer v ON v.id = g.viewer_id JOIN stream s ON s.id = g.stream_id
 WHERE g.created_at >= $1::timestamp AT TIME ZONE 'UTC' AND g.created_at < ($1::timestamp + interval '3 months') AT TIME ZONE 'UTC'
 GROUP BY ROLLUP (coalesce(v.region, 'ZZ'))`;

const REVERSED = `
SELECT coalesce(sum(amount), 0) AS coins FROM transfer WHERE kind = 'GIFT_REFUNDED'
   AND created_at >= $1::timestamp AT TIME ZONE 'UTC' AND created_at < ($1::timestamp + interval '3 months') AT TIME ZONE 'UTC'`;

/** Makes the naive report. `world` is for a comparison; its reversals are read by a statement that is not timed. */
export function makeNaiveReport(databaseUrl: string): Promise<{ seconds: number; world: World }> {
  return withClient(databaseUrl, async (sql) => {
    const startMs = performance.now();
    const { rows } = await sql.query<Omit<World, 'reversedCoins'> & { world: boolean }>(REPORT, [FROM]);
    const seconds = (performance.now() - startMs) / 1_000;
    const reversed = await sql.query<{ coins: string }>(REVERSED, [FROM]);
    const { gifts, coins, gifters, creators } = rows.find(({ world }) => world)!;
    return { seconds, world: { gifts, coins, reversedCoins: reversed.rows[0]!.coins, gifters, creators } };
  });
}
