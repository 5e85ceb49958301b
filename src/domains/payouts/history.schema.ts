import { builder, PAGE_SIZE_MAX } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { GiftType } from '../gifts/gifts.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { CreatorEarningsType } from '../wallet/wallet.schema.ts';
import { explain } from './explain.ts';
import type { BucketRow, DiamondMove, GiftOfDiamonds } from './history.repo.ts';
import { EarningsHoldType, PayoutType } from './payouts.schema.ts';

const DiamondAccountEnum = builder.enumType('DiamondAccount', {
  description: 'What a creator’s diamonds can be in.',
  values: {
    PENDING: { description: 'Before the settlement hold is over.' },
    AVAILABLE: { description: 'Ready to be paid out.' },
    HELD: { description: 'Set aside for a payout, or by an operator.' },
    PAID: { description: 'Paid out.' },
    DEBT: { description: 'Owed for gifts that were taken back after they were paid out.' },
  },
});
/** Kinds of transfers that move diamonds. */
const KINDS = {
  GIFT_EARNED: 'A gift has earned them.',
  GIFT_UNEARNED: 'The gift was taken back.',
  DIAMONDS_SETTLED: 'The settlement hold is over.',
  DIAMOND_DEBT_PAID: 'They pay what is owed for gifts that were taken back.',
  DIAMONDS_HELD: 'An operator has set them aside.',
  DIAMONDS_RELEASED: 'An operator has released them.',
  PAYOUT_REQUESTED: 'They are set aside for a payout.',
  PAYOUT_PAID: 'They were paid out, or the provider has taken the money back.',
  PAYOUT_RETURNED: 'The payout has failed.',
} as const;
const DiamondMoveKindEnum = builder.enumType('DiamondMoveKind', {
  description: 'Why diamonds moved.',
  values: Object.fromEntries(Object.entries(KINDS).map(([kind, description]) => [kind, { description }])) as Record<
    keyof typeof KINDS,
    { description: string }
  >,
});

const EarnedGiftType = builder.objectRef<GiftOfDiamonds>('EarnedGift').implement({
  description: 'The gift behind diamonds, as the stream’s log has it.',
  fields: (t) => ({
    gift: t.expose('gift', { type: GiftType, description: 'Which kind, as it was then.' }),
    sender: t.expose('sender', { type: PublicProfileType, description: 'Who.' }),
    quantity: t.exposeInt('quantity', { description: 'How many.' }),
    coins: t.expose('coins', { type: 'SafeInt', description: 'What they cost together.' }),
    diamonds: t.expose('diamonds', { type: 'SafeInt', description: 'What they have earned.' }),
    stream: t.field({
      type: LiveStreamType,
      description: 'The stream that they came in.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(streamId),
    }),
    seq: t.expose('seq', { type: 'SafeInt', description: 'Number of the event in the stream’s log.' }),
  }),
});

/** A stretch of a stream. */
const EarningBucketType = builder.objectRef<BucketRow>('EarningBucket');
const causes = {
  bucket: ({ kind, causeId }: DiamondMove) => (kind === 'DIAMONDS_SETTLED' ? causeId : undefined),
  payout: ({ kind, causeId }: DiamondMove) => (kind.startsWith('PAYOUT_') ? causeId : undefined),
  hold: ({ kind, causeId }: DiamondMove) =>
    kind === 'DIAMONDS_HELD' || kind === 'DIAMONDS_RELEASED' ? causeId : undefined,
};

