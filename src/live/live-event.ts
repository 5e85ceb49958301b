/** One numbered row of a stream's log. `payload` is all that a watcher needs: nothing is read to deliver it. */
export type LiveEvent<Type extends string = string, Payload = unknown> = {
  streamId: bigint;
  seq: bigint;
  type: Type;
  occurredAt: Date;
  payload: Payload;
  /** The trace that it belongs to, while traces are on. Not in the log of the stream: it travels over the bus. */
  traceparent?: string | undefined;
};

/** An event that is about to be appended: the log gives it its number and time. */
export type LiveEventDraft<Type extends string = string, Payload = unknown> = {
  streamId: bigint;
  type: Type;
  payload: Payload;
};

/** The type of the event that stands in for pruned history. It is delivered, never stored. */
export const RESYNC_REQUIRED = 'RESYNC_REQUIRED';

type WireEvent = [seq: string, type: string, occurredAtMs: number, payload: unknown, traceparent?: string];

/** The bus message for a batch of one stream's events. */
export function encodeEvents(events: readonly LiveEvent[]): string {
  return JSON.stringify(
    events.map(({ seq, type, occurredAt, payload, traceparent }): WireEvent => {
      const wire: WireEvent = [String(seq), type, occurredAt.getTime(), payload];
      if (traceparent) wire.push(traceparent);
      return wire;
    }),
  );
}

/** Reads what {@link encodeEvents} wrote. */
export function decodeEvents(streamId: bigint, message: string): LiveEvent[] {
  return (JSON.parse(message) as WireEvent[]).map(([seq, type, occurredAtMs, payload, traceparent]) => ({
    streamId,
    seq: BigInt(seq),
    type,
    occurredAt: new Date(occurredAtMs),
    payload,
    ...(traceparent && { traceparent }),
  }));
}
