import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { type RateLimits, retryAfterSeconds } from './graphql/rate-limit.ts';
import { nameRequest } from './graphql/request-id.ts';
import { refuseUpgrade, type SocketTransport } from './graphql/socket-transport.ts';
import type { GraphQLServer } from './graphql/yoga.ts';
import type { RateLimitedError } from './kernel/errors.ts';
import type { Instruments } from './kernel/instruments.ts';
import { refuseRequest, secureApiHeaders, secureHeaders } from './server/http-guard.ts';
import { answerMetrics, type MetricsAccess, type MetricsExport } from './server/metrics-access.ts';
import type { Readiness } from './server/readiness.ts';
import { spread } from './server/spread.ts';
import { watched } from './server/watched.ts';

/** How long requests under way may take to end when the server drains. */
const DRAIN_MS_MAX = 5_000;
/** Who waits for the end of one answer: of a stream, its places among the connections, its watchers, its token, bans. Node warns from 11 on. */
const CLOSE_LISTENERS_MAX = 20;
/** A client has so long to send its headers, and then its request. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than balancers keep idle connections (60 s): else a request meets one that is being closed, and is lost. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** Bytes of a webhook's body at the most. */
const WEBHOOK_BODY_SIZE_MAX = 256 * 1024;

/** The HTTP server. */
export type HttpServer = {
  listen: (port: number, host: string) => Promise<{ url: string }>;
  /** Takes no more connections, and ends sockets and event streams one after the other over a time; what they ask meanwhile is answered. */
  release: (spreadMs: number) => Promise<void>;
  /** Lets requests under way end, then ends every connection that is left. */
  close: () => Promise<void>;
};

/** What a webhook gets: its path and headers, and its body as it came, for signatures to be checked against. */
export type WebhookRequest = { headers: IncomingMessage['headers']; body: Buffer; path: string };

/** Handles the POSTs of one webhook; the sender tries again unless the status is 2xx. */
export type Webhook = (request: WebhookRequest) => Promise<{ status: number; body: unknown }>;

/** A GET of a page: its path without the query, which may hold what must not be logged. */
export type PageRequest = { headers: IncomingMessage['headers']; path: string; query: URLSearchParams };

/** Answers the GETs of one page. */
export type Page = (request: PageRequest) => Promise<{ status: number; headers: Record<string, string>; body: string }>;

/** Answers GETs of files, or does not know the path and resolves to false. */
export type Site = (req: IncomingMessage, res: ServerResponse, path: string) => Promise<boolean>;

type Deps = {
  /** What people see; undefined: there are no files to show. */
  site: Site | undefined;
  /** Whether a browser finds something at /graphql. */
  hasGraphiQL: boolean;
  /** By path, such as "/webhooks/stripe"; one that ends in "/*" takes any last part. */
  webhooks: ReadonlyMap<string, Webhook>;
  /** Likewise. */
  pages: ReadonlyMap<string, Page>;
  yoga: GraphQLServer;
  isEventStream: (res: ServerResponse) => boolean;
  sockets: SocketTransport;
  /** What counts the requests of an address. */
  limits: RateLimits;
  log: Logger;
  isAllowedOrigin: (origin: string, host: string | undefined) => boolean;
  readiness: Readiness;
  metrics: MetricsExport;
  metricsAccess: MetricsAccess;
  instruments: Instruments;
};

/** Routes: /graphql over HTTP, SSE and WebSocket, /webhooks/*, pages such as /reports/*, the site at /, /health (the process lives), /ready (it can serve). */
export function createHttpServer(deps: Deps): HttpServer {
  const underWay = new Set<ServerResponse>();
  let closed: Promise<void> | undefined;
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS },
    (req, res) => {
      underWay.add(res);
      res.setMaxListeners(CLOSE_LISTENERS_MAX);
      secureHeaders(res);
      res.once('close', () => underWay.delete(res));
      const requestId = nameRequest(req, res);
      // Whoever keeps a connection for the next request is to look for another server.
      if (deps.readiness.isDraining) res.setHeader('connection', 'close');
      watched(deps.instruments, requestId, req, res, () => route(deps, req, res)).catch((error: unknown) => {
        // A client that goes away in the middle of its body is no error of ours.
        if (req.readableAborted) deps.log.debug({ err: error, requestId }, 'a request was cut off');
        else deps.log.error({ err: error, requestId }, 'unexpected error in a request');
        if (res.headersSent) res.destroy();
        else respond(res, 500, { errors: [{ message: 'Unexpected error.' }] });
      });
    },
  );
  server.on('upgrade', (request, socket, head) => {
    // Over a connection that was there before the server stopped to listen.
    if (closed) refuseUpgrade(socket, '503 Service Unavailable');
    else upgrade(deps, request, socket, head);
  });
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve({ url: urlOf(server.address() as AddressInfo) });
        });
      }),
    release: async (spreadMs) => {
      deps.readiness.drain();
      closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
      const streams = [...underWay].filter((res) => deps.isEventStream(res));
      await spread([...deps.sockets.ends(), ...streams.map((res) => () => void res.destroy())], spreadMs);
    },
    close: async () => {
      deps.readiness.drain();
      closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
      await deps.sockets.close();
      const ending = [...underWay].map((res) => new Promise((resolve) => res.once('close', resolve)));
      for (const res of underWay) if (deps.isEventStream(res)) res.destroy();
      const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS_MAX);
      await Promise.all(ending);
      // What is left are connections that clients keep for a next request.
      server.closeAllConnections();
      await closed;
      clearTimeout(late);
    },
  };
}

