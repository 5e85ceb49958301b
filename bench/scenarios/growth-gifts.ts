import { type GiftCost, measureGifts } from '../growth/measure.ts';
import { addGifts, addWallets } from '../growth/seed.ts';
import { formatNumber, print } from '../lib/output.ts';
import { seedStreams } from '../lib/seed.ts';
import type { Chart, Section, Table } from '../report/section.ts';
import { spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZES = { wallets: [10_000, 100_000, 1_000_000], gifts: [0, 1_000_000, 5_000_000] };
const QUICK_SIZES = { wallets: [1_000, 5_000], gifts: [0, 20_000] };
/** Wallets that the history of gifts is spread over. */
const GIFTERS = 10_000;
const QUICK_GIFTERS = 1_000;
/** Streams of the history. The gifts that are measured go to one more. */
const STREAMS = 100;
const TIME = { warmUpMs: 1_000, durationMs: 2_500 };
const QUICK_TIME = { warmUpMs: 500, durationMs: 1_000 };

type Point = { size: number; cost: GiftCost };

/** What a gift costs when there are more wallets, and when there were more gifts before. */
export const growthGifts: Scenario = {
  name: 'growth-gifts',
  run: async (context) => {
    const sizes = context.quick ? QUICK_SIZES : SIZES;
    const wallets = await grow(
      context,
      'growth_wallets',
      sizes.wallets,
      (_streamIds, url, added) => addWallets(url, added),
      (size) => size,
    );
    const gifters = context.quick ? QUICK_GIFTERS : GIFTERS;
    const gifts = await grow(
      context,
      'growth_gifts',
      sizes.gifts,
      (streamIds, url, added, size) => (size === 0 ? addWallets(url, gifters) : addGifts(url, streamIds, added)),
      () => gifters,
    );
    return toSection(wallets, gifts);
  },
};

/** One database that grows from size to size, and is measured at each. */
async function grow(
  context: BenchContext,
  database: string,
  sizes: readonly number[],
  add: (streamIds: readonly bigint[], databaseUrl: string, added: number, size: number) => Promise<void>,
  walletsAt: (size: number) => number,
): Promise<Point[]> {
  const { postgres, log, signal, quick } = context;
  const url = await postgres.createDatabase(database);
  try {
    const [streamId, ...streamIds] = await seedStreams(url, STREAMS + 1, log);
    const points: Point[] = [];
    let last = 0;
    for (const size of sizes) {
      signal.throwIfAborted();
      await add(streamIds, url, size - last, size);
      last = size;
      // The creators come first, and have no coins.
      const first = STREAMS + 2;
      const target = { streamId: streamId!, viewerIds: { first, last: first + walletsAt(size) - 1 } };
      const cost = await measureGifts(url, target, { ...(quick ? QUICK_TIME : TIME), log, signal });
      points.push({ size, cost });
      print(`${database} ${formatNumber(size)}: ${formatNumber(cost.giftsPerSecond)} gifts/s`);
    }
    return points;
  } finally {
    await postgres.dropDatabase(database);
  }
}

function toSection(wallets: readonly Point[], gifts: readonly Point[]): Section {
  const table = (title: string, points: readonly Point[]): Table => ({
    title,
    headings: ['', 'gifts/s', 'p50 ms', 'Node CPU µs/gift', 'Postgres CPU µs/gift'],
    rows: points.map(({ size, cost }) => [
      formatNumber(size),
      formatNumber(cost.giftsPerSecond),
      formatNumber(cost.p50Ms, 1),
      formatNumber(cost.nodeUsPerGift),
      spread([cost.postgresUsPerGift]),
    ]),
  });
  // The logarithmic axis has no zero: nothing is drawn at a hundredth of the first size.
  const at = (points: readonly Point[], size: number): number => size || (points[1]?.size ?? 100) / 100;
  const line = (name: string, points: readonly Point[], of: (cost: GiftCost) => number) => ({
    name,
    points: points.map(({ size, cost }): [number, number] => [at(points, size), of(cost)]),
  });
  const chart = (name: string, title: string, xLabel: string, points: readonly Point[]): Chart => ({
    name,
    title,
    xLabel,
    yLabel: 'CPU µs per gift',
    series: [
      line('Postgres', points, (cost) => cost.postgresUsPerGift),
      line('Node (callers included)', points, (cost) => cost.nodeUsPerGift),
    ],
  });
  const first = gifts[1]?.size ?? 0;
  return {
    title: 'Growth: wallets and gifts',
    how:
      '128 callers in one process send gifts into one hot stream, from wallets at random, while the database grows. Wallets and gifts of the past ' +
      `(with transfers, events and the leaderboard, over ${STREAMS} other streams) are seeded set-based without triggers; balances, logs and the leaderboard are checked afterwards. One measurement each. ` +
      `In the second plot, no gifts at all are drawn at ${formatNumber(first / 100)}.`,
    tables: [table('Wallets', wallets), table('Gifts of the past', gifts)],
    ratios: [],
    charts: [
      chart('growth-wallets', 'A gift, by the number of wallets', 'wallets', wallets),
      chart('growth-gift-rows', 'A gift, by the number of gifts before it', 'gifts of the past', gifts),
    ],
  };
}
