import { hashInput } from '../../../kernel/idempotency.ts';

/** Lines of one purchase. */
export const LINES_MAX = 10;
/** Units of one line. */
export const LINE_QUANTITY_MAX = 1_000;

/** What is wanted of one variant: from an offer, or at its usual price. */
export type WantedLine = {
  offerId: bigint | undefined;
  variantId: bigint | undefined;
  quantity: number;
  /** What the buyer has seen one of it cost. */
  expectedUnitPriceMinor: bigint;
};

/** What somebody wants to buy, with one payment. */
export type Purchase = {
  buyerId: bigint;
  lines: readonly WantedLine[];
  /** The stream that it is bought in. */
  streamId: bigint | undefined;
  paymentToken: string;
  addressId: bigint | undefined;
  /** Whether the feed may say who bought. */
  showBuyer: boolean;
  idempotencyKey: string;
};

/** Tells a repeated purchase from another one under the same key. */
export function hashPurchase(purchase: Purchase): string {
  const { lines, streamId = null, addressId = null, paymentToken, showBuyer } = purchase;
  const fields = lines.map((line) =>
    [line.offerId ?? '', line.variantId ?? '', line.quantity, line.expectedUnitPriceMinor].join(':'),
  );
  return hashInput({ lines: fields.join(','), streamId, addressId, paymentToken, showBuyer });
}
