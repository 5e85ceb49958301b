import type { Logger } from 'pino';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { StartError } from '../kernel/start-error.ts';
import { localLimiter, type PointCounters, type Spending, spender, WINDOW_SECONDS } from './points.ts';
import { redisClient } from './redis-client.ts';

/** How long Redis may take to count; longer is the same as down, and nobody waits for it again for a while. */
const ANSWER_MS_MAX = 250;
const PAUSE_MS = 1_000;

/**
 * Counts in Redis: one command a key, and what is asked for in one turn of the event loop travels together. A key that is over
 * is refused from memory until it begins anew.
 * @param deployment names the database: servers on other ones count for themselves
 * @throws {StartError} when Redis cannot be reached at start
 */
export async function createRedisCounters(url: string, deployment: string, log: Logger): Promise<PointCounters> {
  const state = { started: false };
  const client = redisClient(url, state, { disableOfflineQueue: true });
  client.on('error', (error: Error) => {
    if (state.started) log.warn({ err: error }, 'the connection to Redis is broken; points cannot be counted');
  });
  try {
    await client.connect();
    state.started = true;
  } catch (error) {
    client.destroy();
    throw new StartError(
      `Cannot reach Redis at REDIS_URL (${(error as Error).message}): start it, or unset REDIS_URL.`,
    );
  }
  let pausedUntilMs = 0;
  const inTime = async (spending: Promise<Spending>): Promise<Spending> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Spending>((resolve) => {
      timer = setTimeout(() => {
        pausedUntilMs = performance.now() + PAUSE_MS;
        resolve({ kind: 'DOWN' });
      }, ANSWER_MS_MAX);
    });
    const first = await Promise.race([spending, late]);
    clearTimeout(timer);
    return first;
  };
  return {
    bucket: (name, limit) => {
      const shared = spender(
        new RateLimiterRedis({
          storeClient: client,
          useRedisPackage: true,
          rejectIfRedisNotReady: true,
          keyPrefix: `hadiya:points:${deployment}:${name}`,
          points: limit,
          duration: WINDOW_SECONDS,
          inMemoryBlockOnConsumed: limit + 1,
        }),
      );
      return {
        spend: async (key, points) =>
          performance.now() < pausedUntilMs ? { kind: 'DOWN' } : inTime(shared(key, points)),
        spendHere: spender(localLimiter(name, limit)),
      };
    },
    close: () => client.destroy(),
  };
}
