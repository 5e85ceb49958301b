import { benchGifts, type GiftsBenchResult, VARIANTS, WORKLOADS } from '../gifts/bench-gifts.ts';
import type { Round } from '../gifts/rounds.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { Ratio, Section, Table } from '../report/section.ts';
import { spread } from '../report/spread.ts';
import type { Scenario } from '../scenario.ts';

const SECONDS = 3;
const QUICK_SECONDS = 1;
/** Wanted and stretch of each workload, in the order of WORKLOADS. */
const WANTED = [
  { oursToV2: [6, 8], oursToV0: [60, 90] },
  { oursToV2: [3, 4], oursToV0: [20, 40] },
] as const;

/** Gifts a second, called in the process. */
export const gifts: Scenario = {
  name: 'gifts',
  run: async ({ postgres: server, log, rounds, quick, signal }) => {
    const seconds = quick ? QUICK_SECONDS : SECONDS;
    // Choosing the pools takes most of a smoke run: one workload has to do.
    const workloads = quick ? WORKLOADS.slice(0, 1) : WORKLOADS;
    const results = await benchGifts({ server, log, rounds, seconds, workloads, say: print }, signal);
    return {
      title: 'Gifts, called in the process',
      how:
        'Every variant writes the same rows, chains the same transfers and is checked after every round: the ledger, the log, streaks, the leaderboard, and every ' +
        'acknowledged gift. V0 is one interactive Prisma transaction a gift; V2 is one call of an SQL function a gift, as an expert would write it, on foreign keys as suit single rows best; ours sends what ' +
        'has queued up in one call, and alone looks for caps, mutes, reactions and goals, which nobody has here. V0 and V2 get the pool size that serves them best here. The Node CPU includes the callers. fsync is on.',
      tables: results.map(toTable),
      ratios: results.flatMap(toRatios),
      charts: [],
    } satisfies Section;
  },
};

function toTable({ workload, viewers, rounds, poolSizes }: GiftsBenchResult): Table {
  return {
    title: `${workload.title}, ${workload.callers} callers, ${formatNumber(viewers)} viewers`,
    headings: ['', 'pool', 'gifts/s', 'p50 ms', 'p99 ms', 'Node CPU µs/gift', 'Postgres CPU µs/gift'],
    rows: VARIANTS.map((name) => {
      const of = (value: (round: Round) => number, digits = 0): string => spread(rounds[name].map(value), digits);
      return [
        name,
        String(poolSizes[name] ?? '–'),
        of((round) => round.giftsPerSecond),
        of((round) => round.p50Ms, 1),
        of((round) => round.p99Ms, 1),
        of((round) => round.cpuUsPerGift),
        of((round) => round.postgresCpuUsPerGift),
      ];
    }),
  };
}

function toRatios({ workload, ratios }: GiftsBenchResult, index: number): Ratio[] {
  const { oursToV2, oursToV0 } = WANTED[index]!;
  const name = workload.title;
  return [
    { name: `Gifts, ${name}: ours / V2`, value: ratios.oursToV2, wanted: oursToV2[0], stretch: oursToV2[1] },
    { name: `Gifts, ${name}: ours / V0`, value: ratios.oursToV0, wanted: oursToV0[0], stretch: oursToV0[1] },
  ];
}
