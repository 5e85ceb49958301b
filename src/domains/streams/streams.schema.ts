import { builder, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { rowId, toRowId } from '../../graphql/global-id.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { MappedIterator } from '../../kernel/iterate.ts';
import { encodeCursor } from '../../live/cursor.ts';
import { type LiveEvent, RESYNC_REQUIRED } from '../../live/live-event.ts';
import { topics } from '../../live/topics.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveEventConnection, LiveEventEdge, LiveEventInterface, LiveEventTypeEnum } from './live-event.schema.ts';
import type { PulseValue } from './pulse.ts';
import { StreamAlreadyLiveError, StreamNotLiveError } from './streams.errors.ts';
import type { ChatMessageEvent, StreamStartedPayload } from './streams.events.ts';
import type { LiveStreamRow } from './streams.repo.ts';

/** The states of a stream. */
const StreamStatusEnum = builder.enumType('StreamStatus', {
  description: 'Where a stream stands.',
  values: {
    SCHEDULED: { description: 'Announced, not on air yet.' },
    LIVE: { description: 'On air: it can be watched, and takes gifts and chat.' },
    ENDED: { description: 'Off air for good; its log can still be read.' },
  },
});

/** One live session. */
export const LiveStreamType = builder.objectRef<LiveStreamRow>('LiveStream');
implementNode(LiveStreamType, {
  description: 'One live session of a creator, with its log.',
  loadMany: (ids, { services }) => ids.map((id) => services.streams.reads.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    title: t.exposeString('title', { public: true, description: 'What the creator calls it.' }),
    creator: t.expose('creator', { type: CreatorType, public: true, description: 'Who is live.' }),
    status: t.expose('status', { type: StreamStatusEnum, public: true, description: 'Whether it is on air.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      public: true,
      description: 'When it went on air.',
    }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      public: true,
      description: 'When it went off air.',
    }),
    // Not marked public: a log grows all the time, and nobody announces it to who keeps answers.
    events: t.field({
      type: LiveEventConnection,
      description: 'The log from its beginning: the same events and cursors as `liveEvents`.',
      args: {
        first: t.arg.int({ description: `Events wanted, ${PAGE_SIZE_MAX} at the most.`, validate: rules.pageSize }),
        after: t.arg.string({ description: 'Cursor of the event behind which the page begins.' }),
        last: t.arg.int({
          description: `The newest so many events instead, ${PAGE_SIZE_MAX} at the most: what a viewer who joins is shown, whose last cursor is where to go on watching. Goes before the others.`,
          validate: rules.pageSize,
        }),
      },
      resolve: async ({ id }, { first, after, last }, { services }) => {
        const limit = Math.min(last ?? first ?? PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
        const page = { after: typeof last === 'number' ? undefined : (after ?? ''), limit };
        const { epoch, events, afterSeq, lastSeq } = await services.streams.page(id, page);
        const edges = events.map((event) => ({ cursor: encodeCursor(epoch, event.seq), node: event }));
        const end = events.at(-1)?.seq;
        return {
          edges,
          totalCount: Number(lastSeq),
          pageInfo: {
            hasNextPage: (end ?? afterSeq) < lastSeq,
            hasPreviousPage: afterSeq > 0n,
            startCursor: edges[0]?.cursor ?? null,
            endCursor: edges.at(-1)?.cursor ?? null,
          },
        };
      },
    }),
  }),
});

builder.objectField(CreatorType, 'currentStream', (t) =>
  t.field({
    type: LiveStreamType,
    nullable: true,
    public: true,
    description: 'The stream that they are live with; null when they are off air.',
    resolve: (creator, _args, context) => {
      context.shown?.add(topics.onAir(creator.id));
      return creator.onAir && { ...creator.onAir, status: 'LIVE' as const, endedAt: null, creator };
    },
  }),
);

builder.queryField('liveStream', (t) =>
  t.field({
    type: LiveStreamType,
    nullable: true,
    public: true,
    description: 'A stream by id, on air or not.',
    args: { id: t.arg.id({ required: true, description: 'Global id of a stream.' }) },
    resolve: (_root, { id }, { services, shown }) => {
      const streamId = rowId('LiveStream', id);
      if (streamId === undefined) return null;
      shown?.add(topics.stream(streamId));
      return services.streams.reads.find(streamId);
    },
  }),
);

