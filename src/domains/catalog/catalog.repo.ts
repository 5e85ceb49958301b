import { type Queryable, rows } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type {
  MerchantKind,
  MerchantView,
  ProductKind,
  ProductStatus,
  ProductView,
  VariantView,
} from './catalog.api.ts';

/** A product with its merchant, as one row of SQL. */
export type FlatProduct = Omit<ProductRow, 'merchant'> & {
  merchantId: bigint;
  handle: string;
  name: string;
  merchantKind: MerchantKind;
  verified: boolean;
};

/** A product as the catalogue lists it. */
export type ProductRow = ProductView & {
  id: bigint;
  kind: ProductKind;
  status: ProductStatus;
  merchant: MerchantView & { id: bigint };
};

/** A variant as the catalogue lists it. */
export type VariantRow = VariantView & { id: bigint; productId: bigint; priceMinor: bigint };

/** The largest Int of GraphQL. */
const AVAILABLE_MAX = 2 ** 31 - 1;

/** Of a product `p` and its merchant `m`. */
export const PRODUCT_COLUMNS = `p.id, p.kind, p.title, p.description, p.media_urls AS "mediaUrls", p.status,
  p.merchant_id AS "merchantId", m.handle, m.name, m.kind AS "merchantKind", m.verified`;
/**
 * The stock `i` that a variant `v` is sold from: that in the merchant's own warehouses, and for the platform that in those of its
 * retail partners.
 */
export const STOCK_OF_VARIANT = `FROM inventory i
      JOIN warehouse w ON w.id = i.warehouse_id JOIN merchant wm ON wm.id = w.merchant_id JOIN merchant vm ON vm.id = v.merchant_id
     WHERE i.item_id = v.item_id
       AND (w.merchant_id = v.merchant_id OR (vm.kind = 'PLATFORM' AND wm.kind = 'RETAIL_PARTNER' AND wm.verified))`;
/** Of a variant `v`, with what can be bought now. */
const VARIANT_COLUMNS = `v.id, v.product_id AS "productId", v.sku, v.title, v.price_minor AS "priceMinor", v.currency,
  least(coalesce((SELECT sum(i.on_hand - i.held) ${STOCK_OF_VARIANT}), 0), ${AVAILABLE_MAX})::int AS available`;

const PRODUCTS_BY_ID = lookUpStatements(
  'catalog.productsById',
  (equals) => `SELECT ${PRODUCT_COLUMNS} FROM product p JOIN merchant m ON m.id = p.merchant_id WHERE p.id ${equals}`,
);
const VARIANTS_BY_PRODUCT = lookUpStatements(
  'catalog.variantsByProduct',
  (equals) =>
    `SELECT ${VARIANT_COLUMNS} FROM product_variant v WHERE v.product_id ${equals} AND v.active ORDER BY v.product_id, v.position, v.id`,
);
const VARIANTS_BY_ID = lookUpStatements(
  'catalog.variantsById',
  (equals) => `SELECT ${VARIANT_COLUMNS} FROM product_variant v WHERE v.id ${equals}`,
);

/** Products by id, whatever their status, in one statement, in any order. */
export async function findProducts(sql: Queryable, ids: readonly bigint[]): Promise<ProductRow[]> {
  return (await lookUp<FlatProduct>(sql, PRODUCTS_BY_ID, ids)).map(toProduct);
}

/** The active variants of products, in one statement, in their order. */
export async function findVariantsOfProducts(sql: Queryable, productIds: readonly bigint[]): Promise<VariantRow[]> {
  return lookUp<VariantRow>(sql, VARIANTS_BY_PRODUCT, productIds);
}

/** Variants by id, active or not, in one statement, in any order. */
export async function findVariants(sql: Queryable, ids: readonly bigint[]): Promise<VariantRow[]> {
  return lookUp<VariantRow>(sql, VARIANTS_BY_ID, ids);
}

/** Merchants by id, in one statement, in any order. */
export async function findMerchants(
  sql: Queryable,
  ids: readonly bigint[],
): Promise<(MerchantView & { id: bigint })[]> {
  return rows(sql, '/* catalog.merchants */ SELECT id, handle, name, kind, verified FROM merchant WHERE id = ANY($1)', [
    ids,
  ]);
}

/** A product with its merchant as an object. */
export function toProduct({ merchantId, handle, name, merchantKind, verified, ...product }: FlatProduct): ProductRow {
  return { ...product, merchant: { id: merchantId, handle, name, kind: merchantKind, verified } };
}
