/** What everybody is told when it does not work out. */
const ERROR = `... on Error { code message }
  ... on RateLimitedError { retryAfterMs } ... on UnavailableError { retryAfterMs }`;

function mutation(name: string, success: string, refusals = ERROR): string {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  return `mutation Audience${type}($input: ${type}Input!) {
  ${name}(input: $input) { __typename ... on ${type}Success { ${success} } ${refusals} } }`;
}

/** The mutations of the audience, by name: what any client could send. */
export const MUTATIONS = {
  signIn: mutation('signIn', 'token expiresAt', '... on Error { code message }'),
  buyCoins: mutation('buyCoins', 'wallet { coins }'),
  sendGift: mutation('sendGift', 'wallet { coins }', `${ERROR} ... on ReactionQueueFullError { retryAfterMs }`),
  sendChatMessage: mutation('sendChatMessage', 'replayed'),
  sendLikes: mutation('sendLikes', 'likes'),
  followCreator: mutation('followCreator', 'replayed'),
  fundTreasureBox: mutation('fundTreasureBox', 'wallet { coins } box { id }'),
  claimTreasureBox: mutation('claimTreasureBox', 'coins wallet { coins }'),
  addAddress: mutation('addAddress', 'address { id }'),
  buyNow: mutation('buyNow', 'order { number }'),
  startStream: mutation('startStream', 'stream { id }'),
  startGoal: mutation('startGoal', 'goal { id }'),
  inviteToBattle: mutation('inviteToBattle', 'battle { id }'),
  acceptBattle: mutation('acceptBattle', 'battle { id }'),
  setStock: mutation('setStock', 'stock { onHand }'),
  performNextReaction: mutation('performNextReaction', 'reaction { id }'),
} as const;

/** The queries of the audience. */
export const QUERIES = {
  shelf: 'query AudienceShelf { gifts { id name coins } coinPacks { id coins } }',
  wallet: 'query AudienceWallet { me { wallet { coins } } }',
  room: 'query AudienceRoom($handle: String!) { creator(handle: $handle) { id currentStream { id } } }',
  offers: `query AudienceOffers($streamId: ID!) {
  liveStream(id: $streamId) { offers { id remaining perBuyerLimit unitPrice { minorUnits } } } }`,
  stock: `query AudienceStock {
  me { merchants { warehouses { id } products(first: 100) { edges { node { kind variants { sku available } } } } } } }`,
  host: `query AudienceHost($handle: String!) {
  creator(handle: $handle) {
    autoPerforms
    currentStream {
      id
      goals { id state }
      battle { state }
      battleInvites { id state sides { streamId } }
      reactionQueue(first: 1) { id queuedAt }
    }
  } }`,
} as const;

/** What is listened to in a stream: little, as each message costs. */
export const EAR = `subscription AudienceEar($streamId: ID!) {
  liveEvents(streamId: $streamId, types: [GIFT_SENT, REACTION_PERFORMED, LEVEL_STARTED, LEVEL_RAISED, GOAL_REACHED, BATTLE_STARTED,
    OFFER_STARTED, PRODUCT_PURCHASED, BOX_FUNDED, BOX_OPENED, STREAM_ENDED]) {
    node {
      __typename
      ... on GiftSent { sender { handle displayName } coins }
      ... on ProductPurchased { buyer { displayName } }
      ... on BoxFunded { box { funder { displayName } } }
      ... on BoxOpened { boxId }
    }
  } }`;

/** Somebody who watches, and needs to hear nothing. */
export const WATCH = `subscription AudienceWatch($streamId: ID!) {
  liveEvents(streamId: $streamId, types: [STREAM_ENDED]) { node { __typename } } }`;
