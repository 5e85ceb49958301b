import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { CloseCode, handleProtocols, type Server } from 'graphql-ws';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Meters, OTHER } from '../kernel/instruments.ts';
import type { Connections } from './connections.ts';
import { SocketWriter } from './fan-out/socket-writer.ts';
import { MessageRate } from './message-rate.ts';
import { nameSocket } from './request-id.ts';

/** Bytes of one WebSocket message at the most; a larger one closes the socket with 1009. */
export const MESSAGE_SIZE_MAX = 64 * 1024;
/** Pieces of one message, as frames and as the network brings them: each takes memory, however small it is. */
const MESSAGE_FRAGMENTS_MAX = 128;
const MESSAGE_CHUNKS_MAX = 1_024;
/** How often sockets are pinged; one that has not answered by the next ping is dropped. */
export const PING_INTERVAL_MS = 12_000;
/** How long a client may take to answer that its socket is closed. */
const CLOSE_WAIT_MS_MAX = 2_000;
/** Clients of graphql-ws answer it by connecting again. */
const CLOSE_SERVICE_RESTART = 1012;
/** They take it as final: who floods, or holds too many sockets, is not asked to try again. */
export const CLOSE_TOO_MANY = 4429;

/** What graphql-ws keeps for us beside its own state of a socket. Nothing else of the request: it would outweigh all the rest. */
export type SocketExtra = {
  socket: WebSocket;
  writer: SocketWriter;
  network: string | undefined;
  /** Names the socket in the log. */
  socketId: string;
};

/** Open sockets, and how to open one. */
export type SocketTransport = {
  /** Takes over an upgrade request; the caller has checked path and origin. */
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** For each open socket what tells its client to connect again (1012), elsewhere or later. */
  ends: () => (() => void)[];
  /** Tells it to all who are left, and waits for the sockets to end. */
  close: () => Promise<void>;
};

/**
 * Carries graphql-ws's messages over `ws`: one timer pings all sockets, and what is sent in one turn is one write.
 * @param networkOf what a client's address is counted as, if it is
 */
export function createSocketTransport<Extra extends SocketExtra>(
  server: Server<Extra>,
  { log, meters }: { log: Logger; meters: Meters },
  networkOf: (request: IncomingMessage) => string | undefined,
  connections: Connections,
): SocketTransport {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_SIZE_MAX,
    maxFragments: MESSAGE_FRAGMENTS_MAX,
    maxBufferedChunks: MESSAGE_CHUNKS_MAX,
    perMessageDeflate: false,
    handleProtocols,
  });
  const unanswered = new WeakSet<WebSocket>();
  const pings = setInterval(() => {
    for (const socket of sockets.clients) {
      if (unanswered.has(socket)) socket.terminate();
      else if (socket.readyState === socket.OPEN) {
        unanswered.add(socket);
        socket.ping();
      }
    }
  }, PING_INTERVAL_MS);
  pings.unref();

  const open = (socket: WebSocket, raw: Duplex, request: IncomingMessage, network: string | undefined) => {
    const socketId = nameSocket(request);
    meters.socketsOpened++;
    meters.socketsOpen++;
    // ws itself closes a socket that failed with the right code; without a listener the error would end the process.
    socket.on('error', (error) => log.debug({ err: error, socketId }, 'a socket failed'));
    socket.on('pong', () => unanswered.delete(socket));
    const admit = floodGate(socket);
    const writer = new SocketWriter(socket, raw);
    const closed = server.opened(
      {
        protocol: socket.protocol,
        send: (message) => writer.send(message),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) => {
          socket.on('message', (message) => {
            if (!admit()) return;
            handle(String(message)).catch((error: unknown) => {
              log.error({ err: error, socketId }, 'unexpected error in a message');
              socket.close(CloseCode.InternalServerError, 'Unexpected error.');
            });
          });
        },
      },
      { socket, writer, network, socketId } as Extra,
    );
    socket.once('close', (code, reason) => {
      meters.socketsOpen--;
      meters.socketsClosed.add(isOurCode(code) ? String(code) : OTHER);
      closed(code, String(reason)).catch((error: unknown) => {
        log.error({ err: error, socketId }, 'unexpected error when a socket closed');
      });
      writer.close();
    });
  };
  return {
    upgrade: (request, raw, head) => {
      const release = connections.fromNetwork(request);
      if (!release) {
        refuseUpgrade(raw, '429 Too Many Requests\r\nretry-after: 60');
        return;
      }
      raw.once('close', release);
      const network = networkOf(request);
      sockets.handleUpgrade(request, raw, head, (socket) => open(socket, raw, request, network));
    },
    ends: () => [...sockets.clients].map((client) => () => client.close(CLOSE_SERVICE_RESTART, 'Service restart')),
    close: async () => {
      clearInterval(pings);
      for (const client of sockets.clients) client.close(CLOSE_SERVICE_RESTART, 'Service restart');
      // A client that does not read never answers; ws would wait for it half a minute.
      const late = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, CLOSE_WAIT_MS_MAX);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(late);
    },
  };
}

/**
 * Answers an upgrade that is not taken, and lets go of the connection: Node has handed it over, so that no timeout of its own ends
 * it, and a client that does not close its half would keep the other open for ever.
 * @param status with headers behind it, if there are any
 */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

/** Counts what a client sends, pings included; closes its socket when that is a flood. From then on nothing is let through. */
function floodGate(socket: WebSocket): () => boolean {
  const rate = new MessageRate();
  let flooded = false;
  const admit = () => {
    if (flooded) return false;
    if (rate.admit()) return true;
    flooded = true;
    socket.close(CLOSE_TOO_MANY, 'Too many messages');
    // Who does not listen, either, is cut off.
    setTimeout(() => socket.terminate(), CLOSE_WAIT_MS_MAX).unref();
    return false;
  };
  socket.on('ping', admit);
  socket.on('pong', admit);
  return admit;
}

/** Codes of the protocols; a client may close with any of thousands of others. */
function isOurCode(code: number): boolean {
  return (code >= 1000 && code <= 1015) || (code >= 4400 && code <= 4429) || code === 4500;
}
