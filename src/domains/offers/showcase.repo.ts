import { rows, type SqlTransaction } from '../../db/database.ts';

/**
 * Takes the pin off whatever a stream shows, whose log the caller has locked. The coins that were given meanwhile become a
 * signal for trends; those given from now on are nobody's.
 * @returns the product that was pinned
 */
export async function unpin(sql: SqlTransaction, streamId: bigint): Promise<bigint | undefined> {
  const [unpinned] = await rows<{ productId: bigint }>(
    sql,
    `/* offers.unpin */ WITH pinned AS (
       SELECT i.stream_id, i.product_id, s.gift_coins, s.gift_coins - i.coins_seen AS coins
         FROM showcase_item i JOIN stream s ON s.id = i.stream_id WHERE i.stream_id = $1 AND i.pinned_at IS NOT NULL
     ), cleared AS (
       UPDATE showcase_item i SET pinned_at = NULL, coins_seen = p.gift_coins FROM pinned p
        WHERE i.stream_id = p.stream_id AND i.product_id = p.product_id
     ), signalled AS (
       INSERT INTO trend_signal (product_id, region, kind, amount)
       SELECT product_id, '', 'GIFT', coins FROM pinned WHERE coins > 0
     ) SELECT product_id AS "productId" FROM pinned`,
    [streamId],
  );
  return unpinned?.productId;
}
