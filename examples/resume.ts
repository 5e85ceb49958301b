import type { SubscribePayload as Payload, FormattedExecutionResult as Result } from 'graphql-ws';

/** After so many attempts in a row that brought nothing, the last one's error is thrown. A steady connection counts anew. */
export const ATTEMPTS_MAX = 30;
const [PAUSE_MS_MIN, PAUSE_MS_MAX, STEADY_MS] = [200, 5_000, 15_000];
/** Closings and refusals that are worth another attempt. 4403: the token ran out. 4005 and 4499 are a client's own: no token, and a dead connection. */
const CODES = [1001, 1005, 1006, 1011, 1012, 1013, 1014, 4005, 4403, 4408, 4499];
const TRANSIENT: unknown[] = [...CODES, 'RATE_LIMITED', 'OVERLOADED', 'UNAVAILABLE', 'INTERNAL_SERVER_ERROR'];

export type FeedClient = { iterate(payload: Payload): AsyncIterableIterator<Result> };
export type Edge = { cursor: string; node: { seq: number; __typename?: string } };
/** The cursor is damaged, of another stream, or ahead of the log: start again without it. */
export class InvalidCursorError extends Error {}

/** A feed over a client of graphql-ws or graphql-sse, however often the connection is lost: each event once, in order. */
export function resume<Data>(client: FeedClient, payload: Payload, onResync = (_edge: Edge) => {}) {
  let [after, seq, attempts, isOver, stop] = [payload.variables?.after, 0, 0, false, () => {}];
  async function* results() {
    while (!isOver) {
      const variables = { ...payload.variables, after };
      const [openedAt, current] = [Date.now(), client.iterate({ ...payload, variables })];
      stop = () => void current.return?.(); // graphql-ws counts a subscription until it is told, also one that failed
      try {
        for await (const result of current) {
          if (!result.data) throw result.errors;
          const [edge] = Object.values(result.data) as (Partial<Edge> | null)[]; // other subscriptions have no cursor
          if (edge?.node && edge.node.seq <= seq) continue;
          if (edge?.node?.__typename === 'ResyncRequired') onResync(edge as Edge);
          yield result as Result<Data>;
          [after, seq, attempts] = [edge?.cursor ?? after, edge?.node?.seq ?? seq, 0]; // handled: the next one is asked for
        }
        return;
      } catch (why) {
        stop();
        const code = Array.isArray(why) ? why[0]?.extensions?.code : ((why as { code?: unknown }).code ?? 1006);
        if (code === 'INVALID_CURSOR') throw new InvalidCursorError('Start again without it.', { cause: why });
        if (Date.now() - openedAt > STEADY_MS) attempts = 0;
        if (!TRANSIENT.includes(code) || ++attempts > ATTEMPTS_MAX) throw why;
      }
      const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** attempts, PAUSE_MS_MAX) * (0.5 + Math.random() / 2);
      await new Promise<void>((resolve) => {
        [stop] = [resolve, setTimeout(resolve, pauseMs)];
      });
    }
  }
  const end = async () => {
    isOver = true;
    stop();
    return { done: true as const, value: undefined };
  };
  return Object.assign(results(), { return: end });
}
