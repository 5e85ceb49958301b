/** From a request to the event that it caused and to its delivery: in traces, and in the log. */
import { expect, onTestFinished } from 'vitest';
import { FAN_OUT } from '../support/app.ts';
import { type ReceivedSpan, startCollector } from '../support/collector.ts';
import { test } from '../support/fixtures.ts';
import { buyCoins, giftId, signIn, startStream, succeed } from '../support/operations.ts';
import { startServerProcess } from '../support/server-process.ts';
import { say } from './support/watch.ts';

const LIVE_EVENTS = 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { cursor node { seq } } }';
const SEND = `mutation ($input: SendGiftInput!) {
  sendGift(input: $input) { ... on SendGiftSuccess { giftSent { seq } } ... on Error { code message } }
}`;
/** A process with OpenTelemetry starts slowly. */
const TEST_LIMIT_MS = 90_000;
/** W3C's own example, and another. */
const [HTTP_TRACE, WS_TRACE] = ['4bf92f3577b34da6a3ce929d0e0e4736', '0af7651916cd43dd8448eb211c80319c'];
const CALLER = '00f067aa0ba902b7';

/** What the socket's client traces. */
const SOCKET_EXTENSIONS = { traceparent: `00-${WS_TRACE}-${CALLER}-01` };

test('a gift from HTTP and one from a WebSocket: spans from the request to the delivery, log lines from the event to the request', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const collector = await startCollector();
  onTestFinished(() => collector.close());
  const server = await startServerProcess({
    databaseUrl: db.url,
    redis: true,
    env: {
      LOG_LEVEL: 'debug',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_SERVICE_NAME: 'hadiya-under-test',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    },
  });
  onTestFinished(async () => void (await server.kill()));
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  succeed(await buyCoins(viewer, { coins: 70 }));
  const socket = await server.raw({ headers: { 'x-request-id': 'socket-7' } });
  await socket.init({ authorization: `Bearer ${viewer.token}` });
  socket.subscribe('watch', LIVE_EVENTS, { id: streamId });
  await socket.messages.next();
  const input = (idempotencyKey: string, gift: string) => ({ streamId, giftId: gift, quantity: 1, idempotencyKey });
  const rose = await giftId(viewer.api, 'Rose');

  const response = await fetch(server.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${viewer.token}`,
      'x-request-id': 'request-1',
      traceparent: `00-${HTTP_TRACE}-${CALLER}-01`,
    },
    body: JSON.stringify({ query: SEND, variables: { input: input('by-http', rose) } }),
  });
  const byHttp = ((await response.json()) as { data: { sendGift: { giftSent: { seq: number } } } }).data.sendGift;
  const payload = { query: SEND, variables: { input: input('by-socket', rose) }, extensions: SOCKET_EXTENSIONS };
  socket.send(JSON.stringify({ id: 'gift', type: 'subscribe', payload }));

  const of = (traceId: string, name: string) =>
    collector.spans.filter((span) => span.traceId === traceId && span.name === name);
  const sent = FAN_OUT.shared ? 'deliver to a group' : 'GraphQL mutation sendGift'; // alone there are no groups
  await expect.poll(() => of(HTTP_TRACE, sent).length).toBe(1);
  await expect.poll(() => of(WS_TRACE, sent).length).toBe(1);
  await expect.poll(() => of(HTTP_TRACE, 'HTTP POST /graphql').length).toBe(1);
  for (const traceId of [HTTP_TRACE, WS_TRACE])
    await expect.poll(() => of(traceId, 'GraphQL mutation sendGift').length).toBe(1);
  const parentOf = ({ parentSpanId }: ReceivedSpan) =>
    collector.spans.find(({ spanId }) => spanId === parentSpanId)?.name;

  const [http] = of(HTTP_TRACE, 'HTTP POST /graphql');
  expect(http).toMatchObject({ parentSpanId: CALLER, service: 'hadiya-under-test' });
  expect(http!.attributes).toMatchObject({ 'http.response.status_code': 200, 'hadiya.request.id': 'request-1' });
  for (const traceId of [HTTP_TRACE, WS_TRACE]) {
    const [operation] = of(traceId, 'GraphQL mutation sendGift');
    if (traceId === HTTP_TRACE) expect(parentOf(operation!)).toBe('HTTP POST /graphql');
    else expect(operation!.parentSpanId).toBe(CALLER);
    if (FAN_OUT.shared) expect(parentOf(of(traceId, 'deliver to a group')[0]!)).toBe('GraphQL mutation sendGift');
    // The batch is a trace of its own, linked to those whose gifts are in it; below it are its SQL and its message.
    // Each span arrives when it ends, and none of these waits for another.
    const batchOf = () =>
      collector.spans.find(
        (span) => span.name === 'batch gifts' && span.links.some((link) => link.spanId === operation!.spanId),
      );
    await expect.poll(batchOf).toBeDefined();
    const batch = batchOf();
    const below = () =>
      collector.spans.filter(({ parentSpanId }) => parentSpanId === batch!.spanId).map(({ name }) => name);
    await expect.poll(below).toEqual(expect.arrayContaining(['SQL gifts.sendBatch', 'bus publish']));
  }
  expect(JSON.stringify(collector.spans)).not.toContain(viewer.token);

  const lines = () =>
    server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; events?: { seq: string; requestId?: string; type: string }[] });
  const requestOf = (seq: number | string) =>
    lines()
      .flatMap(({ events = [] }) => events)
      .find((event) => event.seq === String(seq))?.requestId;
  expect(requestOf(byHttp.giftSent.seq)).toBe('request-1');
  await expect.poll(() => requestOf(byHttp.giftSent.seq + 1)).toBe('socket-7/gift');
  await say(creator, streamId, 'hello');
  await expect.poll(() => requestOf(byHttp.giftSent.seq + 2)).toMatch(/^[0-9a-f-]{36}$/);
  expect(server.output()).not.toContain(viewer.token);
  expect(await server.stop()).toMatchObject({ code: 0 });
});

test('a collector that is not there harms nothing, and the stop is none the slower for it', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const server = await startServerProcess({
    databaseUrl: db.url,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_BSP_SCHEDULE_DELAY: '20' },
  });
  onTestFinished(async () => void (await server.kill()));
  const viewer = await signIn(server);
  succeed(await buyCoins(viewer, { coins: 70 }));
  const startMs = performance.now();
  expect(await server.stop()).toMatchObject({ code: 0 });
  expect(performance.now() - startMs).toBeLessThan(10_000);
});
