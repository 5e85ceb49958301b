/** A bare socket that speaks graphql-transport-ws by hand, for tests of the protocol itself. */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { Feed, type FeedEnd, FeedError, within } from './feed.ts';
import { socketUrl, type Variables } from './wire.ts';

/** One message of the protocol. */
export type WireMessage = { type: string; id?: string; payload?: unknown };

/** Options of a raw socket. */
export type RawSocketOptions = {
  /** The subprotocol to ask for; default graphql-transport-ws. */
  protocol?: string;
  /** Headers of the upgrade request, such as Origin. */
  headers?: Record<string, string>;
};

/** A connected raw socket. */
export type RawSocket = {
  /** Every message of the server in order. Ends with the socket's close code. */
  messages: Feed<WireMessage>;
  /** The same, as the bytes came. */
  texts: readonly string[];
  /** Sends a message, or any text or bytes as they are. */
  send(message: WireMessage | string | Buffer): void;
  /** Sends connection_init and awaits the acknowledgement. */
  init(payload?: Record<string, unknown>): Promise<WireMessage>;
  /** Sends a subscribe message. */
  subscribe(id: string, query: string, variables?: Variables): void;
  /** Stops reading from the network, as a stalled client does. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Cuts the connection without a closing handshake. */
  terminate(): void;
  /** Closes in good order. */
  close(): Promise<FeedEnd>;
};

/** Opens a socket; resolves when it is open, rejects with the server's refusal. */
export async function rawSocket(url: string, options: RawSocketOptions = {}): Promise<RawSocket> {
  const socket = new WebSocket(socketUrl(url), options.protocol ?? 'graphql-transport-ws', {
    headers: options.headers,
  });
  const messages = new Feed<WireMessage>(`the raw socket to ${url}`, () => socket.close(1000));
  const texts: string[] = [];
  socket.on('message', (data) => {
    texts.push(data.toString());
    messages.push(JSON.parse(data.toString()) as WireMessage);
  });
  socket.on('close', (code, reason) => messages.end({ code, reason: reason.toString() }));
  await within(
    `connecting to ${url}`,
    new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.on('error', (error) =>
        reject(new FeedError(`the server refused the socket: ${error.message}`, undefined)),
      );
    }),
  );
  // ws keeps the network socket to itself; pausing it is the only way to be a client that stops reading.
  const network = (socket as unknown as { _socket: Socket })._socket;
  const send = (message: WireMessage | string | Buffer) =>
    socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  return {
    messages,
    texts,
    send,
    init: (payload) => {
      send({ type: 'connection_init', payload });
      return messages.next();
    },
    subscribe: (id, query, variables) => send({ id, type: 'subscribe', payload: { query, variables } }),
    pause: () => network.pause(),
    resume: () => network.resume(),
    terminate: () => socket.terminate(),
    close: () => messages.close(),
  };
}
