import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a quarter cannot be closed: it is not over, or what was rolled up is not what the ledger says. */
export class QuarterStateError extends DomainError {
  readonly code = 'QUARTER_STATE';
}
