/** What the clients have in common: how GraphQL looks on the wire. */
import type { Feed, WireError } from './feed.ts';

/** Values for the variables of an operation. */
export type Variables = Record<string, unknown>;

/** Takes in one result of a subscription. A result with errors ends the feed: no test should take it for an event. */
export function pushResult<T>(feed: Feed<T>, result: { data?: T | null; errors?: readonly WireError[] }): void {
  if (result.errors) feed.end({ code: null, reason: 'error', errors: result.errors });
  else feed.push(result.data as T);
}

/** The address of a server's WebSocket endpoint. */
export function socketUrl(url: string): string {
  return url.replace(/^http/, 'ws');
}

/** Headers of a GraphQL request, with a bearer token if given. */
export function jsonHeaders(token: string | undefined): Record<string, string> {
  return { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
}

/** Reads a JSON body; an answer that is none is shown in the error. */
export function parseBody<T>(text: string, response: Response): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`HTTP ${response.status} without JSON: ${text.slice(0, 300)}`);
  }
}

/** What an operation is called in messages. */
export function firstLine(query: string): string {
  return query.trim().split('\n', 1)[0]!;
}
