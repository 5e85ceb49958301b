import { builder } from '../../graphql/builder.ts';
import { toGlobalId } from '../../graphql/global-id.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import type { BattlePayloads } from './battles.events.ts';
import { BattleMultiplierType, BattleOutcomeEnum, BattleSideType } from './battles.schema.ts';

type EventOf<Type extends keyof BattlePayloads> = LiveEvent<Type, BattlePayloads[Type]>;
/** What events of battles have in common. */
type Told = LiveEvent<string, { battleId: number; sides: BattlePayloads['BATTLE_SCORED']['sides'] }>;

const BattleEventInterface = builder.interfaceRef<Told>('BattleEvent').implement({
  description: 'Something that happens in a battle. The logs of both streams have it, each with a number of its own.',
  fields: (t) => ({
    battleId: t.id({
      public: true,
      description: 'Global id of the battle.',
      resolve: ({ payload }) => toGlobalId('Battle', payload.battleId),
    }),
    sides: t.field({
      type: [BattleSideType],
      public: true,
      description: 'How both sides stand at this place in the log, first the one that has invited.',
      resolve: ({ payload }) => [...payload.sides],
    }),
  }),
});
const interfaces = [LiveEventInterface, BattleEventInterface] as const;

builder.objectRef<EventOf<'BATTLE_STARTED'>>('BattleStarted').implement({
  description: 'Two creators compete for coins: those of gifts behind this event count.',
  interfaces: [...interfaces],
  fields: (t) => ({
    durationSeconds: t.int({
      public: true,
      description: 'How long it lasts, unless it is extended.',
      resolve: ({ payload }) => payload.durationSeconds,
    }),
    endsAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'When it is over: the end of a countdown.',
      resolve: ({ payload }) => new Date(payload.endsAt),
    }),
    multipliers: t.field({
      type: [BattleMultiplierType],
      public: true,
      description: 'When coins will count several times, in order.',
      resolve: ({ payload }) => [...payload.multipliers],
    }),
  }),
});

builder.objectRef<EventOf<'BATTLE_SCORED'>>('BattleScored').implement({
  description: 'How a battle stands; comes about once a second while that changes.',
  interfaces: [...interfaces],
  fields: (t) => ({
    factor: t.int({
      public: true,
      description: 'How many times coins count.',
      resolve: ({ payload }) => payload.factor,
    }),
  }),
});

for (const [name, description] of [
  ['BattleMultiplied', 'Coins of gifts behind this event count so many times, until the battle is over.'],
  ['BattleExtended', 'The battle is close, and goes on for longer; this happens once at the most.'],
] as const) {
  builder.objectRef<EventOf<'BATTLE_MULTIPLIED' | 'BATTLE_EXTENDED'>>(name).implement({
    description,
    interfaces: [...interfaces],
    fields: (t) => ({
      factor: t.int({
        public: true,
        description: 'How many times coins count.',
        resolve: ({ payload }) => payload.factor,
      }),
      endsAt: t.field({
        type: 'DateTime',
        public: true,
        description: 'When the battle is over.',
        resolve: ({ payload }) => new Date(payload.endsAt),
      }),
    }),
  });
}

builder.objectRef<EventOf<'BATTLE_ENDED'>>('BattleEnded').implement({
  description: 'A battle is over, and its outcome stands. Gifts behind this event do not count.',
  interfaces: [...interfaces],
  fields: (t) => ({
    outcome: t.field({
      type: BattleOutcomeEnum,
      public: true,
      description: 'How it came out.',
      resolve: ({ payload }) => payload.outcome,
    }),
    winner: t.field({
      type: BattleSideType,
      nullable: true,
      public: true,
      description: 'Who has won; null for a draw.',
      resolve: ({ payload: { sides, winnerStreamId } }) =>
        sides.find(({ streamId }) => streamId === winnerStreamId) ?? null,
    }),
  }),
});
