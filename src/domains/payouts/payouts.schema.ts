import { builder } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { toGlobalId, toRowId } from '../../graphql/global-id.ts';
import { MoneyType } from '../../graphql/money.ts';
import { implementNode } from '../../graphql/node.ts';
import type { RateCard } from '../wallet/wallet.api.ts';
import { CreatorEarningsType } from '../wallet/wallet.schema.ts';
import type { HoldRow } from './holds.repo.ts';
import type { IdentityRow } from './identity.repo.ts';
import {
  IdentityRequiredError,
  InsufficientDiamondsError,
  PayoutLimitError,
  PayoutRefusedError,
} from './payouts.errors.ts';
import { PAYOUT_CURRENCY, PAYOUT_MINOR_MIN, PAYOUT_MINOR_PER_DAY_MAX } from './payouts.limits.ts';
import type { PayoutRow } from './payouts.repo.ts';
import { PAYOUT_TRANSITIONS } from './payouts.state.ts';
import type { PayoutRate } from './rates.repo.ts';

const PayoutStateEnum = builder.enumType('PayoutState', {
  description: 'Where a payout stands.',
  values: {
    REQUESTED: { description: 'The diamonds are held; the provider was not asked yet.' },
    SENT: { description: 'The provider was asked. The diamonds are held until it has said how it ended.' },
    PAID: { description: 'The money is paid.' },
    FAILED: { description: 'Nothing is paid, and the diamonds are back.' },
  },
});
const PayoutFailureEnum = builder.enumType('PayoutFailure', {
  description: 'Why a payout has failed. The diamonds are back.',
  values: {
    REFUSED: { description: 'The provider refused.' },
    ACCOUNT_CHANGED: { description: 'The account that it was for is not yours, or not verified, any more.' },
    TAKEN_BACK: { description: 'It was paid, and the provider has taken the money back.' },
  },
});
const IdentityStatusEnum = builder.enumType('IdentityStatus', {
  description: 'How far it is known who a creator is.',
  values: {
    UNVERIFIED: { description: 'Nothing was submitted.' },
    PENDING: { description: 'It is being checked.' },
    VERIFIED: { description: 'Payouts can be asked for.' },
    REJECTED: { description: 'Another account has to be submitted.' },
  },
});

/** A rate card. */
export const RateCardType = builder.objectRef<RateCard>('RateCard').implement({
  description: 'How many diamonds the coins of gifts turn into. A stream keeps the card that it began with.',
  fields: (t) => ({
    coins: t.exposeInt('coins', { description: 'So many coins …' }),
    diamonds: t.exposeInt('diamonds', { description: '… are so many diamonds.' }),
    publishedAt: t.expose('createdAt', { type: 'DateTime', description: 'Streams that began since then have it.' }),
  }),
});
/** A payout rate. */
export const PayoutRateType = builder.objectRef<PayoutRate>('PayoutRate').implement({
  description: 'What diamonds are paid out at. A payout keeps the rate that it was asked for at.',
  fields: (t) => ({
    diamonds: t.exposeInt('diamonds', { description: 'So many diamonds …' }),
    amount: t.field({
      type: MoneyType,
      description: '… are so much money.',
      resolve: ({ amountMinor, currency }) => ({ minorUnits: BigInt(amountMinor), currency }),
    }),
    publishedAt: t.expose('createdAt', { type: 'DateTime', description: 'Payouts asked for since then have it.' }),
  }),
});

/** A payout. */
export const PayoutType = builder.objectRef<PayoutRow>('Payout');
implementNode(PayoutType, {
  description: 'Diamonds on their way to a creator as money. Only the creator can load it.',
  loadMany: (ids, { services, actor }) =>
    ids.map(async (id) => {
      const payout = await services.payouts.find(toRowId(id) ?? 0n);
      return payout && payout.viewerId === actor?.id ? payout : null;
    }),
  fields: (t) => ({
    state: t.field({ type: PayoutStateEnum, description: 'Where it stands.', resolve: ({ state }) => state }),
    nextStates: t.field({
      type: [PayoutStateEnum],
      description: 'Where it can go from there.',
      resolve: ({ state }) => [...PAYOUT_TRANSITIONS[state]],
    }),
    requestedDiamonds: t.expose('requested', { type: 'SafeInt', description: 'What was asked for.' }),
    diamonds: t.expose('diamonds', {
      type: 'SafeInt',
      description: 'What it takes: what is left over of the smallest unit of money stays available.',
    }),
    amount: t.field({
      type: MoneyType,
      description: 'What is paid.',
      resolve: ({ amountMinor, currency }) => ({ minorUnits: amountMinor, currency }),
    }),
    rateDiamonds: t.exposeInt('rateDiamonds', { description: 'The rate, frozen: so many diamonds …' }),
    rateAmount: t.field({
      type: MoneyType,
      description: '… are so much money.',
      resolve: ({ rateMinor, currency }) => ({ minorUnits: BigInt(rateMinor), currency }),
    }),
    failure: t.expose('failure', {
      type: PayoutFailureEnum,
      nullable: true,
      description: 'Why it has failed; null unless it has.',
    }),
    requestedAt: t.expose('requestedAt', { type: 'DateTime', description: 'When it was asked for.' }),
    sentAt: t.expose('sentAt', { type: 'DateTime', nullable: true, description: 'When the provider was asked first.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it was paid, or failed.' }),
  }),
});

