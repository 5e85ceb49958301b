import type { Queryable } from '../../db/database.ts';
import { groupBy } from '../../kernel/group-by.ts';
import { findProducts, findVariantsOfProducts } from './catalog.repo.ts';

export { createMemberships, type IsMember } from './memberships.ts';

/** The kinds of product. */
export const PRODUCT_KINDS = ['PHYSICAL', 'FOOD', 'SERVICE', 'DIGITAL'] as const;
/** One of {@link PRODUCT_KINDS}. */
export type ProductKind = (typeof PRODUCT_KINDS)[number];
/** Where a product stands: only a published one is for sale. */
export const PRODUCT_STATUSES = ['DRAFT', 'PUBLISHED', 'ARCHIVED'] as const;
/** One of {@link PRODUCT_STATUSES}. */
export type ProductStatus = (typeof PRODUCT_STATUSES)[number];
/** The kinds of merchant. */
export type MerchantKind = 'BRAND' | 'RETAIL_PARTNER' | 'PLATFORM';

/** A merchant as everybody sees it; a row, or a part of an event. */
export type MerchantView = { id: bigint | number; handle: string; name: string; kind: MerchantKind; verified: boolean };

/** A variant as everybody sees it; a row, or a part of an event. `available` is what can be bought now. */
export type VariantView = {
  id: bigint | number;
  productId: bigint | number;
  sku: string;
  title: string;
  priceMinor: bigint | number;
  currency: string;
  available: number;
};

/** A product as everybody sees it. In an event it comes with its variants; a row of a list has them read when they are selected. */
export type ProductView = {
  id: bigint | number;
  kind: ProductKind;
  title: string;
  description: string;
  mediaUrls: string[];
  /** Left out of events, which show what is published. */
  status?: ProductStatus;
  merchant: MerchantView;
  variants?: VariantView[];
};

/**
 * Products with their variants, complete and as JSON, as events carry them; in two statements. What is not there is left out, and
 * unless it is asked for, what is not published.
 */
export async function snapshotProducts(
  sql: Queryable,
  ids: readonly bigint[],
  { publishedOnly = true }: { publishedOnly?: boolean } = {},
): Promise<Map<bigint, ProductView>> {
  const found = await findProducts(sql, ids);
  const products = publishedOnly ? found.filter(({ status }) => status === 'PUBLISHED') : found;
  const variants = groupBy(
    await findVariantsOfProducts(
      sql,
      products.map(({ id }) => id),
    ),
    ({ productId }) => productId,
  );
  return new Map(
    products.map(({ id, status: _status, merchant, ...product }) => [
      id,
      {
        ...product,
        id: Number(id),
        merchant: { ...merchant, id: Number(merchant.id) },
        variants: (variants.get(id) ?? []).map(snapshotVariant),
      },
    ]),
  );
}

/** A variant as JSON, as events carry it. */
export function snapshotVariant(variant: VariantView): VariantView {
  return {
    ...variant,
    id: Number(variant.id),
    productId: Number(variant.productId),
    priceMinor: Number(variant.priceMinor),
  };
}
