import type { Logger } from 'pino';
import type { BusMeter } from '../kernel/instruments.ts';
import type { Bus, BusListener } from './bus.ts';
import { channels } from './channels.ts';
import { type RedisClient, redisClient } from './redis-client.ts';
import { RedisCluster, type RedisMaster } from './redis-cluster.ts';

/** How long a subscription may keep its caller waiting: longer is as if its server were away, and what it is for is polled. */
const SUBSCRIBE_MS_MAX = 1_000;

/** Whose failure it is when a slot has no owner. */
const NO_OWNER = 'none';

/** The subscribed connection to one master. */
type Line = { client: RedisClient; isOpen: boolean };

type Channel = {
  name: string;
  listeners: Set<BusListener>;
  /** The line that it is subscribed on. */
  line: Line | undefined;
  /** The work on that, one step at a time. */
  settling: Promise<void> | undefined;
};

/**
 * A bus over a Redis Cluster: each channel is on the master that owns its slot. Beside the connections of `RedisCluster` each
 * master has a subscribed one; one that breaks is thrown away with its subscriptions and made anew. What counts is what is
 * wanted, a set of channels: every check compares it with what is subscribed where, whatever happened in between.
 */
export async function createRedisClusterBus(
  setting: string,
  deployment: string,
  log: Logger,
  meter: BusMeter,
): Promise<Bus> {
  const cluster = await RedisCluster.connect(setting, log);
  const bus = new ClusterBus(cluster, deployment, log, meter);
  await bus.open();
  return bus;
}

class ClusterBus implements Bus {
  readonly isLocal = false;
  readonly #lines = new Map<string, Line>();
  readonly #channels = new Map<string, Channel>();
  #closed = false;

  constructor(
    private readonly cluster: RedisCluster,
    private readonly deployment: string,
    private readonly log: Logger,
    private readonly meter: BusMeter,
  ) {
    cluster.onCheck = () => this.#check();
  }

  async open(): Promise<void> {
    await Promise.all(this.cluster.masters.map((master) => inTime(this.#openLine(master))));
  }

  async publish(channel: string, message: string): Promise<void> {
    const name = channels.ofDeployment(channel, this.deployment);
    const owner = () => this.cluster.ownerOf(name)?.address ?? NO_OWNER;
    await this.meter.publish(owner, async () => {
      try {
        await this.#send(name, message);
      } catch (error) {
        if (!isMoved(error)) throw error;
        await this.cluster.refresh();
        await this.#send(name, message); // it was refused by one that does not own the channel: nobody has got it yet
      }
    });
  }

  async subscribe(channel: string, listener: BusListener): Promise<() => Promise<void>> {
    const name = channels.ofDeployment(channel, this.deployment);
    const own: BusListener = (message) => listener(message);
    const wanted = this.#channels.get(name) ?? { name, listeners: new Set(), line: undefined, settling: undefined };
    this.#channels.set(name, wanted);
    wanted.listeners.add(own);
    await inTime(this.#settle(wanted));
    return async () => {
      if (wanted.listeners.delete(own) && wanted.listeners.size === 0) await inTime(this.#settle(wanted));
    };
  }

  isUp(channel?: string): boolean {
    if (channel === undefined) return this.cluster.isUp() && [...this.#channels.values()].every(isHeard);
    const name = channels.ofDeployment(channel, this.deployment);
    const wanted = this.#channels.get(name);
    return (this.cluster.ownerOf(name)?.client.isReady ?? false) && (wanted === undefined || isHeard(wanted));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.cluster.close();
    for (const [address, line] of this.#lines) this.#dropLine(address, line);
  }

  async #send(name: string, message: string): Promise<void> {
    const owner = this.cluster.ownerOf(name);
    if (!owner) throw new Error(`no server of the Redis Cluster owns the slot of ${name}`);
    await owner.client.sPublish(name, message);
  }

  /** Whether anything is amiss, after having begun to repair it. */
  #check(): boolean {
    if (this.#closed) return false;
    const masters = this.cluster.masters;
    const owners = new Set(masters.map(({ address }) => address));
    for (const [address, line] of this.#lines) if (!owners.has(address)) this.#dropLine(address, line);
    let amiss = false;
    for (const master of masters) {
      if (this.#lines.get(master.address)?.isOpen) continue;
      amiss = true;
      if (!this.#lines.has(master.address)) void this.#openLine(master);
    }
    for (const channel of this.#channels.values()) {
      if (channel.line !== undefined && channel.line === this.#lineOf(channel)) continue;
      amiss = true;
      void this.#settle(channel);
    }
    return amiss;
  }

  #lineOf({ name, listeners }: Channel): Line | undefined {
    if (listeners.size === 0 || this.#closed) return undefined;
    const line = this.#lines.get(this.cluster.ownerOf(name)?.address ?? '');
    return line?.isOpen ? line : undefined;
  }

  /** Brings a channel to where it belongs. Never rejects: what fails is tried again at the next check. */
  #settle(channel: Channel): Promise<void> {
    channel.settling ??= this.#move(channel)
      .catch((error: unknown) => {
        this.log.debug({ err: error, channel: channel.name }, 'subscribing failed; the next check tries again');
        if (isMoved(error)) void this.cluster.refresh();
      })
      .finally(() => {
        channel.settling = undefined;
      });
    return channel.settling;
  }

  async #move(channel: Channel): Promise<void> {
    const { name } = channel;
    for (;;) {
      const { line } = channel;
      const target = this.#lineOf(channel);
      if (line === target) break;
      if (line) {
        channel.line = undefined;
        if (line.isOpen) await line.client.sUnsubscribe(name).catch(() => undefined);
      } else if (target) {
        await target.client.sSubscribe(name, (message) => {
          if (channel.line !== target) return;
          for (const listener of channel.listeners) listener(message);
        });
        if (target.isOpen) channel.line = target;
      }
    }
    if (channel.listeners.size === 0 && this.#channels.get(name) === channel) this.#channels.delete(name);
  }

  async #openLine({ address, url }: RedisMaster): Promise<void> {
    this.meter.know(address);
    const client = redisClient(url, { started: true }, { reconnect: false, disableOfflineQueue: true });
    const line: Line = { client, isOpen: false };
    this.#lines.set(address, line);
    client.on('error', () => this.#dropLine(address, line));
    client.on('end', () => this.#dropLine(address, line));
    client.on('sharded-channel-moved', (name: string) => {
      const channel = this.#channels.get(String(name));
      if (channel?.line === line) channel.line = undefined;
      void this.cluster.refresh().then(() => channel && this.#settle(channel));
    });
    try {
      await client.connect();
      if (this.#closed || this.#lines.get(address) !== line) return this.#dropLine(address, line);
      line.isOpen = true;
      this.#check();
    } catch {
      this.#dropLine(address, line);
    }
  }

  #dropLine(address: string, line: Line): void {
    line.isOpen = false;
    if (this.#lines.get(address) === line) this.#lines.delete(address);
    for (const channel of this.#channels.values()) if (channel.line === line) channel.line = undefined;
    if (line.client.isOpen) line.client.destroy();
  }
}

function isHeard({ line, listeners }: Channel): boolean {
  return listeners.size === 0 || (line?.isOpen ?? false);
}

function isMoved(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('MOVED');
}

/** Waits for work that goes on, but not for long. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    work,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SUBSCRIBE_MS_MAX);
    }),
  ]);
  clearTimeout(timer);
}
