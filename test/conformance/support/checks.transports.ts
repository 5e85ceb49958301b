/** What each transport lets through, before and beside GraphQL. */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { MESSAGE_SIZE_MAX } from '../../../src/graphql/socket-transport.ts';
import { BODY_SIZE_MAX } from '../../../src/graphql/yoga.ts';
import { expectClearErrors } from '../../integration/support/clear-errors.ts';
import type { WireError } from '../../support/feed.ts';
import { SOCKET_CHECKS } from './checks.sockets.ts';
import type { Check } from './checks.ts';
import { closeAfter, overHttp, refusalOf, send, sendRaw, subscribe } from './send.ts';
import { everywhere } from './speak.ts';

/** As many as fit into a body. */
const DEEP_LEVELS = 30_000;
const TYPENAME = JSON.stringify({ query: '{ __typename }' });
/** Origins that look like one that is allowed (`https://shop.example.com`), and are not. */
export const FOREIGN_ORIGINS = [
  'https://evil.example',
  'null',
  'https://shop.example.com.evil.example',
  'https://evil-shop.example.com',
  'https://sub.shop.example.com',
  'https://shop.example.com:8443',
  'http://shop.example.com',
  'https://shop.example.com.',
  'https://shop.example.com/',
  'https://user@shop.example.com',
  'HTTPS://SHOP.EXAMPLE.COM',
  'https://localhost.evil.example',
  'file://',
  'chrome-extension://localhost',
] as const;
/** The allowed one. */
export const ALLOWED_ORIGIN = 'https://shop.example.com';

const GUARD = 'src/server/http-guard.ts';

/** Pages and origins. */
const ORIGIN_CHECKS: Check[] = [
  {
    threat: 'a page of a foreign origin: lookalikes, subdomains, other ports and schemes, `null`',
    limit: 'exact list `ALLOWED_ORIGINS`, and our own pages',
    where: GUARD,
    runs: {
      ...overHttp(async (accept, ground) => {
        for (const origin of FOREIGN_ORIGINS) {
          const headers = { 'content-type': 'application/json', accept, origin };
          const reply = await send(ground, { headers, body: TYPENAME });
          expect(reply.status, origin).toBe(403);
          expect(reply.headers['access-control-allow-origin']).toBeUndefined();
        }
        const headers = { 'content-type': 'application/json', accept, origin: ALLOWED_ORIGIN };
        const reply = await send(ground, { headers, body: TYPENAME });
        expect(reply).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': ALLOWED_ORIGIN } });
        expect(reply.headers['access-control-allow-credentials']).not.toBe('true');
      }),
      WebSocket: async ({ server }) => {
        for (const origin of FOREIGN_ORIGINS) {
          expect(await refusalOf(server.raw({ headers: { origin } })), origin).toContain('403');
        }
        const socket = await server.raw({ headers: { origin: ALLOWED_ORIGIN } });
        expect(await socket.init()).toMatchObject({ type: 'connection_ack' });
      },
    },
  },
  {
    threat: 'a preflight of a foreign page',
    limit: 'refused; an allowed one never gets credentials',
    where: GUARD,
    runs: {
      ...overHttp(async (_accept, ground) => {
        const preflight = (origin: string) =>
          send(ground, {
            method: 'OPTIONS',
            headers: {
              origin,
              'access-control-request-method': 'POST',
              'access-control-request-headers': 'content-type',
            },
          });
        expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined();
        const own = await preflight(ALLOWED_ORIGIN);
        expect(own.headers['access-control-allow-origin']).toBe(ALLOWED_ORIGIN);
        expect(own.headers['access-control-allow-credentials']).not.toBe('true');
      }),
      WebSocket: 'has no preflight; its Origin is checked',
    },
  },
  {
    threat: 'CSRF: a form, an image, a link or a script of a foreign page',
    limit: 'POST as JSON only; GET only if fetched, and only for queries; no cookies',
    where: GUARD,
    runs: {
      ...overHttp(async (accept, ground) => {
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
          const reply = await send(ground, { headers: { 'content-type': type, accept }, body: TYPENAME });
          expect(reply.status, type).toBe(415);
        }
        const path = `?query=${encodeURIComponent('{ __typename }')}`;
        for (const headers of [
          { accept: '*/*' },
          { accept: 'image/avif,*/*' },
          { accept, 'sec-fetch-mode': 'no-cors' },
          { accept, 'sec-fetch-mode': 'navigate' },
        ] as Record<string, string>[]) {
          expect((await send(ground, { method: 'GET', path, headers })).status, JSON.stringify(headers)).toBe(406);
        }
        expect((await send(ground, { method: 'GET', path, headers: { accept } })).status).toBe(200);
        const mutation = `?query=${encodeURIComponent('mutation { __typename }')}`;
        expect((await send(ground, { method: 'GET', path: mutation, headers: { accept } })).status).toBe(405);
      }),
      WebSocket: async (ground) => {
        const refusal = await refusalOf(ground.server.raw({ headers: { origin: 'https://evil.example' } }));
        expect(refusal).toContain('403');
      },
    },
  },
  {
    threat: 'an answer taken for something else, framed, or linked from',
    limit: '`nosniff`, `DENY`, `no-referrer`, a policy that runs nothing',
    where: GUARD,
    runs: {
      ...overHttp(async (accept, ground) => {
        const json = { 'content-type': 'application/json', accept };
        const replies = [
          await send(ground, { headers: json, body: TYPENAME }),
          await send(ground, { headers: json, body: '{' }),
          await send(ground, { headers: { 'content-type': 'text/plain', accept }, body: 'x' }),
          await send(ground, { method: 'GET', path: '/nothing', headers: { accept } }),
        ];
        for (const { headers } of replies) {
          expect(headers).toMatchObject({
            'x-content-type-options': 'nosniff',
            'x-frame-options': 'DENY',
            'referrer-policy': 'no-referrer',
          });
          expect(headers['x-powered-by']).toBeUndefined();
        }
        expect(replies[0]!.headers['content-security-policy']).toContain("default-src 'none'");
      }),
      WebSocket: 'has no answer that a page could show',
    },
  },
  {
    threat: 'an answer that something on the way keeps, for somebody else or for another page',
    limit: '`no-store`, `vary: origin`',
    where: GUARD,
    runs: {
      ...overHttp(async (accept, ground) => {
        const path = `?query=${encodeURIComponent('{ me { id } }')}`;
        for (const origin of [ALLOWED_ORIGIN, 'https://evil.example', undefined]) {
          const headers = { accept, ...(origin && { origin }) };
          const reply = await send(ground, { method: 'GET', path, headers });
          expect(reply.headers['cache-control'], origin).toMatch(/no-store|no-cache/); // a stream of events has its own
          expect(reply.headers.vary?.toString().toLowerCase(), origin).toContain('origin');
        }
      }),
      WebSocket: 'nothing keeps it',
    },
  },
];

