/** The GraphQL documents that tests use again and again. */

const SENDER = 'sender { id handle displayName }';
const GIFT_SENT = `${SENDER} gift { id name coins } quantity coins streak`;

const PRODUCT =
  'id kind title merchant { id name kind verified } variants { id sku title price { amount minorUnits currency } available }';
const TRUST = `trust { sellerVerified disputeRate deliveryPromiseDays escrow priceHistoryDays
  lowestPriceLast30Days { minorUnits currency } }`;
/** All fields of an offer that an event carries. */
export const OFFER_FIELDS = `id variant { id sku title available price { minorUnits currency } }
  product { ${PRODUCT} ${TRUST} } unitPrice { amount minorUnits currency }
  quantity remaining perBuyerLimit eligibility startsAt endsAt endReason ${TRUST}`;
const REACTION_EVENT = `reactionId reaction animation sound giftSeq ${SENDER}`;
const SHOWCASE = 'stream { id pinnedProduct { id } showcase { id } } replayed';

/** All fields of a goal. */
export const GOAL_FIELDS = 'id kind title gift { id name coins } target progress state startedAt doneAt';
const LEVEL = 'level coins progress target expiresAt firstSeq';
/** All fields of a treasure box that an event carries. */
export const BOX_FIELDS = `id funder { id handle displayName } coins shares shareCoins remaining state
  fundedAt opensAt closesAt closedAt returnedCoins`;

const SIDES = 'sides { streamId creator { handle } score }';
/** All fields of a battle. */
export const BATTLE_FIELDS = `id state ${SIDES} durationSeconds inviteExpiresAt startedAt endsAt endedAt factor
  multipliers { factor startsAt } extended outcome winner { streamId score }`;

/** All fields of every kind of live event. */
export const LIVE_EVENT_FIELDS = `
  __typename seq type occurredAt
  ... on StreamStarted { title }
  ... on ChatMessage { ${SENDER} text }
  ... on GiftSent { ${GIFT_SENT} }
  ... on GiftReversed { giftSeq ${SENDER} gift { id name coins } quantity coins reason }
  ... on StreakEnded { ${SENDER} gift { id name coins } total coins }
  ... on ReactionQueued { ${REACTION_EVENT} position etaMs }
  ... on ReactionPerformed { ${REACTION_EVENT} durationMs }
  ... on ReactionSkipped { ${REACTION_EVENT} coins }
  ... on ProductPinned { product { ${PRODUCT} ${TRUST} } }
  ... on ProductUnpinned { productId }
  ... on ProductPurchased { buyer { id handle displayName } product { ${PRODUCT} } quantity }
  ... on OfferStarted { offer { ${OFFER_FIELDS} } }
  ... on OfferStockChanged { offerId remaining }
  ... on OfferEnded { offerId reason }
  ... on GoalStarted { goal { ${GOAL_FIELDS} } }
  ... on GoalReached { goal { ${GOAL_FIELDS} } }
  ... on GoalEnded { goal { ${GOAL_FIELDS} } }
  ... on LevelStarted { ${LEVEL} }
  ... on LevelRaised { ${LEVEL} }
  ... on LevelEnded { level coins contributors top { profile { handle } coins } firstSeq lastSeq cooldownUntil }
  ... on BattleStarted { battleId ${SIDES} durationSeconds endsAt multipliers { factor startsAt } }
  ... on BattleScored { battleId ${SIDES} factor }
  ... on BattleMultiplied { battleId ${SIDES} factor endsAt }
  ... on BattleExtended { battleId ${SIDES} factor endsAt }
  ... on BattleEnded { battleId ${SIDES} outcome winner { streamId score } }
  ... on BoxFunded { box { ${BOX_FIELDS} } }
  ... on BoxOpened { boxId }
  ... on BoxClaimed { boxId viewers { id handle displayName } shareCoins remaining }
  ... on BoxClosed { boxId endReason: reason claimed returnedCoins }
  ... on ResyncRequired { missedFrom resumesAt }`;

/** The feed of a stream. */
export const LIVE_EVENTS = `subscription LiveEvents($streamId: ID!, $after: String, $types: [LiveEventType!]) {
  liveEvents(streamId: $streamId, after: $after, types: $types) { cursor node { ${LIVE_EVENT_FIELDS} } } }`;

/** The counters of a stream. */
export const STREAM_PULSE = `subscription StreamPulse($streamId: ID!) {
  streamPulse(streamId: $streamId) { viewers likes } }`;

