/**
 * Gifts per second into one hot stream: ours against one Prisma transaction per gift, in turns, on a Postgres of their own.
 *
 *   node --import tsx bench/gifts.ts [--seconds 5] [--rounds 3] [--callers 128] [--profile]
 */
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { openNaive } from './gifts/naive-prisma.ts';
import { openOurs } from './gifts/ours.ts';
import { type Round, type RoundContext, runRound } from './gifts/rounds.ts';
import { seedHotStream } from './gifts/seed.ts';
import type { GiftVariant } from './gifts/variant.ts';
import { untilSignal } from './lib/interrupt.ts';
import { describeMachine, formatNumber, print, printTable } from './lib/output.ts';
import { startBenchServer } from './lib/server.ts';
import { median } from './lib/stats.ts';

const SECONDS = 5;
const ROUNDS = 3;
const CALLERS = 128;
const VIEWERS = 10_000;
const WARM_UP_MS = 1_000;
/** Pool sizes that the naive variant may choose from, and how long it tries each. */
const NAIVE_POOL_SIZES = [2, 4, 10];
const TRY_MS = 1_500;
const TRY_WARM_UP_MS = 500;
const TEMPLATE = 'gifts_template';

const log = pino({ level: 'error' });

type Options = { seconds: number; rounds: number; callers: number; profile: boolean };
type Open = (databaseUrl: string) => GiftVariant | Promise<GiftVariant>;

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: String(SECONDS) },
      rounds: { type: 'string', default: String(ROUNDS) },
      callers: { type: 'string', default: String(CALLERS) },
      profile: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seconds' | 'rounds' | 'callers', max: number): number => {
    const value = Number(values[name]);
    if (value > 0 && value <= max && (name === 'seconds' || Number.isInteger(value))) return value;
    throw new Error(`--${name} must be a number from 1 to ${max}`);
  };
  return {
    seconds: number('seconds', 600),
    rounds: number('rounds', 100),
    callers: number('callers', VIEWERS),
    profile: values.profile,
  };
}

/** The pool size that serves the naive variant best on this machine. */
async function chooseNaivePoolSize(context: RoundContext): Promise<number> {
  const tried: { poolSize: number; giftsPerSecond: number }[] = [];
  for (const poolSize of NAIVE_POOL_SIZES) {
    const time = { warmUpMs: TRY_WARM_UP_MS, durationMs: TRY_MS };
    const { giftsPerSecond } = await runRound(context, time, (url) => openNaive(url, poolSize));
    tried.push({ poolSize, giftsPerSecond });
  }
  const [best] = tried.toSorted((one, other) => other.giftsPerSecond - one.giftsPerSecond);
  const list = tried.map((one) => `${one.poolSize}: ${formatNumber(one.giftsPerSecond)}/s`).join(', ');
  print(`Pool of the naive variant: ${best!.poolSize} connections (${list}).`);
  return best!.poolSize;
}

function report(rounds: ReadonlyMap<string, Round[]>): void {
  const medianOf = (of: readonly Round[], value: (round: Round) => number, digits = 0): string =>
    formatNumber(median(of.map(value)), digits);
  const sumOf = (of: readonly Round[], value: (round: Round) => number): string =>
    formatNumber(of.reduce((sum, round) => sum + value(round), 0));
  const rate = (round: Round): number => round.giftsPerSecond;
  const row = (name: string, of: readonly Round[]): string[] => [
    name,
    medianOf(of, rate),
    `${formatNumber(Math.min(...of.map(rate)))}–${formatNumber(Math.max(...of.map(rate)))}`,
    medianOf(of, (round) => round.p50Ms, 1),
    medianOf(of, (round) => round.p99Ms, 1),
    medianOf(of, (round) => round.cpuUsPerGift),
    sumOf(of, (round) => round.replayed),
    sumOf(of, (round) => round.refused),
  ];
  print();
  printTable(
    ['', 'gifts/s', 'min–max', 'p50 ms', 'p99 ms', 'Node CPU µs/gift', 'replayed', 'refused'],
    [...rounds].map(([name, of]) => row(name, of)),
  );
  const [naive = [], ours = []] = [rounds.get('naive'), rounds.get('ours')];
  print(`\nours / naive: ${formatNumber(median(ours.map(rate)) / median(naive.map(rate)), 1)}×`);
}

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  const server = await startBenchServer(log, signal);
  try {
    const { callers } = options;
    const seeded = await seedHotStream(await server.createDatabase(TEMPLATE), VIEWERS, log);
    const context: RoundContext = { server, template: TEMPLATE, seeded, callers, signal };
    print(describeMachine(server.version));
    print(`${callers} callers in this process, one hot stream, ${formatNumber(VIEWERS)} viewers, fsync on.`);
    const poolSize = await chooseNaivePoolSize(context);
    const variants: [string, Open][] = [
      ['naive', (url) => openNaive(url, poolSize)],
      ['ours', (url) => openOurs(url, log)],
    ];
    const rounds = new Map<string, Round[]>(variants.map(([name]) => [name, []]));
    for (let number = 1; number <= options.rounds; number++) {
      for (const [name, open] of variants) {
        const round = await runRound(context, { warmUpMs: WARM_UP_MS, durationMs: options.seconds * 1000 }, open);
        rounds.get(name)?.push(round);
        print(`round ${number} ${name}: ${formatNumber(round.giftsPerSecond)} gifts/s, checked`);
        if (options.profile && round.profile) print(`  ${round.profile}`);
      }
    }
    report(rounds);
  } finally {
    await server.stop();
  }
}

const options = readOptions();
process.exitCode = await untilSignal((signal) => bench(options, signal));
