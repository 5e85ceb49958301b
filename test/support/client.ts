/** Small clients on the public API: what a front-end team would write, and nothing of the server's inside. */
import { type Client, createClient } from 'graphql-ws';
import { type CloseEvent, WebSocket } from 'ws';
import { Feed, type FeedEnd, FeedError, type WireError, within } from './feed.ts';
import { firstLine, jsonHeaders, parseBody, pushResult, socketUrl, type Variables } from './wire.ts';

/** The answer to a query or mutation. */
export type Answer<T> = {
  /** The result; null when the request failed as a whole. */
  data: T | null;
  /** GraphQL errors; undefined when there are none. */
  errors: readonly WireError[] | undefined;
  /** The HTTP status. */
  status: number;
};

/** Sends single operations over HTTP. */
export type HttpClient = {
  request<T = Record<string, unknown>>(
    query: string,
    variables?: Variables,
    options?: { headers?: Record<string, string> },
  ): Promise<Answer<T>>;
};

/** A client for HTTP POST, with a bearer token if given; `signal` ends what it asks. */
export function httpClient(url: string, token?: string, { signal }: { signal?: AbortSignal } = {}): HttpClient {
  return {
    async request<T>(query: string, variables?: Variables, options: { headers?: Record<string, string> } = {}) {
      const response = await fetch(url, {
        method: 'POST',
        signal: signal ?? null,
        headers: { ...jsonHeaders(token), accept: 'application/graphql-response+json', ...options.headers },
        body: JSON.stringify({ query, variables }),
      });
      const text = await response.text();
      const body = parseBody<{ data?: T | null; errors?: WireError[] }>(text, response);
      return { data: body.data ?? null, errors: body.errors, status: response.status };
    },
  };
}

/** Options of a WebSocket client. */
export type WsOptions = {
  /** Sent with `connection_init` as the Authorization parameter. */
  token?: string;
  /** Reconnects after a broken connection; default 0. */
  retryAttempts?: number;
  /** How long to wait before reconnect number n; at once by default. */
  retryWait?: (retries: number) => Promise<void>;
  /** Replaces the whole payload of `connection_init`. */
  connectionParams?: Record<string, unknown>;
};

/** One connected socket that carries any number of operations. */
export type WsClient = {
  /** Runs a query or mutation over the socket. */
  query<T = Record<string, unknown>>(query: string, variables?: Variables): Promise<Omit<Answer<T>, 'status'>>;
  /** Starts a subscription. Errors end the feed. */
  subscribe<T = Record<string, unknown>>(query: string, variables?: Variables): Feed<T>;
  /** The socket of now, to look at or to break; changes with a reconnect. */
  socket(): WebSocket;
  /** How the socket ended, once it is gone for good. */
  untilClosed(limitMs?: number): Promise<FeedEnd>;
  /** Closes the socket in good order. */
  close(): Promise<FeedEnd>;
};

/** Connects with graphql-ws; resolves once the server acknowledged, rejects with the close code when it refuses. */
export async function wsClient(url: string, options: WsOptions = {}): Promise<WsClient> {
  const { token, retryAttempts = 0, retryWait = async () => {} } = options;
  const life = new Feed<never>(`the socket to ${url}`);
  const client = createClient({
    url: socketUrl(url),
    webSocketImpl: WebSocket,
    connectionParams: options.connectionParams ?? (token ? { Authorization: `Bearer ${token}` } : {}),
    lazy: false,
    retryAttempts,
    retryWait,
    onNonLazyError: (cause) => life.end(endOf(cause)),
  });
  let socket: WebSocket | undefined;
  await within(
    `connecting to ${url}`,
    new Promise<void>((resolve, reject) => {
      client.on('connected', (connected) => {
        socket = connected as WebSocket;
        resolve();
      });
      life.closed.then((end) => reject(new FeedError(`the server refused the socket: ${JSON.stringify(end)}`, end)));
    }),
  );
  client.on('closed', (event) => {
    if (retryAttempts === 0 || closing) life.end(endOf(event));
  });
  let closing = false;
  const close = async () => {
    closing = true;
    await client.dispose();
    if (socket?.readyState === WebSocket.CLOSED) life.end({ code: null, reason: 'closed' });
    return life.untilClosed();
  };
  // graphql-ws would quietly open another socket.
  const live = () => {
    if (life.isClosed) throw new FeedError(`the socket to ${url} is closed`, undefined);
    return client;
  };
  return {
    query: async (query, variables) => runOnce(live(), query, variables),
    subscribe: (query, variables) => subscribe(live(), query, variables),
    socket: () => socket!,
    untilClosed: (limitMs) => life.untilClosed(limitMs),
    close,
  };
}

async function runOnce<T>(client: Client, query: string, variables?: Variables): Promise<Omit<Answer<T>, 'status'>> {
  const results = client.iterate<T>({ query, variables: variables ?? null });
  const answer = new Promise<Omit<Answer<T>, 'status'>>((resolve, reject) => {
    results.next().then(
      ({ value }) => resolve({ data: value?.data ?? null, errors: value?.errors }),
      (cause) => (Array.isArray(cause) ? resolve({ data: null, errors: cause }) : reject(endError(cause))),
    );
  });
  return within(`the answer to ${firstLine(query)}`, answer);
}

function subscribe<T>(client: Client, query: string, variables?: Variables): Feed<T> {
  const feed = new Feed<T>(`the feed of ${firstLine(query)}`, () => stop());
  const stop = client.subscribe<T>(
    { query, variables: variables ?? null },
    {
      next: (result) => pushResult(feed, result),
      error: (cause) => feed.end(endOf(cause)),
      complete: () => feed.end({ code: null, reason: 'complete' }),
    },
  );
  return feed;
}

/** What graphql-ws hands to an error sink: GraphQL errors, a close event, or an exception. */
function endOf(cause: unknown): FeedEnd {
  if (Array.isArray(cause)) return { code: null, reason: 'error', errors: cause };
  const { code, reason } = cause as Partial<CloseEvent>;
  if (typeof code === 'number') return { code, reason: reason ?? '' };
  return { code: null, reason: cause instanceof Error ? cause.message : String((cause as Error)?.message ?? cause) };
}

function endError(cause: unknown): FeedError {
  const end = endOf(cause);
  return new FeedError(`the socket ended: ${JSON.stringify(end)}`, end);
}
