/** Shops and batches of purchases at random, and a model of judging them: numbers in a map that is copied for each purchase. */
import fc from 'fast-check';
import {
  callKey,
  type KnownCheckout,
  pairKey,
  type Shop,
  type Stock,
  type VariantForSale,
  type Verdict,
} from '../../src/domains/orders/buy/judge.ts';
import { hashPurchase, type Purchase } from '../../src/domains/orders/buy/purchase.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const LATER = new Date(NOW.getTime() + 60_000);
const PLATFORM = 1;
/** Merchants: the platform, two brands, two retail partners. */
const PARTNERS = [4, 5];
const BUYERS = 3;
const STREAM_ID = 1;

/** A shop in plain numbers, as it is drawn. Ids are positions from 1. */
export type ShopSpec = {
  variants: {
    merchant: number;
    item: number;
    kind: VariantForSale['kind'];
    price: number;
    aed: boolean;
    on: boolean;
  }[];
  warehouses: { merchant: number; region: string; abroad: boolean; promise: number }[];
  /** Units by item and warehouse; less than zero: the warehouse does not keep the item. */
  stock: number[][];
  offers: {
    variant: number;
    price: number;
    quantity: number;
    sold: number;
    limit: number;
    eligibility: 'EVERYONE' | 'FOLLOWERS' | 'GIFTERS';
    end: 'OPEN' | 'ENDED' | 'EXPIRED';
    /** Units that buyers have, and whether they are eligible. */
    buyers: { has: number; may: boolean }[];
  }[];
};

/** A purchase in plain numbers. */
export type PurchaseSpec = {
  buyer: number;
  /** 0: none; 1 to 3: the buyers' own; 4: a removed one of the first buyer. */
  address: number;
  lines: { from: 'OFFER' | 'PAGE' | 'BOTH'; offer: number; variant: number; quantity: number; wrongPrice: boolean }[];
  inStream: boolean;
  known?: 'PAID' | 'HELD' | 'OTHER' | undefined;
};

const ADDRESSES = [
  { viewer: 1, country: 'AE', isRemoved: false },
  { viewer: 2, country: 'SA', isRemoved: false },
  { viewer: 3, country: 'AE', isRemoved: false },
  { viewer: 1, country: 'AE', isRemoved: true },
];

/** Numbers come from lists of constants where all should be as likely: fast-check likes the ends of ranges best. */
const among = (count: number) => fc.constantFrom(...Array.from({ length: count }, (_, n) => n + 1));
/** One in so many is another. */
const rarely = <T>(weight: number, usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: other });
const mostly = (weight: number) => rarely(weight, fc.constant(true), fc.constant(false));
const region = fc.constantFrom('AE', 'SA');
const variant = fc.record({
  merchant: among(3),
  item: among(3),
  kind: fc.constantFrom('PHYSICAL', 'FOOD', 'SERVICE', 'DIGITAL'),
  price: fc.integer({ min: 10, max: 99 }),
  aed: mostly(9).map((no) => !no),
  on: mostly(9),
});
const warehouse = fc.record({
  merchant: fc.constantFrom(2, 2, 3, 3, 4, 5),
  region,
  abroad: mostly(2),
  promise: fc.integer({ min: 1, max: 3 }),
});
const offer = fc.record({
  variant: among(4),
  price: fc.integer({ min: 1, max: 9 }),
  quantity: among(8),
  sold: rarely(3, fc.constant(0), fc.nat({ max: 3 })),
  limit: among(6),
  eligibility: fc.constantFrom('EVERYONE', 'EVERYONE', 'FOLLOWERS', 'GIFTERS'),
  end: rarely<'OPEN' | 'ENDED' | 'EXPIRED'>(6, fc.constant('OPEN'), fc.constantFrom('ENDED', 'EXPIRED')),
  buyers: fc.array(fc.record({ has: fc.nat({ max: 1 }), may: mostly(3) }), { minLength: BUYERS, maxLength: BUYERS }),
});

/** Shops of four variants of three items in five warehouses, and three offers. */
export const shops: fc.Arbitrary<ShopSpec> = fc.record({
  variants: fc.array(variant, { minLength: 4, maxLength: 4 }),
  warehouses: fc.array(warehouse, { minLength: 5, maxLength: 5 }),
  stock: fc.array(fc.array(rarely(5, among(8), fc.constantFrom(-1, 0)), { minLength: 5, maxLength: 5 }), {
    minLength: 3,
    maxLength: 3,
  }),
  offers: fc.array(offer, { minLength: 3, maxLength: 3 }),
});

