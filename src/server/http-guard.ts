import type { IncomingMessage, ServerResponse } from 'node:http';

/** What every answer says to browsers: do not guess its type, do not frame it, do not tell others where it was linked from. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;
/** Answers of the API are data: a browser that opens one runs and loads nothing. */
const API_POLICY = "default-src 'none'; frame-ancestors 'none'";
/** What it answers is for who asks, now: nothing on the way keeps it, not even for another page of the same browser. */
const API_HEADERS = { 'content-security-policy': API_POLICY, 'cache-control': 'no-store', vary: 'origin' } as const;
/** Content that only programs and pages of ours ask for: a link, a form or an image of a foreign page does not. */
const GRAPHQL_ACCEPT = /application\/(graphql-response\+)?json|text\/event-stream/i;
const FETCHED = ['cors', 'same-origin'];

/** Why a request to the API is not looked at any further. */
export type Refused = { status: number; message: string; code: string };

type OriginCheck = (origin: string, host: string | undefined) => boolean;

/** Sets the headers that all answers have. */
export function secureHeaders(res: ServerResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value);
}

/** Sets what the answers of the API have beside those; a page that is served from there brings a policy of its own. */
export function secureApiHeaders(res: ServerResponse): void {
  for (const [name, value] of Object.entries(API_HEADERS)) res.setHeader(name, value);
}

/**
 * What no request to /graphql may be or have, whatever is in it. Tokens travel in a header and never in cookies, so a foreign page
 * cannot act for a viewer; these rules see to it that it cannot even make a browser send something that is executed.
 */
export function refuseRequest(req: IncomingMessage, isAllowedOrigin: OriginCheck): Refused | undefined {
  const { headers, method } = req;
  if (headers.origin !== undefined && !isAllowedOrigin(headers.origin, headers.host)) {
    return { status: 403, code: 'FORBIDDEN_ORIGIN', message: 'Pages of this origin may not call the API.' };
  }
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    return {
      status: 415,
      code: 'UNSUPPORTED_ENCODING',
      message: 'Send the body as it is, without a content-encoding.',
    };
  }
  if (method === 'POST' && !isJson(headers['content-type'])) {
    // Other types need no preflight, so a foreign page could send them; they are also nobody's GraphQL.
    const message = 'Send the request as content-type application/json.';
    return { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message };
  }
  if (method === 'GET' && hasQuery(req.url) && !isFetched(headers)) {
    const message = 'Send a GET with an accept header of application/json or application/graphql-response+json.';
    return { status: 406, code: 'NOT_ACCEPTABLE', message };
  }
  return undefined;
}

/** Whether an origin is exactly one, as browsers write it, and no text that only looks like one. */
export function isPlainOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  return ['http:', 'https:'].includes(url.protocol) && url.origin === origin;
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/(graphql-response\+)?json\s*(;|$)/i.test(contentType ?? '');
}

function hasQuery(url: string | undefined): boolean {
  return (url ?? '').includes('?');
}

/** Browsers say how a request came about; where they do not, or for programs, the accept header has to. */
function isFetched({ accept, 'sec-fetch-mode': mode }: IncomingMessage['headers']): boolean {
  if (mode !== undefined) return FETCHED.includes(String(mode));
  return GRAPHQL_ACCEPT.test(accept ?? '');
}
