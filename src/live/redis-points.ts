import type { Logger } from 'pino';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { type Bucket, localLimiter, type PointCounters, type Spending, spender, WINDOW_SECONDS } from './points.ts';
import { isRedisCluster, type RedisClient, redisClient, unreachable } from './redis-client.ts';
import { RedisCluster } from './redis-cluster.ts';

/** How long Redis may take to count; longer is the same as down, and nobody waits for it again for a while. */
const ANSWER_MS_MAX = 250;
const PAUSE_MS = 1_000;

/** Where keys are counted. */
type Store = {
  /** The server that a key is counted on; undefined while nobody knows. */
  serverOf: (key: string) => RedisClient | undefined;
  /** Called when a server could not count. */
  onError: (error: unknown) => void;
  close: () => void;
};

/**
 * Counts in Redis: one command a key, and what is asked for in one turn of the event loop travels together. A key that is over
 * is refused from memory until it begins anew. On a Redis Cluster the keys are spread over the masters: when one is down, its
 * keys cannot be counted, and those of the others can.
 * @param setting REDIS_URL
 * @param deployment names the database: servers on other ones count for themselves
 * @throws {StartError} when Redis cannot be reached at start
 */
export async function createRedisCounters(setting: string, deployment: string, log: Logger): Promise<PointCounters> {
  const store = (await isRedisCluster(setting)) ? await clusterStore(setting, log) : await singleStore(setting, log);
  const pausedUntilMs = new WeakMap<RedisClient, number>();
  return {
    bucket: (name, limit) => {
      const keyPrefix = `hadiya:points:${deployment}:${name}`;
      const spenders = new WeakMap<RedisClient, Bucket['spend']>();
      const spenderOf = (server: RedisClient) => {
        const spend = spenders.get(server) ?? spender(limiterOn(server, keyPrefix, limit), store.onError);
        spenders.set(server, spend);
        return spend;
      };
      return {
        spend: async (key, points) => {
          const server = store.serverOf(`${keyPrefix}:${key}`);
          if (!server || performance.now() < (pausedUntilMs.get(server) ?? 0)) return { kind: 'DOWN' };
          const late = () => pausedUntilMs.set(server, performance.now() + PAUSE_MS);
          return inTime(spenderOf(server)(key, points), late);
        },
        spendHere: spender(localLimiter(name, limit)),
      };
    },
    close: store.close,
  };
}

function limiterOn(server: RedisClient, keyPrefix: string, limit: number): RateLimiterRedis {
  return new RateLimiterRedis({
    storeClient: server,
    useRedisPackage: true,
    rejectIfRedisNotReady: true,
    keyPrefix,
    points: limit,
    duration: WINDOW_SECONDS,
    inMemoryBlockOnConsumed: limit + 1,
  });
}

async function inTime(spending: Promise<Spending>, onLate: () => void): Promise<Spending> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Spending>((resolve) => {
    timer = setTimeout(() => {
      onLate();
      resolve({ kind: 'DOWN' });
    }, ANSWER_MS_MAX);
  });
  const first = await Promise.race([spending, late]);
  clearTimeout(timer);
  return first;
}

async function singleStore(url: string, log: Logger): Promise<Store> {
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
    throw unreachable(error);
  }
  return { serverOf: () => client, onError: () => undefined, close: () => client.destroy() };
}

/** While a slot is handed over, what has moved already cannot be counted (ASK), for as long as that takes. */
async function clusterStore(setting: string, log: Logger): Promise<Store> {
  const cluster = await RedisCluster.connect(setting, log);
  return {
    serverOf: (key) => cluster.ownerOf(key)?.client,
    onError: (error) => {
      if (error instanceof Error && error.message.startsWith('MOVED')) void cluster.refresh();
    },
    close: () => void cluster.close(),
  };
}
