/** The bus on a Redis Cluster: every channel is heard again after whatever has happened to its server. */
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { BusMeter } from '../../src/kernel/instruments.ts';
import type { Bus } from '../../src/live/bus.ts';
import { createRedisBus } from '../../src/live/redis-bus.ts';
import { createRedisCounters } from '../../src/live/redis-points.ts';
import { slotOf } from '../../src/live/redis-slot.ts';
import { LOG_LEVEL } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts';

const log = pino({ level: LOG_LEVEL });
const DEPLOYMENT = 'test';
const NAMES = Array.from({ length: 12 }, (_, n) => `channel:{${n}}`);
/** A cluster of three or four servers is no quick start where others work, too. */
const TEST_LIMIT_MS = 150_000;
/** Until a dead server's slots are taken over: the others wait and vote, again when a vote fails; a frozen one is first found out. */
const TAKE_OVER_MS_MAX = 60_000;
/** Far more than Redis needs to count, however busy the machine is. */
const COUNT_MS_MAX = 30_000;

async function cluster(options: Parameters<typeof startRedisCluster>[0] = {}): Promise<TestRedisCluster> {
  const started = await startRedisCluster(options);
  onTestFinished(() => started.stop());
  return started;
}

async function bus(url: string, meter?: BusMeter): Promise<Bus> {
  const created = await createRedisBus(url, DEPLOYMENT, log, meter);
  onTestFinished(() => created.close());
  return created;
}

/** Buses that have reached all servers: a bus does not wait for long. */
async function buses(...made: Promise<Bus>[]): Promise<Bus[]> {
  const created = await Promise.all(made);
  for (const one of created) await expect.poll(() => one.isUp()).toBe(true);
  return created;
}

/** What a bus hears on these channels, by channel, once it hears all of them: nor does a subscription. */
async function hear(on: Bus, names: readonly string[]): Promise<Map<string, string[]>> {
  const heard = await subscribe(on, names);
  await expect.poll(() => names.filter((name) => !on.isUp(name))).toEqual([]);
  return heard;
}

/** The same at once, whether or not their servers are there. */
async function subscribe(on: Bus, names: readonly string[]): Promise<Map<string, string[]>> {
  const heard = new Map<string, string[]>(names.map((name) => [name, []]));
  await Promise.all(names.map((name) => on.subscribe(name, (message) => heard.get(name)!.push(message))));
  return heard;
}

let probes = 0;

/** Until what is published on a channel is heard there; and nothing was heard twice. */
async function heardAgain(from: Bus, heard: Map<string, string[]>, name: string): Promise<void> {
  const sent: string[] = [];
  await expect
    .poll(
      async () => {
        sent.push(`probe ${++probes}`);
        await from.publish(name, sent.at(-1)!).catch(() => undefined);
        return sent.some((probe) => heard.get(name)!.includes(probe));
      },
      { timeout: TAKE_OVER_MS_MAX },
    )
    .toBe(true);
  expect(new Set(heard.get(name)).size).toBe(heard.get(name)!.length);
}

test('slots are those of the server', { timeout: TEST_LIMIT_MS }, async () => {
  const { masters } = await cluster();
  for (const key of [...NAMES, 'a', '{}', 'x{y}z', 'هدية', '{a']) {
    expect(await masters[0]!.command('CLUSTER', 'KEYSLOT', key)).toBe(slotOf(key));
  }
});

test('one URL of a cluster is enough, and every channel is heard once by every process', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const { masters } = await cluster();
  const [a, b] = (await buses(bus(masters[0]!.url), bus(`${masters[2]!.url},${masters[1]!.url}`))) as [Bus, Bus];
  const [atA, atB] = [await hear(a, NAMES), await hear(b, NAMES)];
  await Promise.all(NAMES.flatMap((name) => [a.publish(name, 'from a'), b.publish(name, 'from b')]));
  for (const name of NAMES) {
    for (const heard of [atA, atB]) await expect.poll(() => heard.get(name)!.toSorted()).toEqual(['from a', 'from b']);
  }
  const counts = await Promise.all(masters.map((one) => one.command('PUBSUB', 'SHARDCHANNELS') as Promise<unknown[]>));
  for (const held of counts) expect(held.length).toBeGreaterThan(0);
  expect(counts.flat()).toHaveLength(NAMES.length);
  expect([a.isUp(), b.isUp()]).toEqual([true, true]);
});

