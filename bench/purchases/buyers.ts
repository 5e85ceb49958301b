/** Many buyers in one process, see `buyers.api.ts`. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { callInTurn } from '../lib/callers.ts';
import { serveCommands } from '../lib/commands.ts';
import { below, createRandom } from '../lib/random.ts';
import { quantile } from '../lib/stats.ts';
import type { BuyerCommands, BuyersOptions, RaceReport, RunOptions, RunReport } from './buyers.api.ts';
import { type Connection, openConnection, type Wanted } from './shopping.ts';

const SEED = 20_261_126;
/** Buyers who connect at once: fewer than a server's backlog takes. */
const CONNECTING_MAX = 200;
/** A buyer whose attempt came to nothing tries again with the same key, so often, after so long. */
const ATTEMPTS_MAX = 60;
const AGAIN_MS = { min: 250, spread: 500 };
/** What is worth another attempt: the outcome is not known yet, or the server was busy. */
const AGAIN: ReadonlySet<string> = new Set(['PAYMENT_PENDING', 'OVERLOADED']);

async function run(options: RunOptions): Promise<RunReport> {
  const { callers, warmUpMs, durationMs, buyers, wares } = options;
  const random = createRandom(SEED);
  const connections = await openAll(options, options.transport === 'ws' ? buyers.length : callers);
  const acknowledged: RunReport['acknowledged'] = [];
  const turns = new Array<number>(callers).fill(0);
  // Each caller has buyers of its own, so that nobody buys twice at once.
  const buyersPerCaller = Math.floor(buyers.length / callers);
  const buy = async (caller: number): Promise<'BOUGHT'> => {
    const index = caller + (turns[caller]!++ % buyersPerCaller) * callers;
    const ware = wares[below(random, wares.length)]!;
    const wanted = { buyer: buyers[index]!, ware, idempotencyKey: randomUUID() };
    const end = await connections[index % connections.length]!.buy(wanted);
    if (end !== 'BOUGHT') throw new Error(`A purchase ended with ${end}`);
    acknowledged.push({ buyerId: wanted.buyer.viewerId, idempotencyKey: wanted.idempotencyKey });
    return end;
  };
  try {
    const signal = new AbortController().signal; // the driver ends the whole process
    const measured = await callInTurn({ callers, warmUpMs, durationMs, signal }, buy);
    const latenciesMs = measured.latenciesMs.get('BOUGHT') ?? [];
    return {
      purchasesPerSecond: (latenciesMs.length * 1000) / durationMs,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      clientCpuShare: measured.cpuMs / durationMs,
      acknowledged,
    };
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function openAll(options: BuyersOptions, count: number): Promise<Connection[]> {
  const opened: Connection[] = [];
  while (opened.length < count) {
    const next = options.buyers.slice(opened.length, Math.min(count, opened.length + CONNECTING_MAX));
    opened.push(...(await Promise.all(next.map((buyer) => openConnection(options, buyer)))));
  }
  return opened;
}

let waiting: { options: BuyersOptions; connections: Connection[] } | undefined;

async function connect(options: BuyersOptions): Promise<void> {
  waiting = { options, connections: await openAll(options, options.buyers.length) };
}

async function race(): Promise<RaceReport> {
  const { options, connections } = waiting!;
  const startedAt = Date.now();
  const startMs = performance.now();
  const ends = await Promise.all(
    options.buyers.map(async (buyer, index) => {
      const wanted = { buyer, ware: options.wares[0]!, idempotencyKey: randomUUID() };
      const { end, repeats } = await buyUntilEnd(options, connections, index, wanted);
      return { end, repeats, wanted, endedMs: performance.now() - startMs };
    }),
  );
  for (const connection of connections) connection.close();
  const bought = ends.filter(({ end }) => end === 'BOUGHT');
  const times = ends.map(({ endedMs }) => endedMs);
  const counts: Record<string, number> = {};
  for (const { end } of ends) counts[end] = (counts[end] ?? 0) + 1;
  return {
    startedAt,
    ends: counts,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    lastBoughtMs: Math.max(0, ...bought.map(({ endedMs }) => endedMs)),
    allEndedMs: Math.max(...times),
    repeats: ends.reduce((sum, { repeats }) => sum + repeats, 0),
    acknowledged: bought.map(({ wanted: { buyer, idempotencyKey } }) => ({ buyerId: buyer.viewerId, idempotencyKey })),
  };
}

/** Asks with one key until there is an end. What broke on the way is no end: nobody knows what it did. */
async function buyUntilEnd(
  options: BuyersOptions,
  connections: Connection[],
  index: number,
  wanted: Wanted,
): Promise<{ end: string; repeats: number }> {
  let broken: unknown;
  for (let repeats = 0; repeats < ATTEMPTS_MAX; repeats++) {
    try {
      if (broken) connections[index] = await openConnection(options, wanted.buyer);
      broken = undefined;
      const end = await connections[index]!.buy(wanted);
      if (!AGAIN.has(end)) return { end, repeats };
    } catch (error) {
      broken = error;
      connections[index]!.close();
    }
    await sleep(AGAIN_MS.min + Math.random() * AGAIN_MS.spread);
  }
  return { end: broken ? 'UNREACHABLE' : 'UNKNOWN', repeats: ATTEMPTS_MAX };
}

serveCommands({ run, connect, race } satisfies BuyerCommands);
