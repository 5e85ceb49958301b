import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { rowId, toGlobalId, toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { BoxEmptyError, BoxStateError } from './boxes.errors.ts';
import type {
  BoxClaimedPayload,
  BoxClosedPayload,
  BoxFundedPayload,
  BoxOpenedPayload,
  BoxView,
} from './boxes.events.ts';

const BoxStateEnum = builder.enumType('TreasureBoxState', {
  description: 'Where a treasure box stands.',
  values: {
    FUNDED: { description: 'Its coins are in it; the countdown to `opensAt` runs.' },
    OPEN: { description: 'Its shares can be claimed.' },
    CLOSED: { description: 'It is over; what nobody had went back.' },
  },
});

/** A treasure box. */
export const TreasureBoxType = builder.objectRef<BoxView>('TreasureBox');
implementNode(TreasureBoxType, {
  description: 'Coins that a viewer has put up for watchers to claim at a set time. In an event, as it was then.',
  loadMany: (ids, { services }) => ids.map((id) => services.boxes.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    // An event carries everything but this: it is read where it is selected, once for all who watch.
    stream: t.field({
      type: LiveStreamType,
      public: true,
      description: 'In which stream.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(BigInt(streamId)),
    }),
    funder: t.expose('funder', { type: PublicProfileType, public: true, description: 'Whose coins they were.' }),
    coins: t.expose('coins', { type: 'SafeInt', public: true, description: 'What was put into it.' }),
    shares: t.exposeInt('shares', { public: true, description: 'How many watchers can have a share.' }),
    shareCoins: t.expose('shareCoins', {
      type: 'SafeInt',
      public: true,
      description: 'What each of them gets: the coins by the shares, rounded down.',
    }),
    remaining: t.int({
      public: true,
      description: 'Shares that nobody has had yet. Follow `BoxClaimed`.',
      resolve: ({ shares, claimed }) => shares - claimed,
    }),
    state: t.expose('state', { type: BoxStateEnum, public: true, description: 'Where it stands.' }),
    fundedAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'When the coins were put into it.',
      resolve: ({ fundedAt }) => new Date(fundedAt),
    }),
    opensAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'When it opens: the end of the countdown.',
      resolve: ({ opensAt }) => new Date(opensAt),
    }),
    closesAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'Until when it can be claimed at the longest.',
      resolve: ({ closesAt }) => new Date(closesAt),
    }),
    closedAt: t.field({
      type: 'DateTime',
      nullable: true,
      public: true,
      description: 'When it was closed; null before.',
      resolve: ({ closedAt }) => (closedAt === null ? null : new Date(closedAt)),
    }),
    returnedCoins: t.field({
      type: 'SafeInt',
      nullable: true,
      public: true,
      description:
        'What went back to the funder as nobody had it, the remainder of the division too; null until it is closed.',
      resolve: ({ returned }) => returned,
    }),
    myShare: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'The coins that you had of it; null when you had none, and without a token.',
      resolve: ({ id }, _args, { services, actor }) => (actor ? services.boxes.shareOf(BigInt(id), actor.id) : null),
    }),
  }),
});

// Not marked public: boxes change with every claim, and nobody announces that to who keeps answers.
builder.queryField('treasureBox', (t) =>
  t.field({
    type: TreasureBoxType,
    nullable: true,
    description: 'A treasure box by id, closed or not.',
    args: { id: t.arg.id({ required: true, description: 'Global id of a treasure box.' }) },
    resolve: (_root, { id }, { services }) => {
      const boxId = rowId('TreasureBox', id);
      return boxId === undefined ? null : services.boxes.find(boxId);
    },
  }),
);

builder.objectField(LiveStreamType, 'boxes', (t) =>
  t.field({
    type: [TreasureBoxType],
    description: 'The treasure boxes that are not closed, oldest first.',
    resolve: ({ id }, _args, { services }) => services.boxes.openOf(id),
  }),
);

builder.objectType(BoxStateError, {
  name: 'BoxStateError',
  description: 'The box does not open before its time, or is closed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    state: t.expose('state', { type: BoxStateEnum, description: 'Where it stands: `FUNDED` is to be waited for.' }),
    opensAt: t.expose('opensAt', { type: 'DateTime', description: 'When it opens, or was to open.' }),
  }),
});
builder.objectType(BoxEmptyError, {
  name: 'BoxEmptyError',
  description: 'Others had all shares of the box.',
  interfaces: [ErrorInterface],
});

// ---- live events -------------------------------------------------------------------------------------------------------

const boxIdField = { public: true, description: 'Global id of the box.' } as const;

builder.objectRef<LiveEvent<'BOX_FUNDED', BoxFundedPayload>>('BoxFunded').implement({
  description: 'A viewer has put coins into a treasure box. The countdown runs to `box.opensAt`.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    box: t.field({
      type: TreasureBoxType,
      public: true,
      description: 'The box, as it was then.',
      resolve: (event) => event.payload.box,
    }),
  }),
});

builder.objectRef<LiveEvent<'BOX_OPENED', BoxOpenedPayload>>('BoxOpened').implement({
  description:
    'From here on a treasure box can be claimed. Comes before its first claim; not at all when the stream ends before its time.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    boxId: t.id({ ...boxIdField, resolve: (event) => toGlobalId('TreasureBox', event.payload.boxId) }),
  }),
});

builder.objectRef<LiveEvent<'BOX_CLAIMED', BoxClaimedPayload>>('BoxClaimed').implement({
  description: 'Watchers had shares of a treasure box. Claims that come together are one event.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    boxId: t.id({ ...boxIdField, resolve: (event) => toGlobalId('TreasureBox', event.payload.boxId) }),
    viewers: t.field({
      type: [PublicProfileType],
      public: true,
      description: 'Who had one, in the order in which they came.',
      resolve: (event) => event.payload.viewers,
    }),
    shareCoins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'What each of them got.',
      resolve: (event) => event.payload.shareCoins,
    }),
    remaining: t.int({
      public: true,
      description: 'Shares that are left.',
      resolve: (event) => event.payload.remaining,
    }),
  }),
});

const BoxEndEnum = builder.enumType('TreasureBoxEnd', {
  description: 'Why a treasure box was closed.',
  values: {
    EMPTY: { description: 'Every share was had.' },
    EXPIRED: { description: 'Its time was over.' },
    STREAM_ENDED: { description: 'The stream ended.' },
  },
});

builder.objectRef<LiveEvent<'BOX_CLOSED', BoxClosedPayload>>('BoxClosed').implement({
  description: 'A treasure box is over. Always comes, exactly once for each box.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    boxId: t.id({ ...boxIdField, resolve: (event) => toGlobalId('TreasureBox', event.payload.boxId) }),
    reason: t.field({
      type: BoxEndEnum,
      public: true,
      description: 'Why.',
      resolve: (event) => event.payload.reason,
    }),
    claimed: t.int({ public: true, description: 'Shares that were had.', resolve: (event) => event.payload.claimed }),
    returnedCoins: t.field({
      type: 'SafeInt',
      public: true,
      description: 'What went back to the funder.',
      resolve: (event) => event.payload.returned,
    }),
  }),
});
