import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { RestrictionType, toWhere } from './moderation.schema.ts';
import {
  BAN_SECONDS_MAX,
  type Measure,
  MUTE_FACTOR,
  MUTE_SECONDS_MAX,
  REASON_LENGTH_MAX,
} from './moderation.service.ts';
import type { End, RestrictionRow } from './restrictions.repo.ts';

const reasonRule = rules.text(REASON_LENGTH_MAX).nullish();
const errors = { types: [...commonErrors, NotFoundError, ForbiddenError] };
const WHERE =
  'Name a stream, or its creator: it holds in all streams of that creator. Operators may leave out both: it holds everywhere.';

type InputBuilder = PothosSchemaTypes.InputFieldBuilder<
  typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
  'InputObject'
>;

/** Whom, where and why: what the inputs of all measures have. */
const measureFields = (t: InputBuilder) => ({
  viewerId: t.id({ required: true, description: 'Global id of the viewer.' }),
  streamId: t.id({ description: `Global id of a stream. ${WHERE}` }),
  creatorId: t.id({ description: 'Global id of a creator, instead of a stream.' }),
  reason: t.string({
    description: `Why, for the moderation log: ${REASON_LENGTH_MAX} characters at the most. The viewer does not see it.`,
  }),
});

type MeasureInput = {
  viewerId: string;
  streamId?: string | null | undefined;
  creatorId?: string | null | undefined;
  reason?: string | null | undefined;
};

function toMeasure(input: MeasureInput): Measure {
  return {
    ...toWhere(input),
    viewerId: fromGlobalId('Viewer', input.viewerId, 'viewer'),
    reason: input.reason?.trim(),
  };
}

type Restricted = { restriction: RestrictionRow; end: End };
type Lifted = { restriction: RestrictionRow; replayed: boolean };

// ---- muteViewer --------------------------------------------------------------------------------------------------------

const MuteViewerInput = builder.inputType('MuteViewerInput', {
  description: 'Whom to mute, where, and for how long.',
  validate: rules.input({ seconds: rules.count(MUTE_SECONDS_MAX), reason: reasonRule }),
  fields: (t) => ({
    ...measureFields(t as never),
    seconds: t.int({ required: true, description: `The length of the mute, 1 to ${MUTE_SECONDS_MAX} seconds.` }),
  }),
});

const MuteViewerSuccess = builder.objectRef<Restricted>('MuteViewerSuccess').implement({
  description: 'The viewer is muted.',
  fields: (t) => ({
    until: t.field({
      type: 'DateTime',
      description: `When the viewer may chat, like and send gifts again: ${MUTE_FACTOR} times the seconds from now.`,
      resolve: ({ end }) => end.until!,
    }),
    restriction: t.expose('restriction', { type: RestrictionType, description: 'What keeps the viewer away there.' }),
  }),
});

builder.mutationField('muteViewer', (t) =>
  t.field({
    type: MuteViewerSuccess,
    description: `Mutes a viewer: for twice the seconds (${MUTE_FACTOR} × \`seconds\`) they can neither chat nor like nor send gifts there; \`until\` is the real end. For the creator, their moderators and operators. A later mute replaces an earlier one, so a repeated call begins it anew.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: MuteViewerInput, required: true, description: 'The mute.' }) },
    errors: { ...errors, union: { description: 'What `muteViewer` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.moderation.mute(requireActor(context), { ...toMeasure(input), seconds: input.seconds }),
  }),
);

// ---- unmuteViewer ------------------------------------------------------------------------------------------------------

const UnmuteViewerInput = builder.inputType('UnmuteViewerInput', {
  description: 'Whom to let speak again, and where.',
  validate: rules.input({ reason: reasonRule }),
  fields: (t) => measureFields(t as never),
});

const UnmuteViewerSuccess = builder.objectRef<Lifted>('UnmuteViewerSuccess').implement({
  description: 'The viewer is not muted.',
  fields: (t) => ({
    restriction: t.expose('restriction', { type: RestrictionType, description: 'What else keeps the viewer away.' }),
    replayed: t.exposeBoolean('replayed', { description: 'True if they were not muted before, either.' }),
  }),
});

builder.mutationField('unmuteViewer', (t) =>
  t.field({
    type: UnmuteViewerSuccess,
    description: 'Ends a mute at once. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UnmuteViewerInput, required: true, description: 'The viewer.' }) },
    errors: { ...errors, union: { description: 'What `unmuteViewer` returns.' } },
    resolve: (_root, { input }, context) => context.services.moderation.unmute(requireActor(context), toMeasure(input)),
  }),
);

// ---- banViewer ---------------------------------------------------------------------------------------------------------

const BanViewerInput = builder.inputType('BanViewerInput', {
  description: 'Whom to ban, where, and for how long.',
  validate: rules.input({ seconds: rules.count(BAN_SECONDS_MAX).nullish(), reason: reasonRule }),
  fields: (t) => ({
    ...measureFields(t as never),
    seconds: t.int({ description: `For how long, 1 to ${BAN_SECONDS_MAX} seconds; for good when left out.` }),
  }),
});

const BanViewerSuccess = builder.objectRef<Restricted>('BanViewerSuccess').implement({
  description: 'The viewer is banned.',
  fields: (t) => ({
    until: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it is over; null: it is for good.',
      resolve: ({ end }) => end.until,
    }),
    restriction: t.expose('restriction', { type: RestrictionType, description: 'What keeps the viewer away there.' }),
  }),
});

builder.mutationField('banViewer', (t) =>
  t.field({
    type: BanViewerSuccess,
    description:
      'Bans a viewer: they cannot watch while they are signed in, nor chat, like or send gifts there, and what they watch now ends within seconds. Everywhere, they cannot do anything that needs signing in. For the creator, their moderators and operators; a moderator can be banned by the creator only, and is none afterwards. A later ban replaces an earlier one.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: BanViewerInput, required: true, description: 'The ban.' }) },
    errors: { ...errors, union: { description: 'What `banViewer` returns.' } },
    resolve: (_root, { input }, context) =>
      context.services.moderation.ban(requireActor(context), {
        ...toMeasure(input),
        seconds: input.seconds ?? undefined,
      }),
  }),
);

// ---- unbanViewer -------------------------------------------------------------------------------------------------------

const UnbanViewerInput = builder.inputType('UnbanViewerInput', {
  description: 'Whom to let in again, and where.',
  validate: rules.input({ reason: reasonRule }),
  fields: (t) => measureFields(t as never),
});

const UnbanViewerSuccess = builder.objectRef<Lifted>('UnbanViewerSuccess').implement({
  description: 'The viewer is not banned.',
  fields: (t) => ({
    restriction: t.expose('restriction', { type: RestrictionType, description: 'What else keeps the viewer away.' }),
    replayed: t.exposeBoolean('replayed', { description: 'True if they were not banned before, either.' }),
  }),
});

builder.mutationField('unbanViewer', (t) =>
  t.field({
    type: UnbanViewerSuccess,
    description: 'Ends a ban at once. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UnbanViewerInput, required: true, description: 'The viewer.' }) },
    errors: { ...errors, union: { description: 'What `unbanViewer` returns.' } },
    resolve: (_root, { input }, context) => context.services.moderation.unban(requireActor(context), toMeasure(input)),
  }),
);
