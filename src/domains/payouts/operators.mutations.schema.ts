import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import type { RateCard } from '../wallet/wallet.api.ts';
import type { HoldRow } from './holds.repo.ts';
import type { IdentityRow } from './identity.repo.ts';
import { InsufficientDiamondsError } from './payouts.errors.ts';
import { HOLD_REASON_LENGTH_MAX, RATE_MAX } from './payouts.limits.ts';
import { CreatorIdentityType, EarningsHoldType, PayoutRateType, RateCardType } from './payouts.schema.ts';
import type { PayoutRate } from './rates.repo.ts';

const operator = { operator: true } as const;
const creatorIdField = { required: true, description: 'Global id of the creator.' } as const;

// ---- decideIdentity ----------------------------------------------------------------------------------------------------

const IdentityDecisionEnum = builder.enumType('IdentityDecision', {
  description: 'What an operator decides about an identity.',
  values: { VERIFIED: { description: 'It is who it says.' }, REJECTED: { description: 'It is not.' } },
});
const DecideIdentityInput = builder.inputType('DecideIdentityInput', {
  description: 'Whose identity, and what is decided.',
  fields: (t) => ({
    creatorId: t.id(creatorIdField),
    decision: t.field({ type: IdentityDecisionEnum, required: true, description: 'The decision.' }),
  }),
});
const DecideIdentitySuccess = builder
  .objectRef<{ identity: IdentityRow; replayed: boolean }>('DecideIdentitySuccess')
  .implement({
    description: 'It is decided.',
    fields: (t) => ({
      identity: t.expose('identity', { type: CreatorIdentityType, description: 'The identity now.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it had been decided so before.' }),
    }),
  });