/** The signed-in viewer's wallet. */
export const WALLET_UPDATES = 'subscription WalletUpdates { walletUpdates { coins } }';

/** A page of a stream's log. */
export const STREAM_LOG = `query StreamLog($id: ID!, $first: Int, $after: String) {
  liveStream(id: $id) { events(first: $first, after: $after) {
    edges { cursor node { ${LIVE_EVENT_FIELDS} } } pageInfo { hasNextPage endCursor } } } }`;

const OWN_PRODUCT =
  'id title kind status description mediaUrls merchant { id handle } variants { id sku title price { minorUnits currency } available }';
const ADDRESS = 'address { id name line1 line2 city postalCode country removedAt } replayed';

/** What tests look at of an order. */
export const ORDER_FIELDS = `id number state nextStates total { minorUnits currency } refunded { minorUnits }
  lines { id variant { id } quantity refundedQuantity unitPrice { minorUnits } deliveredAt downloadUrl }
  refunds { id state amount { minorUnits } reason } disputes { id state withBank }
  timeline { state actor note } transfers { kind amount { minorUnits currency } } merchant { id }
  address { name city country } releaseAt createdAt`;
const REFUND = `order { ${ORDER_FIELDS} } refund { id state amount { minorUnits currency } reason } replayed`;
const DISPUTE = `order { ${ORDER_FIELDS} } dispute { id state withBank reason } replayed`;
const SHIPMENT = 'id state method carrier trackingNumber etaAt etaMinutes events { status note etaAt occurredAt }';
const VOUCHER = 'id state code verifiedAt';
const SHIPMENT_CHANGE = `shipment { ${SHIPMENT} } orderState order { id } replayed`;
const VOUCHER_CHANGE = `voucher { ${VOUCHER} } orderState order { id } replayed`;

/** All fields of a reaction. */
export const REACTION_FIELDS = `id phrase animation sound priority durationMs state ${SENDER} giftSeq queuedAt doneAt position etaMs`;
const REACTION = `reaction { ${REACTION_FIELDS} } replayed`;
/** All fields of a rule for reactions. */
export const REACTION_RULE_FIELDS = `id gift { id name coins } minQuantity minStreak phrase animation sound priority cooldownMs
  durationMs active`;

/** How an order is on its way. */
export const ORDER_FULFILMENT = `query OrderFulfilment($id: ID!) {
  node(id: $id) { ... on Order { state shipments { ${SHIPMENT} } vouchers { ${VOUCHER} } } } }`;

/** What tests look at of a payout. */
export const PAYOUT_FIELDS = `id state nextStates requestedDiamonds diamonds amount { minorUnits currency }
  rateDiamonds rateAmount { minorUnits } failure sentAt endedAt`;
const IDENTITY = 'identity { status submittedAt decidedAt } replayed';
const HOLD = 'hold { id diamonds reason releasedAt } replayed';
const COIN_DISPUTE =
  'state reason coinsLeft coinsUnspent coinsGifted coinsOwed giftsReversed openedAt reversedAt decidedAt';

/** The caps of a wallet. */
export const SPENDING_CAPS = 'spendingCaps { period coins remaining resetsAt nextCoins nextFrom }';

/** A viewer's age, as they see it. */
export const VIEWER_AGE = 'ageConfirmed region giftsAllowedFrom';
const REGION_RULE = '{ region giftAgeMin giftsAllowed }';
const RESTRICTION = 'restriction { viewerId creator { id } ban { until } mute { until } }';

/** What tests look at of a report. */
export const REPORT_FIELDS = `id subject viewer { id } stream { id } seq quote reason note reporter { id } state resolutionNote
  createdAt resolvedAt`;

