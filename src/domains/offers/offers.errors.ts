import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a variant gets an offer in a stream in which it has one that is open. */
export class OfferAlreadyLiveError extends DomainError {
  readonly code = 'OFFER_ALREADY_LIVE';
  /** @param offerId the offer that is open */
  constructor(readonly offerId: bigint) {
    super('This variant has an offer in the stream already. End that one before you start another.');
  }
}
