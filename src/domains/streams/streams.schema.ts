import { builder, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../../graphql/builder.ts';
import { connectionOf } from '../../graphql/connection.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { rowId, toRowId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { mapIterator } from '../../kernel/iterate.ts';
import { encodeCursor } from '../../live/cursor.ts';
import { type LiveEvent, RESYNC_REQUIRED } from '../../live/live-event.ts';
import { PublicProfileType } from '../accounts/accounts.schema.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { LiveEventConnection, LiveEventEdge, LiveEventInterface, LiveEventTypeEnum } from './live-event.schema.ts';
import type { PulseValue } from './pulse.ts';
import { StreamAlreadyLiveError, StreamNotLiveError } from './streams.errors.ts';
import type { ChatMessageEvent, StreamStartedPayload } from './streams.events.ts';

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
export const LiveStreamType = builder.prismaNode('Stream', {
  name: 'LiveStream',
  description: 'One live session of a creator, with its log.',
  id: { field: 'id', description: 'Global id.' },
  findUnique: (id) => ({ id: toRowId(id) ?? 0n }),
  nullable: true,
  fields: (t) => ({
    title: t.exposeString('title', { description: 'What the creator calls it.' }),
    creator: t.relation('creator', { description: 'Who is live.' }),
    status: t.field({
      type: StreamStatusEnum,
      description: 'Whether it is on air.',
      select: { status: true },
      resolve: ({ status }) => status as 'SCHEDULED' | 'LIVE' | 'ENDED',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'When it went on air.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it went off air.' }),
    events: t.field({
      type: LiveEventConnection,
      description: 'The log from its beginning: the same events and cursors as `liveEvents`.',
      args: {
        first: t.arg.int({ description: `Events wanted, ${PAGE_SIZE_MAX} at the most.`, validate: rules.pageSize }),
        after: t.arg.string({ description: 'Cursor of the event behind which the page begins.' }),
      },
      select: { id: true },
      resolve: async ({ id }, { first, after }, { services }) => {
        const limit = Math.min(first ?? PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
        const { epoch, events, afterSeq, lastSeq } = await services.streams.page(id, { after: after ?? '', limit });
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

builder.prismaObjectFields(CreatorType, (t) => ({
  currentStream: t.field({
    type: LiveStreamType,
    nullable: true,
    description: 'The stream that they are live with; null when they are off air.',
    select: (_args, _context, nestedSelection) => ({
      streams: nestedSelection({ where: { status: 'LIVE' }, take: 1 } as never),
    }),
    resolve: (creator) => (creator as unknown as { streams: never[] }).streams[0] ?? null,
  }),
}));

builder.queryField('liveStream', (t) =>
  t.prismaField({
    type: LiveStreamType,
    nullable: true,
    description: 'A stream by id, on air or not.',
    args: { id: t.arg.id({ required: true, description: 'Global id of a stream.' }) },
    resolve: (query, _root, { id }, { services }) =>
      services.db.prisma.stream.findUnique({ ...query, where: { id: rowId('LiveStream', id) ?? 0n } }),
  }),
);

builder.queryField('liveStreams', (t) =>
  t.prismaConnection(
    {
      type: LiveStreamType,
      cursor: 'id',
      description: 'All streams on air, newest first.',
      totalCount: (_connection, _args, { services }) => services.db.prisma.stream.count({ where: { status: 'LIVE' } }),
      resolve: (query, _root, _args, { services }) =>
        services.db.prisma.stream.findMany({ ...query, where: { status: 'LIVE' }, orderBy: { id: 'desc' } }),
    },
    connectionOf('LiveStreamConnection', 'live streams'),
    { name: 'LiveStreamEdge', description: 'A live stream and its place in the list.' },
  ),
);

builder.objectRef<LiveEvent<'STREAM_STARTED', StreamStartedPayload>>('StreamStarted').implement({
  description: 'The creator went live. The first event of every log.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    title: t.string({ description: 'The title at that time.', resolve: (event) => event.payload.title }),
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
    sender: t.field({ type: PublicProfileType, description: 'Who.', resolve: (event) => event.payload.sender }),
    text: t.string({ description: 'What.', resolve: (event) => event.payload.text }),
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
    stream: t.prismaField({
      type: LiveStreamType,
      description: 'The stream that is live.',
      resolve: (query, error, _args, { services }) =>
        services.db.prisma.stream.findUniqueOrThrow({ ...query, where: { id: error.streamId } }),
    }),
  }),
});

builder.subscriptionField('liveEvents', (t) =>
  t.field({
    type: LiveEventEdge,
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
      const { epoch, events } = await context.services.streams.watchEvents(id, {
        after: after ?? undefined,
        onLapped: () => context.endConnection('You read too slowly: reconnect with your cursor'),
      });
      const wanted = types && new Set<string>([...types, RESYNC_REQUIRED]); // who filters must know of a loss, too
      return mapIterator(events, (node) =>
        !wanted || wanted.has(node.type) ? { cursor: encodeCursor(epoch, node.seq), node } : undefined,
      );
    },
    resolve: (edge) => edge,
  }),
);

const StreamPulseType = builder.objectRef<PulseValue>('StreamPulse').implement({
  description: 'The counters of a stream, coalesced. Not in the log: the latest value is all there is.',
  fields: (t) => ({
    viewers: t.exposeInt('viewers', { description: 'Open `liveEvents` subscriptions, over all servers.' }),
    likes: t.expose('likes', { type: 'SafeInt', description: 'All likes so far.' }),
  }),
});

builder.subscriptionField('streamPulse', (t) =>
  t.field({
    type: StreamPulseType,
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
