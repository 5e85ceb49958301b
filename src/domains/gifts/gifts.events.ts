import type { LiveEvent, LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';

/** What the feed shows of a kind of gift, frozen at the time of the event. */
export type GiftPayload = { id: number; name: string; coins: number };

/** Payload of GIFT_SENT. Written by the SQL function gifts_send_batch. */
export type GiftSentPayload = {
  sender: Profile;
  gift: GiftPayload;
  quantity: number;
  /** Price of all of them together. */
  coins: number;
  /** Gifts in the streak so far, these included. */
  streak: number;
};

/** Payload of STREAK_ENDED. Written by gifts_send_batch, when another gift breaks the streak, and by `endStreaks`. */
export type StreakEndedPayload = { sender: Profile; gift: GiftPayload; total: number; coins: number };

/** Why a gift was taken back. */
export type ReversalReason = 'REACTION_SKIPPED' | 'CHARGEBACK';

/** Payload of GIFT_REVERSED: a gift was taken back, whole. */
export type GiftReversedPayload = {
  /** The number of its GIFT_SENT in the same log. */
  giftSeq: number;
  sender: Profile;
  gift: GiftPayload;
  quantity: number;
  coins: number;
  reason: ReversalReason;
};

/** A gift in the log. */
export type GiftSentEvent = LiveEvent<'GIFT_SENT', GiftSentPayload>;

/** Makes the event that closes a streak. */
export function streakEnded(
  streamId: bigint,
  payload: StreakEndedPayload,
): LiveEventDraft<'STREAK_ENDED', StreakEndedPayload> {
  return { streamId, type: 'STREAK_ENDED', payload };
}

/** Makes the event of a gift that was taken back. */
export function giftReversed(
  streamId: bigint,
  payload: GiftReversedPayload,
): LiveEventDraft<'GIFT_REVERSED', GiftReversedPayload> {
  return { streamId, type: 'GIFT_REVERSED', payload };
}
