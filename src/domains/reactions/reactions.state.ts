/** The states of a reaction. */
export type ReactionState = 'QUEUED' | 'PERFORMED' | 'SKIPPED';

/** Which state may follow which. A reaction is performed or paid back, never both, and stays so. */
export const REACTION_TRANSITIONS: Readonly<Record<ReactionState, readonly ReactionState[]>> = {
  QUEUED: ['PERFORMED', 'SKIPPED'],
  PERFORMED: [],
  SKIPPED: [],
};
