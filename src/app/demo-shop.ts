import type { Logger } from 'pino';
import type { Services } from '../graphql/context.ts';
import { DomainError } from '../kernel/errors.ts';
import { every, type Periodic } from '../kernel/every.ts';

/** Whose stream and whose shop it is. */
export const DEMO_SHOPKEEPER = 'souq';
/** Merchants of the demo that send what they sell themselves. */
const DEMO_SENDERS = [DEMO_SHOPKEEPER, 'mama_zahra'];
/** How often the shop is looked after. */
const LOOK_INTERVAL_MS = 5_000;
/** Products that take turns. */
const PRODUCTS_MAX = 20;
/** The offer: for so long, at four fifths of the price. */
const OFFER_SECONDS = 600;
const OFFER_QUANTITY_MAX = 20;
const OFFER_PER_BUYER = 2;
/** Shipments that one look moves, each by a step. */
const SHIPMENTS_PER_LOOK_MAX = 20;

/**
 * Keeps the demo's shopping stream alive: while it is on air and has no open offer, the next of the shopkeeper's products is
 * pinned and offered; and what the shop has sold is prepared, sent and delivered, a step a look. Through the same use cases as
 * everybody's; with several servers, one of them is quicker.
 */
export class DemoShop {
  #looking: Periodic | undefined;
  #turn = 0;

  constructor(private readonly deps: { services: Services; log: Logger }) {}

  /** Opens the shop, and looks after it from now on. */
  async open(): Promise<void> {
    await this.#look();
    this.#looking = every(LOOK_INTERVAL_MS, () => this.#look());
  }

  async close(): Promise<void> {
    await this.#looking?.stop();
  }

  async #look(): Promise<void> {
    const works = [() => this.#offerNext(), ...DEMO_SENDERS.map((handle) => () => this.#sendOn(handle))];
    for (const work of works) {
      await work().catch((error: unknown) => {
        if (error instanceof DomainError) return; // another server was quicker, or a visitor: the next look sees
        this.deps.log.warn({ err: error }, 'looking after the demo shop failed; the next look tries again');
      });
    }
  }

  async #offerNext(): Promise<void> {
    const { accounts, catalog, creators, offers } = this.deps.services;
    const creator = await creators.findByHandle(DEMO_SHOPKEEPER);
    const streamId = creator?.onAir?.id;
    if (!creator || streamId === undefined || (await offers.openOf(streamId)).length > 0) return;
    const { viewer } = await accounts.signIn(DEMO_SHOPKEEPER);
    const keyset = { backwards: false, from: undefined, limit: PRODUCTS_MAX };
    const products = await catalog.page('OLDEST', { creatorId: creator.id, kind: 'PHYSICAL', inStock: true }, keyset);
    const product = products[this.#turn++ % Math.max(products.length, 1)];
    const variant = product && (await catalog.variantsOf(product.id)).find(({ available }) => available > 0);
    if (!product || !variant) return;
    await offers.showcase.pin(viewer, { streamId, productId: product.id });
    const quantity = Math.min(OFFER_QUANTITY_MAX, variant.available);
    await offers.startOffer(viewer, {
      streamId,
      variantId: variant.id,
      unitPriceMinor: (variant.priceMinor * 4n) / 5n,
      quantity,
      perBuyerLimit: Math.min(OFFER_PER_BUYER, quantity),
      durationSeconds: OFFER_SECONDS,
      eligibility: 'EVERYONE',
    });
  }

  async #sendOn(handle: string): Promise<void> {
    const { accounts, catalog, fulfilment } = this.deps.services;
    const { shipments } = fulfilment;
    const { viewer } = await accounts.signIn(handle);
    for (const { id: merchantId } of await catalog.merchants.of(viewer.id)) {
      const { page } = await shipments.ofSender(viewer, merchantId, ['PENDING', 'PREPARING', 'SHIPPED']);
      for (const { id, state } of await page({ backwards: false, from: undefined, limit: SHIPMENTS_PER_LOOK_MAX })) {
        if (state === 'PENDING') await shipments.prepare(viewer, id);
        else if (state === 'PREPARING')
          await shipments.ship(viewer, id, { carrier: 'Demo Express', trackingNumber: `DX${id}` });
        else await shipments.deliver(viewer, id);
      }
    }
  }
}