/** A movement of diamonds. */
const DiamondMoveType = builder.objectRef<DiamondMove>('DiamondMove').implement({
  description: 'One movement into or out of an account of diamonds, with what caused it.',
  fields: (t) => ({
    kind: t.field({
      type: DiamondMoveKindEnum,
      description: 'Why they moved.',
      resolve: ({ kind }) => kind as keyof typeof KINDS,
    }),
    diamonds: t.expose('diamonds', { type: 'SafeInt', description: 'Above zero into the account, below out of it.' }),
    occurredAt: t.expose('at', { type: 'DateTime', description: 'When.' }),
    explanation: t.string({ description: 'The same for people to read.', resolve: explain }),
    gift: t.expose('gift', { type: EarnedGiftType, nullable: true, description: 'The gift, if one caused it.' }),
    bucket: t.field({
      type: EarningBucketType,
      nullable: true,
      description: 'What was settled: its gifts are those that earned the diamonds.',
      resolve: (move, _args, { services }) => {
        const id = causes.bucket(move);
        return id === undefined ? null : services.payouts.history.bucket(id);
      },
    }),
    payout: t.field({
      type: PayoutType,
      nullable: true,
      description: 'The payout, if one caused it.',
      resolve: (move, _args, { services }) => {
        const id = causes.payout(move);
        return id === undefined ? null : services.payouts.find(id);
      },
    }),
    hold: t.field({
      type: EarningsHoldType,
      nullable: true,
      description: 'The operator’s hold, if one caused it.',
      resolve: (move, _args, { services }) => {
        const id = causes.hold(move);
        return id === undefined ? null : services.payouts.history.hold(id);
      },
    }),
  }),
});
const DiamondMoveConnection = builder.connectionObject(
  { type: DiamondMoveType, ...connectionOf('DiamondMoveConnection', 'movements') },
  { name: 'DiamondMoveEdge', description: 'A movement and its place in the list.' },
);
const BucketGiftsConnection = builder.connectionObject(
  { type: DiamondMoveType, name: 'BucketGiftsConnection', description: 'A page of the gifts of a bucket.' },
  { name: 'BucketGiftEdge', description: 'What a gift has earned, and its place in the list.' },
);

const BucketStateEnum = builder.enumType('EarningBucketState', {
  description: 'Where a bucket stands.',
  values: {
    PENDING: { description: 'Its settlement hold is not over.' },
    SETTLED: { description: 'Its diamonds became available.' },
  },
});

const bucketPageArgs = {
  first: { description: `Items wanted, ${PAGE_SIZE_MAX} at the most.`, validate: rules.pageSize },
  after: { description: 'Cursor of the item behind which the page begins.', validate: rules.rowCursor },
} as const;

implementNode(EarningBucketType, {
  description:
    'The diamonds of one stretch of a stream, which pend and are settled together. Only its creator can load it.',
  loadMany: (ids, { services, actor }) =>
    ids.map(async (id) => {
      const bucket = await services.payouts.history.bucket(toRowId(id) ?? 0n);
      return bucket && bucket.viewerId === actor?.id ? bucket : null;
    }),
  fields: (t) => ({
    state: t.expose('state', { type: BucketStateEnum, description: 'Where it stands.' }),
    stream: t.field({
      type: LiveStreamType,
      description: 'The stream.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(streamId),
    }),
    seqFrom: t.field({
      type: 'SafeInt',
      description: 'Number of its first event in the stream’s log.',
      resolve: ({ seqFrom }) => seqFrom + 1n,
    }),
    seqTo: t.expose('seqTo', { type: 'SafeInt', description: 'Number of its last event.' }),
    diamonds: t.expose('diamonds', { type: 'SafeInt', description: 'What its gifts have earned.' }),
    reversedDiamonds: t.expose('reversed', {
      type: 'SafeInt',
      description: 'Of them, those of gifts that were taken back before they were settled.',
    }),
    closedAt: t.expose('closedAt', { type: 'DateTime', description: 'When it was cut.' }),
    settlesAt: t.expose('settlesAt', { type: 'DateTime', description: 'When its settlement hold is over.' }),
    settledAt: t.expose('settledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When its diamonds became available; null before.',
    }),
    gifts: t.field({
      type: BucketGiftsConnection,
      description: 'Its gifts that have earned diamonds, newest first.',
      args: { first: t.arg.int(bucketPageArgs.first), after: t.arg.string(bucketPageArgs.after) },
      resolve: ({ id }, page, { services }) =>
        keysetConnection(page, {
          page: (keyset) => services.payouts.history.giftsOf(id, keyset),
          count: async () => 0, // The type has no totalCount: counting would walk the whole bucket.
        }),
    }),
  }),
});

builder.objectField(CreatorEarningsType, 'history', (t) =>
  t.field({
    type: DiamondMoveConnection,
    description: 'What came in and went out, newest first: each diamond can be followed to its gift.',
    args: {
      account: t.arg({
        type: DiamondAccountEnum,
        defaultValue: 'PENDING',
        required: true,
        description: 'Of which account. Gifts come into PENDING, buckets of them into AVAILABLE.',
      }),
      first: t.arg.int(bucketPageArgs.first),
      after: t.arg.string(bucketPageArgs.after),
    },
    resolve: ({ creatorId }, { account, ...page }, { services }) =>
      keysetConnection(page, {
        page: (keyset) => services.payouts.history.page({ creatorId, account }, keyset),
        count: () => services.payouts.history.count({ creatorId, account }),
      }),
  }),
);
