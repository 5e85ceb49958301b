import type { Logger } from 'pino';
import { StartError } from '../kernel/start-error.ts';
import type { Bus } from './bus.ts';
import { channels } from './channels.ts';
import { redisClient } from './redis-client.ts';

/** Sharded pub/sub came with Redis 7. */
const REDIS_MAJOR_MIN = 7;
/** Connections that may break under one subscribe command, one after the other. */
const SEND_ATTEMPTS_MAX = 5;

/**
 * A bus over Redis sharded pub/sub, so that it also spreads over a Redis Cluster. Two connections: a subscribed one cannot
 * publish. Once connected it reconnects and resubscribes for ever; meanwhile `publish` rejects at once.
 * @param deployment names the database: only servers on the same one hear each other
 * @throws {StartError} when Redis cannot be reached at start, or is too old
 */
export async function createRedisBus(url: string, deployment: string, log: Logger): Promise<Bus> {
  const state = { started: false };
  const publisher = redisClient(url, state, { disableOfflineQueue: true });
  const subscriber = redisClient(url, state, {});
  for (const [name, connection] of Object.entries({ publisher, subscriber })) {
    // Without a listener node-redis would end the process. Before the start is over, connect() itself rejects.
    connection.on('error', (error: Error) => {
      if (state.started)
        log.warn({ err: error, connection: name }, 'the connection to Redis is broken; the feed polls Postgres');
    });
  }
  try {
    await Promise.all([publisher.connect(), subscriber.connect()]);
    await refuseOldServer(await publisher.info('server'));
    state.started = true;
  } catch (error) {
    publisher.destroy();
    subscriber.destroy();
    if (error instanceof StartError) throw error;
    throw new StartError(
      `Cannot reach Redis at REDIS_URL (${(error as Error).message}): start it, or unset REDIS_URL.`,
    );
  }
  return {
    publish: async (channel, message) => {
      await publisher.sPublish(channels.ofDeployment(channel, deployment), message);
    },
    subscribe: async (channel, listener) => {
      const own = (message: string) => listener(message);
      const name = channels.ofDeployment(channel, deployment);
      await send(subscriber, () => subscriber.sSubscribe(name, own));
      return () => send(subscriber, () => subscriber.sUnsubscribe(name, own));
    },
    isLocal: false,
    isUp: () => publisher.isReady && subscriber.isReady,
    close: async () => {
      publisher.destroy();
      subscriber.destroy();
    },
  };
}

/** While Redis is away a command is kept until it is back, and nobody waits for that: watchers poll, a stop goes on. */
async function send(
  connection: { readonly isOpen: boolean; readonly isReady: boolean },
  command: () => Promise<unknown>,
  attempt = 1,
): Promise<void> {
  if (!connection.isOpen) return;
  const sent = command().catch(async (error: unknown) => {
    if (connection.isReady || attempt === SEND_ATTEMPTS_MAX) throw error;
    await send(connection, command, attempt + 1); // the connection broke under it: again, over the next one
  });
  if (connection.isReady) await sent;
  else sent.catch(() => undefined); // nobody waits any more
}

async function refuseOldServer(info: string): Promise<void> {
  const version = /redis_version:(\d+)\.\S+/.exec(info);
  if (!version || Number(version[1]) < REDIS_MAJOR_MIN) {
    throw new StartError(
      `Redis at REDIS_URL is version ${version?.[0].slice(14) ?? 'unknown'}: Hadiya needs ${REDIS_MAJOR_MIN} or newer.`,
    );
  }
}