/** The success fields of each mutation. */
const SUCCESS_FIELDS = {
  closeQuarter: 'report { year quarter giftCoins closed checksum } replayed',
  createReportLink: 'path expiresAt',
  rotateWebhookSecret: 'secret',
  signIn: 'token expiresAt viewer { id handle displayName }',
  buyCoins: 'wallet { coins } purchase { id } replayed',
  disputeCoinPurchase: `dispute { ${COIN_DISPUTE} } purchase { id } replayed`,
  muteViewer: `until ${RESTRICTION}`,
  unmuteViewer: `${RESTRICTION} replayed`,
  banViewer: `until ${RESTRICTION}`,
  unbanViewer: `${RESTRICTION} replayed`,
  addModerator: 'creator { id moderators { id handle } } replayed',
  removeModerator: 'creator { id moderators { id handle } } replayed',
  setSlowMode: 'stream { id slowModeSeconds } replayed',
  blockWords: 'blockedWords',
  unblockWords: 'blockedWords',
  reportContent: `report { ${REPORT_FIELDS} } replayed`,
  resolveReport: `report { ${REPORT_FIELDS} } replayed`,
  startStream: 'stream { id title status startedAt creator { id handle } }',
  endStream: 'stream { id status endedAt } replayed',
  sendChatMessage: `chatMessage { __typename seq type occurredAt ${SENDER} text } replayed`,
  sendLikes: 'likes',
  confirmAge: `viewer { ${VIEWER_AGE} } replayed`,
  correctAge: 'age { viewerId birthDate region giftsAllowedFrom } replayed',
  setRegionRule: `rule ${REGION_RULE}`,
  removeRegionRule: `rules ${REGION_RULE}`,
  setSpendingCap: `wallet { coins ${SPENDING_CAPS} }`,
  recordProductViews: 'counted',
  followCreator: 'creator { id isFollowed } replayed',
  unfollowCreator: 'creator { id isFollowed } replayed',
  pinProduct: SHOWCASE,
  unpinProduct: SHOWCASE,
  addToShowcase: SHOWCASE,
  removeFromShowcase: SHOWCASE,
  startOffer: `offer { ${OFFER_FIELDS} stream { id } } replayed`,
  endOffer: 'offer { id endReason } replayed',
  sendGift: `giftSent { __typename seq type occurredAt ${GIFT_SENT} } wallet { coins } replayed`,
  setNamedOnBoards: 'viewer { id namedOnBoards } replayed',
  createReactionRule: `rule { ${REACTION_RULE_FIELDS} } replayed`,
  updateReactionRule: `rule { ${REACTION_RULE_FIELDS} }`,
  deleteReactionRule: `rule { ${REACTION_RULE_FIELDS} } replayed`,
  performReaction: REACTION,
  performNextReaction: REACTION,
  skipReaction: REACTION,
  setAutoPerform: 'creator { id autoPerforms } replayed',
  startGoal: `goal { ${GOAL_FIELDS} } replayed`,
  endGoal: `goal { ${GOAL_FIELDS} } replayed`,
  inviteToBattle: `battle { ${BATTLE_FIELDS} } replayed`,
  acceptBattle: `battle { ${BATTLE_FIELDS} } replayed`,
  declineBattle: `battle { ${BATTLE_FIELDS} } replayed`,
  fundTreasureBox: `box { ${BOX_FIELDS} stream { id } myShare } wallet { coins } replayed`,
  claimTreasureBox: `box { ${BOX_FIELDS} myShare } coins wallet { coins } replayed`,
  registerMerchant: 'merchant { id handle name kind verified } replayed',
  createWarehouse: 'warehouse { id name region shipsAbroad promiseMinutes }',
  setStock: 'stock { onHand held warehouse { id } }',
  createProduct: `product { ${OWN_PRODUCT} } replayed`,
  updateProduct: `product { ${OWN_PRODUCT} }`,
  publishProduct: `product { ${OWN_PRODUCT} } replayed`,
  archiveProduct: `product { ${OWN_PRODUCT} } replayed`,
  addAddress: ADDRESS,
  removeAddress: ADDRESS,
  buyNow: `order { ${ORDER_FIELDS} } orders { ${ORDER_FIELDS} } replayed`,
  cancelOrder: `order { ${ORDER_FIELDS} } replayed`,
  requestRefund: REFUND,
  approveRefund: REFUND,
  rejectRefund: REFUND,
  refundOrder: REFUND,
  openDispute: DISPUTE,
  resolveDispute: DISPUTE,
  prepareShipment: SHIPMENT_CHANGE,
  shipShipment: SHIPMENT_CHANGE,
  addTrackingEvent: SHIPMENT_CHANGE,
  deliverShipment: SHIPMENT_CHANGE,
  verifyVoucher: VOUCHER_CHANGE,
  cancelVerification: VOUCHER_CHANGE,
  requestPayout: `payout { ${PAYOUT_FIELDS} } replayed`,
  submitIdentity: IDENTITY,
  decideIdentity: IDENTITY,
  holdEarnings: HOLD,
  releaseEarnings: HOLD,
  publishRateCard: 'rateCard { coins diamonds } replayed',
  publishPayoutRate: 'payoutRate { diamonds amount { minorUnits currency } } replayed',
} as const;

