/** What goes wrong, when, and how long it takes until nobody notices any more. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { carryOut, type Load } from './load.ts';
import type { Stage } from './stage.ts';
import type { Watcher } from './watcher.ts';
import { headOf, type Victim, type World } from './world.ts';

/** How often watchers are asked how far they are. */
const LOOK_MS = 20;
/** A fault that is not over by then is a failure of the run. */
const RECOVERY_MS_MAX = 45_000;
/** One watcher in ten. */
const DROPPED_SHARE = 0.1;
const STALLED = 4;
/** How long Redis is away, as a share of the run. */
const REDIS_AWAY_SHARE = 0.08;

/** A fault that happened. */
export type Fault = {
  name: string;
  /** Since the run began. */
  atMs: number;
  /** Until an event that was written after it had reached every watcher that is not stalled; undefined: it never did. */
  feedMs: number | undefined;
  /** Until a gift was acknowledged, by the server it happened to where it is one. */
  giftMs: number | undefined;
  note?: string;
};

/** What the faults happen to. */
export type Scene = { world: World; stage: Stage; watchers: readonly Watcher[]; load: Load; random: () => number };

type Planned = { at: number; name: string; run: (scene: Scene, seconds: number) => Promise<Partial<Fault>> };

/** In the order of time; `at` is a share of the run. */
const PLAN: readonly Planned[] = [
  { at: 0.08, name: 'viewers stop reading', run: stall },
  { at: 0.14, name: 'SIGKILL of a server', run: killServer },
  { at: 0.32, name: 'all Postgres backends terminated', run: cutPostgres },
  { at: 0.42, name: 'SIGKILL of Redis', run: killRedis },
  { at: 0.62, name: '10% of the sockets dropped', run: dropSockets },
  { at: 0.72, name: 'SIGKILL of a server, Postgres cut while it starts', run: killAndCut },
];

/** Lets everything go wrong in turn, and measures. */
export async function runFaults(scene: Scene, seconds: number): Promise<Fault[]> {
  const startMs = performance.now();
  const faults: Promise<Fault>[] = [];
  for (const { at, name, run } of PLAN) {
    await wait(Math.max(0, at * seconds * 1_000 - (performance.now() - startMs)));
    const atMs = performance.now() - startMs;
    const begun = run(scene, seconds).then((measured) => ({
      name,
      atMs,
      feedMs: undefined,
      giftMs: undefined,
      ...measured,
    }));
    begun.catch(() => undefined); // awaited at the end
    faults.push(begun);
  }
  await wait(Math.max(0, seconds * 1_000 - (performance.now() - startMs)));
  return Promise.all(faults);
}

async function stall({ world, stage, watchers }: Scene, seconds: number): Promise<Partial<Fault>> {
  const stalled = watchers.slice(0, STALLED);
  for (const watcher of stalled) watcher.stall();
  await wait(seconds * 1_000 * 0.5);
  const startMs = performance.now();
  for (const watcher of stalled) watcher.recover();
  const heads = await headsOf(world, stage);
  const feedMs = await until(startMs, () => stalled.every((watcher) => watcher.seq >= heads.get(watcher.streamId)!));
  return { feedMs, note: `${STALLED} for ${Math.round(seconds / 2)} s; the time is until they had caught up` };
}

async function killServer(scene: Scene): Promise<Partial<Fault>> {
  const victim = scene.world.servers[0]!;
  return measured(scene, victim, () => scene.world.killServer(victim));
}

async function cutPostgres(scene: Scene): Promise<Partial<Fault>> {
  let ended = 0;
  const result = await measured(scene, undefined, async () => {
    ended = await scene.world.cutPostgres();
  });
  return { ...result, note: `${ended} connections` };
}

async function killRedis(scene: Scene, seconds: number): Promise<Partial<Fault>> {
  const startMs = performance.now();
  const awayMs = seconds * 1_000 * REDIS_AWAY_SHARE;
  await scene.world.killRedis();
  // Chat is not money: it goes on, and is found by polling.
  const feed = probe(scene, 'chat', undefined).then(({ reached }) => reached(startMs));
  await wait(awayMs);
  await scene.world.restartRedis();
  const backMs = performance.now();
  await probe(scene, 'gift', undefined);
  const giftMs = performance.now() - backMs;
  return {
    feedMs: await feed,
    giftMs,
    note: `away for ${(awayMs / 1_000).toFixed(1)} s: the feed polls meanwhile, gifts wait; their time is from its return`,
  };
}

async function dropSockets(scene: Scene): Promise<Partial<Fault>> {
  const candidates = scene.watchers.filter((watcher) => !watcher.isStalled);
  const dropped = candidates.slice(-Math.ceil(scene.watchers.length * DROPPED_SHARE));
  const result = await measured(scene, undefined, async () => {
    for (const watcher of dropped) watcher.drop();
  });
  return { ...result, note: `${dropped.length} sockets` };
}

async function killAndCut(scene: Scene): Promise<Partial<Fault>> {
  const victim = scene.world.servers[0]!;
  return measured(scene, victim, async () => {
    const restarted = scene.world.killServer(victim);
    await scene.world.cutPostgres();
    await restarted;
  });
}

/** Times how long it takes, from the beginning of a fault, until the feed and gifts are as before. */
async function measured(scene: Scene, victim: Victim | undefined, harm: () => Promise<void>): Promise<Partial<Fault>> {
  const startMs = performance.now();
  const harmed = harm();
  const feed = probe(scene, 'chat', undefined).then(({ reached }) => reached(startMs));
  await harmed;
  await probe(scene, 'gift', victim);
  const giftMs = performance.now() - startMs;
  return { feedMs: await feed, giftMs };
}

/** Sends something now, and says when everybody who is not stalled has seen it. */
async function probe(
  { world, stage, watchers, load, random }: Scene,
  kind: 'chat' | 'gift',
  victim: Victim | undefined,
) {
  const streamId = stage.streamIds[0]!;
  const actor = kind === 'chat' ? stage.chatters[0]! : stage.gifters[0]!;
  const idempotencyKey = randomUUID();
  const common = { world, actor, kind, random, failures: load.failures, ...(victim ? { only: victim.url } : {}) };
  const intent =
    kind === 'chat'
      ? await carryOut({ ...common, name: 'sendChatMessage', input: { streamId, text: 'probe', idempotencyKey } })
      : await carryOut({
          ...common,
          name: 'sendGift',
          input: { streamId, giftId: stage.roseId, quantity: 1, idempotencyKey },
        });
  load.intents.push(intent);
  const event = (intent.outcome.chatMessage ?? intent.outcome.giftSent) as { seq: number };
  const here = watchers.filter((watcher) => watcher.streamId === streamId);
  return {
    reached: (startMs: number) =>
      until(startMs, () => here.every((watcher) => watcher.isStalled || watcher.seq >= event.seq)),
  };
}

async function headsOf(world: World, { streamIds }: Stage): Promise<Map<string, number>> {
  return new Map(await Promise.all(streamIds.map(async (id) => [id, await headOf(world.pool, id)] as const)));
}

/** Milliseconds until something holds, or undefined when it does not within the limit. */
export async function until(
  startMs: number,
  holds: () => boolean | Promise<boolean>,
  limitMs = RECOVERY_MS_MAX,
): Promise<number | undefined> {
  while (performance.now() - startMs < limitMs) {
    if (await holds()) return performance.now() - startMs;
    await wait(LOOK_MS);
  }
  return undefined;
}
