/**
 * Three servers on one Postgres and a Redis Cluster of three masters: one of these and one of those are killed while gifts and
 * chat go on everywhere. Every viewer sees exactly the log, in order, once.
 */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import { readDeployment } from '../../src/db/database.ts';
import { rowId } from '../../src/graphql/global-id.ts';
import { channels } from '../../src/live/channels.ts';
import { STREAM_PULSE } from '../support/documents.ts';
import { FeedError } from '../support/feed.ts';
import { test as base } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  giftId,
  type LiveEventEdge,
  readLog,
  sendChatMessage,
  sendGift,
  sendLikes,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { freePort } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { crowd, edgesOf, seen, streamRow, watch } from './support/watch.ts';

/** Three server processes and three of Redis start, and two start again, on two cores that others use, too. */
const TEST_LIMIT_MS = 400_000;
const STREAMS = 4;
/** Operations of each sender: they last longer than what is broken meanwhile. */
const SENDS = 40;
/** How long a viewer may take to catch up, on a machine that is busy. */
const CATCH_UP_MS_MAX = 60_000;

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
const test = base.extend('cluster', async ({}, { onCleanup }) => {
  const cluster = await startRedisCluster();
  onCleanup(() => cluster.stop());
  return cluster;
});

async function start(databaseUrl: string, redis: string, port: number, env = {}): Promise<ServerProcess> {
  const server = await startServerProcess({ databaseUrl, redis, port, env });
  onTestFinished(async () => void (await server.kill()));
  return server;
}

/** One after the other: all at once they would keep each other from starting in time. */
async function startAll(databaseUrl: string, redis: string, count: number, env = {}): Promise<ServerProcess[]> {
  const servers: ServerProcess[] = [];
  for (let n = 0; n < count; n++) servers.push(await start(databaseUrl, redis, await freePort(), env));
  return servers;
}

/** A viewer who comes back with its cursor whenever its connection ends, as clients do; to the next server then. */
class Viewer {
  reconnects = 0;
  /** What came over connections that have ended. */
  #before: LiveEventEdge[] = [];
  #feed: Awaited<ReturnType<typeof watch>> | undefined;

  constructor(
    private readonly servers: () => ServerProcess[],
    readonly streamId: string,
    private readonly over: 'ws' | 'sse',
    private at: number,
  ) {}

  /** Everything that came, over all connections. */
  get edges(): LiveEventEdge[] {
    return this.#feed ? [...this.#before, ...edgesOf(this.#feed)] : this.#before;
  }

  async open(): Promise<void> {
    this.#before = this.edges;
    const after = this.#before.at(-1)?.cursor ?? '';
    const servers = this.servers();
    this.#feed = await watch(servers[this.at % servers.length]!, this.streamId, { after, over: this.over });
  }

