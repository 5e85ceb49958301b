import type { LiveEvent, LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';
import type { ProductView } from '../catalog/catalog.api.ts';

/** Payload of PRODUCT_PURCHASED: the product with the variant that was bought; nobody by name unless they agreed. */
export type ProductPurchasedPayload = { buyer: Profile | null; product: ProductView; quantity: number };

/** A purchase in the log. */
export type ProductPurchasedEvent = LiveEvent<'PRODUCT_PURCHASED', ProductPurchasedPayload>;

/** Makes the event of a purchase. */
export function productPurchased(
  streamId: bigint,
  payload: ProductPurchasedPayload,
): LiveEventDraft<'PRODUCT_PURCHASED', ProductPurchasedPayload> {
  return { streamId, type: 'PRODUCT_PURCHASED', payload };
}
