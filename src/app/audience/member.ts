import { Connection, type Wire } from './connection.ts';
import { QUERIES, WATCH } from './documents.ts';
import type { Person } from './people.ts';

/** What is on sale, with global ids. */
export type Shelf = {
  gifts: ReadonlyMap<string, { id: string; coins: number }>;
  packs: { id: string; coins: number }[];
};

/** How many coins somebody keeps in hand. */
const COINS_IN_HAND = 300;
/** The sandbox's token that pays. */
const PAYMENT_TOKEN = 'tok_ok';
const HOME = { line1: '7 Creek Street', city: 'Dubai', country: 'AE', idempotencyKey: 'home' };

/** Somebody of the audience who is there: signed in, watching, with coins. */
export class Member {
  readonly #connection: Connection;
  #leave: (() => void) | undefined;
  #coins: number | undefined;
  #addressId: string | undefined;
  readonly #funded = new Set<string>();

  constructor(
    wire: Wire,
    readonly who: Person,
    private readonly shelf: Shelf,
    private readonly newKey: () => string,
  ) {
    this.#connection = new Connection(wire, who.handle);
  }

  /** Watches a stream, and counts as a viewer of it. */
  watch(streamId: string): void {
    this.#leave?.();
    this.#leave = this.#connection.subscribe(WATCH, { streamId }, () => undefined);
  }

  leave(): void {
    this.#leave?.();
    this.#connection.close();
  }

  async follow(creatorId: string): Promise<void> {
    await this.#connection.mutate('followCreator', { creatorId });
  }

  /** Sends a gift; buys coins first if there are too few. */
  async give(streamId: string, giftName: string, quantity: number): Promise<void> {
    const gift = this.shelf.gifts.get(giftName);
    if (!gift) return;
    await this.#haveCoins(gift.coins * quantity);
    this.#spent(
      await this.#connection.mutate('sendGift', { streamId, giftId: gift.id, quantity, idempotencyKey: this.newKey() }),
    );
  }

  async say(streamId: string, text: string): Promise<void> {
    await this.#connection.mutate('sendChatMessage', { streamId, text, idempotencyKey: this.newKey() });
  }

  async like(streamId: string, count: number): Promise<void> {
    await this.#connection.mutate('sendLikes', { streamId, count });
  }

  async fundBox(streamId: string, box: { coins: number; shares: number; opensInSeconds: number }): Promise<void> {
    await this.#haveCoins(box.coins);
    const funded = await this.#connection.mutate<{ wallet: { coins: number }; box: { id: string } }>(
      'fundTreasureBox',
      {
        streamId,
        ...box,
        idempotencyKey: this.newKey(),
      },
    );
    this.#funded.add(funded.box.id);
    this.#spent(funded);
  }

  /** Takes a share of a box. Returns whether it may: a box is for others than who has funded it. */
  async claim(boxId: string): Promise<boolean> {
    if (this.#funded.has(boxId)) return false;
    this.#spent(await this.#connection.mutate('claimTreasureBox', { boxId }));
    return true;
  }

  /** Buys from an open offer of a stream. Returns whether there was one. */
  async buy(streamId: string, quantity: number): Promise<boolean> {
    type Offer = { id: string; remaining: number; perBuyerLimit: number; unitPrice: { minorUnits: number } };
    const { liveStream } = await this.#connection.query<{ liveStream: { offers: Offer[] } | null }>(QUERIES.offers, {
      streamId,
    });
    const offer = liveStream?.offers.find(({ remaining }) => remaining > 0);
    if (!offer) return false;
    this.#addressId ??= await this.#home();
    await this.#connection.mutate('buyNow', {
      streamId,
      offerId: offer.id,
      quantity: Math.min(quantity, offer.remaining, offer.perBuyerLimit),
      expectedUnitPriceMinor: offer.unitPrice.minorUnits,
      paymentToken: PAYMENT_TOKEN,
      addressId: this.#addressId,
      showBuyer: true,
      idempotencyKey: this.newKey(),
    });
    return true;
  }

  async #home(): Promise<string> {
    const { address } = await this.#connection.mutate<{ address: { id: string } }>('addAddress', {
      ...HOME,
      name: this.who.handle,
    });
    return address.id;
  }

  async #haveCoins(needed: number): Promise<void> {
    this.#coins ??= (
      await this.#connection.query<{ me: { wallet: { coins: number } } }>(QUERIES.wallet)
    ).me.wallet.coins;
    if (this.#coins >= needed + COINS_IN_HAND) return;
    const wanted = needed + COINS_IN_HAND - this.#coins;
    const pack = this.shelf.packs.find(({ coins }) => coins >= wanted) ?? this.shelf.packs.at(-1);
    if (!pack) return;
    this.#spent(
      await this.#connection.mutate('buyCoins', {
        packId: pack.id,
        paymentToken: PAYMENT_TOKEN,
        idempotencyKey: this.newKey(),
      }),
    );
  }

  #spent({ wallet }: { wallet: { coins: number } }): void {
    this.#coins = wallet.coins;
  }
}
