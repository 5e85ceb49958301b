import { builder } from '../../graphql/builder.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import type { LevelEndedPayload, LevelPayload } from './goals.events.ts';
import { TOP_CONTRIBUTORS } from './level-endings.ts';
import type { LevelRow } from './levels.repo.ts';

const CrowdLevelType = builder.objectRef<LevelRow>('CrowdLevel').implement({
  description:
    'How far the crowd of a stream has got together. It sets off when enough is given within a short time, and goes on as long as each next level is reached in time.',
  fields: (t) => ({
    level: t.exposeInt('level', { description: 'The level; 0 while no run is under way.' }),
    coins: t.expose('coins', {
      type: 'SafeInt',
      description: 'Coins of the run; before it, those that count towards it.',
    }),
    progress: t.expose('progress', { type: 'SafeInt', description: 'Coins towards the next level.' }),
    target: t.expose('target', {
      type: 'SafeInt',
      nullable: true,
      description: 'Coins that the next level takes; null at the highest, and while none can begin.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the run is over unless a level is reached before; null while no run is under way.',
    }),
    cooldownUntil: t.expose('cooldownUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when no run begins; null when one may.',
    }),
  }),
});

// Not marked public: it changes with every gift, and nobody announces that to who keeps answers.
builder.objectField(LiveStreamType, 'level', (t) =>
  t.field({
    type: CrowdLevelType,
    nullable: true,
    description: 'How far the crowd has got; null in the first moments of a stream, and once it is over.',
    resolve: ({ id }, _args, { services }) => services.goals.levelOf(id),
  }),
);

for (const [name, description] of [
  ['LevelStarted', 'The crowd has set off: level 1.'],
  ['LevelRaised', 'The crowd has reached the next level, and has time for another.'],
] as const) {
  builder.objectRef<LiveEvent<string, LevelPayload>>(name).implement({
    description,
    interfaces: [LiveEventInterface],
    fields: (t) => ({
      level: t.int({ public: true, description: 'The level.', resolve: ({ payload }) => payload.level }),
      coins: t.field({
        type: 'SafeInt',
        public: true,
        description: 'Coins of the run so far.',
        resolve: ({ payload }) => payload.coins,
      }),
      progress: t.field({
        type: 'SafeInt',
        public: true,
        description: 'Coins towards the next level; with the target or more, that one is reached, too.',
        resolve: ({ payload }) => payload.progress,
      }),
      target: t.field({
        type: 'SafeInt',
        nullable: true,
        public: true,
        description: 'Coins that the next level takes; null at the highest.',
        resolve: ({ payload }) => payload.target,
      }),
      expiresAt: t.field({
        type: 'DateTime',
        public: true,
        description: 'When the run is over unless another level is reached before.',
        resolve: ({ payload }) => new Date(payload.expiresAt),
      }),
      firstSeq: t.field({
        type: 'SafeInt',
        public: true,
        description: 'The number from which on gifts count.',
        resolve: ({ payload }) => payload.firstSeq,
      }),
    }),
  });
}

const LevelContributorType = builder.objectRef<LevelEndedPayload['top'][number]>('LevelContributor').implement({
  description: 'Somebody who gave in a run of the crowd.',
  fields: (t) => ({
    profile: t.expose('profile', {
      type: PublicProfileType,
      nullable: true,
      public: true,
      description: 'Who; null if they do not want to appear by name.',
    }),
    coins: t.expose('coins', { type: 'SafeInt', public: true, description: 'Coins that they gave in it.' }),
  }),
});

builder.objectRef<LiveEvent<'LEVEL_ENDED', LevelEndedPayload>>('LevelEnded').implement({
  description:
    'The crowd’s run is over. It may be told of a moment later: what counts are the gifts numbered from `firstSeq` to `lastSeq`.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    level: t.int({ public: true, description: 'The level that was reached.', resolve: ({ payload }) => payload.level }),
    coins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'Coins of the run.',
      resolve: ({ payload }) => payload.coins,
    }),
    contributors: t.int({
      public: true,
      description: 'How many gave them.',
      resolve: ({ payload }) => payload.contributors,
    }),
    top: t.field({
      type: [LevelContributorType],
      public: true,
      description: `Who gave most, most first, ${TOP_CONTRIBUTORS} at the most.`,
      resolve: ({ payload }) => payload.top,
    }),
    firstSeq: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The number from which on gifts counted.',
      resolve: ({ payload }) => payload.firstSeq,
    }),
    lastSeq: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The number up to which gifts counted.',
      resolve: ({ payload }) => payload.lastSeq,
    }),
    cooldownUntil: t.field({
      type: 'DateTime',
      nullable: true,
      public: true,
      description: 'Until when no other run begins; null when the stream is over.',
      resolve: ({ payload: { cooldownUntil } }) => (cooldownUntil === null ? null : new Date(cooldownUntil)),
    }),
  }),
});
