import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';

/** Live streams with gifts that are not yet counted for the product pinned there, most coins first. */
export async function findStreamsWithNewGifts(sql: Queryable, streamsMax: number): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* trends.newGifts */ SELECT s.id FROM showcase_item i JOIN stream s ON s.id = i.stream_id AND s.status = 'LIVE'
      WHERE i.pinned_at IS NOT NULL AND s.gift_coins > i.coins_seen ORDER BY s.gift_coins - i.coins_seen DESC, s.id LIMIT $1`,
    [streamsMax],
  );
  return found.map(({ id }) => id);
}

/**
 * Notes the coins given to streams, whose logs the caller has locked, since the last look, as signals for the products pinned there. Only
 * what is live: with the end of a stream the rest is noted there.
 */
export async function noteGiftsWhilePinned(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<void> {
  await rows(
    sql,
    `/* trends.giftsWhilePinned */ WITH given AS (
       SELECT i.stream_id, i.product_id, s.gift_coins, s.gift_coins - i.coins_seen AS coins
         FROM showcase_item i JOIN stream s ON s.id = i.stream_id AND s.status = 'LIVE'
        WHERE i.stream_id = ANY($1) AND i.pinned_at IS NOT NULL AND s.gift_coins > i.coins_seen
     ), seen AS (
       UPDATE showcase_item i SET coins_seen = g.gift_coins FROM given g
        WHERE i.stream_id = g.stream_id AND i.product_id = g.product_id
     ) INSERT INTO trend_signal (product_id, region, kind, amount) SELECT product_id, '', 'GIFT', coins FROM given`,
    [streamIds],
  );
}