/** Whom the provider knows a creator as; `status` alone when nothing was submitted. */
export const CreatorIdentityType = builder
  .objectRef<IdentityRow | { status: 'UNVERIFIED' }>('CreatorIdentity')
  .implement({
    description: 'How far it is known who a creator is. Papers stay with the payout provider.',
    fields: (t) => ({
      status: t.field({ type: IdentityStatusEnum, description: 'How far.', resolve: ({ status }) => status }),
      submittedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When the account was submitted.',
        resolve: (identity) => (identity.status === 'UNVERIFIED' ? null : identity.submittedAt),
      }),
      decidedAt: t.field({
        type: 'DateTime',
        nullable: true,
        description: 'When it was verified or rejected.',
        resolve: (identity) => (identity.status === 'UNVERIFIED' ? null : identity.decidedAt),
      }),
    }),
  });

/** Diamonds that an operator has set aside. */
export const EarningsHoldType = builder.objectRef<HoldRow>('EarningsHold').implement({
  description: 'Diamonds that an operator has set aside while something is looked into.',
  fields: (t) => ({
    id: t.id({ description: 'Names it in `releaseEarnings`.', resolve: ({ id }) => toGlobalId('EarningsHold', id) }),
    diamonds: t.expose('diamonds', { type: 'SafeInt', description: 'How many.' }),
    reason: t.exposeString('reason', { description: 'Why.' }),
    heldAt: t.expose('heldAt', { type: 'DateTime', description: 'Since when.' }),
    releasedAt: t.expose('releasedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When they became available again; null while they are held.',
    }),
  }),
});

const PayoutConnection = builder.connectionObject(
  { type: PayoutType, ...connectionOf('PayoutConnection', 'payouts') },
  { name: 'PayoutEdge', description: 'A payout and its place in the list.' },
);

builder.objectFields(CreatorEarningsType, (t) => ({
  payouts: t.connection(
    {
      type: PayoutType,
      description: 'Payouts, newest first.',
      resolve: ({ creatorId }, page, { services }) =>
        keysetConnection(page, {
          page: (keyset) => services.payouts.page(creatorId, keyset),
          count: () => services.payouts.count(creatorId),
        }),
    },
    PayoutConnection,
  ),
  identity: t.field({
    type: CreatorIdentityType,
    description: 'How far it is known who you are: payouts need it VERIFIED.',
    resolve: async ({ creatorId }, _args, { services }) =>
      (await services.payouts.identities.read(creatorId)) ?? { status: 'UNVERIFIED' as const },
  }),
  holds: t.field({
    type: [EarningsHoldType],
    description: 'Diamonds that an operator has set aside, newest first; the newest 100.',
    resolve: ({ creatorId }, _args, { services }) => services.payouts.holds.list(creatorId),
  }),
}));

const usd = (minorUnits: bigint) => ({ minorUnits, currency: PAYOUT_CURRENCY });
const PayoutTermsType = builder.objectRef<Record<never, never>>('PayoutTerms').implement({
  description: 'What coins are worth in diamonds, what diamonds are in money, and how much is paid out at once.',
  fields: (t) => ({
    rateCard: t.field({
      type: RateCardType,
      description: 'What new streams earn at.',
      resolve: (_terms, _args, { services }) => services.payouts.rates.card(),
    }),
    payoutRate: t.field({
      type: PayoutRateType,
      description: 'What new payouts are paid at.',
      resolve: (_terms, _args, { services }) => services.payouts.rates.payoutRate(),
    }),
    minimum: t.field({
      type: MoneyType,
      description: 'The least that a payout is.',
      resolve: () => usd(PAYOUT_MINOR_MIN),
    }),
    dailyMaximum: t.field({
      type: MoneyType,
      description: 'The most that all payouts of a UTC day are.',
      resolve: () => usd(PAYOUT_MINOR_PER_DAY_MAX),
    }),
    settlementHoldHours: t.int({
      description: 'How long diamonds pend after their part of a stream has ended.',
      resolve: (_terms, _args, { services }) => services.payouts.earnings.holdHours,
    }),
  }),
});
builder.queryField('payoutTerms', (t) =>
  t.field({ type: PayoutTermsType, description: 'The terms of earnings and payouts now.', resolve: () => ({}) }),
);

builder.objectType(InsufficientDiamondsError, {
  name: 'InsufficientDiamondsError',
  description: 'Fewer diamonds are available. Nothing was moved.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    required: t.expose('required', { type: 'SafeInt', description: 'Diamonds that were needed.' }),
    available: t.expose('available', { type: 'SafeInt', description: 'Diamonds that were available.' }),
  }),
});
builder.objectType(IdentityRequiredError, {
  name: 'IdentityRequiredError',
  description: 'It is not known well enough who you are. Nothing was moved.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    status: t.expose('status', { type: IdentityStatusEnum, description: 'How far it is known.' }),
  }),
});
builder.objectType(PayoutLimitError, {
  name: 'PayoutLimitError',
  description: 'Less than the minimum, or more than what is left of the day’s maximum. Nothing was moved.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    minimum: t.expose('minimum', { type: MoneyType, description: 'The least that a payout is.' }),
    remaining: t.expose('remaining', { type: MoneyType, description: 'What is left of the day’s maximum.' }),
    resetsAt: t.expose('resetsAt', { type: 'DateTime', description: 'When the day ends.' }),
  }),
});
builder.objectType(PayoutRefusedError, {
  name: 'PayoutRefusedError',
  description: 'The payout failed at once. The diamonds are back, and the key is free again.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ failure: t.expose('failure', { type: PayoutFailureEnum, description: 'Why.' }) }),
});
