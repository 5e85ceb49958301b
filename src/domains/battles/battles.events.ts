import type { LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';
import type { BattleOutcome } from './battles.state.ts';

/** A side of a battle, and how it stands; in an event, as it was then. */
export type BattleSideView = { streamId: number; creator: Profile; score: number };

/** From when on coins count so many times. */
export type BattleMultiplierView = { factor: number; startsAt: Date | string };

/** What each event of a battle has: the sides, first the one that has invited. */
type Standing = { battleId: number; sides: readonly BattleSideView[] };

/** Payload of BATTLE_STARTED. Times in payloads are ISO 8601. */
export type BattleStartedPayload = Standing & {
  durationSeconds: number;
  endsAt: string;
  multipliers: readonly { factor: number; startsAt: string }[];
};
/** Payload of BATTLE_SCORED. */
export type BattleScoredPayload = Standing & { factor: number };
/** Payload of BATTLE_MULTIPLIED: gifts behind it count so many times. */
export type BattleMultipliedPayload = Standing & { factor: number; endsAt: string };
/** Payload of BATTLE_EXTENDED. */
export type BattleExtendedPayload = Standing & { factor: number; endsAt: string };
/** Payload of BATTLE_ENDED. The winner's stream; null for a draw. */
export type BattleEndedPayload = Standing & { outcome: BattleOutcome; winnerStreamId: number | null };

/** What a battle tells, by type. It is told in both logs alike. */
export type BattlePayloads = {
  BATTLE_STARTED: BattleStartedPayload;
  BATTLE_SCORED: BattleScoredPayload;
  BATTLE_MULTIPLIED: BattleMultipliedPayload;
  BATTLE_EXTENDED: BattleExtendedPayload;
  BATTLE_ENDED: BattleEndedPayload;
};

/** Makes an event of a battle, for both logs. */
export function battleEvents<Type extends keyof BattlePayloads>(
  type: Type,
  payload: BattlePayloads[Type],
): LiveEventDraft<Type, BattlePayloads[Type]>[] {
  return payload.sides.map(({ streamId }) => ({ streamId: BigInt(streamId), type, payload }));
}
