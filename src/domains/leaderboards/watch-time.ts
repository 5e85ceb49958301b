import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import type { WatchHook } from '../streams/streams.api.ts';
import { addWatched, type Watched } from './leaderboards.repo.ts';

/** How often what was watched is written: so much of it a crash loses at the most. */
export const WATCH_INTERVAL_MS = 10_000;
/** Viewers whose time one statement adds. */
const VIEWERS_PER_STATEMENT_MAX = 1_000;

/** Somebody who watches a stream, by however many devices. */
type Watch = { streamId: bigint; viewerId: bigint; devices: number; sinceMs: number; watchedMs: number };

/**
 * For how long viewers watch streams: while they have at least one `liveEvents` open on this server. Several devices count once, and
 * once a server: who watches by two servers watches twice. Measured by the process's own clock, which never jumps.
 */
export class WatchTime {
  readonly #watches = new Map<string, Watch>();
  #writing: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; log: Logger },
    private readonly intervalMs: number = WATCH_INTERVAL_MS,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Counts a viewer from when they begin to watch. */
  readonly hook: WatchHook = async ({ streamId, viewerId }) => {
    if (viewerId === undefined) return () => {};
    const key = `${streamId}:${viewerId}`;
    const watch = this.#watches.get(key) ?? { streamId, viewerId, devices: 0, sinceMs: this.nowMs(), watchedMs: 0 };
    this.#watches.set(key, watch);
    if (watch.devices === 0) watch.sinceMs = this.nowMs();
    watch.devices++;
    return () => {
      this.#measure(watch);
      watch.devices--;
    };
  };

  start(): void {
    this.#writing = every(this.intervalMs, () => this.write(), this.deps.db.instruments.meters.sweeps.of('watch-time'));
  }

  /** Writes what there is, then stops. The transports are closed by now, so nobody watches any more. */
  async close(): Promise<void> {
    await this.#writing?.stop();
    await this.write();
  }

  /** Writes what was watched since the last time. What fails is kept for the next one. */
  async write(): Promise<unknown> {
    const due: Watched[] = [];
    for (const [key, watch] of this.#watches) {
      this.#measure(watch);
      const ms = Math.floor(watch.watchedMs);
      watch.watchedMs -= ms;
      if (ms > 0) due.push({ streamId: watch.streamId, viewerId: watch.viewerId, ms });
      if (watch.devices === 0) this.#watches.delete(key);
    }
    while (due.length > 0) {
      const part = due.splice(0, VIEWERS_PER_STATEMENT_MAX);
      try {
        await addWatched(this.deps.db.pool, part);
      } catch (error) {
        this.deps.log.warn({ err: error }, 'writing watch time failed; the next write tries again');
        for (const watched of [...part, ...due]) this.#keep(watched);
        return FAILED;
      }
    }
  }

  #measure(watch: Watch): void {
    const nowMs = this.nowMs();
    if (watch.devices > 0) watch.watchedMs += nowMs - watch.sinceMs;
    watch.sinceMs = nowMs;
  }

  #keep({ streamId, viewerId, ms }: Watched): void {
    const key = `${streamId}:${viewerId}`;
    const watch = this.#watches.get(key) ?? { streamId, viewerId, devices: 0, sinceMs: this.nowMs(), watchedMs: 0 };
    watch.watchedMs += ms;
    this.#watches.set(key, watch);
  }
}
