import type { GraphQLError } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { Connections } from '../graphql/connections.ts';
import type { Context, Services } from '../graphql/context.ts';
import { maskError } from '../graphql/errors.ts';
import { FanOut, type FanOutOptions } from '../graphql/fan-out/fan-out.ts';
import { createGraphiQLPage } from '../graphql/graphiql.ts';
import type { KeptAnswersOptions } from '../graphql/kept-answers.ts';
import { withoutSuggestion } from '../graphql/limits/suggestions.ts';
import { createOperationObserver } from '../graphql/operation-observer.ts';
import { createOperations } from '../graphql/operations.ts';
import { loadPersistedDocuments } from '../graphql/persisted-manifest.ts';
import { createJudge } from '../graphql/public-fields.ts';
import { RateLimits } from '../graphql/rate-limit.ts';
import { createReplicaReads } from '../graphql/replica-reads.ts';
import { useResponseCache } from '../graphql/response-cache.ts';
import { buildSchema } from '../graphql/schema.ts';
import type { SocketTransport } from '../graphql/socket-transport.ts';
import { createGraphQLSockets } from '../graphql/websocket.ts';
import { createGraphQLServer, type GraphQLOverHttp } from '../graphql/yoga.ts';
import type { Instruments } from '../kernel/instruments.ts';
import { channels } from '../live/channels.ts';
import type { Live } from '../live/live.ts';
import type { PointCounters } from '../live/points.ts';
import { isPlainOrigin } from '../server/http-guard.ts';

/** GraphQL on all its transports. */
export type GraphQLApi = GraphQLOverHttp & {
  sockets: SocketTransport;
  fanOut: FanOut;
  limits: RateLimits;
  isAllowedOrigin: (origin: string, host: string | undefined) => boolean;
};

/** What GraphQL is put together from. */
type Deps = {
  services: Services;
  live: Live;
  counters: PointCounters | undefined;
  instruments: Instruments;
  log: Logger;
  overrides: { fanOut?: Partial<FanOutOptions> | undefined; responseCache?: KeptAnswersOptions | undefined };
};

/**
 * Puts GraphQL together. HTTP, SSE and WebSocket share one reader of documents, one set of limits and one fan-out.
 * @throws {StartError} when a manifest of persisted documents is wrong
 */
export async function createGraphQLApi(config: Config, deps: Deps): Promise<GraphQLApi> {
  const { services, live, counters, instruments, log, overrides } = deps;
  const { introspection, trustProxy } = config;
  const { meters } = instruments;
  const demo = config.auth.mode === 'demo';
  const schema = buildSchema({ demo });
  const mask = createMask(log, introspection);
  const operations = createOperations({ schema, maskError: mask, introspection });
  const manifests = { paths: config.persistedDocuments, only: config.persistedOnly };
  const persisted = await loadPersistedDocuments(manifests, operations);
  const observer = createOperationObserver(instruments, persisted.operationNames);
  const fanOut = new FanOut(
    { executeEvent: operations.execute, mask },
    { ...config.fanOut, ...overrides.fanOut },
    instruments,
  );
  const shared = {
    schema,
    operations,
    persisted,
    fanOut,
    reads: createReplicaReads(services.db.replica, {
      meters,
      isPublicQuery: createJudge(schema),
      changes: live.changes,
      hearsOthers: () => live.bus.isUp(channels.changes()),
    }),
    limits: new RateLimits(counters, { ...config.rateLimits, trustProxy }, meters),
    connections: new Connections({ ...config.connectionLimits, trustProxy }),
    services,
    log,
    observer,
    meters,
  };
  const isAllowedOrigin = originCheck(demo, config.allowedOrigins);
  const overHttp = createGraphQLServer({
    ...shared,
    mask,
    responseCache: useResponseCache(schema, live.changes, overrides.responseCache),
    isAllowedOrigin,
    graphiql: hasGraphiQL(config) ? createGraphiQLPage(services, demo) : undefined,
  });
  return { ...overHttp, sockets: createGraphQLSockets(shared), fanOut, limits: shared.limits, isAllowedOrigin };
}

/** Whether there is GraphiQL: it asks for the schema, and sends what is typed into it. */
export function hasGraphiQL({ introspection, persistedOnly }: Config): boolean {
  return introspection && !persistedOnly;
}

/** What a client may see of an error. What is hidden is logged, with the request that met it. */
function createMask(log: Logger, introspection: boolean): (error: unknown, contextValue?: unknown) => GraphQLError {
  return (error, contextValue) => {
    const requestId = (contextValue as Context | undefined)?.requestId;
    const shown = maskError(error, (hidden, isOutage) =>
      isOutage
        ? log.warn({ err: hidden, requestId }, 'Postgres was away')
        : log.error({ err: hidden, requestId }, 'unexpected error in a resolver'),
    );
    return introspection ? shown : withoutSuggestion(shown);
  };
}

/** Browsers may come from our own pages and the allowed ones, and in demo mode from any port of this machine (a dev server). */
function originCheck(demo: boolean, allowed: string[]): (origin: string, host: string | undefined) => boolean {
  return (origin, host) => {
    if (allowed.includes(origin)) return true;
    if (!isPlainOrigin(origin)) return false;
    const url = new URL(origin);
    return url.host === host || (demo && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname));
  };
}
