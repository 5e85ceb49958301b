import { builder } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { requireActor } from '../../graphql/context.ts';
import { fromGlobalId, toGlobalId } from '../../graphql/global-id.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import type { ActionRow } from './actions.repo.ts';
import { toWhere } from './moderation.schema.ts';
import { EVERYWHERE } from './restrictions.repo.ts';

const ActionKindEnum = builder.enumType('ModerationActionKind', {
  description: 'What was done.',
  values: {
    MUTED: { description: 'A viewer was muted.' },
    UNMUTED: { description: 'A mute was ended.' },
    BANNED: { description: 'A viewer was banned.' },
    UNBANNED: { description: 'A ban was ended.' },
    MODERATOR_ADDED: { description: 'A viewer was made a moderator.' },
    MODERATOR_REMOVED: { description: 'A moderator was dismissed, by a ban as well.' },
    SLOW_MODE_SET: { description: 'A chat was made slow, or quick again; the reason says how slow.' },
    WORDS_BLOCKED: { description: 'Words were blocked; the reason says how many.' },
    WORDS_UNBLOCKED: { description: 'Words were taken off the list; the reason says how many.' },
    REPORT_RESOLVED: { description: 'A report about a viewer was closed.' },
  },
});

const ActionType = builder.objectRef<ActionRow>('ModerationAction').implement({
  description: 'Something that was done to keep the rules. Never changed.',
  fields: (t) => ({
    id: t.id({ description: 'Global id.', resolve: ({ id }) => toGlobalId('ModerationAction', id) }),
    kind: t.expose('kind', { type: ActionKindEnum, description: 'What was done.' }),
    actor: t.expose('actor', { type: PublicProfileType, description: 'Who did it.' }),
    viewer: t.expose('viewer', {
      type: PublicProfileType,
      nullable: true,
      description: 'To whom; null when it was to nobody.',
    }),
    creator: t.field({
      type: CreatorType,
      nullable: true,
      description: 'In whose streams; null: everywhere.',
      resolve: ({ creatorId }, _args, { services }) =>
        creatorId === EVERYWHERE ? null : services.creators.find(creatorId),
    }),
    stream: t.field({
      type: LiveStreamType,
      nullable: true,
      description: 'The stream that was named; null when none was.',
      resolve: ({ streamId }, _args, { services }) =>
        streamId === null ? null : services.streams.reads.find(streamId),
    }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why.' }),
    until: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when it holds; null: for good, or it has no duration.',
      resolve: ({ end }) => end?.until ?? null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was done.' }),
  }),
});

builder.queryField('moderationLog', (t) =>
  t.connection(
    {
      type: ActionType,
      description:
        'Who did what to whom, newest first: in a creator’s streams, for those who moderate there; without a creator everywhere, for operators.',
      authScopes: { signedIn: true },
      args: {
        creatorId: t.arg.id({ description: 'Global id of a creator.' }),
        viewerId: t.arg.id({ description: 'Only what was done to this viewer.' }),
      },
      resolve: async (_root, { creatorId, viewerId, ...page }, context) =>
        keysetConnection(
          page,
          await context.services.moderation.log(requireActor(context), {
            creatorId: toWhere({ creatorId }).creatorId,
            viewerId: viewerId == null ? undefined : fromGlobalId('Viewer', viewerId, 'viewer'),
          }),
        ),
    },
    connectionOf('ModerationActionConnection', 'actions'),
    { name: 'ModerationActionEdge', description: 'An action and its place in the log.' },
  ),
);
