/** A server as its clients see it, wherever it runs. */
import { inject } from 'vitest';
import { type HttpClient, httpClient, type WsClient, type WsOptions, wsClient } from './client.ts';
import type { Feed } from './feed.ts';
import { type RawSocket, type RawSocketOptions, rawSocket } from './raw-socket.ts';
import { sseFeed } from './sse.ts';
import type { Variables } from './wire.ts';

/** A server as its clients see it. What is opened through it is closed with it. */
export type Endpoint = {
  /** The address of the GraphQL endpoint. */
  url: string;
  /** A client over HTTP. */
  http(token?: string): HttpClient;
  /** A connected client over WebSocket. */
  ws(options?: WsOptions): Promise<WsClient>;
  /** A bare socket. */
  raw(options?: RawSocketOptions): Promise<RawSocket>;
  /** A subscription over server-sent events. */
  sse<T = Record<string, unknown>>(query: string, variables?: Variables, token?: string): Feed<T>;
};

/** An endpoint, and how to close all that was opened through it. */
export type Connected = { endpoint: Endpoint; closeClients(): Promise<void> };

/** Clients for a server at this address. */
export function connectTo(baseUrl: string): Connected {
  const url = new URL('/graphql', baseUrl).href;
  const open = new Set<{ close(): Promise<unknown> }>();
  const keep = <C extends { close(): Promise<unknown> }>(client: C): C => {
    open.add(client);
    return client;
  };
  const endpoint: Endpoint = {
    url,
    http: (token) => httpClient(url, token),
    ws: async (options) => keep(await wsClient(url, options)),
    raw: async (options) => {
      const socket = await rawSocket(url, options);
      // A test may leave it paused, and then it would never see its own closing handshake.
      keep({ close: async () => socket.terminate() });
      return socket;
    },
    sse: (query, variables, token) => keep(sseFeed(url, query, variables, token)),
  };
  const closeClients = async () => {
    await Promise.allSettled([...open].map((client) => client.close()));
    open.clear();
  };
  return { endpoint, closeClients };
}

/** The Redis of a server: none, the shared one, or a private one by its URL. */
export function redisUrl(redis: boolean | string | undefined): string | undefined {
  if (typeof redis === 'string') return redis;
  return redis ? inject('redisUrl') : undefined;
}
