import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** For so long points count, from the first one on; then a key begins anew. */
export const WINDOW_SECONDS = 60;

/** What became of points that somebody wanted to spend. Over: none are left, and when there are again. Down: nobody can tell. */
export type Spending = { kind: 'SPENT' } | { kind: 'OVER'; retryAfterMs: number } | { kind: 'DOWN' };

/** Points that each key has for a minute. */
export type Bucket = {
  /** Spends points; what does not fit is counted all the same, so that trying again and again does not help. */
  spend: (key: string, points: number) => Promise<Spending>;
  /** The same, counted by this process alone: for when the other is down. */
  spendHere: (key: string, points: number) => Promise<Spending>;
};

/** Counts points, over all servers where there is a Redis. */
export type PointCounters = {
  /** @param limit points of a key in a minute */
  bucket: (name: string, limit: number) => Bucket;
  close: () => void;
};

/** Counts in this process: for a single server. Never down. */
export function createLocalCounters(): PointCounters {
  return {
    bucket: (name, limit) => {
      const spend = spender(localLimiter(name, limit));
      return { spend, spendHere: spend };
    },
    close: () => undefined,
  };
}

/** Counts a bucket in this process. */
export function localLimiter(name: string, limit: number): RateLimiterMemory {
  return new RateLimiterMemory({ keyPrefix: name, points: limit, duration: WINDOW_SECONDS });
}

/**
 * The library rejects with what is left when points are over, and with an error when it cannot count.
 * @param onError hears of what it cannot count for
 */
export function spender(limiter: RateLimiterAbstract, onError?: (error: unknown) => void): Bucket['spend'] {
  return async (key, points) => {
    try {
      await limiter.consume(key, points);
      return { kind: 'SPENT' };
    } catch (over) {
      if (over instanceof RateLimiterRes) return { kind: 'OVER', retryAfterMs: Math.max(over.msBeforeNext, 1) };
      onError?.(over);
      return { kind: 'DOWN' };
    }
  };
}
