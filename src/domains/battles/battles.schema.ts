import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { toGlobalId, toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { BattleStateError } from './battles.errors.ts';
import type { BattleMultiplierView, BattleSideView } from './battles.events.ts';
import type { BattleRow } from './battles.repo.ts';
import { standing } from './battles.rules.ts';
import { INVITES_SHOWN_MAX, mayBeSeenBy } from './battles.service.ts';

const BattleStateEnum = builder.enumType('BattleState', {
  description: 'Where a battle stands.',
  values: {
    INVITED: { description: 'One has invited the other, who has not answered.' },
    DECLINED: { description: 'The invitation was declined or taken back.' },
    EXPIRED: { description: 'Nobody has answered the invitation in time, or one of the streams has ended.' },
    RUNNING: { description: 'Coins count.' },
    ENDED: { description: 'It is over, and its outcome stands.' },
  },
});

/** How a battle came out. */
export const BattleOutcomeEnum = builder.enumType('BattleOutcome', {
  description: 'How a battle came out.',
  values: {
    WON: { description: 'One side has the higher score.' },
    DRAW: { description: 'Both have the same.' },
    FORFEIT: { description: 'The stream of one side ended: the other wins, whatever the scores are.' },
  },
});

/** A side of a battle. */
export const BattleSideType = builder.objectRef<BattleSideView>('BattleSide').implement({
  description: 'A side of a battle. In an event, as it was then.',
  fields: (t) => ({
    streamId: t.id({
      public: true,
      description: 'Global id of its stream.',
      resolve: ({ streamId }) => toGlobalId('LiveStream', streamId),
    }),
    creator: t.expose('creator', { type: PublicProfileType, public: true, description: 'Who streams.' }),
    score: t.expose('score', {
      type: 'SafeInt',
      public: true,
      description: 'Coins given in its stream since the battle began, each as often as it counted then.',
    }),
  }),
});

/** From when on coins count several times. */
export const BattleMultiplierType = builder.objectRef<BattleMultiplierView>('BattleMultiplier').implement({
  description: 'From some time on, coins count several times.',
  fields: (t) => ({
    factor: t.exposeInt('factor', { public: true, description: 'How many times.' }),
    startsAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'From when on, about: `BattleMultiplied` marks the place in the log.',
      resolve: ({ startsAt }) => new Date(startsAt),
    }),
  }),
});

/** A battle. */
export const BattleType = builder.objectRef<BattleRow>('Battle');
implementNode(BattleType, {
  description: 'A battle between two live streams, or an invitation to one, which only the two of them see.',
  loadMany: async (ids, { services, actor }) => {
    const battles = await Promise.all(ids.map((id) => services.battles.find(toRowId(id) ?? 0n)));
    return battles.map((battle) => (battle && mayBeSeenBy(battle, actor?.id) ? battle : null));
  },
  fields: (t) => ({
    state: t.expose('state', { type: BattleStateEnum, description: 'Where it stands.' }),
    sides: t.field({
      type: [BattleSideType],
      description: 'The two sides, first the one that has invited, with their scores of now.',
      resolve: (battle) => standing(battle),
    }),
    durationSeconds: t.int({
      description: 'How long it lasts, unless it is extended.',
      resolve: ({ durationMs }) => durationMs / 1_000,
    }),
    inviteExpiresAt: t.expose('inviteUntil', { type: 'DateTime', description: 'Until when it could be accepted.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When it began.' }),
    endsAt: t.expose('endsAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is over: the end of a countdown.',
    }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    factor: t.exposeInt('factor', { description: 'How many times coins count now; of a battle that is over, last.' }),
    multipliers: t.field({
      type: [BattleMultiplierType],
      description: 'When coins count several times, in order; empty before it begins.',
      resolve: ({ factors, factorAt }) => factors.map((factor, index) => ({ factor, startsAt: factorAt[index]! })),
    }),
    extended: t.exposeBoolean('extended', { description: 'Whether it was extended.' }),
    outcome: t.expose('outcome', {
      type: BattleOutcomeEnum,
      nullable: true,
      description: 'How it came out; null until then.',
    }),
    winner: t.field({
      type: BattleSideType,
      nullable: true,
      description: 'Who has won; null for a draw, and until it is over.',
      resolve: (battle) => standing(battle).find(({ streamId }) => BigInt(streamId) === battle.winnerStreamId) ?? null,
    }),
  }),
});

// Not marked public: scores change with every gift, and nobody announces that to who keeps answers.
builder.objectField(LiveStreamType, 'battle', (t) =>
  t.field({
    type: BattleType,
    nullable: true,
    description: 'The battle that runs in it, else the one that ended last; null when there was none.',
    resolve: ({ id }, _args, { services }) => services.battles.ofStream(id),
  }),
);

builder.objectField(LiveStreamType, 'battleInvites', (t) =>
  t.field({
    type: [BattleType],
    description: `The open invitations to battles, from it and to it, oldest first, ${INVITES_SHOWN_MAX} at the most. Empty for all but its creator.`,
    resolve: ({ id, creator }, _args, { services, actor }) =>
      actor && actor.id === creator.viewerId ? services.battles.invitesOf(id) : [],
  }),
);

builder.objectType(BattleStateError, {
  name: 'BattleStateError',
  description: 'The battle, or one of its streams, is not in a state that allows it.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    state: t.expose('state', {
      type: BattleStateEnum,
      nullable: true,
      description: 'Where the battle stands that is in the way; null when there are too many invitations.',
    }),
  }),
});
