import type {
  EventFieldsFragment,
  OfferFieldsFragment,
  PinnedProductFragment,
  RoomQuery,
} from '../generated/graphql.ts';

/** A live event, as the page asks for it. */
export type FeedEvent = EventFieldsFragment;
/** One type of live event. */
export type EventOf<Type extends FeedEvent['__typename']> = Extract<FeedEvent, { __typename: Type }>;

/** What the room was like when it was asked for. */
export type RoomSnapshot = NonNullable<RoomQuery['liveStream']>;

export type Person = EventOf<'ChatMessage'>['sender'];
export type GiftKind = EventOf<'GiftSent'>['gift'];
export type Goal = RoomSnapshot['goals'][number];
export type Level = NonNullable<RoomSnapshot['level']>;
export type Battle = NonNullable<RoomSnapshot['battle']>;
export type Box = RoomSnapshot['boxes'][number];
export type QueuedReaction = Pick<RoomSnapshot['reactionQueue'][number], 'id' | 'phrase' | 'animation' | 'sender'>;
export type TopGifter = RoomSnapshot['topGifters'][number];
/** An offer, and why it ended if it has. */
export type Offer = OfferFieldsFragment & { endReason?: string };
/** The product on show. An event says less of it than a query. */
export type Pinned = Pick<PinnedProductFragment, 'id' | 'title' | 'description' | 'kind' | 'merchant'> &
  Partial<PinnedProductFragment>;
