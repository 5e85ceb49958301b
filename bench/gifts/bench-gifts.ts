import type { Logger } from 'pino';
import { formatNumber } from '../lib/output.ts';
import type { BenchServer } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import { restoreForeignKeys } from './foreign-keys.ts';
import { openNaive } from './naive-prisma.ts';
import { openOurs } from './ours.ts';
import { type Round, type RoundContext, runRound } from './rounds.ts';
import { seedStreams } from './seed.ts';
import { openSqlFunction } from './sql-function.ts';
import type { GiftVariant } from './variant.ts';

/** What is compared, slowest first. */
export const VARIANTS = ['V0 naive Prisma', 'V2 one SQL function per gift', 'ours'] as const;
/** The name of a variant. */
export type VariantName = (typeof VARIANTS)[number];

/** Who sends how much where. */
export type GiftsWorkload = { title: string; streams: number; callers: number };

/** The workloads that are measured unless others are asked for. */
export const WORKLOADS: readonly GiftsWorkload[] = [
  { title: 'one hot stream', streams: 1, callers: 128 },
  { title: '1,000 streams by Zipf’s law', streams: 1_000, callers: 256 },
];

/** How to measure. */
export type GiftsBenchOptions = {
  server: BenchServer;
  log: Logger;
  /** Rounds of each variant, in turns. */
  rounds: number;
  /** Length of a round, without its warm-up. */
  seconds: number;
  workloads?: readonly GiftsWorkload[];
  /** Months before this one that have partitions, empty ones. */
  pastMonths?: number;
  /** Hears how it goes, line by line. */
  say?: (line: string) => void;
};

/** What was measured of one workload. Ratios are of the medians of gifts per second. */
export type GiftsBenchResult = {
  workload: GiftsWorkload;
  viewers: number;
  rounds: Record<VariantName, Round[]>;
  /** Connections of the variants that hold one for each gift under way: the best of those tried. */
  poolSizes: Partial<Record<VariantName, number | undefined>>;
  ratios: { oursToV2: number; oursToV0: number };
};

const VIEWERS = 10_000;
const WARM_UP_MS = 1_000;
/** Pool sizes that a variant may choose from, and how long it tries each. */
const POOL_SIZES: Partial<Record<VariantName, readonly number[]>> = {
  'V0 naive Prisma': [2, 4, 10],
  'V2 one SQL function per gift': [2, 3, 4, 6, 8, 12],
};
const TRY_MS = 1_500;
const TRY_WARM_UP_MS = 500;
const TEMPLATE = 'gifts_template';

type Open = (databaseUrl: string) => GiftVariant | Promise<GiftVariant>;

/**
 * Measures gifts per second of every variant, in turns, each round on a database of its own that is checked afterwards.
 * @throws when a call fails, a database does not add up, or the signal is aborted
 */
export async function benchGifts(options: GiftsBenchOptions, signal: AbortSignal): Promise<GiftsBenchResult[]> {
  const results: GiftsBenchResult[] = [];
  for (const workload of options.workloads ?? WORKLOADS) results.push(await benchWorkload(options, workload, signal));
  return results;
}

async function benchWorkload(
  options: GiftsBenchOptions,
  workload: GiftsWorkload,
  signal: AbortSignal,
): Promise<GiftsBenchResult> {
  const { server, log, rounds, seconds, pastMonths = 0, say = () => {} } = options;
  const { callers, streams } = workload;
  say(`${workload.title}: ${callers} callers in this process, ${formatNumber(VIEWERS)} viewers, fsync on.`);
  const seeded = await seedStreams(
    await server.createDatabase(TEMPLATE),
    { viewers: VIEWERS, streams, pastMonths },
    log,
  );
  try {
    const context: RoundContext = { server, template: TEMPLATE, seeded, callers, signal };
    const poolSizes: GiftsBenchResult['poolSizes'] = {};
    const measured = new Map<VariantName, Round[]>(VARIANTS.map((name) => [name, []]));
    for (const name of VARIANTS) poolSizes[name] = await choosePoolSize(context, name, options);
    for (let number = 1; number <= rounds; number++) {
      for (const [name, of] of measured) {
        const time = { warmUpMs: WARM_UP_MS, durationMs: seconds * 1000 };
        const round = await runRound(context, time, opener(name, poolSizes[name] ?? 0, log));
        of.push(round);
        say(`round ${number} ${name}: ${formatNumber(round.giftsPerSecond)} gifts/s, checked`);
        if (round.profile) say(`  ${round.profile}`);
      }
    }
    const rateOf = (name: VariantName): number =>
      median(measured.get(name)!.map(({ giftsPerSecond }) => giftsPerSecond));
    const [v0, v2, ours] = VARIANTS.map(rateOf) as [number, number, number];
    const ratios = { oursToV2: ours / v2, oursToV0: ours / v0 };
    const rows = Object.fromEntries(measured) as Record<VariantName, Round[]>;
    return { workload, viewers: VIEWERS, rounds: rows, poolSizes, ratios };
  } finally {
    await server.dropDatabase(TEMPLATE);
  }
}

function opener(name: VariantName, poolSize: number, log: Logger): Open {
  switch (name) {
    case 'V0 naive Prisma':
      return async (url) => {
        await restoreForeignKeys(url);
        return openNaive(url, poolSize);
      };
    case 'V2 one SQL function per gift':
      return async (url) => {
        await restoreForeignKeys(url);
        return openSqlFunction(url, poolSize);
      };
    case 'ours':
      return (url) => openOurs(url, log);
  }
}

/** The pool size that serves a variant best on this machine; undefined for ours, which keeps the app's. */
async function choosePoolSize(
  context: RoundContext,
  name: VariantName,
  { log, say = () => {} }: GiftsBenchOptions,
): Promise<number | undefined> {
  const sizes = POOL_SIZES[name];
  if (!sizes) return undefined;
  const tried: { poolSize: number; giftsPerSecond: number }[] = [];
  for (const poolSize of sizes) {
    const time = { warmUpMs: TRY_WARM_UP_MS, durationMs: TRY_MS };
    const { giftsPerSecond } = await runRound(context, time, opener(name, poolSize, log));
    tried.push({ poolSize, giftsPerSecond });
  }
  const [best] = tried.toSorted((one, other) => other.giftsPerSecond - one.giftsPerSecond);
  const list = tried.map((one) => `${one.poolSize}: ${formatNumber(one.giftsPerSecond)}/s`).join(', ');
  say(`Pool of ${name}: ${best!.poolSize} connections (${list}).`);
  return best!.poolSize;
}
