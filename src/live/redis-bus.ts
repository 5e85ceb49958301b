import type { Logger } from 'pino';
import { BusMeter } from '../kernel/instruments.ts';
import type { Bus } from './bus.ts';
import { channels } from './channels.ts';
import { isRedisCluster, redisClient, unreachable } from './redis-client.ts';
import { createRedisClusterBus } from './redis-cluster-bus.ts';

/** Connections that may break under one subscribe command, one after the other. */
const SEND_ATTEMPTS_MAX = 5;

/**
 * A bus over Redis sharded pub/sub, on one server or on a Redis Cluster.
 * @param setting REDIS_URL
 * @param deployment names the database: only servers on the same one hear each other
 * @param meter counts what is published, and what does not get there
 * @throws {StartError} when Redis cannot be reached at start, or is too old
 */
export async function createRedisBus(
  setting: string,
  deployment: string,
  log: Logger,
  meter = new BusMeter(),
): Promise<Bus> {
  const create = (await isRedisCluster(setting)) ? createRedisClusterBus : createSingleRedisBus;
  return create(setting, deployment, log, meter);
}

/**
 * The bus over one server. Two connections: a subscribed one cannot publish. Once connected it reconnects and resubscribes for
 * ever; meanwhile `publish` rejects at once.
 */
async function createSingleRedisBus(url: string, deployment: string, log: Logger, meter: BusMeter): Promise<Bus> {
  const server = new URL(url).host;
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
    state.started = true;
  } catch (error) {
    publisher.destroy();
    subscriber.destroy();
    throw unreachable(error);
  }
  meter.know(server);
  return {
    publish: async (channel, message) => {
      const name = channels.ofDeployment(channel, deployment);
      await meter.publish(
        () => server,
        () => publisher.sPublish(name, message),
      );
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
