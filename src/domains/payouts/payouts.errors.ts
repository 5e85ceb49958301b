import { DomainError } from '../../kernel/errors.ts';
import { formatAmount, type Money } from '../../kernel/money.ts';
import type { IdentityStatus, PayoutFailure } from './payouts.state.ts';

/** Thrown when a creator has fewer diamonds available than are to be paid out, or held. Nothing was moved. */
export class InsufficientDiamondsError extends DomainError {
  readonly code = 'INSUFFICIENT_DIAMONDS';
  readonly required: bigint;
  readonly available: bigint;
  /** @param amounts diamonds that were needed, and that were available */
  constructor({ required, available }: { required: bigint; available: bigint }) {
    super(`This takes ${required} diamonds and ${available} are available.`);
    this.required = required;
    this.available = available;
  }
}

/** Thrown when it is not known well enough who a creator is. Nothing was moved. */
export class IdentityRequiredError extends DomainError {
  readonly code = 'IDENTITY_REQUIRED';
  /** @param status how far it is known */
  constructor(readonly status: IdentityStatus) {
    super(
      {
        UNVERIFIED: 'Submit your identity first: payouts go to an account that is verified.',
        PENDING: 'Your identity is being checked; ask for a payout once that is done.',
        VERIFIED: 'Your identity is verified.',
        REJECTED: 'Your identity was rejected. Submit another account.',
      }[status],
    );
  }
}

/** Thrown when a payout is below the minimum, or above what is left of the day's maximum. Nothing was moved. */
export class PayoutLimitError extends DomainError {
  readonly code = 'PAYOUT_LIMIT';
  readonly minimum: Money;
  readonly remaining: Money;
  readonly resetsAt: Date;
  /** @param limits the least that a payout is, and what is left of the day until it ends */
  constructor({ minimum, remaining, resetsAt }: { minimum: Money; remaining: Money; resetsAt: Date }) {
    const [least, left] = [minimum, remaining].map((money) => `${formatAmount(money)} ${money.currency}`);
    super(`A payout is at least ${least}, and ${left} are left for today.`);
    this.minimum = minimum;
    this.remaining = remaining;
    this.resetsAt = resetsAt;
  }
}

/** Thrown when a payout has failed at once. The diamonds are back, and the key is free again. */
export class PayoutRefusedError extends DomainError {
  readonly code = 'PAYOUT_REFUSED';
  /** @param failure why */
  constructor(readonly failure: PayoutFailure) {
    super('The payout was refused. Your diamonds are back; look at the account that it goes to.');
  }
}
