import { isDeepStrictEqual } from 'node:util';
import type { Child } from '../lib/child.ts';
import { processCpuMs, type ReadPostgresCpu } from '../lib/cpu.ts';
import type { LoadCommands } from './load.api.ts';
import type { PageRequest, ReadsPage } from './pages.ts';
import type { ReadsServer, VariantName } from './variants.ts';

/** Keep-alive connections of the load. */
export const CONNECTIONS = 32;

/** What one request has cost. */
export type Cost = { serverMs: number; postgresMs: number; totalMs: number; requestsPerSecond: number; p99Ms: number };

/** The request for a page, in the words of a server's schema. */
export function requestOf(page: ReadsPage, variant: VariantName): PageRequest {
  return variant === 'postgraphile' ? page.postgraphile : page.ours;
}

/** Sends one request. */
export async function ask(
  url: string,
  { query, variables }: Omit<PageRequest, 'shown'>,
  token?: string,
): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
  if (errors || !data) throw new Error(`${url} answers ${response.status}: ${JSON.stringify(errors)}`);
  return data;
}

/** @throws when two servers do not show the same on a page */
export async function checkPage(page: ReadsPage, servers: ReadonlyMap<VariantName, ReadsServer>): Promise<void> {
  const shown = await Promise.all(
    [...servers].map(async ([name, { ready }]) => {
      const request = requestOf(page, name);
      return { name, page: request.shown(await ask(ready.url, request)) };
    }),
  );
  const [first, ...others] = shown;
  if (first!.page.items.length === 0) throw new Error(`${page.name} is empty`);
  for (const other of others) {
    if (isDeepStrictEqual(other.page, first!.page)) continue;
    throw new Error(
      `${page.name}: ${first!.name} shows ${JSON.stringify(first!.page)}, ${other.name} ${JSON.stringify(other.page)}`,
    );
  }
}

/** Loads a server with the requests for one page. Nothing else may use that Postgres meanwhile. */
export async function measurePage(
  server: Pick<ReadsServer, 'pid' | 'ready'>,
  request: Omit<PageRequest, 'shown'>,
  deps: { load: Child<LoadCommands>; postgresCpuMs: ReadPostgresCpu; durationMs: number; token?: string },
): Promise<Cost> {
  const { load, postgresCpuMs, durationMs, token } = deps;
  const { query, variables } = request;
  const used = () => ({ server: processCpuMs(server.pid), postgres: postgresCpuMs() });
  const before = used();
  const { requests, p99Ms } = await load.call('run', {
    url: server.ready.url,
    body: JSON.stringify({ query, variables }),
    token,
    connections: CONNECTIONS,
    durationMs,
  });
  const after = used();
  const serverMs = (after.server - before.server) / requests;
  const postgresMs = (after.postgres - before.postgres) / requests;
  return {
    serverMs,
    postgresMs,
    totalMs: serverMs + postgresMs,
    requestsPerSecond: (requests * 1000) / durationMs,
    p99Ms,
  };
}