builder.queryField('liveStreams', (t) =>
  t.connection(
    {
      type: LiveStreamType,
      public: true,
      description: 'All streams on air, newest first.',
      resolve: (_root, page, { services, shown }) => {
        shown?.add(topics.liveStreams);
        return keysetConnection(page, {
          page: (keyset) => services.streams.reads.livePage(keyset),
          count: () => services.streams.reads.countLive(),
        });
      },
    },
    connectionOf('LiveStreamConnection', 'live streams'),
    { name: 'LiveStreamEdge', description: 'A live stream and its place in the list.' },
  ),
);

builder.objectRef<LiveEvent<'STREAM_STARTED', StreamStartedPayload>>('StreamStarted').implement({
  description: 'The creator went live. The first event of every log.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    title: t.string({ public: true, description: 'The title at that time.', resolve: (event) => event.payload.title }),
  }),
});
builder.objectRef<LiveEvent>('StreamEnded').implement({
  description: 'The creator went off air. The last event of every log.',
  interfaces: [LiveEventInterface],
});

/** A line of chat in the log. */
export const ChatMessageType = builder.objectRef<ChatMessageEvent>('ChatMessage').implement({
  description: 'Somebody said something.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    sender: t.field({
      type: PublicProfileType,
      public: true,
      description: 'Who.',
      resolve: (event) => event.payload.sender,
    }),
    text: t.string({ public: true, description: 'What.', resolve: (event) => event.payload.text }),
  }),
});

builder.objectType(StreamNotLiveError, {
  name: 'StreamNotLiveError',
  description: 'The stream has ended, or has not begun.',
  interfaces: [ErrorInterface],
});
builder.objectType(StreamAlreadyLiveError, {
  name: 'StreamAlreadyLiveError',
  description: 'You are live with another stream.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    stream: t.field({
      type: LiveStreamType,
      description: 'The stream that is live.',
      resolve: (error, _args, { services }) => services.streams.reads.get(error.streamId),
    }),
  }),
});

builder.subscriptionField('liveEvents', (t) =>
  t.field({
    type: LiveEventEdge,
    public: true,
    description:
      'The log of a stream as it grows, in order, each event once. Reconnect with the cursor of the last event that you handled: nothing is lost and nothing comes twice.',
    args: {
      streamId: t.arg.id({ required: true, description: 'Global id of a stream.' }),
      after: t.arg.string({
        description: 'Cursor to go on behind; "" for the whole log; leave out for what happens from now on.',
      }),
      types: t.arg({
        type: [LiveEventTypeEnum],
        description: 'Only these types, and ResyncRequired. Numbers then jump; the order holds.',
      }),
    },
    subscribe: async (_root, { streamId, after, types }, context) => {
      const id = rowId('LiveStream', streamId);
      if (id === undefined) throw new NotFoundError('stream');
      const { epoch, events } = await context.services.streams.watchEvents(
        { streamId: id, viewerId: context.actor?.id, end: context.endConnection },
        {
          after: after ?? undefined,
          onLapped: () => context.endConnection('You read too slowly: reconnect with your cursor'),
        },
      );
      const wanted = types && new Set<string>([...types, RESYNC_REQUIRED]); // who filters must know of a loss, too
      return new MappedIterator(events, (node) =>
        !wanted || wanted.has(node.type) ? { cursor: encodeCursor(epoch, node.seq), node } : undefined,
      );
    },
    resolve: (edge) => edge,
  }),
);

const StreamPulseType = builder.objectRef<PulseValue>('StreamPulse').implement({
  description: 'The counters of a stream, coalesced. Not in the log: the latest value is all there is.',
  fields: (t) => ({
    viewers: t.exposeInt('viewers', {
      public: true,
      description: 'Open `liveEvents` subscriptions, over all servers.',
    }),
    likes: t.expose('likes', { type: 'SafeInt', public: true, description: 'All likes so far.' }),
  }),
});

builder.subscriptionField('streamPulse', (t) =>
  t.field({
    type: StreamPulseType,
    public: true,
    description: 'The counters of a stream: now, and on change, about once a second at the most.',
    args: { streamId: t.arg.id({ required: true, description: 'Global id of a stream.' }) },
    subscribe: async (_root, { streamId }, { services }) => {
      const id = rowId('LiveStream', streamId);
      if (id === undefined) throw new NotFoundError('stream');
      return services.streams.watchPulse(id);
    },
    resolve: (pulse) => pulse,
  }),
);
