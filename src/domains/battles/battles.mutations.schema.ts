import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { BattleStateError } from './battles.errors.ts';
import { BattleType } from './battles.schema.ts';
import { BATTLE_SECONDS_MAX, BATTLE_SECONDS_MIN } from './battles.service.ts';

type Changed = { battleId: bigint; replayed: boolean };

/** The success of a mutation of battles. */
function success(name: string, description: string, replayed: string) {
  return builder.objectRef<Changed>(name).implement({
    description,
    fields: (t) => ({
      battle: t.field({
        type: BattleType,
        description: 'The battle.',
        resolve: async ({ battleId }, _args, { services }) => (await services.battles.find(battleId))!,
      }),
      replayed: t.exposeBoolean('replayed', { description: replayed }),
    }),
  });
}

const battleIdField = { required: true, description: 'Global id of the invitation.' } as const;

// ---- inviteToBattle ----------------------------------------------------------------------------------------------------

const InviteToBattleInput = builder.inputType('InviteToBattleInput', {
  description: 'Whom to invite, and for how long a battle.',
  validate: rules.input({
    durationSeconds: rules.count(BATTLE_SECONDS_MAX).min(BATTLE_SECONDS_MIN, `Must be at least ${BATTLE_SECONDS_MIN}.`),
  }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of a live stream of yours.' }),
    opponentStreamId: t.id({ required: true, description: 'Global id of the live stream to compete with.' }),
    durationSeconds: t.int({
      required: true,
      description: `How long it is to last, ${BATTLE_SECONDS_MIN} to ${BATTLE_SECONDS_MAX} seconds.`,
    }),
  }),
});

builder.mutationField('inviteToBattle', (t) =>
  t.field({
    type: success(
      'InviteToBattleSuccess',
      'The other creator is invited.',
      'True if they had been invited already, and the invitation is open.',
    ),
    description:
      'Invites the creator of another live stream to a battle. Inviting them again while the invitation is open changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: InviteToBattleInput, required: true, description: 'The invitation.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, StreamNotLiveError, BattleStateError],
      union: { description: 'What `inviteToBattle` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.battles.invite(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        opponentStreamId: fromGlobalId('LiveStream', input.opponentStreamId, 'stream'),
        durationSeconds: input.durationSeconds,
      }),
  }),
);

// ---- acceptBattle ------------------------------------------------------------------------------------------------------

const AcceptBattleInput = builder.inputType('AcceptBattleInput', {
  description: 'The invitation to accept.',
  fields: (t) => ({ battleId: t.id(battleIdField) }),
});

builder.mutationField('acceptBattle', (t) =>
  t.field({
    type: success('AcceptBattleSuccess', 'The battle has begun.', 'True if it had begun before.'),
    description: 'Accepts an invitation to a battle, which begins at once. Accepting it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: AcceptBattleInput, required: true, description: 'The invitation.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, StreamNotLiveError, BattleStateError],
      union: { description: 'What `acceptBattle` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const battleId = fromGlobalId('Battle', input.battleId, 'battle');
      const { replayed } = await context.services.battles.accept(requireActor(context), battleId);
      return { battleId, replayed };
    },
  }),
);

// ---- declineBattle -----------------------------------------------------------------------------------------------------

const DeclineBattleInput = builder.inputType('DeclineBattleInput', {
  description: 'The invitation to decline.',
  fields: (t) => ({ battleId: t.id(battleIdField) }),
});

builder.mutationField('declineBattle', (t) =>
  t.field({
    type: success('DeclineBattleSuccess', 'The invitation is closed.', 'True if it was closed before.'),
    description:
      'Declines an invitation to a battle, or takes your own back. What is declined or has expired may be declined again and again.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: DeclineBattleInput, required: true, description: 'The invitation.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, BattleStateError],
      union: { description: 'What `declineBattle` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const battleId = fromGlobalId('Battle', input.battleId, 'battle');
      const { replayed } = await context.services.battles.decline(requireActor(context), battleId);
      return { battleId, replayed };
    },
  }),
);
