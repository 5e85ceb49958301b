/** Spending caps: how they are set, what counts against them, and when they change. */
import { describe, expect } from 'vitest';
import { SPENDING_CAPS, WALLET_UPDATES } from '../support/documents.ts';
import { type Actor, buyCoins, mutate, type Outcome, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { rowOf } from './support/ids.ts';
import { test } from './support/shared-server.ts';

type Period = 'GIFT' | 'DAY' | 'MONTH';
type Cap = {
  period: Period;
  coins: number;
  remaining: number;
  resetsAt: string;
  nextCoins: number | null;
  nextFrom: string | null;
};
type Capped = { wallet: { coins: number; spendingCaps: Cap[] } };

const setCap = (viewer: Actor, period: Period, coins?: number | null): Promise<Outcome<Capped>> =>
  mutate<Capped>(viewer.api, 'setSpendingCap', { period, coins });
const caps = async (viewer: Actor): Promise<Cap[]> =>
  (await query<{ me: Capped }>(viewer.api, `{ me { wallet { coins ${SPENDING_CAPS} } } }`)).me.wallet.spendingCaps;

const nextDay = () => new Date(Math.floor(Date.now() / 86_400_000 + 1) * 86_400_000).toISOString();
const nextMonth = () => new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + 1)).toISOString();

describe('setting a cap', () => {
  test('a viewer has none; the first of each period holds at once', async ({ viewer }) => {
    expect(await caps(viewer)).toEqual([]);
    const none = { nextCoins: null, nextFrom: null };
    const day = { period: 'DAY', coins: 100, remaining: 100, resetsAt: nextDay(), ...none };
    expect(succeed(await setCap(viewer, 'DAY', 100)).wallet.spendingCaps).toEqual([day]);
    succeed(await setCap(viewer, 'MONTH', 1_000));
    const { spendingCaps } = succeed(await setCap(viewer, 'GIFT', 0)).wallet;
    expect(spendingCaps).toEqual([
      { period: 'GIFT', coins: 0, remaining: 0, resetsAt: expect.any(String), ...none },
      day,
      { period: 'MONTH', coins: 1_000, remaining: 1_000, resetsAt: nextMonth(), ...none },
    ]);
    expect(Math.abs(Date.parse(spendingCaps[0]!.resetsAt) - Date.now())).toBeLessThan(60_000);
    expect(await caps(viewer)).toMatchObject([{ period: 'GIFT' }, day, { period: 'MONTH' }]);
  });
});
