import type { Logger } from 'pino';
import { abortable } from '../kernel/iterate.ts';
import { Wake } from '../kernel/wake.ts';
import type { Bus } from './bus.ts';
import { channels } from './channels.ts';

/** How often watched values are compared with Postgres, in case the bus lost one. */
export const LATEST_POLL_INTERVAL_MS = 5_000;

/** A value that is replaced, not queued: a higher version wins. JSON, numbers up to 2^53 − 1. */
export type Versioned = { version: number };

type Watched<Value> = { value: Value | undefined; wake: Wake; watchers: number };

/**
 * The latest value per key, for watchers who need the present and not the history (a wallet, the likes of a stream). One bus
 * message per batch of changes, one bus subscription per process while anybody watches; a slow watcher skips to the newest
 * value; lost messages are repaired by polling.
 */
export class LatestValues<Value extends Versioned> {
  readonly #watched = new Map<bigint, Watched<Value>>();
  #poll: NodeJS.Timeout;
  #subscription: Promise<() => Promise<void>> | undefined;

  /**
   * @param topic names the bus channel
   * @param load reads the present values of keys from Postgres, in one statement; a key without a value is left out
   */
  constructor(
    private readonly topic: string,
    private readonly load: (keys: readonly bigint[]) => Promise<ReadonlyMap<bigint, Value>>,
    private readonly deps: { bus: Bus; log: Logger },
    pollIntervalMs: number = LATEST_POLL_INTERVAL_MS,
  ) {
    this.#poll = setInterval(() => void this.#refresh([...this.#watched.keys()]), pollIntervalMs);
    this.#poll.unref();
  }

  /** Tells all processes of new values, after they were committed. Does not wait; a lost message is repaired by the poll. */
  announce(values: ReadonlyMap<bigint, Value>): void {
    if (values.size === 0) return;
    const message = JSON.stringify([...values].map(([key, value]) => [String(key), value]));
    this.deps.bus.publish(channels.latest(this.topic), message).catch((error: unknown) => {
      this.deps.log.warn({ err: error, topic: this.topic }, 'announcing new values failed; watchers poll');
    });
  }

  /** The present value, if there is one, and then each newer one. */
  watch(key: bigint): AsyncIterableIterator<Value> {
    return abortable((signal) => this.#follow(key, signal));
  }

  /** Ends the subscription and the poll. Watchers are ended by closing their transports. */
  async close(): Promise<void> {
    clearInterval(this.#poll);
    await (await this.#subscription)?.();
  }

  async *#follow(key: bigint, signal: AbortSignal): AsyncGenerator<Value, void, undefined> {
    const watched = this.#watched.get(key) ?? { value: undefined, wake: new Wake(), watchers: 0 };
    this.#watched.set(key, watched);
    watched.watchers++;
    try {
      this.#subscription ??= this.deps.bus.subscribe(channels.latest(this.topic), (message) => {
        for (const [id, value] of JSON.parse(message) as [string, Value][]) this.#offer(BigInt(id), value);
      });
      await this.#subscription.catch((error: unknown) => {
        this.#subscription = undefined; // the next watcher tries again
        throw error;
      });
      await this.#refresh([key]);
      let delivered = -1;
      while (!signal.aborted) {
        const { value } = watched;
        if (value && value.version > delivered) {
          delivered = value.version;
          yield value;
        } else {
          await watched.wake.wait(signal);
        }
      }
    } finally {
      watched.watchers--;
      if (watched.watchers === 0) this.#watched.delete(key);
    }
  }

  async #refresh(keys: readonly bigint[]): Promise<void> {
    if (keys.length === 0) return;
    try {
      for (const [key, value] of await this.load(keys)) this.#offer(key, value);
    } catch (error) {
      this.deps.log.warn({ err: error, topic: this.topic }, 'reading watched values failed; the next poll tries again');
    }
  }

  #offer(key: bigint, value: Value): void {
    const watched = this.#watched.get(key);
    if (!watched || (watched.value && watched.value.version >= value.version)) return;
    watched.value = value;
    watched.wake.wakeAll();
  }
}
