import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { assert } from '../../kernel/assert.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { ReactionStateError } from './reactions.errors.ts';
import { ReactionType } from './reactions.schema.ts';

/** The success of a mutation that moves a reaction. */
function reactionSuccess(name: string, description: string, replayed: string) {
  return builder.objectRef<{ reactionId: bigint; replayed: boolean }>(name).implement({
    description,
    fields: (t) => ({
      reaction: t.field({
        type: ReactionType,
        description: 'The reaction.',
        resolve: async ({ reactionId }, _args, { services }) => {
          const reaction = await services.reactions.find(reactionId);
          assert(reaction, `reaction ${reactionId} exists`);
          return reaction;
        },
      }),
      replayed: t.exposeBoolean('replayed', { description: replayed }),
    }),
  });
}

const reactionIdField = { required: true, description: 'Global id of a reaction in your stream.' } as const;

// ---- performReaction ---------------------------------------------------------------------------------------------------

const PerformReactionInput = builder.inputType('PerformReactionInput', {
  description: 'Which reaction.',
  fields: (t) => ({ reactionId: t.id(reactionIdField) }),
});

const PerformReactionSuccess = reactionSuccess(
  'PerformReactionSuccess',
  'It is performed, and everybody watching sees it.',
  'True if it was performed before, by you or by the clock.',
);

builder.mutationField('performReaction', (t) =>
  t.field({
    type: PerformReactionSuccess,
    description: 'Performs a reaction that waits in your stream, whatever waits before it. Again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: PerformReactionInput, required: true, description: 'The reaction.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, ReactionStateError],
      union: { description: 'What `performReaction` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const reactionId = fromGlobalId('Reaction', input.reactionId, 'reaction');
      return { reactionId, ...(await context.services.reactions.perform(requireActor(context), reactionId)) };
    },
  }),
);

// ---- performNextReaction -----------------------------------------------------------------------------------------------

const PerformNextReactionInput = builder.inputType('PerformNextReactionInput', {
  description: 'In which stream.',
  validate: rules.input({ idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of your live stream.' }),
    idempotencyKey: t.string({
      required: true,
      description:
        'Your name for this call, 1 to 64 characters: repeat the call with it as often as you like, one reaction is performed.',
    }),
  }),
});

const PerformNextReactionSuccess = reactionSuccess(
  'PerformNextReactionSuccess',
  'What was next is performed, and everybody watching sees it.',
  'True if an earlier call with this key had performed it.',
);

builder.mutationField('performNextReaction', (t) =>
  t.field({
    type: PerformNextReactionSuccess,
    description: 'Performs what is next in the queue of your stream. `NotFoundError` when nothing waits.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: PerformNextReactionInput, required: true, description: 'The stream.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, StreamNotLiveError, IdempotencyConflictError],
      union: { description: 'What `performNextReaction` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.reactions.performNext(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- skipReaction ------------------------------------------------------------------------------------------------------

const SkipReactionInput = builder.inputType('SkipReactionInput', {
  description: 'Which reaction.',
  fields: (t) => ({ reactionId: t.id(reactionIdField) }),
});

const SkipReactionSuccess = reactionSuccess(
  'SkipReactionSuccess',
  'It is not performed, and its gift is paid back.',
  'True if it was skipped before. The gift is paid back once.',
);

builder.mutationField('skipReaction', (t) =>
  t.field({
    type: SkipReactionSuccess,
    description:
      'Takes a reaction that waits in your stream out of the queue, and pays its gift back: the viewer has the coins again, and you lose the diamonds. Again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SkipReactionInput, required: true, description: 'The reaction.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError, ReactionStateError],
      union: { description: 'What `skipReaction` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const reactionId = fromGlobalId('Reaction', input.reactionId, 'reaction');
      return { reactionId, ...(await context.services.reactions.skip(requireActor(context), reactionId)) };
    },
  }),
);

// ---- setAutoPerform ----------------------------------------------------------------------------------------------------

const SetAutoPerformInput = builder.inputType('SetAutoPerformInput', {
  description: 'Whether the clock performs.',
  fields: (t) => ({
    enabled: t.boolean({
      required: true,
      description: 'True: your reactions are performed by the clock. False: by you.',
    }),
  }),
});

const SetAutoPerformSuccess = builder
  .objectRef<{ creatorId: bigint; replayed: boolean }>('SetAutoPerformSuccess')
  .implement({
    description: 'So it is from now on.',
    fields: (t) => ({
      creator: t.field({
        type: CreatorType,
        description: 'You.',
        resolve: async ({ creatorId }, _args, { services }) => {
          const creator = await services.creators.find(creatorId);
          assert(creator, `creator ${creatorId} exists`);
          return creator;
        },
      }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it was so before.' }),
    }),
  });

builder.mutationField('setAutoPerform', (t) =>
  t.field({
    type: SetAutoPerformSuccess,
    description:
      'Has your reactions performed by the clock, in this stream and in later ones: what is next, when what was performed before has had its time. You may perform and skip as well.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SetAutoPerformInput, required: true, description: 'The wish.' }) },
    errors: { types: commonErrors, union: { description: 'What `setAutoPerform` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.reactions.setAutoPerform(requireActor(context), input.enabled),
  }),
);
