import { setTimeout as sleep } from 'node:timers/promises';
import { callInTurn } from '../lib/callers.ts';
import { type ReadPostgresCpu, watchPostgresCpu } from '../lib/cpu.ts';
import type { BenchServer } from '../lib/server.ts';
import { quantile } from '../lib/stats.ts';
import { checkRound } from './check.ts';
import type { Seeded } from './seed.ts';
import type { GiftVariant } from './variant.ts';
import { GiftWorkload } from './workload.ts';

/** What one round has shown. */
export type Round = {
  /** Gifts that were sent and acknowledged. Neither repeated nor refused calls count. */
  giftsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  replayed: number;
  refused: number;
  /** CPU time of this process, callers included. */
  cpuUsPerGift: number;
  /** CPU time of Postgres, all its processes. */
  postgresCpuUsPerGift: number;
  profile: string | undefined;
};

/** What all rounds have in common. `template` is the seeded database that each of them copies. */
export type RoundContext = {
  server: BenchServer;
  template: string;
  seeded: Seeded;
  callers: number;
  signal: AbortSignal;
};

/** Lets Postgres come to rest before the clock starts. */
const SETTLE_MS = 200;
const ROUND_DATABASE = 'gifts_round';

/** Postgres' CPU time of the same stretch of time for which calls are counted. */
function measurePostgres(
  { warmUpMs, durationMs }: { warmUpMs: number; durationMs: number },
  readCpu: ReadPostgresCpu,
): { cpuMs: () => number; stop: () => void } {
  let [beforeMs, afterMs] = [Number.NaN, Number.NaN];
  const begin = setTimeout(() => {
    beforeMs = readCpu();
  }, warmUpMs);
  const end = setTimeout(() => {
    afterMs = readCpu();
  }, warmUpMs + durationMs);
  return {
    cpuMs: () => afterMs - beforeMs,
    stop: () => {
      clearTimeout(begin);
      clearTimeout(end);
    },
  };
}

/**
 * Measures a variant on a database of its own, then checks that database.
 * @throws when a call fails or the database does not add up
 */
export async function runRound(
  context: RoundContext,
  time: { warmUpMs: number; durationMs: number },
  open: (databaseUrl: string) => GiftVariant | Promise<GiftVariant>,
): Promise<Round> {
  const { server, template, seeded, callers, signal } = context;
  signal.throwIfAborted();
  const databaseUrl = await server.createDatabase(ROUND_DATABASE, template);
  try {
    await sleep(SETTLE_MS);
    const readCpu = await watchPostgresCpu(databaseUrl);
    const workload = new GiftWorkload(seeded, callers);
    const variant = await open(databaseUrl);
    let profile: string | undefined;
    const postgres = measurePostgres(time, readCpu);
    const measured = await callInTurn({ callers, signal, ...time }, (caller) => workload.call(variant, caller)).finally(
      async () => {
        postgres.stop();
        profile = variant.profile?.();
        await variant.close();
      },
    );
    await checkRound(databaseUrl, workload.acknowledged);
    const latenciesMs = measured.latenciesMs.get('SENT') ?? [];
    return {
      giftsPerSecond: (latenciesMs.length * 1000) / time.durationMs,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      replayed: measured.counts.get('REPLAYED') ?? 0,
      refused: measured.counts.get('REFUSED') ?? 0,
      cpuUsPerGift: (measured.cpuMs * 1000) / latenciesMs.length,
      postgresCpuUsPerGift: (postgres.cpuMs() * 1000) / latenciesMs.length,
      profile,
    };
  } finally {
    await server.dropDatabase(ROUND_DATABASE);
  }
}
