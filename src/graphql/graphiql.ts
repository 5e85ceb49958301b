import type { GraphiQLOptions } from 'graphql-yoga';
import type { Services } from './context.ts';
import { toGlobalId } from './global-id.ts';

/** Makes the options of the GraphiQL page for a request. */
export type GraphiQLPage = (request: Request) => Promise<GraphiQLOptions>;

/** Who the example tabs are signed in as, and whose stream they watch. */
const EXAMPLE_VIEWER = 'layla';
const EXAMPLE_CREATOR = 'pinkydoll';

/**
 * GraphiQL, from our own server and with subscriptions over WebSocket. In demo mode its tabs are signed in and filled with
 * ids that exist, so that each runs as it stands.
 */
export function createGraphiQLPage(services: Services, demo: boolean): GraphiQLPage {
  return async () => {
    const page: GraphiQLOptions = { title: 'Hadiya', subscriptionsProtocol: 'WS', credentials: 'omit' };
    if (!demo) return { ...page, defaultQuery: BROWSE };
    const { token } = await services.accounts.signIn(EXAMPLE_VIEWER);
    const headers = JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);
    const authorised = { connectionParams: { authorization: `Bearer ${token}` } };
    return { ...page, ...authorised, headers, defaultTabs: await exampleTabs(services, headers) };
  };
}

async function exampleTabs(services: Services, headers: string): Promise<NonNullable<GraphiQLOptions['defaultTabs']>> {
  const creator = await services.db.prisma.creator.findFirst({
    where: { viewer: { handle: EXAMPLE_CREATOR } },
    select: { streams: { orderBy: { id: 'desc' }, take: 1, select: { id: true } } },
  });
  const [rose] = await services.gifts.list();
  const [pack] = await services.payments.coinPacks();
  const streamId = toGlobalId('LiveStream', creator?.streams[0]?.id ?? 0n);
  const giftId = toGlobalId('Gift', rose?.id ?? 0n);
  const packId = toGlobalId('CoinPack', pack?.id ?? 0n);
  const tab = (query: string, variables: Record<string, unknown> = {}) => ({
    query,
    headers,
    variables: JSON.stringify(variables, null, 2),
  });
  const key = () => `graphiql-${Date.now().toString(36)}`;
  return [
    tab(WATCH, { streamId, after: '' }),
    tab(SEND_GIFT, { input: { streamId, giftId, quantity: 1, idempotencyKey: key() } }),
    tab(BUY_COINS, { input: { packId, paymentToken: 'tok_ok', idempotencyKey: key() } }),
    tab(WALLET),
    tab(BROWSE),
  ];
}

const WATCH = `# 1. The feed of a live stream. Press play, then send a gift from the next tab.
#    "after" is a cursor: "" plays the whole log, null only what comes.
subscription Watch($streamId: ID!, $after: String) {
  liveEvents(streamId: $streamId, after: $after) {
    cursor
    node {
      __typename
      seq
      occurredAt
      ... on GiftSent { sender { handle } gift { name } quantity coins streak }
      ... on StreakEnded { sender { handle } gift { name } total coins }
      ... on ChatMessage { sender { handle } text }
    }
  }
}
`;

const SEND_GIFT = `# 2. A gift, as ${EXAMPLE_VIEWER}. Play it twice: the same key is one gift (replayed: true).
#    Change the key to send another.
mutation SendGift($input: SendGiftInput!) {
  sendGift(input: $input) {
    __typename
    ... on SendGiftSuccess { replayed wallet { coins } giftSent { seq streak coins } }
    ... on Error { code message }
  }
}
`;

const BUY_COINS = `# 3. Coins, from the sandbox. Other tokens: tok_declined, tok_timeout.
mutation BuyCoins($input: BuyCoinsInput!) {
  buyCoins(input: $input) {
    __typename
    ... on BuyCoinsSuccess { replayed wallet { coins } }
    ... on Error { code message }
  }
}
`;

const WALLET = `# 4. Your wallet, as it changes.
subscription Wallet {
  walletUpdates { coins }
}
`;

const BROWSE = `# 5. What there is.
query Browse {
  liveStreams { totalCount edges { node { id title creator { handle } topGifters(first: 3) { rank coins profile { handle } } } } }
  gifts { id name coins }
  coinPacks { id coins price { amount currency } }
  me { id handle wallet { coins } }
}
`;
