/** What every client of the matrix is asked to do, in the words of the tests. Behind it is the code of `examples/clients`. */
import type { Session } from '../../../examples/clients/session.ts';
import type { Edge } from '../../../examples/resume.ts';

/** What the `Room` query gives, as far as the tests look at it. */
export type Room = {
  me: { handle: string; coins: number } | null;
  title: string;
  /** The types of the first events of the log. */
  firstEvents: string[];
};

/** What `sendGift` can give, narrowed by the client's own types. */
export type GiftOutcome =
  | { kind: 'sent'; replayed: boolean; coins: number; seq: number }
  | { kind: 'too few coins'; required: number; available: number }
  | { kind: 'refused'; code: string };

/** A gift. */
export type GiftInput = { streamId: string; giftId: string; quantity?: number; idempotencyKey: string };

/** A feed under way. */
export type Watched = {
  /** Takes what the client hands to the page, as it comes. */
  edges: Edge[];
  /** Resolves when nothing more comes: with the error that ended it, or undefined. */
  ended: Promise<unknown>;
  stop(): void;
};

/** One of the clients, as an application would set it up. */
export type TestedClient = {
  room(streamId: string, first: number): Promise<Room>;
  /** Sent again, with the same key, until it is answered. */
  sendGift(input: GiftInput): Promise<GiftOutcome>;
  watch(streamId: string, after: string): Watched;
  /** Subscribes with a document that the server refuses, and gives the messages of the errors. */
  watchNonsense(): Promise<string[]>;
  close(): Promise<void> | void;
};

/** Makes a client. */
export type MakeClient = (api: { url: string; session: Session; webSocketImpl: unknown }) => TestedClient;

/** Collects what an iterable brings. */
export function collect(edges: AsyncIterable<Edge>, stop: () => void): Watched {
  const watched: Edge[] = [];
  const run = async () => {
    for await (const edge of edges) watched.push(edge);
  };
  return {
    edges: watched,
    ended: run().then(
      () => undefined,
      (error: unknown) => error,
    ),
    stop,
  };
}

/** Collects what is pushed, for clients that push. `error` and `complete` end it; the first end counts. */
export function pushed(subscribe: (sink: Pushing) => () => void): Watched {
  const edges: Edge[] = [];
  let stop = () => {};
  const ended = new Promise<unknown>((resolve) => {
    const cancel = subscribe({
      next: (edge) => edges.push(edge),
      error: resolve,
      complete: () => resolve(undefined),
    });
    stop = () => {
      cancel();
      resolve(undefined);
    };
  });
  return { edges, ended, stop: () => stop() };
}

type Pushing = { next(edge: Edge): void; error(error: unknown): void; complete(): void };
