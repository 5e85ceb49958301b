/** Queries read from a streaming replica, and nobody can tell. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { AppOverrides } from '../../src/app.ts';
import { readMetrics, sample } from '../support/metrics.ts';
import { type Actor, endStream, query, signIn, startStream, succeed } from '../support/operations.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../support/replica.ts';
import { type Server, startServer } from '../support/server.ts';
import { QUIET } from './support/shared-server.ts';

const STREAM = 'query Stream($id: ID!) { liveStream(id: $id) { id title status } }';
const ON_AIR = 'query OnAir { liveStreams(first: 100) { totalCount edges { node { id } } } }';
const OWN = 'query Own { me { handle wallet { coins } } }';
const NOTHING_KEPT: AppOverrides = { responseCache: { bytesMax: 0 } };
/** Two Postgres start. */
const START_LIMIT_MS = 120_000;
const TEST_LIMIT_MS = 120_000;

let postgres: ReplicatedPostgres;

beforeAll(async () => {
  postgres = await startReplicatedPostgres();
}, START_LIMIT_MS);

afterAll(() => postgres.stop(), START_LIMIT_MS);

async function start(options: { overrides?: AppOverrides; redis?: boolean } = {}): Promise<Server> {
  const config = { databaseReplicaUrl: postgres.replicaUrl };
  const overrides = { ...QUIET.overrides, ...options.overrides };
  const server = await startServer({ ...options, databaseUrl: postgres.url, config, overrides });
  onTestFinished(() => server.close());
  return server;
}

/** Where the statements of some work went, those that watch the replica left out. */
async function reads(server: Server, work: () => Promise<unknown>): Promise<{ primary: number; replica: number }> {
  const counts = { primary: 0, replica: 0 };
  const stop = server.app.onSql((sql, to) => {
    if (!sql.includes('/* replica.')) counts[to]++;
  });
  await work();
  stop();
  return counts;
}

/** Until a query reads from the replica, and from nowhere else. */
async function readsThere(server: Server, work: () => Promise<unknown>): Promise<void> {
  await expect.poll(() => reads(server, work)).toMatchObject({ primary: 0, replica: expect.toSatisfy((n) => n > 0) });
}

/** Whether a server reads from the replica: it is not too far behind. */
async function isUsed(server: Server): Promise<boolean> {
  return sample(await readMetrics(server.url), 'hadiya_replica_used') === 1;
}

/**
 * Ends a stream while the replica takes in nothing, and looks at what a server answers then. Again, if the replica was too far behind
 * to be read before that was over, as the machine stood still: then the answer shows nothing.
 */
