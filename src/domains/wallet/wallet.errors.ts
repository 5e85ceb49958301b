import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a wallet does not hold enough coins. Nothing is written. */
export class InsufficientCoinsError extends DomainError {
  readonly code = 'INSUFFICIENT_COINS';
  readonly required: bigint;
  readonly available: bigint;
  /** @param amounts coins that were needed, and that were there */
  constructor({ required, available }: { required: bigint; available: bigint }) {
    super(`This costs ${required} coins and your wallet holds ${available}.`);
    this.required = required;
    this.available = available;
  }
}

/** Thrown when something would pass a cap that the viewer has set. Nothing is written. */
export class SpendingCapReachedError extends DomainError {
  readonly code = 'SPENDING_CAP_REACHED';
  readonly remaining: bigint;
  readonly resetsAt: Date;
  /** @param cap coins that may still be spent under it, and when it starts anew */
  constructor({ remaining, resetsAt }: { remaining: bigint; resetsAt: Date }) {
    super(`Your spending cap leaves you ${remaining} coins.`);
    this.remaining = remaining;
    this.resetsAt = resetsAt;
  }
}
