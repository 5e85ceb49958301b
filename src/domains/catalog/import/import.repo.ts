import { rows, type SqlTransaction } from '../../../db/database.ts';
import type { ProductKind, ProductStatus } from '../catalog.api.ts';
import type { WarehouseRow } from '../merchants.repo.ts';
import type { OwnVariantRow } from '../products.repo.ts';

/** A product of the merchant, as an import finds it. */
export type KnownProduct = {
  id: bigint;
  ref: string | null;
  kind: ProductKind;
  status: ProductStatus;
  title: string;
  description: string;
  mediaUrls: string[];
};
/** A variant of the merchant, as an import finds it. */
export type KnownVariant = OwnVariantRow & { productId: bigint; itemId: bigint };

/** Lets one import of a merchant write at a time. */
export async function lockImport(sql: SqlTransaction, merchantId: bigint): Promise<void> {
  await rows(sql, '/* import.lock */ SELECT 1 FROM merchant WHERE id = $1 FOR NO KEY UPDATE', [merchantId]);
}

/** The products that a batch names, by reference or by the sku of a variant; locked, by id. */
export async function lockKnownProducts(
  sql: SqlTransaction,
  merchantId: bigint,
  { refs, skus }: { refs: readonly string[]; skus: readonly string[] },
): Promise<KnownProduct[]> {
  return rows<KnownProduct>(
    sql,
    `/* import.products */ SELECT p.id, p.ref, p.kind, p.status, p.title, p.description, p.media_urls AS "mediaUrls" FROM product p
      WHERE p.merchant_id = $1 AND (p.ref = ANY($2) OR p.id IN (
        SELECT v.product_id FROM product_variant v WHERE v.merchant_id = $1 AND v.sku = ANY($3)))
      ORDER BY p.id FOR NO KEY UPDATE`,
    [merchantId, refs, skus],
  );
}

/** All variants of products. */
export async function findKnownVariants(sql: SqlTransaction, productIds: readonly bigint[]): Promise<KnownVariant[]> {
  return rows<KnownVariant>(
    sql,
    `/* import.variants */ SELECT v.id, v.product_id AS "productId", v.item_id AS "itemId", v.sku, v.title,
       v.price_minor AS "priceMinor", v.currency, i.gtin, v.download_url AS "downloadUrl", v.active, v.position
       FROM product_variant v JOIN item i ON i.id = v.item_id WHERE v.product_id = ANY($1)`,
    [productIds],
  );
}

/** Inserts products, in one statement. Returns their ids by reference. */
export async function insertProducts(
  sql: SqlTransaction,
  merchantId: bigint,
  products: readonly Omit<KnownProduct, 'id'>[],
): Promise<Map<string, bigint>> {
  if (products.length === 0) return new Map();
  const inserted = await rows<{ ref: string; id: bigint }>(
    sql,
    `/* import.insertProducts */ INSERT INTO product (merchant_id, ref, kind, status, title, description, media_urls)
     SELECT $1, ref, kind, status, title, description, ARRAY(SELECT jsonb_array_elements_text(media_urls))
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
         n(ref, kind, status, title, description, media_urls) RETURNING ref, id`,
    [
      merchantId,
      products.map(({ ref }) => ref),
      products.map(({ kind }) => kind),
      products.map(({ status }) => status),
      products.map(({ title }) => title),
      products.map(({ description }) => description),
      products.map(({ mediaUrls }) => JSON.stringify(mediaUrls)),
    ],
  );
  return new Map(inserted.map(({ ref, id }) => [ref, id]));
}

/** Changes products, in one statement; those that are so already are left alone. */
export async function changeProducts(sql: SqlTransaction, products: readonly KnownProduct[]): Promise<void> {
  if (products.length === 0) return;
  await rows(
    sql,
    `/* import.changeProducts */ UPDATE product p SET ref = n.ref, title = n.title, description = n.description,
       media_urls = ARRAY(SELECT jsonb_array_elements_text(n.media_urls)), updated_at = clock_timestamp()
       FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::jsonb[]) n(id, ref, title, description, media_urls)
      WHERE p.id = n.id AND (p.ref, p.title, p.description, p.media_urls) IS DISTINCT FROM
            (n.ref, n.title, n.description, ARRAY(SELECT jsonb_array_elements_text(n.media_urls)))`,
    [
      products.map(({ id }) => id),
      products.map(({ ref }) => ref),
      products.map(({ title }) => title),
      products.map(({ description }) => description),
      products.map(({ mediaUrls }) => JSON.stringify(mediaUrls)),
    ],
  );
}

/** The warehouses of a merchant by name. */
export async function findWarehousesByName(
  sql: SqlTransaction,
  merchantId: bigint,
  names: readonly string[],
): Promise<WarehouseRow[]> {
  return rows<WarehouseRow>(
    sql,
    `/* import.warehouses */ SELECT id, merchant_id AS "merchantId", name, region, ships_abroad AS "shipsAbroad",
       promise_minutes AS "promiseMinutes" FROM warehouse WHERE merchant_id = $1 AND name = ANY($2)`,
    [merchantId, names],
  );
}

/** Makes warehouses, or changes where they are and what they promise. Returns their ids by name. */
export async function saveWarehouses(
  sql: SqlTransaction,
  merchantId: bigint,
  warehouses: readonly { name: string; region: string; promiseMinutes: number }[],
): Promise<Map<string, bigint>> {
  if (warehouses.length === 0) return new Map();
  const saved = await rows<{ name: string; id: bigint }>(
    sql,
    `/* import.saveWarehouses */ INSERT INTO warehouse (merchant_id, name, region, promise_minutes)
     SELECT $1, name, region, minutes FROM unnest($2::text[], $3::text[], $4::int[]) n(name, region, minutes) ORDER BY name
     ON CONFLICT (merchant_id, name) DO UPDATE SET region = EXCLUDED.region, promise_minutes = EXCLUDED.promise_minutes
     RETURNING name, id`,
    [
      merchantId,
      warehouses.map(({ name }) => name),
      warehouses.map(({ region }) => region),
      warehouses.map(({ promiseMinutes }) => promiseMinutes),
    ],
  );
  return new Map(saved.map(({ name, id }) => [name, id]));
}
