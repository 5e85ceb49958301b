import { type ExecutionArgs, GraphQLError, type GraphQLSchema } from 'graphql';
import { CloseCode, makeServer, type ServerOptions, type Context as SocketState } from 'graphql-ws';
import type { Logger } from 'pino';
import type { Actor } from '../domains/accounts/accounts.api.ts';
import type { Meters } from '../kernel/instruments.ts';
import { connectionToken } from './bearer-token.ts';
import type { Connections } from './connections.ts';
import type { Context, Services } from './context.ts';
import { maskError } from './errors.ts';
import { atExpiry } from './expiry.ts';
import type { FanOut } from './fan-out/fan-out.ts';
import type { OperationObserver } from './operation-observer.ts';
import type { Operations, PreparedOperation } from './operations.ts';
import type { PersistedDocuments } from './persisted-documents.ts';
import { type RateLimits, refusalError } from './rate-limit.ts';
import type { ReplicaReads } from './replica-reads.ts';
import { nameOperation } from './request-id.ts';
import { CLOSE_TOO_MANY, createSocketTransport, type SocketExtra, type SocketTransport } from './socket-transport.ts';

/** Operations open at once on one socket; one more is answered with an error. */
export const OPERATIONS_PER_SOCKET_MAX = 100;
/** Characters of an operation's id: every message that answers it carries it. */
export const OPERATION_ID_LENGTH_MAX = 128;
/** How long a socket may stay without connection_init; then 4408. */
const INIT_WAIT_MS_MAX = 5_000;
/** WebSocket close codes that clients of graphql-ws answer by connecting again. */
const CLOSE_TRY_AGAIN_LATER = 1013;
const CLOSE_FORBIDDEN = 4403;

/** What we keep beside graphql-ws's own state of a socket. */
type Extra = SocketExtra & {
  operationContext?: Context;
  expiry?: { at: Date; cancel: () => void };
  /** Who is signed in over it, and what is to be called when it is closed. */
  present?: Map<bigint, () => void>;
};
type Socket = SocketState<Record<string, unknown> | undefined, Extra>;

type Deps = {
  schema: GraphQLSchema;
  operations: Operations;
  persisted: PersistedDocuments;
  fanOut: FanOut;
  limits: RateLimits;
  connections: Connections;
  reads: ReplicaReads;
  services: Services;
  log: Logger;
  observer: OperationObserver;
  meters: Meters;
};

/** Serves graphql-transport-ws. graphql-ws keeps the protocol; the fan-out writes what subscriptions share. */
export function createGraphQLSockets(deps: Deps): SocketTransport {
  const { fanOut, limits, log, observer } = deps;
  const options: ServerOptions<Record<string, unknown> | undefined, Extra> = {
    connectionInitWaitTimeout: INIT_WAIT_MS_MAX,
    execute: (args) => {
      const { contextValue, variableValues } = args;
      const { prepared } = args.rootValue as Operation;
      const execute = () => deps.reads(args, () => prepared.execute({ contextValue, variableValues }));
      return observer.observe(args, contextValue as Context, execute) as never;
    },
    subscribe: (args) => {
      const { operationId, extra } = args.rootValue as Operation;
      const open = () => fanOut.subscribeSocket({ ...args, rootValue: undefined }, operationId, extra.writer);
      return observer.observe(args, args.contextValue as Context, open) as never;
    },
    onConnect: async (state) => {
      try {
        state.extra.operationContext = await openContext(state, deps);
        return { signedIn: state.extra.operationContext.actor !== undefined };
      } catch (error) {
        // Thrown, graphql-ws would close with 4500, which clients do not answer by connecting again, and show its message.
        log.error({ err: error }, 'unexpected error when a socket opened');
        state.extra.socket.close(CLOSE_TRY_AGAIN_LATER, 'Unexpected error.');
        return false;
      }
    },
    onSubscribe: (state, id, payload) => prepare(deps, state, id, payload),
    onClose: ({ extra }) => {
      extra.expiry?.cancel();
      for (const leave of extra.present?.values() ?? []) leave();
    },
  };
  const { connections } = deps;
  return createSocketTransport(
    makeServer(options),
    { log, meters: deps.meters },
    (request) => limits.networkOf(request),
    connections,
  );
}

/** What a `subscribe` message carries. */
type SubscribePayload = {
  /** Empty where the document is named by its hash: graphql-ws insists on a text. */
  query: string;
  documentId?: unknown;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
  extensions?: Record<string, unknown> | null;
};

/** What our own steps pass on to each other through graphql-ws, as the root value that it does not look at. */
type Operation = { prepared: PreparedOperation; operationId: string; extra: Extra };

