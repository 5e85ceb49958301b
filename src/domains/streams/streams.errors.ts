import { DomainError } from '../../kernel/errors.ts';

/** Thrown when something needs a live stream and the stream has ended or not begun. */
export class StreamNotLiveError extends DomainError {
  readonly code = 'STREAM_NOT_LIVE';
  constructor() {
    super('The stream is not live.');
  }
}

/** Thrown when a creator starts a stream while another of theirs is live. */
export class StreamAlreadyLiveError extends DomainError {
  readonly code = 'STREAM_ALREADY_LIVE';
  /** @param streamId the stream that is live */
  constructor(readonly streamId: bigint) {
    super('You are live already. End that stream before you start another.');
  }
}
