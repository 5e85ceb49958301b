import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a viewer is too young to send gifts, or has not said how old they are. Nothing is written. */
export class AgeRestrictedError extends DomainError {
  readonly code = 'AGE_RESTRICTED';
  constructor() {
    super('You are too young to send gifts, or have not said how old you are.');
  }
}

/** Thrown when gifts are not allowed in the viewer's region. Nothing is written. */
export class RegionRestrictedError extends DomainError {
  readonly code = 'REGION_RESTRICTED';
  constructor() {
    super('Gifts are not allowed in your region.');
  }
}
