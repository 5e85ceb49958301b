import type { SqlTransaction } from '../../../db/database.ts';
import type { LiveEventDraft } from '../../../live/live-event.ts';
import { lockOffers, moveOfferUnits } from '../../offers/offers.api.ts';
import { offerEvents } from '../../offers/offers.events.ts';
import { lockStock, moveStock } from '../buy/hold.repo.ts';
import type { SoldLine } from '../buy/settle.repo.ts';

/**
 * Puts units of lines, whose order the caller has locked, back into stock; those of an offer that is still open can be bought from it
 * again. Locks offers, then stock.
 * @param restock units by line
 * @returns the events of the offers, to be appended in the same transaction
 */
export async function returnStock(
  sql: SqlTransaction,
  lines: readonly SoldLine[],
  restock: ReadonlyMap<bigint, number>,
): Promise<LiveEventDraft[]> {
  const returned = lines.flatMap((line) => {
    const quantity = restock.get(line.id) ?? 0;
    return quantity > 0 ? { ...line, quantity } : [];
  });
  if (returned.length === 0) return [];
  const offerIds = [...new Set(returned.flatMap(({ offerId }) => offerId ?? []))];
  const offers = offerIds.length > 0 ? await lockOffers(sql, offerIds) : [];
  const open = new Set(offers.flatMap(({ id, endedAt }) => (endedAt === null ? id : [])));
  await lockStock(sql, [...new Set(returned.map(({ itemId }) => itemId))]);
  const left = await moveOfferUnits(
    sql,
    returned.flatMap(({ offerId, quantity }) =>
      offerId !== null && open.has(offerId) ? { offerId, held: 0, sold: -quantity } : [],
    ),
  );
  await moveStock(
    sql,
    returned.map(({ itemId, warehouseId, quantity }) => ({ itemId, warehouseId, onHand: quantity, held: 0 })),
  );
  return left.map(({ id, streamId, remaining }) => offerEvents.stockChanged(streamId, id, remaining));
}
