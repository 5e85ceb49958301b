/** Judging purchases, case by case; test/property/judge.test.ts has the rules for any shop and any batch. */
import { expect, test } from 'vitest';
import { judge, pairKey, type Shop, type Stock, type VariantForSale } from '../../../src/domains/orders/buy/judge.ts';
import { hashPurchase, type Purchase } from '../../../src/domains/orders/buy/purchase.ts';

const NOW = new Date('2026-01-01T00:00:00Z');
const LATER = new Date('2026-01-01T00:01:00Z');
const [LAYLA, OMAR] = [1n, 2n];

function variant(over: Partial<VariantForSale> = {}): VariantForSale {
  return {
    id: 10n,
    productId: 1n,
    merchantId: 7n,
    itemId: 100n,
    kind: 'SERVICE',
    priceMinor: 2_500n,
    currency: 'USD',
    isOnSale: true,
    fromPartners: false,
    ...over,
  };
}

function stock(over: Partial<Stock> = {}): Stock {
  return {
    itemId: 100n,
    warehouseId: 70n,
    warehouseMerchantId: 7n,
    region: 'AE',
    shipsAbroad: false,
    promiseMinutes: 60,
    available: 3,
    isPartner: false,
    ...over,
  };
}

function offer(over = {}) {
  return {
    id: 20n,
    streamId: 5n,
    variantId: 10n,
    creatorId: 9n,
    unitPriceMinor: 1_000n,
    currency: 'USD',
    quantity: 2,
    held: 0,
    sold: 0,
    perBuyerLimit: 2,
    eligibility: 'EVERYONE' as const,
    endsAt: LATER,
    endedAt: null,
    ...over,
  };
}

function shop(parts: { variants?: VariantForSale[]; stock?: Stock[]; offers?: ReturnType<typeof offer>[] } = {}): Shop {
  const places = parts.stock ?? [stock()];
  const address = { name: 'Layla', line1: '1', line2: null, city: 'Dubai', postalCode: null, country: 'AE' };
  return {
    now: NOW,
    checkouts: new Map(),
    offers: new Map((parts.offers ?? [offer()]).map((one) => [one.id, one])),
    variants: new Map((parts.variants ?? [variant()]).map((one) => [one.id, one])),
    stock: new Map(places.map(({ itemId }) => [itemId, places.filter((place) => place.itemId === itemId)])),
    bought: new Map(),
    eligible: new Set(),
    addresses: new Map([[1n, { ...address, viewerId: LAYLA, isRemoved: false }]]),
    streams: new Map(),
  };
}

const ofOffer = (quantity = 1) => ({ offerId: 20n, variantId: undefined, quantity, expectedUnitPriceMinor: 1_000n });
const ofPage = (quantity = 1, variantId = 10n) => {
  return { offerId: undefined, variantId, quantity, expectedUnitPriceMinor: 2_500n };
};

function purchase(lines: Purchase['lines'], over: Partial<Purchase> = {}): Purchase {
  return {
    buyerId: LAYLA,
    lines,
    streamId: undefined,
    paymentToken: 'tok_ok',
    addressId: undefined,
    showBuyer: false,
    idempotencyKey: 'key',
    ...over,
  };
}

/** What verdicts come to: a code, or how many orders. */
function codes(purchases: readonly Purchase[], where: Shop) {
  return judge(purchases, where).map((verdict) => {
    if (verdict.kind === 'NO') return verdict.error.code;
    return verdict.kind === 'GO' ? verdict.plan.orders.length : 'KNOWN';
  });
}

test('the last unit goes to the first who asks; a smaller wish behind a larger one still goes ahead', () => {
  const where = shop({ stock: [stock({ available: 2 })] });
  const asked = [purchase([ofPage(3)]), purchase([ofPage(2)]), purchase([ofPage(1)], { buyerId: OMAR })];
  expect(codes(asked, where)).toEqual(['SOLD_OUT', 1, 'SOLD_OUT']);
  expect(where.stock.get(100n)![0]!.available).toBe(0);
});

test('a refusal says how many there are', () => {
  const [one, other] = judge(
    [purchase([ofPage(4)]), purchase([ofOffer(3)])],
    shop({ offers: [offer({ perBuyerLimit: 9 })] }),
  );
  expect(one).toMatchObject({ error: { code: 'SOLD_OUT', remaining: 3 } });
  expect(other).toMatchObject({ error: { code: 'SOLD_OUT', remaining: 2 } });
});

test('a line that fails gives back what the lines before it took: of stock, of the offer and of what the buyer may have', () => {
  const where = shop();
  expect(codes([purchase([ofOffer(2), ofPage(2)])], where)).toEqual(['SOLD_OUT']);
  expect(where.stock.get(100n)![0]!.available).toBe(3);
  expect(where.offers.get(20n)!.held).toBe(0);
  expect(where.bought.get(pairKey(20n, LAYLA)) ?? 0).toBe(0);
  expect(codes([purchase([ofOffer(2), ofPage(1)])], where)).toEqual([1]);
});

