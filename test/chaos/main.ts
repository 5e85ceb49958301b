/** `npm run chaos`: a minute of faults under load, and whether anything was lost. Exit code 0: nothing was. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/db/embedded/index.ts';
import { type ChaosReport, runChaos } from './chaos.ts';
import { toText } from './report.ts';

const SECONDS_DEFAULT = 60;
const SECONDS_MIN = 10;
const SECONDS_MAX = 600;
const WATCHERS_DEFAULT = 60;
const WATCHERS_MAX = 1_000;
/** Beside the faults themselves: the start, the last answers, and the checks. */
const OVERHEAD_MS_MAX = 240_000;
const USAGE = `Usage: npm run chaos -- [--seconds N] [--watchers N] [--seed N] [--out FILE]

Starts a Postgres, a Redis and two servers of its own; sends gifts, buys and watches for N seconds (${SECONDS_DEFAULT}) while servers are killed,
Postgres ends its connections, Redis is killed and started again, sockets are dropped and viewers stall. Then counts what is wrong.

  --out FILE  also writes the figures as JSON`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: String(SECONDS_DEFAULT) },
    watchers: { type: 'string', default: String(WATCHERS_DEFAULT) },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const say = (line: string) => void process.stdout.write(`${line}\n`);

function whole(name: string, text: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  process.stderr.write(`--${name} is ${JSON.stringify(text)}: set it to a whole number from ${min} to ${max}\n`);
  process.exit(1);
}

async function run(): Promise<ChaosReport> {
  const seconds = whole('seconds', values.seconds, SECONDS_MIN, SECONDS_MAX);
  const watchers = whole('watchers', values.watchers, 10, WATCHERS_MAX);
  const seed = whole('seed', values.seed, 0, 999_999_999);
  const late = setTimeout(
    () => {
      process.stderr.write('The run has not ended in time.\n');
      process.exit(1);
    },
    seconds * 1_000 + OVERHEAD_MS_MAX,
  );
  const dataDir = await mkdtemp(join(tmpdir(), 'hadiya-chaos-'));
  const log = pino({ level: 'error' }, pino.destination(2));
  // As shipped, with fsync: what is acknowledged has to be on the disk.
  const postgres = await startEmbeddedPostgres({ dataDir, log });
  try {
    return await runChaos({ databaseUrl: postgres.url, dataDir, seconds, watchers, seed, say });
  } finally {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
    clearTimeout(late);
  }
}

if (values.help) {
  say(USAGE);
  process.exit(0);
}
const report = await run();
say(toText(report));
if (values.out) await writeFile(values.out, `${JSON.stringify(report, undefined, 2)}\n`);
process.exit(report.clean ? 0 : 1);
