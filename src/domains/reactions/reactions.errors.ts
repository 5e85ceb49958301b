import { DomainError } from '../../kernel/errors.ts';
import type { ReactionState } from './reactions.state.ts';

/** Thrown when a gift would put one more reaction into a queue that is full. Nothing is written: the gift is not sent. */
export class ReactionQueueFullError extends DomainError {
  readonly code = 'REACTION_QUEUE_FULL';
  /** @param retryAfterMs how long to wait before the same gift is worth sending again */
  constructor(readonly retryAfterMs: number) {
    super('The creator has as many reactions waiting as fit. Send the same gift, with the same key, again in a while.');
  }
}

/** Thrown when a reaction that is skipped is to be performed, or one that is performed is to be skipped. */
export class ReactionStateError extends DomainError {
  readonly code = 'REACTION_STATE';
  /** @param state what it is */
  constructor(readonly state: ReactionState) {
    super(`The reaction is ${state.toLowerCase()} already.`);
  }
}
