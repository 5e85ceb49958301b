/**
 * Gifts per second: ours against one Prisma transaction per gift and against one SQL function per gift, in turns, on a Postgres of
 * their own; into one hot stream, and into 1,000 streams. `--months` makes partitions of so many past months beforehand.
 *
 *   node --import tsx bench/gifts.ts [--seconds 5] [--rounds 3] [--only hot|many] [--months 65]
 */
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { benchGifts, type GiftsBenchResult, VARIANTS, WORKLOADS } from './gifts/bench-gifts.ts';
import type { Round } from './gifts/rounds.ts';
import { untilSignal } from './lib/interrupt.ts';
import { describeMachine, formatNumber, print, printTable } from './lib/output.ts';
import { startBenchServer } from './lib/server.ts';
import { median } from './lib/stats.ts';

const SECONDS = 5;
const ROUNDS = 3;
const MONTHS_MAX = 240;

const log = pino({ level: 'error' });

type Options = { seconds: number; rounds: number; only: string | undefined; months: number };

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: String(SECONDS) },
      rounds: { type: 'string', default: String(ROUNDS) },
      only: { type: 'string' },
      months: { type: 'string', default: '0' },
    },
  });
  const number = (name: 'seconds' | 'rounds', max: number): number => {
    const value = Number(values[name]);
    if (value > 0 && value <= max && (name === 'seconds' || Number.isInteger(value))) return value;
    throw new Error(`--${name} must be a number from 1 to ${max}`);
  };
  if (values.only !== undefined && !['hot', 'many'].includes(values.only)) throw new Error('--only is hot or many');
  const months = Number(values.months);
  if (!(Number.isInteger(months) && months >= 0 && months <= MONTHS_MAX))
    throw new Error(`--months must be from 0 to ${MONTHS_MAX}`);
  return { seconds: number('seconds', 600), rounds: number('rounds', 100), only: values.only, months };
}

function report({ workload, rounds, ratios }: GiftsBenchResult): void {
  const rate = (round: Round): number => round.giftsPerSecond;
  const row = (name: string, of: readonly Round[]): string[] => {
    const medianOf = (value: (round: Round) => number, digits = 0): string =>
      formatNumber(median(of.map(value)), digits);
    const sumOf = (value: (round: Round) => number): string =>
      formatNumber(of.reduce((sum, round) => sum + value(round), 0));
    return [
      name,
      medianOf(rate),
      `${formatNumber(Math.min(...of.map(rate)))}–${formatNumber(Math.max(...of.map(rate)))}`,
      medianOf((round) => round.p50Ms, 1),
      medianOf((round) => round.p99Ms, 1),
      medianOf((round) => round.cpuUsPerGift),
      medianOf((round) => round.postgresCpuUsPerGift),
      sumOf((round) => round.replayed),
      sumOf((round) => round.refused),
    ];
  };
  print();
  printTable(
    [
      workload.title,
      'gifts/s',
      'min–max',
      'p50 ms',
      'p99 ms',
      'Node µs/gift',
      'Postgres µs/gift',
      'replayed',
      'refused',
    ],
    VARIANTS.map((name) => row(name, rounds[name])),
  );
  print(`ours / V2: ${formatNumber(ratios.oursToV2, 1)}×, ours / V0: ${formatNumber(ratios.oursToV0, 1)}×\n`);
}

async function bench({ seconds, rounds, only, months }: Options, signal: AbortSignal): Promise<void> {
  const server = await startBenchServer(log, signal);
  try {
    print(describeMachine(server.version));
    const workloads = WORKLOADS.filter(({ streams }) => only === undefined || (only === 'hot') === (streams === 1));
    const results = await benchGifts(
      { server, log, rounds, seconds, workloads, pastMonths: months, say: print },
      signal,
    );
    for (const result of results) report(result);
  } finally {
    await server.stop();
  }
}

const options = readOptions();
process.exitCode = await untilSignal((signal) => bench(options, signal));
