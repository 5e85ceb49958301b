import { randomUUID } from 'node:crypto';
import type { GraphiQLOptions, Plugin } from 'graphql-yoga';
import type { Services } from './context.ts';
import { type DemoExample, type DemoPurchase, EXAMPLE_CREATOR, EXAMPLE_VIEWER, findDemoExample } from './demo.ts';

/** Makes the options of the GraphiQL page for a request. */
export type GraphiQLPage = (request: Request) => Promise<GraphiQLOptions>;

/**
 * GraphiQL, from our own server and with subscriptions over WebSocket. In demo mode its tabs are signed in and filled with
 * ids that exist, so that each runs as it stands.
 */
export function createGraphiQLPage(services: Services, demo: boolean): GraphiQLPage {
  return async () => {
    const page: GraphiQLOptions = { title: 'Hadiya', subscriptionsProtocol: 'WS', credentials: 'omit' };
    if (!demo) return { ...page, defaultQuery: BROWSE };
    // The token is part of the page, not of the tabs: those are kept in the browser, and the token would grow stale there.
    const example = await findDemoExample(services);
    const authorization = `Bearer ${example.token}`;
    const signedIn = { additionalHeaders: { Authorization: authorization }, connectionParams: { authorization } };
    return { ...page, ...signedIn, defaultTabs: exampleTabs(example) };
  };
}

/**
 * What the page may do: run its own scripts, which are part of it, and talk to this server. Its editor makes workers of blobs.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline' blob:",
  'worker-src blob:',
  "style-src 'unsafe-inline'",
  'img-src data:',
  'font-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Gives the page its policy: the one of the API would let it run nothing. */
export function usePagePolicy(): Plugin {
  return {
    onResponse({ response }) {
      const isPage = response.headers.get('content-type')?.startsWith('text/html');
      if (isPage) response.headers.set('content-security-policy', PAGE_POLICY);
    },
  };
}

/** The page itself. Its tabs jump when they are pressed, so that on slow machines the click misses them: they are held still. */
export async function renderGraphiQLPage(options: GraphiQLOptions): Promise<string> {
  // Nine megabytes that a start without a browser need not wait for.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  return renderGraphiQL(options).replace(
    '</head>',
    '<style>.graphiql-tab { transform: none !important; }</style></head>',
  );
}

/** Values stand in the documents: GraphiQL drops the variables of default tabs. */
function exampleTabs({ streamId, giftId, packId, purchase }: DemoExample): NonNullable<GraphiQLOptions['defaultTabs']> {
  const key = () => `graphiql-${randomUUID().slice(0, 8)}`;
  const documents = [
    watch(streamId),
    sendGift(streamId, giftId, key()),
    buyCoins(packId, key()),
    WALLET,
    watchShop(purchase),
    buyNow(purchase, key()),
    ORDERS,
    BROWSE,
  ];
  return documents.map((query) => ({ query }));
}

const watch = (streamId: string) => `# 1. The feed of a live stream. Press play; then,
#    in another window, send a gift from the next tab.
#    "after" is a cursor: "" plays the whole log;
#    leave it out for what comes.
subscription Watch {
  liveEvents(streamId: "${streamId}", after: "") {
    cursor
    node {
      __typename
      seq
      occurredAt
      ... on GiftSent {
        sender { handle }
        gift { name }
        quantity
        coins
        streak
      }
      ... on StreakEnded {
        sender { handle }
        gift { name }
        total
        coins
      }
      ... on ReactionQueued { reaction position etaMs }
      ... on ReactionPerformed { reaction animation sound }
      ... on ChatMessage {
        sender { handle }
        text
      }
    }
  }
}
`;

const sendGift = (
  streamId: string,
  giftId: string,
  key: string,
) => `# 2. A gift. You are ${EXAMPLE_VIEWER}, unless the headers tab
#    has another token.
#    Play it twice: one key is one gift (replayed: true).
#    Change the key to send another. ${EXAMPLE_CREATOR} reacts
#    to an Ice Cream: its giftId is in the last tab,
#    with all that ${EXAMPLE_CREATOR} does for gifts.
mutation SendGift {
  sendGift(input: {
    streamId: "${streamId}"
    giftId: "${giftId}"
    quantity: 1
    idempotencyKey: "${key}"
  }) {
    __typename
    ... on SendGiftSuccess {
      replayed
      wallet { coins }
      giftSent { seq streak coins }
    }
    ... on Error { code message }
  }
}
`;

