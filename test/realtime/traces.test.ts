/** From a request to the event that it caused and to its delivery: in traces, and in the log. */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import { fundBox, reachOpening } from '../integration/support/boxes.ts';
import { rowOf } from '../integration/support/ids.ts';
import { callInOneBatch } from '../integration/support/one-batch.ts';
import { openOffer } from '../integration/support/orders.ts';
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
const CLAIM = `mutation ($input: ClaimTreasureBoxInput!) {
  claimTreasureBox(input: $input) { ... on ClaimTreasureBoxSuccess { coins } ... on Error { code message } }
}`;
/** A process with OpenTelemetry starts slowly. */
const TEST_LIMIT_MS = 180_000;
/** W3C's own example, and another. */
const [HTTP_TRACE, WS_TRACE] = ['4bf92f3577b34da6a3ce929d0e0e4736', '0af7651916cd43dd8448eb211c80319c'];
const CALLER = '00f067aa0ba902b7';

/** What the socket's client traces. */
const SOCKET_EXTENSIONS = { traceparent: `00-${WS_TRACE}-${CALLER}-01` };

/** Starts a server that tells a collector of all it does, and its log of whom it does it for. */
async function startWatched(databaseUrl: string) {
  const collector = await startCollector();
  onTestFinished(() => collector.close());
  const server = await startServerProcess({
    databaseUrl,
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
  /** The events that were committed in a stream, with the requests that they come from. */
  const committed = (streamId: string) =>
    server
      .output()
      .split('\n')
      .slice(0, -1) // the last line is not whole yet
      .filter((line) => line.startsWith('{'))
      .flatMap((line) => (JSON.parse(line) as { events?: CommittedEvent[] }).events ?? [])
      .filter((event) => event.streamId === rowOf(streamId));
  return { server, collector, committed };
}

/**
 * The batch is a trace of its own, linked to those whose gifts are in it; below it are its SQL and its message. Each span arrives
 * when it ends, and none of these waits for another.
 */
async function expectBatchOf(operation: ReceivedSpan, { spans }: { spans: ReceivedSpan[] }): Promise<void> {
  const batch = () =>
    spans.find(({ name, links }) => name === 'batch gifts' && links.some(({ spanId }) => spanId === operation.spanId));
  await expect.poll(batch).toBeDefined();
  const below = () => spans.filter(({ parentSpanId }) => parentSpanId === batch()!.spanId).map(({ name }) => name);
  await expect.poll(below).toEqual(expect.arrayContaining(['SQL gifts.sendBatch', 'bus publish']));
}

type CommittedEvent = { streamId: string; seq: string; type: string; requestIds: string[] };

test('a gift from HTTP and one from a WebSocket: spans from the request to the delivery, log lines from the event to the request', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const { server, collector, committed } = await startWatched(db.url);
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
  const [answer] = (await socket.messages.until(({ id }) => id === 'gift')).slice(-1);
  const bySocket = (answer!.payload as { data: { sendGift: { giftSent: { seq: number } } } }).data.sendGift;

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
    await expectBatchOf(operation!, collector);
  }
  expect(JSON.stringify(collector.spans)).not.toContain(viewer.token);

  const requestOf = (seq: number | string) =>
    committed(streamId).find((event) => event.seq === String(seq))?.requestIds;
  await expect.poll(() => requestOf(byHttp.giftSent.seq)).toEqual(['request-1']);
  await expect.poll(() => requestOf(bySocket.giftSent.seq)).toEqual(['socket-7/gift']);
  const said = await say(creator, streamId, 'hello');
  await expect.poll(() => requestOf(said)).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  expect(server.output()).not.toContain(viewer.token);
  expect(await server.stop()).toMatchObject({ code: 0 });
});

test('purchases and claims that are committed together: each event names all whom it comes from, and each batch is linked to them', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const { server, collector, committed } = await startWatched(db.url);
  const buyer = await signIn(server);
  const { streamId, addressId, offer } = await openOffer(server, buyer, { stock: 10, terms: { quantity: 5 } });
  const socket = await server.ws({ token: buyer.token });
  const purchase = () => ({
    offerId: offer.id,
    streamId,
    addressId,
    expectedUnitPriceMinor: 2_000,
    paymentToken: 'tok_ok',
    idempotencyKey: randomUUID(),
  });
  const purchases = await callInOneBatch(db.pool, socket, 'buyNow', purchase(), [purchase(), purchase()]);
  for (const outcome of purchases.outcomes) succeed(outcome);

  succeed(await buyCoins(buyer, { coins: 100 }));
  const { box } = succeed(await fundBox(buyer, streamId));
  await reachOpening(db.pool, box.id);
  const claimers = await Promise.all(['claim-1', 'claim-2'].map(async (id) => ({ id, viewer: await signIn(server) })));
  for (const outcome of await Promise.all(
    claimers.map(({ id, viewer }) =>
      viewer.api.request(CLAIM, { input: { boxId: box.id } }, { headers: { 'x-request-id': id } }),
    ),
  )) {
    expect(outcome).toMatchObject({ data: { claimTreasureBox: { coins: 10 } } });
  }

  const requestsOf = (type: string) =>
    committed(streamId)
      .filter((event) => event.type === type)
      .map(({ requestIds }) => requestIds);
  await expect.poll(() => requestsOf('BOX_CLAIMED').flat().sort()).toEqual(['claim-1', 'claim-2']);
  const bought = requestsOf('PRODUCT_PURCHASED');
  expect(bought.map(({ length }) => length)).toEqual([1, 1, 1]);
  expect(new Set(bought.flat()).size).toBe(3);
  // One event of the offer's stock a batch of holds: the first purchase was one, the other two the next.
  const held = requestsOf('OFFER_STOCK_CHANGED');
  expect(held.map(({ length }) => length)).toEqual([1, 2]);
  expect(held.flat().sort()).toEqual(bought.flat().sort());

  const idsOf = (name: string) => collector.spans.filter((span) => span.name === name).map(({ spanId }) => spanId);
  const linkedTo = (batch: string) =>
    collector.spans.filter(({ name }) => name === batch).flatMap(({ links }) => links.map(({ spanId }) => spanId));
  await expect.poll(() => idsOf('GraphQL mutation buyNow').length).toBe(3);
  await expect.poll(() => idsOf('GraphQL mutation claimTreasureBox').length).toBe(2);
  for (const batch of ['batch holds', 'batch settlements', 'batch sandbox']) {
    await expect.poll(() => linkedTo(batch)).toEqual(expect.arrayContaining(idsOf('GraphQL mutation buyNow')));
  }
  await expect.poll(() => linkedTo('batch claims').sort()).toEqual(idsOf('GraphQL mutation claimTreasureBox').sort());
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
