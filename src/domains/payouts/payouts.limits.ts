/** How long diamonds pend after their stretch of a stream was cut: so long payments are most likely to be disputed. */
export const SETTLEMENT_HOLD_MS = 14 * 24 * 3_600_000;
/** How often streams that run on into another UTC day are looked for, and buckets whose hold is over. */
export const CUT_INTERVAL_MS = 60_000;
export const SETTLE_INTERVAL_MS = 60_000;
/** How often payouts and identities without an end are looked for, and how long one is left alone after it was. */
export const RECOVERY_INTERVAL_MS = 5_000;
export const TRY_AGAIN_AFTER_MS = 15_000;
export const CHECK_IDENTITY_EVERY_MS = 60_000;

/** The one currency of payouts. */
export const PAYOUT_CURRENCY = 'USD';
/** The least that one payout is, and the most that all of a UTC day are: 10 and 1,000 dollars. */
export const PAYOUT_MINOR_MIN = 1_000n;
export const PAYOUT_MINOR_PER_DAY_MAX = 100_000n;

/** Characters of a provider's account token, and of the reason of a hold. */
export const ACCOUNT_TOKEN_LENGTH_MAX = 200;
export const HOLD_REASON_LENGTH_MAX = 200;

/** Intervals, holds and limits that tests override. */
export type PayoutsOptions = {
  settlementHoldMs?: number;
  cutIntervalMs?: number;
  settleIntervalMs?: number;
  recoveryIntervalMs?: number;
  tryAgainAfterMs?: number;
  checkIdentityEveryMs?: number;
};
