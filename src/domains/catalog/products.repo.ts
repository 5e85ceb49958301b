import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import type { ProductKind, ProductStatus } from './catalog.api.ts';

/** What a merchant says of a product. */
export type ProductDraft = { kind: ProductKind; title: string; description: string; mediaUrls: string[] };
/** What a merchant says of a variant. */
export type VariantDraft = {
  sku: string;
  title: string;
  priceMinor: bigint;
  currency: string;
  gtin: string | null;
  downloadUrl: string | null;
  active: boolean;
  position: number;
};
/** A product, as the rules need it. */
export type OwnProductRow = ProductDraft & { id: bigint; merchantId: bigint; status: ProductStatus };
/** A variant, as the rules need it. */
export type OwnVariantRow = VariantDraft & { id: bigint };

/** Another variant of the merchant has the sku. */
export const SKU_TAKEN = 'product_variant_merchant_id_sku_key';

/** Reads a product and locks it until the transaction ends. */
export async function lockProduct(sql: SqlTransaction, id: bigint): Promise<OwnProductRow | undefined> {
  const [product] = await rows<OwnProductRow>(
    sql,
    `/* catalog.lockProduct */ SELECT id, merchant_id AS "merchantId", kind, title, description, media_urls AS "mediaUrls", status
       FROM product WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return product;
}

/** All variants of a product, active or not, in their order. */
export async function findOwnVariants(sql: Queryable, productId: bigint): Promise<OwnVariantRow[]> {
  return rows<OwnVariantRow>(
    sql,
    `/* catalog.ownVariants */ SELECT v.id, v.sku, v.title, v.price_minor AS "priceMinor", v.currency, i.gtin,
       v.download_url AS "downloadUrl", v.active, v.position
       FROM product_variant v JOIN item i ON i.id = v.item_id WHERE v.product_id = $1 ORDER BY v.position, v.id`,
    [productId],
  );
}

/** Which of these skus a merchant uses already, in any product. */
export async function findTakenSkus(
  sql: Queryable,
  merchantId: bigint,
  skus: readonly string[],
): Promise<{ sku: string; productId: bigint }[]> {
  return rows(
    sql,
    `/* catalog.takenSkus */ SELECT sku, product_id AS "productId" FROM product_variant
      WHERE merchant_id = $1 AND sku = ANY($2) ORDER BY sku`,
    [merchantId, skus],
  );
}

/** Inserts a product, as a draft. */
export async function insertProduct(
  sql: SqlTransaction,
  merchantId: bigint,
  { kind, title, description, mediaUrls }: ProductDraft,
): Promise<bigint> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* catalog.insertProduct */ INSERT INTO product (merchant_id, kind, title, description, media_urls)
     VALUES ($1, $2, $3, $4, $5) RETURNING id`,
    [merchantId, kind, title, description, mediaUrls],
  );
  return inserted!.id;
}

/** Changes what is said of a product. */
export async function changeProduct(
  sql: SqlTransaction,
  id: bigint,
  { title, description, mediaUrls }: Omit<ProductDraft, 'kind'>,
): Promise<void> {
  await rows(
    sql,
    `/* catalog.changeProduct */ UPDATE product SET title = $2, description = $3, media_urls = $4, updated_at = clock_timestamp()
      WHERE id = $1`,
    [id, title, description, mediaUrls],
  );
}

/** Puts a product in a state. */
export async function setStatus(sql: SqlTransaction, id: bigint, status: ProductStatus): Promise<void> {
  await rows(
    sql,
    '/* catalog.setStatus */ UPDATE product SET status = $2, updated_at = clock_timestamp() WHERE id = $1',
    [id, status],
  );
}

/**
 * The items that barcodes stand for, made where there are none; for each null a new one. In three statements at the most.
 * @returns their ids, in the order of the barcodes
 */
export async function ensureItems(sql: SqlTransaction, gtins: readonly (string | null)[]): Promise<bigint[]> {
  const codes = [...new Set(gtins.filter((gtin) => gtin !== null))].sort();
  const byCode = new Map<string, bigint>();
  if (codes.length > 0) {
    await rows(
      sql,
      `/* catalog.makeItems */ INSERT INTO item (gtin) SELECT gtin FROM unnest($1::text[]) g(gtin) ON CONFLICT (gtin) DO NOTHING`,
      [codes],
    );
    for (const { gtin, id } of await rows<{ gtin: string; id: bigint }>(
      sql,
      '/* catalog.itemsByCode */ SELECT gtin, id FROM item WHERE gtin = ANY($1)',
      [codes],
    )) {
      byCode.set(gtin, id);
    }
  }
  const nameless = gtins.length - gtins.filter((gtin) => gtin !== null).length;
  const fresh = nameless === 0 ? [] : await insertNamelessItems(sql, nameless);
  return gtins.map((gtin) => (gtin === null ? fresh.pop()! : byCode.get(gtin)!));
}

async function insertNamelessItems(sql: SqlTransaction, count: number): Promise<bigint[]> {
  const inserted = await rows<{ id: bigint }>(
    sql,
    '/* catalog.namelessItems */ INSERT INTO item (gtin) SELECT NULL FROM generate_series(1, $1) RETURNING id',
    [count],
  );
  return inserted.map(({ id }) => id);
}

/** A variant to be written, with where it belongs. */
export type VariantWrite = VariantDraft & { productId: bigint; merchantId: bigint; itemId: bigint };

/** Inserts variants, in one statement. A taken sku breaks {@link SKU_TAKEN}. */
export async function insertVariants(sql: SqlTransaction, variants: readonly VariantWrite[]): Promise<void> {
  if (variants.length === 0) return;
  await rows(
    sql,
    `/* catalog.insertVariants */ INSERT INTO product_variant
       (product_id, merchant_id, item_id, sku, title, price_minor, currency, position, active, download_url)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::int[],
       $9::boolean[], $10::text[])`,
    [
      variants.map(({ productId }) => productId),
      variants.map(({ merchantId }) => merchantId),
      variants.map(({ itemId }) => itemId),
      ...columnsOf(variants),
    ],
  );
}

/** Changes variants by id, in one statement. The item stays: stock and orders are counted of it. */
export async function changeVariants(sql: SqlTransaction, variants: readonly OwnVariantRow[]): Promise<void> {
  if (variants.length === 0) return;
  await rows(
    sql,
    `/* catalog.changeVariants */ UPDATE product_variant v SET title = n.title, price_minor = n.price_minor, currency = n.currency,
       position = n.position, active = n.active, download_url = n.download_url
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::int[], $7::boolean[], $8::text[])
         n(id, sku, title, price_minor, currency, position, active, download_url)
      WHERE v.id = n.id`,
    [variants.map(({ id }) => id), ...columnsOf(variants)],
  );
}

function columnsOf(variants: readonly VariantDraft[]): unknown[][] {
  return [
    variants.map(({ sku }) => sku),
    variants.map(({ title }) => title),
    variants.map(({ priceMinor }) => priceMinor),
    variants.map(({ currency }) => currency),
    variants.map(({ position }) => position),
    variants.map(({ active }) => active),
    variants.map(({ downloadUrl }) => downloadUrl),
  ];
}
