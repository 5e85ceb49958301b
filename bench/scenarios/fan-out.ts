import type { Arena, Delivery } from '../fan-out/arena.ts';
import { Field } from '../fan-out/field.ts';
import { type FeedVariant, openFeedVariants, WINDOW_MS } from '../fan-out/variants.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { Ratio, Section, Table } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

/** Both loads are 10 events a second to each viewer. */
const LOADS = {
  steady: { label: '10 events/s, one at a time', ticksPerSecond: 10, eventsPerTick: 1 },
  burst: { label: '2 bursts of 5 events a second', ticksPerSecond: 2, eventsPerTick: 5 },
} as const;
type Load = keyof typeof LOADS;
type VariantName = 'documented' | 'mercurius' | 'rawWs' | 'unbatched' | 'windowed';
/** Rounds by variant and load. */
type Results = Record<VariantName, Record<Load, Delivery[]>>;

const VIEWERS = 1_000;
const QUICK_VIEWERS = 100;
const VIEWERS_PER_STREAM = 10;
const MEASURE_S = 3;
const QUICK_S = 1;

/** CPU per delivery, of all variants. */
export const fanOut: Scenario = {
  name: 'fan-out',
  run: async (context) => {
    const viewers = context.quick ? QUICK_VIEWERS : VIEWERS;
    const variants = await openFeedVariants(context, 'fan_out', viewers / VIEWERS_PER_STREAM);
    const byName: Record<VariantName, FeedVariant> = {
      documented: variants.documented,
      mercurius: variants.mercurius,
      rawWs: variants.rawWs,
      unbatched: variants.ours('ours, unbatched', { windowMs: 0 }),
      windowed: variants.ours(`ours, ${WINDOW_MS} ms window`, { windowMs: WINDOW_MS }),
    };
    try {
      const field = await Field.start(byName, context.signal);
      try {
        const one = await measureShape(context, await field.connect(viewers, variants.streams.slice(0, 1)));
        const many = await measureShape(context, await field.connect(viewers, variants.streams));
        return toSection({ viewers, byName, one, many, seconds: context.quick ? QUICK_S : MEASURE_S });
      } finally {
        await field.stop();
      }
    } finally {
      await variants.close();
    }
  },
};

async function measureShape(
  { quick, rounds }: BenchContext,
  arenas: ReadonlyMap<VariantName, Arena>,
): Promise<Results> {
  const results = Object.fromEntries(
    [...arenas.keys()].map((name) => [name, { steady: [], burst: [] }]),
  ) as unknown as Results;
  // The first pass only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const load of Object.keys(LOADS) as Load[]) {
      for (const [name, arena] of arenas) {
        const delivery = await arena.measure(planOf(load, quick || round === 0 ? QUICK_S : MEASURE_S));
        if (round > 0) results[name][load].push(delivery);
      }
    }
    if (round > 0) print(`round ${round} of ${rounds}`);
  }
  return results;
}

function planOf(load: Load, seconds: number) {
  const { ticksPerSecond, eventsPerTick } = LOADS[load];
  return { ticks: ticksPerSecond * seconds, tickMs: 1000 / ticksPerSecond, eventsPerTick };
}

function toTable(title: string, byName: Record<VariantName, FeedVariant>, results: Results, load: Load): Table {
  return {
    title: `${title}: ${LOADS[load].label}`,
    headings: ['', 'server CPU µs/delivery', 'deliveries/CPU-s', 'p50 ms', 'p99 ms', 'lost', 'clients’ CPU'],
    rows: (Object.keys(results) as VariantName[]).map((name) => {
      const rounds = results[name][load];
      const of = (value: (round: Delivery) => number, digits = 0): string => spread(rounds.map(value), digits);
      return [
        byName[name].label,
        of((round) => round.serverUsPerDelivery, 1),
        of((round) => round.deliveriesPerCpuSecond),
        of((round) => round.p50Ms, 1),
        of((round) => round.p99Ms, 1),
        String(rounds.reduce((sum, round) => sum + round.lost + round.doubled, 0)),
        `${of((round) => round.clientCpuShare * 100)} %`,
      ];
    }),
  };
}

function toRatios(viewers: number, one: Results, many: Results): Ratio[] {
  const rate = (results: Results, name: VariantName, load: Load): number =>
    medianOf(results[name][load], (round) => round.deliveriesPerCpuSecond);
  const ratio = (results: Results, ours: [VariantName, Load], theirs: [VariantName, Load]): number =>
    rate(results, ...ours) / rate(results, ...theirs);
  return [
    {
      name: 'Unbatched, ours / documented',
      value: ratio(one, ['unbatched', 'steady'], ['documented', 'steady']),
      wanted: 6,
      stretch: 7,
    },
    {
      name: 'Unbatched, ours / raw `ws`',
      value: ratio(one, ['unbatched', 'steady'], ['rawWs', 'steady']),
      wanted: 0.85,
      stretch: 0.95,
    },
    {
      name: 'Window and bursts of 5, ours / documented',
      value: ratio(one, ['windowed', 'burst'], ['documented', 'burst']),
      wanted: 18,
      stretch: 22,
    },
    {
      name: 'Window and bursts of 5, ours / raw `ws` unbatched',
      value: ratio(one, ['windowed', 'burst'], ['rawWs', 'burst']),
      wanted: 3,
      stretch: 3.5,
    },
    {
      name: `${viewers / VIEWERS_PER_STREAM} streams × ${VIEWERS_PER_STREAM} viewers, ours / documented`,
      value: ratio(many, ['windowed', 'steady'], ['documented', 'steady']),
      wanted: 3.5,
      stretch: 4.5,
    },
  ];
}

function toSection(outcome: {
  viewers: number;
  byName: Record<VariantName, FeedVariant>;
  one: Results;
  many: Results;
  seconds: number;
}): Section {
  const { viewers, byName, one, many, seconds } = outcome;
  const oneTitle = `${formatNumber(viewers)} viewers of one stream`;
  const manyTitle = `${viewers / VIEWERS_PER_STREAM} streams with ${VIEWERS_PER_STREAM} viewers each, every tick to all of them`;
  const loads = Object.keys(LOADS) as Load[];
  return {
    title: 'Fan-out: what one event to one viewer costs',
    how:
      `${formatNumber(viewers)} viewers hold one WebSocket each and the same subscription to gifts; every response is the same ` +
      `JSON. The server’s CPU time (user and system, all threads) over ${seconds} s is divided by the events that arrived. ` +
      'All servers run side by side, and are measured in turns. Ours is the whole app: its events are appended to the log in ' +
      'Postgres and announced, which its CPU and its latency include; the others publish from memory. ' +
      'Latency is from before the publication to the viewer’s process, of one event in 17. Every viewer checks that the numbers have no gap; ' +
      '“lost” counts gaps and doubles. “Clients’ CPU” is the share of one core that the process with all viewers used: below 100 %, it is not what limits.',
    tables: [
      ...loads.map((load) => toTable(oneTitle, byName, one, load)),
      ...loads.map((load) => toTable(manyTitle, byName, many, load)),
    ],
    ratios: toRatios(viewers, one, many),
    charts: [],
  };
}
