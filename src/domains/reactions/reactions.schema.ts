import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId, toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { topics } from '../../live/topics.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { ReactionStateError } from './reactions.errors.ts';
import { QUEUE_MAX } from './reactions.limits.ts';
import type { ReactionRow } from './reactions.repo.ts';

/** Reactions of a queue, if the client does not say. */
const QUEUE_DEFAULT = 20;

/** Where a reaction stands. */
export const ReactionStateEnum = builder.enumType('ReactionState', {
  description: 'Where a reaction stands.',
  values: {
    QUEUED: { description: 'It waits for its turn.' },
    PERFORMED: { description: 'The creator has played it.' },
    SKIPPED: { description: 'It is not played; its gift was paid back.' },
  },
});

/** One reaction. */
export const ReactionType = builder.objectRef<ReactionRow>('Reaction');
implementNode(ReactionType, {
  description: 'What a creator does for one gift.',
  loadMany: (ids, { services }) => ids.map((id) => services.reactions.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    phrase: t.exposeString('phrase', { description: 'What the creator says.' }),
    animation: t.exposeString('animation', {
      nullable: true,
      description: 'The name of the animation that goes with it.',
    }),
    sound: t.exposeString('sound', { nullable: true, description: 'The name of the sound that goes with it.' }),
    priority: t.exposeInt('priority', { description: 'Higher goes first.' }),
    durationMs: t.exposeInt('durationMs', { description: 'How long it takes, in milliseconds.' }),
    state: t.expose('state', { type: ReactionStateEnum, description: 'Where it stands.' }),
    sender: t.field({
      type: PublicProfileType,
      description: 'Whose gift it is for.',
      resolve: ({ senderId, handle, displayName }) => ({ id: senderId, handle, displayName }),
    }),
    giftSeq: t.expose('giftSeq', { type: 'SafeInt', description: 'The `seq` of that gift’s `GiftSent`.' }),
    queuedAt: t.expose('queuedAt', { type: 'DateTime', description: 'When the gift came.' }),
    doneAt: t.expose('doneAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was performed or skipped; null while it waits.',
    }),
    position: t.exposeInt('position', {
      nullable: true,
      description: 'Its place in the queue: 1 is performed next. Null when it does not wait any more.',
    }),
    etaMs: t.exposeInt('etaMs', {
      nullable: true,
      description:
        'When its turn comes, in milliseconds from now, if each takes its time and none comes in between: what is performed right now and what waits before it. Null when it does not wait any more.',
    }),
  }),
});

const firstArg = {
  description: `Reactions wanted, ${QUEUE_MAX} at the most, as a queue has no more; ${QUEUE_DEFAULT} by default.`,
  validate: rules.pageSize,
};
const limitOf = (first: number | null | undefined) => Math.min(first ?? QUEUE_DEFAULT, QUEUE_MAX);

// Not marked public: it changes with gifts, and nobody announces that to who keeps answers.
builder.objectField(LiveStreamType, 'reactionQueue', (t) =>
  t.field({
    type: [ReactionType],
    description: `The reactions that wait, in the order in which they will be performed; ${QUEUE_MAX} at the most.`,
    args: { first: t.arg.int(firstArg) },
    resolve: ({ id }, { first }, { services }) => services.reactions.queueOf(id, limitOf(first)),
  }),
);

builder.queryField('reactionQueue', (t) =>
  t.field({
    type: [ReactionType],
    description: `The reactions that wait in a stream, in the order in which they will be performed; ${QUEUE_MAX} at the most.`,
    args: {
      streamId: t.arg.id({ required: true, description: 'Global id of a stream.' }),
      first: t.arg.int(firstArg),
    },
    resolve: async (_root, { streamId, first }, { services }) => {
      const id = fromGlobalId('LiveStream', streamId, 'stream');
      if (!(await services.streams.reads.find(id))) throw new NotFoundError('stream');
      return services.reactions.queueOf(id, limitOf(first));
    },
  }),
);

builder.objectField(CreatorType, 'autoPerforms', (t) =>
  t.boolean({
    public: true,
    description: 'Whether their reactions are performed by the clock, one after another, and not by hand.',
    resolve: ({ id }, _args, { services, shown }) => {
      shown?.add(topics.reactionRules(id));
      return services.reactions.isAuto(id);
    },
  }),
);

builder.objectType(ReactionStateError, {
  name: 'ReactionStateError',
  description: 'The reaction does not wait any more. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ state: t.expose('state', { type: ReactionStateEnum, description: 'Where it stands.' }) }),
});
