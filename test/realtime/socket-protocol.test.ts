/** graphql-transport-ws, message by message: what one operation does wrong is never the others' problem. */
import { expect } from 'vitest';
import { MESSAGE_SIZE_MAX } from '../../src/graphql/socket-transport.ts';
import { OPERATIONS_PER_SOCKET_MAX } from '../../src/graphql/websocket.ts';
import { testOn } from '../integration/support/shared-server.ts';
import { FeedError } from '../support/feed.ts';
import type { RawSocket, WireMessage } from '../support/raw-socket.ts';
import { range, say } from './support/watch.ts';

const test = testOn({});

const WATCH = 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { node { seq } } }';

/** The messages for one operation, up to and with the given type. */
async function answerTo(socket: RawSocket, id: string, type: string): Promise<WireMessage> {
  return (await socket.messages.until((message) => message.id === id && message.type === type)).at(-1)!;
}

test('what is wrong with one operation is told to that one, and the others go on', async ({ server, viewer, live }) => {
  const socket = await server.raw();
  await socket.init();
  socket.subscribe('feed', WATCH, { id: live.streamId });
  await answerTo(socket, 'feed', 'next');
  const wrong: [string, Record<string, unknown>?][] = [
    ['subscription {'],
    [''],
    ['subscription { noSuchField }'],
    ['subscription { liveEvents { cursor } }'],
    [WATCH, {}],
    [WATCH, { id: { not: 'an id' } }],
    [WATCH, { id: 'nothing' }],
    ['subscription { streamPulse(streamId: "nothing") { likes } }'],
    ['subscription { walletUpdates { coins } }'],
    ['query A { __typename } query B { __typename }'],
    ['fragment A on Query { __typename }'],
  ];
  for (const [n, [query, variables]] of wrong.entries()) {
    socket.subscribe(`wrong ${n}`, query, variables);
    const answer = (await socket.messages.until(({ id }) => id === `wrong ${n}`)).at(-1)!;
    const errors = answer.type === 'error' ? answer.payload : (answer.payload as { errors?: unknown }).errors;
    expect(errors, query).toMatchObject([{ message: expect.stringMatching(/./) }]);
    expect(JSON.stringify(errors), query).not.toMatch(/stack|node_modules|SELECT/);
    const seq = await say(viewer, live.streamId);
    const next = await answerTo(socket, 'feed', 'next');
    expect(next.payload, query).toEqual({ data: { liveEvents: { node: { seq } } } });
  }
});

test('a socket holds so many operations and no more; a place that becomes free can be taken', async ({
  server,
  live,
}) => {
  const socket = await server.raw();
  await socket.init();
  for (const n of range(1, OPERATIONS_PER_SOCKET_MAX)) socket.subscribe(`${n}`, WATCH, { id: live.streamId });
  await socket.messages.take(OPERATIONS_PER_SOCKET_MAX);
  socket.subscribe('too many', WATCH, { id: live.streamId });
  expect(await socket.messages.next()).toMatchObject({
    id: 'too many',
    type: 'error',
    payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }],
  });
  socket.send({ id: '1', type: 'complete' });
  socket.subscribe('in its place', WATCH, { id: live.streamId });
  expect(await socket.messages.next()).toMatchObject({ id: 'in its place', type: 'next' });
});

test('queries and mutations run over the socket too, with the token of connection_init', async ({
  server,
  viewer,
  live,
}) => {
  const client = await server.ws({ token: viewer.token });
  expect((await client.query('{ me { handle } }')).data).toEqual({ me: { handle: viewer.handle } });
  const said = await client.query(
    'mutation ($input: SendChatMessageInput!) { sendChatMessage(input: $input) { __typename } }',
    { input: { streamId: live.streamId, text: 'over the socket', idempotencyKey: 'k' } },
  );
  expect(said).toEqual({ data: { sendChatMessage: { __typename: 'SendChatMessageSuccess' } }, errors: undefined });
});

