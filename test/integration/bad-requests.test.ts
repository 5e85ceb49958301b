/** Requests that are no GraphQL request, over HTTP and over WebSocket. */
import { once } from 'node:events';
import { request as openRequest } from 'node:http';
import { text as readAll } from 'node:stream/consumers';
import { expect } from 'vitest';
import { LIVE_EVENTS, mutationDocument, STREAM_PULSE } from '../support/documents.ts';
import type { Endpoint } from '../support/endpoint.ts';
import type { WireError } from '../support/feed.ts';
import { giftId, type LiveEventEdge, sendChatMessage } from '../support/operations.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** What the README promises: 64 KB, of a body and of a message. */
const SIZE_MAX = 64 * 1024;
const OPERATIONS_MAX = 100;

type Reply = { status: number; errors: readonly WireError[] | undefined };

async function send(server: Endpoint, init: RequestInit, path = ''): Promise<Reply> {
  const response = await fetch(`${server.url}${path}`, { method: 'POST', ...init });
  const text = await response.text();
  return { status: response.status, errors: text.startsWith('{') ? JSON.parse(text).errors : [{ message: text }] };
}

const json = { 'content-type': 'application/json' };
const chat = (streamId: string) => ({
  query: mutationDocument('sendChatMessage'),
  variables: { input: { streamId, text: 'Hello', idempotencyKey: 'key' } },
});

test('a body beyond 64 KB is refused with 413, and one of 64 KB is not', async ({ server, db, viewer, live }) => {
  const headers = { ...json, authorization: `Bearer ${viewer.token}` };
  const padded = (size: number) => JSON.stringify(chat(live.streamId)).padEnd(size);
  const reply = await expectNothingWritten(db.pool, () => send(server, { headers, body: padded(SIZE_MAX + 1) }));
  expect(reply.status).toBe(413);
  expectClearErrors(reply.errors);
  expect(await send(server, { headers, body: padded(SIZE_MAX) })).toEqual({ status: 200, errors: undefined });
});

test('a body beyond 64 KB that does not say its length is refused as well', async ({ server, db, viewer, live }) => {
  const headers = { ...json, authorization: `Bearer ${viewer.token}` };
  const body = new Blob([JSON.stringify(chat(live.streamId)).padEnd(SIZE_MAX + 1)]).stream();
  const init = { headers, body, duplex: 'half' } as RequestInit;
  const reply = await expectNothingWritten(db.pool, () => send(server, init));
  expect(reply.status).toBe(413);
});

test('a body that comes in pieces, cut within a letter, is read as a whole', async ({ server, viewer, live }) => {
  const query = chat(live.streamId).query;
  const input = { streamId: live.streamId, text: 'وردة 🌹', idempotencyKey: 'pieces' };
  const body = Buffer.from(JSON.stringify({ query, variables: { input } }));
  const headers = { ...json, authorization: `Bearer ${viewer.token}` };
  const request = openRequest(server.url, { method: 'POST', headers });
  for (let at = 0; at < body.length; at += 7) request.write(body.subarray(at, at + 7));
  request.end();
  const [response] = await once(request, 'response');
  const { data } = JSON.parse(await readAll(response));
  expect(data.sendChatMessage.chatMessage.text).toBe('وردة 🌹');
});

test('a client that breaks off within its body is forgotten, and the next is served', async ({ server, db }) => {
  const headers = { ...json, 'content-length': 100 };
  const request = openRequest(server.url, { method: 'POST', headers, agent: false });
  request.on('error', () => undefined); // we break it off ourselves
  request.write('{"query":');
  await once(request, 'socket').then(([socket]) => once(socket, 'connect'));
  await expectNothingWritten(db.pool, async () => request.destroy());
  expect(await send(server, { headers: json, body: '{"query":"{ gifts { id } }"}' })).toEqual({
    status: 200,
    errors: undefined,
  });
});