/** What all errors have, and the one that every mutation can meet has more of. */
const COMMON_ERROR_FIELDS = '... on Error { message code } ... on InvalidInputError { issues { path message } }';

// Not `state`: the two types of it cannot be merged in one selection.
const ORDER_STATE = '... on OrderStateError { orderState: state }';
const REACTION_STATE = '... on ReactionStateError { state }';
const VOUCHER_STATE = '... on VoucherStateError { voucherState: state }';

/** More fields of single errors. */
const ERROR_FIELDS: Partial<Record<MutationName, string>> = {
  performReaction: REACTION_STATE,
  skipReaction: REACTION_STATE,
  registerMerchant: '... on HandleTakenError { handle }',
  setStock: '... on StockHeldError { held }',
  createProduct: '... on SkuTakenError { sku }',
  updateProduct: '... on SkuTakenError { sku }',
  prepareShipment: ORDER_STATE,
  shipShipment: ORDER_STATE,
  addTrackingEvent: ORDER_STATE,
  deliverShipment: ORDER_STATE,
  verifyVoucher: `${VOUCHER_STATE} ${ORDER_STATE}`,
  cancelVerification: `${VOUCHER_STATE} ${ORDER_STATE}`,
  startStream: '... on StreamAlreadyLiveError { stream { id } }',
  inviteToBattle: '... on BattleStateError { state }',
  acceptBattle: '... on BattleStateError { state }',
  declineBattle: '... on BattleStateError { state }',
  startGoal: '... on GoalStateError { state }',
  endGoal: '... on GoalStateError { state }',
  startOffer: '... on SoldOutError { remaining } ... on OfferAlreadyLiveError { offer { id } }',
  sendChatMessage: `... on MutedError { until } ... on BannedError { bannedUntil: until } ... on SlowModeError { retryAfterMs }`,
  sendLikes:
    '... on OverloadedError { retryAfterMs } ... on MutedError { until } ... on BannedError { bannedUntil: until }',
  recordProductViews: '... on OverloadedError { retryAfterMs }',
  buyNow: `... on SoldOutError { remaining } ... on PriceChangedError { currentUnitPrice { minorUnits currency } }
    ... on PerBuyerLimitError { limit } ... on OverloadedError { retryAfterMs }`,
  cancelOrder: '... on OrderStateError { state }',
  requestRefund: '... on OrderStateError { state }',
  approveRefund: '... on OrderStateError { state }',
  rejectRefund: '... on OrderStateError { state }',
  refundOrder: '... on OrderStateError { state }',
  openDispute: '... on OrderStateError { state }',
  resolveDispute: '... on OrderStateError { state }',
  requestPayout: `... on IdentityRequiredError { status } ... on InsufficientDiamondsError { required available }
    ... on PayoutLimitError { minimum { minorUnits } remaining { minorUnits } resetsAt } ... on PayoutRefusedError { failure }`,
  holdEarnings: '... on InsufficientDiamondsError { required available }',
  sendGift: `... on InsufficientCoinsError { required available } ... on OverloadedError { retryAfterMs }
    ... on SpendingCapReachedError { period remaining resetsAt } ... on AgeRestrictedError { allowedFrom }
    ... on MutedError { until } ... on BannedError { bannedUntil: until } ... on ReactionQueueFullError { retryAfterMs }`,
  fundTreasureBox: `... on InsufficientCoinsError { required available } ... on SpendingCapReachedError { period remaining resetsAt }
    ... on AgeRestrictedError { allowedFrom } ... on MutedError { until } ... on BannedError { until }`,
  claimTreasureBox:
    '... on BoxStateError { boxState: state opensAt } ... on BannedError { until } ... on OverloadedError { retryAfterMs }',
};

/** The mutations that `mutate` knows. */
export type MutationName = keyof typeof SUCCESS_FIELDS;

/** The document of a mutation with all its fields. */
export function mutationDocument(name: MutationName): string {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  return `mutation ${type}($input: ${type}Input!) { ${name}(input: $input) {
    __typename ... on ${type}Success { ${SUCCESS_FIELDS[name]} } ${COMMON_ERROR_FIELDS} ${ERROR_FIELDS[name] ?? ''} } }`;
}
