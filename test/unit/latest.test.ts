/** The latest value per key: coalesced, never older than what was seen, repaired by polling. */
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { Bus } from '../../src/live/bus.ts';
import { LatestValues } from '../../src/live/latest.ts';
import { createMemoryBus } from '../../src/live/memory-bus.ts';

type Coins = { version: number; coins: number };

/** So seldom that no test sees a poll. */
const NEVER_MS = 3_600_000;
/** So often that a test can wait for a poll. */
const OFTEN_MS = 5;
const SOON = { interval: 1 };

/** Values over a table in memory, which stands for Postgres. */
function values(options: { bus?: Bus; pollIntervalMs?: number } = {}) {
  const { bus = createMemoryBus(), pollIntervalMs = NEVER_MS } = options;
  const table = new Map<bigint, Coins>();
  const reads: bigint[][] = [];
  const latest = new LatestValues<Coins>(
    'wallets',
    async (keys) => {
      reads.push([...keys]);
      return new Map(keys.flatMap((key) => (table.has(key) ? [[key, table.get(key)!]] : [])));
    },
    { bus, log: pino({ level: 'silent' }) },
    pollIntervalMs,
  );
  onTestFinished(() => latest.close());
  const announce = (key: bigint, value: Coins) => latest.announce(new Map([[key, value]]));
  return { latest, table, reads, announce, bus };
}

async function next(watcher: AsyncIterator<Coins>): Promise<Coins | undefined> {
  return (await watcher.next()).value;
}

test('the present value comes first, then each newer one', async () => {
  const { latest, table, announce } = values();
  table.set(1n, { version: 5, coins: 100 });
  const watcher = latest.watch(1n);
  expect(await next(watcher)).toEqual({ version: 5, coins: 100 });
  const newer = next(watcher);
  announce(1n, { version: 6, coins: 90 });
  expect(await newer).toEqual({ version: 6, coins: 90 });
});

test('a slow watcher skips to the newest value', async () => {
  const { latest, table, announce } = values();
  table.set(1n, { version: 1, coins: 10 });
  const watcher = latest.watch(1n);
  await next(watcher);
  for (let version = 2; version <= 9; version++) announce(1n, { version, coins: version });
  expect(await next(watcher)).toEqual({ version: 9, coins: 9 });
});

test('older and equal versions are dropped, in whatever order they arrive', async () => {
  const { latest, table, announce } = values();
  table.set(1n, { version: 3, coins: 30 });
  const watcher = latest.watch(1n);
  expect((await next(watcher))?.version).toBe(3);
  const newer = next(watcher);
  announce(1n, { version: 2, coins: 20 });
  announce(1n, { version: 3, coins: 99 });
  announce(1n, { version: 5, coins: 50 });
  announce(1n, { version: 4, coins: 40 });
  expect(await newer).toEqual({ version: 5, coins: 50 });
});

test('a value that is announced while the present one is read is not undone by it', async () => {
  const bus = createMemoryBus();
  let answer!: (found: Map<bigint, Coins>) => void;
  const reading = new Promise<Map<bigint, Coins>>((resolve) => {
    answer = resolve;
  });
  let began = false;
  const load = () => {
    began = true;
    return reading;
  };
  const latest = new LatestValues<Coins>('wallets', load, { bus, log: pino({ level: 'silent' }) }, NEVER_MS);
  onTestFinished(() => latest.close());
  const first = next(latest.watch(1n));
  await expect.poll(() => began, SOON).toBe(true);
  latest.announce(new Map([[1n, { version: 8, coins: 80 }]]));
  answer(new Map([[1n, { version: 7, coins: 70 }]]));
  expect(await first).toEqual({ version: 8, coins: 80 });
});

test('a key without a value brings its first one when there is one', async () => {
  const { latest, reads, announce } = values();
  const first = next(latest.watch(1n));
  await expect.poll(() => reads.length, SOON).toBe(1);
  announce(1n, { version: 0, coins: 5 });
  expect(await first).toEqual({ version: 0, coins: 5 });
});

