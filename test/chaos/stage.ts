/** Who and what there is before the faults begin: streams, an offer, gifters with coins, buyers with addresses. */

import { type Actor, buyCoins, giftId, mutate, signIn, startStream, succeed } from '../support/operations.ts';
import { buyNow } from '../support/orders.ts';
import { addAddress, makeProduct, makeShop } from '../support/shop.ts';
import type { World } from './world.ts';

const STREAMS = 3;
const GIFTERS = 18;
const BUYERS = 6;
const CHATTERS = 4;
const COINS = 7_000;
const STOCK = 5_000;
const PRICE_MINOR = 2_500;
const OFFER_PRICE_MINOR = 2_000;
/** Fewer than are asked for in a minute: it has to sell out, and no further. */
const OFFER_QUANTITY = 80;
const OFFER_SECONDS = 1_200;
const PER_BUYER = OFFER_QUANTITY;

/** What a purchase says of what it buys. */
type Wanted = { offerId?: string; variantId?: string; streamId?: string; expectedUnitPriceMinor: number };

/** A stage that is set. */
export type Stage = {
  streamIds: string[];
  gifters: Actor[];
  buyers: { actor: Actor; addressId: string }[];
  chatters: Actor[];
  roseId: string;
  /** The row of the product's variant counts from here. */
  sku: string;
  stock: number;
  /** A live-only price, for few. */
  offer: Wanted;
  /** The same at its usual price. */
  plain: Wanted;
};

/** Sets the stage through the public API. */
export async function setStage(world: World): Promise<Stage> {
  const server = { url: world.servers.at(-1)!.url };
  const creators = await people(server, STREAMS);
  const streamIds: string[] = [];
  for (const creator of creators) streamIds.push((await startStream(creator)).id);
  const gifters = await people(server, GIFTERS);
  for (const gifter of gifters) succeed(await buyCoins(gifter, { coins: COINS }));
  const buyers: Stage['buyers'] = [];
  for (const actor of await people(server, BUYERS)) buyers.push({ actor, addressId: await addAddress(actor) });

  // The shop's own stream: creators sell what is theirs.
  const shop = await makeShop(server, { member: creators[0] });
  const product = await makeProduct(shop, { stock: STOCK, priceMinor: PRICE_MINOR });
  succeed(await mutate(creators[0]!.api, 'pinProduct', { streamId: streamIds[0], productId: product.productId }));
  const { offer } = succeed(
    await mutate<{ offer: { id: string } }>(creators[0]!.api, 'startOffer', {
      streamId: streamIds[0],
      variantId: product.variantId,
      unitPriceMinor: OFFER_PRICE_MINOR,
      quantity: OFFER_QUANTITY,
      perBuyerLimit: PER_BUYER,
      durationSeconds: OFFER_SECONDS,
    }),
  );
  const stage: Stage = {
    streamIds,
    gifters,
    buyers,
    chatters: await people(server, CHATTERS),
    roseId: await giftId(gifters[0]!.api, 'Rose'),
    sku: product.sku,
    stock: STOCK,
    offer: { offerId: offer.id, expectedUnitPriceMinor: OFFER_PRICE_MINOR },
    plain: { variantId: product.variantId, expectedUnitPriceMinor: PRICE_MINOR },
  };
  const { actor, addressId } = buyers[0]!;
  succeed(await buyNow(actor, { ...stage.plain, addressId })); // what the run repeats works at all
  return stage;
}

async function people(server: { url: string }, count: number): Promise<Actor[]> {
  const actors: Actor[] = [];
  for (let number = 0; number < count; number++) actors.push(await signIn(server));
  return actors;
}
