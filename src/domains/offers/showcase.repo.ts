import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';

/** A product that a stream shows. */
export type ShownProduct = { streamId: bigint; productId: bigint };

const PINNED = lookUpStatements(
  'offers.pinned',
  (
    equals,
  ) => `SELECT i.stream_id AS "streamId", i.product_id AS "productId" FROM showcase_item i JOIN product p ON p.id = i.product_id
    WHERE i.stream_id ${equals} AND i.pinned_at IS NOT NULL AND p.status = 'PUBLISHED'`,
);
const SHOWN = lookUpStatements(
  'offers.shown',
  (
    equals,
  ) => `SELECT i.stream_id AS "streamId", i.product_id AS "productId" FROM showcase_item i JOIN product p ON p.id = i.product_id
    WHERE i.stream_id ${equals} AND p.status = 'PUBLISHED' ORDER BY i.stream_id, i.added_at, i.product_id`,
);

/** The published products that streams have pinned, in one statement. */
export function findPinned(sql: Queryable, streamIds: readonly bigint[]): Promise<ShownProduct[]> {
  return lookUp<ShownProduct>(sql, PINNED, streamIds);
}

/** The published products that streams show, in one statement, in the order in which they came. */
export function findShown(sql: Queryable, streamIds: readonly bigint[]): Promise<ShownProduct[]> {
  return lookUp<ShownProduct>(sql, SHOWN, streamIds);
}

/** A product's place in a showcase. */
export async function findItem(
  sql: SqlTransaction,
  { streamId, productId }: ShownProduct,
): Promise<{ isPinned: boolean } | undefined> {
  const [item] = await rows<{ isPinned: boolean }>(
    sql,
    `/* offers.item */ SELECT pinned_at IS NOT NULL AS "isPinned" FROM showcase_item WHERE stream_id = $1 AND product_id = $2`,
    [streamId, productId],
  );
  return item;
}

/** How many products a stream shows, archived ones included. */
export async function countItems(sql: SqlTransaction, streamId: bigint): Promise<number> {
  const [counted] = await rows<{ count: number }>(
    sql,
    '/* offers.countItems */ SELECT count(*)::int AS count FROM showcase_item WHERE stream_id = $1',
    [streamId],
  );
  return counted!.count;
}

/** Adds a product that the stream does not show. */
export async function addItem(sql: SqlTransaction, { streamId, productId }: ShownProduct): Promise<void> {
  await rows(
    sql,
    '/* offers.addItem */ INSERT INTO showcase_item (stream_id, product_id, added_at) VALUES ($1, $2, clock_timestamp())',
    [streamId, productId],
  );
}

/** Takes a product out. */
export async function deleteItem(sql: SqlTransaction, { streamId, productId }: ShownProduct): Promise<void> {
  await rows(sql, '/* offers.deleteItem */ DELETE FROM showcase_item WHERE stream_id = $1 AND product_id = $2', [
    streamId,
    productId,
  ]);
}

/** Pins a product, where nothing is pinned, and adds it if need be. The coins given so far are not its own. */
export async function pinItem(sql: SqlTransaction, { streamId, productId }: ShownProduct): Promise<void> {
  await rows(
    sql,
    `/* offers.pinItem */ INSERT INTO showcase_item (stream_id, product_id, added_at, pinned_at, coins_seen)
     SELECT id, $2, clock_timestamp(), clock_timestamp(), gift_coins FROM stream WHERE id = $1
     ON CONFLICT (stream_id, product_id) DO UPDATE SET pinned_at = EXCLUDED.pinned_at, coins_seen = EXCLUDED.coins_seen`,
    [streamId, productId],
  );
}

/**
 * Takes the pin off whatever a stream shows.
 * @returns the product that was pinned, and the coins given meanwhile that trends have not counted
 */
export async function unpinItem(
  sql: SqlTransaction,
  streamId: bigint,
): Promise<{ productId: bigint; coins: bigint } | undefined> {
  const [unpinned] = await rows<{ productId: bigint; coins: bigint }>(
    sql,
    `/* offers.unpinItem */ WITH pinned AS (
       SELECT i.stream_id, i.product_id, s.gift_coins, s.gift_coins - i.coins_seen AS coins
         FROM showcase_item i JOIN stream s ON s.id = i.stream_id WHERE i.stream_id = $1 AND i.pinned_at IS NOT NULL
     ), cleared AS (
       UPDATE showcase_item i SET pinned_at = NULL, coins_seen = p.gift_coins FROM pinned p
        WHERE i.stream_id = p.stream_id AND i.product_id = p.product_id
     ) SELECT product_id AS "productId", coins FROM pinned`,
    [streamId],
  );
  return unpinned;
}