/** Sizes and encodings. */
const SIZE_CHECKS: Check[] = [
  {
    threat: 'a body or a message without end',
    limit: `${BODY_SIZE_MAX / 1024} KB, also without a length`,
    where: 'src/graphql/request-body.ts',
    runs: {
      ...overHttp(async (accept, ground) => {
        const headers = { 'content-type': 'application/json', accept };
        expect((await send(ground, { headers, body: TYPENAME.padEnd(BODY_SIZE_MAX + 1) })).status).toBe(413);
        const chunked = { ...headers, 'transfer-encoding': 'chunked' };
        expect((await send(ground, { headers: chunked, body: TYPENAME.padEnd(BODY_SIZE_MAX + 1) })).status).toBe(413);
        expect((await send(ground, { headers, body: TYPENAME.padEnd(BODY_SIZE_MAX) })).status).toBe(200);
      }),
      WebSocket: async (ground) => {
        expect((await closeAfter(ground, [subscribe('1').padEnd(MESSAGE_SIZE_MAX + 1)])).code).toBe(1009);
      },
    },
  },
  {
    threat: 'a compressed bomb',
    limit: 'no encoding of bodies, no compression of messages',
    where: GUARD,
    runs: {
      ...overHttp(async (accept, ground) => {
        const body = gzipSync(TYPENAME.padEnd(50_000_000));
        for (const encoding of ['gzip', 'br', 'deflate', 'x-gzip', 'gzip, identity']) {
          const headers = { 'content-type': 'application/json', 'content-encoding': encoding, accept };
          const reply = await send(ground, { headers, body: body.subarray(0, 1_000) });
          expect(reply.status, encoding).toBe(415);
        }
      }),
      WebSocket: async ({ server }) => {
        const { hostname, port } = new URL(server.url);
        const answer = await new Promise<string>((resolve, reject) => {
          const socket = connect(Number(port), hostname, () =>
            socket.write(
              `GET /graphql HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n`,
            ),
          );
          socket.once('data', (chunk) => {
            socket.destroy();
            resolve(chunk.toString());
          });
          socket.on('error', reject);
        });
        expect(answer).toMatch(/^HTTP\/1\.1 101/);
        expect(answer.toLowerCase()).not.toContain('sec-websocket-extensions');
      },
    },
  },
  {
    threat: 'thousands of headers, or two lengths (smuggling)',
    limit: '16 KB of headers; refused as ambiguous',
    where: 'src/server.ts',
    runs: {
      ...overHttp(async (accept, ground) => {
        const many = Array.from({ length: 3_000 }, (_, n) => `x-${n}: some value\r\n`).join('');
        const head = `POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\naccept: ${accept}\r\ncontent-type: application/json\r\n`;
        expect(await sendRaw(ground, `${head}${many}\r\n`)).toMatch(/^HTTP\/1\.1 431/);
        for (const lengths of [
          'content-length: 26\r\ncontent-length: 27\r\n',
          'content-length: 26\r\ntransfer-encoding: chunked\r\n',
          'content-length: -1\r\n',
        ]) {
          expect(await sendRaw(ground, `${head}${lengths}\r\n${TYPENAME}`), lengths).toMatch(/^HTTP\/1\.1 400/);
        }
      }),
      WebSocket: async (ground) => {
        const many = Array.from({ length: 3_000 }, (_, n) => `x-${n}: some value\r\n`).join('');
        const answer = await sendRaw(ground, `GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n${many}\r\n`);
        expect(answer).toMatch(/^HTTP\/1\.1 431/);
      },
    },
  },
];

