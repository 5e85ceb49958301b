/** What graphql-ws sends when it subscribes anew by itself: the cursor of the last event that was handled. */
import type { Sink, SubscribePayload } from 'graphql-ws';
import { expect, test } from 'vitest';
import { subscribeResumably } from '../../../examples/live-room/src/api/resume.ts';

/** A client of graphql-ws, as far as subscribing goes: it keeps the payload, and serialises it each time. */
function fakeSocket() {
  const opened: { payload: SubscribePayload; sink: Sink<Record<string, unknown>> }[] = [];
  return {
    subscribe: (payload: SubscribePayload, sink: Sink<never>) => {
      opened.push({ payload, sink: sink as never });
      return () => undefined;
    },
    /** What goes over the wire now. */
    sent: () => JSON.parse(JSON.stringify(opened[0]!.payload)) as SubscribePayload,
    receive: (data: unknown) => opened[0]!.sink.next({ data }),
  };
}

const FEED = 'subscription Feed($after: String) { liveEvents(after: $after) { cursor } }';

test('a feed goes on behind the last event that was handled', () => {
  const socket = fakeSocket();
  const handled: unknown[] = [];
  const sink = { next: (result: unknown) => handled.push(result), error: () => undefined, complete: () => undefined };
  subscribeResumably(socket.subscribe, { query: FEED, variables: { streamId: 's', after: 'c1' } }, sink);
  expect(socket.sent().variables).toEqual({ streamId: 's', after: 'c1' });
  socket.receive({ liveEvents: { cursor: 'c2' } });
  socket.receive({ liveEvents: { cursor: 'c3' } });
  expect(handled).toHaveLength(2);
  expect(socket.sent().variables).toEqual({ streamId: 's', after: 'c3' });
});

test('an event whose handling fails is not passed over', () => {
  const socket = fakeSocket();
  const failing = {
    next: () => {
      throw new Error('not handled');
    },
    error: () => undefined,
    complete: () => undefined,
  };
  subscribeResumably(socket.subscribe, { query: FEED, variables: { after: 'c1' } }, failing);
  expect(() => socket.receive({ liveEvents: { cursor: 'c2' } })).toThrow('not handled');
  expect(socket.sent().variables).toEqual({ after: 'c1' });
});

test('other subscriptions are sent as they are', () => {
  const socket = fakeSocket();
  const sink = { next: () => undefined, error: () => undefined, complete: () => undefined };
  subscribeResumably(socket.subscribe, { query: 'subscription { walletUpdates { coins } }', variables: {} }, sink);
  socket.receive({ walletUpdates: { coins: 1 } });
  expect(socket.sent().variables).toEqual({});
});
