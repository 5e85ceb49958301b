import { createClient } from 'redis';
import { StartError } from '../kernel/start-error.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_DELAY_MS_MAX = 2_000;
/** How often a silent connection is asked whether it lives. */
const PING_INTERVAL_MS = 1_000;
/** A connection that brings nothing for so long, no answer to a ping either, is broken: its machine is lost. */
export const SILENCE_MS_MAX = 5_000;
/** Sharded pub/sub came with Redis 7. */
const REDIS_MAJOR_MIN = 7;

/**
 * Never connected. `createClient` makes a class with all commands of Redis, each time: that takes ten milliseconds and megabytes, and
 * while a server is dead clients are made again and again. What is made of this one shares its class.
 */
const template = createClient();

/** A connection to one Redis server. */
export type RedisClient = ReturnType<typeof redisClient>;

/** What a connection may want otherwise: to refuse commands while it is broken; to stay broken. */
export type RedisClientOptions = { disableOfflineQueue?: boolean; reconnect?: false };

/**
 * A client that fails at the start when Redis cannot be reached, and once `state.started` is set reconnects for ever, unless it
 * is not to. The caller listens to its errors: without a listener node-redis would end the process.
 */
export function redisClient(url: string, state: { started: boolean }, options: RedisClientOptions) {
  const { reconnect = true, disableOfflineQueue = false } = options;
  return template.duplicate({
    url,
    disableOfflineQueue,
    pingInterval: PING_INTERVAL_MS,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS_MAX,
      reconnectStrategy: (retries, cause) => {
        if (!reconnect) return false;
        return state.started ? Math.min(50 * 2 ** retries, RECONNECT_DELAY_MS_MAX) : cause;
      },
    },
  });
}

/** The URLs in REDIS_URL. */
export function redisUrls(setting: string): string[] {
  return setting.split(',').map((url) => url.trim());
}

/**
 * Whether REDIS_URL leads to a Redis Cluster; asked of the first of its servers that answers.
 * @throws {StartError} when none can be reached, is too old, or when there are several that are no cluster
 */
export async function isRedisCluster(setting: string): Promise<boolean> {
  const urls = redisUrls(setting);
  let failure: unknown;
  for (const url of urls) {
    const client = redisClient(url, { started: false }, {});
    client.on('error', () => undefined); // connect() says it
    try {
      await client.connect();
      refuseOldServer(await client.info('server'));
      const isCluster = (await client.info('cluster')).includes('cluster_enabled:1');
      if (isCluster || urls.length === 1) return isCluster;
      throw new StartError('REDIS_URL names several servers that are no Redis Cluster: name one, or all of a cluster.');
    } catch (error) {
      if (error instanceof StartError) throw error;
      failure = error;
    } finally {
      client.destroy();
    }
  }
  throw unreachable(failure);
}

/** What to say when Redis cannot be reached at the start. */
export function unreachable(error: unknown): StartError {
  return new StartError(`Cannot reach Redis at REDIS_URL (${(error as Error).message}): start it, or unset REDIS_URL.`);
}

function refuseOldServer(info: string): void {
  const version = /redis_version:(\d+)\.\S+/.exec(info);
  if (!version || Number(version[1]) < REDIS_MAJOR_MIN) {
    throw new StartError(
      `Redis at REDIS_URL is version ${version?.[0].slice(14) ?? 'unknown'}: Hadiya needs ${REDIS_MAJOR_MIN} or newer.`,
    );
  }
}
