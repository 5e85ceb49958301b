import type { FormattedExecutionResult, Sink, SubscribePayload } from 'graphql-ws';

/** How a client of graphql-ws subscribes. */
type Subscribe = (
  payload: SubscribePayload,
  sink: Sink<FormattedExecutionResult<Record<string, unknown>>>,
) => () => void;

/** What `liveEvents` answers with; other subscriptions have no cursor. */
type WithCursor = { liveEvents?: { cursor?: unknown } } | null | undefined;

/**
 * Subscribes so that a lost socket loses no event: graphql-ws subscribes anew by itself whenever the socket is back, with
 * the same payload object, and that one's `after` is always the cursor of the last event that was handled.
 */
export function subscribeResumably(subscribe: Subscribe, payload: SubscribePayload, sink: Parameters<Subscribe>[1]) {
  let cursor = payload.variables?.after;
  const variables = { ...payload.variables };
  if ('liveEvents' in rootsOf(payload)) {
    Object.defineProperty(variables, 'after', { enumerable: true, get: () => cursor });
  }
  return subscribe(
    { ...payload, variables },
    {
      ...sink,
      next: (result) => {
        sink.next(result);
        const handled = (result.data as WithCursor)?.liveEvents?.cursor;
        if (handled !== undefined) cursor = handled;
      },
    },
  );
}

/** The payload's root fields, by name. Documents of this page have no aliases at their root. */
function rootsOf({ query }: SubscribePayload): Record<string, true> {
  return /\{\s*liveEvents\b/.test(query) ? { liveEvents: true } : {};
}