/** What is not of the protocol. */
const PROTOCOL_CHECKS: Check[] = [
  {
    threat: 'other methods',
    limit: 'GET, POST and OPTIONS',
    where: 'src/graphql/yoga.ts',
    runs: {
      ...overHttp(async (accept, ground) => {
        for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE']) {
          const { status } = await send(ground, {
            method,
            headers: { 'content-type': 'application/json', accept },
            body: TYPENAME,
          });
          expect([400, 405], method).toContain(status);
        }
        const options = await send(ground, { method: 'OPTIONS', headers: { accept } });
        expect(options.status).toBeLessThan(406);
        expect((await send(ground, { method: 'HEAD', headers: { accept } })).text).toBe('');
      }),
      WebSocket: 'an upgrade is a GET',
    },
  },
  {
    threat: 'a request that is no GraphQL request: types, prototypes, batches, broken bytes',
    limit: 'refused with a reason; 4400 on a socket',
    where: 'src/graphql/yoga.ts',
    runs: {
      ...overHttp(async (accept, ground) => {
        for (const [body, statuses] of NO_REQUESTS) {
          const { status, text, errors } = await send(ground, {
            headers: { 'content-type': 'application/json', accept },
            body,
          });
          expect(statuses, `${String(body).slice(0, 60)} ${text.slice(0, 200)}`).toContain(status);
          if (status !== 200) expectClearErrors(errors);
        }
        for (const broken of ['variables=%7B', 'extensions=%5B', 'variables=%E0%A4%A', 'variables=undefined']) {
          const path = `?query=${encodeURIComponent('{ __typename }')}&${broken}`;
          const { status, errors } = await send(ground, { method: 'GET', path, headers: { accept } });
          expect(status, broken).toBe(400);
          expect(errors, broken).toMatchObject([{ extensions: { code: 'BAD_REQUEST' } }]);
        }
      }),
      WebSocket: async (ground) => {
        for (const message of [
          'hello',
          '[]',
          '{}',
          '{"type":"start","id":"1"}',
          '{"type":"subscribe","id":1}',
          Buffer.from([0, 1, 255]),
        ]) {
          expect((await closeAfter(ground, [message])).code, String(message)).toBe(4400);
        }
        const batch = `[${subscribe('1')},${subscribe('2')}]`;
        expect((await closeAfter(ground, [batch])).code).toBe(4400);
      },
    },
  },
  {
    threat: 'variables nested 30,000 deep, or of the wrong shape',
    limit: 'refused by their types, never followed',
    where: 'src/graphql/execution/execute-plan.ts',
    runs: {
      ...overHttp(async (accept, ground) => {
        for (const [payload, isFine] of DEEP) {
          const headers = { 'content-type': 'application/json', accept };
          const { status, errors } = await send(ground, { headers, body: payload });
          expect(status).toBeLessThan(500);
          if (isFine) expect(errors).toBeUndefined();
          else expectClearErrors(errors);
        }
      }),
      WebSocket: async ({ server }) => {
        const socket = await server.raw();
        await socket.init();
        for (const [n, [payload, isFine]] of DEEP.entries()) {
          socket.send(`{"id":"${n}","type":"subscribe","payload":${payload}}`);
          const answer = await socket.messages.next();
          expect(answer).toMatchObject({ id: `${n}`, type: isFine ? 'next' : expect.stringMatching(/next|error/) });
          const { errors = [] } = answer.payload as { errors?: WireError[] };
          if (!isFine) expectClearErrors(answer.type === 'error' ? (answer.payload as WireError[]) : errors);
          if (answer.type === 'next') await socket.messages.next(); // complete
        }
      },
    },
  },
  {
    threat: 'text that the database does not take: NUL, halves of letters',
    limit: 'refused with the field at fault, or found nowhere',
    where: 'src/graphql/rules.ts',
    runs: everywhere(async (speak, ground) => {
      for (const text of ['a\0b', 'half \ud83c', '\ufffe\uffff']) {
        const input = { streamId: ground.streamId, text, idempotencyKey: 'key' };
        const said = await speak(
          ground,
          'mutation ($input: SendChatMessageInput!) { sendChatMessage(input: $input) { __typename } }',
          { input },
        );
        expect(said.errors, JSON.stringify(text)).toBeUndefined();
        const found = await speak(
          ground,
          'query ($text: String!, $id: ID!) { creator(handle: $text) { id } node(id: $id) { id } }',
          {
            text,
            id: Buffer.from(`LiveStream:${text}`).toString('base64'),
          },
        );
        if (found.errors) expectClearErrors(found.errors);
        const feed = await speak(ground, 'subscription ($id: ID!) { liveEvents(streamId: $id) { cursor } }', {
          id: text,
        });
        expectClearErrors(feed.errors);
      }
    }),
  },
  {
    threat: 'text that deceives: nothing to see, turned around, control characters',
    limit: 'refused with the field at fault',
    where: 'src/kernel/text.ts',
    runs: everywhere(async (speak, ground) => {
      const say = async (text: string) => {
        const input = { streamId: ground.streamId, text, idempotencyKey: randomUUID() };
        const issues = '... on InvalidInputError { issues { path } }';
        const { data } = await speak(
          ground,
          `mutation ($input: SendChatMessageInput!) { sendChatMessage(input: $input) { __typename ${issues} } }`,
          { input },
        );
        return (data as { sendChatMessage: unknown }).sendChatMessage;
      };
      for (const text of DECEIVING) {
        const refused = { __typename: 'InvalidInputError', issues: [{ path: 'input.text' }] };
        expect(await say(text), JSON.stringify(text)).toEqual(refused);
      }
      for (const text of ODD) {
        expect(await say(text), JSON.stringify(text)).toEqual({ __typename: 'SendChatMessageSuccess' });
      }
    }),
  },
];

