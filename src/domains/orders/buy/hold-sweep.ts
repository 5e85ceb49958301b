import type { Logger } from 'pino';
import type { Database } from '../../../db/database.ts';
import { FAILED, type Periodic } from '../../../kernel/every.ts';
import type { BuyNow } from './buy-now.ts';
import { findExpired, HAS_EXPIRED, holdOn } from './settle.repo.ts';

/** How often holds that have run out are looked for: their stock is back within a second. */
export const HOLD_SWEEP_INTERVAL_MS = 500;
/** Holds that one look ends. */
const HOLDS_PER_SWEEP_MAX = 200;
/** How long a hold goes on when the provider cannot say how its charge ended. */
const HOLD_ON_MS = 2_000;

/**
 * Ends holds that have run out: of a buyer who gave up, a provider that was silent, a server that died. The provider is asked
 * first: what it has charged is sold, what it has not is cancelled there and given back here. Servers that look at once do no harm.
 */
export class HoldSweep {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; buyNow: BuyNow; log: Logger },
    private readonly intervalMs: number = HOLD_SWEEP_INTERVAL_MS,
  ) {}

  start(): void {
    const { intervalMs } = this;
    this.#sweeping = this.deps.db.sweeps.start({
      name: 'holds',
      intervalMs,
      due: HAS_EXPIRED,
      work: () => this.#sweep(),
    });
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  async #sweep(): Promise<unknown> {
    const { db, buyNow, log } = this.deps;
    try {
      const expired = await findExpired(db.pool, HOLDS_PER_SWEEP_MAX);
      const ends = await Promise.allSettled(
        expired.map(async ({ id, ...due }) => {
          if (!(await buyNow.expire({ ...due, checkoutId: id }))) await holdOn(db.pool, id, HOLD_ON_MS);
        }),
      );
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } catch (error) {
      log.warn({ err: error }, 'ending holds failed; the next sweep tries again');
      return FAILED;
    }
  }
}
