import type { SqlTransaction } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { offerEvents } from './offers.events.ts';
import { endOpenOffersOf } from './offers.repo.ts';
import { unpin } from './pin.ts';

export { lockOffersOf } from './offers.repo.ts';
export {
  endSoldOutOffers,
  lockOffers,
  moveOfferUnits,
  type OfferBuyer,
  type OfferForSale,
  type OfferStock,
  type OfferUnits,
  readEligible,
} from './sale.repo.ts';

/**
 * Ends what a stream sells, when the stream ends: its open offers, which the caller has locked (`lockOffersOf`), and the pin. The
 * caller has locked the log, too.
 * @returns the events that say so, to be appended in the same transaction, before the one that ends the stream
 */
export async function endOffersOf(sql: SqlTransaction, streamId: bigint): Promise<LiveEventDraft[]> {
  const ended = await endOpenOffersOf(sql, streamId);
  const productId = await unpin(sql, streamId);
  return productId === undefined ? ended : [...ended, offerEvents.unpinned(streamId, productId)];
}
