/** Buying through the public API, and what comes after it. */
import { randomUUID } from 'node:crypto';
import { ORDER_FIELDS } from './documents.ts';
import type { Endpoint } from './endpoint.ts';
import { type Actor, mutate, type Outcome, query, succeed } from './operations.ts';
import { addAddress, makeProduct, makeShop, type Shop, type ShopProduct } from './shop.ts';
import type { Variables } from './wire.ts';

/** An amount of money as tests read it. */
export type Amount = { minorUnits: number; currency: string };

/** An order as tests read it. */
export type OrderNode = {
  id: string;
  number: string;
  state: string;
  nextStates: string[];
  total: Amount;
  refunded: { minorUnits: number };
  lines: {
    id: string;
    variant: { id: string };
    quantity: number;
    refundedQuantity: number;
    unitPrice: { minorUnits: number };
    deliveredAt: string | null;
    downloadUrl: string | null;
  }[];
  refunds: { id: string; state: string; amount: { minorUnits: number }; reason: string }[];
  disputes: { id: string; state: string; withBank: boolean }[];
  timeline: { state: string; actor: string; note: string | null }[];
  transfers: { kind: string; amount: Amount }[];
  merchant: { id: string };
  address: { name: string; city: string; country: string } | null;
  releaseAt: string | null;
  createdAt: string;
};

/** What a purchase is. */
export type BuyNowSuccess = { order: OrderNode; orders: OrderNode[]; replayed: boolean };
/** What a refund is. */
export type RefundSuccess = {
  order: OrderNode;
  refund: { id: string; state: string; amount: Amount; reason: string };
  replayed: boolean;
};
/** What a dispute is. */
export type DisputeSuccess = {
  order: OrderNode;
  dispute: { id: string; state: string; withBank: boolean; reason: string };
  replayed: boolean;
};

/** Buys; what is not given is the simplest that is allowed. */
export function buyNow(buyer: Actor, input: Variables): Promise<Outcome<BuyNowSuccess>> {
  return mutate(buyer.api, 'buyNow', { paymentToken: 'tok_ok', idempotencyKey: randomUUID(), ...input });
}

/** A shop with one product, its price, and a buyer with an address. */
export type Counter = {
  shop: Shop;
  product: ShopProduct;
  priceMinor: number;
  addressId: string;
  /** Buys the product as the buyer. */
  buy(input?: Variables): Promise<Outcome<BuyNowSuccess>>;
};

/** Opens a shop and gives the buyer an address. */
export async function openCounter(
  server: Pick<Endpoint, 'url'>,
  buyer: Actor,
  options: {
    kind?: 'PHYSICAL' | 'FOOD' | 'SERVICE' | 'DIGITAL';
    stock?: number;
    priceMinor?: number;
    currency?: string;
  } = {},
): Promise<Counter> {
  const { priceMinor = 2_500 } = options;
  const shop = await makeShop(server);
  const product = await makeProduct(shop, { ...options, priceMinor });
  const addressId = await addAddress(buyer);
  const usual = { variantId: product.variantId, expectedUnitPriceMinor: priceMinor, addressId };
  return { shop, product, priceMinor, addressId, buy: (input) => buyNow(buyer, { ...usual, ...input }) };
}

/** Buys, and returns the order. */
export async function bought(counter: Counter, input: Variables = {}): Promise<OrderNode> {
  return succeed(await counter.buy(input)).order;
}

/** An order as somebody sees it; null when they do not. */
export async function orderOf(reader: Pick<Actor, 'api'>, id: string): Promise<OrderNode | null> {
  const document = `query Order($id: ID!) { node(id: $id) { ... on Order { ${ORDER_FIELDS} } } }`;
  return (await query<{ node: OrderNode | null }>(reader.api, document, { id })).node;
}

/** The mutations of an order's later life. */
export const afterSale = {
  cancel: (actor: Actor, orderId: string, reason?: string): Promise<Outcome<{ order: OrderNode; replayed: boolean }>> =>
    mutate(actor.api, 'cancelOrder', { orderId, reason }),
  request: (actor: Actor, orderId: string, input: Variables = {}): Promise<Outcome<RefundSuccess>> =>
    mutate(actor.api, 'requestRefund', { orderId, reason: 'It does not fit.', ...input }),
  approve: (actor: Actor, refundId: string, input: Variables = {}): Promise<Outcome<RefundSuccess>> =>
    mutate(actor.api, 'approveRefund', { refundId, ...input }),
  reject: (actor: Actor, refundId: string): Promise<Outcome<RefundSuccess>> =>
    mutate(actor.api, 'rejectRefund', { refundId, reason: 'It was worn.' }),
  refund: (actor: Actor, orderId: string, input: Variables = {}): Promise<Outcome<RefundSuccess>> =>
    mutate(actor.api, 'refundOrder', { orderId, reason: 'Sorry.', idempotencyKey: randomUUID(), ...input }),
  dispute: (actor: Actor, orderId: string): Promise<Outcome<DisputeSuccess>> =>
    mutate(actor.api, 'openDispute', { orderId, reason: 'It never came.' }),
  resolve: (actor: Actor, disputeId: string, decision: 'REFUND' | 'REJECT'): Promise<Outcome<DisputeSuccess>> =>
    mutate(actor.api, 'resolveDispute', { disputeId, decision }),
};
