import { Windows } from '../kernel/windows.ts';

/** For so long points count, from the first one on; then a key begins anew. */
export const WINDOW_MS = 60_000;
/** Keys that one process counts for. */
export const KEYS_MAX = 100_000;

/** What became of points that somebody wanted to spend. Over: none are left, and when there are again. Down: nobody can tell. */
export type Spending = { kind: 'SPENT' } | { kind: 'OVER'; retryAfterMs: number } | { kind: 'DOWN' };

/** Several budgets that each key has for a minute; they are spent from together. */
export type Purses = {
  /**
   * Spends points; what does not fit is counted all the same, so that trying again and again does not help.
   * @param points of each budget, in the order of the limits
   */
  spend: (key: string, points: readonly number[]) => Promise<Spending>;
  /** The same, counted by this process alone: for when the other is down. */
  spendHere: (key: string, points: readonly number[]) => Spending;
};

/** Counts points, over all servers where there is a Redis. */
export type PointCounters = {
  /** @param limits points of a key in a minute, by budget */
  purses: (name: string, limits: readonly number[]) => Purses;
  close: () => void;
};

/** Counts in this process: for a single server. Never down. */
export function createLocalCounters(): PointCounters {
  return {
    purses: (_name, limits) => {
      const spendHere = spenderHere(limits);
      return { spend: async (key, points) => spendHere(key, points), spendHere };
    },
    close: () => undefined,
  };
}

/** Counts in this process. */
export function spenderHere(limits: readonly number[]): Purses['spendHere'] {
  const windows = new Windows(WINDOW_MS, limits, KEYS_MAX);
  return (key, points) => {
    const retryAfterMs = windows.spend(key, points);
    return retryAfterMs === undefined ? { kind: 'SPENT' } : { kind: 'OVER', retryAfterMs: Math.ceil(retryAfterMs) };
  };
}
