import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { MUTATIONS, type QUERIES } from './documents.ts';
import type { Pace } from './pace.ts';

/** How long an answer may take. */
const ANSWER_MS_MAX = 15_000;
/** A token is renewed when it holds for no longer than this. */
const RENEW_BEFORE_MS = 300_000;
/** Codes with which the server says that it is too much, or too early: for everybody. */
const TOO_MUCH = new Set(['RATE_LIMITED', 'UNAVAILABLE', 'OVERLOADED', 'TOO_MANY_OPERATIONS']);
/** Waits between attempts to open a socket again. */
const SOCKET_RETRY_MS_MIN = 1_000;
const SOCKET_RETRY_MS_MAX = 60_000;

/** The server did not do what it was asked to. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  constructor(
    /** The API's own code, or what went wrong on the way. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** What all connections share. */
export type Wire = {
  /** Where the server is, without a path. */
  url: string;
  pace: Pace;
  /** Aborted when nothing may be asked any more. */
  signal: AbortSignal;
};

type Failure = { message: string; extensions?: { code?: string; retryAfterMs?: number } };
type Body = { data?: Record<string, unknown> | null; errors?: Failure[] };
type Outcome = { __typename: string; code?: string; message?: string; retryAfterMs?: number };

/** One client of the public API: signed in with a handle, or nobody in particular. */
export class Connection {
  #token: { text: string; expiresAtMs: number } | undefined;
  #signingIn: Promise<string> | undefined;
  #socket: Client | undefined;

  constructor(
    private readonly wire: Wire,
    readonly handle?: string,
  ) {}

  /** @throws {Refusal} */
  async query<Data>(document: (typeof QUERIES)[keyof typeof QUERIES], variables: object = {}): Promise<Data> {
    return (await this.#post(document, variables, await this.#authorization())) as Data;
  }

  /** @throws {Refusal} also for expected failures, with their code */
  async mutate<Success>(name: keyof typeof MUTATIONS, input: object): Promise<Success> {
    const data = await this.#post(
      MUTATIONS[name],
      { input },
      name === 'signIn' ? undefined : await this.#authorization(),
    );
    const outcome = data[name] as Outcome;
    if (outcome.__typename.endsWith('Success')) return outcome as Success;
    throw this.#refusal(outcome.code ?? outcome.__typename, outcome.message ?? '', outcome.retryAfterMs);
  }

  /** Subscribes until it is closed; the library opens the socket again, slowly, when it breaks. */
  subscribe<Data>(document: string, variables: Record<string, unknown>, hear: (data: Data) => void): () => void {
    return this.#sockets().subscribe<Data>(
      { query: document, variables },
      {
        next: ({ data }) => {
          if (data) hear(data);
        },
        error: () => undefined, // the next look at the room subscribes again
        complete: () => undefined,
      },
    );
  }

  close(): void {
    // Rejects when a socket that is still being opened is not to be had: nobody wants it any more.
    this.#socket?.dispose()?.then(undefined, () => undefined);
    this.#socket = undefined;
  }

  #sockets(): Client {
    this.#socket ??= createClient({
      url: `${this.wire.url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: Number.POSITIVE_INFINITY,
      shouldRetry: () => !this.wire.signal.aborted,
      retryWait: (retries) =>
        sleep(Math.min(SOCKET_RETRY_MS_MAX, SOCKET_RETRY_MS_MIN * 2 ** Math.min(retries, 6)), this.wire.signal),
      connectionParams: async () => {
        const authorization = await this.#authorization().catch(() => undefined);
        return authorization ? { authorization } : {};
      },
    });
    return this.#socket;
  }

  async #authorization(): Promise<string | undefined> {
    if (this.handle === undefined) return undefined;
    if (this.#token && this.#token.expiresAtMs - Date.now() > RENEW_BEFORE_MS) return `Bearer ${this.#token.text}`;
    this.#signingIn ??= this.#signIn(this.handle).finally(() => {
      this.#signingIn = undefined;
    });
    return `Bearer ${await this.#signingIn}`;
  }

  async #signIn(handle: string): Promise<string> {
    const { token, expiresAt } = await this.mutate<{ token: string; expiresAt: string }>('signIn', { handle });
    this.#token = { text: token, expiresAtMs: Date.parse(expiresAt) };
    return token;
  }

  async #post(query: string, variables: object, authorization: string | undefined): Promise<Record<string, unknown>> {
    const { pace, signal, url } = this.wire;
    if (signal.aborted) throw new Refusal('STOPPED', 'The audience goes home.');
    if (pace.pauseMs() > 0) throw new Refusal('PAUSED', 'The audience waits before it asks again.');
    const { status, body } = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json',
        ...(authorization ? { authorization } : {}),
      },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    }).then(
      async (response) => ({ status: response.status, body: (await response.json().catch(() => ({}))) as Body }),
      (error: Error) => {
        throw this.#refusal('UNREACHABLE', causeOf(error));
      },
    );
    const [failure] = body.errors ?? [];
    if (failure)
      throw this.#refusal(
        failure.extensions?.code ?? `HTTP_${status}`,
        failure.message,
        failure.extensions?.retryAfterMs,
        status,
      );
    if (!body.data) throw this.#refusal(`HTTP_${status}`, 'The answer is not one of GraphQL.', undefined, status);
    pace.accepted();
    return body.data;
  }

  #refusal(code: string, message: string, retryAfterMs?: number, status = 200): Refusal {
    if (code === 'NOT_SIGNED_IN') this.#token = undefined; // a server with other keys: the next call signs in again
    if (TOO_MUCH.has(code) || code === 'UNREACHABLE' || status === 429 || status >= 500)
      this.wire.pace.refused(retryAfterMs);
    return new Refusal(code, message);
  }
}

/** Waits; shorter when the signal is aborted. Does not keep the process alive. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

function causeOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error
    ? `${error.message}: ${cause.message || (cause as NodeJS.ErrnoException).code}`
    : error.message;
}
