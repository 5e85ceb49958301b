import { setTimeout as sleep } from 'node:timers/promises';
import { checkRound } from '../gifts/check.ts';
import { type Seeded, seedHotStream } from '../gifts/seed.ts';
import { startChild } from '../lib/child.ts';
import type { usageCommands } from '../lib/commands.ts';
import { signToken } from '../lib/config.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { GifterCommands, GiftersOptions, GiftersReport } from '../load/gifters.api.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const GIFTERS = 64;
const IN_FLIGHT = 4;
const VIEWERS = 10_000;
/** The seed makes every 50th viewer poor, and the first one the creator: they send nothing here. */
const POOR_EVERY = 50;
const MEASURE_MS = 4_000;
const WARM_UP_MS = 1_500;
/** Of both, in a smoke run. The naive server needs as long to answer anybody at all. */
const QUICK_MS = 1_500;
/** Lets Postgres come to rest before the clock starts. */
const SETTLE_MS = 200;
const TEMPLATE = 'graphql_gifts_template';
const ROUND_DATABASE = 'graphql_gifts_round';

const NAIVE = new URL('../graphql-gifts/servers/naive.ts', import.meta.url);
const OURS = new URL('../graphql-gifts/servers/ours.ts', import.meta.url);
const LOAD = new URL('../load/gifters.ts', import.meta.url);

type VariantName = 'naive' | 'http' | 'httpMany' | 'ws';
const VARIANTS: Record<VariantName, { label: string; server: URL } & Pick<GiftersOptions, 'transport' | 'inFlight'>> = {
  naive: { label: 'naive Prisma behind stock Yoga, HTTP', server: NAIVE, transport: 'http', inFlight: 1 },
  http: { label: 'ours, HTTP', server: OURS, transport: 'http', inFlight: 1 },
  httpMany: { label: 'ours, HTTP', server: OURS, transport: 'http', inFlight: IN_FLIGHT },
  ws: { label: 'ours, WebSocket', server: OURS, transport: 'ws', inFlight: IN_FLIGHT },
};
type Round = Omit<GiftersReport, 'acknowledged'> & { serverUsPerGift: number };

/** Gifts a second through GraphQL, into one hot stream. */
export const graphqlGifts: Scenario = {
  name: 'graphql-gifts',
  run: async (context) => {
    const { postgres, log, rounds } = context;
    const names = Object.keys(VARIANTS) as VariantName[];
    const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<VariantName, Round[]>;
    const seeded = await seedHotStream(await postgres.createDatabase(TEMPLATE), VIEWERS, log);
    try {
      const gifters = await signInGifters();
      for (let round = 1; round <= rounds; round++) {
        for (const name of names) {
          const result = await runRound(context, name, seeded, gifters);
          results[name].push(result);
          print(`round ${round}, ${VARIANTS[name].label}: ${formatNumber(result.giftsPerSecond)} gifts/s, checked`);
        }
      }
    } finally {
      await postgres.dropDatabase(TEMPLATE);
    }
    return toSection(results);
  },
};

async function signInGifters(): Promise<GiftersOptions['gifters']> {
  const ids = Array.from({ length: VIEWERS }, (_, index) => index + 2).filter((id) => id % POOR_EVERY !== 0);
  return Promise.all(
    ids.slice(0, GIFTERS).map(async (id) => ({ viewerId: BigInt(id), token: await signToken(`bench:${id}`) })),
  );
}

/** A round has a database, a server and a load process of its own. */
async function runRound(
  { postgres, signal, quick }: BenchContext,
  name: VariantName,
  seeded: Seeded,
  gifters: GiftersOptions['gifters'],
): Promise<Round> {
  const { server: program, transport, inFlight } = VARIANTS[name];
  const databaseUrl = await postgres.createDatabase(ROUND_DATABASE, TEMPLATE);
  const started: { stop: () => Promise<void> }[] = [];
  try {
    await sleep(SETTLE_MS);
    const server = await startChild<ReturnType<typeof usageCommands>, { url: string }>(program, {
      argument: { databaseUrl },
      signal,
    });
    started.push(server);
    const load = await startChild<GifterCommands>(LOAD, { signal });
    started.push(load);
    const { streamId, giftIds } = seeded;
    const options = { url: server.ready.url, transport, inFlight, gifters, streamId, giftIds };
    await server.call('begin');
    const { acknowledged, ...report } = await load.call('run', {
      ...options,
      warmUpMs: quick ? QUICK_MS : WARM_UP_MS,
      durationMs: quick ? QUICK_MS : MEASURE_MS,
    });
    const { userMs, systemMs } = await server.call('end');
    await Promise.all(started.map((process) => process.stop()));
    await checkRound(databaseUrl, acknowledged);
    return { ...report, serverUsPerGift: ((userMs + systemMs) * 1000) / acknowledged.length };
  } finally {
    await Promise.all(started.map((process) => process.stop()));
    await postgres.dropDatabase(ROUND_DATABASE);
  }
}

function toSection(results: Record<VariantName, Round[]>): Section {
  const rate = (name: VariantName): number => medianOf(results[name], (round) => round.giftsPerSecond);
  const cells = (name: VariantName): string[] => {
    const { label, inFlight } = VARIANTS[name];
    const of = (value: (round: Round) => number, digits = 0): string => spread(results[name].map(value), digits);
    return [
      label,
      String(GIFTERS * inFlight),
      of((round) => round.giftsPerSecond),
      of((round) => round.p50Ms, 1),
      of((round) => round.p99Ms, 1),
      of((round) => round.serverUsPerGift),
      `${of((round) => round.clientCpuShare * 100)} %`,
    ];
  };
  return {
    title: 'Gifts through GraphQL',
    how:
      `${GIFTERS} signed-in viewers send gifts into one hot stream as fast as they are answered, and select everything of the ` +
      `gift and their wallet: over HTTP on one kept-alive connection for each gift on its way, over WebSocket on one socket each with ${IN_FLIGHT} ` +
      `gifts on their way. ${formatNumber(VIEWERS)} viewers in the database, fsync on; a fresh server and a fresh copy of the database for each round. Afterwards the books, ` +
      'the log and every acknowledged gift are checked, in each variant. The server’s CPU includes its start of the load (warm-up). “Clients’ CPU” is the share of one core that ' +
      'the load process used: below 100 %, it is not what limits.',
    tables: [
      {
        headings: ['', 'on the way', 'gifts/s', 'p50 ms', 'p99 ms', 'server CPU µs/gift', 'clients’ CPU'],
        rows: (Object.keys(VARIANTS) as VariantName[]).map(cells),
      },
    ],
    ratios: [
      {
        name: 'Gifts over WebSocket, ours / naive over HTTP',
        value: rate('ws') / rate('naive'),
        wanted: 15,
        stretch: 30,
      },
      { name: 'Ours, WebSocket / HTTP', value: rate('ws') / rate('http'), wanted: 2, stretch: 3 },
    ],
    charts: [],
  };
}