test('a token that does not hold makes an anonymous socket: public feeds work, the rest says who is missing', async ({
  server,
  live,
}) => {
  const client = await server.ws({ token: 'forged' });
  const feed = client.subscribe(WATCH, { id: live.streamId });
  expect(await feed.next()).toEqual({ liveEvents: { node: { seq: 1 } } });
  const { errors } = await client.subscribe('subscription { walletUpdates { coins } }').closed;
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'NOT_SIGNED_IN' });
  expect(feed.isClosed).toBe(false);
});

test('without connection_init the socket is closed with 4408', async ({ server }) => {
  const socket = await server.raw();
  expect(await socket.messages.closed).toMatchObject({ code: 4408 });
});

test('a second connection_init closes it with 4429', async ({ server }) => {
  const socket = await server.raw();
  await socket.init();
  socket.send({ type: 'connection_init' });
  expect(await socket.messages.closed).toMatchObject({ code: 4429 });
});

test('subscribing before connection_init closes it with 4401', async ({ server, live }) => {
  const socket = await server.raw();
  socket.subscribe('early', WATCH, { id: live.streamId });
  expect(await socket.messages.closed).toMatchObject({ code: 4401 });
});

test('one id twice closes it with 4409', async ({ server, live }) => {
  const socket = await server.raw();
  await socket.init();
  socket.subscribe('one', WATCH, { id: live.streamId });
  socket.subscribe('one', WATCH, { id: live.streamId });
  expect(await socket.messages.closed).toMatchObject({ code: 4409 });
});

test.for([
  ['no JSON', 'hello'],
  ['no object', '[]'],
  ['no type', '{}'],
  ['an unknown type', '{"type":"start","id":"1"}'],
  ['a subscribe without an id', '{"type":"subscribe","payload":{"query":"{ __typename }"}}'],
  ['a subscribe without a query', '{"type":"subscribe","id":"1","payload":{}}'],
  ['bytes', Buffer.from([0, 1, 2, 255])],
] as const)('garbage closes it with 4400: %s', async ([, garbage], { server }) => {
  const socket = await server.raw();
  await socket.init();
  socket.send(garbage);
  expect(await socket.messages.closed).toMatchObject({ code: 4400 });
});

test('a message above the size limit closes it with 1009, one just below it does not', async ({ server }) => {
  const socket = await server.raw();
  await socket.init();
  const query = (bytes: number) => {
    const frame = JSON.stringify({ id: 'big', type: 'subscribe', payload: { query: '{ __typename }' } });
    return frame.replace('{ __typename }', `{ __typename }${' '.repeat(bytes - frame.length)}`);
  };
  socket.send(query(MESSAGE_SIZE_MAX));
  expect(await socket.messages.next()).toMatchObject({ id: 'big', type: 'next' });
  socket.send(query(MESSAGE_SIZE_MAX + 1));
  expect(await socket.messages.closed).toMatchObject({ code: 1009 });
});

test('a page of a foreign origin gets no socket; our own, this machine’s in demo mode, and programs do', async ({
  server,
}) => {
  const refusal = await server.raw({ headers: { origin: 'https://evil.example' } }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(FeedError);
  expect(String(refusal)).toContain('403');
  await expect(server.raw({ headers: { origin: 'null' } })).rejects.toThrow('403');
  for (const origin of [new URL(server.url).origin, 'http://localhost:5173']) {
    expect(await (await server.raw({ headers: { origin } })).init()).toMatchObject({ type: 'connection_ack' });
  }
});

test('another subprotocol is not spoken', async ({ server }) => {
  const socket = await server.raw({ protocol: 'graphql-ws' }).catch((error: unknown) => error);
  if (socket instanceof FeedError) expect(String(socket)).toMatch(/refused/);
  else expect(await (socket as RawSocket).messages.closed).toMatchObject({ code: 4406 });
});
