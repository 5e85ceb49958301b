/** Gifts, purchases and watchers, while everything beneath them fails. See docs/operations.md. */
import { createRandom } from '../../bench/lib/random.ts';
import { type Fault, runFaults } from './faults.ts';
import { type Load, startLoad } from './load.ts';
import { setStage } from './stage.ts';
import { isClean, judge, settle, type Verdict } from './verdict.ts';
import { type Arrival, Watcher } from './watcher.ts';
import { startWorld } from './world.ts';

/** A reading of latency is of a fault when it came within this time behind its beginning. */
const FAULT_WINDOW_MS = 5_000;
const SERVERS = 2;

/** How long, how many, and with which dice. */
export type ChaosOptions = {
  databaseUrl: string;
  dataDir: string;
  seconds: number;
  watchers: number;
  seed: number;
  say: (line: string) => void;
};

/** Percentiles of the time from an event's place in the log to the viewer, in ms. */
export type Latency = { count: number; p50Ms: number; p99Ms: number; maxMs: number };

/** What a run has shown. */
export type ChaosReport = {
  seconds: number;
  seed: number;
  watchers: number;
  gifts: number;
  purchases: number;
  soldOut: number;
  messages: number;
  deliveries: number;
  /** Attempts of clients that brought no answer, by reason. */
  failures: Record<string, number>;
  /** Requests that had to be sent more than once until they were answered. */
  repeated: number;
  /** How watchers' sockets ended, by close code. */
  closes: Record<string, number>;
  reconnects: number;
  faults: Fault[];
  /** Of viewers who were neither stalled nor dropped nor on a server that was killed. */
  healthy: { quiet: Latency; underFaults: Latency };
  exitCodes: (number | null)[];
  verdict: Verdict;
  clean: boolean;
};

/** Runs it once. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { say, seconds } = options;
  const random = createRandom(options.seed);
  const world = await startWorld({ ...options, servers: SERVERS });
  const watchers: Watcher[] = [];
  try {
    const stage = await setStage(world);
    const urls = world.servers.map(({ url }) => url);
    for (let number = 0; number < options.watchers; number++) {
      const streamId = stage.streamIds[number % stage.streamIds.length]!;
      watchers.push(new Watcher(streamId, urls, random, Math.floor(number / stage.streamIds.length) % urls.length));
    }
    const load = startLoad(world, stage, random);
    say(
      `${watchers.length} watchers, ${stage.gifters.length} gifters, ${stage.buyers.length} buyers: ${seconds} s of faults`,
    );
    const startedAtMs = Date.now();
    const faults = await runFaults({ world, stage, watchers, load, random }, seconds);
    await load.stop();
    say('everybody has their answers; waiting until all is settled');
    await settle(world, stage, watchers);
    const exitCodes = await world.stopServers();
    await Promise.all(watchers.map((watcher) => watcher.close()));
    const verdict = await judge(world, stage, watchers, load.intents);
    const measured = { ...options, faults, exitCodes, verdict, startedAtMs };
    return summarize(measured, load, watchers);
  } finally {
    await Promise.all(watchers.map((watcher) => watcher.close()));
    await world.close();
  }
}

type Measured = Pick<ChaosOptions, 'seconds' | 'seed'> &
  Pick<ChaosReport, 'faults' | 'exitCodes' | 'verdict'> & { startedAtMs: number };

function summarize(measured: Measured, load: Load, watchers: readonly Watcher[]): ChaosReport {
  const { seconds, seed, faults, exitCodes, verdict, startedAtMs } = measured;
  const done = (kind: string, typename = 'Success') =>
    load.intents.filter((i) => i.kind === kind && i.outcome.__typename.endsWith(typename)).length;
  const healthy = watchers
    .filter(({ harmed, connects }) => !harmed && connects === 1)
    .flatMap(({ arrivals }) => arrivals);
  const endMs = startedAtMs + seconds * 1_000;
  const isOfFault = ({ atMs, latencyMs }: Arrival) =>
    faults.some((fault) => {
      const writtenMs = atMs - latencyMs - startedAtMs;
      return writtenMs >= fault.atMs - 1_000 && writtenMs < fault.atMs + FAULT_WINDOW_MS;
    });
  const inTime = healthy.filter(({ atMs, latencyMs }) => atMs - latencyMs >= startedAtMs && atMs <= endMs);
  const closes: Record<string, number> = {};
  for (const watcher of watchers) {
    for (const [code, count] of watcher.closes) closes[code] = (closes[code] ?? 0) + count;
  }
  return {
    seconds,
    seed,
    watchers: watchers.length,
    gifts: done('gift'),
    purchases: done('buy'),
    soldOut: done('buy', 'SoldOutError') + done('buy', 'OfferEndedError'),
    messages: done('chat'),
    deliveries: watchers.reduce((total, { arrivals }) => total + arrivals.length, 0),
    failures: Object.fromEntries(load.failures),
    repeated: load.intents.filter(({ attempts }) => attempts > 1).length,
    closes,
    reconnects: watchers.reduce((total, { connects }) => total + connects - 1, 0),
    faults,
    healthy: {
      quiet: latencyOf(inTime.filter((arrival) => !isOfFault(arrival))),
      underFaults: latencyOf(inTime.filter(isOfFault)),
    },
    exitCodes,
    verdict,
    clean: isClean(verdict) && exitCodes.every((code) => code === 0),
  };
}

function latencyOf(arrivals: readonly Arrival[]): Latency {
  const sorted = arrivals.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 };
}
