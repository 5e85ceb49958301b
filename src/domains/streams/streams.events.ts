import type { LiveEvent, LiveEventDraft } from '../../live/live-event.ts';
import type { Profile } from '../accounts/accounts.api.ts';

/** Payload of STREAM_STARTED. */
export type StreamStartedPayload = { title: string };
/** Payload of STREAM_ENDED. */
export type StreamEndedPayload = Record<string, never>;
/** Payload of CHAT_MESSAGE. */
export type ChatMessagePayload = { sender: Profile; text: string };

/** A line of chat in the log. */
export type ChatMessageEvent = LiveEvent<'CHAT_MESSAGE', ChatMessagePayload>;

/** Makes the events of this domain. */
export const streamEvents = {
  started: (streamId: bigint, title: string): LiveEventDraft<'STREAM_STARTED', StreamStartedPayload> => ({
    streamId,
    type: 'STREAM_STARTED',
    payload: { title },
  }),
  ended: (streamId: bigint): LiveEventDraft<'STREAM_ENDED', StreamEndedPayload> => ({
    streamId,
    type: 'STREAM_ENDED',
    payload: {},
  }),
  chatMessage: (
    streamId: bigint,
    sender: Profile,
    text: string,
  ): LiveEventDraft<'CHAT_MESSAGE', ChatMessagePayload> => ({
    streamId,
    type: 'CHAT_MESSAGE',
    payload: { sender, text },
  }),
};
