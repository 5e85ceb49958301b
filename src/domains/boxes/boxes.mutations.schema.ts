import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError, OverloadedError } from '../../kernel/errors.ts';
import { AgeRestrictedError, RegionRestrictedError } from '../gifts/gifts.errors.ts';
import { MutedError } from '../moderation/moderation.errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import type { WalletState } from '../wallet/wallet.api.ts';
import { InsufficientCoinsError, SpendingCapReachedError } from '../wallet/wallet.errors.ts';
import { WalletType } from '../wallet/wallet.schema.ts';
import { BoxEmptyError, BoxStateError } from './boxes.errors.ts';
import { BOX_COINS_MAX, BOX_SHARES_MAX, OPENS_IN_SECONDS_MAX, OPENS_IN_SECONDS_MIN } from './boxes.limits.ts';
import { TreasureBoxType } from './boxes.schema.ts';

// ---- fundTreasureBox ---------------------------------------------------------------------------------------------------

const FundTreasureBoxInput = builder.inputType('FundTreasureBoxInput', {
  description: 'The treasure box to fund.',
  validate: rules.input({
    coins: rules.count(BOX_COINS_MAX),
    shares: rules.count(BOX_SHARES_MAX),
    opensInSeconds: rules
      .count(OPENS_IN_SECONDS_MAX)
      .min(OPENS_IN_SECONDS_MIN, `Must be at least ${OPENS_IN_SECONDS_MIN}.`),
    idempotencyKey: rules.idempotencyKey,
  }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of a live stream.' }),
    coins: t.field({
      type: 'SafeInt',
      required: true,
      description: `What to put into it, 1 to ${BOX_COINS_MAX}; at least a coin for each share.`,
    }),
    shares: t.int({
      required: true,
      description: `How many watchers can have a share, 1 to ${BOX_SHARES_MAX}. All shares are the same; what the division leaves comes back to you.`,
    }),
    opensInSeconds: t.int({
      required: true,
      description: `How long watchers wait for it: ${OPENS_IN_SECONDS_MIN} to ${OPENS_IN_SECONDS_MAX} seconds.`,
    }),
    idempotencyKey: t.string({
      required: true,
      description:
        'Your name for this box, 1 to 64 characters: repeat the call with it as often as you like, it is funded once.',
    }),
  }),
});

const FundTreasureBoxSuccess = builder
  .objectRef<{ boxId: bigint; wallet: WalletState; replayed: boolean }>('FundTreasureBoxSuccess')
  .implement({
    description: 'The coins are in the box, and everybody watching knows when it opens.',
    fields: (t) => ({
      box: t.field({
        type: TreasureBoxType,
        description: 'The box.',
        resolve: async ({ boxId }, _args, { services }) => (await services.boxes.find(boxId))!,
      }),
      wallet: t.expose('wallet', { type: WalletType, description: 'Your wallet now.' }),
      replayed: t.exposeBoolean('replayed', { description: 'True if an earlier call with this key had funded it.' }),
    }),
  });

builder.mutationField('fundTreasureBox', (t) =>
  t.field({
    type: FundTreasureBoxSuccess,
    description:
      'Puts coins of yours into a box that watchers of a live stream claim at a set time. They count against your spending caps, and what nobody claims comes back.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: FundTreasureBoxInput, required: true, description: 'The box.' }) },
    errors: {
      types: [
        ...commonErrors,
        NotFoundError,
        InsufficientCoinsError,
        SpendingCapReachedError,
        AgeRestrictedError,
        RegionRestrictedError,
        MutedError,
        StreamNotLiveError,
        IdempotencyConflictError,
      ],
      union: { description: 'What `fundTreasureBox` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.boxes.fund(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        coins: BigInt(input.coins),
        shares: input.shares,
        opensInSeconds: input.opensInSeconds,
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- claimTreasureBox --------------------------------------------------------------------------------------------------

const ClaimTreasureBoxInput = builder.inputType('ClaimTreasureBoxInput', {
  description: 'The treasure box to claim a share of.',
  fields: (t) => ({ boxId: t.id({ required: true, description: 'Global id of a treasure box.' }) }),
});

const ClaimTreasureBoxSuccess = builder
  .objectRef<{ boxId: bigint; coins: bigint; wallet: WalletState; replayed: boolean }>('ClaimTreasureBoxSuccess')
  .implement({
    description: 'A share is yours.',
    fields: (t) => ({
      box: t.field({
        type: TreasureBoxType,
        description: 'The box.',
        resolve: async ({ boxId }, _args, { services }) => (await services.boxes.find(boxId))!,
      }),
      coins: t.expose('coins', { type: 'SafeInt', description: 'Your share.' }),
      wallet: t.expose('wallet', { type: WalletType, description: 'Your wallet now.' }),
      replayed: t.exposeBoolean('replayed', {
        description: 'True if you had it already, say by another device: it is the same share, not a second one.',
      }),
    }),
  });

builder.mutationField('claimTreasureBox', (t) =>
  t.field({
    type: ClaimTreasureBoxSuccess,
    description:
      'Claims a share of an open treasure box; who comes first has one. Safe to repeat: each viewer has one share of a box at the most.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ClaimTreasureBoxInput, required: true, description: 'The box.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, BoxStateError, BoxEmptyError, OverloadedError],
      union: { description: 'What `claimTreasureBox` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const boxId = fromGlobalId('TreasureBox', input.boxId, 'box');
      return { boxId, ...(await context.services.boxes.claim(requireActor(context), boxId)) };
    },
  }),
);
