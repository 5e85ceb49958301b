import type { SqlTransaction } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { takeStreaks } from './gifts.repo.ts';

export { forgetGiftKeys, GIFT_KEY_DAYS } from './gift-keys.repo.ts';
export type { GiftReversedPayload, ReversalReason } from './gifts.events.ts';
export { findStandingGifts } from './reversals.repo.ts';
export {
  lockAccountsForReversal,
  lockForReversal,
  type Reversed,
  type ReversibleGift,
  reverseGifts,
} from './reversals.ts';

/**
 * Closes all open streaks of streams, whose logs the caller has locked.
 * @returns the StreakEnded events, to be appended in the same transaction
 */
export function endStreaks(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<LiveEventDraft[]> {
  return takeStreaks(sql, streamIds, 'all');
}
