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

/** A gift in the log. */
export type GiftSentEvent = LiveEvent<'GIFT_SENT', GiftSentPayload>;

/** Makes the event that closes a streak. */
export function streakEnded(
  streamId: bigint,
  payload: StreakEndedPayload,
): LiveEventDraft<'STREAK_ENDED', StreakEndedPayload> {
  return { streamId, type: 'STREAK_ENDED', payload };
}
