import type { SqlTransaction } from '../../db/database.ts';
import { type GiftTakenBack, unearnGifts } from './earnings.repo.ts';

export type { GiftTakenBack } from './earnings.repo.ts';

/** Where the diamonds of a gift are: in the PENDING account, or settled, that is in AVAILABLE or wherever they went from there. */
export type DiamondsOf = 'PENDING' | 'SETTLED';

/**
 * Notes that gifts are taken back, so that what is still pending of them is never settled, and tells where the diamonds of each are.
 * The caller holds the creators' accounts (PENDING, AVAILABLE, DEBT) and, behind them, the streams' logs; each gift comes once. The
 * caller then posts, per gift, as GIFT_UNEARNED: from PENDING, or else from AVAILABLE as far as that goes and for the rest from DEBT.
 * @returns in the order of the gifts
 */
export async function unearn(sql: SqlTransaction, gifts: readonly GiftTakenBack[]): Promise<DiamondsOf[]> {
  if (gifts.length === 0) return [];
  return (await unearnGifts(sql, gifts)).map((isSettled) => (isSettled ? 'SETTLED' : 'PENDING'));
}
