import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId, toGlobalId } from '../../graphql/global-id.ts';
import { topics } from '../../live/topics.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import type { Where } from './authority.ts';
import { BlockedWordsError, MutedError, SlowModeError } from './moderation.errors.ts';
import { type End, EVERYWHERE, type RestrictionRow } from './restrictions.repo.ts';

builder.objectType(MutedError, {
  name: 'MutedError',
  description: 'A moderator has muted you: you can neither chat nor like nor send gifts there until the mute is over.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    until: t.expose('until', { type: 'DateTime', nullable: true, description: 'When it is over; null: never.' }),
  }),
});
builder.objectType(SlowModeError, {
  name: 'SlowModeError',
  description: 'The chat is in slow mode, and you have said something a moment ago. The same call may succeed later.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', { description: 'How long to wait, in milliseconds.' }),
  }),
});
builder.objectType(BlockedWordsError, {
  name: 'BlockedWordsError',
  description: 'The text has words that are not allowed there. Which ones is not said.',
  interfaces: [ErrorInterface],
});

const EndType = builder.objectRef<End>('RestrictionEnd').implement({
  description: 'How long a mute or ban lasts.',
  fields: (t) => ({
    until: t.expose('until', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is over; null: it is for good.',
    }),
  }),
});

/** What keeps somebody from a creator's streams. */
export const RestrictionType = builder.objectRef<RestrictionRow>('ViewerRestriction').implement({
  description: 'What keeps a viewer from the streams of a creator, or from all of them.',
  fields: (t) => ({
    viewerId: t.id({
      description: 'Global id of the viewer.',
      resolve: ({ viewerId }) => toViewerId(viewerId),
    }),
    creator: t.field({
      type: CreatorType,
      nullable: true,
      description: 'In whose streams; null: everywhere.',
      resolve: ({ creatorId }, _args, { services }) =>
        creatorId === EVERYWHERE ? null : services.creators.find(creatorId),
    }),
    ban: t.expose('ban', { type: EndType, nullable: true, description: 'The ban; null without one.' }),
    mute: t.expose('mute', { type: EndType, nullable: true, description: 'The mute; null without one.' }),
  }),
});

builder.objectField(CreatorType, 'moderators', (t) =>
  t.field({
    type: [PublicProfileType],
    description: 'Who moderates their streams, in the order of appointment.',
    resolve: ({ id }, _args, { services }) => services.moderation.moderatorsOf(id),
  }),
);

builder.objectField(LiveStreamType, 'slowModeSeconds', (t) =>
  t.int({
    public: true,
    description: 'How long each viewer must wait between two chat messages; 0: the chat is not slow.',
    resolve: ({ id }, _args, { services, shown }) => {
      shown?.add(topics.stream(id));
      return services.moderation.slowModes.secondsOf(id);
    },
  }),
);

/** The global id of a viewer. */
export function toViewerId(id: bigint): string {
  return toGlobalId('Viewer', id);
}

/** The optional fields of an input that say where something is to hold. */
export function toWhere(input: { streamId?: string | null | undefined; creatorId?: string | null | undefined }): Where {
  return {
    streamId: input.streamId == null ? undefined : fromGlobalId('LiveStream', input.streamId, 'stream'),
    creatorId: input.creatorId == null ? undefined : fromGlobalId('Creator', input.creatorId, 'creator'),
  };
}
