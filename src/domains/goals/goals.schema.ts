import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { GiftType } from '../gifts/gifts.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { GoalStateError } from './goals.errors.ts';
import type { GoalPayload, GoalView } from './goals.events.ts';
import { GOALS_SHOWN_MAX } from './goals.service.ts';

/** What a goal counts. */
export const GoalKindEnum = builder.enumType('GoalKind', {
  description: 'What a goal counts.',
  values: {
    COINS: { description: 'Coins of all gifts.' },
    GIFTS: { description: 'Gifts of one kind.' },
    ORDERS: { description: 'Purchases that the feed shows, one for each `ProductPurchased`.' },
  },
});

const GoalStateEnum = builder.enumType('GoalState', {
  description: 'Where a goal stands.',
  values: {
    OPEN: { description: 'It counts.' },
    REACHED: { description: 'It is reached, which stands, whatever is taken back later.' },
    ENDED: { description: 'It ended without being reached, by its creator or with the stream.' },
  },
});

/** Something that a creator asks the crowd for. */
export const GoalType = builder.objectRef<GoalView>('Goal');
implementNode(GoalType, {
  description: 'What a creator asks the crowd for, together. In an event, as it was then.',
  loadMany: (ids, { services }) => ids.map((id) => services.goals.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    kind: t.expose('kind', { type: GoalKindEnum, public: true, description: 'What counts.' }),
    title: t.exposeString('title', { public: true, description: 'What it is for, in the creator’s words.' }),
    gift: t.expose('gift', {
      type: GiftType,
      nullable: true,
      public: true,
      description: 'The kind of gift that counts; null unless the kind is GIFTS.',
    }),
    target: t.expose('target', { type: 'SafeInt', public: true, description: 'How much it takes.' }),
    progress: t.expose('progress', {
      type: 'SafeInt',
      public: true,
      description: 'How much there is since it began. May pass the target with the gift that reaches it.',
    }),
    state: t.expose('state', { type: GoalStateEnum, public: true, description: 'Where it stands.' }),
    startedAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'When it began.',
      resolve: ({ startedAt }) => new Date(startedAt),
    }),
    doneAt: t.field({
      type: 'DateTime',
      nullable: true,
      public: true,
      description: 'When it was reached or ended; null while it is open.',
      resolve: ({ doneAt }) => (doneAt === null ? null : new Date(doneAt)),
    }),
  }),
});

// Not marked public: progress changes with every gift, and nobody announces that to who keeps answers.
builder.objectField(LiveStreamType, 'goals', (t) =>
  t.field({
    type: [GoalType],
    description: `Its goals: first those that are open, each the newest first, ${GOALS_SHOWN_MAX} at the most. \`progress\` is that of now.`,
    resolve: ({ id }, _args, { services }) => services.goals.ofStream(id),
  }),
);

for (const [name, description] of [
  ['GoalStarted', 'The creator asks for something to be reached together. It counts from this event on.'],
  ['GoalReached', 'A goal is reached. Comes once, behind the gift or the purchase that reached it.'],
  ['GoalEnded', 'A goal is over without being reached: its creator ended it, or the stream.'],
] as const) {
  builder.objectRef<LiveEvent<string, GoalPayload>>(name).implement({
    description,
    interfaces: [LiveEventInterface],
    fields: (t) => ({
      goal: t.field({
        type: GoalType,
        public: true,
        description: 'The goal, as it was then.',
        resolve: (event) => event.payload.goal,
      }),
    }),
  });
}

builder.objectType(GoalStateError, {
  name: 'GoalStateError',
  description: 'The goal is not in a state that allows it, or as many are open as may be.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    state: t.expose('state', {
      type: GoalStateEnum,
      nullable: true,
      description: 'Where the goal stands; null when it is one that cannot begin.',
    }),
  }),
});
