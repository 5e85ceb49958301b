import { checkTransitions } from '../orders/orders.api.ts';

/** The states of a payout. */
export const PAYOUT_STATES = ['REQUESTED', 'SENT', 'PAID', 'FAILED'] as const;

/** One of {@link PAYOUT_STATES}. */
export type PayoutState = (typeof PAYOUT_STATES)[number];

/** Which state may follow which. */
export const PAYOUT_TRANSITIONS: Readonly<Record<PayoutState, readonly PayoutState[]>> = {
  // Nobody has asked the provider yet: it fails without a word of the provider's.
  REQUESTED: ['SENT', 'FAILED'],
  // The provider may have paid. Only what the provider says ends it.
  SENT: ['PAID', 'FAILED'],
  // The provider has taken the money back.
  PAID: ['FAILED'],
  FAILED: [],
};
checkTransitions(PAYOUT_TRANSITIONS, { start: 'REQUESTED', ends: ['FAILED'] });

/** Why a payout has failed. The diamonds are back. */
export const PAYOUT_FAILURES = ['REFUSED', 'ACCOUNT_CHANGED', 'TAKEN_BACK'] as const;

/** One of {@link PAYOUT_FAILURES}. */
export type PayoutFailure = (typeof PAYOUT_FAILURES)[number];

/** How far it is known who a creator is. */
export const IDENTITY_STATUSES = ['UNVERIFIED', 'PENDING', 'VERIFIED', 'REJECTED'] as const;

/** One of {@link IDENTITY_STATUSES}. */
export type IdentityStatus = (typeof IDENTITY_STATUSES)[number];

/** What an operator may decide. What the provider has verified can still be rejected; a creator who was rejected submits again. */
export const IDENTITY_DECISIONS: Readonly<Record<IdentityStatus, readonly IdentityStatus[]>> = {
  UNVERIFIED: [],
  PENDING: ['VERIFIED', 'REJECTED'],
  VERIFIED: ['REJECTED'],
  REJECTED: [],
};