test('what the bus loses is found by the poll', async () => {
  const { latest, table } = values({ pollIntervalMs: OFTEN_MS });
  table.set(1n, { version: 1, coins: 10 });
  const watcher = latest.watch(1n);
  await next(watcher);
  const newer = next(watcher);
  table.set(1n, { version: 2, coins: 20 });
  expect(await newer).toEqual({ version: 2, coins: 20 });
});

test('one poll reads all watched keys in one statement, and no key that nobody watches any more', async () => {
  const { latest, table, reads } = values({ pollIntervalMs: OFTEN_MS });
  for (const key of [1n, 2n, 3n]) table.set(key, { version: 1, coins: 1 });
  const watchers = [1n, 2n, 3n].map((key) => latest.watch(key));
  await Promise.all(watchers.map(next));
  await expect.poll(() => reads.some((keys) => keys.length === 3), SOON).toBe(true);
  await watchers[0]?.return?.();
  await watchers[2]?.return?.();
  const before = reads.length;
  await expect.poll(() => reads.length, SOON).toBeGreaterThan(before + 1);
  expect(reads.at(-1)).toEqual([2n]);
});

test('a read that fails is tried again by the next poll', async () => {
  let fails = 2;
  const load = async () => {
    if (fails-- > 0) throw new Error('Postgres is away');
    return new Map([[1n, { version: 1, coins: 10 }]]);
  };
  const deps = { bus: createMemoryBus(), log: pino({ level: 'silent' }) };
  const latest = new LatestValues<Coins>('wallets', load, deps, OFTEN_MS);
  onTestFinished(() => latest.close());
  expect(await next(latest.watch(1n))).toEqual({ version: 1, coins: 10 });
});

test('watchers of one key are all told, and a watcher that leaves takes nobody with it', async () => {
  const { latest, table, announce } = values();
  table.set(1n, { version: 1, coins: 10 });
  const [one, other] = [latest.watch(1n), latest.watch(1n)];
  await Promise.all([next(one), next(other)]);
  const pending = one.next();
  await one.return?.();
  expect(await pending).toEqual({ done: true, value: undefined });
  const newer = next(other);
  announce(1n, { version: 2, coins: 20 });
  expect(await newer).toEqual({ version: 2, coins: 20 });
});

test('all watchers share one subscription of the bus', async () => {
  const bus = createMemoryBus();
  let subscriptions = 0;
  const counting: Bus = {
    ...bus,
    subscribe: (channel, listener) => {
      subscriptions++;
      return bus.subscribe(channel, listener);
    },
  };
  const { latest, table } = values({ bus: counting });
  for (const key of [1n, 2n]) table.set(key, { version: 1, coins: 1 });
  await Promise.all([1n, 2n, 1n].map((key) => next(latest.watch(key))));
  expect(subscriptions).toBe(1);
});

test('a bus that refuses the first subscription does not keep later watchers from their values', async () => {
  const bus = createMemoryBus();
  let refusals = 1;
  const refusing: Bus = {
    ...bus,
    subscribe: async (channel, listener) => {
      if (refusals-- > 0) throw new Error('the connection broke');
      return bus.subscribe(channel, listener);
    },
  };
  const { latest, table } = values({ bus: refusing });
  table.set(1n, { version: 1, coins: 10 });
  await next(latest.watch(1n)).catch(() => undefined);
  expect(await next(latest.watch(1n))).toEqual({ version: 1, coins: 10 });
});

test('a bus that cannot publish does not fail the writer', async () => {
  const bus: Bus = { ...createMemoryBus(), publish: () => Promise.reject(new Error('Redis is away')) };
  const { latest, table, announce } = values({ bus, pollIntervalMs: OFTEN_MS });
  table.set(1n, { version: 1, coins: 10 });
  const watcher = latest.watch(1n);
  await next(watcher);
  const newer = next(watcher);
  table.set(1n, { version: 2, coins: 20 });
  announce(1n, { version: 2, coins: 20 });
  expect(await newer).toEqual({ version: 2, coins: 20 });
});
