import type { Logger } from 'pino';
import { every, type Periodic } from '../kernel/every.ts';
import { type RedisClient, redisClient, redisUrls, unreachable } from './redis-client.ts';
import { SLOTS, slotOf } from './redis-slot.ts';

/** How often what is amiss with the cluster is looked at again. */
const CHECK_INTERVAL_MS = 250;
/** So many checks after the last one, who owns which slots is asked also when nothing is amiss. */
const REFRESH_EVERY_CHECKS = 40;
/** How long one server may take to tell who owns which slots. */
const ANSWER_MS_MAX = 1_000;
/** How long a start waits for the connections to all masters; those of dead ones are made later. */
const START_MS_MAX = 2_000;
/** How often a start asks all servers: a process that has just begun is busy, and may find that an answer took too long. */
const START_ATTEMPTS_MAX = 5;

/** A master: where it is, and the connection that commands are sent over. */
export type RedisMaster = { address: string; url: string; client: RedisClient };

/**
 * The masters of a Redis Cluster, and which of them owns which slot. Servers may die, be replaced by their replicas, come back
 * and hand slots over at any time: commands to them fail meanwhile, at once, and find the new owner soon after.
 *
 * Not node-redis' own `createCluster`: where a master is dead and has no replica, what is asked of it waits for ever; and of
 * subscriptions it forgets those that it could not move (`sharded-channel-moved-error`, or an error that nobody gets).
 */
export class RedisCluster {
  readonly #seeds: readonly string[];
  readonly #state = { started: true };
  readonly #masters = new Map<string, RedisMaster>();
  #owners: (RedisMaster | undefined)[] = new Array(SLOTS);
  #refreshing: Promise<void> | undefined;
  #asked = 0;
  #checks = 0;
  #closed = false;
  readonly #timer: Periodic;
  /** Called at each check, after who owns what is known. Says whether anything is amiss. */
  onCheck: () => boolean = () => false;

  private constructor(
    setting: string,
    private readonly log: Logger,
  ) {
    this.#seeds = redisUrls(setting);
    this.#timer = every(CHECK_INTERVAL_MS, () => this.#check());
  }

  /**
   * Connects to what REDIS_URL leads to; one server that answers is enough.
   * @throws {StartError} when none does
   */
  static async connect(setting: string, log: Logger): Promise<RedisCluster> {
    const cluster = new RedisCluster(setting, log);
    try {
      await cluster.#findOut();
      await Promise.all(cluster.masters.map(({ client }) => settled(client)));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw unreachable(error);
    }
  }

  get masters(): RedisMaster[] {
    return [...this.#masters.values()];
  }

  /** Who owns the slot of a key or channel, as far as it is known. */
  ownerOf(key: string): RedisMaster | undefined {
    return this.#owners[slotOf(key)];
  }

  /** Whether every slot has an owner that can be reached. */
  isUp(): boolean {
    return this.masters.every(({ client }) => client.isReady) && !this.#owners.includes(undefined);
  }

  /** Asks anew who owns which slots: to be called when a server says that it does not own one. Never rejects. */
  async refresh(): Promise<void> {
    await this.#refresh().catch((error: unknown) => {
      if (!this.#closed) this.log.debug({ err: error }, 'no server of the Redis Cluster tells who owns what');
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { client } of this.masters) client.destroy();
    await this.#timer.stop();
  }

  async #findOut(attempt = 1): Promise<void> {
    try {
      await this.#refresh();
    } catch (error) {
      if (attempt === START_ATTEMPTS_MAX) throw error;
      await this.#findOut(attempt + 1);
    }
  }

  async #check(): Promise<void> {
    if (this.#closed) return;
    const due = ++this.#checks % REFRESH_EVERY_CHECKS === 0;
    if (due || this.onCheck() || !this.isUp()) {
      await this.refresh();
      if (!this.#closed) this.onCheck();
    }
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#askAround().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** The masters in turn, each time from another one on: one that is cut off from the rest knows only what once was. */
  async #askAround(): Promise<void> {
    const ready = this.masters.filter(({ client }) => client.isReady);
    const first = this.#asked++ % Math.max(ready.length, 1);
    for (const { client, url } of [...ready.slice(first), ...ready.slice(0, first)]) {
      const ranges = await inTime(client.clusterSlots()).catch(() => []);
      if (ranges.length > 0) return this.#adopt(ranges, url);
    }
    let failure: unknown = new Error('no server knows of any slots');
    for (const url of this.#seeds) {
      const client = redisClient(url, { started: false }, {});
      client.on('error', () => undefined); // connect() says it
      try {
        const ranges = await inTime(client.connect().then(() => client.clusterSlots()));
        if (ranges.length > 0) return this.#adopt(ranges, url);
      } catch (error) {
        failure = error;
      } finally {
        client.destroy();
      }
    }
    throw failure;
  }

  #adopt(ranges: readonly SlotRange[], askedUrl: string): void {
    if (this.#closed) return;
    const owners: (RedisMaster | undefined)[] = new Array(SLOTS).fill(undefined);
    const seen = new Set<string>();
    for (const { from, to, master } of ranges) {
      const url = urlOf(master, askedUrl);
      const address = new URL(url).host;
      seen.add(address);
      owners.fill(this.#master(address, url), from, to + 1);
    }
    this.#owners = owners;
    for (const [address, { client }] of this.#masters) {
      if (seen.has(address)) continue;
      this.#masters.delete(address);
      client.destroy();
      this.log.info({ redis: address }, 'a Redis server is no master any more');
    }
  }

  #master(address: string, url: string): RedisMaster {
    const known = this.#masters.get(address);
    if (known) return known;
    const client = redisClient(url, this.#state, { disableOfflineQueue: true });
    let broken = false;
    client.on('error', (error: Error) => {
      if (!broken && !this.#closed)
        this.log.warn({ err: error, redis: address }, 'a Redis server is away; what is on it is polled from Postgres');
      broken = true;
    });
    client.on('ready', () => {
      if (broken) this.log.info({ redis: address }, 'a Redis server is back');
      broken = false;
    });
    client.connect().catch(() => undefined); // it goes on trying until it is destroyed
    const master = { address, url, client };
    this.#masters.set(address, master);
    return master;
  }
}

type SlotRange = { from: number; to: number; master: { host: string; port: number } };

/** A server that does not know its own address leaves it out: then it is the one that was asked. */
function urlOf({ host, port }: SlotRange['master'], askedUrl: string): string {
  const url = new URL(askedUrl);
  if (host) url.hostname = host.includes(':') ? `[${host}]` : host;
  url.port = String(port);
  return url.href;
}

/** Resolves when a client is connected, or failed for the first time, or not soon. */
async function settled(client: RedisClient): Promise<void> {
  if (client.isReady) return;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, START_MS_MAX);
    client.once('ready', resolve);
    client.once('error', () => resolve());
  });
  clearTimeout(timer);
}

/** Waits for one server's answer, but not for long. */
async function inTime<Result>(answer: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX} ms`)), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
