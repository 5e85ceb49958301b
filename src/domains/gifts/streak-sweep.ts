import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import { appendEvents, lockLogs } from '../../live/live-log.ts';
import { findStreamsWithExpiredStreaks, HAS_EXPIRED_STREAKS, takeStreaks } from './gifts.repo.ts';

/** How often streaks whose window has passed are looked for. */
export const SWEEP_INTERVAL_MS = 1_000;
/** Streams whose streaks one SQL transaction closes, and how many: gifts wait for it. */
const STREAMS_PER_TRANSACTION_MAX = 100;
export const STREAKS_PER_TRANSACTION_MAX = 500;
/** Transactions of one sweep; the next goes on. After an outage there is much to close. */
const TRANSACTIONS_PER_SWEEP_MAX = 100;

/**
 * Closes streaks that nobody continued. What is open stands in the database, so a streak of a server that died is closed by
 * whichever server looks next; two that look at once are ordered by the log's lock, and the second finds nothing.
 */
export class StreakSweep {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    private readonly intervalMs: number = SWEEP_INTERVAL_MS,
  ) {}

  start(): void {
    this.#sweeping = this.deps.db.sweeps.start({
      name: 'streaks',
      intervalMs: this.intervalMs,
      due: HAS_EXPIRED_STREAKS,
      work: () => this.#sweep(),
    });
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    try {
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const streamIds = await findStreamsWithExpiredStreaks(this.deps.db.pool, STREAMS_PER_TRANSACTION_MAX);
        if (streamIds.length === 0) return;
        const events = await this.deps.db.inTransaction(async (sql) => {
          await lockLogs(sql, streamIds);
          return appendEvents(sql, await takeStreaks(sql, streamIds, { expired: STREAKS_PER_TRANSACTION_MAX }));
        });
        this.deps.live.announce(events);
      }
    } catch (error) {
      this.deps.log.warn({ err: error }, 'closing streaks failed; the next sweep tries again');
      return FAILED;
    }
  }
}
