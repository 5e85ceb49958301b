import type { Money } from '../../../kernel/money.ts';

/** A charge, as the provider knows it. */
export type Charge = { status: 'SUCCEEDED' | 'DECLINED' };

/** What is to be charged. The provider charges once per key, however often it is asked. */
export type ChargeRequest = { idempotencyKey: string; token: string; amount: Money };

/** Charges payment methods, which only the provider knows: here they are tokens. */
export type PaymentProvider = {
  /**
   * Charges, or tells how the charge with this key ended.
   * @throws {ProviderUnavailableError} when the outcome is not known: the charge may have happened
   */
  charge: (request: ChargeRequest) => Promise<Charge>;
};

/** Thrown when a provider does not answer in time, or cannot be reached. The outcome is unknown, not negative. */
export class ProviderUnavailableError extends Error {}
