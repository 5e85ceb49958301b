import { builder } from '../../graphql/builder.ts';
import { type LiveEvent, RESYNC_REQUIRED } from '../../live/live-event.ts';

/** Every type of live event: how the log names it, and how GraphQL does. A new one is added here. */
const LIVE_EVENT_TYPES = {
  STREAM_STARTED: { typename: 'StreamStarted', description: 'The creator went live.' },
  STREAM_ENDED: { typename: 'StreamEnded', description: 'The creator went off air.' },
  CHAT_MESSAGE: { typename: 'ChatMessage', description: 'Somebody said something.' },
  GIFT_SENT: { typename: 'GiftSent', description: 'Somebody sent a gift.' },
  STREAK_ENDED: { typename: 'StreakEnded', description: 'A streak of gifts is over.' },
  GIFT_REVERSED: { typename: 'GiftReversed', description: 'A gift was taken back.' },
  REACTION_QUEUED: { typename: 'ReactionQueued', description: 'A gift has earned a reaction.' },
  REACTION_PERFORMED: { typename: 'ReactionPerformed', description: 'The creator plays a reaction.' },
  REACTION_SKIPPED: {
    typename: 'ReactionSkipped',
    description: 'A reaction will not be played; its gift is paid back.',
  },
  GOAL_STARTED: { typename: 'GoalStarted', description: 'The creator asks for something to be reached together.' },
  GOAL_REACHED: { typename: 'GoalReached', description: 'A goal is reached.' },
  GOAL_ENDED: { typename: 'GoalEnded', description: 'A goal is over without being reached.' },
  LEVEL_STARTED: { typename: 'LevelStarted', description: 'The crowd has set off: level 1.' },
  LEVEL_RAISED: { typename: 'LevelRaised', description: 'The crowd has reached the next level.' },
  LEVEL_ENDED: { typename: 'LevelEnded', description: 'The crowd’s run is over.' },
  BATTLE_STARTED: { typename: 'BattleStarted', description: 'Two creators compete for coins.' },
  BATTLE_SCORED: { typename: 'BattleScored', description: 'How a battle stands.' },
  BATTLE_MULTIPLIED: {
    typename: 'BattleMultiplied',
    description: 'From here on coins count so many times in a battle.',
  },
  BATTLE_EXTENDED: { typename: 'BattleExtended', description: 'A battle goes on for longer.' },
  BATTLE_ENDED: { typename: 'BattleEnded', description: 'A battle is over.' },
  BOX_FUNDED: { typename: 'BoxFunded', description: 'A viewer has put coins into a treasure box.' },
  BOX_OPENED: { typename: 'BoxOpened', description: 'A treasure box can be claimed.' },
  BOX_CLAIMED: { typename: 'BoxClaimed', description: 'Watchers had shares of a treasure box.' },
  BOX_CLOSED: { typename: 'BoxClosed', description: 'A treasure box is closed; what nobody had went back.' },
  PRODUCT_PINNED: { typename: 'ProductPinned', description: 'The creator shows a product.' },
  PRODUCT_UNPINNED: { typename: 'ProductUnpinned', description: 'The creator shows it no longer.' },
  OFFER_STARTED: { typename: 'OfferStarted', description: 'A live-only price began.' },
  OFFER_STOCK_CHANGED: {
    typename: 'OfferStockChanged',
    description: 'Units of an offer were sold, set aside or given back.',
  },
  OFFER_ENDED: { typename: 'OfferEnded', description: 'A live-only price is over.' },
  PRODUCT_PURCHASED: { typename: 'ProductPurchased', description: 'Somebody bought something.' },
  [RESYNC_REQUIRED]: { typename: 'ResyncRequired', description: 'History before this point is gone.' },
} as const;

/** The enum of all types. */
export const LiveEventTypeEnum = builder.enumType('LiveEventType', {
  description: 'The types of live events.',
  values: Object.fromEntries(
    Object.entries(LIVE_EVENT_TYPES).map(([type, { description }]) => [type, { description }]),
  ) as Record<keyof typeof LIVE_EVENT_TYPES, { description: string }>,
});

/** The interface of all live events. */
export const LiveEventInterface = builder.interfaceRef<LiveEvent>('LiveEvent').implement({
  description: 'One numbered row of a stream’s log. Complete in itself, and the same for everybody.',
  resolveType: (event) => LIVE_EVENT_TYPES[event.type as keyof typeof LIVE_EVENT_TYPES].typename,
  fields: (t) => ({
    seq: t.expose('seq', {
      type: 'SafeInt',
      public: true,
      description: 'Its number in the stream: 1, 2, 3, … without gaps.',
    }),
    type: t.field({
      type: LiveEventTypeEnum,
      public: true,
      description: 'What kind of event it is.',
      resolve: (event) => event.type as keyof typeof LIVE_EVENT_TYPES,
    }),
    occurredAt: t.expose('occurredAt', {
      type: 'DateTime',
      public: true,
      description: 'When it was written to the log.',
    }),
  }),
});

/** A live event with its cursor. */
export const LiveEventEdge = builder.edgeObject({
  type: LiveEventInterface,
  name: 'LiveEventEdge',
  description: 'A live event and the cursor to resume behind it.',
});

/** A page of the log. */
export const LiveEventConnection = builder.connectionObject(
  {
    type: LiveEventInterface,
    name: 'LiveEventConnection',
    description: 'A page of a stream’s log.',
    fields: (t) => ({
      totalCount: t.int({
        public: true,
        description: 'Events in the log.',
        resolve: ({ totalCount }) => (typeof totalCount === 'function' ? totalCount() : totalCount),
      }),
    }),
  },
  LiveEventEdge,
);

builder.objectRef<LiveEvent<string, { missedFrom: number; resumesAt: number }>>('ResyncRequired').implement({
  description: 'History behind your cursor was pruned. Reload the state; the events that follow have no further gap.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    missedFrom: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The first seq that is gone.',
      resolve: (event) => event.payload.missedFrom,
    }),
    resumesAt: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The seq of the next event.',
      resolve: (event) => event.payload.resumesAt,
    }),
  }),
});
