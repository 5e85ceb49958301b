import type { DomainError } from '../../../kernel/errors.ts';
import { IdempotencyConflictError, InvalidInputError, NotFoundError } from '../../../kernel/errors.ts';
import { AMOUNT_MAX } from '../../../kernel/money.ts';
import { route, type StockCandidate } from '../../fulfilment/fulfilment.api.ts';
import type { OfferForSale } from '../../offers/offers.api.ts';
import type { OrderAddress } from '../orders.api.ts';
import {
  NotDeliverableError,
  NotEligibleError,
  OfferEndedError,
  PerBuyerLimitError,
  PriceChangedError,
  SoldOutError,
} from '../orders.errors.ts';
import { hashPurchase, type Purchase, type WantedLine } from './purchase.ts';

/** A variant, as far as selling it goes. */
export type VariantForSale = {
  id: bigint;
  productId: bigint;
  merchantId: bigint;
  itemId: bigint;
  kind: 'PHYSICAL' | 'FOOD' | 'SERVICE' | 'DIGITAL';
  priceMinor: bigint;
  currency: string;
  /** Published, and not taken out. */
  isOnSale: boolean;
  /** The platform sells what its retail partners have; everybody else what is their own. */
  fromPartners: boolean;
};

/** Stock of an item in a warehouse. `available` goes down as purchases are judged. */
export type Stock = StockCandidate & { itemId: bigint; isPartner: boolean };

/** What a key stands for. */
export type KnownCheckout = { id: bigint; state: 'HELD' | 'PAID'; inputHash: string };

/**
 * Everything that a batch of purchases depends on, read in its SQL transaction. Offers and stock are locked. Judging takes
 * from them.
 */
export type Shop = {
  now: Date;
  checkouts: ReadonlyMap<string, KnownCheckout>;
  offers: ReadonlyMap<bigint, OfferForSale>;
  variants: ReadonlyMap<bigint, VariantForSale>;
  stock: ReadonlyMap<bigint, Stock[]>;
  /** Units that buyers have of offers, by {@link pairKey}. */
  bought: Map<string, number>;
  /** Who may buy from offers that are not for everyone, by {@link pairKey}. */
  eligible: ReadonlySet<string>;
  addresses: ReadonlyMap<bigint, OrderAddress & { viewerId: bigint; isRemoved: boolean }>;
  /** The products that streams show. */
  streams: ReadonlyMap<bigint, ReadonlySet<bigint>>;
};

/** A line that stock is set aside for. */
export type PlannedLine = {
  variant: VariantForSale;
  offer: OfferForSale | undefined;
  warehouseId: bigint;
  quantity: number;
  unitPriceMinor: bigint;
};

/** What one merchant sells of a purchase, and in which stream. */
export type PlannedOrder = { merchantId: bigint; streamId: bigint | undefined; lines: PlannedLine[] };

/** A purchase that goes ahead: one order a merchant. */
export type Plan = {
  purchase: Purchase;
  inputHash: string;
  currency: string;
  amountMinor: bigint;
  address: OrderAddress | undefined;
  orders: PlannedOrder[];
};

/** What becomes of a purchase. */
export type Verdict =
  | { kind: 'GO'; plan: Plan }
  | { kind: 'KNOWN'; checkout: KnownCheckout }
  | { kind: 'NO'; error: DomainError };

/** The key of a buyer's pair with an offer. */
export function pairKey(offerId: bigint, buyerId: bigint): string {
  return `${offerId}:${buyerId}`;
}

/** The key of a buyer's idempotency key. */
export function callKey({ buyerId, idempotencyKey }: { buyerId: bigint; idempotencyKey: string }): string {
  return `${buyerId}:${idempotencyKey}`;
}

/** Judges purchases in order; what one takes the next does not find. All of a purchase goes ahead, or nothing of it. */
export function judge(purchases: readonly Purchase[], shop: Shop): Verdict[] {
  return purchases.map((purchase) => {
    const inputHash = hashPurchase(purchase);
    const checkout = shop.checkouts.get(callKey(purchase));
    if (checkout) {
      return checkout.inputHash === inputHash
        ? { kind: 'KNOWN', checkout }
        : { kind: 'NO', error: new IdempotencyConflictError() };
    }
    const taken = new Taken(shop, purchase.buyerId);
    const plan = planPurchase(purchase, inputHash, shop, taken);
    if ('code' in plan) {
      taken.giveBack();
      return { kind: 'NO', error: plan };
    }
    return { kind: 'GO', plan };
  });
}

/** What one purchase has taken so far. */
class Taken {
  readonly #undo: (() => void)[] = [];

  constructor(
    private readonly shop: Shop,
    private readonly buyerId: bigint,
  ) {}

  take(quantity: number, stock: Stock, offer: OfferForSale | undefined): void {
    const { bought } = this.shop;
    const add = (units: number) => {
      stock.available -= units;
      if (!offer) return;
      offer.held += units;
      const pair = pairKey(offer.id, this.buyerId);
      bought.set(pair, (bought.get(pair) ?? 0) + units);
    };
    add(quantity);
    this.#undo.push(() => add(-quantity));
  }