builder.mutationField('decideIdentity', (t) =>
  t.field({
    type: DecideIdentitySuccess,
    description:
      'For operators: decides on an identity that the provider leaves open, or rejects one that was verified. The same decision again changes nothing.',
    authScopes: operator,
    args: { input: t.arg({ type: DecideIdentityInput, required: true, description: 'The decision.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `decideIdentity` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.payouts.identities.decide(requireActor(context), {
        creatorId: fromGlobalId('Creator', input.creatorId, 'creator'),
        isVerified: input.decision === 'VERIFIED',
      }),
  }),
);

// ---- holdEarnings, releaseEarnings ---------------------------------------------------------------------------------------

const HoldEarningsInput = builder.inputType('HoldEarningsInput', {
  description: 'Whose diamonds are set aside, how many and why.',
  validate: rules.input({
    diamonds: rules.count(Number.MAX_SAFE_INTEGER),
    reason: rules.text(HOLD_REASON_LENGTH_MAX),
    idempotencyKey: rules.idempotencyKey,
  }),
  fields: (t) => ({
    creatorId: t.id(creatorIdField),
    diamonds: t.field({ type: 'SafeInt', required: true, description: 'Diamonds, of those that are available.' }),
    reason: t.string({ required: true, description: 'Why; the creator reads it.' }),
    idempotencyKey: t.string({ required: true, description: 'Your name for this hold, 1 to 64 characters.' }),
  }),
});
const HoldEarningsSuccess = builder.objectRef<{ hold: HoldRow; replayed: boolean }>('HoldEarningsSuccess').implement({
  description: 'They are set aside.',
  fields: (t) => ({
    hold: t.expose('hold', { type: EarningsHoldType, description: 'The hold.' }),
    replayed: t.exposeBoolean('replayed', { description: 'True if an earlier call with this key had done so.' }),
  }),
});
builder.mutationField('holdEarnings', (t) =>
  t.field({
    type: HoldEarningsSuccess,
    description: 'For operators: sets available diamonds of a creator aside until they are released.',
    authScopes: operator,
    args: { input: t.arg({ type: HoldEarningsInput, required: true, description: 'The hold.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, IdempotencyConflictError, InsufficientDiamondsError],
      union: { description: 'What `holdEarnings` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.payouts.holds.hold(requireActor(context), {
        creatorId: fromGlobalId('Creator', input.creatorId, 'creator'),
        diamonds: BigInt(input.diamonds),
        reason: input.reason,
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

const ReleaseEarningsInput = builder.inputType('ReleaseEarningsInput', {
  description: 'Which hold is lifted.',
  fields: (t) => ({ holdId: t.id({ required: true, description: 'Id of an EarningsHold.' }) }),
});
const ReleaseEarningsSuccess = builder
  .objectRef<{ hold: HoldRow; replayed: boolean }>('ReleaseEarningsSuccess')
  .implement({
    description: 'They are available again, as far as there is no debt.',
    fields: (t) => ({
      hold: t.expose('hold', { type: EarningsHoldType, description: 'The hold.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it had been lifted before.' }),
    }),
  });
builder.mutationField('releaseEarnings', (t) =>
  t.field({
    type: ReleaseEarningsSuccess,
    description: 'For operators: lifts a hold. Lifting it again changes nothing.',
    authScopes: operator,
    args: { input: t.arg({ type: ReleaseEarningsInput, required: true, description: 'The hold.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `releaseEarnings` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.payouts.holds.release(requireActor(context), fromGlobalId('EarningsHold', input.holdId, 'hold')),
  }),
);

// ---- publishRateCard, publishPayoutRate ----------------------------------------------------------------------------------

const PublishRateCardInput = builder.inputType('PublishRateCardInput', {
  description: 'What coins are to be worth in diamonds.',
  validate: rules.input({ coins: rules.count(RATE_MAX), diamonds: rules.count(RATE_MAX) }),
  fields: (t) => ({
    coins: t.int({ required: true, description: 'So many coins …' }),
    diamonds: t.int({ required: true, description: '… are so many diamonds.' }),
  }),
});
const PublishRateCardSuccess = builder
  .objectRef<{ card: RateCard; replayed: boolean }>('PublishRateCardSuccess')
  .implement({
    description: 'Streams that begin from now on have it.',
    fields: (t) => ({
      rateCard: t.expose('card', { type: RateCardType, description: 'The card in force.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it was in force before.' }),
    }),
  });
builder.mutationField('publishRateCard', (t) =>
  t.field({
    type: PublishRateCardSuccess,
    description: 'For operators: publishes a rate card. Streams that are live keep theirs.',
    authScopes: operator,
    args: { input: t.arg({ type: PublishRateCardInput, required: true, description: 'The card.' }) },
    errors: { types: [...commonErrors, ForbiddenError], union: { description: 'What `publishRateCard` returns.' } },
    resolve: (_root, { input }, context) => context.services.payouts.rates.publishCard(requireActor(context), input),
  }),
);

const PublishPayoutRateInput = builder.inputType('PublishPayoutRateInput', {
  description: 'What diamonds are to be paid out at.',
  validate: rules.input({ diamonds: rules.count(RATE_MAX), amountMinor: rules.count(RATE_MAX) }),
  fields: (t) => ({
    diamonds: t.int({ required: true, description: 'So many diamonds …' }),
    amountMinor: t.int({ required: true, description: '… are so many US cents.' }),
  }),
});
const PublishPayoutRateSuccess = builder
  .objectRef<{ rate: PayoutRate; replayed: boolean }>('PublishPayoutRateSuccess')
  .implement({
    description: 'Payouts that are asked for from now on have it.',
    fields: (t) => ({
      payoutRate: t.expose('rate', { type: PayoutRateType, description: 'The rate in force.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it was in force before.' }),
    }),
  });
builder.mutationField('publishPayoutRate', (t) =>
  t.field({
    type: PublishPayoutRateSuccess,
    description: 'For operators: publishes a payout rate. Payouts that were asked for keep theirs.',
    authScopes: operator,
    args: { input: t.arg({ type: PublishPayoutRateInput, required: true, description: 'The rate.' }) },
    errors: { types: [...commonErrors, ForbiddenError], union: { description: 'What `publishPayoutRate` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.payouts.rates.publishPayoutRate(requireActor(context), input),
  }),
);
