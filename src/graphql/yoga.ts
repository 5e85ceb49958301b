import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { createYoga, type YogaInitialContext, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import { bearerToken } from './bearer-token.ts';
import type { Context, Services } from './context.ts';
import { maskError } from './errors.ts';
import { atExpiry } from './expiry.ts';
import { type GraphiQLPage, renderGraphiQLPage } from './graphiql.ts';

/** Bytes of a request body at the most; one more is answered with 413. */
export const BODY_SIZE_MAX = 64 * 1024;

/** What an HTTP request brings into the context. */
type HttpContext = { req: IncomingMessage; res: ServerResponse };
/** What an operation on a WebSocket brings: its context was made when the socket was opened. */
type SocketContext = { socketContext: Context };
/** Either transport. */
export type TransportContext = HttpContext | SocketContext;

/** GraphQL over HTTP and SSE; the WebSocket borrows its execution, so that masking and caches are the same on both. */
export type GraphQLServer = YogaServerInstance<TransportContext, Context>;

/** Yoga, and what the HTTP server has to know of it. */
export type GraphQLOverHttp = {
  yoga: GraphQLServer;
  /** Whether the response is a subscription over SSE, which does not end by itself. */
  isEventStream: (res: ServerResponse) => boolean;
};

/** Puts GraphQL Yoga together. */
export function createGraphQLServer(options: {
  schema: GraphQLSchema;
  services: Services;
  log: Logger;
  isAllowedOrigin: (origin: string, host: string | undefined) => boolean;
  graphiql: GraphiQLPage | undefined;
}): GraphQLOverHttp {
  const { services, log, isAllowedOrigin, graphiql } = options;
  const eventStreams = new WeakSet<ServerResponse>();
  const yoga = createYoga<TransportContext, Context>({
    schema: options.schema,
    graphqlEndpoint: '/graphql',
    logging: false,
    landingPage: false,
    multipart: false,
    maxRequestBodySize: BODY_SIZE_MAX,
    cors: (request) => {
      const origin = request.headers.get('origin');
      const allowed = origin && isAllowedOrigin(origin, request.headers.get('host') ?? undefined);
      // Tokens travel in a header, never in cookies: credentials are not allowed from anywhere.
      return allowed ? { origin: [origin], credentials: false } : false;
    },
    graphiql: graphiql ? (request) => graphiql(request) : false,
    renderGraphiQL: renderGraphiQLPage,
    plugins: [
      {
        onSubscribe: ({ args }: { args: { contextValue: unknown } }) => {
          const { res, actor } = args.contextValue as Partial<HttpContext> & Context;
          if (!res) return; // a WebSocket, which sees to its own end
          eventStreams.add(res);
          if (actor)
            res.once(
              'close',
              atExpiry(actor.expiresAt, () => res.destroy()),
            );
        },
      },
    ],
    maskedErrors: {
      maskError: (error) => maskError(error, (hidden) => log.error({ err: hidden }, 'unexpected error in a resolver')),
    },
    context: async (initial: YogaInitialContext & TransportContext): Promise<Context> => {
      if ('socketContext' in initial) return initial.socketContext;
      const { req, res } = initial;
      return {
        services,
        log,
        ...(await services.accounts.authenticate(bearerToken(req.headers.authorization))),
        endConnection: () => res.destroy(),
      };
    },
  });
  return { yoga, isEventStream: (res) => eventStreams.has(res) };
}
