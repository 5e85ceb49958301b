import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';

/** A gift that is taken back. */
export type GiftTakenBack = { giftSentId: bigint; creatorId: bigint; streamId: bigint; seq: bigint; diamonds: bigint };

/** A bucket that was settled just now, with what was left of it. */
export type SettledBucket = { id: bigint; diamonds: bigint };

const CUT = statement('payouts.cut', 'SELECT earnings_cut($1, make_interval(secs => $2::float8 / 1000), $3) AS cut');
const UNEARN = statement('payouts.unearn', 'SELECT earnings_unearn($1, $2, $3) AS settled');

/**
 * Closes the open stretch of streams, whose logs the caller has locked.
 * @param since only of those that were not cut since then
 * @returns how many buckets that made
 */
export async function cutBuckets(
  sql: SqlTransaction,
  streamIds: readonly bigint[],
  { holdMs, since }: { holdMs: number; since?: Date },
): Promise<number> {
  const [done] = await rows<{ cut: number }>(sql, CUT, [streamIds, holdMs, since ?? null]);
  return done!.cut;
}

/** Whether gifts that are taken back were settled, in their order; notes those that were not. */
export async function unearnGifts(sql: SqlTransaction, gifts: readonly GiftTakenBack[]): Promise<boolean[]> {
  const [done] = await rows<{ settled: boolean[] }>(sql, UNEARN, [
    gifts.map(({ streamId }) => streamId),
    gifts.map(({ seq }) => seq),
    gifts.map(({ diamonds }) => diamonds),
  ]);
  return done!.settled;
}

/** Streams on air behind an id that began or were cut before this UTC day, and have earned something since, in their order. */
export async function findUncut(
  sql: Queryable,
  { afterId, limit }: { afterId: bigint; limit: number },
): Promise<{ streamIds: bigint[]; day: Date }> {
  const found = await rows<{ id: bigint | null; day: Date }>(
    sql,
    `/* payouts.uncut */ WITH today AS (SELECT date_trunc('day', clock_timestamp(), 'UTC') AS day)
     SELECT s.id, today.day FROM today LEFT JOIN LATERAL (
       SELECT s.id FROM stream s LEFT JOIN LATERAL (
           SELECT closed_at, coins_to FROM earning WHERE stream_id = s.id AND state <> 'OPEN' ORDER BY seq_from DESC LIMIT 1
         ) last ON true
        WHERE s.status = 'LIVE' AND s.id > $1 AND coalesce(last.closed_at, s.started_at) < today.day
          AND diamonds_for(s.gift_coins, s.rate_coins, s.rate_diamonds)
            > diamonds_for(coalesce(last.coins_to, 0), s.rate_coins, s.rate_diamonds)
        ORDER BY s.id LIMIT $2
     ) s ON true ORDER BY s.id`,
    [afterId, limit],
  );
  return { streamIds: found.flatMap(({ id }) => id ?? []), day: found[0]!.day };
}

/** Creators behind an id who have buckets whose hold is over, in the order of their ids. */
export async function findDueCreators(
  sql: Queryable,
  { afterId, limit }: { afterId: bigint; limit: number },
): Promise<bigint[]> {
  const found = await rows<{ creatorId: bigint }>(
    sql,
    `/* payouts.due */ SELECT DISTINCT creator_id AS "creatorId" FROM earning
      WHERE state = 'PENDING' AND settles_at <= clock_timestamp() AND creator_id > $1 ORDER BY creator_id LIMIT $2`,
    [afterId, limit],
  );
  return found.map(({ creatorId }) => creatorId);
}

/** Marks due buckets of a creator as settled, oldest first. The caller holds the creator's accounts. */
export async function settleBuckets(sql: SqlTransaction, creatorId: bigint, limit: number): Promise<SettledBucket[]> {
  return rows<SettledBucket>(
    sql,
    `/* payouts.settleBuckets */ WITH due AS (
       SELECT id FROM earning WHERE creator_id = $1 AND state = 'PENDING' AND settles_at <= clock_timestamp()
        ORDER BY settles_at, id LIMIT $2
     ), settled AS (
       UPDATE earning SET state = 'SETTLED', settled_at = clock_timestamp()
        WHERE id IN (SELECT id FROM due) RETURNING id, diamonds - reversed AS diamonds
     ) SELECT id, diamonds FROM settled ORDER BY id`,
    [creatorId, limit],
  );
}
