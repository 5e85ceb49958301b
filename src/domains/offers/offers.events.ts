import type { LiveEventDraft } from '../../live/live-event.ts';
import type { ProductView, VariantView } from '../catalog/catalog.api.ts';

/** Why an offer ended. */
export type OfferEndReason = 'SOLD_OUT' | 'EXPIRED' | 'ENDED';

/** Whom an offer is for. */
export type OfferEligibility = 'EVERYONE' | 'FOLLOWERS' | 'GIFTERS';

/** What a buyer can know of who sells, see `trust.ts`. Amounts in minor units of the variant's currency. */
export type TrustView = {
  sellerVerified: boolean;
  disputeRate: number | null;
  deliveryPromiseDays: number | null;
  escrow: boolean;
  lowestPriceLast30DaysMinor: number | bigint | null;
  /** Days, 30 at the most, over which there is a price history to take the lowest from. */
  priceHistoryDays: number;
  currency: string;
};

/** A product; in an event with the trust card of that time. */
export type TrustedProduct = ProductView & { trust?: TrustView };

/** An offer as everybody sees it; a row, or a part of an event, which has the variant, product and trust card of that time. */
export type OfferView = {
  id: bigint | number;
  streamId: bigint | number;
  variantId: bigint | number;
  productId: bigint | number;
  variant?: VariantView;
  product?: TrustedProduct;
  unitPriceMinor: bigint | number;
  currency: string;
  quantity: number;
  /** Units that nobody has bought or is paying for. */
  remaining: number;
  perBuyerLimit: number;
  eligibility: OfferEligibility;
  /** ISO 8601 in an event. */
  startsAt: Date | string;
  endsAt: Date | string;
  endReason: OfferEndReason | null;
  trust?: TrustView;
};

/** Payload of PRODUCT_PINNED: the product with its variants and its trust card, as it was. */
export type ProductPinnedPayload = { product: TrustedProduct };
/** Payload of PRODUCT_UNPINNED. */
export type ProductUnpinnedPayload = { productId: number };
/** Payload of OFFER_STARTED. */
export type OfferStartedPayload = { offer: OfferView };
/** Payload of OFFER_STOCK_CHANGED. */
export type OfferStockChangedPayload = { offerId: number; remaining: number };
/** Payload of OFFER_ENDED. */
export type OfferEndedPayload = { offerId: number; reason: OfferEndReason };

/** Makes the events of this domain. Payloads are JSON: ids and amounts are numbers in them. */
export const offerEvents = {
  pinned: (streamId: bigint, product: TrustedProduct): LiveEventDraft<'PRODUCT_PINNED', ProductPinnedPayload> => ({
    streamId,
    type: 'PRODUCT_PINNED',
    payload: { product },
  }),
  unpinned: (streamId: bigint, productId: bigint): LiveEventDraft<'PRODUCT_UNPINNED', ProductUnpinnedPayload> => ({
    streamId,
    type: 'PRODUCT_UNPINNED',
    payload: { productId: Number(productId) },
  }),
  started: (streamId: bigint, offer: OfferView): LiveEventDraft<'OFFER_STARTED', OfferStartedPayload> => ({
    streamId,
    type: 'OFFER_STARTED',
    payload: { offer },
  }),
  stockChanged: (
    streamId: bigint,
    offerId: bigint,
    remaining: number,
  ): LiveEventDraft<'OFFER_STOCK_CHANGED', OfferStockChangedPayload> => ({
    streamId,
    type: 'OFFER_STOCK_CHANGED',
    payload: { offerId: Number(offerId), remaining },
  }),
  ended: (
    streamId: bigint,
    offerId: bigint,
    reason: OfferEndReason,
  ): LiveEventDraft<'OFFER_ENDED', OfferEndedPayload> => ({
    streamId,
    type: 'OFFER_ENDED',
    payload: { offerId: Number(offerId), reason },
  }),
};
