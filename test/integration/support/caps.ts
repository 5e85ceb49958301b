/** Spending caps through the public API. */
import { SPENDING_CAPS } from '../../support/documents.ts';
import { type Actor, mutate, type Outcome, query, succeed } from '../../support/operations.ts';

export type CapPeriod = 'GIFT' | 'DAY' | 'MONTH';

/** A cap as its viewer sees it. */
export type Cap = {
  period: CapPeriod;
  coins: number;
  remaining: number;
  resetsAt: string;
  nextCoins: number | null;
  nextFrom: string | null;
};

/** Something with a wallet that shows its caps. */
export type Capped = { wallet: { coins: number; spendingCaps: Cap[] } };

/** Sets a cap. Null or nothing is no cap. */
export function setCap(viewer: Actor, period: CapPeriod, coins?: number | null): Promise<Outcome<Capped>> {
  return mutate<Capped>(viewer.api, 'setSpendingCap', { period, coins });
}

/** Sets a cap, and returns what that period has then. */
export async function capped(viewer: Actor, period: CapPeriod, coins?: number | null): Promise<Cap | undefined> {
  return succeed(await setCap(viewer, period, coins)).wallet.spendingCaps.find((cap) => cap.period === period);
}

/** A viewer's caps. */
export async function capsOf(viewer: Actor): Promise<Cap[]> {
  const { me } = await query<{ me: Capped }>(viewer.api, `{ me { wallet { coins ${SPENDING_CAPS} } } }`);
  return me.wallet.spendingCaps;
}
