import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId, toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { IdempotencyConflictError, NotFoundError, OverloadedError } from '../../kernel/errors.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { topics } from '../../live/topics.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { MutedError } from '../moderation/moderation.errors.ts';
import { ReactionQueueFullError } from '../reactions/reactions.errors.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { InsufficientCoinsError, SpendingCapReachedError } from '../wallet/wallet.errors.ts';
import { WalletType } from '../wallet/wallet.schema.ts';
import { AgeRestrictedError, RegionRestrictedError } from './gifts.errors.ts';
import type { GiftReversedPayload, GiftSentEvent, StreakEndedPayload } from './gifts.events.ts';
import { findGifts, type TopGifterRow } from './gifts.repo.ts';
import { QUANTITY_MAX, type SentGift, STREAK_WINDOW_MS } from './gifts.service.ts';

/** Gifters in a leaderboard, if the client does not say, and at the most. */
const TOP_GIFTERS_DEFAULT = 10;
const TOP_GIFTERS_MAX = 100;

/** A kind of gift; in an event, as it was when it was sent. */
export const GiftType = builder.objectRef<{ id: bigint | number; name: string; coins: bigint | number }>('Gift');
implementNode(GiftType, {
  description: 'A kind of gift.',
  loadMany: async (ids, { services }) => {
    const gifts = await findGifts(
      services.db.pool,
      ids.flatMap((id) => toRowId(id) ?? []),
    );
    return ids.map((id) => gifts.find((gift) => String(gift.id) === id) ?? null);
  },
  fields: (t) => ({
    name: t.exposeString('name', { public: true, description: 'What it is called.' }),
    coins: t.expose('coins', { type: 'SafeInt', public: true, description: 'What one of it costs.' }),
  }),
});

builder.queryField('gifts', (t) =>
  t.field({
    type: [GiftType],
    public: true,
    description: 'All kinds of gift, cheapest first.',
    resolve: (_root, _args, { services, shown }) => {
      shown?.add(topics.catalogue);
      return services.gifts.list();
    },
  }),
);

const GiftSentType = builder.objectRef<GiftSentEvent>('GiftSent').implement({
  description: 'Somebody sent a gift.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    sender: t.field({
      type: PublicProfileType,
      public: true,
      description: 'Who.',
      resolve: (event) => event.payload.sender,
    }),
    gift: t.field({
      type: GiftType,
      public: true,
      description: 'Which kind, as it was then.',
      resolve: (event) => event.payload.gift,
    }),
    quantity: t.int({
      public: true,
      description: 'How many in this call.',
      resolve: (event) => event.payload.quantity,
    }),
    coins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'What they cost together.',
      resolve: (event) => event.payload.coins,
    }),
    streak: t.int({
      public: true,
      description: `The running count: gifts of this kind from this sender in a row, these included, no two more than ${STREAK_WINDOW_MS / 1000} seconds apart.`,
      resolve: (event) => event.payload.streak,
    }),
  }),
});

builder.objectRef<LiveEvent<'STREAK_ENDED', StreakEndedPayload>>('StreakEnded').implement({
  description:
    'A streak is over: the time has run out, another gift came, or the stream ended. Always comes, exactly once for each streak.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    sender: t.field({
      type: PublicProfileType,
      public: true,
      description: 'Whose.',
      resolve: (event) => event.payload.sender,
    }),
    gift: t.field({
      type: GiftType,
      public: true,
      description: 'Of which kind of gift.',
      resolve: (event) => event.payload.gift,
    }),
    total: t.int({ public: true, description: 'Gifts in it.', resolve: (event) => event.payload.total }),
    coins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'What they cost together.',
      resolve: (event) => event.payload.coins,
    }),
  }),
});

builder.objectRef<LiveEvent<'GIFT_REVERSED', GiftReversedPayload>>('GiftReversed').implement({
  description:
    'A gift was taken back, whole. The only event that may come behind StreamEnded: it corrects what the stream has shown.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    giftSeq: t.field({
      type: 'SafeInt',
      public: true,
      description: 'The number of its GiftSent in this stream.',
      resolve: (event) => event.payload.giftSeq,
    }),
    sender: t.field({
      type: PublicProfileType,
      public: true,
      description: 'Who had sent it.',
      resolve: (event) => event.payload.sender,
    }),
    gift: t.field({
      type: GiftType,
      public: true,
      description: 'Which kind, at the price that was paid.',
      resolve: (event) => event.payload.gift,
    }),
    quantity: t.int({ public: true, description: 'How many it was.', resolve: (event) => event.payload.quantity }),
    coins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'What they had cost together.',
      resolve: (event) => event.payload.coins,
    }),
    reason: t.string({
      public: true,
      description:
        'REACTION_SKIPPED: its reaction will not be played. CHARGEBACK: its coins were not paid for. More may follow.',
      resolve: (event) => event.payload.reason,
    }),
  }),
});

