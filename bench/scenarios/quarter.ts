import { isDeepStrictEqual } from 'node:util';
import { startChild } from '../lib/child.ts';
import { watchPostgresCpu } from '../lib/cpu.ts';
import { watchPostgresMemory } from '../lib/memory.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { CloserCommands, Took } from '../quarter/closer.api.ts';
import { makeNaiveReport } from '../quarter/naive.ts';
import { type QuarterSize, seedQuarter } from '../quarter/seed.ts';
import type { Section } from '../report/section.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const SIZE: QuarterSize = { gifts: 5_000_000, gifters: 200_000, creators: 5_000, orders: 100_000 };
const QUICK_SIZE: QuarterSize = { gifts: 20_000, gifters: 1_000, creators: 50, orders: 500 };
const DATABASE = 'quarter';
const MB = 1_000_000;

/** A step, what it took, the CPU time of Postgres, and the most memory that it held beside its buffers. */
type Step = Took & { name: string; postgresBytes: number; postgresCpuS: number };

/** Rolling up and closing a quarter of millions of gifts. */
export const quarter: Scenario = {
  name: 'quarter',
  run: async (context) => {
    const { postgres, quick, log, signal } = context;
    const size = quick ? QUICK_SIZE : SIZE;
    const url = await postgres.createDatabase(DATABASE);
    try {
      const startMs = performance.now();
      await seedQuarter(url, size, log);
      print(`seeded in ${formatNumber((performance.now() - startMs) / 1_000)} s`);
      signal.throwIfAborted();
      return toSection(await measure(url, context), size);
    } finally {
      await postgres.dropDatabase(DATABASE);
    }
  },
};

async function measure(url: string, { signal }: BenchContext): Promise<Step[]> {
  const steps: Step[] = [];
  const readCpuMs = await watchPostgresCpu(url);
  const step = async <Result extends Pick<Took, 'seconds'> & Partial<Took>>(
    name: string,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    signal.throwIfAborted();
    const beforeMs = readCpuMs();
    const { result, peakBytes } = await watchPostgresMemory(url, work);
    const { seconds, nodeBytes = Number.NaN } = result;
    steps.push({ name, seconds, nodeBytes, postgresBytes: peakBytes, postgresCpuS: (readCpuMs() - beforeMs) / 1_000 });
    print(`${name}: ${formatNumber(seconds, 2)} s`);
    return result;
  };
  // Twice, so that none reads from a colder cache than the others.
  await makeNaiveReport(url);
  const naive = await step('one SELECT over all gifts', () => makeNaiveReport(url));
  const closer = await startChild<CloserCommands>(new URL('../quarter/closer.ts', import.meta.url), {
    argument: url,
    signal,
  });
  try {
    await step('rolling up 92 days, a statement each', () => closer.call('rollUp'));
    await step('reading the report', () => closer.call('read'));
    const closed = await step('closing: every day anew, checked, and frozen', () => closer.call('close'));
    const again = await step('closing again: the same bytes', () => closer.call('close'));
    if (closed.replayed || !again.replayed || closed.checksum !== again.checksum) {
      throw new Error('the second close has not found the first');
    }
    if (!isDeepStrictEqual(closed.world, naive.world)) {
      throw new Error(`the reports differ: ${JSON.stringify({ ours: closed.world, naive: naive.world })}`);
    }
    return steps;
  } finally {
    await closer.stop();
  }
}

function toSection(steps: readonly Step[], { gifts, gifters, creators, orders }: QuarterSize): Section {
  const [naive, rollUp, read, close, again] = steps as [Step, Step, Step, Step, Step];
  const megabytes = (bytes: number) => (Number.isNaN(bytes) ? '–' : formatNumber(bytes / MB));
  return {
    title: 'Closing a quarter',
    how:
      `A quarter of ${formatNumber(gifts)} gifts of ${formatNumber(gifters)} people in 30 regions to ${formatNumber(creators)} creators, with their transfers, one reversed in 200, and ${formatNumber(orders)} orders ` +
      'is rolled up day by day, read and closed (without the wait for transactions under way). Beside it stands what anybody would write first: one SELECT with count(DISTINCT …) over the gifts, which knows no reversals, orders, days or creators, and checks nothing; what it counts must be the same. ' +
      'Memory is the peak of the Node process, its start included, and that of all Postgres processes beside the shared buffers. One measurement each.',
    tables: [
      {
        headings: ['', 'seconds', 'gifts/s', 'Postgres CPU s', 'Node MB', 'Postgres MB'],
        rows: [naive, rollUp, read, close, again].map(({ name, seconds, nodeBytes, postgresBytes, postgresCpuS }) => [
          name,
          formatNumber(seconds, 2),
          formatNumber(gifts / seconds),
          Number.isNaN(postgresCpuS) ? '–' : formatNumber(postgresCpuS, 2),
          megabytes(nodeBytes),
          megabytes(postgresBytes),
        ]),
      },
    ],
    ratios: [
      { name: 'Reading the report: times faster than one SELECT', value: naive.seconds / read.seconds, wanted: 10 },
      { name: 'Closing 5 million gifts', value: close.seconds, wanted: 60, atMost: true, unit: 's' },
    ],
    charts: [],
  };
}
