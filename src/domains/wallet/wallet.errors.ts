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
