import type { Services } from './context.ts';
import { toGlobalId } from './global-id.ts';

/** Who the examples are signed in as, and whose stream they watch. */
export const EXAMPLE_VIEWER = 'layla';
export const EXAMPLE_CREATOR = 'pinkydoll';
/** In whose stream the examples buy. */
export const EXAMPLE_SHOP = 'souq';

/** What the demo's examples are filled with, so that they run as they stand. */
export type DemoExample = { token: string; streamId: string; giftId: string; packId: string; purchase: DemoPurchase };

/** Something to buy: the offer of the moment or, without one, a product at its usual price. */
export type DemoPurchase = {
  what: { field: 'offerId' | 'variantId'; id: string };
  shopStreamId: string;
  addressId: string;
  unitPriceMinor: bigint | number;
};

/** Signs in the example viewer and finds the newest stream of the example creator, the cheapest gift and the smallest pack. */
export async function findDemoExample(services: Services): Promise<DemoExample> {
  const { accounts, db, gifts, payments } = services;
  const creator = await db.prisma.creator.findFirst({
    where: { viewer: { handle: EXAMPLE_CREATOR } },
    select: { streams: { orderBy: { id: 'desc' }, take: 1, select: { id: true } } },
  });
  const [[gift], [pack], { token, viewer }] = await Promise.all([
    gifts.list(),
    payments.coinPacks(),
    accounts.signIn(EXAMPLE_VIEWER),
  ]);
  return {
    token,
    streamId: toGlobalId('LiveStream', creator?.streams[0]?.id ?? 0n),
    giftId: toGlobalId('Gift', gift?.id ?? 0n),
    packId: toGlobalId('CoinPack', pack?.id ?? 0n),
    purchase: await findPurchase(services, viewer.id),
  };
}

async function findPurchase(services: Services, buyerId: bigint): Promise<DemoPurchase> {
  const { addresses, catalog, creators, offers } = services;
  const shop = await creators.findByHandle(EXAMPLE_SHOP);
  const [address] = await addresses.of(buyerId);
  const place = {
    shopStreamId: toGlobalId('LiveStream', shop?.onAir?.id ?? 0n),
    addressId: toGlobalId('Address', address?.id ?? 0n),
  };
  const [offer] = shop?.onAir ? await offers.openOf(shop.onAir.id) : [];
  if (offer) {
    const { id, unitPriceMinor } = offer;
    return { ...place, what: { field: 'offerId', id: toGlobalId('Offer', id) }, unitPriceMinor };
  }
  const filter = { creatorId: shop?.id ?? 0n, kind: 'PHYSICAL' as const, inStock: true };
  const [product] = await catalog.page('OLDEST', filter, { backwards: false, from: undefined, limit: 1 });
  const variants = product ? await catalog.variantsOf(product.id) : [];
  const variant = variants.find(({ available }) => available > 0);
  const what = { field: 'variantId' as const, id: toGlobalId('ProductVariant', variant?.id ?? 0n) };
  return { ...place, what, unitPriceMinor: variant?.priceMinor ?? 0n };
}

const GRAPHIQL_TABS = `
  GraphiQL has the same as tabs, signed in: open it in two windows, "Watch" in one and "SendGift" in the other; "BuyNow" buys
  from ${EXAMPLE_SHOP}’s live offer.`;

/**
 * What to tell whoever has started the server.
 * @param pages which pages there are to look at: the live room's, and GraphiQL
 */
export function welcome(
  url: string,
  example: DemoExample | undefined,
  pages: { hasRoom: boolean; hasGraphiQL: boolean },
): string {
  const page = pages.hasRoom
    ? `Open ${url}`
    : 'There is no page at /: it was not built (npm run build:room builds it, with the development packages)';
  const title = `\n  Hadiya is up. ${page}\n  ${pages.hasGraphiQL ? 'GraphiQL' : 'API'}: ${url}/graphql\n`;
  if (!example) return title;
  const subscription = `subscription { liveEvents(streamId: "${example.streamId}", after: "") { cursor node { __typename seq } } }`;
  const mutation =
    `mutation { sendGift(input: { streamId: "${example.streamId}", giftId: "${example.giftId}", idempotencyKey: "hello-1" })` +
    ' { __typename ... on SendGiftSuccess { giftSent { seq streak } wallet { coins } } ... on Error { message } } }';
  return `${title}
  Demo mode: anybody can sign in as anybody. Set JWT_SECRET or JWKS_URL to use your own identity provider.

  First thing to try: the page, in two windows, as two people; gifts of one show in the other’s. Without a browser: watch
  ${EXAMPLE_CREATOR}’s stream in a second terminal:

${curl(url, subscription, ['accept: text/event-stream'])}

  and send a rose as ${EXAMPLE_VIEWER} (the token lasts an hour; the same key again is the same gift):

${curl(url, mutation, [`authorization: Bearer ${example.token}`])}
${pages.hasGraphiQL ? GRAPHIQL_TABS : ''}
  Ctrl-C stops Hadiya and its database; the data stays.
`;
}

function curl(url: string, query: string, headers: readonly string[]): string {
  const flags = ['content-type: application/json', ...headers].map((header) => `-H '${header}' `).join('');
  return `curl -sN ${url}/graphql ${flags}-d '${JSON.stringify({ query })}'`;
}
