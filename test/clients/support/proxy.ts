/** A TCP proxy that breaks connections as networks do. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server. */
export type Proxy = {
  /** The address of the GraphQL endpoint, through the proxy. */
  url: string;
  /** Connections open now. */
  open(): number;
  /** Resets all connections. */
  cut(): void;
  /** The next connection on which the server answers a request that holds this text is reset instead: the answer is lost. */
  loseAnswerTo(text: string): { lost: Promise<void> };
  close(): Promise<void>;
};

/** Starts a proxy in front of a GraphQL endpoint. */
export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port, pathname } = new URL(target);
  const sockets = new Set<Socket>();
  let losing: { text: string; done: () => void } | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let doomed: (() => void) | undefined;
    const reset = () => {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', reset);
      socket.on('close', () => {
        sockets.delete(socket);
        reset();
      });
    }
    client.on('data', (chunk) => {
      if (losing && unmasked(chunk).includes(losing.text)) {
        doomed = losing.done;
        losing = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!doomed) return client.write(chunk);
      doomed();
      doomed = undefined;
      return reset();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    open: () => sockets.size / 2,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    loseAnswerTo: (text) => ({
      lost: new Promise((resolve) => {
        losing = { text, done: resolve };
      }),
    }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a chunk says: clients mask what they send over a WebSocket. A chunk that is no frame is text as it stands. */
function unmasked(chunk: Buffer): string {
  const isMasked = chunk[0] === 0x81 && (chunk[1]! & 0x80) !== 0;
  if (!isMasked) return chunk.toString();
  const size = chunk[1]! & 0x7f;
  const start = size === 126 ? 4 : size === 127 ? 10 : 2;
  const mask = chunk.subarray(start, start + 4);
  return Buffer.from(chunk.subarray(start + 4).map((byte, n) => byte ^ mask[n % 4]!)).toString();
}