test('a dead master takes down its own channels only; they are heard again when it is back', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const redis = await cluster();
  const meter = new BusMeter();
  const [a, b] = (await buses(bus(redis.url, meter), bus(redis.url))) as [Bus, Bus];
  const heard = await hear(b, NAMES);
  const victim = redis.masterOf(NAMES[0]!);
  const [dead, alive] = [
    NAMES.filter((n) => redis.masterOf(n) === victim),
    NAMES.filter((n) => redis.masterOf(n) !== victim),
  ];
  await victim.kill();
  await expect.poll(() => a.isUp(NAMES[0]) || b.isUp(NAMES[0])).toBe(false);
  expect(a.isUp()).toBe(false);
  for (const name of alive) {
    expect([a.isUp(name), b.isUp(name)]).toEqual([true, true]);
    await a.publish(name, 'still here');
    await expect.poll(() => heard.get(name)).toEqual(['still here']);
  }
  for (const name of dead) await expect(a.publish(name, 'nobody hears this')).rejects.toThrow();
  const failed = redis.masters.map((one) => [new URL(one.url).host, one === victim ? dead.length : 0] as const);
  expect(meter.failed.counts).toEqual(new Map(failed));
  expect(meter.published).toBe(NAMES.length);
  // Who comes meanwhile is not kept waiting, and is heard of afterwards.
  const late = await subscribe(a, [dead[0]!]);
  const newcomer = await bus(redis.url);
  await expect.poll(() => newcomer.isUp(alive[0])).toBe(true);
  await victim.restart();
  for (const name of dead) await heardAgain(a, heard, name);
  await heardAgain(newcomer, late, dead[0]!);
  await expect.poll(() => [a.isUp(), b.isUp(), newcomer.isUp()]).toEqual([true, true, true]);
});

test('a replica takes over for a dead master, and is heard', { timeout: TEST_LIMIT_MS }, async () => {
  const redis = await cluster({ replicas: 1 });
  const [a, b] = (await buses(bus(redis.url), bus(redis.url))) as [Bus, Bus];
  const heard = await hear(b, NAMES);
  const moved = NAMES.filter((name) => redis.masterOf(name) === redis.masters[0]);
  await redis.masters[0]!.kill();
  for (const name of moved) await heardAgain(a, heard, name);
  expect(await redis.replicas[0]!.command('PUBSUB', 'SHARDCHANNELS')).toHaveLength(moved.length);
  // The old one comes back as a replica of the new one: nothing is heard twice.
  await redis.masters[0]!.restart();
  await expect.poll(() => redis.masters[0]!.command('INFO', 'replication')).toContain('master_link_status:up');
  for (const name of NAMES) await heardAgain(a, heard, name);
  await expect.poll(() => [a.isUp(), b.isUp()]).toEqual([true, true]);
});

test('a slot that is handed over takes its channel along', { timeout: TEST_LIMIT_MS }, async () => {
  const redis = await cluster();
  const [a, b] = (await buses(bus(redis.url), bus(redis.url))) as [Bus, Bus];
  const heard = await hear(b, NAMES);
  const name = NAMES[0]!;
  const from = redis.masterOf(name);
  const to = redis.masters.find((one) => one !== from)!;
  await redis.moveSlot(name, from, to);
  await heardAgain(a, heard, name);
  await redis.moveSlot(name, to, from);
  await heardAgain(a, heard, name);
});

test('a master whose machine is lost is noticed though its connections stay open', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const redis = await cluster({ replicas: 1 });
  const [a, b] = (await buses(bus(redis.url), bus(redis.url))) as [Bus, Bus];
  const heard = await hear(b, NAMES);
  const moved = NAMES.filter((name) => redis.masterOf(name) === redis.masters[0]);
  redis.masters[0]!.freeze();
  for (const name of moved) await heardAgain(a, heard, name);
});

test('points are counted over all servers; those of a dead master are not, and the others are', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const redis = await cluster();
  const counters = await Promise.all(
    [0, 1].map(() => createRedisCounters(redis.url, DEPLOYMENT, log, { answerMsMax: COUNT_MS_MAX })),
  );
  onTestFinished(() => {
    for (const one of counters) one.close();
  });
  const [a, b] = counters.map((one) => one.purses('money', [3, 100]));
  const keys = Array.from({ length: 30 }, (_, n) => String(n));
  const keyOf = (key: string) => `hadiya:purses:${DEPLOYMENT}:money:${key}`;
  for (const key of keys)
    expect([await a!.spend(key, [2, 1]), await b!.spend(key, [1, 1])]).toEqual([{ kind: 'SPENT' }, { kind: 'SPENT' }]);
  for (const key of keys) expect(await b!.spend(key, [1, 1])).toMatchObject({ kind: 'OVER' });
  const victim = redis.masterOf(keyOf('0'));
  await victim.kill();
  await expect.poll(async () => (await a!.spend('0', [1, 0])).kind).toBe('DOWN');
  for (const key of keys) {
    const expected = redis.masterOf(keyOf(key)) === victim ? 'DOWN' : 'OVER';
    await expect.poll(async () => (await a!.spend(key, [1, 0])).kind).toBe(expected);
  }
  await victim.restart();
  await expect.poll(async () => (await a!.spend('0', [1, 0])).kind).toBe('SPENT'); // it kept nothing
});

test('several URLs that are no cluster are refused', { timeout: TEST_LIMIT_MS }, async () => {
  const [one, other] = [await startRedis(), await startRedis()];
  onTestFinished(async () => void (await Promise.all([one.stop(), other.stop()])));
  await expect(createRedisBus(`${one.url},${other.url}`, DEPLOYMENT, log)).rejects.toThrow(/no Redis Cluster/);
});
