import { type SqlTransaction, together } from '../../../db/database.ts';
import type { LiveEventDraft } from '../../../live/live-event.ts';
import { findAddresses } from '../../accounts/accounts.api.ts';
import { lockOffers, moveOfferUnits, type OfferForSale, readEligible } from '../../offers/offers.api.ts';
import { offerEvents } from '../../offers/offers.events.ts';
import {
  type Drawn,
  drawIds,
  insertHeld,
  lockStock,
  moveStock,
  readBought,
  readCheckouts,
  readStreams,
  readVariants,
} from './hold.repo.ts';
import { judge, type Plan, pairKey, type Shop, type Verdict } from './judge.ts';
import type { Purchase } from './purchase.ts';

/** What became of a purchase: stock is set aside for it, its key stands for an earlier one, or it was refused. */
export type HoldOutcome =
  | { kind: 'HELD'; checkoutId: bigint; amountMinor: bigint; currency: string }
  | Exclude<Verdict, { kind: 'GO' }>;

/** A batch that was judged and written: an outcome for each purchase, and what the feed is to be told. */
export type HeldBatch = { outcomes: HoldOutcome[]; drafts: LiveEventDraft[]; productIds: bigint[] };

/**
 * Sets stock aside for purchases, any number of them in a fixed number of statements. Locks offers, then stock, in the
 * schema's order; what is read behind the locks cannot change until the transaction ends.
 */
export async function holdBatch(
  sql: SqlTransaction,
  purchases: readonly Purchase[],
  holdMs: number,
): Promise<HeldBatch> {
  const { shop, ids } = await readShop(sql, purchases);
  const verdicts = judge(purchases, shop);
  const plans = verdicts.flatMap((verdict) => (verdict.kind === 'GO' ? verdict.plan : []));
  const [inserted, taken] = await together(insertHeld(sql, plans, ids, holdMs), takeStock(sql, plans));
  const checkoutIds = inserted.values();
  const outcomes = verdicts.map((verdict): HoldOutcome => {
    if (verdict.kind !== 'GO') return verdict;
    const { amountMinor, currency } = verdict.plan;
    return { kind: 'HELD', checkoutId: checkoutIds.next().value!, amountMinor, currency };
  });
  return { outcomes, ...taken };
}

async function readShop(
  sql: SqlTransaction,
  purchases: readonly Purchase[],
): Promise<{ shop: Shop; ids: Omit<Drawn, 'now'> }> {
  const lines = purchases.flatMap((purchase) => purchase.lines.map((line) => ({ ...line, purchase })));
  const offerIds = unique(lines.flatMap(({ offerId }) => offerId ?? []));
  const addressIds = unique(purchases.flatMap(({ addressId }) => addressId ?? []));
  const [checkouts, locked, variants, bought, addresses, streams] = await together(
    readCheckouts(sql, purchases),
    offerIds.length > 0 ? lockOffers(sql, offerIds) : Promise.resolve([]),
    readVariants(sql, { ids: unique(lines.flatMap(({ variantId }) => variantId ?? [])), offerIds }),
    readBought(sql, offerIds, unique(purchases.map(({ buyerId }) => buyerId))),
    addressIds.length > 0 ? findAddresses(sql, addressIds) : Promise.resolve([]),
    readStreams(sql, unique(purchases.flatMap(({ streamId }) => streamId ?? []))),
  );
  const offers = new Map(locked.map((offer) => [offer.id, offer]));
  const [stock, { now, ...ids }] = await together(
    lockStock(sql, unique([...variants.values()].map(({ itemId }) => itemId))),
    // Behind the locks: whoever waited for one sees whether an offer ran out meanwhile.
    drawIds(sql, purchases.length, lines.length),
  );
  const eligible = await readPairs(sql, lines, offers);
  const own = new Map(addresses.map((row) => [row.id, { ...row, isRemoved: row.removedAt !== null }]));
  return { shop: { now, checkouts, offers, variants, stock, bought, eligible, addresses: own, streams }, ids };
}

/** Who among those who want something of a restricted offer may have it. */
async function readPairs(
  sql: SqlTransaction,
  lines: readonly { offerId: bigint | undefined; purchase: Purchase }[],
  offers: ReadonlyMap<bigint, OfferForSale>,
): Promise<Set<string>> {
  const pairs = lines.flatMap(({ offerId, purchase }) => {
    const offer = offerId === undefined ? undefined : offers.get(offerId);
    return offer && offer.eligibility !== 'EVERYONE' ? { offer, viewerId: purchase.buyerId } : [];
  });
  if (pairs.length === 0) return new Set();
  return new Set([...(await readEligible(sql, pairs))].map(({ offer, viewerId }) => pairKey(offer.id, viewerId)));
}

async function takeStock(sql: SqlTransaction, plans: readonly Plan[]): Promise<Omit<HeldBatch, 'outcomes'>> {
  const lines = plans.flatMap(({ orders }) => orders.flatMap((order) => order.lines));
  const [left] = await together(
    moveOfferUnits(
      sql,
      lines.flatMap(({ offer, quantity }) => (offer ? { offerId: offer.id, held: quantity, sold: 0 } : [])),
    ),
    moveStock(
      sql,
      lines.map(({ variant, warehouseId, quantity }) => ({
        itemId: variant.itemId,
        warehouseId,
        onHand: 0,
        held: quantity,
      })),
    ),
  );
  return {
    // One event an offer, however many of its units the batch takes.
    drafts: left.map(({ id, streamId, remaining }) => offerEvents.stockChanged(streamId, id, remaining)),
    productIds: unique(lines.map(({ variant }) => variant.productId)),
  };
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
