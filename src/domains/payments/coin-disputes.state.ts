/** The states of a contested coin purchase. */
export const COIN_DISPUTE_STATES = ['OPEN', 'REVERSING', 'REVERSED', 'WON'] as const;

/** One of {@link COIN_DISPUTE_STATES}. */
export type CoinDisputeState = (typeof COIN_DISPUTE_STATES)[number];

/** Which state may follow which. Banks repeat themselves and are heard late: what is not here changes nothing. */
export const COIN_DISPUTE_TRANSITIONS: Readonly<Record<CoinDisputeState, readonly CoinDisputeState[]>> = {
  OPEN: ['REVERSING', 'WON'],
  REVERSING: ['REVERSED', 'WON'],
  REVERSED: ['WON'],
  WON: [],
};
