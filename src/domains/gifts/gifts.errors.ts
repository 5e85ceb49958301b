import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a viewer is too young for gifts where they live, or has not said how old they are. Nothing is written. */
export class AgeRestrictedError extends DomainError {
  readonly code = 'AGE_RESTRICTED';
  /** @param allowedFrom when the viewer will be old enough; null: they have not said how old they are */
  constructor(readonly allowedFrom: Date | null) {
    super(
      allowedFrom
        ? 'You are not old enough to send gifts where you live.'
        : 'Say how old you are first: gifts are for adults.',
    );
  }
}

/** Thrown when gifts are not allowed where the viewer lives. Nothing is written. */
export class RegionRestrictedError extends DomainError {
  readonly code = 'REGION_RESTRICTED';
  constructor() {
    super('Gifts cannot be sent from where you live.');
  }
}
