/** A line to a server that a test can cut: what goes through it is lost until it is mended. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A line to a server. */
export type CutLine = {
  /** Where it begins. */
  url: string;
  /** Breaks all connections, and lets nobody in. */
  cut: () => void;
  mend: () => void;
  close: () => Promise<void>;
};

/** Lays a line to the server at this address. */
export async function layLine(target: string): Promise<CutLine> {
  const { hostname, port } = new URL(target);
  const ends = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.once('close', () => {
        ends.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutAll = () => {
    for (const end of ends) end.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
      cutAll();
    },
    mend: () => {
      isCut = false;
    },
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cutAll();
      return closed;
    },
  };
}