const buyCoins = (packId: string, key: string) => `# 3. Coins, from the sandbox.
#    Other tokens: tok_declined, tok_timeout.
mutation BuyCoins {
  buyCoins(input: {
    packId: "${packId}"
    paymentToken: "tok_ok"
    idempotencyKey: "${key}"
  }) {
    __typename
    ... on BuyCoinsSuccess {
      replayed
      wallet { coins }
    }
    ... on Error { code message }
  }
}
`;

const WALLET = `# 4. Your wallet, as it changes.
subscription Wallet {
  walletUpdates { coins }
}
`;

const watchShop = ({ shopStreamId }: DemoPurchase) => `# 5. The feed of a shopping stream. Press play; then,
#    in another window, buy from the next tab.
subscription WatchShop {
  liveEvents(streamId: "${shopStreamId}", after: "") {
    cursor
    node {
      __typename
      seq
      ... on ProductPinned { product { title merchant { name verified } } }
      ... on OfferStarted {
        offer {
          id
          product { title }
          unitPrice { amount currency }
          remaining
          endsAt
          trust {
            sellerVerified
            escrow
            deliveryPromiseDays
            lowestPriceLast30Days { amount currency }
          }
        }
      }
      ... on OfferStockChanged { offerId remaining }
      ... on ProductPurchased { buyer { handle } product { title } quantity }
      ... on OfferEnded { offerId reason }
    }
  }
}
`;

const buyNow = (
  { what, shopStreamId, addressId, unitPriceMinor }: DemoPurchase,
  key: string,
) => `# 6. A purchase in one call: price lock, stock, payment, order.
#    Play it twice: one key is one purchase (replayed: true).
#    Other tokens: tok_declined, tok_timeout.
mutation BuyNow {
  buyNow(input: {
    ${what.field}: "${what.id}"
    streamId: "${shopStreamId}"
    quantity: 1
    expectedUnitPriceMinor: ${unitPriceMinor}
    paymentToken: "tok_ok"
    addressId: "${addressId}"
    showBuyer: true
    idempotencyKey: "${key}"
  }) {
    __typename
    ... on BuyNowSuccess {
      replayed
      order {
        id
        number
        state
        nextStates
        total { amount currency }
        lines { quantity variant { title product { title } } }
        shipments { state etaAt }
        transfers { kind amount { amount currency } }
      }
    }
    ... on PriceChangedError { currentUnitPrice { amount } }
    ... on SoldOutError { remaining }
    ... on Error { code message }
  }
}
`;

const ORDERS = `# 7. Your orders, and what became of them.
query Orders {
  me {
    orders(first: 5) {
      totalCount
      edges {
        node {
          number
          state
          total { amount currency }
          timeline { state actor note at }
          shipments { state carrier trackingNumber etaAt events { status occurredAt } }
        }
      }
    }
  }
}
`;

const BROWSE = `# 8. What there is.
query Browse {
  liveStreams {
    totalCount
    edges {
      node {
        id
        title
        creator { handle }
        topGifters(first: 3) { rank coins profile { handle } }
        reactionQueue(first: 3) { position etaMs phrase sender { handle } }
      }
    }
  }
  gifts { id name coins }
  creator(handle: "${EXAMPLE_CREATOR}") {
    autoPerforms
    reactionRules { gift { name } minQuantity minStreak phrase }
  }
  coinPacks { id coins price { amount currency } }
  trendingProducts(first: 5) { rank score product { id title } }
  products(first: 5, filter: { search: "oud", inStock: true }) {
    totalCount
    edges {
      node {
        id
        title
        kind
        merchant { name kind verified }
        variants { id sku title available price { amount currency } }
      }
    }
  }
  me { id handle wallet { coins } }
}
`;
