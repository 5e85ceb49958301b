/**
 * Every benchmark, one after the other; writes docs/benchmarks.md.
 *
 *   npm run bench                          about 35 minutes, on an idle machine
 *   npm run bench -- --only fan-out,gifts  these alone; the others keep the results that docs/benchmarks has
 *   npm run bench -- --quick               a smoke run of some minutes, which writes nothing
 *     --rounds 5     rounds of each variant, 3 by default
 *     --out <dir>    where to write, docs by default
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { untilSignal } from './lib/interrupt.ts';
import { describeMachine, print, printTable } from './lib/output.ts';
import { installPeers } from './lib/peers.ts';
import { startBenchRedis } from './lib/redis.ts';
import { startBenchServer } from './lib/server.ts';
import { formatRatio, type Result } from './report/markdown.ts';
import { readResults, writeResults } from './report/results.ts';
import { isReached, type Section } from './report/section.ts';
import type { BenchContext, Scenario } from './scenario.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { flashSale } from './scenarios/flash-sale.ts';
import { giftRules } from './scenarios/gift-rules.ts';
import { gifts } from './scenarios/gifts.ts';
import { graphqlGifts } from './scenarios/graphql-gifts.ts';
import { growthFanOut } from './scenarios/growth-fan-out.ts';
import { growthGifts } from './scenarios/growth-gifts.ts';
import { memory } from './scenarios/memory.ts';
import { productList } from './scenarios/product-list.ts';
import { purchases } from './scenarios/purchases.ts';
import { reads } from './scenarios/reads.ts';
import { redis } from './scenarios/redis.ts';
import { resume } from './scenarios/resume.ts';
import { stalled } from './scenarios/stalled.ts';

/** In the order of the document. */
const SCENARIOS: readonly Scenario[] = [
  gifts,
  giftRules,
  graphqlGifts,
  fanOut,
  memory,
  stalled,
  resume,
  redis,
  reads,
  purchases,
  flashSale,
  productList,
  growthGifts,
  growthFanOut,
];
const ROUNDS = 3;
const ROUNDS_MAX = 100;
const OUT = 'docs';

type Options = { scenarios: readonly Scenario[]; quick: boolean; rounds: number; out: string | undefined };

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      out: { type: 'string' },
    },
  });
  const { quick } = values;
  const only = values.only?.split(',');
  const names = SCENARIOS.map(({ name }) => name);
  const unknown = only?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0) throw new Error(`No such scenario: ${unknown.join(', ')}. There are ${names.join(', ')}`);
  const rounds = Number(values.rounds ?? (quick ? 1 : ROUNDS));
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= ROUNDS_MAX)) {
    throw new Error(`--rounds must be a whole number from 1 to ${ROUNDS_MAX}`);
  }
  return {
    scenarios: SCENARIOS.filter(({ name }) => !only || only.includes(name)),
    quick,
    rounds,
    out: values.out ?? (quick ? undefined : OUT),
  };
}

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  const log = pino({ level: 'error' });
  const peers = await installPeers(signal);
  const server = await startBenchRedis(signal);
  if (!server)
    print('No redis-server on the PATH: two servers side by side are not measured, and the document says so.');
  try {
    const postgres = await startBenchServer(log, signal);
    try {
      const { quick, rounds } = options;
      const context: BenchContext = { postgres, redis: server, peers, quick, rounds, log, signal };
      for (const scenario of options.scenarios) await runScenario(scenario, context, options.out);
    } finally {
      await postgres.stop();
    }
  } finally {
    await server?.stop();
  }
}

/** Runs one scenario and keeps its result at once: a later one may fail. */
async function runScenario(scenario: Scenario, context: BenchContext, out: string | undefined): Promise<void> {
  const { postgres, quick, rounds, signal } = context;
  print(`\n== ${scenario.name}`);
  const loadBefore = loadavg()[0]!;
  const startMs = performance.now();
  const section = await scenario.run(context);
  signal.throwIfAborted();
  const tookS = (performance.now() - startMs) / 1000;
  const machine = `${describeMachine(postgres.version)}, ${context.redis ? `Redis ${context.redis.version}` : 'no Redis'}`;
  report(section, tookS);
  if (out === undefined) return;
  const result: Result = { section, ranAt: new Date().toISOString(), tookS, rounds, quick, machine, loadBefore };
  const results = { ...(await readResults(out)), [scenario.name]: result };
  const path = await writeResults(
    out,
    results,
    SCENARIOS.map(({ name }) => name),
  );
  print(`Written: ${path}`);
}

function report(section: Section, tookS: number): void {
  print(`\n${section.title} (${tookS.toFixed(0)} s)`);
  for (const { title, headings, rows } of section.tables) {
    print(`\n${title ?? ''}`);
    printTable(headings, rows);
  }
  print();
  for (const ratio of section.ratios) {
    const bound = ratio.atMost ? 'at most' : 'at least';
    const verdict = isReached(ratio) ? 'reached' : 'NOT reached';
    print(`${ratio.name}: ${formatRatio(ratio.value, ratio.unit)} (${bound} ${ratio.wanted} wanted: ${verdict})`);
  }
}

const options = readOptions();
process.exitCode = await untilSignal((signal) => bench(options, signal));
