import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { RateCard, Wallets } from '../wallet/wallet.api.ts';
import { PAYOUT_CURRENCY } from './payouts.limits.ts';
import { insertPayoutRate, lockRates, type PayoutRate, readPayoutRate } from './rates.repo.ts';

/** The money for diamonds in whole minor units, rounded down, and the fewest diamonds that make it: the rest stays available. */
export function payoutOf(
  diamonds: bigint,
  rate: Pick<PayoutRate, 'diamonds' | 'amountMinor'>,
): { diamonds: bigint; amountMinor: bigint } {
  const [every, minor] = [BigInt(rate.diamonds), BigInt(rate.amountMinor)];
  const amountMinor = (diamonds * minor) / every;
  return { diamonds: (amountMinor * every + minor - 1n) / minor, amountMinor };
}

type Deps = { db: Database; wallets: Wallets; log: Logger };

/**
 * What coins are worth in diamonds, and diamonds in money: rows that are never changed. A stream keeps the card that it began with, a
 * payout the rate that it was asked for at.
 */
export class Rates {
  constructor(private readonly deps: Deps) {}

  /** The card that new streams freeze. */
  card(): Promise<RateCard> {
    return this.deps.wallets.rateCard(this.deps.db.pool);
  }

  /** The rate that new payouts freeze. */
  payoutRate(): Promise<PayoutRate> {
    return readPayoutRate(this.deps.db.pool);
  }

  /** Publishes a rate card. The one that is in force already is not published again. */
  publishCard(
    operator: Actor,
    card: { coins: number; diamonds: number },
  ): Promise<{ card: RateCard; replayed: boolean }> {
    const { db, wallets, log } = this.deps;
    return db.inTransaction(async (sql) => {
      await lockRates(sql);
      const current = await wallets.rateCard(sql);
      if (current.coins === card.coins && current.diamonds === card.diamonds) return { card: current, replayed: true };
      log.info({ operator: operator.handle, ...card }, 'a rate card is published');
      return { card: await wallets.publishRateCard(sql, card), replayed: false };
    });
  }

  /** Publishes a payout rate. The one that is in force already is not published again. */
  publishPayoutRate(
    operator: Actor,
    rate: { diamonds: number; amountMinor: number },
  ): Promise<{ rate: PayoutRate; replayed: boolean }> {
    const { db, log } = this.deps;
    return db.inTransaction(async (sql) => {
      await lockRates(sql);
      const current = await readPayoutRate(sql);
      const isSame = current.diamonds === rate.diamonds && current.amountMinor === rate.amountMinor;
      if (isSame) return { rate: current, replayed: true };
      log.info({ operator: operator.handle, ...rate }, 'a payout rate is published');
      return { rate: await insertPayoutRate(sql, { ...rate, currency: PAYOUT_CURRENCY }), replayed: false };
    });
  }
}
