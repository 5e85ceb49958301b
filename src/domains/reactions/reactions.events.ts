import type { LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';

/** What all events of a reaction say. */
export type ReactionPayload = {
  reactionId: number;
  /** The phrase. */
  reaction: string;
  animation: string | null;
  sound: string | null;
  /** The number of its GIFT_SENT in the log. */
  giftSeq: number;
  sender: Profile;
};

/** Payload of REACTION_QUEUED. Written by gifts_send_batch, right behind the GIFT_SENT. */
export type ReactionQueuedPayload = ReactionPayload & { position: number; etaMs: number };
/** Payload of REACTION_PERFORMED. */
export type ReactionPerformedPayload = ReactionPayload & { durationMs: number };
/** Payload of REACTION_SKIPPED. */
export type ReactionSkippedPayload = ReactionPayload & {
  /** Coins that the viewer has back for it. */
  coins: number;
};

/** A reaction that was just performed or skipped. */
export type DoneReaction = {
  id: bigint;
  streamId: bigint;
  phrase: string;
  animation: string | null;
  sound: string | null;
  durationMs: number;
  giftSentId: bigint;
  giftSeq: bigint;
  giftCoins: bigint;
  senderId: bigint;
  handle: string;
  displayName: string;
};

/** Makes the events of this domain. Payloads are JSON: ids and amounts are numbers in them. */
export const reactionEvents = {
  performed: (reaction: DoneReaction): LiveEventDraft<'REACTION_PERFORMED', ReactionPerformedPayload> => ({
    streamId: reaction.streamId,
    type: 'REACTION_PERFORMED',
    payload: { ...toPayload(reaction), durationMs: reaction.durationMs },
  }),
  skipped: (reaction: DoneReaction, coins: bigint): LiveEventDraft<'REACTION_SKIPPED', ReactionSkippedPayload> => ({
    streamId: reaction.streamId,
    type: 'REACTION_SKIPPED',
    payload: { ...toPayload(reaction), coins: Number(coins) },
  }),
};

function toPayload(reaction: DoneReaction): ReactionPayload {
  const { id, phrase, animation, sound, giftSeq, senderId, handle, displayName } = reaction;
  const sender = { id: Number(senderId), handle, displayName };
  return { reactionId: Number(id), reaction: phrase, animation, sound, giftSeq: Number(giftSeq), sender };
}
