import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { Earnings } from './earnings.ts';
import type { PayoutsOptions } from './payouts.limits.ts';

type Deps = { db: Database; wallets: Wallets; log: Logger };

/** Creators' diamonds, from the gift to the money. */
export class Payouts {
  /** Buckets of diamonds, and their settlement. */
  readonly earnings: Earnings;
  readonly ending: StreamEnding;

  constructor(deps: Deps, options: PayoutsOptions = {}) {
    this.earnings = new Earnings(deps, options);
    this.ending = this.earnings.ending;
  }

  start(): void {
    this.earnings.start();
  }

  async close(): Promise<void> {
    await this.earnings.close();
  }
}
