/** Every code that an expected failure can carry. Clients branch on it; messages are for people. */
export const ERROR_CODES = [
  'INVALID_INPUT',
  'NOT_SIGNED_IN',
  'NOT_FOUND',
  'FORBIDDEN',
  'IDEMPOTENCY_CONFLICT',
  'OVERLOADED',
  'INSUFFICIENT_COINS',
  'SPENDING_CAP_REACHED',
  'AGE_RESTRICTED',
  'REGION_RESTRICTED',
  'MUTED',
  'BANNED',
  'SLOW_MODE',
  'BLOCKED_WORDS',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'REACTION_QUEUE_FULL',
  'REACTION_STATE',
  'GOAL_STATE',
  'BATTLE_STATE',
  'BOX_STATE',
  'BOX_EMPTY',
  'PAYOUT_LIMIT',
  'PAYOUT_REFUSED',
  'IDENTITY_REQUIRED',
  'INSUFFICIENT_DIAMONDS',
  'QUARTER_STATE',
  'STREAM_NOT_LIVE',
  'STREAM_ALREADY_LIVE',
  'PAYMENT_DECLINED',
  'PAYMENT_PENDING',
  'HANDLE_TAKEN',
  'SKU_TAKEN',
  'STOCK_HELD',
  'SOLD_OUT',
  'PRICE_CHANGED',
  'OFFER_ENDED',
  'OFFER_ALREADY_LIVE',
  'PER_BUYER_LIMIT',
  'NOT_ELIGIBLE',
  'NOT_DELIVERABLE',
  'ORDER_STATE',
  'VOUCHER_STATE',
  'INVALID_CURSOR',
  'TOO_MANY_OPERATIONS',
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** An expected failure: part of the API, safe to show to the caller. Everything else that is thrown is a defect and is masked. */
export abstract class DomainError extends Error {
  abstract readonly code: ErrorCode;
}

/** One thing that is wrong with an input. */
export type InputIssue = { path: string; message: string };

/** Thrown when an input breaks a rule that its type cannot express. */
export class InvalidInputError extends DomainError {
  readonly code = 'INVALID_INPUT';
  /** @param issues what is wrong, a path and a sentence each; at least one */
  constructor(readonly issues: readonly InputIssue[]) {
    super(issues.map((issue) => (issue.path ? `${issue.path}: ${issue.message}` : issue.message)).join('; '));
  }
}

/** Why a request has no viewer: no token, one that is forged or damaged, one that is too old, or none that can be checked now. */
export type TokenProblem = 'missing' | 'invalid' | 'expired' | 'unavailable';

/** Thrown when something needs a signed-in viewer and the request has no token, or one that does not hold. */
export class NotSignedInError extends DomainError {
  readonly code = 'NOT_SIGNED_IN';
  constructor(reason: TokenProblem = 'missing') {
    super(
      {
        missing: 'Sign in first: send your token as "Authorization: Bearer <token>".',
        invalid: 'The token is not valid. Sign in again.',
        expired: 'The token has expired. Sign in again.',
        unavailable: 'Your token cannot be checked at the moment. Try again in a while.',
      }[reason],
    );
  }
}

/** Thrown when an id names nothing that the caller may see: missing and forbidden look the same. */
export class NotFoundError extends DomainError {
  readonly code = 'NOT_FOUND';
  /** @param what the kind of thing, in the words of the API: "stream", "gift" */
  constructor(what: string) {
    super(`There is no such ${what}.`);
  }
}

/** Thrown when the viewer may see the thing but not do this with it. */
export class ForbiddenError extends DomainError {
  readonly code = 'FORBIDDEN';
}

/** Thrown when an idempotency key was already used with another input. Nothing is written. */
export class IdempotencyConflictError extends DomainError {
  readonly code = 'IDEMPOTENCY_CONFLICT';
  constructor() {
    super('This idempotency key was already used with another input. Use a new key for a new request.');
  }
}

/** Thrown when a bounded queue is full. Nothing is written. */
export class OverloadedError extends DomainError {
  readonly code = 'OVERLOADED';
  /** @param retryAfterMs how long to wait before the same call is worth sending again */
  constructor(readonly retryAfterMs: number) {
    super('Too many requests are waiting. Send the same request, with the same key, again in a moment.');
  }
}

/** Thrown when somebody has asked for more than the rate limits allow. Nothing of the operation was done. */
export class RateLimitedError extends DomainError {
  readonly code = 'RATE_LIMITED';
  /** @param retryAfterMs how long to wait before the same operation is let through */
  constructor(readonly retryAfterMs: number) {
    super('Too many requests. Send the same one again after a pause.');
  }
}

/** Thrown when something cannot be done safely at the moment, through no fault of the caller. Nothing is written. */
export class UnavailableError extends DomainError {
  readonly code = 'UNAVAILABLE';
  /** @param retryAfterMs how long to wait before the same call is worth sending again */
  constructor(readonly retryAfterMs: number) {
    super('This is not possible at the moment. Send the same request, with the same key, again in a while.');
  }
}