test('what one buyer may have counts over lines, purchases of a batch and purchases before it', () => {
  const limited = () => shop({ offers: [offer({ perBuyerLimit: 1 })] });
  expect(codes([purchase([ofOffer(), ofOffer()])], limited())).toEqual(['PER_BUYER_LIMIT']);
  const asked = [purchase([ofOffer()]), purchase([ofOffer()]), purchase([ofOffer()], { buyerId: OMAR })];
  expect(codes(asked, limited())).toEqual([1, 'PER_BUYER_LIMIT', 1]);
  const where = limited();
  where.bought.set(pairKey(20n, LAYLA), 1);
  expect(codes([purchase([ofOffer()])], where)).toEqual(['PER_BUYER_LIMIT']);
});

test.each([
  ['over by the clock', { endsAt: NOW }, 'OFFER_ENDED'],
  ['ended', { endedAt: NOW }, 'OFFER_ENDED'],
  ['sold out and ended', { sold: 2, endedAt: NOW }, 'SOLD_OUT'],
  ['all held by others', { held: 2 }, 'SOLD_OUT'],
  ['for followers', { eligibility: 'FOLLOWERS' }, 'NOT_ELIGIBLE'],
  ['of another variant', { variantId: 11n }, 'NOT_FOUND'],
])('an offer that is %s', (_name, over, code) => {
  expect(codes([purchase([ofOffer()])], shop({ offers: [offer(over)] }))).toEqual([code]);
});

test('the price is the one that was seen, of the offer as of the page', () => {
  const [verdict] = judge([purchase([{ ...ofOffer(), expectedUnitPriceMinor: 2_500n }])], shop());
  const currentUnitPrice = { minorUnits: 1_000n, currency: 'USD' };
  expect(verdict).toMatchObject({ error: { code: 'PRICE_CHANGED', currentUnitPrice } });
});

test('one order a merchant, in order of first appearance; each from stock of the seller alone', () => {
  const where = shop({
    variants: [variant(), variant({ id: 11n, merchantId: 8n, itemId: 101n })],
    stock: [stock(), stock({ itemId: 101n, warehouseId: 71n, warehouseMerchantId: 8n })],
  });
  const [verdict] = judge([purchase([ofPage(1, 11n), ofPage(1), ofPage(2, 11n)])], where);
  expect(verdict).toMatchObject({
    plan: {
      amountMinor: 10_000n,
      orders: [
        {
          merchantId: 8n,
          lines: [
            { quantity: 1, warehouseId: 71n },
            { quantity: 2, warehouseId: 71n },
          ],
        },
        { merchantId: 7n, lines: [{ quantity: 1, warehouseId: 70n }] },
      ],
    },
  });
  const theirs = shop({ stock: [stock({ warehouseMerchantId: 8n })] });
  expect(codes([purchase([ofPage()])], theirs)).toEqual(['SOLD_OUT']);
});

test('what the platform sells comes from retail partners only', () => {
  const where = shop({
    variants: [variant({ fromPartners: true })],
    stock: [
      stock({ available: 9 }),
      stock({ warehouseId: 71n, warehouseMerchantId: 8n, isPartner: true, available: 1 }),
    ],
  });
  const asked = [purchase([ofPage()]), purchase([ofPage()])];
  expect(judge(asked, where)).toMatchObject([
    { plan: { orders: [{ lines: [{ warehouseId: 71n }] }] } },
    { error: { code: 'SOLD_OUT', remaining: 0 } },
  ]);
});

test('what is sent needs an address of the buyer; food does not cross a border', () => {
  const abroad = [stock({ region: 'SA', shipsAbroad: true })];
  const kinds = (kind: 'PHYSICAL' | 'FOOD') => shop({ variants: [variant({ kind })], stock: abroad });
  const [sent, lost, others] = [{ addressId: 1n }, {}, { addressId: 1n, buyerId: OMAR }].map((over) =>
    purchase([ofPage()], over),
  );
  expect(codes([sent!, lost!, others!], kinds('PHYSICAL'))).toEqual([1, 'INVALID_INPUT', 'NOT_FOUND']);
  expect(codes([sent!], kinds('FOOD'))).toEqual(['NOT_DELIVERABLE']);
});

test('a key stands for its first purchase, whatever became of the stock; another purchase under it is a conflict', () => {
  const known = purchase([ofPage()]);
  const where = shop({ stock: [] });
  const checkout = { id: 1n, state: 'PAID' as const, inputHash: hashPurchase(known) };
  const asked = [known, { ...known, paymentToken: 'tok_other' }, { ...known, buyerId: OMAR }];
  expect(codes(asked, { ...where, checkouts: new Map([[`${LAYLA}:key`, checkout]]) })).toEqual([
    'KNOWN',
    'IDEMPOTENCY_CONFLICT',
    'SOLD_OUT',
  ]);
});

test('one purchase has one currency and fits into one payment; a refusal for that takes nothing either', () => {
  const dear = variant({ id: 11n, currency: 'AED' });
  const where = shop({ variants: [variant(), dear] });
  expect(codes([purchase([ofPage(), ofPage(1, 11n)])], where)).toEqual(['INVALID_INPUT']);
  const huge = shop({ variants: [variant({ priceMinor: 2n ** 53n - 1n })] });
  const line = { ...ofPage(), expectedUnitPriceMinor: 2n ** 53n - 1n };
  expect(codes([purchase([{ ...line, quantity: 2 }]), purchase([line])], huge)).toEqual(['INVALID_INPUT', 1]);
  expect([where, huge].map((one) => one.stock.get(100n)![0]!.available)).toEqual([3, 2]);
});
