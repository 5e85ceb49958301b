/** Merchants, products, stock and addresses, made through the public API. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Endpoint } from './endpoint.ts';
import { type Actor, freshHandle, mutate, type Outcome, query, signIn, succeed } from './operations.ts';

/** A merchant with a warehouse, and somebody who acts for it. */
export type Shop = { member: Actor; merchantId: string; handle: string; warehouseId: string };

/** A published product with one variant. */
export type ShopProduct = { productId: string; variantId: string; sku: string };

/** A product as the mutations return it. */
export type ProductNode = {
  id: string;
  title: string;
  kind: string;
  status: string;
  description: string;
  mediaUrls: string[];
  merchant: { id: string; handle: string };
  variants: VariantNode[];
};

/** A variant as the mutations return it. */
export type VariantNode = {
  id: string;
  sku: string;
  title: string;
  price: { minorUnits: number; currency: string };
  available: number;
};

/** Registers a merchant with one warehouse, by default a BRAND in the Emirates that also ships abroad. */
export async function makeShop(
  server: Pick<Endpoint, 'url'>,
  options: {
    member?: Actor;
    kind?: 'BRAND' | 'RETAIL_PARTNER';
    region?: string;
    shipsAbroad?: boolean;
    promiseMinutes?: number;
  } = {},
): Promise<Shop> {
  const { kind = 'BRAND' } = options;
  const member = options.member ?? (await signIn(server, freshHandle('member')));
  const handle = freshHandle('shop');
  const { merchant } = succeed(
    await mutate<{ merchant: { id: string } }>(member.api, 'registerMerchant', {
      handle,
      name: `Shop ${handle}`,
      kind,
    }),
  );
  const shop = { member, merchantId: merchant.id, handle };
  return { ...shop, warehouseId: await makeWarehouse(shop, options) };
}

/** Notes that we know who is behind a merchant: the platform's shop sells of verified partners only. There is no mutation for it. */
export async function verify(pool: Pool, { handle }: Pick<Shop, 'handle'>): Promise<void> {
  await pool.query('UPDATE merchant SET verified = true WHERE handle = $1', [handle]);
}

/** Makes a warehouse of a merchant and returns its id. */
export async function makeWarehouse(
  { member, merchantId }: Pick<Shop, 'member' | 'merchantId'>,
  options: { name?: string; region?: string; shipsAbroad?: boolean; promiseMinutes?: number } = {},
): Promise<string> {
  const { name = `Warehouse ${randomUUID()}`, region = 'AE', shipsAbroad = true, promiseMinutes = 2_880 } = options;
  const input = { merchantId, name, region, shipsAbroad, promiseMinutes };
  const outcome = await mutate<{ warehouse: { id: string } }>(member.api, 'createWarehouse', input);
  return succeed(outcome).warehouse.id;
}

/** Makes and publishes a product with one variant, and puts stock of it into the shop's warehouse. */
export async function makeProduct(
  shop: Shop,
  options: {
    kind?: 'PHYSICAL' | 'FOOD' | 'SERVICE' | 'DIGITAL';
    title?: string;
    description?: string;
    priceMinor?: number;
    currency?: string;
    stock?: number;
    gtin?: string;
    publish?: boolean;
  } = {},
): Promise<ShopProduct> {
  const { kind = 'PHYSICAL', title = 'Oud candle', description = '', publish = true, stock = 10 } = options;
  const sku = `SKU-${randomUUID()}`;
  const product = succeed(
    await createProduct(shop, {
      kind,
      title,
      description,
      variants: [
        {
          sku,
          title: 'Standard',
          priceMinor: options.priceMinor ?? 2_500,
          currency: options.currency ?? 'USD',
          gtin: options.gtin,
          downloadUrl: kind === 'DIGITAL' ? 'https://downloads.example/file.zip' : undefined,
        },
      ],
    }),
  ).product;
  if (stock > 0) succeed(await setStock(shop, { sku, onHand: stock }));
  if (publish) succeed(await mutate(shop.member.api, 'publishProduct', { productId: product.id }));
  return { productId: product.id, variantId: product.variants[0]!.id, sku };
}

/** Makes a draft; what is not given is the simplest that is allowed. */
export function createProduct(
  { member, merchantId }: Pick<Shop, 'member' | 'merchantId'>,
  input: Record<string, unknown> = {},
): Promise<Outcome<{ product: ProductNode; replayed: boolean }>> {
  return mutate(member.api, 'createProduct', {
    merchantId,
    kind: 'PHYSICAL',
    title: 'Oud candle',
    variants: [{ sku: `SKU-${randomUUID()}`, title: 'Standard', priceMinor: 2_500, currency: 'USD' }],
    idempotencyKey: randomUUID(),
    ...input,
  });
}

/** Sets the stock of a variant in a warehouse, by default the shop's. */
export function setStock(
  { member, warehouseId }: Pick<Shop, 'member' | 'warehouseId'>,
  input: { sku?: string; variantId?: string; onHand: number; warehouseId?: string },
): Promise<Outcome<{ stock: { onHand: number; held: number; warehouse: { id: string } } }>> {
  return mutate(member.api, 'setStock', { warehouseId, ...input });
}

/** What can be bought of a variant now. */
export async function availableOf(reader: Pick<Actor, 'api'>, variantId: string): Promise<number> {
  const document = 'query Available($id: ID!) { node(id: $id) { ... on ProductVariant { available } } }';
  const { node } = await query<{ node: { available: number } }>(reader.api, document, { id: variantId });
  return node.available;
}

/** Adds an address, by default in the Emirates, and returns its id. */
export async function addAddress(viewer: Actor, options: { country?: string; city?: string } = {}): Promise<string> {
  const { country = 'AE', city = 'Dubai' } = options;
  const input = { name: viewer.handle, line1: '12 Al Wasl Road', city, country, idempotencyKey: randomUUID() };
  return succeed(await mutate<{ address: { id: string } }>(viewer.api, 'addAddress', input)).address.id;
}
