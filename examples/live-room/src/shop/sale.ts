import type { Offer, Pinned } from '../feed/types.ts';
import type { PinnedProductFragment, PriceFragment, ProductKind, TrustFieldsFragment } from '../generated/graphql.ts';

/** Something that can be bought with one click: an offer, or a variant at its usual price. */
export type Sale = {
  /** What is bought: by which field of the input, and which id. */
  what: { offerId: string } | { variantId: string };
  title: string;
  /** Of products with several variants: which. */
  variant: string;
  kind: ProductKind;
  merchant: { name: string; verified: boolean };
  price: PriceFragment;
  /** What it usually costs, when that is more. */
  listPrice: PriceFragment | undefined;
  trust: TrustFieldsFragment;
  available: number;
  /** How many one may buy at once. */
  quantityMax: number;
};

/** Without a limit of its own a purchase has so many at the most: it is one click. */
const QUANTITY_MAX = 10;

/** What an offer sells. */
export function saleOfOffer({ id, product, variant, unitPrice, trust, remaining, perBuyerLimit }: Offer): Sale {
  const cheaper = unitPrice.currency === variant.price.currency && unitPrice.minorUnits < variant.price.minorUnits;
  return {
    what: { offerId: id },
    title: product.title,
    variant: variant.title,
    kind: product.kind,
    merchant: product.merchant,
    price: unitPrice,
    listPrice: cheaper ? variant.price : undefined,
    trust,
    available: remaining,
    quantityMax: Math.min(perBuyerLimit, remaining),
  };
}

/** What a product sells at its usual price: the first variant in stock. */
export function saleOfProduct(product: PinnedProductFragment | Pinned): Sale | undefined {
  const { variants, trust } = product;
  const variant = variants?.find(({ available }) => available > 0) ?? variants?.[0];
  if (!variant || !trust) return undefined;
  return {
    what: { variantId: variant.id },
    title: product.title,
    variant: variant.title,
    kind: product.kind,
    merchant: product.merchant,
    price: variant.price,
    listPrice: undefined,
    trust,
    available: variant.available,
    quantityMax: Math.min(QUANTITY_MAX, variant.available),
  };
}

/** Whether it is sent somewhere. */
export function needsAddress({ kind }: Sale): boolean {
  return kind === 'PHYSICAL' || kind === 'FOOD';
}
