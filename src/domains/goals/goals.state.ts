/** What a goal counts. */
export type GoalKind = 'COINS' | 'GIFTS' | 'ORDERS';

/** The states of a goal. */
export type GoalState = 'OPEN' | 'REACHED' | 'ENDED';

/** Which state may follow which. */
export const GOAL_TRANSITIONS: Readonly<Record<GoalState, readonly GoalState[]>> = {
  OPEN: ['REACHED', 'ENDED'],
  REACHED: [],
  ENDED: [],
};
