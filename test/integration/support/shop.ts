/** What creators do with products and offers, as functions, and a stream that sells. */
import type { Actor, Outcome } from '../../support/operations.ts';
import { mutate } from '../../support/operations.ts';

/** An offer, as the mutations return it. */
export type Offer = {
  id: string;
  remaining: number;
  quantity: number;
  startsAt: string;
  endsAt: string;
  endReason: string | null;
} & Record<string, unknown>;

/** What a change of the showcase returns. */
export type Shown = {
  stream: { id: string; pinnedProduct: { id: string } | null; showcase: { id: string }[] };
  replayed: boolean;
};

/** The terms of an offer that a test does not care for. */
export const TERMS = { unitPriceMinor: 7_500, quantity: 10, durationSeconds: 60 };

/** Starts an offer; with {@link TERMS}, unless said otherwise. */
export function startOffer(
  creator: Actor,
  streamId: string,
  variantId: string,
  terms: Record<string, unknown> = {},
): Promise<Outcome<{ offer: Offer; replayed: boolean }>> {
  return mutate(creator.api, 'startOffer', { streamId, variantId, ...TERMS, ...terms });
}

/** Ends an offer. */
export function endOffer(creator: Actor, offerId: string): Promise<Outcome<{ offer: Offer; replayed: boolean }>> {
  return mutate(creator.api, 'endOffer', { offerId });
}

/** Pins a product. */
export function pinProduct(creator: Actor, streamId: string, productId: string): Promise<Outcome<Shown>> {
  return mutate(creator.api, 'pinProduct', { streamId, productId });
}

/** Takes the pin off. */
export function unpinProduct(creator: Actor, streamId: string): Promise<Outcome<Shown>> {
  return mutate(creator.api, 'unpinProduct', { streamId });
}
