/** A shop, its people and what they do, for one run of the shopping property: all of it through the public API. */
import fc from 'fast-check';
import type { Endpoint } from '../support/endpoint.ts';
import {
  type Actor,
  buyCoins,
  giftId,
  mutate,
  type Outcome,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { afterSale, type BuyNowSuccess, buyNow, type OrderNode, type RefundSuccess } from '../support/orders.ts';
import { addAddress, makeProduct, makeShop, type Shop, type ShopProduct, setStock } from '../support/shop.ts';
import type { Variables } from '../support/wire.ts';

const BUYERS = 3;
/** Purchases that buyers think of; each is under a key of its own, most of the time. */
const MENU = 5;
/** Servers; the last one is the one that dies. */
export const SERVERS = 3;
const PRICE_MINOR = 2_500;
const OFFER_PRICE_MINOR = 1_000;

/** A purchase, as it is drawn. */
type Wish = { lines: { product: number; ofOffer: boolean; quantity: number }[]; token: string };
/** What somebody does. */
export type Action = { via: number } & (
  | { do: 'buy'; buyer: number; wish: number; key: number }
  | { do: 'gift'; buyer: number; key: number }
  | { do: 'startOffer'; product: number; quantity: number; limit: number; eligibility: string }
  | { do: 'endOffer'; offer: number }
  | { do: 'setStock'; product: number; onHand: number }
  | { do: 'cancel'; order: number; by: 'BUYER' | 'SELLER' }
  | { do: 'request'; order: number; one: boolean }
  | { do: 'approve' | 'reject'; order: number; restock: boolean }
  | { do: 'refund'; order: number; key: number; one: boolean; restock: number }
  | { do: 'crash' }
);
/** A run: what buyers think of, and waves of actions that happen at once. */
export type Story = { menu: Wish[]; waves: Action[][] };

const among = (count: number) => fc.constantFrom(...Array.from({ length: count }, (_, n) => n));
const wish = fc.record({
  lines: fc.array(
    fc.record({
      product: fc.constantFrom(0, 0, 1, 1, 2, 3),
      ofOffer: fc.constantFrom(true, true, false),
      quantity: fc.constantFrom(1, 1, 2, 3),
    }),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  token: fc.constantFrom(
    ...[
      'tok_ok',
      'tok_ok',
      'tok_ok',
      'tok_ok',
      'tok_timeout',
      'tok_declined',
      'tok_timeout_declined',
      'tok_unreachable',
    ],
  ),
});
const via = among(SERVERS);
const order = fc.nat({ max: 30 });
const act = <const Name extends string, T>(
  name: Name,
  weight: number,
  rest: { [K in keyof T]: fc.Arbitrary<T[K]> },
) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(name), via, ...rest }),
});
const action = fc.oneof(
  act('buy', 14, { buyer: among(BUYERS), wish: among(MENU), key: among(MENU) }),
  act('gift', 3, { buyer: among(BUYERS), key: among(MENU) }),
  act('startOffer', 4, {
    product: among(2),
    quantity: fc.constantFrom(1, 2, 3, 5),
    limit: fc.constantFrom(1, 2, 3),
    eligibility: fc.constantFrom('EVERYONE', 'EVERYONE', 'GIFTERS'),
  }),
  act('endOffer', 2, { offer: fc.nat({ max: 5 }) }),
  act('setStock', 2, { product: among(4), onHand: fc.constantFrom(0, 2, 5, 9) }),
  act('cancel', 3, { order, by: fc.constantFrom('BUYER' as const, 'SELLER' as const) }),
  act('request', 3, { order, one: fc.boolean() }),
  act('approve', 4, { order, restock: fc.boolean() }),
  act('reject', 1, { order, restock: fc.constant(false) }),
  act('refund', 4, { order, key: among(3), one: fc.boolean(), restock: fc.constantFrom(0, 1) }),
  act('crash', 1, {}),
) as fc.Arbitrary<Action>;

