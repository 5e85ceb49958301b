import { DomainError } from '../../kernel/errors.ts';

/** Thrown when a muted viewer wants to chat, like or gift. Nothing is written. */
export class MutedError extends DomainError {
  readonly code = 'MUTED';
  /** @param until when the mute is over; null: it has no end */
  constructor(readonly until: Date | null) {
    super('A moderator has muted you for a while.');
  }
}

/** Thrown when a banned viewer wants to watch or to take part. Nothing is written. */
export class BannedError extends DomainError {
  readonly code = 'BANNED';
  /** @param until when the ban is over; null: it is for good */
  constructor(readonly until: Date | null) {
    super('You may not take part here.');
  }
}

/** Thrown when the chat is in slow mode and the viewer has said something a moment ago. Nothing is written. */
export class SlowModeError extends DomainError {
  readonly code = 'SLOW_MODE';
  /** @param retryAfterMs how long to wait before the viewer may say the next thing */
  constructor(readonly retryAfterMs: number) {
    super('The chat is in slow mode: wait before you say more.');
  }
}

/** Thrown when a text has words that are not allowed where it is to be said. Does not repeat them. Nothing is written. */
export class BlockedWordsError extends DomainError {
  readonly code = 'BLOCKED_WORDS';
  constructor() {
    super('The text has words that are not allowed here.');
  }
}