async function route(deps: Deps, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const [path, query] = (req.url ?? '/').split('?', 2);
  if (path === '/health') return respond(res, 200, { status: 'ok' });
  if (path === '/ready') {
    const { status, body } = await deps.readiness.answer();
    return respond(res, status, body);
  }
  const tooMany = deps.limits.refuseRequest(deps.limits.networkOf(req));
  if (tooMany) return refuseFlood(deps, req, res, tooMany);
  if (path === '/graphql') {
    secureApiHeaders(res);
    const refused = refuseRequest(req, deps.isAllowedOrigin);
    if (refused) {
      const { status, message, code } = refused;
      return respond(res, status, { errors: [{ message, extensions: { code } }] });
    }
    return deps.yoga(req, res) as Promise<void>;
  }
  if (path === '/metrics' && (await answerMetrics(deps.metrics, deps.metricsAccess, req, res))) return;
  const page = find(deps.pages, path!);
  if (page) {
    if (req.method !== 'GET') return respond(res, 405, { errors: [{ message: 'Send a GET.' }] });
    const { status, headers, body } = await page({
      headers: req.headers,
      path: path!,
      query: new URLSearchParams(query),
    });
    res.writeHead(status, headers).end(body);
    return;
  }
  const webhook = find(deps.webhooks, path!);
  if (webhook) {
    if (req.method !== 'POST') return respond(res, 405, { errors: [{ message: 'Send a POST.' }] });
    const body = await readBody(req, WEBHOOK_BODY_SIZE_MAX);
    if (!body) return respond(res, 413, { errors: [{ message: 'The body is too large.' }] });
    const answer = await webhook({ headers: req.headers, body, path: path! });
    return respond(res, answer.status, answer.body);
  }
  const reading = req.method === 'GET' || req.method === 'HEAD';
  if (reading && (await deps.site?.(req, res, path!))) return;
  if (path === '/' && deps.hasGraphiQL) {
    if (!reading) return respond(res, 405, { errors: [{ message: 'Send a GET.' }] });
    res.writeHead(302, { location: '/graphql' }).end();
    return;
  }
  return respond(res, 404, { errors: [{ message: 'Nothing here. The API is at /graphql.' }] });
}

/** Pages that may call the API are told, too: without the header they would see a network that is broken. */
function refuseFlood(deps: Deps, req: IncomingMessage, res: ServerResponse, refusal: RateLimitedError): void {
  const { origin, host } = req.headers;
  if (origin !== undefined && deps.isAllowedOrigin(origin, host)) res.setHeader('access-control-allow-origin', origin);
  const { message, code, retryAfterMs } = refusal;
  res.setHeader('retry-after', retryAfterSeconds(refusal));
  respond(res, 429, { errors: [{ message, extensions: { code, retryAfterMs } }] });
}

/** What a path leads to, by its whole or by all but its last part. */
function find<Route>(routes: ReadonlyMap<string, Route>, path: string): Route | undefined {
  return routes.get(path) ?? routes.get(path.replace(/[^/]+$/, '*'));
}

function upgrade(deps: Deps, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const refuse = (status: string) => refuseUpgrade(socket, status);
  socket.on('error', (error) => deps.log.debug({ err: error }, 'an upgrade failed'));
  if ((request.url ?? '').split('?', 1)[0] !== '/graphql') {
    refuse('404 Not Found');
    return;
  }
  const { origin, host } = request.headers;
  if (origin !== undefined && !deps.isAllowedOrigin(origin, host)) {
    refuse('403 Forbidden');
    return;
  }
  const tooMany = deps.limits.refuseRequest(deps.limits.networkOf(request));
  if (tooMany) {
    refuse(`429 Too Many Requests\r\nretry-after: ${retryAfterSeconds(tooMany)}`);
    return;
  }
  deps.sockets.upgrade(request, socket, head);
}

/** The whole body, or undefined when it has more bytes than that. */
async function readBody(req: IncomingMessage, sizeMax: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > sizeMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function respond(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

function urlOf({ address, port, family }: AddressInfo): string {
  const wildcard = address === '0.0.0.0' || address === '::';
  const host = wildcard ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
