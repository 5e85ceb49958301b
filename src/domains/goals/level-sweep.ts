import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import { appendEvents, lockLog, lockLogs } from '../../live/live-log.ts';
import { goalEvents } from './goals.events.ts';
import { summarize } from './level-endings.ts';
import {
  beginCooldown,
  type EndingLevel,
  findDueLevels,
  findEndingLevels,
  HAS_DUE,
  type LevelRules,
  turnLevels,
} from './levels.repo.ts';

/** How often levels are looked at: windows, runs and cooldowns last up to so much longer. */
export const SWEEP_INTERVAL_MS = 1_000;
/** Streams of one SQL transaction, and transactions of one sweep; the next goes on. Gifts wait for it. */
const STREAMS_PER_TRANSACTION_MAX = 100;
const TRANSACTIONS_PER_SWEEP_MAX = 100;
/** Runs that are summed up in one sweep. */
const ENDINGS_PER_SWEEP_MAX = 100;

/**
 * Moves levels on when time has passed. What there is to do stands in the database, so any server does it, also what one that died
 * has left; two that look at once are ordered by the logs' locks, and the second finds nothing.
 */
export class LevelSweep {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    private readonly rules: LevelRules,
    private readonly intervalMs: number = SWEEP_INTERVAL_MS,
  ) {}

  start(): void {
    const { intervalMs } = this;
    this.#sweeping = this.deps.db.sweeps.start({ name: 'levels', intervalMs, due: HAS_DUE, work: () => this.#sweep() });
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    const { db, live, log } = this.deps;
    try {
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const streamIds = await findDueLevels(db.pool, STREAMS_PER_TRANSACTION_MAX);
        if (streamIds.length === 0) break;
        const events = await db.inTransaction(async (sql) => {
          await lockLogs(sql, streamIds);
          return turnLevels(sql, streamIds, this.rules);
        });
        live.announce(events);
      }
      for (const run of await findEndingLevels(db.pool, ENDINGS_PER_SWEEP_MAX)) await this.#end(run);
    } catch (error) {
      log.warn({ err: error }, 'moving levels on failed; the next sweep tries again');
      return FAILED;
    }
  }

  /** A run may have millions of gifts, so they are summed up before the log is locked: up to its end nothing changes any more. */
  async #end(run: EndingLevel): Promise<void> {
    const { db, live } = this.deps;
    const summary = await summarize(db.pool, run);
    const events = await db.inTransaction(async (sql) => {
      await lockLog(sql, run.streamId);
      const until = await beginCooldown(sql, run);
      if (!until) return [];
      return appendEvents(sql, [
        goalEvents.levelEnded(run.streamId, { ...summary, cooldownUntil: until.toISOString() }),
      ]);
    });
    live.announce(events);
  }
}