async function whilePaused(
  { at, on }: { at: Server; on: Server },
  look: (id: string, streamEnds: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  for (let wasUsed = false; !wasUsed; ) {
    const { creator, id } = await live(at);
    await readsThere(on, () => statusOf(on.http(), id));
    await postgres.pause();
    try {
      await look(id, async () => succeed(await endStream(creator, id)));
      wasUsed = await isUsed(on);
    } finally {
      await postgres.resume();
    }
  }
}

async function live(server: Server): Promise<{ creator: Actor; id: string }> {
  const creator = await signIn(server);
  return { creator, id: (await startStream(creator)).id };
}

async function statusOf(api: Actor['api'], id: string): Promise<string> {
  return (await query<{ liveStream: { status: string } }>(api, STREAM, { id })).liveStream.status;
}

test('what is the same for everybody is read from the replica, over HTTP and WebSocket; what is one viewer’s own is not', async () => {
  const server = await start({ overrides: NOTHING_KEPT });
  const { creator, id } = await live(server);
  await readsThere(server, () => statusOf(server.http(), id));
  await readsThere(server, () => query(server.http(), ON_AIR));
  await readsThere(server, () => statusOf(creator.api, id));
  const socket = await server.ws();
  await readsThere(server, () => socket.subscribe(STREAM, { id }).next());
  expect(await reads(server, () => query(creator.api, OWN))).toMatchObject({ replica: 0 });
  const mixed = `query Mixed($id: ID!) { liveStream(id: $id) { title } me { handle } }`;
  expect(await reads(server, () => query(creator.api, mixed, { id }))).toMatchObject({ replica: 0 });
  expect(await reads(server, () => startStream(creator).catch(() => undefined))).toMatchObject({ replica: 0 });
  const metric = async (name: string) => sample(await readMetrics(server.url), `hadiya_replica_${name}`);
  expect(await metric('answers_total')).toBeGreaterThanOrEqual(4);
  await expect.poll(() => metric('used')).toBe(1);
  await expect.poll(() => metric('lag_seconds')).toBeLessThan(2);
});

test('a change is seen at once by everybody, though the replica has not got it; nothing older is kept either', async () => {
  const server = await start();
  const uncached = await start({ overrides: NOTHING_KEPT });
  for (const one of [server, uncached]) {
    const { creator, id } = await live(one);
    const stranger = await signIn(one);
    await readsThere(uncached, () => statusOf(uncached.http(), id));
    await postgres.pause();
    try {
      expect(await statusOf(one.http(), id)).toBe('LIVE');
      succeed(await endStream(creator, id));
      for (const api of [creator.api, one.http(), stranger.api, one.http()])
        expect(await statusOf(api, id)).toBe('ENDED');
      const { liveStreams } = await query<{ liveStreams: { edges: { node: { id: string } }[] } }>(one.http(), ON_AIR);
      expect(liveStreams.edges.map(({ node }) => node.id)).not.toContain(id);
    } finally {
      await postgres.resume();
    }
  }
});

test('an answer that was read from the replica before it had a change is thrown away', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const server = await start({ overrides: NOTHING_KEPT });
  const thrown = async () =>
    sample(await readMetrics(server.url), 'hadiya_replica_discards_total', { reason: 'too old' });
  await whilePaused({ at: server, on: server }, async (id, streamEnds) => {
    await streamEnds();
    const before = await thrown();
    const counts = await reads(server, async () => expect(await statusOf(server.http(), id)).toBe('ENDED'));
    const after = await thrown();
    if (!(await isUsed(server))) return;
    // It was asked, as it is fresh enough for most, and its answer was not given.
    expect(counts).toMatchObject({ primary: expect.toSatisfy((n) => n > 0), replica: expect.toSatisfy((n) => n > 0) });
    expect(after).toBe(before + 1);
  });
});

test('what one server changes, another does not answer from a replica that has not got it', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const [a, b] = [await start({ redis: true }), await start({ redis: true, overrides: NOTHING_KEPT })];
  await whilePaused({ at: a, on: b }, async (id, streamEnds) => {
    await streamEnds();
    // As it has heard of it: the replica is still read then.
    await expect.poll(() => statusOf(b.http(), id)).toBe('ENDED');
  });
});

test('a replica that is too far behind is not read, until it has caught up', async () => {
  const server = await start({ overrides: NOTHING_KEPT });
  const { creator, id } = await live(server);
  const look = () => statusOf(server.http(), id);
  await readsThere(server, look);
  await postgres.pause();
  try {
    await endStream(creator, id); // an idle primary has nothing that the replica could lack
    await expect.poll(() => reads(server, look)).toMatchObject({ replica: 0 });
    expect(await look()).toBe('ENDED');
    const metrics = await readMetrics(server.url);
    expect(sample(metrics, 'hadiya_replica_used')).toBe(0);
    expect(sample(metrics, 'hadiya_replica_lag_seconds')).toBeGreaterThan(2);
  } finally {
    await postgres.resume();
  }
  await readsThere(server, look);
});

test('a replica that dies is done without, and read again when it is back; a server also starts without it', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const server = await start({ overrides: NOTHING_KEPT });
  const { id } = await live(server);
  const look = () => statusOf(server.http(), id);
  await readsThere(server, look);
  await postgres.stopReplica();
  expect(await Promise.all(Array.from({ length: 20 }, look))).toEqual(Array(20).fill('LIVE'));
  const newcomer = await start({ overrides: NOTHING_KEPT });
  expect(await reads(newcomer, () => statusOf(newcomer.http(), id))).toMatchObject({ replica: 0 });
  expect((await fetch(new URL('/ready', server.url))).status).toBe(200);
  await postgres.startReplica();
  await readsThere(server, look);
  await readsThere(newcomer, () => statusOf(newcomer.http(), id));
});
