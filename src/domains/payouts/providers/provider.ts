import type { Money } from '../../../kernel/money.ts';

/** What is to be paid, and to whom. The provider pays once per key, however often it is asked. */
export type PayoutRequest = { idempotencyKey: string; accountToken: string; amount: Money };

/** How a payout ended at the provider. FAILED: it was not made and never will be. `providerId` is the provider's own id of it. */
export type PayoutOutcome = { status: 'PAID'; providerId: string } | { status: 'FAILED' };

/** What a provider makes of an account: whether it has verified who that is. */
export type AccountStanding = 'PENDING' | 'VERIFIED' | 'REJECTED';

/** Pays creators, whom the provider knows by an account token. */
export type PayoutProvider = {
  /**
   * Pays, or tells how the payout with this key ended.
   * @throws {ProviderUnavailableError} when the outcome is not known: it may have been paid
   */
  pay: (request: PayoutRequest) => Promise<PayoutOutcome>;
  /**
   * Tells how an account stands that a creator says is theirs.
   * @throws {ProviderUnavailableError} when that cannot be told now
   */
  check: (accountToken: string, creatorId: bigint) => Promise<AccountStanding>;
  /** Lets what is under way end, and closes connections. */
  close?: () => Promise<void>;
};

/** Keys of payouts at providers are "payout:<id>". */
export function payoutKey(id: bigint): string {
  return `payout:${id}`;
}

/** The payout that a key stands for; undefined when it is none of {@link payoutKey}'s. */
export function parsePayoutKey(key: string): bigint | undefined {
  const match = /^payout:(\d{1,18})$/.exec(key);
  return match ? BigInt(match[1]!) : undefined;
}

/** What providers call a creator. */
export function creatorKey(id: bigint): string {
  return `creator:${id}`;
}
