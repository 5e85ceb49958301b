import { GraphQLError } from 'graphql';
import { isConnectionLost } from '../db/sql-errors.ts';
import { BannedError } from '../domains/moderation/moderation.errors.ts';
import {
  DomainError,
  ERROR_CODES,
  ForbiddenError,
  IdempotencyConflictError,
  type InputIssue,
  InvalidInputError,
  NotFoundError,
  NotSignedInError,
  OverloadedError,
  RateLimitedError,
  UnavailableError,
} from '../kernel/errors.ts';
import { builder } from './builder.ts';

const DESCRIPTIONS: Record<(typeof ERROR_CODES)[number], string> = {
  INVALID_INPUT: 'An input breaks a rule; see the issues.',
  NOT_SIGNED_IN: 'No token, or one that does not hold.',
  NOT_FOUND: 'There is no such thing, or you may not see it.',
  FORBIDDEN: 'You may see it, but not do this with it.',
  IDEMPOTENCY_CONFLICT: 'The key was used before with another input.',
  OVERLOADED: 'Too many requests wait; try again in a moment.',
  INSUFFICIENT_COINS: 'The wallet does not hold enough coins.',
  SPENDING_CAP_REACHED: 'It would pass a cap that the viewer has set.',
  AGE_RESTRICTED: 'The viewer is too young, or has not said how old they are.',
  REGION_RESTRICTED: 'Not allowed in the viewer’s region.',
  MUTED: 'A moderator has muted the viewer for a while.',
  BANNED: 'The viewer may not take part here.',
  SLOW_MODE: 'The chat is in slow mode; wait before you say more.',
  BLOCKED_WORDS: 'The text has words that are not allowed here.',
  RATE_LIMITED: 'Too much in too short a time; try again later.',
  UNAVAILABLE: 'Not possible at the moment; try again later.',
  REACTION_QUEUE_FULL: 'The creator has as many reactions waiting as fit; try again later.',
  REACTION_STATE: 'The reaction is not waiting any more.',
  GOAL_STATE: 'The goal is not in a state that allows it, or there are too many.',
  BATTLE_STATE: 'The battle or its streams are not in a state that allows it.',
  BOX_STATE: 'The box is not open.',
  BOX_EMPTY: 'All shares of the box are gone.',
  PAYOUT_LIMIT: 'Less than the minimum, or more than the rest of the day’s maximum.',
  PAYOUT_REFUSED: 'The payout provider refused; the diamonds are back.',
  IDENTITY_REQUIRED: 'The creator’s identity is not verified, or there is no account to pay to.',
  INSUFFICIENT_DIAMONDS: 'There are not so many diamonds to be paid out.',
  QUARTER_STATE: 'The quarter is not over, or is closed already.',
  STREAM_NOT_LIVE: 'The stream has ended or not begun.',
  STREAM_ALREADY_LIVE: 'Another stream of this creator is live.',
  PAYMENT_DECLINED: 'The provider refused the charge; nothing was charged.',
  PAYMENT_PENDING: 'The provider has not answered; the same key tells the outcome later.',
  HANDLE_TAKEN: 'Somebody else has this handle.',
  SKU_TAKEN: 'Another variant of the merchant has this sku.',
  STOCK_HELD: 'So much of the stock is set aside for purchases that are being paid.',
  SOLD_OUT: 'There is not so much left.',
  PRICE_CHANGED: 'The price is not the one that was expected.',
  OFFER_ENDED: 'The offer is over.',
  OFFER_ALREADY_LIVE: 'The variant has an offer in this stream already.',
  PER_BUYER_LIMIT: 'One buyer may not have so many.',
  NOT_ELIGIBLE: 'The offer is for others.',
  NOT_DELIVERABLE: 'Nobody with stock delivers to the address.',
  ORDER_STATE: 'The order is not in a state that allows it.',
  VOUCHER_STATE: 'The voucher is not in a state that allows it.',
  INVALID_CURSOR: 'The cursor is damaged or of another stream.',
  TOO_MANY_OPERATIONS: 'Too many operations are open on this connection.',
};

/** The enum of all codes that an expected failure can carry. */
export const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What went wrong, for programs to branch on.',
  values: Object.fromEntries(ERROR_CODES.map((code) => [code, { description: DESCRIPTIONS[code] }])) as Record<
    (typeof ERROR_CODES)[number],
    { description: string }
  >,
});

/** The interface of all expected failures. */
export const ErrorInterface = builder.interfaceRef<DomainError>('Error').implement({
  description: 'An expected failure: part of the API, and typed. Nothing was written.',
  fields: (t) => ({
    message: t.exposeString('message', { description: 'For people. May change; do not parse it.' }),
    code: t.expose('code', { type: ErrorCodeEnum, description: 'For programs.' }),
  }),
});