/** Called once a socket, at connection_init. A token that does not hold makes an anonymous socket, as it does over HTTP. */
async function openContext(state: Socket, { services, connections, log }: Deps): Promise<Context> {
  const { socket } = state.extra;
  const authentication = await services.accounts.authenticate(connectionToken(state.connectionParams));
  if (authentication.actor) notePresent(state.extra, authentication.actor, services, connections);
  return {
    services,
    log,
    ...authentication,
    network: state.extra.network,
    requestId: state.extra.socketId,
    traceparent: textOf(state.connectionParams?.traceparent),
    endConnection: (reason) => socket.close(CLOSE_TRY_AGAIN_LATER, reason),
  };
}

/**
 * The socket's context, for one operation: plugins remember things by it. As GraphiQL does, an operation may bring a token of
 * its own in `extensions.headers`.
 */
async function operationContext(
  { connections }: Deps,
  { extra }: Socket,
  operationId: string,
  { extensions }: SubscribePayload,
): Promise<Context> {
  const ofSocket = extra.operationContext!;
  const context: Context = {
    ...ofSocket,
    requestId: nameOperation(extra.socketId, operationId),
    traceparent: textOf(extensions?.traceparent) ?? ofSocket.traceparent,
  };
  const token = connectionToken(extensions?.headers);
  if (token === undefined) return context;
  const authentication = await context.services.accounts.authenticate(token);
  if (authentication.actor) notePresent(extra, authentication.actor, context.services, connections);
  return { ...context, ...authentication };
}

/** Sees to it that the socket ends with a viewer's token, and with a ban from the whole platform; it counts as one of theirs. */
function notePresent(extra: Extra, { id, expiresAt }: Actor, { moderation }: Services, connections: Connections): void {
  const { socket } = extra;
  if (socket.readyState === socket.CLOSED) return;
  closeAtExpiry(extra, expiresAt);
  extra.present ??= new Map();
  if (extra.present.has(id)) return;
  const release = connections.ofViewer(id);
  if (!release) {
    socket.close(CLOSE_TOO_MANY, 'Too many connections');
    return;
  }
  const leave = moderation.bans.connected(id, (reason) => socket.close(CLOSE_TRY_AGAIN_LATER, reason));
  extra.present.set(id, () => {
    release();
    leave();
  });
}

/** Closes the socket when the first of its tokens expires. */
function closeAtExpiry(extra: Extra, at: Date): void {
  if (extra.expiry && extra.expiry.at <= at) return;
  extra.expiry?.cancel();
  extra.expiry = { at, cancel: atExpiry(at, () => extra.socket.close(CLOSE_FORBIDDEN, 'Token expired')) };
}

/**
 * Parses and validates one operation. Whatever is wrong with it is returned as errors of this operation: thrown, it would
 * close the socket and every other subscription on it (4500).
 */
async function prepare(
  deps: Deps,
  state: Socket,
  operationId: string,
  payload: SubscribePayload,
): Promise<ExecutionArgs | readonly GraphQLError[]> {
  const { schema, operations, persisted, limits, log, observer } = deps;
  if (operationId.length > OPERATION_ID_LENGTH_MAX) {
    state.extra.socket.close(CloseCode.BadRequest, 'Invalid message received');
    return [];
  }
  if (Object.keys(state.subscriptions).length > OPERATIONS_PER_SOCKET_MAX) {
    observer.refused('TOO_MANY_OPERATIONS');
    return [
      new GraphQLError(`A connection holds ${OPERATIONS_PER_SOCKET_MAX} operations at the most.`, {
        extensions: { code: 'TOO_MANY_OPERATIONS' },
      }),
    ];
  }
  try {
    const { network } = state.extra;
    const tooMany = limits.refuseRequest(network);
    if (tooMany) return [refusalError(tooMany)];
    const { text = payload.query, error: unknownDocument } = persisted.resolve(payload) ?? {};
    if (unknownDocument) {
      observer.refused(unknownDocument.extensions.code);
      return [unknownDocument];
    }
    const mayRead = (unknown: string) => limits.refuseReading(network, unknown);
    const prepared = operations.prepare(text, payload.operationName, mayRead);
    if (prepared.errors) {
      observer.refused(prepared.errors[0]?.extensions.code);
      return prepared.errors;
    }
    const context = await operationContext(deps, state, operationId, payload);
    const asked = {
      document: prepared.document,
      operationName: payload.operationName,
      variableValues: payload.variables,
    };
    const { error: costly, points } = operations.costOf(asked);
    const refusal = await limits.admit(context, asked, points);
    if (refusal && (costly || prepared.kind !== 'mutation')) return [refusalError(refusal)];
    if (costly) {
      observer.refused(costly.extensions.code);
      return [costly];
    }
    context.refusal = refusal; // mutations say it in their unions
    return {
      schema,
      ...asked,
      contextValue: context,
      rootValue: { prepared, operationId, extra: state.extra } satisfies Operation,
    };
  } catch (error) {
    const shown = maskError(error, (hidden) =>
      log.error(
        { err: hidden, requestId: nameOperation(state.extra.socketId, operationId) },
        'unexpected error before an operation',
      ),
    );
    return [shown];
  }
}

/** What a client says, if it is a text. */
function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
