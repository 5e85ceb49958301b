import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError } from '../../kernel/errors.ts';
import type { IdentityRow } from './identity.repo.ts';
import {
  IdentityRequiredError,
  InsufficientDiamondsError,
  PayoutLimitError,
  PayoutRefusedError,
} from './payouts.errors.ts';
import { ACCOUNT_TOKEN_LENGTH_MAX } from './payouts.limits.ts';
import type { PayoutRow } from './payouts.repo.ts';
import { CreatorIdentityType, PayoutType } from './payouts.schema.ts';

// ---- requestPayout -----------------------------------------------------------------------------------------------------

const RequestPayoutInput = builder.inputType('RequestPayoutInput', {
  description: 'How much to pay out.',
  validate: rules.input({ diamonds: rules.count(Number.MAX_SAFE_INTEGER), idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    diamonds: t.field({ type: 'SafeInt', required: true, description: 'Diamonds, of those that are available.' }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this payout, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const RequestPayoutSuccess = builder
  .objectRef<{ payout: PayoutRow; replayed: boolean }>('RequestPayoutSuccess')
  .implement({
    description: 'The payout is made, or under way.',
    fields: (t) => ({
      payout: t.expose('payout', { type: PayoutType, description: 'The payout now.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if an earlier call with this key had asked for it.' }),
    }),
  });

builder.mutationField('requestPayout', (t) =>
  t.field({
    type: RequestPayoutSuccess,
    description:
      'Pays available diamonds out, to the account of your verified identity. A payout that is SENT is finished in the background, and never paid twice; one that fails gives the diamonds back.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RequestPayoutInput, required: true, description: 'The payout.' }) },
    errors: {
      types: [
        ...commonErrors,
        ForbiddenError,
        IdempotencyConflictError,
        IdentityRequiredError,
        InsufficientDiamondsError,
        PayoutLimitError,
        PayoutRefusedError,
      ],
      union: { description: 'What `requestPayout` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.payouts.flow.request(requireActor(context), {
        diamonds: BigInt(input.diamonds),
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- submitIdentity ----------------------------------------------------------------------------------------------------

const SubmitIdentityInput = builder.inputType('SubmitIdentityInput', {
  description: 'Whom the payout provider knows you as.',
  validate: rules.input({ accountToken: rules.text(ACCOUNT_TOKEN_LENGTH_MAX) }),
  fields: (t) => ({
    accountToken: t.string({
      required: true,
      description:
        "The provider's name of the account that it has opened for you. Stripe: acct_… of a connected account. Sandbox: acct_ok, acct_fails, acct_timeout, acct_timeout_fails, acct_unreachable, acct_review (waits for an operator), acct_rejected.",
    }),
  }),
});

const SubmitIdentitySuccess = builder
  .objectRef<{ identity: IdentityRow; replayed: boolean }>('SubmitIdentitySuccess')
  .implement({
    description: 'It is submitted, and checked as far as the provider can at once.',
    fields: (t) => ({
      identity: t.expose('identity', { type: CreatorIdentityType, description: 'Your identity now.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if you had submitted the same account before.' }),
    }),
  });

builder.mutationField('submitIdentity', (t) =>
  t.field({
    type: SubmitIdentitySuccess,
    description:
      'Submits the account that your payouts go to. The same account again changes nothing; another one is verified anew, and payouts that were not sent yet fail.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SubmitIdentityInput, required: true, description: 'The account.' }) },
    errors: { types: [...commonErrors, ForbiddenError], union: { description: 'What `submitIdentity` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.payouts.identities.submit(requireActor(context), input.accountToken.trim()),
  }),
);
