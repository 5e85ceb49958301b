import { builder } from '../../graphql/builder.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId, toRowId } from '../../graphql/global-id.ts';
import { MoneyType } from '../../graphql/money.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import type { CoinDisputeRow } from './coin-disputes.repo.ts';
import { COIN_DISPUTE_STATES } from './coin-disputes.state.ts';
import { PaymentPendingError } from './payments.errors.ts';
import type { CoinPurchaseRow } from './payments.repo.ts';

/** Characters of what a bank gives as its reason. */
const REASON_LENGTH_MAX = 200;

const STATES: Record<(typeof COIN_DISPUTE_STATES)[number], string> = {
  OPEN: 'The bank asks; nothing is taken yet.',
  REVERSING: 'Coins are being taken back.',
  REVERSED: 'All coins of the purchase are taken back, or owed.',
  WON: 'The bank has decided for us: what had been taken was given back as new coins. Reversed gifts stay reversed.',
};

const CoinDisputeStateEnum = builder.enumType('CoinDisputeState', {
  description: 'Where a contested coin purchase stands.',
  values: Object.fromEntries(COIN_DISPUTE_STATES.map((state) => [state, { description: STATES[state] }])) as Record<
    (typeof COIN_DISPUTE_STATES)[number],
    { description: string }
  >,
});

const CoinDisputeType = builder.objectRef<CoinDisputeRow>('CoinDispute').implement({
  description:
    'The buyer contests a coin purchase with the bank. Its coins are taken back: first what is unspent, then by reversing gifts, newest first; the rest is owed.',
  fields: (t) => ({
    state: t.expose('state', { type: CoinDisputeStateEnum, description: 'Where it stands.' }),
    reason: t.exposeString('reason', { description: 'What the bank gives as the reason.' }),
    coinsLeft: t.expose('coinsLeft', { type: 'SafeInt', description: 'Coins that are still to be taken.' }),
    coinsUnspent: t.expose('coinsUnspent', {
      type: 'SafeInt',
      description: 'Coins that were taken out of the wallet.',
    }),
    coinsGifted: t.expose('coinsGifted', { type: 'SafeInt', description: 'Coins that reversed gifts gave back.' }),
    coinsOwed: t.expose('coinsOwed', { type: 'SafeInt', description: 'Coins that nothing could give back.' }),
    giftsReversed: t.exposeInt('giftsReversed', { description: 'How many gifts were taken back for it.' }),
    openedAt: t.expose('openedAt', { type: 'DateTime', description: 'When we heard of it.' }),
    reversedAt: t.expose('reversedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the last of the coins was taken.',
    }),
    decidedAt: t.expose('decidedAt', { type: 'DateTime', nullable: true, description: 'When the bank decided.' }),
  }),
});

const CoinPurchaseStateEnum = builder.enumType('CoinPurchaseState', {
  description: 'Where a purchase of coins stands.',
  values: {
    PENDING: { description: 'The provider has not said yet.' },
    SUCCEEDED: { description: 'Charged; the coins came into the wallet.' },
    DECLINED: { description: 'Not charged.' },
  },
});

/** A purchase of coins, for its buyer and for operators. */
export const CoinPurchaseType = builder.objectRef<CoinPurchaseRow>('CoinPurchase');
implementNode(CoinPurchaseType, {
  description: 'Coins that you have bought. Only you, and operators, can see it.',
  loadMany: (ids, { services, actor }) => services.payments.findPurchases(actor, ids.map(toRowId)),
  fields: (t) => ({
    coins: t.expose('coins', { type: 'SafeInt', description: 'How many.' }),
    price: t.field({
      type: MoneyType,
      description: 'What they cost.',
      resolve: ({ priceMinor, currency }) => ({ minorUnits: priceMinor, currency }),
    }),
    state: t.expose('state', { type: CoinPurchaseStateEnum, description: 'Where it stands.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was begun.' }),
    disputes: t.field({
      type: [CoinDisputeType],
      description: 'What was contested of it with a bank, oldest first.',
      resolve: ({ id }, _args, { services }) => services.payments.disputesOf(id),
    }),
  }),
});

const CoinDisputeNewsEnum = builder.enumType('CoinDisputeNews', {
  description: 'What a bank can say of a contested payment.',
  values: {
    OPEN: { description: 'It is contested, and the money is gone for now: the coins are taken back.' },
    WON: { description: 'Decided for us: what was taken is given back.' },
    LOST: { description: 'Decided for the buyer, for good.' },
  },
});

const DisputeCoinPurchaseInput = builder.inputType('DisputeCoinPurchaseInput', {
  description: 'What a bank says of a purchase.',
  validate: rules.input({ reason: rules.text(REASON_LENGTH_MAX) }),
  fields: (t) => ({
    purchaseId: t.id({ required: true, description: 'Global id of a coin purchase.' }),
    news: t.field({ type: CoinDisputeNewsEnum, required: true, description: 'What it says.' }),
    reason: t.string({ required: true, description: `Why, ${REASON_LENGTH_MAX} characters at the most.` }),
  }),
});

const DisputeCoinPurchaseSuccess = builder
  .objectRef<{ dispute: CoinDisputeRow; purchase: CoinPurchaseRow; replayed: boolean }>('DisputeCoinPurchaseSuccess')
  .implement({
    description: 'The bank’s word is noted, and acted upon.',
    fields: (t) => ({
      dispute: t.expose('dispute', { type: CoinDisputeType, description: 'Where the dispute stands.' }),
      purchase: t.expose('purchase', { type: CoinPurchaseType, description: 'The purchase.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if that was known already: nothing has changed.' }),
    }),
  });

builder.mutationField('disputeCoinPurchase', (t) =>
  t.field({
    type: DisputeCoinPurchaseSuccess,
    description:
      'For operators: what a bank says of a payment for coins, when no webhook tells it: with the sandbox provider, or in a letter. Naturally idempotent: the same news again changes nothing, and nothing follows on WON.',
    authScopes: { operator: true },
    args: { input: t.arg({ type: DisputeCoinPurchaseInput, required: true, description: 'What it says.' }) },
    errors: {
      types: [...commonErrors, ForbiddenError, NotFoundError, PaymentPendingError],
      union: { description: 'What `disputeCoinPurchase` returns.' },
    },
    resolve: (_root, { input }, { services }) =>
      services.payments.dispute(fromGlobalId('CoinPurchase', input.purchaseId, 'coin purchase'), {
        state: input.news,
        reason: input.reason,
      }),
  }),
);
