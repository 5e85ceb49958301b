import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { WatchHook } from '../streams/streams.api.ts';
import {
  type BoardPlace,
  type BoardRequest,
  foldLogs,
  HAS_NEWS,
  type PlaceRequest,
  readOwn,
  readTop,
  setNamed,
} from './leaderboards.repo.ts';
import { WatchTime } from './watch-time.ts';

/** How often what is new in the logs is counted: so old a board is at the most, unless there is more than a sweep counts. */
export const FOLD_INTERVAL_MS = 1_000;
/** Streams that one SQL transaction counts, and events of each: who reads a board waits for nothing, and other servers for little. */
const STREAMS_PER_TRANSACTION_MAX = 50;
const EVENTS_PER_STREAM_MAX = 2_000;
/** Transactions of one sweep; the next goes on. After an outage there is much to count. */
const TRANSACTIONS_PER_SWEEP_MAX = 50;
/** Boards, and places of viewers, that one statement reads. */
const BOARDS_PER_READ_MAX = 100;

/** Intervals that tests override. */
export type LeaderboardsOptions = { foldIntervalMs?: number; watchIntervalMs?: number };

/** Who leads: a projection of the logs, and of who watches. */
export class Leaderboards {
  readonly #top: DataLoader<BoardRequest, BoardPlace[]>;
  readonly #own: DataLoader<PlaceRequest, BoardPlace | null>;
  readonly #watchTime: WatchTime;
  #folding: Periodic | undefined;
  /** Where the next transaction goes on: the busiest streams must not keep the others waiting. */
  #after = 0n;

  constructor(
    private readonly deps: { db: Database; log: Logger },
    private readonly options: LeaderboardsOptions = {},
  ) {
    const loading = { cache: false, maxBatchSize: BOARDS_PER_READ_MAX };
    this.#top = new DataLoader((requests) => readTop(deps.db.pool, requests), loading);
    this.#own = new DataLoader((requests) => readOwn(deps.db.pool, requests), loading);
    this.#watchTime = new WatchTime(deps, options.watchIntervalMs);
  }

  /** Hears of everybody who watches. */
  get watchHook(): WatchHook {
    return this.#watchTime.hook;
  }

  /** The first places of a board. Boards asked for at once are read together. */
  top(request: BoardRequest): Promise<BoardPlace[]> {
    return this.#top.load(request);
  }

  /** Somebody's own place on a board; null when they do not stand on it. */
  placeOf(request: PlaceRequest): Promise<BoardPlace | null> {
    return this.#own.load(request);
  }

  /** Whether boards show the viewer's name from now on. Saying it again changes nothing. */
  async setNamed(actor: Actor, named: boolean): Promise<{ replayed: boolean }> {
    return { replayed: !(await setNamed(this.deps.db.pool, actor.id, named)) };
  }

  /** Counts from now on. */
  start(): void {
    this.#folding = this.deps.db.sweeps.start({
      name: 'leaderboards',
      intervalMs: this.options.foldIntervalMs ?? FOLD_INTERVAL_MS,
      due: HAS_NEWS,
      work: () => this.#sweep(),
    });
    this.#watchTime.start();
  }

  /** Writes the watch time that is measured, then stops. */
  async close(): Promise<void> {
    await this.#folding?.stop();
    await this.#watchTime.close();
  }

  async #sweep(): Promise<unknown> {
    try {
      let isBehind = false;
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const { last, hasMore } = await foldLogs(this.deps.db.pool, {
          after: this.#after,
          streams: STREAMS_PER_TRANSACTION_MAX,
          events: EVENTS_PER_STREAM_MAX,
        });
        isBehind ||= hasMore === true;
        this.#after = last ?? 0n;
        // Once round is enough, or busy streams would be looked at again and again for an event or two.
        if (last === null && !isBehind) return;
        if (last === null) isBehind = false;
      }
    } catch (error) {
      this.deps.log.warn({ err: error }, 'counting for leaderboards failed; the next sweep tries again');
      return FAILED;
    }
  }
}
