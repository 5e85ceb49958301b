import type { SqlTransaction } from '../../db/database.ts';
import { noteSignals, type TrendSignal } from '../trends/trends.api.ts';
import { pinItem, type ShownProduct, unpinItem } from './showcase.repo.ts';

/**
 * Pins a product in the place of the one that is pinned. The caller has locked the stream's log: so it stands in order with
 * the gifts, and each coin speaks for the product that was pinned when it was given.
 */
export async function pin(sql: SqlTransaction, placement: ShownProduct): Promise<void> {
  const before = await unpinItem(sql, placement.streamId);
  await pinItem(sql, placement);
  const pinned: TrendSignal = { productId: placement.productId, region: '', kind: 'PIN', amount: 1 };
  await noteSignals(sql, before ? [giftsOf(before), pinned] : [pinned]);
}

/**
 * Takes the pin off whatever a stream shows. The caller has locked the log.
 * @returns the product that was pinned
 */
export async function unpin(sql: SqlTransaction, streamId: bigint): Promise<bigint | undefined> {
  const before = await unpinItem(sql, streamId);
  if (before) await noteSignals(sql, [giftsOf(before)]);
  return before?.productId;
}

/** The coins that were given while the product was pinned and that trends have not counted. */
function giftsOf({ productId, coins }: { productId: bigint; coins: bigint }): TrendSignal {
  return { productId, region: '', kind: 'GIFT', amount: coins };
}
