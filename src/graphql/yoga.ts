import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaInitialContext, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Meters } from '../kernel/instruments.ts';
import { bearerToken } from './bearer-token.ts';
import type { Connections } from './connections.ts';
import type { Context, Services } from './context.ts';
import { tooManyConnections } from './errors.ts';
import { atExpiry } from './expiry.ts';
import type { FanOut } from './fan-out/fan-out.ts';
import { type GraphiQLPage, renderGraphiQLPage, usePagePolicy } from './graphiql.ts';
import type { OperationObserver } from './operation-observer.ts';
import type { Operations } from './operations.ts';
import { useOperations } from './operations-plugin.ts';
import { type PersistedDocuments, usePersistedDocuments } from './persisted-documents.ts';
import { type RateLimits, refusalResult } from './rate-limit.ts';
import type { ReplicaReads } from './replica-reads.ts';
import { useBoundedBody } from './request-body.ts';
import { requestIdOf } from './request-id.ts';

/** Bytes of a request body at the most; one more is answered with 413. */
export const BODY_SIZE_MAX = 64 * 1024;

/** What an HTTP request brings into the context. */
type HttpContext = { req: IncomingMessage; res: ServerResponse };

/** GraphQL over HTTP and SSE. */
export type GraphQLServer = YogaServerInstance<HttpContext, Context>;

/** How a Yoga plugin replaces what subscribes. */
type SetSubscribe = (subscribe: FanOut['subscribe']) => void;

/** Yoga, and what the HTTP server has to know of it. */
export type GraphQLOverHttp = {
  yoga: GraphQLServer;
  /** Whether the response is a subscription over SSE, which does not end by itself. */
  isEventStream: (res: ServerResponse) => boolean;
};

/** Puts GraphQL Yoga together. */
export function createGraphQLServer(options: {
  schema: GraphQLSchema;
  /** What parses, validates and executes; the WebSocket shares it. */
  operations: Operations;
  persisted: PersistedDocuments;
  /** What a client may see of an error. */
  mask: (error: unknown) => Error;
  services: Services;
  fanOut: FanOut;
  limits: RateLimits;
  connections: Connections;
  /** Where queries read. */
  reads: ReplicaReads;
  /** The plugin that keeps answers, see `response-cache.ts`. */
  responseCache: Plugin;
  log: Logger;
  observer: OperationObserver;
  meters: Meters;
  isAllowedOrigin: (origin: string, host: string | undefined) => boolean;
  graphiql: GraphiQLPage | undefined;
}): GraphQLOverHttp {
  const { operations, services, fanOut, limits, connections, log, observer, isAllowedOrigin, graphiql } = options;
  const eventStreams = new WeakSet<ServerResponse>();
  const yoga = createYoga<HttpContext, Context>({
    schema: options.schema,
    graphqlEndpoint: '/graphql',
    logging: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: false, // useBoundedBody sees to it
    extraParamNames: ['documentId'], // see usePersistedDocuments
    parserAndValidationCache: false, // useOperations has a bounded one
    cors: (request) => {
      const origin = request.headers.get('origin');
      const allowed = origin && isAllowedOrigin(origin, request.headers.get('host') ?? undefined);
      // Tokens travel in a header, never in cookies: credentials are not allowed from anywhere.
      return allowed ? { origin: [origin], credentials: false } : false;
    },
    graphiql: graphiql ? (request) => graphiql(request) : false,
    renderGraphiQL: renderGraphiQLPage,
    plugins: [
      usePagePolicy(),
      useBoundedBody(BODY_SIZE_MAX),
      usePersistedDocuments(options.persisted),
      useOperations(operations, limits, options.reads, observer),
      options.responseCache, // after the plugin that provides the execution, to wrap it
      {
        onSubscribe: ({ args, setSubscribeFn }: { args: { contextValue: unknown }; setSubscribeFn: SetSubscribe }) => {
          const { req, res, actor } = args.contextValue as HttpContext & Context;
          setSubscribeFn(async (subscription) => {
            const context = subscription.contextValue as Context;
            const open = async () => {
              const places = [connections.fromNetwork(req), actor ? connections.ofViewer(actor.id) : () => {}];
              for (const release of places) if (release) atClose(res, release);
              if (places.includes(undefined)) return { errors: [tooManyConnections(429)] };
              const { error, points } = operations.costOf(subscription);
              const refusal = await limits.admit(context, subscription, points);
              if (refusal) return refusalResult(refusal);
              return error ? { errors: [error] } : fanOut.subscribe(subscription);
            };
            const results = await observer.observe(subscription, context, open);
            if ('return' in results) atClose(res, () => void results.return?.());
            return results;
          });
          eventStreams.add(res);
          options.meters.eventStreamsOpen++;
          atClose(res, () => options.meters.eventStreamsOpen--);
          if (!actor) return;
          const end = () => res.destroy();
          atClose(res, atExpiry(actor.expiresAt, end));
          atClose(res, services.moderation.bans.connected(actor.id, end));
        },
      },
    ],
    maskedErrors: { maskError: options.mask },
    context: async ({ req, res }: YogaInitialContext & HttpContext): Promise<Context> => {
      return {
        services,
        log,
        ...(await services.accounts.authenticate(bearerToken(req.headers.authorization))),
        network: limits.networkOf(req),
        requestId: requestIdOf(res),
        endConnection() {
          res.destroy();
        },
      };
    },
  });
  return { yoga, isEventStream: (res) => eventStreams.has(res) };
}

/** Calls back once when a response is closed, at once if it is already: it may be while a subscription is still being opened. */
function atClose(res: ServerResponse, callback: () => void): void {
  if (res.destroyed) callback();
  else res.once('close', callback);
}
