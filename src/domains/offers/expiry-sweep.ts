import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import { appendEvents } from '../../live/live-log.ts';
import { topics } from '../../live/topics.ts';
import { endExpiredOffers, findExpiredOffers, HAS_EXPIRED } from './offers.repo.ts';
import { lockOffers } from './sale.repo.ts';

/** How often offers whose time is over are looked for: one ends within a second. */
export const SWEEP_INTERVAL_MS = 500;
/** Offers that one SQL transaction ends, and transactions of one sweep; the next goes on. */
const OFFERS_PER_TRANSACTION_MAX = 100;
const TRANSACTIONS_PER_SWEEP_MAX = 100;

/**
 * Ends offers whose time is over. What is open stands in the database, so an offer of a server that died is ended by whichever
 * server looks next; two that look at once are ordered by the offers' locks, and the second finds nothing. Nobody buys from an
 * expired offer meanwhile: a sale goes by its end, not by the sweep.
 */
export class ExpirySweep {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    private readonly intervalMs: number = SWEEP_INTERVAL_MS,
  ) {}

  start(): void {
    const { intervalMs } = this;
    this.#sweeping = this.deps.db.sweeps.start({
      name: 'offers',
      intervalMs,
      due: HAS_EXPIRED,
      work: () => this.#sweep(),
    });
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    const { db, live, log } = this.deps;
    try {
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const offerIds = await findExpiredOffers(db.pool, OFFERS_PER_TRANSACTION_MAX);
        if (offerIds.length === 0) return;
        const events = await db.inTransaction(async (sql) => {
          await lockOffers(sql, offerIds);
          return appendEvents(sql, await endExpiredOffers(sql, offerIds));
        });
        if (events.length === 0) continue;
        live.changes.announce([...new Set(events.map(({ streamId }) => topics.showcase(streamId)))]);
        live.announce(events);
      }
    } catch (error) {
      log.warn({ err: error }, 'ending expired offers failed; the next sweep tries again');
      return FAILED;
    }
  }
}
