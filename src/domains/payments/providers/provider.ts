import type { Money } from '../../../kernel/money.ts';

/**
 * A charge, as the provider knows it. CANCELLED: it was never made and never will be.
 * `chargeId` is the provider's own id of it.
 */
export type Charge = { status: 'SUCCEEDED' | 'DECLINED' | 'CANCELLED'; chargeId: string };

/** What is to be charged. The provider charges once per key, however often it is asked. */
export type ChargeRequest = { idempotencyKey: string; token: string; amount: Money };

/** What is to be given back of a charge that succeeded, once per key. */
export type RefundRequest = { idempotencyKey: string; chargeKey: string; chargeId: string; amount: Money };

/** Charges payment methods, which only the provider knows: here they are tokens. */
export type PaymentProvider = {
  /**
   * Charges, or tells how the charge with this key ended.
   * @throws {ProviderUnavailableError} when the outcome is not known: the charge may have happened
   */
  charge: (request: ChargeRequest) => Promise<Charge>;
  /**
   * Sees to it that a charge that has not succeeded never will, also if its request is still on the way; or tells how it ended.
   * @throws {ProviderUnavailableError} when the outcome is not known
   */
  cancel: (request: ChargeRequest) => Promise<Charge>;
  /**
   * Gives money back. Resolves once the provider has accepted it.
   * @throws {ProviderUnavailableError} when the outcome is not known: the same key may be tried again
   */
  refund: (request: RefundRequest) => Promise<void>;
  /** Lets what is under way end, and closes connections. Nothing is asked of it afterwards. */
  close?: () => Promise<void>;
};

/** Thrown when a provider does not answer in time, or cannot be reached. The outcome is unknown, not negative. */
export class ProviderUnavailableError extends Error {}
