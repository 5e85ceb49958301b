import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { Bus } from './bus.ts';
import { channels } from './channels.ts';

/** How often a process tells the others of changed viewer counts. */
export const PRESENCE_INTERVAL_MS = 1_000;
/** Every so many intervals all counts are told again, so that a process that has just started learns them. */
const FULL_EVERY_INTERVALS = 10;
/** A process that was not heard for so long is gone, and its viewers with it. */
const FORGET_AFTER_MS = 30_000;

type Announcement = { process: string; counts: [streamId: string, viewers: number][]; full: boolean };
type RemoteProcess = { heardAtMs: number; counts: Map<bigint, number> };

/**
 * How many viewers watch a stream, over all processes: each counts its own and tells the others. Approximate by up to an
 * interval, and by what the bus loses; never in the log.
 */
export class Presence {
  readonly #self = randomUUID();
  readonly #local = new Map<bigint, number>();
  readonly #remote = new Map<string, RemoteProcess>();
  readonly #changed = new Set<bigint>();
  readonly #timer: NodeJS.Timeout;
  readonly #subscription: Promise<(() => Promise<void>) | undefined>;
  #intervals = 0;

  constructor(
    private readonly deps: { bus: Bus; log: Logger },
    intervalMs: number = PRESENCE_INTERVAL_MS,
  ) {
    this.#subscription = deps.bus
      .subscribe(channels.presence(), (message) => this.#hear(JSON.parse(message)))
      .catch((error: unknown) => {
        deps.log.warn({ err: error }, 'viewer counts of other processes cannot be heard');
        return undefined;
      });
    this.#timer = setInterval(() => this.#tell(), intervalMs);
    this.#timer.unref();
  }

  /** Counts one more viewer of a stream, until the returned function is called (once). */
  enter(streamId: bigint): () => void {
    this.#count(streamId, 1);
    let inside = true;
    return () => {
      if (inside) this.#count(streamId, -1);
      inside = false;
    };
  }

  /** Viewers of a stream in all processes. */
  viewers(streamId: bigint): number {
    let total = this.#local.get(streamId) ?? 0;
    for (const remote of this.#remote.values()) total += remote.counts.get(streamId) ?? 0;
    return total;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await (await this.#subscription)?.();
  }

  #count(streamId: bigint, change: number): void {
    const viewers = (this.#local.get(streamId) ?? 0) + change;
    if (viewers > 0) this.#local.set(streamId, viewers);
    else this.#local.delete(streamId);
    this.#changed.add(streamId);
  }

  #tell(): void {
    for (const [process, remote] of this.#remote) {
      if (Date.now() - remote.heardAtMs > FORGET_AFTER_MS) this.#remote.delete(process);
    }
    const full = ++this.#intervals % FULL_EVERY_INTERVALS === 0;
    const streams = full ? [...this.#local.keys()] : [...this.#changed];
    this.#changed.clear();
    if (streams.length === 0 && !full) return;
    const announcement: Announcement = {
      process: this.#self,
      counts: streams.map((streamId) => [String(streamId), this.#local.get(streamId) ?? 0]),
      full,
    };
    this.deps.bus.publish(channels.presence(), JSON.stringify(announcement)).catch((error: unknown) => {
      this.deps.log.debug({ err: error }, 'telling viewer counts failed; the next full count repairs it');
    });
  }

  #hear({ process, counts, full }: Announcement): void {
    if (process === this.#self) return;
    const remote = full ? undefined : this.#remote.get(process);
    const known = remote?.counts ?? new Map<bigint, number>();
    for (const [streamId, viewers] of counts) known.set(BigInt(streamId), viewers);
    this.#remote.set(process, { heardAtMs: Date.now(), counts: known });
  }
}
