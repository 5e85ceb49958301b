import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { claimChore, type Forgettable, forget } from '../db/pruning.ts';
import { forgetGiftKeys } from '../domains/gifts/gifts.api.ts';
import { every, type Periodic } from '../kernel/every.ts';
import { findClosedMonths, makeMonths, pruneMonth } from '../live/months.ts';

/** How often it is looked after partitions and what is old. */
export const RETENTION_INTERVAL_MS = 3_600_000;
const FORGOTTEN: readonly Forgettable[] = ['idempotency_key', 'webhook_event'];

/** What tests override. */
export type RetentionOptions = { sweepIntervalMs?: number };

/**
 * Makes partitions ahead of time and lets go of what is old enough (docs/retention.md). Runs on every server: each step is
 * safe to be done by any number of them at once, and by one that dies in it.
 */
export class Retention {
  readonly #stopping = new AbortController();
  #first: Promise<void> | undefined;
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; log: Logger; eventRetentionDays: number | undefined },
    private readonly options: RetentionOptions = {},
  ) {}

  /** Sweeps now, and again and again. */
  start(): void {
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
    await this.#try('making partitions', () => this.#makeMonths());
    await this.#try('pruning events', () => this.#pruneEvents());
    await this.#try('forgetting keys of gifts', () => forgetGiftKeys(this.deps.db.pool, this.#stopping.signal));
    for (const table of FORGOTTEN) await this.#try(`pruning ${table}`, () => this.#forget(table));
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

  async #try(what: string, work: () => Promise<unknown>): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    try {
      await work();
    } catch (error) {
      this.deps.log.warn({ err: error }, `${what} failed; the next sweep tries again`);
    }
  }
}