test.for([
  ['{ gifts'],
  ['{ gift { nam } }'],
  ['query ($n: Int!) { liveStreams(first: $n) { totalCount } }', { n: 'x' }],
  ['query ($n: Int!) { liveStreams(first: $n) { totalCount } }'],
  ['{ liveStreams(after: "garbage") { totalCount } }'],
  ['{ gifts { name } creator(handle: "\\u0000") { id } }'],
] as [string, Record<string, unknown>?][])(
  'HTTP and WebSocket answer alike: %j',
  async ([document, variables], { server }) => {
    const shown = ({ data, errors }: { data: unknown; errors: readonly WireError[] | undefined }) => ({
      data,
      errors: errors?.map(({ extensions, ...error }) => ({ ...error, code: extensions?.code })),
    });
    const http = await server.http().request(document, variables);
    expectClearErrors(http.errors);
    expect(shown(await (await server.ws()).query(document, variables))).toEqual(shown(http));
  },
);

test.for([
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/graphql',
  'application/jsonp',
  'application/xml',
])('a body of %s is refused with 415', async (type, { server, db, viewer, live }) => {
  const headers = { 'content-type': type, authorization: `Bearer ${viewer.token}` };
  const body = JSON.stringify(chat(live.streamId));
  const reply = await expectNothingWritten(db.pool, () => send(server, { headers, body }));
  expect(reply.status).toBe(415);
  expectClearErrors(reply.errors, /application\/json/);
});

test('a body without a type is refused with 415', async ({ server, db, live }) => {
  const body = new TextEncoder().encode(JSON.stringify(chat(live.streamId)));
  const reply = await expectNothingWritten(db.pool, () => send(server, { body }));
  expect(reply.status).toBe(415);
});

test.for([
  ['nothing', ''],
  ['broken JSON', '{"query": "{ gifts'],
  ['a number', '5'],
  ['a text', '"{ gifts { id } }"'],
  ['null', 'null'],
  ['a list', '[]'],
  ['a batch', '[{"query": "{ gifts { id } }"}]'],
  ['no query', '{}'],
  ['a query that is no text', '{"query": 5}'],
  ['variables that are no object', '{"query": "{ gifts { id } }", "variables": "x"}'],
  ['variables that are a list', '{"query": "{ gifts { id } }", "variables": [1]}'],
  ['an operation name that is no text', '{"query": "{ gifts { id } }", "operationName": 5}'],
  ['an operation name that is not there', '{"query": "query A { gifts { id } }", "operationName": "B"}'],
  ['two operations and no name', '{"query": "query A { gifts { id } } query B { gifts { id } }"}'],
] as const)('a body that is or has %s is refused with 400', async ([, body], { server, db }) => {
  const headers = { ...json, accept: 'application/graphql-response+json' };
  const reply = await expectNothingWritten(db.pool, () => send(server, { headers, body }));
  expect(reply.status).toBe(400);
  expectClearErrors(reply.errors);
});

test('a mutation by GET is refused, and nothing is written', async ({ server, db, viewer, live }) => {
  const { query, variables } = chat(live.streamId);
  const path = `?${new URLSearchParams({ query, variables: JSON.stringify(variables) })}`;
  const headers = { ...json, authorization: `Bearer ${viewer.token}`, accept: 'application/json' };
  const reply = await expectNothingWritten(db.pool, () => send(server, { method: 'GET', headers }, path));
  expect(reply.status).toBe(405);
  expectClearErrors(reply.errors);
});

test('a subscription whose client takes no stream of events is refused with 406', async ({ server, live }) => {
  const body = JSON.stringify({ query: LIVE_EVENTS, variables: { streamId: live.streamId } });
  const headers = { ...json, accept: 'application/json' };
  expect((await send(server, { headers, body })).status).toBe(406);
});

test('a WebSocket message beyond 64 KB closes its socket with 1009, and no other', async ({ server, db, live }) => {
  const other = (await server.ws()).subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, {
    streamId: live.streamId,
    after: '',
  });
  await other.next();
  const socket = await server.raw();
  await socket.init();
  await expectNothingWritten(db.pool, async () => {
    socket.send(
      JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ gifts { id } }' } }).padEnd(SIZE_MAX + 1),
    );
    expect((await socket.messages.untilClosed()).code).toBe(1009);
  });
  await sendChatMessage(live.creator, live.streamId, 'Still here?');
  expect((await other.next()).liveEvents.node).toMatchObject({ text: 'Still here?' });
});

