import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The header by which a request brings its name, and its answer tells it. */
export const REQUEST_ID_HEADER = 'x-request-id';
/** What may come in from outside and stand in our log: short, on one line, without quotes. */
const WELL_FORMED = /^[A-Za-z0-9._:+/=-]{1,128}$/;
const SOCKET_ID_BYTES = 9;
/** Of an operation's own id; a longer one is counted instead. */
const OPERATION_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Names a request: as it asks for, if that is well-formed. The answer tells the name. */
export function nameRequest(req: IncomingMessage, res: ServerResponse): string {
  const requestId = acceptedId(req) ?? randomUUID();
  res.setHeader(REQUEST_ID_HEADER, requestId);
  return requestId;
}

/** The name that {@link nameRequest} gave to the request of an answer. */
export function requestIdOf(res: ServerResponse): string | undefined {
  const value = res.getHeader(REQUEST_ID_HEADER);
  return value === undefined ? undefined : String(value);
}

/** Names a socket: as its upgrade request asks for, or anew. */
export function nameSocket(request: IncomingMessage): string {
  return acceptedId(request) ?? randomBytes(SOCKET_ID_BYTES).toString('base64url');
}

/** Names an operation on a socket. Clients choose ids, and may choose one again. */
export function nameOperation(socketId: string, operationId: string): string {
  return `${socketId}/${OPERATION_ID.test(operationId) ? operationId : '?'}`;
}

function acceptedId({ headers }: IncomingMessage): string | undefined {
  const given = headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && WELL_FORMED.test(given) ? given : undefined;
}
