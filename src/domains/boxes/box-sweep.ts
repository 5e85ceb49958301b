import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import { appendOnAir } from '../streams/streams.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { findDueBoxes, HAS_DUE, lockBoxes } from './boxes.repo.ts';
import { lockFunders, moveOn } from './closing.ts';

/** How often boxes whose time has come are looked for. A claim does not wait for it. */
export const SWEEP_INTERVAL_MS = 500;
/** Boxes that one SQL transaction moves on, and transactions of one sweep; the next goes on. */
const BOXES_PER_TRANSACTION_MAX = 50;
const TRANSACTIONS_PER_SWEEP_MAX = 100;

/**
 * Opens boxes at their time, closes them when they are empty or their time is over, and gives back what nobody had. What is due
 * stands in the database, so a box of a server that died is moved on by whichever server looks next; two that look at once are
 * ordered by the boxes' locks, and the second finds nothing to do.
 */
export class BoxSweep {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; live: Live; wallets: Wallets; log: Logger },
    private readonly intervalMs: number = SWEEP_INTERVAL_MS,
  ) {}

  start(): void {
    const { intervalMs } = this;
    this.#sweeping = this.deps.db.sweeps.start({ name: 'boxes', intervalMs, due: HAS_DUE, work: () => this.#sweep() });
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    const { db, live, wallets, log } = this.deps;
    try {
      for (let transaction = 0; transaction < TRANSACTIONS_PER_SWEEP_MAX; transaction++) {
        const ids = await findDueBoxes(db.pool, BOXES_PER_TRANSACTION_MAX);
        if (ids.length === 0) return;
        const { events, changed } = await db.inTransaction(async (sql) => {
          const boxes = await lockBoxes(sql, ids);
          await lockFunders(sql, wallets, boxes);
          const { drafts, viewerIds } = await moveOn(sql, wallets, boxes);
          const events = await appendOnAir(sql, drafts);
          return { events, changed: await wallets.readAll(sql, viewerIds) };
        });
        live.announce(events);
        wallets.announce(changed);
      }
    } catch (error) {
      log.warn({ err: error }, 'opening or closing boxes failed; the next sweep tries again');
      return FAILED;
    }
  }
}
