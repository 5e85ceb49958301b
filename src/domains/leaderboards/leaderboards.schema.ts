import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { rules } from '../../graphql/rules.ts';
import { PublicProfileType, ViewerType } from '../accounts/accounts.schema.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { type BoardKey, type BoardMetric, type BoardPlace, RANK_MAX } from './leaderboards.repo.ts';

/** Places of a board, if the client does not say, and at the most. */
const PLACES_DEFAULT = 10;
const PLACES_MAX = 100;
const MS_PER_DAY = 86_400_000;

const MetricEnum = builder.enumType('LeaderboardMetric', {
  description: 'What a leaderboard ranks by.',
  values: {
    MIXED: {
      description:
        'By coins, messages and watch time together: a doubling of any of them is worth a point. Nobody leads by coins alone.',
    },
    COINS: { description: 'By coins given, less those of gifts that were taken back.' },
    CHAT: { description: 'By messages in the chat.' },
    WATCH_TIME: { description: 'By time watched, while signed in and while the stream was live.' },
  },
});

type Board = BoardKey & { by: BoardMetric; places: number };

const PlaceType = builder.objectRef<BoardPlace>('LeaderboardPlace').implement({
  description: 'A place on a leaderboard.',
  fields: (t) => ({
    rank: t.exposeInt('rank', {
      description: `1 is the best; of two that are equal, who joined first. ${RANK_MAX + 1} is that or worse.`,
    }),
    profile: t.field({
      type: PublicProfileType,
      nullable: true,
      description: 'Who; null for somebody who does not want to be named, unless it is you.',
      resolve: ({ viewerId, handle, displayName, isNamed }, _args, { actor }) =>
        isNamed || actor?.id === viewerId ? { id: viewerId, handle, displayName } : null,
    }),
    isYou: t.boolean({
      description: 'Whether it is yours.',
      resolve: ({ viewerId }, _args, { actor }) => actor?.id === viewerId,
    }),
    coins: t.expose('coins', { type: 'SafeInt', description: 'Coins given, less those of gifts taken back.' }),
    messages: t.expose('messages', { type: 'SafeInt', description: 'Messages in the chat.' }),
    watchSeconds: t.field({
      type: 'SafeInt',
      description: 'Seconds watched. Written every few seconds, and lost by so much when a server dies.',
      resolve: ({ watchedMs }) => watchedMs / 1_000n,
    }),
    score: t.exposeFloat('score', {
      description: 'What `MIXED` ranks by: log₂ of (1 + coins) × (1 + messages) × (1 + minutes watched).',
    }),
  }),
});

const LeaderboardType = builder.objectRef<Board>('Leaderboard').implement({
  description: 'Who leads. A second or so behind the log. Creators do not stand on the boards of their own streams.',
  fields: (t) => ({
    by: t.expose('by', { type: MetricEnum, description: 'What it ranks by.' }),
    places: t.field({
      type: [PlaceType],
      description: 'The first places, best first.',
      resolve: (board, _args, { services }) => services.leaderboards.top(board),
    }),
    you: t.field({
      type: PlaceType,
      nullable: true,
      description: 'Your own place, however far behind; null when you have none, and without a token.',
      resolve: (board, _args, { services, actor }) =>
        actor ? services.leaderboards.placeOf({ ...board, viewerId: actor.id }) : null,
    }),
  }),
});

const boardArgs = {
  by: { type: MetricEnum, required: true, defaultValue: 'MIXED', description: 'What to rank by.' },
  first: {
    description: `Places wanted, ${PLACES_MAX} at the most; ${PLACES_DEFAULT} by default.`,
    validate: rules.pageSize,
  },
} as const;

function toBoard(key: BoardKey, { by, first }: { by: BoardMetric; first?: number | null | undefined }): Board {
  return { ...key, by, places: Math.min(first ?? PLACES_DEFAULT, PLACES_MAX) };
}

// Not marked public: boards change all the time, nobody announces it, and they say which place is yours.
builder.objectField(LiveStreamType, 'leaderboard', (t) =>
  t.field({
    type: LeaderboardType,
    description: 'Who leads in this stream.',
    args: { by: t.arg(boardArgs.by), first: t.arg.int(boardArgs.first) },
    resolve: ({ id }, args) => toBoard({ board: 'STREAM', ownerId: id }, args),
  }),
);

builder.objectField(CreatorType, 'leaderboard', (t) =>
  t.field({
    type: LeaderboardType,
    description: 'Who leads in all their streams together.',
    args: { by: t.arg(boardArgs.by), first: t.arg.int(boardArgs.first) },
    resolve: ({ id }, args) => toBoard({ board: 'CREATOR', ownerId: id }, args),
  }),
);

builder.queryField('leaderboard', (t) =>
  t.field({
    type: LeaderboardType,
    description: 'Who leads on the whole platform: on a day, or in all time.',
    args: {
      day: t.arg({ type: 'Date', description: 'A day of UTC; leave out for all time.' }),
      by: t.arg(boardArgs.by),
      first: t.arg.int(boardArgs.first),
    },
    resolve: (_root, { day, ...args }) =>
      toBoard(
        day == null
          ? { board: 'ALL', ownerId: 0n }
          : { board: 'DAY', ownerId: BigInt(Math.floor(Date.parse(`${day}T00:00:00Z`) / MS_PER_DAY)) },
        args,
      ),
  }),
);

// ---- setNamedOnBoards --------------------------------------------------------------------------------------------------

builder.prismaObjectField(ViewerType, 'namedOnBoards', (t) =>
  t.exposeBoolean('namedOnBoards', {
    description: 'Whether leaderboards show your name to others. Change it with `setNamedOnBoards`.',
  }),
);

const SetNamedOnBoardsInput = builder.inputType('SetNamedOnBoardsInput', {
  description: 'How to appear on leaderboards.',
  fields: (t) => ({
    named: t.boolean({
      required: true,
      description: 'Whether they show your name. Your place is the same either way.',
    }),
  }),
});

const SetNamedOnBoardsSuccess = builder
  .objectRef<{ viewerId: bigint; replayed: boolean }>('SetNamedOnBoardsSuccess')
  .implement({
    description: 'So you appear from now on, on all boards, those of the past too.',
    fields: (t) => ({
      viewer: t.prismaField({
        type: ViewerType,
        description: 'You.',
        resolve: (query, { viewerId }, _args, { services }) =>
          services.db.prisma.viewer.findUniqueOrThrow({ ...query, where: { id: viewerId } }),
      }),
      replayed: t.exposeBoolean('replayed', { description: 'True if you appeared so before.' }),
    }),
  });

builder.mutationField('setNamedOnBoards', (t) =>
  t.field({
    type: SetNamedOnBoardsSuccess,
    description:
      'Chooses whether you appear by name on leaderboards. What you send and say in a live stream still carries your name.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SetNamedOnBoardsInput, required: true, description: 'Your choice.' }) },
    errors: { types: [...commonErrors], union: { description: 'What `setNamedOnBoards` returns.' } },
    resolve: async (_root, { input }, context) => {
      const actor = requireActor(context);
      return { viewerId: actor.id, ...(await context.services.leaderboards.setNamed(actor, input.named)) };
    },
  }),
);
