import type { Arena, Delivery } from '../fan-out/arena.ts';
import { Field } from '../fan-out/field.ts';
import { openFeedVariants, WINDOW_MS } from '../fan-out/variants.ts';
import { openFilesMax } from '../lib/open-files.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { Chart, Section, Table } from '../report/section.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZES = { viewers: [100, 1_000, 10_000], streams: [1, 10, 100, 1_000] };
const QUICK_SIZES = { viewers: [20, 100], streams: [1, 10] };
/** Viewers while the streams grow. */
const VIEWERS = 1_000;
const QUICK_VIEWERS = 100;
/** Everybody gets so many deliveries a second, all viewers together; less than any variant can do. */
const DELIVERIES_PER_SECOND = 10_000;
const SECONDS = 2;
const QUICK_SECONDS = 0.5;
const TICKS_MIN = 4;
const TICKS_MAX = 150;
const TICK_MS_MIN = 20;
/** Files that a process needs besides its sockets. */
const SPARE_FILES = 200;

/** One measurement of each variant at one size. */
type Point = { size: number; deliveries: Map<string, Delivery> };

/** What a delivery costs with more viewers, and with the same viewers on more streams. */
export const growthFanOut: Scenario = {
  name: 'growth-fan-out',
  run: async (context) => {
    const sizes = context.quick ? QUICK_SIZES : SIZES;
    const viewersMax = openFilesMax() - SPARE_FILES;
    const capped = [...new Set(sizes.viewers.map((size) => Math.min(size, viewersMax)))];
    const byViewers = await measureSizes(context, capped, (viewers) => ({ viewers, streams: 1 }));
    const viewers = context.quick ? QUICK_VIEWERS : VIEWERS;
    const byStreams = await measureSizes(context, sizes.streams, (streams) => ({ viewers, streams }));
    return toSection({ byViewers, byStreams, viewers, isCapped: capped.at(-1) !== sizes.viewers.at(-1) });
  },
};

async function measureSizes(
  context: BenchContext,
  sizes: readonly number[],
  shapeOf: (size: number) => { viewers: number; streams: number },
): Promise<Point[]> {
  const streamsMax = Math.max(...sizes.map((size) => shapeOf(size).streams));
  const variants = await openFeedVariants(context, 'growth_fan_out', streamsMax);
  const all = [
    variants.documented,
    variants.rawWs,
    variants.ours('ours, unbatched', { windowMs: 0 }),
    variants.ours(`ours, ${WINDOW_MS} ms window`, { windowMs: WINDOW_MS }),
  ];
  try {
    const field = await Field.start(Object.fromEntries(all.map((variant) => [variant.label, variant])), context.signal);
    try {
      const points: Point[] = [];
      for (const size of sizes) {
        const { viewers, streams } = shapeOf(size);
        const arenas = await field.connect(viewers, variants.streams.slice(0, streams));
        const deliveries = await measureArenas(arenas, planFor(viewers, context.quick ? QUICK_SECONDS : SECONDS));
        points.push({ size, deliveries });
        const costs = [...deliveries].map(
          ([label, { serverUsPerDelivery }]) => `${label} ${formatNumber(serverUsPerDelivery, 1)} µs`,
        );
        print(`${viewers} viewers, ${streams} streams: ${costs.join(', ')}`);
      }
      return points;
    } finally {
      await field.stop();
    }
  } finally {
    await variants.close();
  }
}

async function measureArenas(
  arenas: ReadonlyMap<string, Arena>,
  plan: ReturnType<typeof planFor>,
): Promise<Map<string, Delivery>> {
  const results = new Map<string, Delivery>();
  // The first pass only warms up.
  for (let pass = 0; pass < 2; pass++) {
    for (const [label, arena] of arenas) results.set(label, await arena.measure(plan));
  }
  return results;
}

/** Each tick goes to every viewer once, however many streams they watch. */
function planFor(viewers: number, seconds: number) {
  const tickMs = Math.max(TICK_MS_MIN, (viewers * 1000) / DELIVERIES_PER_SECOND);
  const ticks = Math.round((seconds * 1000) / tickMs);
  return { tickMs, ticks: Math.min(Math.max(ticks, TICKS_MIN), TICKS_MAX), eventsPerTick: 1 };
}

function toSection(outcome: {
  byViewers: readonly Point[];
  byStreams: readonly Point[];
  viewers: number;
  isCapped: boolean;
}): Section {
  const { byViewers, byStreams, viewers, isCapped } = outcome;
  const labels = [...(byViewers[0]?.deliveries.keys() ?? [])];
  const table = (title: string, points: readonly Point[]): Table => ({
    title: `${title}: server CPU µs/delivery`,
    headings: ['', ...labels],
    rows: points.map(({ size, deliveries }) => [
      formatNumber(size),
      ...labels.map((label) => formatNumber(deliveries.get(label)!.serverUsPerDelivery, 1)),
    ]),
  });
  const chart = (name: string, title: string, xLabel: string, points: readonly Point[]): Chart => ({
    name,
    title,
    xLabel,
    yLabel: 'server CPU µs per delivery',
    series: labels.map((label) => ({
      name: label.replaceAll('`', ''),
      points: points.map(({ size, deliveries }): [number, number] => [
        size,
        deliveries.get(label)!.serverUsPerDelivery,
      ]),
    })),
  });
  const limit = isCapped ? ` This machine’s limit of ${openFilesMax()} open files allows no more viewers.` : '';
  return {
    title: 'Growth: viewers and streams',
    how:
      `As in “Fan-out”, one event at a time, measured once. First more viewers of one stream, then ${formatNumber(viewers)} viewers spread over more streams, where each tick goes to ` +
      `all streams and so to every viewer once: with one viewer a stream nothing is shared, and each event is also appended to the log.${limit}`,
    tables: [
      table('Viewers of one stream', byViewers),
      table(`Streams of ${formatNumber(viewers)} viewers`, byStreams),
    ],
    ratios: [],
    charts: [
      chart('growth-viewers', 'A delivery, by the viewers of a stream', 'viewers', byViewers),
      chart(
        'growth-streams',
        `A delivery, by the streams that ${formatNumber(viewers)} viewers watch`,
        'streams',
        byStreams,
      ),
    ],
  };
}
