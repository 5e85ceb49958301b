/** The event that all variants send: a gift, as our schema shows it, with the time it was sent in the sender's name. */

import { toGlobalId } from '../../src/graphql/global-id.ts';
import { encodeCursor } from '../../src/live/cursor.ts';

/** What every viewer subscribes to, in every variant. */
export const FEED_DOCUMENT = `subscription Feed($streamId: ID!, $after: String) {
  liveEvents(streamId: $streamId, after: $after) {
    cursor
    node {
      __typename seq occurredAt
      ... on GiftSent { sender { id handle displayName } gift { id name coins } quantity coins streak }
    }
  }
}`;

/** Stands before the time in the sender's name; load clients look for it. */
export const STAMP_MARK = 'Marigold ';
/** Digits of the time. */
export const STAMP_DIGITS = 16;
const SENDER_ID = 4711;
const GIFT_ID = 3;
const EPOCH = 'c0ffee00';

/** Now, in µs, on the clock that all processes of a machine share. */
export function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/** Payload of GIFT_SENT in our log. */
export function giftPayload(padding = '') {
  return {
    sender: { id: SENDER_ID, handle: 'marigold', displayName: stampedName(padding) },
    gift: { id: GIFT_ID, name: 'Golden Heart', coins: 50 },
    quantity: 3,
    coins: 150,
    streak: 12,
  };
}

/** The same event as a variant without a log resolves it: the edge that `liveEvents` yields. */
export function giftEdge(seq: number, padding = '') {
  const { sender, gift, ...counts } = giftPayload(padding);
  return {
    cursor: encodeCursor(EPOCH, BigInt(seq)),
    node: {
      __typename: 'GiftSent',
      seq,
      occurredAt: new Date().toISOString(),
      sender: { ...sender, id: toGlobalId('PublicProfile', sender.id) },
      gift: { ...gift, id: toGlobalId('Gift', gift.id) },
      ...counts,
    },
  };
}

function stampedName(padding: string): string {
  return `${STAMP_MARK}${String(Math.floor(nowUs())).padStart(STAMP_DIGITS, '0')}${padding}`;
}

/** The part of our schema that the variants need, for those that bring no schema of their own. */
export const FEED_SDL = `
  scalar DateTime
  scalar SafeInt
  enum LiveEventType { STREAM_STARTED STREAM_ENDED CHAT_MESSAGE GIFT_SENT }
  interface LiveEvent { seq: SafeInt! type: LiveEventType! occurredAt: DateTime! }
  type PublicProfile { id: ID! handle: String! displayName: String! }
  type Gift { id: ID! name: String! coins: SafeInt! }
  type GiftSent implements LiveEvent {
    seq: SafeInt! type: LiveEventType! occurredAt: DateTime!
    sender: PublicProfile! gift: Gift! quantity: Int! coins: SafeInt! streak: Int!
  }
  type ChatMessage implements LiveEvent {
    seq: SafeInt! type: LiveEventType! occurredAt: DateTime! sender: PublicProfile! text: String!
  }
  type LiveEventEdge { cursor: String! node: LiveEvent! }
  type Query { ok: Boolean! }
  type Subscription { liveEvents(streamId: ID!, after: String): LiveEventEdge! }
`;