const deep = (query: string, name: string) =>
  `{"query":${JSON.stringify(query)},"variables":{"${name}":${'['.repeat(DEEP_LEVELS)}1${']'.repeat(DEEP_LEVELS)}}}`;
/** Requests whose variables go deeper than any stack, written by hand as JSON.stringify would not. True: it does not matter. */
const DEEP: [payload: string, isFine: boolean][] = [
  [deep('query ($id: ID!) { node(id: $id) { id } }', 'id'), false],
  [deep('query ($id: ID!) { gifts { id } node(id: $id) { id } }', 'id'), false],
  [deep('query ($ids: [ID!]) { gifts { id } }', 'ids'), false],
  [deep('subscription ($id: ID!) { liveEvents(streamId: $id) { cursor } }', 'id'), false],
  [deep('{ gifts { id } }', 'unused'), true],
];

/** Texts that are not what they seem, and some that only look odd. */
const DECEIVING = ['\u200b\u200d', '\u3164', '\u0301', '\u202egnp.exe', 'a\u001b[31mred', 'bell\u0007', '\u2028'];
const ODD = ['👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'سلام\u200f!', '\u2067שלום\u2069', 'two\nlines', 'e\u0301', '!'];

/** Bodies that are no request, and the status that each may get. */
const NO_REQUESTS: [body: string | Buffer, statuses: number[]][] = [
  ['', [400]],
  ['{"query": "{ gifts', [400]],
  ['[{"query": "{ gifts { id } }"}]', [400]],
  ['{"query": "{ gifts { id } }", "variables": [1]}', [400]],
  ['{"query": "{ gifts { id } }", "variables": "x"}', [400]],
  ['{"query": "{ gifts { id } }", "operationName": {"a": 1}}', [400]],
  ['{"query": "{ gifts { id } }", "extensions": "x"}', [400]],
  ['{"query": ["{ gifts { id } }"]}', [400]],
  ['{"query": "{ gifts { id } }", "__proto__": {"query": "x"}}', [200, 400]],
  ['{"query": "{ nothing }", "query": "{ gifts { id } }"}', [200]],
  ['{"query": "{ gifts { id } }", "variables": {"__proto__": {"polluted": true}}}', [200]],
  [Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), [400]],
  ['['.repeat(60_000), [400]],
  [`{"query": "{ gifts { id } }", "extensions": ${'{"a":'.repeat(8_000)}1${'}'.repeat(8_000)}}`, [200, 400]],
];

/** What stands before GraphQL. */
export const TRANSPORT_CHECKS: Check[] = [...ORIGIN_CHECKS, ...SIZE_CHECKS, ...PROTOCOL_CHECKS, ...SOCKET_CHECKS];
