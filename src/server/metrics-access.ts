import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** Where the metrics are written. */
export type MetricsExport = () => Promise<{ contentType: string; text: string }>;

/** Who may read the metrics on the port that everybody reaches. */
export type MetricsAccess = {
  /** With it, whoever brings it; without it, nobody but this machine, and that in demo mode only. */
  token: string | undefined;
  /** Whether this machine's own addresses need no token. */
  loopback: boolean;
};

/** Answers `/metrics` on the public port. To others it looks as if there were no such page. */
export async function answerMetrics(
  metrics: MetricsExport,
  access: MetricsAccess,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  if (!mayRead(access, req)) return false;
  await writeMetrics(metrics, res);
  return true;
}

/** Serves `/metrics` on a port of its own, which only Prometheus reaches. */
export function createMetricsServer(metrics: MetricsExport): {
  listen: (port: number, host: string) => Promise<number>;
  close: () => Promise<void>;
} {
  const server = createServer((req, res) => {
    if (req.method !== 'GET' || (req.url ?? '').split('?', 1)[0] !== '/metrics') {
      res.writeHead(404).end();
      return;
    }
    writeMetrics(metrics, res).catch(() => res.destroy());
  });
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          const address = server.address();
          resolve(typeof address === 'object' && address ? address.port : port);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function writeMetrics(metrics: MetricsExport, res: ServerResponse): Promise<void> {
  const { contentType, text } = await metrics();
  res.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text);
}

function mayRead({ token, loopback }: MetricsAccess, req: IncomingMessage): boolean {
  if (token === undefined) return loopback && isLoopback(req);
  const given = Buffer.from(req.headers.authorization ?? '');
  const expected = Buffer.from(`Bearer ${token}`);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** A request that a proxy on this machine passes on is not this machine's. */
function isLoopback({ socket, headers }: IncomingMessage): boolean {
  if (headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined) return false;
  const address = socket.remoteAddress ?? '';
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}
