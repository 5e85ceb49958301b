import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { classifyBatchError } from '../../db/sql-errors.ts';
import { every, type Periodic } from '../../kernel/every.ts';
import { GroupCommit } from '../../kernel/group-commit.ts';
import type { Live } from '../../live/live.ts';
import { sweepDust, sweepPinnedGifts, sweepShop, sweepSignals } from './trend-sweeps.ts';
import {
  HAS_SIGNALS,
  insertViews,
  readTrending,
  TRENDING_MAX,
  type TrendRow,
  type TrendSignal,
} from './trends.repo.ts';

/** Products that one call reports as viewed. */
export const VIEWS_PER_CALL_MAX = 50;
/** Calls that may wait, and that one statement writes. */
const VIEWS_QUEUE_MAX = 20_000;
const VIEWS_BATCH_MAX = 500;
const VIEWS_ATTEMPTS_MAX = 3;
const RETRY_AFTER_MS = 500;
/** How often signals are counted, gifts while pinned are looked for, the platform's shop is kept, and old scores are removed. */
const COUNT_INTERVAL_MS = 1_000;
const GIFTS_INTERVAL_MS = 5_000;
const SHOP_INTERVAL_MS = 15_000;
const DUST_INTERVAL_MS = 60_000;

/** Intervals that tests override. */
export type TrendsOptions = {
  countIntervalMs?: number;
  giftsIntervalMs?: number;
  shopIntervalMs?: number;
  dustIntervalMs?: number;
};

/** What somebody has looked at; every product once. */
type Views = { productIds: readonly bigint[]; region: string };

/** What trends: reading it, and counting what speaks for products. */
export class Trends {
  readonly #views: GroupCommit<Views, number>;
  #sweeps: Periodic[] = [];

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    private readonly options: TrendsOptions = {},
  ) {
    this.#views = new GroupCommit({
      watched: { name: 'views', instruments: this.deps.db.instruments },
      commit: (batch) => this.#commitViews(batch),
      batchMax: VIEWS_BATCH_MAX,
      queueMax: VIEWS_QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: VIEWS_ATTEMPTS_MAX,
      classify: classifyBatchError,
    });
  }

  /** Sweeps from now on. */
  start(): void {
    const { countIntervalMs, giftsIntervalMs, shopIntervalMs, dustIntervalMs } = this.options;
    const { db } = this.deps;
    const { sweeps } = db.instruments.meters;
    this.#sweeps = [
      db.sweeps.start({
        name: 'trends',
        intervalMs: countIntervalMs ?? COUNT_INTERVAL_MS,
        due: HAS_SIGNALS,
        work: () => sweepSignals(this.deps),
      }),
      every(giftsIntervalMs ?? GIFTS_INTERVAL_MS, () => sweepPinnedGifts(this.deps), sweeps.of('pinned-gifts')),
      every(shopIntervalMs ?? SHOP_INTERVAL_MS, () => sweepShop(this.deps), sweeps.of('trends-shop')),
      every(dustIntervalMs ?? DUST_INTERVAL_MS, () => sweepDust(this.deps), sweeps.of('trends-dust')),
    ];
  }

  /** Commits the views that are queued, then stops. */
  async close(): Promise<void> {
    await this.#views.close();
    await Promise.all(this.#sweeps.map((sweep) => sweep.stop()));
  }

  /** What trends, best first: in a region, or in the whole world when none is given or too little trends there. */
  trending(options: { region?: string | null | undefined; limit: number }): Promise<TrendRow[]> {
    return readTrending(this.deps.db.pool, options.region ?? '', Math.min(options.limit, TRENDING_MAX));
  }

  /**
   * Notes that somebody looked at products. Calls are coalesced: many become one statement.
   * @returns how many of the products there are
   * @throws {OverloadedError}
   */
  recordViews(productIds: readonly bigint[], region: string | null | undefined): Promise<number> {
    return this.#views.submit({ productIds: [...new Set(productIds)], region: region ?? '' });
  }

  async #commitViews(batch: readonly Views[]): Promise<number[]> {
    const sums = new Map<string, TrendSignal & { amount: number }>();
    for (const { productIds, region } of batch) {
      for (const productId of productIds) {
        const key = `${region} ${productId}`;
        const sum = sums.get(key);
        if (sum) sum.amount++;
        else sums.set(key, { productId, region, kind: 'VIEW', amount: 1 });
      }
    }
    const there = sums.size > 0 ? await insertViews(this.deps.db.pool, [...sums.values()]) : new Set<bigint>();
    return batch.map(({ productIds }) => productIds.filter((id) => there.has(id)).length);
  }
}
