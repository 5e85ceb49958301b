/** The states of a battle. */
export type BattleState = 'INVITED' | 'DECLINED' | 'EXPIRED' | 'RUNNING' | 'ENDED';

/** How a battle came out. */
export type BattleOutcome = 'WON' | 'DRAW' | 'FORFEIT';

/** Which state may follow which. */
export const BATTLE_TRANSITIONS: Readonly<Record<BattleState, readonly BattleState[]>> = {
  INVITED: ['RUNNING', 'DECLINED', 'EXPIRED'],
  DECLINED: [],
  EXPIRED: [],
  RUNNING: ['ENDED'],
  ENDED: [],
};