const TopGifterType = builder.objectRef<TopGifterRow>('TopGifter').implement({
  description: 'A place on the leaderboard of a stream.',
  fields: (t) => ({
    profile: t.field({
      type: PublicProfileType,
      description:
        'Who. Somebody who does not want to be named is "anonymous", with an id that tells nothing, unless it is you.',
      resolve: ({ viewerId, handle, displayName, isNamed, rank }, _args, { actor }) =>
        isNamed || actor?.id === viewerId
          ? { id: viewerId, handle, displayName }
          : { id: `anonymous-${rank}`, handle: 'anonymous', displayName: 'Anonymous' },
    }),
    isYou: t.boolean({
      description: 'Whether it is your place.',
      resolve: ({ viewerId }, _args, { actor }) => actor?.id === viewerId,
    }),
    coins: t.expose('coins', { type: 'SafeInt', description: 'Coins given in this stream.' }),
    rank: t.exposeInt('rank', { description: '1 is the most.' }),
  }),
});

// Not marked public: it changes with every gift, and nobody announces that to who keeps answers.
builder.objectField(LiveStreamType, 'topGifters', (t) =>
  t.field({
    type: [TopGifterType],
    description: 'Who gave most in this stream.',
    args: {
      first: t.arg.int({
        description: `Places wanted, ${TOP_GIFTERS_MAX} at the most; ${TOP_GIFTERS_DEFAULT} by default.`,
        validate: rules.pageSize,
      }),
    },
    resolve: ({ id }, { first }, { services }) =>
      services.gifts.topGifters(id, Math.min(first ?? TOP_GIFTERS_DEFAULT, TOP_GIFTERS_MAX)),
  }),
);

builder.objectType(AgeRestrictedError, {
  name: 'AgeRestrictedError',
  description:
    'The viewer is too young for gifts where they live, or has not said how old they are. Nothing was spent.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    allowedFrom: t.expose('allowedFrom', {
      type: 'DateTime',
      nullable: true,
      description: 'When they will be old enough; null: they have not said how old they are.',
    }),
  }),
});
builder.objectType(RegionRestrictedError, {
  name: 'RegionRestrictedError',
  description: 'Gifts cannot be sent from where the viewer lives. Nothing was spent.',
  interfaces: [ErrorInterface],
});

const SendGiftInput = builder.inputType('SendGiftInput', {
  description: 'Which gift to send, and where.',
  validate: rules.input({ quantity: rules.count(QUANTITY_MAX), idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of a live stream.' }),
    giftId: t.id({ required: true, description: 'Global id of a kind of gift.' }),
    quantity: t.int({
      required: true,
      defaultValue: 1,
      description: `How many, 1 to ${QUANTITY_MAX}.`,
    }),
    idempotencyKey: t.string({
      required: true,
      description:
        'Your name for this gift, 1 to 64 characters: repeat the call with it as often as you like, it is sent and paid once.',
    }),
  }),
});

const SendGiftSuccess = builder.objectRef<SentGift>('SendGiftSuccess').implement({
  description: 'The gift is sent: paid, earned and in the feed.',
  fields: (t) => ({
    giftSent: t.expose('event', { type: GiftSentType, description: 'The event, as everybody gets it.' }),
    wallet: t.expose('wallet', { type: WalletType, description: 'Your wallet now.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if an earlier call with this key had sent it already.',
    }),
  }),
});

builder.mutationField('sendGift', (t) =>
  t.field({
    type: SendGiftSuccess,
    description:
      'Sends gifts to the creator of a live stream. Coins leave your wallet and everybody watching sees it, or nothing happens at all.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SendGiftInput, required: true, description: 'The gift.' }) },
    errors: {
      types: [
        ...commonErrors,
        NotFoundError,
        InsufficientCoinsError,
        SpendingCapReachedError,
        AgeRestrictedError,
        RegionRestrictedError,
        MutedError,
        ReactionQueueFullError,
        StreamNotLiveError,
        IdempotencyConflictError,
        OverloadedError,
      ],
      union: { description: 'What `sendGift` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.gifts.send(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        giftId: fromGlobalId('Gift', input.giftId, 'gift'),
        quantity: input.quantity,
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);
