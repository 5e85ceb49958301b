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

/**
 * A page of a log as its readers see it: where history behind `afterSeq` was pruned, the first event stands in for what is missing.
 * @param lastSeq the log's head, of before the page was read: what is written meanwhile is not pruned
 */
export function withResync(
  page: readonly LiveEvent[],
  { streamId, afterSeq, lastSeq }: { streamId: bigint; afterSeq: bigint; lastSeq: bigint },
): LiveEvent[] {
  const resumesAt = page[0]?.seq ?? lastSeq + 1n;
  if (resumesAt <= afterSeq + 1n) return [...page];
  const missing: LiveEvent = {
    streamId,
    seq: resumesAt - 1n,
    type: RESYNC_REQUIRED,
    occurredAt: page[0]?.occurredAt ?? new Date(),
    payload: { missedFrom: Number(afterSeq + 1n), resumesAt: Number(resumesAt) },
  };
  return [missing, ...page];
}

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
