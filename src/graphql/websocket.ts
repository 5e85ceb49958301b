import type { IncomingMessage } from 'node:http';
import { type ExecutionArgs, GraphQLError } from 'graphql';
import type { ServerOptions, Context as SocketState } from 'graphql-ws';
import { type Extra, useServer } from 'graphql-ws/use/ws';
import type { Logger } from 'pino';
import { WebSocketServer } from 'ws';
import { connectionToken } from './bearer-token.ts';
import type { Context, Services } from './context.ts';
import { maskError } from './errors.ts';
import { atExpiry } from './expiry.ts';
import type { GraphQLServer } from './yoga.ts';

/** Bytes of one WebSocket message at the most; a larger one closes the socket with 1009. */
export const MESSAGE_SIZE_MAX = 64 * 1024;
/** Operations open at once on one socket; one more is answered with an error. */
export const OPERATIONS_PER_SOCKET_MAX = 100;
/** How long a socket may stay without connection_init; then 4408. */
const INIT_WAIT_MS_MAX = 5_000;
/** How long a client may take to answer that its socket is closed. */
const CLOSE_WAIT_MS_MAX = 2_000;
/** How often a socket is pinged; without a pong until the next ping it is dropped. */
export const PING_INTERVAL_MS = 12_000;
/** WebSocket close codes that clients of graphql-ws answer by connecting again. */
const CLOSE_TRY_AGAIN_LATER = 1013;
const CLOSE_SERVICE_RESTART = 1012;
const CLOSE_FORBIDDEN = 4403;

/** What we keep beside graphql-ws's own state of a socket. */
type SocketExtra = Extra & { operationContext?: Context; expiry?: { at: Date; cancel: () => void } };
type Socket = SocketState<Record<string, unknown> | undefined, SocketExtra>;

/** GraphQL over WebSocket (graphql-transport-ws). */
export type GraphQLSockets = {
  /** Takes over an upgrade request; the caller has checked path and origin. */
  upgrade: (request: IncomingMessage, socket: import('node:stream').Duplex, head: Buffer) => void;
  /** Tells every client to connect again (1012), elsewhere or later, and waits for the sockets to end. */
  close: () => Promise<void>;
};

/** Serves graphql-transport-ws. graphql-ws keeps the protocol; Yoga's execution is shared with HTTP. */
export function createGraphQLSockets(deps: { yoga: GraphQLServer; services: Services; log: Logger }): GraphQLSockets {
  const { services, log } = deps;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_SIZE_MAX, perMessageDeflate: false });
  const options: ServerOptions<Record<string, unknown> | undefined, SocketExtra> = {
    connectionInitWaitTimeout: INIT_WAIT_MS_MAX,
    execute: (args) => (args.rootValue as Operation).execute(args),
    subscribe: (args) => (args.rootValue as Operation).subscribe(args),
    onConnect: async (state) => {
      try {
        state.extra.operationContext = await openContext(state, services, log);
        return { signedIn: state.extra.operationContext.actor !== undefined };
      } catch (error) {
        // Thrown, graphql-ws would close with 4500, which clients do not answer by connecting again, and show its message.
        log.error({ err: error }, 'unexpected error when a socket opened');
        state.extra.socket.close(CLOSE_TRY_AGAIN_LATER, 'Unexpected error.');
        return false;
      }
    },
    onSubscribe: (state, _id, payload) => prepare(deps.yoga, state as Socket, payload, log),
    onClose: (state) => (state.extra as SocketExtra).expiry?.cancel(),
  };
  const server = useServer(options as never, sockets, PING_INTERVAL_MS);
  sockets.on('connection', (socket) => {
    // graphql-ws writes a socket's first error to stderr, where any client could fill the log, and has no listener for a
    // second one, which would end the process. ws itself closes the socket with the right code.
    socket.removeAllListeners('error');
    socket.on('error', (error) => log.debug({ err: error }, 'a socket failed'));
  });
  return {
    upgrade: (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (client) => sockets.emit('connection', client, request)),
    close: async () => {
      for (const client of sockets.clients) client.close(CLOSE_SERVICE_RESTART, 'Service restart');
      // A client that does not read never answers; ws would wait for it half a minute.
      const late = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
      }, CLOSE_WAIT_MS_MAX);
      await server.dispose();
      clearTimeout(late);
    },
  };
}

/** What a `subscribe` message carries. */
type SubscribePayload = {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
  extensions?: Record<string, unknown> | null;
};

/** The functions that Yoga's plugins have wrapped for one operation. */
type Operation = {
  execute: (args: ExecutionArgs) => never;
  subscribe: (args: ExecutionArgs) => never;
};

/** Called once a socket, at connection_init. A token that does not hold makes an anonymous socket, as it does over HTTP. */
async function openContext(state: Socket, services: Services, log: Logger): Promise<Context> {
  const { socket } = state.extra;
  const authentication = await services.accounts.authenticate(connectionToken(state.connectionParams));
  if (authentication.actor) closeAtExpiry(state.extra, authentication.actor.expiresAt);
  return {
    services,
    log,
    ...authentication,
    endConnection: (reason) => socket.close(CLOSE_TRY_AGAIN_LATER, reason),
  };
}

/** The socket's context; or, as GraphiQL does, an operation brings a token of its own in `extensions.headers`. */
async function operationContext({ extra }: Socket, { extensions }: SubscribePayload): Promise<Context> {
  const context = extra.operationContext!;
  const token = connectionToken(extensions?.headers);
  if (token === undefined) return context;
  const authentication = await context.services.accounts.authenticate(token);
  if (authentication.actor) closeAtExpiry(extra, authentication.actor.expiresAt);
  return { ...context, ...authentication };
}

/** Closes the socket when the first of its tokens expires. */
function closeAtExpiry(extra: SocketExtra, at: Date): void {
  if (extra.expiry && extra.expiry.at <= at) return;
  extra.expiry?.cancel();
  extra.expiry = { at, cancel: atExpiry(at, () => extra.socket.close(CLOSE_FORBIDDEN, 'Token expired')) };
}

/**
 * Parses and validates one operation. Whatever is wrong with it is returned as errors of this operation: thrown, it would
 * close the socket and every other subscription on it (4500).
 */
async function prepare(
  yoga: GraphQLServer,
  state: Socket,
  payload: SubscribePayload,
  log: Logger,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  if (Object.keys(state.subscriptions).length > OPERATIONS_PER_SOCKET_MAX) {
    return [
      new GraphQLError(`A connection holds ${OPERATIONS_PER_SOCKET_MAX} operations at the most.`, {
        extensions: { code: 'TOO_MANY_OPERATIONS' },
      }),
    ];
  }
  try {
    const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
      socketContext: await operationContext(state, payload),
      params: payload,
    } as never);
    const document = parse(payload.query);
    const errors = validate(schema, document) as GraphQLError[];
    if (errors.length > 0) return errors;
    return {
      schema,
      document,
      operationName: payload.operationName,
      variableValues: payload.variables,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe } as Operation,
    };
  } catch (error) {
    const shown = maskError(error, (hidden) => log.error({ err: hidden }, 'unexpected error before an operation'));
    return [shown as GraphQLError];
  }
}
