import { parseArgs } from 'node:util';
import {
  RATE_DEFAULT,
  RATE_MAX,
  startAudience,
  VIEWERS_DEFAULT,
  VIEWERS_MAX,
} from '../../src/app/audience/audience.ts';
import type { Counts } from '../../src/app/audience/tally.ts';

/** How often a line says what was done. */
const LINE_EVERY_MS = 10_000;
const SECONDS_MAX = 30 * 86_400;
const URL_DEFAULT = 'http://127.0.0.1:4000';

const HELP = `A simulated audience for a Hadiya server in demo mode: viewers come and go, chat, like, give, buy; pinkydoll and souq perform.

  npm run simulate -- [options]

  --url URL        the server (${URL_DEFAULT})
  --viewers N      how many are there at once, 1 to ${VIEWERS_MAX} (${VIEWERS_DEFAULT})
  --rate N         gifts a second over all streams, up to ${RATE_MAX} (${RATE_DEFAULT}); all else goes along with it
  --for SECONDS    stop after so long; without it, Ctrl-C does
  --seed N         the same seed is the same play
  --help

A server that runs in demo mode has such an audience already, unless SIMULATE=off. It uses the public API only, never signs in
as layla, omar, sara or operator, and leaves a server alone that says no.
`;

class UsageError extends Error {}

function options(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string', default: URL_DEFAULT },
      viewers: { type: 'string', default: String(VIEWERS_DEFAULT) },
      rate: { type: 'string', default: String(RATE_DEFAULT) },
      for: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (!/^https?:\/\//.test(values.url) || !URL.canParse(values.url))
    throw new UsageError(`--url is not an http URL: write it like ${URL_DEFAULT}`);
  const seconds =
    values.for === undefined ? undefined : number('for', values.for, { least: 1, most: SECONDS_MAX, whole: true });
  return {
    help: values.help,
    url: new URL(values.url).origin,
    viewers: number('viewers', values.viewers, { least: 1, most: VIEWERS_MAX, whole: true }),
    rate: number('rate', values.rate, { least: 0.01, most: RATE_MAX, whole: false }),
    seed:
      values.seed === undefined ? undefined : number('seed', values.seed, { least: 0, most: 2 ** 32 - 1, whole: true }),
    seconds,
  };
}

function number(
  name: string,
  text: string,
  { least, most, whole }: { least: number; most: number; whole: boolean },
): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new UsageError(
    `--${name} is ${JSON.stringify(text)}: give a ${whole ? 'whole ' : ''}number from ${least} to ${most}`,
  );
}

function line(startedAtMs: number, counts: Counts): string {
  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  const parts = Object.entries(counts).map(([what, times]) => `${what} ${times}`);
  return `${String(seconds).padStart(5)} s  ${parts.join('  ')}\n`;
}

async function run(): Promise<void> {
  const { help, seconds, ...play } = options(process.argv.slice(2));
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const log = {
    warn: (fields: object, message: string) => {
      const { err, times } = fields as { err?: Error; times?: object };
      process.stderr.write(`${message}: ${JSON.stringify(times ?? {})}${err ? `, last: ${err.message}` : ''}\n`);
    },
  };
  const startedAtMs = performance.now();
  const audience = startAudience({ ...play, log });
  const lines = setInterval(() => process.stdout.write(line(startedAtMs, audience.counts())), LINE_EVERY_MS);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    if (seconds !== undefined) setTimeout(resolve, seconds * 1000);
  });
  clearInterval(lines);
  const counts = audience.counts();
  await audience.stop();
  process.stdout.write(line(startedAtMs, counts));
}

run().then(
  () => process.exit(0),
  (error: unknown) => {
    const isUsage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(
      isUsage
        ? `${(error as Error).message}\nnpm run simulate -- --help says what there is.\n`
        : `${(error as Error).stack}\n`,
    );
    process.exit(1);
  },
);
