import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Instruments, OTHER } from '../kernel/instruments.ts';

/** Routes that are counted by their name: paths are chosen by clients. */
const ROUTES = ['/graphql', '/health', '/ready', '/metrics', '/webhooks', '/reports', '/'];

/** Answers a request, and counts and traces it. */
export async function watched(
  instruments: Instruments,
  requestId: string,
  req: IncomingMessage,
  res: ServerResponse,
  answer: () => Promise<void>,
): Promise<void> {
  const { meters, tracer } = instruments;
  const route = routeOf(req.url ?? '/');
  meters.requestsInFlight++;
  const attributes = { 'http.request.method': req.method ?? '', 'http.route': route, 'hadiya.request.id': requestId };
  const parent = headerOf(req, 'traceparent');
  const span = tracer?.start(`HTTP ${req.method} ${route}`, { kind: 'server', parent, attributes });
  res.once('close', () => {
    meters.requestsInFlight--;
    meters.requests.add(`${route} ${res.statusCode}`);
    span?.set('http.response.status_code', res.statusCode);
    span?.end();
  });
  await instruments.within({ requestId, span }, answer);
}

function routeOf(url: string): string {
  const path = url.split('?', 1)[0]!;
  return ROUTES.find((route) => path === route || (route !== '/' && path.startsWith(`${route}/`))) ?? OTHER;
}

function headerOf(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}