  /** Waits for an event, wherever it is heard. */
  async sees(seq: number): Promise<void> {
    while (!this.edges.some(({ node }) => node.seq === seq)) {
      try {
        await seen(this.#feed!, seq, CATCH_UP_MS_MAX);
      } catch (error) {
        if (!(error instanceof FeedError && error.end)) throw error;
        this.at++;
        this.reconnects++;
        await this.open();
      }
    }
  }
}

/** Sends again with the same key, elsewhere, until it is answered: as a client that lost the answer does. */
async function insist<Result>(
  servers: () => ServerProcess[],
  who: Actor,
  n: number,
  send: (as: Actor) => Promise<Result>,
) {
  for (let attempt = 0; ; attempt++) {
    const all = servers();
    try {
      return await send(await signIn(all[(n + attempt) % all.length]!, who.handle));
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

/** Sends gifts and chat through all servers; tells when parts of it are done, and in the end of every gift. */
function sendEverywhere(servers: () => ServerProcess[], senders: Actor[], streams: string[], rose: string) {
  let sent = 0;
  const total = senders.length * SENDS;
  const reached = new Map<number, () => void>();
  const at = (part: number) => new Promise<void>((resolve) => void reached.set(Math.floor(total * part), resolve));
  const [quarter, half, most] = [at(1 / 4), at(1 / 2), at(3 / 4)];
  const gifts = new Set<string>();
  const sendOne = async (sender: Actor, n: number, s: number) => {
    const streamId = streams[(n + s) % STREAMS]!;
    const key = randomUUID();
    if (n % 3 === 0) {
      await insist(servers, sender, n + s, async (as) => succeed(await sendChatMessage(as, streamId, `${n}`, key)));
      return;
    }
    const options = { giftId: rose, idempotencyKey: key };
    const { giftSent } = await insist(servers, sender, n + s, async (as) =>
      succeed(await sendGift(as, streamId, options)),
    );
    gifts.add(`${streamId} ${giftSent.seq}`);
  };
  const sending = Promise.all(
    senders.map(async (sender, s) => {
      for (let n = 0; n < SENDS; n++) {
        await sendOne(sender, n, s);
        reached.get(++sent)?.();
      }
    }),
  ).then(() => gifts);
  return { quarter, half, most, sending };
}

/** The logs of streams up to a last word in each. */
async function endLogs(running: ServerProcess[], creators: Actor[], streams: string[]) {
  const logs = new Map<string, LiveEventEdge[]>();
  for (const [n, streamId] of streams.entries()) {
    const as = await signIn(running[n % running.length]!, creators[n]!.handle);
    const last = succeed(await sendChatMessage(as, streamId, 'the end')).chatMessage.seq;
    logs.set(streamId, (await readLog(as.api, streamId, 100)).slice(0, last));
  }
  return logs;
}

/** Until likes and viewers are one number again on all servers. */
async function wholeAgain(running: ServerProcess[], handle: string, streamId: string): Promise<void> {
  type Pulse = { streamPulse: { viewers: number; likes: number } };
  const pulses = running.map((server) => server.sse<Pulse>(STREAM_PULSE, { streamId }));
  for (const server of running) succeed(await sendLikes(await signIn(server, handle), streamId, 2));
  const isWhole = ({ streamPulse }: Pulse) => streamPulse.likes === 6 && streamPulse.viewers === 6;
  await Promise.all(pulses.map((pulse) => pulse.until(isWhole, CATCH_UP_MS_MAX)));
}

test('a Redis node and a server are killed while events flow: nothing is lost, nothing comes twice', {
  timeout: TEST_LIMIT_MS,
}, async ({ db, cluster }) => {
  const running = await startAll(db.url, cluster.url, 3);
  const servers = () => running;
  const creators = await Promise.all(Array.from({ length: STREAMS }, (_, n) => signIn(running[n % 3]!)));
  const streams = await Promise.all(creators.map(async (creator) => (await startStream(creator)).id));
  const senders = await crowd(running[0]!, 6);
  const rose = await giftId(senders[0]!.api, 'Rose');
  const viewers = streams.flatMap((streamId, s) =>
    [0, 1, 2, 3, 4, 5].map((n) => new Viewer(servers, streamId, n % 2 ? 'sse' : 'ws', n + s)),
  );
  await Promise.all(viewers.map((viewer) => viewer.open()));
  await Promise.all(viewers.map((viewer) => viewer.sees(1)));
  // The one that has the first stream's channel.
  const redis = cluster.masterOf(channels.stream(streamRow(streams[0]!)));
  const onIt = streams.filter((id) => cluster.masterOf(channels.stream(streamRow(id))) === redis).length;

  const { quarter, half, most, sending } = sendEverywhere(servers, senders, streams, rose);
  await quarter;
  await redis.kill();
  const redisKilledMs = performance.now();
  // A stream on the dead node is heard of within two polls, while the others go on.
  const witness = viewers.find((viewer) => viewer.streamId === streams[0])!;
  const said = succeed(
    await insist(servers, creators[0]!, 1, (as) => sendChatMessage(as, streams[0]!, 'while it is down')),
  ).chatMessage;
  await witness.sees(said.seq);
  const polledMs = performance.now() - redisKilledMs;
  await half;
  await running[2]!.kill();
  const serverKilledMs = performance.now();
  await most;
  await redis.restart();
  const redisBackMs = performance.now();
  running[2] = await start(db.url, cluster.url, Number(new URL(running[2]!.url).port));
  const serverDownMs = performance.now() - serverKilledMs;
  const gifts = await sending;

  const logs = await endLogs(running, creators, streams);
  const endMs = performance.now();
  await Promise.all(viewers.map((viewer) => viewer.sees(logs.get(viewer.streamId)!.length)));
  const caughtUpMs = performance.now() - endMs;
  for (const viewer of viewers) {
    const log = logs.get(viewer.streamId)!;
    expect(viewer.edges.slice(0, log.length)).toEqual(log);
  }
  expect(viewers.filter(({ reconnects }) => reconnects > 0).length).toBeGreaterThan(0);
  const inLogs = streams.flatMap((id) =>
    logs.get(id)!.flatMap(({ node }) => (node.type === 'GIFT_SENT' ? [`${id} ${node.seq}`] : [])),
  );
  expect(new Set(inLogs)).toEqual(gifts);
  await expectBooksBalanced(db.pool);

  await wholeAgain(running, senders[0]!.handle, streams[0]!);
  const wholeMs = performance.now() - redisBackMs;
  process.stdout.write(
    `scaling out: ${viewers.length} viewers of ${STREAMS} streams (${onIt} on the killed Redis node), ${senders.length * SENDS} operations, ${inLogs.length} gifts; ` +
      `an event of a stream whose Redis node had just died was seen after ${Math.round(polledMs)} ms; the killed server was back after ${Math.round(serverDownMs)} ms, ` +
      `${viewers.reduce((sum, { reconnects }) => sum + reconnects, 0)} reconnects; the last viewer had everything ${Math.round(caughtUpMs)} ms after the last event; ` +
      `likes and viewers were whole ${Math.round(wholeMs)} ms after Redis was back\n`,
  );
});

test('while a node of the cluster is down, money is refused where it cannot be counted, and goes on elsewhere', {
  timeout: TEST_LIMIT_MS,
}, async ({ db, cluster, server }) => {
  const env = { RATE_LIMIT_VIEWER: '6000', RATE_LIMIT_MONEY: '3000' };
  const servers = await Promise.all(
    [await freePort(), await freePort()].map((port) => start(db.url, cluster.url, port, env)),
  );
  // Set up where nothing is counted: while processes start, Redis may well answer too late.
  const creator = await signIn(server);
  const streamId = (await startStream(creator)).id;
  const senders = await crowd(server, 12);
  const rose = await giftId(creator.api, 'Rose');
  const deployment = await readDeployment(db.pool);
  const masterOf = ({ id }: Actor) => cluster.masterOf(`hadiya:purses:${deployment}:viewer:${rowId('Viewer', id)}`);
  const victim = masterOf(senders[0]!);
  await victim.kill();
  await Promise.all(
    senders.map(async (one, n) => {
      const sender = await signIn(servers[n % 2]!, one.handle);
      const send = async () => (await sendGift(sender, streamId, { giftId: rose })).__typename;
      if (masterOf(one) === victim) expect(await send()).toBe('UnavailableError');
      else await expect.poll(send).toBe('SendGiftSuccess');
      // What moves no money is counted by the server alone, and done.
      succeed(await sendChatMessage(sender, streamId, 'hello'));
    }),
  );
  await victim.restart();
  for (const [n, { handle }] of senders.entries()) {
    const sender = await signIn(servers[n % 2]!, handle);
    await expect
      .poll(async () => (await sendGift(sender, streamId, { giftId: rose })).__typename)
      .toBe('SendGiftSuccess');
  }
  await expectBooksBalanced(db.pool);
});