/** Stories of three to five waves: offers first, so that there is something to race for. */
export const stories: fc.Arbitrary<Story> = fc.record({
  menu: fc.array(wish, { minLength: MENU, maxLength: MENU }),
  waves: fc.array(fc.array(action, { minLength: 1, maxLength: 22, size: 'max' }), {
    minLength: 2,
    maxLength: 5,
    size: 'max',
  }),
});

/** Somebody on each of the servers. */
type Everywhere = Actor[];
type Goods = ShopProduct & { shop: Shop; seller: Everywhere };
/** What an action came to; undefined where the server died meanwhile. */
export type Result = { action: Action; identity?: string; input?: Variables; outcome: Outcome<Success> | undefined };
type Success = Partial<BuyNowSuccess & RefundSuccess> & { giftSent?: { seq: number }; replayed?: boolean };

/** The shop of one run. */
export class World {
  readonly offers: { id: string; product: number }[] = [];
  readonly orders = new Map<string, { order: OrderNode; buyer: number }>();
  readonly #requests = new Map<string, string>();

  private constructor(
    readonly streamId: string,
    readonly buyers: Everywhere[],
    private readonly goods: Goods[],
    private readonly addresses: string[],
    private readonly rose: string,
    private readonly menu: Wish[],
  ) {}

  /** Opens two shops, with a stream and buyers. */
  static async open(servers: readonly Endpoint[], menu: Wish[]): Promise<World> {
    const [first] = servers;
    const everywhere = (actor: Actor) => servers.map((server) => ({ ...actor, api: server.http(actor.token) }));
    const shops = await Promise.all([makeShop(first!), makeShop(first!)]);
    const kinds = ['PHYSICAL', 'DIGITAL', 'SERVICE', 'PHYSICAL'] as const;
    const goods = await Promise.all(
      kinds.map(async (kind, index) => {
        const shop = shops[index < 2 ? 0 : 1]!;
        const product = await makeProduct(shop, { kind, stock: 6, priceMinor: PRICE_MINOR });
        return { ...product, shop, seller: everywhere(shop.member) };
      }),
    );
    const buyers = await Promise.all(Array.from({ length: BUYERS }, () => signIn(first!)));
    const addresses = await Promise.all(buyers.map((buyer) => addAddress(buyer)));
    for (const buyer of buyers) succeed(await buyCoins(buyer, { coins: 70 }));
    const stream = await startStream(shops[0]!.member);
    const rose = await giftId(buyers[0]!.api, 'Rose');
    return new World(stream.id, buyers.map(everywhere), goods, addresses, rose, menu);
  }

  /** Does something, and remembers what came of it. */
  async perform(action: Action): Promise<Result | undefined> {
    if (action.do === 'buy') return this.buy(action);
    if (action.do === 'crash') return undefined;
    const call = this.#call(action);
    const outcome = call && (await call);
    if (!outcome) return undefined;
    if ('refund' in outcome && action.do === 'request') {
      const { order, refund } = outcome as RefundSuccess;
      this.#requests.set(order.id, refund.id);
    }
    return { action, outcome };
  }

  /** Buys; `again` repeats a purchase to the letter on another server. */
  async buy(action: Action & { do: 'buy' }, again?: Variables): Promise<Result> {
    const input = again ?? this.#inputOf(action);
    const identity = `${action.buyer} ${action.key}`;
    const outcome = await buyNow(this.buyers[action.buyer]![action.via]!, input);
    if (outcome.__typename === 'BuyNowSuccess') {
      for (const one of (outcome as BuyNowSuccess).orders) this.orders.set(one.id, { order: one, buyer: action.buyer });
    }
    return { action, identity, input, outcome: outcome as Outcome<Success> };
  }

