import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError, OverloadedError } from '../../kernel/errors.ts';
import { BlockedWordsError, MutedError, SlowModeError } from '../moderation/moderation.errors.ts';
import { StreamAlreadyLiveError, StreamNotLiveError } from './streams.errors.ts';
import type { ChatMessageEvent } from './streams.events.ts';
import { ChatMessageType, LiveStreamType } from './streams.schema.ts';
import { CHAT_TEXT_LENGTH_MAX, LIKES_PER_CALL_MAX, TITLE_LENGTH_MAX } from './streams.service.ts';

const streamIdField = { required: true, description: 'Global id of a stream.' } as const;

// ---- startStream -------------------------------------------------------------------------------------------------------

const StartStreamInput = builder.inputType('StartStreamInput', {
  description: 'The stream to start.',
  validate: rules.input({ title: rules.text(TITLE_LENGTH_MAX) }),
  fields: (t) => ({
    title: t.string({
      required: true,
      description: `What viewers read, 1 to ${TITLE_LENGTH_MAX} characters.`,
    }),
  }),
});

const StartStreamSuccess = builder.objectRef<{ streamId: bigint }>('StartStreamSuccess').implement({
  description: 'You are live.',
  fields: (t) => ({
    stream: t.field({
      type: LiveStreamType,
      description: 'Your stream.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(streamId),
    }),
  }),
});

builder.mutationField('startStream', (t) =>
  t.field({
    type: StartStreamSuccess,
    description: 'Goes live. Your first stream makes you a creator; one stream at a time.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: StartStreamInput, required: true, description: 'The stream.' }) },
    errors: { types: [...commonErrors, StreamAlreadyLiveError], union: { description: 'What `startStream` returns.' } },
    resolve: async (_root, { input }, context) => ({
      streamId: await context.services.streams.start(requireActor(context), input.title.trim()),
    }),
  }),
);

// ---- endStream ---------------------------------------------------------------------------------------------------------

const EndStreamInput = builder.inputType('EndStreamInput', {
  description: 'The stream to end.',
  fields: (t) => ({ streamId: t.id(streamIdField) }),
});

const EndStreamSuccess = builder.objectRef<{ streamId: bigint; replayed: boolean }>('EndStreamSuccess').implement({
  description: 'The stream is off air.',
  fields: (t) => ({
    stream: t.field({
      type: LiveStreamType,
      description: 'The stream.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(streamId),
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if it had ended before.' }),
  }),
});

builder.mutationField('endStream', (t) =>
  t.field({
    type: EndStreamSuccess,
    description: 'Goes off air: open streaks are closed, then the stream ends. Ending it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: EndStreamInput, required: true, description: 'The stream.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `endStream` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const streamId = fromGlobalId('LiveStream', input.streamId, 'stream');
      const { replayed } = await context.services.streams.end(requireActor(context), streamId);
      return { streamId, replayed };
    },
  }),
);

// ---- sendChatMessage ---------------------------------------------------------------------------------------------------

const SendChatMessageInput = builder.inputType('SendChatMessageInput', {
  description: 'What to say, and where.',
  validate: rules.input({ text: rules.text(CHAT_TEXT_LENGTH_MAX), idempotencyKey: rules.idempotencyKey }),
  fields: (t) => ({
    streamId: t.id(streamIdField),
    text: t.string({
      required: true,
      description: `1 to ${CHAT_TEXT_LENGTH_MAX} characters.`,
    }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this message, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const SendChatMessageSuccess = builder
  .objectRef<{ event: ChatMessageEvent; replayed: boolean }>('SendChatMessageSuccess')
  .implement({
    description: 'It is said.',
    fields: (t) => ({
      chatMessage: t.expose('event', { type: ChatMessageType, description: 'The message, as everybody gets it.' }),
      replayed: t.exposeBoolean('replayed', {
        description: 'True if an earlier call with this key had said it already.',
      }),
    }),
  });

builder.mutationField('sendChatMessage', (t) =>
  t.field({
    type: SendChatMessageSuccess,
    description: 'Says something in a live stream.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SendChatMessageInput, required: true, description: 'The message.' }) },
    errors: {
      types: [
        ...commonErrors,
        NotFoundError,
        StreamNotLiveError,
        IdempotencyConflictError,
        OverloadedError,
        MutedError,
        SlowModeError,
        BlockedWordsError,
      ],
      union: { description: 'What `sendChatMessage` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.streams.chat(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        text: input.text.trim(),
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- sendLikes ---------------------------------------------------------------------------------------------------------

const SendLikesInput = builder.inputType('SendLikesInput', {
  description: 'Likes that have gathered at the client.',
  validate: rules.input({ count: rules.count(LIKES_PER_CALL_MAX) }),
  fields: (t) => ({
    streamId: t.id(streamIdField),
    count: t.int({
      required: true,
      description: `1 to ${LIKES_PER_CALL_MAX}.`,
    }),
  }),
});

const SendLikesSuccess = builder.objectRef<{ likes: bigint }>('SendLikesSuccess').implement({
  description: 'The likes are counted.',
  fields: (t) => ({ likes: t.expose('likes', { type: 'SafeInt', description: 'All likes of the stream so far.' }) }),
});

builder.mutationField('sendLikes', (t) =>
  t.field({
    type: SendLikesSuccess,
    description:
      'Likes a live stream. Not money and not in the log: they show in `streamPulse`, and a repeated call counts again.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: SendLikesInput, required: true, description: 'The likes.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, StreamNotLiveError, OverloadedError, MutedError],
      union: { description: 'What `sendLikes` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const actor = requireActor(context);
      const streamId = fromGlobalId('LiveStream', input.streamId, 'stream');
      return { likes: await context.services.streams.like(actor, streamId, input.count) };
    },
  }),
);