  giveBack(): void {
    for (const undo of this.#undo) undo();
  }
}

function planPurchase(purchase: Purchase, inputHash: string, shop: Shop, taken: Taken): Plan | DomainError {
  const { addressId } = purchase;
  const found = addressId === undefined ? undefined : shop.addresses.get(addressId);
  if (addressId !== undefined && (found?.viewerId !== purchase.buyerId || found.isRemoved))
    return new NotFoundError('address');
  if (purchase.streamId !== undefined && !shop.streams.has(purchase.streamId)) return new NotFoundError('stream');
  const lines: PlannedLine[] = [];
  for (const wanted of purchase.lines) {
    const line = planLine(wanted, { purchase, shop, taken, region: found?.country });
    if ('code' in line) return line;
    lines.push(line);
  }
  const { currency } = lines[0]!.variant;
  if (lines.some(({ variant }) => variant.currency !== currency)) {
    return new InvalidInputError([
      { path: 'input.moreLines', message: 'One purchase has one currency: buy the rest by itself.' },
    ]);
  }
  const amountMinor = lines.reduce((sum, line) => sum + line.unitPriceMinor * BigInt(line.quantity), 0n);
  if (amountMinor > AMOUNT_MAX) {
    return new InvalidInputError([{ path: 'input', message: 'The purchase is too large for one payment.' }]);
  }
  const isSent = lines.some(({ variant }) => needsAddress(variant));
  const address = isSent && found ? addressOf(found) : undefined;
  const orders = byMerchant(lines).map((order) => ({ ...order, streamId: streamOf(order.lines, purchase, shop) }));
  return { purchase, inputHash, currency, amountMinor, address, orders };
}

/** Bought in the stream of its offer, or in one that shows all of it: nobody's purchase shows in just any stream. */
function streamOf(lines: readonly PlannedLine[], { streamId }: Purchase, shop: Shop): bigint | undefined {
  const offer = lines.find((line) => line.offer)?.offer;
  if (offer) return offer.streamId;
  const shown = streamId === undefined ? undefined : shop.streams.get(streamId);
  return lines.every(({ variant }) => shown?.has(variant.productId)) ? streamId : undefined;
}

function planLine(
  wanted: WantedLine,
  at: { purchase: Purchase; shop: Shop; taken: Taken; region: string | undefined },
): PlannedLine | DomainError {
  const { shop, purchase, region } = at;
  const { quantity } = wanted;
  const offer = wanted.offerId === undefined ? undefined : shop.offers.get(wanted.offerId);
  if (wanted.offerId !== undefined && !offer) return new NotFoundError('offer');
  if (offer && wanted.variantId !== undefined && wanted.variantId !== offer.variantId)
    return new NotFoundError('offer of this variant');
  const variant = shop.variants.get(offer?.variantId ?? wanted.variantId ?? 0n);
  if (!variant?.isOnSale) return new NotFoundError('product');
  const unitPriceMinor = offer?.unitPriceMinor ?? variant.priceMinor;
  const refusal = offer && judgeOffer(offer, quantity, purchase.buyerId, shop);
  if (refusal) return refusal;
  if (wanted.expectedUnitPriceMinor !== unitPriceMinor)
    return new PriceChangedError({ minorUnits: unitPriceMinor, currency: variant.currency });
  if (needsAddress(variant) && region === undefined) {
    return new InvalidInputError([{ path: 'input.addressId', message: 'This is sent: say where to.' }]);
  }
  const own = (shop.stock.get(variant.itemId) ?? []).filter((stock) =>
    variant.fromPartners ? stock.isPartner : stock.warehouseMerchantId === variant.merchantId,
  );
  const routed = route(own, {
    quantity,
    region: needsAddress(variant) ? region : undefined,
    crossesRegions: variant.kind !== 'FOOD',
  });
  if (routed.kind === 'SOLD_OUT') return new SoldOutError(routed.available);
  if (routed.kind === 'NOT_DELIVERABLE') return new NotDeliverableError();
  at.taken.take(quantity, routed.candidate, offer);
  return { variant, offer, warehouseId: routed.candidate.warehouseId, quantity, unitPriceMinor };
}

function judgeOffer(offer: OfferForSale, quantity: number, buyerId: bigint, shop: Shop): DomainError | undefined {
  const remaining = offer.quantity - offer.sold - offer.held;
  // Whoever comes late to a race wants to hear that it is sold out, not only that it is over.
  if (offer.sold === offer.quantity) return new SoldOutError(0);
  if (offer.endedAt !== null || offer.endsAt <= shop.now) return new OfferEndedError();
  const pair = pairKey(offer.id, buyerId);
  if (offer.eligibility !== 'EVERYONE' && !shop.eligible.has(pair)) return new NotEligibleError(offer.eligibility);
  if ((shop.bought.get(pair) ?? 0) + quantity > offer.perBuyerLimit) return new PerBuyerLimitError(offer.perBuyerLimit);
  return remaining < quantity ? new SoldOutError(remaining) : undefined;
}

function needsAddress({ kind }: VariantForSale): boolean {
  return kind === 'PHYSICAL' || kind === 'FOOD';
}

function addressOf({ name, line1, line2, city, postalCode, country }: OrderAddress): OrderAddress {
  return { name, line1, line2, city, postalCode, country };
}

/** In order of first appearance. */
function byMerchant(lines: readonly PlannedLine[]): Omit<PlannedOrder, 'streamId'>[] {
  const orders = new Map<bigint, PlannedLine[]>();
  for (const line of lines) {
    const { merchantId } = line.variant;
    orders.set(merchantId, [...(orders.get(merchantId) ?? []), line]);
  }
  return [...orders].map(([merchantId, ofMerchant]) => ({ merchantId, lines: ofMerchant }));
}