const purchase = fc
  .record({
    buyer: among(BUYERS),
    where: rarely<'OWN' | 'NONE' | 'REMOVED' | 'OTHER'>(
      12,
      fc.constant('OWN'),
      fc.constantFrom('NONE', 'REMOVED', 'OTHER'),
    ),
    lines: fc.array(
      fc.record({
        from: rarely(9, fc.constantFrom('OFFER', 'PAGE'), fc.constant('BOTH' as const)),
        // The last of each does not exist.
        offer: rarely(30, among(3), fc.constant(4)),
        variant: rarely(30, among(4), fc.constant(5)),
        quantity: fc.constantFrom(1, 1, 2, 3, 4),
        wrongPrice: mostly(15).map((right) => !right),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    inStream: fc.boolean(),
    known: rarely<PurchaseSpec['known']>(15, fc.constant(undefined), fc.constantFrom('PAID', 'HELD', 'OTHER')),
  })
  .map(({ where, ...rest }): PurchaseSpec => {
    const address = { OWN: rest.buyer, NONE: 0, REMOVED: 4, OTHER: (rest.buyer % BUYERS) + 1 }[where];
    return { ...rest, address };
  });

/** Purchases that come in one after the other. */
export const batches: fc.Arbitrary<PurchaseSpec[]> = fc.array(purchase, { minLength: 1, maxLength: 12, size: 'max' });

const currencyOf = ({ aed }: ShopSpec['variants'][number]) => (aed ? 'AED' : 'USD');
const isSent = (kind: string) => kind === 'PHYSICAL' || kind === 'FOOD';

/** What the buyer sees one of it cost. */
function priceOf(spec: ShopSpec, line: PurchaseSpec['lines'][number]): number {
  const shown = line.from === 'PAGE' ? spec.variants[line.variant - 1] : spec.offers[line.offer - 1];
  return shown?.price ?? 1;
}

/** Purchases as `judge` takes them. */
export function toPurchases(spec: ShopSpec, batch: readonly PurchaseSpec[]): Purchase[] {
  return batch.map(({ buyer, address, lines, inStream }, index) => ({
    buyerId: BigInt(buyer),
    lines: lines.map((line) => ({
      offerId: line.from === 'PAGE' ? undefined : BigInt(line.offer),
      variantId: line.from === 'OFFER' ? undefined : BigInt(line.variant),
      quantity: line.quantity,
      expectedUnitPriceMinor: BigInt(priceOf(spec, line) + (line.wrongPrice ? 1 : 0)),
    })),
    streamId: inStream ? BigInt(STREAM_ID) : undefined,
    paymentToken: 'tok_ok',
    addressId: address === 0 ? undefined : BigInt(address),
    showBuyer: false,
    idempotencyKey: `key ${index}`,
  }));
}

/** The shop as `judge` takes it, with what the keys of these purchases stand for. A new one each time: judging takes from it. */
export function toShop(spec: ShopSpec, batch: readonly PurchaseSpec[]): Shop {
  const checkouts = toPurchases(spec, batch).flatMap((purchase, index): [string, KnownCheckout][] => {
    const { known } = batch[index]!;
    if (!known) return [];
    const inputHash = hashPurchase(known === 'OTHER' ? { ...purchase, showBuyer: true } : purchase);
    return [[callKey(purchase), { id: BigInt(index), state: known === 'HELD' ? 'HELD' : 'PAID', inputHash }]];
  });
  const buyers = spec.offers.flatMap((offer, index) =>
    offer.buyers.map(({ has, may }, n) => ({ pair: pairKey(BigInt(index + 1), BigInt(n + 1)), has, may })),
  );
  return {
    now: NOW,
    checkouts: new Map(checkouts),
    offers: new Map(spec.offers.map((one, index) => [BigInt(index + 1), toOffer(spec, one, BigInt(index + 1))])),
    variants: new Map(
      spec.variants.map((one, index) => [BigInt(index + 1), toVariant(one, BigInt(index + 1))] as const),
    ),
    stock: new Map(spec.stock.map((_, index) => [BigInt(index + 1), toStock(spec, index)])),
    bought: new Map(buyers.flatMap(({ pair, has }) => (has > 0 ? [[pair, has] as const] : []))),
    eligible: new Set(buyers.flatMap(({ pair, may }) => (may ? pair : []))),
    addresses: new Map(
      ADDRESSES.map(({ viewer, country, isRemoved }, index) => {
        const text = { name: 'Layla', line1: '1', line2: null, city: 'Dubai', postalCode: null };
        return [BigInt(index + 1), { ...text, country, viewerId: BigInt(viewer), isRemoved }];
      }),
    ),
    streams: new Map([[BigInt(STREAM_ID), new Set()]]),
  };
}

function toOffer(spec: ShopSpec, one: ShopSpec['offers'][number], id: bigint) {
  return {
    id,
    streamId: BigInt(STREAM_ID),
    variantId: BigInt(one.variant),
    creatorId: 9n,
    unitPriceMinor: BigInt(one.price),
    currency: currencyOf(spec.variants[one.variant - 1]!),
    quantity: one.quantity,
    held: 0,
    sold: Math.min(one.sold, one.quantity),
    perBuyerLimit: one.limit,
    eligibility: one.eligibility,
    endsAt: one.end === 'EXPIRED' ? NOW : LATER,
    endedAt: one.end === 'ENDED' ? NOW : null,
  };
}

function toVariant(one: ShopSpec['variants'][number], id: bigint): VariantForSale {
  return {
    id,
    productId: id + 100n,
    merchantId: BigInt(one.merchant),
    itemId: BigInt(one.item),
    kind: one.kind,
    priceMinor: BigInt(one.price),
    currency: currencyOf(one),
    isOnSale: one.on,
    fromPartners: one.merchant === PLATFORM,
  };
}

function toStock(spec: ShopSpec, index: number): Stock[] {
  return spec.warehouses.flatMap((place, n): Stock | [] => {
    const available = spec.stock[index]![n]!;
    if (available < 0) return [];
    return {
      itemId: BigInt(index + 1),
      warehouseId: BigInt(n + 1),
      warehouseMerchantId: BigInt(place.merchant),
      region: place.region,
      shipsAbroad: place.abroad,
      promiseMinutes: place.promise,
      available,
      isPartner: PARTNERS.includes(place.merchant),
    };
  });
}

/** What is left, by name: "stock 1 2" of an item in a warehouse, "offer 1", "may 1 2" of an offer for a buyer. */
type Left = Map<string, number>;

function leftAtFirst(spec: ShopSpec): Left {
  const left: Left = new Map();
  spec.stock.forEach((row, item) => {
    row.forEach((units, place) => {
      if (units >= 0) left.set(`stock ${item + 1} ${place + 1}`, units);
    });
  });
  spec.offers.forEach((one, index) => {
    left.set(`offer ${index + 1}`, one.quantity - Math.min(one.sold, one.quantity));
    one.buyers.forEach(({ has }, n) => {
      left.set(`may ${index + 1} ${n + 1}`, one.limit - has);
    });
  });
  return left;
}

/** What the model says of a purchase: the code of a refusal, what its key stands for, or the warehouse of each line. */
export type Judged = string | { warehouses: number[] };

/** Judges a batch by the model. */
export function judgeByModel(spec: ShopSpec, batch: readonly PurchaseSpec[]): { judged: Judged[]; left: Left } {
  let left = leftAtFirst(spec);
  const judged = batch.map((purchase): Judged => {
    if (purchase.known) return purchase.known === 'OTHER' ? 'IDEMPOTENCY_CONFLICT' : 'KNOWN';
    const copy: Left = new Map(left);
    const outcome = tryAll(spec, purchase, copy);
    if (typeof outcome !== 'string') left = copy;
    return outcome;
  });
  return { judged, left };
}

function tryAll(spec: ShopSpec, purchase: PurchaseSpec, left: Left): Judged {
  const address = ADDRESSES[purchase.address - 1];
  if (address && (address.isRemoved || address.viewer !== purchase.buyer)) return 'NOT_FOUND';
  const warehouses: number[] = [];
  const currencies = new Set<string>();
  for (const line of purchase.lines) {
    const outcome = tryLine(spec, purchase, line, left);
    if (typeof outcome === 'string') return outcome;
    warehouses.push(outcome.warehouse);
    currencies.add(outcome.currency);
  }
  return currencies.size > 1 ? 'INVALID_INPUT' : { warehouses };
}

function tryLine(spec: ShopSpec, purchase: PurchaseSpec, line: PurchaseSpec['lines'][number], left: Left) {
  const one = line.from === 'PAGE' ? undefined : spec.offers[line.offer - 1];
  if (line.from !== 'PAGE' && !one) return 'NOT_FOUND';
  if (one && line.from === 'BOTH' && one.variant !== line.variant) return 'NOT_FOUND';
  const goods = spec.variants[(one?.variant ?? line.variant) - 1];
  if (!goods?.on) return 'NOT_FOUND';
  const [ofOffer, ofBuyer] = [`offer ${line.offer}`, `may ${line.offer} ${purchase.buyer}`];
  if (one) {
    if (one.sold >= one.quantity) return 'SOLD_OUT';
    if (one.end !== 'OPEN') return 'OFFER_ENDED';
    if (one.eligibility !== 'EVERYONE' && !one.buyers[purchase.buyer - 1]!.may) return 'NOT_ELIGIBLE';
    if (left.get(ofBuyer)! < line.quantity) return 'PER_BUYER_LIMIT';
    if (left.get(ofOffer)! < line.quantity) return 'SOLD_OUT';
  }
  if (line.wrongPrice) return 'PRICE_CHANGED';
  const country = ADDRESSES[purchase.address - 1]?.country;
  if (isSent(goods.kind) && !country) return 'INVALID_INPUT';
  const places = placesOf(spec, goods, country, left);
  if (places.any && places.reached.length === 0) return 'NOT_DELIVERABLE';
  const [best] = places.reached.filter(({ units }) => units >= line.quantity);
  if (!best) return 'SOLD_OUT';
  take(left, `stock ${goods.item} ${best.id}`, line.quantity);
  if (one) for (const name of [ofOffer, ofBuyer]) take(left, name, line.quantity);
  return { warehouse: best.id, currency: currencyOf(goods) };
}

/** The warehouses that may send it there, best first: near ones, then fast ones, then the first. */
function placesOf(spec: ShopSpec, goods: ShopSpec['variants'][number], country: string | undefined, left: Left) {
  const all = spec.warehouses.flatMap((place, n) => {
    const units = left.get(`stock ${goods.item} ${n + 1}`);
    const isTheirs =
      goods.merchant === PLATFORM ? PARTNERS.includes(place.merchant) : place.merchant === goods.merchant;
    const isNear = !isSent(goods.kind) || place.region === country;
    return units !== undefined && isTheirs ? { ...place, id: n + 1, units, isNear } : [];
  });
  const rank = (place: (typeof all)[number]) => (place.isNear ? 0 : 1_000) + place.promise * 10 + place.id;
  return {
    any: all.length > 0,
    reached: all
      .filter(({ isNear, abroad }) => isNear || (goods.kind !== 'FOOD' && abroad))
      .sort((a, b) => rank(a) - rank(b)),
  };
}

function take(left: Left, name: string, quantity: number): void {
  left.set(name, left.get(name)! - quantity);
}

/** Verdicts in the words of the model. */
export function toJudged(verdicts: readonly Verdict[], batch: readonly Purchase[]): Judged[] {
  return verdicts.map((verdict, index) => {
    if (verdict.kind === 'KNOWN') return 'KNOWN';
    if (verdict.kind === 'NO') return verdict.error.code;
    // Lines are put together by merchant; the model has them in the order of the purchase.
    const lines = verdict.plan.orders.flatMap((order) => order.lines);
    const warehouses = batch[index]!.lines.map((wanted) => {
      const at = lines.findIndex(
        (line) =>
          line.quantity === wanted.quantity &&
          line.offer?.id === wanted.offerId &&
          (wanted.variantId === undefined || line.variant.id === wanted.variantId),
      );
      const [line] = lines.splice(at, at < 0 ? 0 : 1);
      return Number(line?.warehouseId ?? 0n);
    });
    if (lines.length > 0) throw new Error('a plan has more lines than the purchase');
    return { warehouses };
  });
}

/** What a shop has left, in the names of the model. */
export function leftOf(spec: ShopSpec, shop: Shop): Left {
  const left: Left = new Map();
  for (const places of shop.stock.values()) {
    for (const { itemId, warehouseId, available } of places) left.set(`stock ${itemId} ${warehouseId}`, available);
  }
  for (const { id, quantity, sold, held, perBuyerLimit } of shop.offers.values()) {
    left.set(`offer ${id}`, quantity - sold - held);
    spec.offers[Number(id) - 1]!.buyers.forEach((_, n) => {
      left.set(`may ${id} ${n + 1}`, perBuyerLimit - (shop.bought.get(pairKey(id, BigInt(n + 1))) ?? 0));
    });
  }
  return left;
}