  /** The input of a purchase now; to be noted before it is sent, in case that no answer comes. */
  #inputOf({ buyer, wish, key }: Action & { do: 'buy' }): Variables {
    const { lines, token } = this.menu[wish]!;
    const [first, ...more] = lines.map(({ product, ofOffer, quantity }) => {
      const offer = ofOffer ? this.offers.findLast((one) => one.product === product) : undefined;
      return offer
        ? { offerId: offer.id, quantity, expectedUnitPriceMinor: OFFER_PRICE_MINOR }
        : { variantId: this.goods[product]!.variantId, quantity, expectedUnitPriceMinor: PRICE_MINOR };
    });
    const addressId = this.addresses[buyer];
    const where = { addressId, streamId: this.streamId, paymentToken: token, idempotencyKey: `key ${key}` };
    return { ...first, moreLines: more, ...where };
  }

  #call(action: Exclude<Action, { do: 'buy' | 'crash' }>): Promise<Outcome<Success>> | undefined {
    const { via } = action;
    switch (action.do) {
      case 'gift': {
        const input = { streamId: this.streamId, giftId: this.rose, quantity: 1, idempotencyKey: `gift ${action.key}` };
        return mutate(this.buyers[action.buyer]![via]!.api, 'sendGift', input);
      }
      case 'startOffer':
        return this.#startOffer(action);
      case 'endOffer': {
        const offer = this.offers[action.offer % Math.max(this.offers.length, 1)];
        return offer && mutate(this.goods[0]!.seller[via]!.api, 'endOffer', { offerId: offer.id });
      }
      case 'setStock': {
        const { shop, sku, seller } = this.goods[action.product]!;
        return setStock({ ...shop, member: seller[via]! }, { sku, onHand: action.onHand }) as never;
      }
      default:
        return this.#afterSale(action);
    }
  }

  async #startOffer({ via, product, quantity, limit, eligibility }: Action & { do: 'startOffer' }) {
    const { variantId, seller } = this.goods[product]!;
    const perBuyerLimit = Math.min(limit, quantity);
    const terms = { unitPriceMinor: OFFER_PRICE_MINOR, quantity, perBuyerLimit, durationSeconds: 60, eligibility };
    const outcome = await mutate<{ offer: { id: string } }>(seller[via]!.api, 'startOffer', {
      streamId: this.streamId,
      variantId,
      ...terms,
    });
    if ('offer' in outcome && outcome.__typename === 'StartOfferSuccess')
      this.offers.push({ id: (outcome.offer as { id: string }).id, product });
    return outcome as Outcome<Success>;
  }

  #afterSale(action: Action & { order: number }): Promise<Outcome<Success>> | undefined {
    const known = [...this.orders.values()];
    const found = known[action.order % Math.max(known.length, 1)];
    if (!found) return undefined;
    const { order, buyer: buyerAt } = found;
    const buyer = this.buyers[buyerAt]![action.via]!;
    const seller = this.goods.find(({ shop }) => shop.merchantId === order.merchant.id)!.seller[action.via]!;
    const [line] = order.lines;
    switch (action.do) {
      case 'cancel':
        return afterSale.cancel(action.by === 'BUYER' ? buyer : seller, order.id);
      case 'request':
        return afterSale.request(buyer, order.id, action.one ? { lines: [{ lineId: line!.id, quantity: 1 }] } : {});
      case 'refund': {
        const one = { lineId: line!.id, quantity: 1, restock: action.restock };
        const idempotencyKey = `refund ${order.id} ${action.key}`.slice(-64);
        return afterSale.refund(seller, order.id, { ...(action.one ? { lines: [one] } : {}), idempotencyKey });
      }
      case 'approve': {
        const request = this.#requests.get(order.id);
        const restock = action.restock ? [{ lineId: line!.id, quantity: 1 }] : undefined;
        return request === undefined ? undefined : afterSale.approve(seller, request, { restock });
      }
      default: {
        const request = this.#requests.get(order.id);
        return request === undefined ? undefined : afterSale.reject(seller, request);
      }
    }
  }
}