const InputIssueType = builder.objectRef<InputIssue>('InputIssue').implement({
  description: 'One thing that is wrong with an input.',
  fields: (t) => ({
    path: t.exposeString('path', { description: 'Where, as a dotted path from the arguments: "input.quantity".' }),
    message: t.exposeString('message', { description: 'What, for people.' }),
  }),
});

builder.objectType(InvalidInputError, {
  name: 'InvalidInputError',
  description: 'The input breaks a rule that its type cannot express.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: 'Everything that is wrong; at least one.',
      resolve: (error) => [...error.issues],
    }),
  }),
});
builder.objectType(NotSignedInError, {
  name: 'NotSignedInError',
  description: 'The mutation needs a signed-in viewer.',
  interfaces: [ErrorInterface],
});
builder.objectType(NotFoundError, {
  name: 'NotFoundError',
  description: 'An id names nothing that you may see.',
  interfaces: [ErrorInterface],
});
builder.objectType(ForbiddenError, {
  name: 'ForbiddenError',
  description: 'You may not do this.',
  interfaces: [ErrorInterface],
});
builder.objectType(IdempotencyConflictError, {
  name: 'IdempotencyConflictError',
  description: 'The idempotency key was already used with another input.',
  interfaces: [ErrorInterface],
});
builder.objectType(OverloadedError, {
  name: 'OverloadedError',
  description: 'Too many requests are waiting. Send the same one again after a pause.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', { description: 'How long to wait, in milliseconds.' }),
  }),
});

builder.objectType(RateLimitedError, {
  name: 'RateLimitedError',
  description: 'You have asked for more than the rate limits allow. Nothing of the operation was done.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', { description: 'How long to wait, in milliseconds.' }),
  }),
});
builder.objectType(UnavailableError, {
  name: 'UnavailableError',
  description: 'It cannot be done safely at the moment. Nothing was written; send the same request again later.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', { description: 'How long to wait, in milliseconds.' }),
  }),
});
builder.objectType(BannedError, {
  name: 'BannedError',
  description: 'You are banned: there, if it is about a stream, or from the whole platform.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description: 'When the ban is over; null: it is for good.',
    }),
  }),
});

/** The failures that every mutation of a signed-in viewer can meet. */
export const commonErrors = [InvalidInputError, NotSignedInError, BannedError, RateLimitedError, UnavailableError];

/** What programs need beside the code, where an error is not one of a union: when to come back. */
function detailsOf(error: DomainError): { retryAfterMs?: number; until?: string | null } {
  if (error instanceof BannedError) return { until: error.until?.toISOString() ?? null };
  return 'retryAfterMs' in error ? { retryAfterMs: Number(error.retryAfterMs) } : {};
}

/** The refusal of a stream of events, or of an operation that would make its socket one of too many. */
export function tooManyConnections(status?: number): GraphQLError {
  const http = status && { http: { status, spec: true } };
  return new GraphQLError('Too many connections are open. Close some, or use one for all operations.', {
    extensions: { code: 'TOO_MANY_CONNECTIONS', ...http },
  });
}

/** GraphQL's own errors at execution that belong to no field are those of variables; they come without a code. */
function coded(error: GraphQLError): GraphQLError {
  if (error.path || error.extensions.code !== undefined) return error;
  const { nodes, source, positions, originalError, extensions } = error;
  return new GraphQLError(error.message, {
    nodes,
    source,
    positions,
    originalError,
    extensions: { ...extensions, code: 'BAD_USER_INPUT' },
  });
}

/** How soon a call is worth sending again when Postgres was away. */
const OUTAGE_RETRY_MS = 1_000;

/**
 * What a client may see of an error: expected failures and GraphQL's own errors as they are; that Postgres was away, as
 * UNAVAILABLE, since the same request with the same key will be answered later; everything else masked.
 * @param report hears of what was hidden, and whether it was such an outage
 */
export function maskError(error: unknown, report: (error: unknown, isOutage: boolean) => void): GraphQLError {
  const original = error instanceof GraphQLError ? error.originalError : error;
  if (original instanceof DomainError) {
    const { nodes, path } = error instanceof GraphQLError ? error : {};
    return new GraphQLError(original.message, {
      nodes,
      path,
      extensions: { code: original.code, ...detailsOf(original) },
    });
  }
  if (error instanceof GraphQLError && (!original || original instanceof GraphQLError)) return coded(error);
  const { nodes, path } = error instanceof GraphQLError ? error : {};
  const isOutage = isConnectionLost(original);
  report(original, isOutage);
  if (isOutage) {
    const { message, code, retryAfterMs } = new UnavailableError(OUTAGE_RETRY_MS);
    return new GraphQLError(message, { nodes, path, extensions: { code, retryAfterMs } });
  }
  return new GraphQLError('Unexpected error.', { nodes, path, extensions: { code: 'INTERNAL_SERVER_ERROR' } });
}
