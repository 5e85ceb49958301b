import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLookUp } from '../../db/look-up.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { Earnings } from './earnings.ts';
import { History } from './history.ts';
import { Holds } from './holds.ts';
import { Identities } from './identity.ts';
import { PayoutFlow } from './payout-flow.ts';
import type { PayoutsOptions } from './payouts.limits.ts';
import { countPayouts, findPayouts, type PayoutRow, readPayoutPage } from './payouts.repo.ts';
import type { PayoutProvider } from './providers/provider.ts';
import { createSandboxPayouts } from './providers/sandbox.ts';
import { Rates } from './rates.ts';

type Deps = { db: Database; wallets: Wallets; log: Logger; payoutProvider?: PayoutProvider | undefined };

/** Creators' diamonds, from the gift to the money. */
export class Payouts {
  /** Buckets of diamonds, and their settlement. */
  readonly earnings: Earnings;
  readonly ending: StreamEnding;
  /** Diamonds for money. */
  readonly flow: PayoutFlow;
  readonly identities: Identities;
  readonly holds: Holds;
  readonly rates: Rates;
  readonly history: History;
  /** A payout by id; null when there is none. */
  readonly find: (id: bigint) => Promise<PayoutRow | null>;

  constructor(
    private readonly deps: Deps,
    options: PayoutsOptions = {},
  ) {
    const provider = deps.payoutProvider ?? createSandboxPayouts(deps.db);
    this.earnings = new Earnings(deps, options);
    this.ending = this.earnings.ending;
    this.flow = new PayoutFlow({ ...deps, provider }, options);
    this.identities = new Identities({ ...deps, provider }, options);
    this.holds = new Holds(deps);
    this.rates = new Rates(deps);
    this.history = new History(deps.db);
    this.find = createLookUp(
      (ids) => findPayouts(deps.db.pool, ids),
      ({ id }) => id,
    );
  }

  /** A page of a creator's payouts, newest first. */
  page(creatorId: bigint, keyset: Keyset): Promise<PayoutRow[]> {
    return readPayoutPage(this.deps.db.pool, keyset, creatorId);
  }

  /** How many payouts a creator has asked for. */
  count(creatorId: bigint): Promise<number> {
    return countPayouts(this.deps.db.pool, creatorId);
  }

  start(): void {
    for (const part of [this.earnings, this.flow, this.identities]) part.start();
  }

  async close(): Promise<void> {
    await Promise.all([this.earnings.close(), this.flow.close(), this.identities.close()]);
  }
}
