/** Requests and messages as no client would send them, and what comes of them. */
import { request as openRequest } from 'node:http';
import { connect } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import type { WireError } from '../../support/feed.ts';
import type { Ground, Run } from './checks.ts';

/** An answer, with its errors if it is JSON that has any. */
export type Reply = { status: number; headers: NodeJS.Dict<string | string[]>; text: string; errors?: WireError[] };

/** A request with headers that fetch would not send. */
export async function send(
  { server }: Ground,
  options: { method?: string; path?: string; headers?: Record<string, string | string[]>; body?: string | Buffer },
): Promise<Reply> {
  const { method = 'POST', path = '', headers = { 'content-type': 'application/json' }, body } = options;
  return new Promise((resolve, reject) => {
    const request = openRequest(`${server.url}${path}`, { method, headers, agent: false }, async (response) => {
      const text = await readAll(response);
      const [json] = /\{.*\}/.exec(text) ?? []; // a stream of events has it behind "data: "
      const errors = json && (JSON.parse(json).errors as WireError[]);
      resolve({ status: response.statusCode!, headers: response.headers, text, ...(errors && { errors }) });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Bytes as they are; answers with what comes until the server hangs up. */
export function sendRaw({ server }: Ground, bytes: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(text) : reject(error)));
  });
}

/** The same request as one that asks for JSON and as one that asks for a stream of events. */
export function overHttp(run: (accept: string, ground: Ground) => Promise<void>): { HTTP: Run; SSE: Run } {
  return {
    HTTP: (ground) => run('application/json', ground),
    SSE: (ground) => run('text/event-stream', ground),
  };
}

/** How a socket ends that sends this after connection_init. */
export async function closeAfter({ server }: Ground, messages: readonly (string | Buffer)[], init = true) {
  const socket = await server.raw();
  if (init) await socket.init();
  for (const message of messages) socket.send(message);
  return socket.messages.untilClosed();
}

export async function refusalOf(upgrade: Promise<unknown>): Promise<string> {
  return String(await upgrade.catch((error: unknown) => error));
}

/** A subscribe message. */
export const subscribe = (id: string, query = '{ __typename }') =>
  JSON.stringify({ id, type: 'subscribe', payload: { query } });