test('a WebSocket message of 64 KB is taken', async ({ server }) => {
  const socket = await server.raw();
  await socket.init();
  socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: '{ gifts { id } }' } }).padEnd(SIZE_MAX));
  expect(await socket.messages.next()).toMatchObject({ id: '1', type: 'next' });
});

test('a bad subscription ends alone: the others of its socket go on', async ({ server, viewer, live }) => {
  const socket = await server.ws({ token: viewer.token });
  const good = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await good.next();
  const bad: [document: string, variables: Record<string, unknown>, reason: RegExp | string][] = [
    ['subscription { liveEvents', {}, /Syntax Error/],
    ['subscription { liveEvents(streamId: "x") { price } }', {}, /Cannot query field "price"/],
    [LIVE_EVENTS, {}, 'BAD_USER_INPUT'],
    [LIVE_EVENTS, { streamId: 'garbage' }, 'NOT_FOUND'],
    [LIVE_EVENTS, { streamId: live.streamId, after: 'garbage' }, 'INVALID_CURSOR'],
    [LIVE_EVENTS, { streamId: live.streamId, types: ['NOTHING'] }, /"NOTHING" does not exist/],
    [STREAM_PULSE, { streamId: 'garbage' }, 'NOT_FOUND'],
    [
      'subscription { walletUpdates { coins } liveEvents(streamId: "x") { cursor } }',
      {},
      /only one root field|must select only one/i,
    ],
  ];
  for (const [document, variables, reason] of bad) {
    const end = await socket.subscribe(document, variables).untilClosed();
    expect(end.code, document).toBeNull();
    expectClearErrors(end.errors, reason);
  }
  await sendChatMessage(viewer, live.streamId, 'Still here?');
  expect((await good.next()).liveEvents.node).toMatchObject({ text: 'Still here?' });
});

test('a socket holds 100 operations: one more is refused, and the 100 go on', async ({ server, viewer, live }) => {
  const socket = await server.ws();
  const variables = { streamId: live.streamId, after: '' };
  const feeds = Array.from({ length: OPERATIONS_MAX }, () =>
    socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, variables),
  );
  for (const feed of feeds) await feed.next();
  const surplus = await socket.subscribe(LIVE_EVENTS, variables).untilClosed();
  expectClearErrors(surplus.errors, 'TOO_MANY_OPERATIONS');
  await sendChatMessage(viewer, live.streamId, 'Hello all');
  for (const feed of feeds) expect((await feed.next()).liveEvents.node).toMatchObject({ text: 'Hello all' });
  await feeds[0]!.close();
  const room = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, variables);
  expect((await room.next()).liveEvents.node.seq).toBe(1);
});

test('what is nowhere is answered with 404', async ({ server }) => {
  for (const path of ['/nothing', '/graphql/nothing', '/.env', '/graphqlx']) {
    const response = await fetch(new URL(path, server.url));
    expect(response.status, path).toBe(404);
    expectClearErrors(((await response.json()) as { errors: WireError[] }).errors, /\/graphql/);
  }
});

test('a quantity of 1e3, written into the document, is no whole number', async ({ server, db, funded, live }) => {
  const rose = await giftId(funded.api, 'Rose');
  const input = `{streamId: "${live.streamId}", giftId: "${rose}", quantity: 1e3, idempotencyKey: "key"}`;
  const reply = await expectNothingWritten(db.pool, () =>
    send(server, {
      headers: { ...json, authorization: `Bearer ${funded.token}` },
      body: JSON.stringify({ query: `mutation { sendGift(input: ${input}) { __typename } }` }),
    }),
  );
  expectClearErrors(reply.errors, /Int cannot represent non-integer value: 1e3/);
});
