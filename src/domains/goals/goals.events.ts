import type { LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';
import type { GoalKind, GoalState } from './goals.state.ts';

/** A goal as lists and events show it. Made by the SQL function goal_view, so that all are alike. */
export type GoalView = {
  id: number;
  streamId: number;
  kind: GoalKind;
  title: string;
  target: number;
  progress: number;
  state: GoalState;
  /** The kind of gift that counts, as it was then; null unless the kind is GIFTS. */
  gift: { id: number; name: string; coins: number } | null;
  /** ISO 8601. */
  startedAt: string;
  doneAt: string | null;
};

/** Payload of GOAL_STARTED, GOAL_REACHED (by the SQL function goals_advance) and GOAL_ENDED. */
export type GoalPayload = { goal: GoalView };

/** Payload of LEVEL_STARTED and LEVEL_RAISED. Written by the SQL function goals_advance. */
export type LevelPayload = {
  level: number;
  /** Coins of the run so far. */
  coins: number;
  /** Coins towards the next level, and how many it takes; null at the highest. */
  progress: number;
  target: number | null;
  /** ISO 8601. */
  expiresAt: string;
  /** The number in the log from which on gifts count. */
  firstSeq: number;
};

/** Payload of LEVEL_ENDED. The gifts of the run are those from firstSeq to lastSeq. */
export type LevelEndedPayload = {
  level: number;
  coins: number;
  contributors: number;
  /** Who gave most, most first; nobody by name who does not want to appear on leaderboards. */
  top: { profile: Profile | null; coins: number }[];
  firstSeq: number;
  lastSeq: number;
  /** ISO 8601; null when the run ended with the stream. */
  cooldownUntil: string | null;
};

/** Makes the events of this domain that are not made in SQL. */
export const goalEvents = {
  started: (goal: GoalView): LiveEventDraft<'GOAL_STARTED', GoalPayload> => ({
    streamId: BigInt(goal.streamId),
    type: 'GOAL_STARTED',
    payload: { goal },
  }),
  ended: (goal: GoalView): LiveEventDraft<'GOAL_ENDED', GoalPayload> => ({
    streamId: BigInt(goal.streamId),
    type: 'GOAL_ENDED',
    payload: { goal },
  }),
  levelEnded: (streamId: bigint, payload: LevelEndedPayload): LiveEventDraft<'LEVEL_ENDED', LevelEndedPayload> => ({
    streamId,
    type: 'LEVEL_ENDED',
    payload,
  }),
};
