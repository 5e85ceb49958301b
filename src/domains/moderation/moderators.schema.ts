import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import type { CreatorRow } from '../creators/creators.api.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { MODERATORS_MAX } from './moderation.service.ts';
import { SLOW_SECONDS_MAX } from './slow-mode.ts';

const errors = { types: [...commonErrors, NotFoundError, ForbiddenError] };

type ChangeInput = { creatorId: string; viewerId: string };
type Changed = { creatorId: bigint; replayed: boolean };

function toChange(input: ChangeInput): { creatorId: bigint; viewerId: bigint } {
  return {
    creatorId: fromGlobalId('Creator', input.creatorId, 'creator'),
    viewerId: fromGlobalId('Viewer', input.viewerId, 'viewer'),
  };
}

// ---- addModerator ------------------------------------------------------------------------------------------------------

const AddModeratorInput = builder.inputType('AddModeratorInput', {
  description: 'Who is to moderate, and for whom.',
  fields: (t) => ({
    creatorId: t.id({ required: true, description: 'Global id of the creator: yourself, unless you are an operator.' }),
    viewerId: t.id({ required: true, description: 'Global id of the viewer.' }),
  }),
});

const AddModeratorSuccess = builder.objectRef<Changed>('AddModeratorSuccess').implement({
  description: 'The viewer moderates.',
  fields: (t) => ({
    creator: creatorField(t as never),
    replayed: t.exposeBoolean('replayed', { description: 'True if they did before.' }),
  }),
});

builder.mutationField('addModerator', (t) =>
  t.field({
    type: AddModeratorSuccess,
    description: `Lets a viewer moderate a creator's streams: mute, ban, slow mode, blocked words and reports, but not appoint others. For the creator and operators; ${MODERATORS_MAX} moderators at the most. Doing so again changes nothing.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: AddModeratorInput, required: true, description: 'The appointment.' }) },
    errors: { ...errors, union: { description: 'What `addModerator` returns.' } },
    resolve: async (_root, { input }, context) => {
      const change = toChange(input);
      return { ...change, ...(await context.services.moderation.addModerator(requireActor(context), change)) };
    },
  }),
);

// ---- removeModerator ---------------------------------------------------------------------------------------------------

const RemoveModeratorInput = builder.inputType('RemoveModeratorInput', {
  description: 'Who is to moderate no longer, and for whom.',
  fields: (t) => ({
    creatorId: t.id({ required: true, description: 'Global id of the creator: yourself, unless you are an operator.' }),
    viewerId: t.id({ required: true, description: 'Global id of the viewer.' }),
  }),
});

const RemoveModeratorSuccess = builder.objectRef<Changed>('RemoveModeratorSuccess').implement({
  description: 'The viewer does not moderate.',
  fields: (t) => ({
    creator: creatorField(t as never),
    replayed: t.exposeBoolean('replayed', { description: 'True if they did not before, either.' }),
  }),
});

builder.mutationField('removeModerator', (t) =>
  t.field({
    type: RemoveModeratorSuccess,
    description: 'Dismisses a moderator at once. For the creator and operators. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RemoveModeratorInput, required: true, description: 'The dismissal.' }) },
    errors: { ...errors, union: { description: 'What `removeModerator` returns.' } },
    resolve: async (_root, { input }, context) => {
      const change = toChange(input);
      return { ...change, ...(await context.services.moderation.removeModerator(requireActor(context), change)) };
    },
  }),
);

// ---- setSlowMode -------------------------------------------------------------------------------------------------------

const SetSlowModeInput = builder.inputType('SetSlowModeInput', {
  description: 'How slow a chat is to be.',
  validate: rules.input({
    seconds: z
      .number()
      .int()
      .min(0, 'Must not be negative.')
      .max(SLOW_SECONDS_MAX, `Must be ${SLOW_SECONDS_MAX} at the most.`),
  }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of a stream.' }),
    seconds: t.int({
      required: true,
      description: `How long each viewer must wait between two messages, up to ${SLOW_SECONDS_MAX}; 0: not at all.`,
    }),
  }),
});

const SetSlowModeSuccess = builder.objectRef<{ streamId: bigint; replayed: boolean }>('SetSlowModeSuccess').implement({
  description: 'The chat is as slow as you want it.',
  fields: (t) => ({
    stream: t.field({
      type: LiveStreamType,
      description: 'The stream.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(streamId),
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if it was so before.' }),
  }),
});

builder.mutationField('setSlowMode', (t) =>
  t.field({
    type: SetSlowModeSuccess,
    description:
      'Makes viewers of a stream wait between two chat messages, until it ends or this is set to 0. The creator and moderators need not wait. For the creator, their moderators and operators. The same again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SetSlowModeInput, required: true, description: 'The pause.' }) },
    errors: { ...errors, union: { description: 'What `setSlowMode` returns.' } },
    resolve: async (_root, { input }, context) => {
      const streamId = fromGlobalId('LiveStream', input.streamId, 'stream');
      const { slowModes } = context.services.moderation;
      return { streamId, ...(await slowModes.set(requireActor(context), streamId, input.seconds)) };
    },
  }),
);

type FieldBuilder = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
  Changed
>;

function creatorField(t: FieldBuilder) {
  return t.field({
    type: CreatorType,
    description: 'The creator.',
    resolve: async ({ creatorId }, _args, { services }) => (await services.creators.find(creatorId)) as CreatorRow,
  });
}
