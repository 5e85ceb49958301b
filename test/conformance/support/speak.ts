/** One operation over each transport, and what comes of it. */
import { expect } from 'vitest';
import { expectClearErrors } from '../../integration/support/clear-errors.ts';
import type { WireError } from '../../support/feed.ts';
import type { Variables } from '../../support/wire.ts';
import { jsonHeaders } from '../../support/wire.ts';
import type { Ground, Run, Transport } from './checks.ts';

/** What an operation came to. */
export type Outcome = { data?: unknown; errors?: readonly WireError[] | undefined };

/** Sends an operation, and takes its first result. */
export type Speak = (ground: Ground, document: string, variables?: Variables) => Promise<Outcome>;

/** By transport. Over SSE also queries are asked for as streams of events, as the media type allows it. */
export const SPEAK: Record<Transport, Speak> = {
  HTTP: ({ server, token }, document, variables) => server.http(token).request(document, variables),
  SSE: async ({ server, token }, query, variables) => {
    const abort = new AbortController();
    const headers = { ...jsonHeaders(token), accept: 'text/event-stream' };
    const body = JSON.stringify({ query, variables });
    const response = await fetch(server.url, { method: 'POST', headers, body, signal: abort.signal });
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      // Up to the end of its line: a large event comes in pieces.
      const [, data] = /^data: ?(\{.*\})\r?\n/m.exec(text) ?? [];
      if (data) {
        abort.abort();
        return JSON.parse(data) as Outcome;
      }
    }
    return JSON.parse(text) as Outcome;
  },
  WebSocket: async ({ server, token }, document, variables) => {
    const socket = await server.raw();
    await socket.init({ authorization: `Bearer ${token}` });
    socket.subscribe('1', document, variables);
    const { type, payload } = await socket.messages.next();
    await socket.close();
    return type === 'error' ? { errors: payload as WireError[] } : (payload as Outcome);
  },
};

/** Asserts that an operation is refused before it is executed, with a code and, if given, the name of the limit. */
export function expectRefused({ data, errors }: Outcome, code: string, limit?: string): void {
  expectClearErrors(errors);
  expect(data ?? null).toBeNull();
  expect(errors![0]!.extensions?.code, errors![0]!.message).toBe(code);
  if (limit) expect(errors![0]!.extensions?.limit).toBe(limit);
}

/** The same check over all transports. */
export function everywhere(run: (speak: Speak, ground: Ground) => Promise<void>): Record<Transport, Run> {
  return {
    HTTP: (ground) => run(SPEAK.HTTP, ground),
    SSE: (ground) => run(SPEAK.SSE, ground),
    WebSocket: (ground) => run(SPEAK.WebSocket, ground),
  };
}
