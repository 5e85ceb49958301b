import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { claimChore, type Forgettable, forget } from '../db/pruning.ts';
import { analyzeParents } from '../db/statistics.ts';
import { forgetGiftKeys } from '../domains/gifts/gifts.api.ts';
import { every, FAILED, measured, type Periodic } from '../kernel/every.ts';
import { findClosedMonths, makeMonths, pruneMonth } from '../live/months.ts';

/** How often it is looked after partitions and what is old. */
export const RETENTION_INTERVAL_MS = 3_600_000;

/** What tests override. */
export type RetentionOptions = { sweepIntervalMs?: number };

/**
 * Makes partitions ahead of time and lets go of what is old enough (docs/retention.md). Runs on every server: each step is
 * safe to be done by any number of them at once, and by one that dies in it.
 */
export class Retention {
  readonly #stopping = new AbortController();
  /** What there is to do, in order, by the names that the metrics have for it. */
  readonly #work: Readonly<Record<string, () => Promise<unknown>>> = {
    months: () => this.#makeMonths(),
    'prune-events': () => this.#pruneEvents(),
    'prune-gift-keys': () => forgetGiftKeys(this.deps.db.pool, this.#stopping.signal),
    'prune-idempotency-keys': () => this.#forget('idempotency_key'),
    'prune-webhook-events': () => this.#forget('webhook_event'),
    statistics: () => this.#analyze(),
  };
  #first: Promise<void> | undefined;
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; log: Logger; eventRetentionDays: number | undefined },
    private readonly options: RetentionOptions = {},
  ) {}

  /** Sweeps now, and again and again. */
  start(): void {
    // There from the start with 0, so that a first failure is seen as an increase.
    for (const sweep of Object.keys(this.#work)) this.deps.db.instruments.meters.sweeps.of(sweep);
    this.#first = this.sweep();
    this.#sweeping = every(this.options.sweepIntervalMs ?? RETENTION_INTERVAL_MS, () => this.sweep());
  }

  /** Ends after the statement under way. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#first, this.#sweeping?.stop()]);
  }

  /** Everything there is to do. What fails is logged, hinders nothing else, and is tried again by the next sweep. */
  async sweep(): Promise<void> {
    for (const sweep of Object.keys(this.#work)) await this.#try(sweep);
  }

  async #makeMonths(): Promise<void> {
    const months = await makeMonths(this.deps.db.pool);
    if (months > 0) this.deps.log.info({ months }, 'partitions made');
  }

  async #pruneEvents(): Promise<void> {
    const { db, log, eventRetentionDays } = this.deps;
    if (eventRetentionDays === undefined) return;
    for (const month of await findClosedMonths(db.pool)) {
      if (this.#stopping.signal.aborted) return;
      const result = await pruneMonth(db, month, eventRetentionDays);
      if (result === 'PRUNED') log.info({ month }, 'events of a month pruned');
      else log.debug({ month, result }, 'events of a month stay');
    }
  }

  async #forget(table: Forgettable): Promise<void> {
    const { pool } = this.deps.db;
    if (await claimChore(pool, table)) await forget(pool, table, this.#stopping.signal);
  }

  async #analyze(): Promise<void> {
    const { db, log } = this.deps;
    if (!(await claimChore(db.pool, 'statistics'))) return;
    const tables = await analyzeParents(db, this.#stopping.signal);
    if (tables.length > 0) log.info({ tables }, 'statistics of partitioned tables renewed');
  }

  async #try(sweep: string): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const attempt = async () => {
      try {
        await this.#work[sweep]!();
      } catch (error) {
        this.deps.log.warn({ err: error, sweep }, 'a sweep failed; the next one tries again');
        return FAILED;
      }
    };
    await measured(attempt, this.deps.db.instruments.meters.sweeps.of(sweep));
  }
}
