/** One request, over whatever carries it: the same parameters as an HTTP POST or GET, as Server-Sent Events and over WebSocket. */
import type { Endpoint } from '../../support/endpoint.ts';
import { type WireError, within } from '../../support/feed.ts';
import { jsonHeaders } from '../../support/wire.ts';

/** The parameters of a request; what is undefined is not sent. */
export type Parameters = {
  query?: unknown;
  documentId?: unknown;
  operationName?: string;
  variables?: Record<string, unknown>;
  extensions?: unknown;
};

/** The first result. `status` is that of HTTP; over WebSocket it is undefined. */
export type FirstResult = {
  data?: Record<string, unknown> | null | undefined;
  errors?: readonly WireError[] | undefined;
  status?: number | undefined;
};

/** Sends a request and takes the first result, of a subscription as of a query. */
export type Ask = (server: Endpoint, parameters: Parameters, token?: string) => Promise<FirstResult>;

const post: Ask = async (server, parameters, token) => {
  const headers = { ...jsonHeaders(token), accept: 'application/graphql-response+json' };
  return asResult(await fetch(server.url, { method: 'POST', headers, body: JSON.stringify(parameters) }));
};

const get: Ask = async (server, parameters, token) => {
  const url = new URL(server.url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  const { 'content-type': _, ...headers } = jsonHeaders(token);
  return asResult(await fetch(url, { headers: { ...headers, accept: 'application/graphql-response+json' } }));
};

const sse: Ask = async (server, parameters, token) => {
  const abort = new AbortController();
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { ...jsonHeaders(token), accept: 'text/event-stream' },
    body: JSON.stringify(parameters),
    signal: abort.signal,
  });
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return asResult(response);
  let text = '';
  try {
    const first = async () => {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const data = /^event: next\ndata: (.*)$/m.exec(text)?.[1];
        if (data !== undefined && text.includes('\n\n', text.indexOf(data)))
          return { ...JSON.parse(data), status: 200 };
      }
      throw new Error(`a stream without an event: ${text}`);
    };
    return await within('the first event', first());
  } finally {
    abort.abort();
  }
};

const webSocket: Ask = async (server, parameters, token) => {
  const socket = await server.raw();
  try {
    await socket.init(token === undefined ? undefined : { authorization: `Bearer ${token}` });
    const payload = { query: '', ...parameters };
    socket.send({ id: 'ask', type: 'subscribe', payload });
    const { type, payload: result } = await socket.messages.next();
    return type === 'error' ? { errors: result as WireError[] } : (result as FirstResult);
  } finally {
    socket.terminate();
  }
};

/** The transports, by name. */
export const ASKS = { POST: post, GET: get, SSE: sse, WebSocket: webSocket } as const;

/** A transport. */
export type Transport = keyof typeof ASKS;

/** All of them. */
export const TRANSPORTS = Object.keys(ASKS) as Transport[];

async function asResult(response: Response): Promise<FirstResult> {
  const text = await response.text();
  if (!text.startsWith('{')) throw new Error(`HTTP ${response.status} without JSON: ${text.slice(0, 300)}`);
  return { ...JSON.parse(text), status: response.status };
}
