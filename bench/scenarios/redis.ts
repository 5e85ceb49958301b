import { createClient } from 'redis';
import { Arena } from '../fan-out/arena.ts';
import { openFeedVariants, WINDOW_MS } from '../fan-out/variants.ts';
import { formatNumber } from '../lib/output.ts';
import type { Section } from '../report/section.ts';
import { spread } from '../report/spread.ts';
import type { Scenario } from '../scenario.ts';

const PROCESSES = 2;
const VIEWERS = 500;
const QUICK_VIEWERS = 100;
const STREAMS = 50;
const QUICK_STREAMS = 10;
const MEASURE_S = 3;
const DATABASE = 'redis_ours';

type Round = { serverUsPerDelivery: number; p50Ms: number; p99Ms: number; lost: number };

/** Servers side by side: what Redis carries between them. */
export const redis: Scenario = {
  name: 'redis',
  run: async (context) => {
    if (!context.redis) return withoutRedis();
    const viewers = context.quick ? QUICK_VIEWERS : VIEWERS;
    const variants = await openFeedVariants(context, 'redis', context.quick ? QUICK_STREAMS : STREAMS);
    const arenas: Arena[] = [];
    try {
      const { streams } = variants;
      const variant = variants.ours('ours', { windowMs: WINDOW_MS, redisUrl: context.redis.url }, DATABASE);
      for (let index = 0; index < PROCESSES; index++) {
        arenas.push(await Arena.open(await variant.start(), { viewers, streams }, context.signal));
      }
      const subscriptions = await countSubscriptions(context.redis.url);
      const rounds: Round[] = [];
      for (let round = 0; round < context.rounds; round++) rounds.push(await measure(arenas, streams, viewers));
      return toSection({ viewers, streams: streams.length, subscriptions, rounds });
    } finally {
      await Promise.all(arenas.map((arena) => arena.close()));
      await variants.close();
    }
  },
};

/** One process publishes; the viewers of the other are timed. */
async function measure(arenas: readonly Arena[], streams: readonly string[], viewers: number): Promise<Round> {
  const [near, far] = arenas as [Arena, Arena];
  const plan = { ticks: 10 * MEASURE_S, tickMs: 100, eventsPerTick: 1, streams };
  const events = plan.ticks * viewers;
  await Promise.all([near.viewers.call('reset'), far.viewers.call('reset')]);
  await far.server.call('begin');
  await near.server.call('publish', plan);
  const arrivals = await far.viewers.call('until', { events, msMax: 30_000 });
  const { userMs, systemMs } = await far.server.call('end');
  if (arrivals.events !== events) throw new Error(`${arrivals.events} of ${events} events came by Redis`);
  const { p50Ms, p99Ms, lost, doubled } = arrivals;
  return { serverUsPerDelivery: ((userMs + systemMs) * 1000) / events, p50Ms, p99Ms, lost: lost + doubled };
}

/** Subscriptions of all servers to channels of streams. */
async function countSubscriptions(url: string): Promise<number> {
  const client = await createClient({ url }).connect();
  try {
    const channels = (await client.sendCommand(['PUBSUB', 'SHARDCHANNELS', 'hadiya:stream:*'])) as unknown as string[];
    const counts = (await client.sendCommand(['PUBSUB', 'SHARDNUMSUB', ...channels])) as unknown as (string | number)[];
    return counts.reduce((sum: number, value, index) => sum + (index % 2 === 1 ? Number(value) : 0), 0);
  } finally {
    client.destroy();
  }
}

function toSection(outcome: { viewers: number; streams: number; subscriptions: number; rounds: Round[] }): Section {
  const { viewers, streams, subscriptions, rounds } = outcome;
  const perProcess = subscriptions / PROCESSES;
  const of = (value: (round: Round) => number, digits = 1): string => spread(rounds.map(value), digits);
  return {
    title: 'Two servers and Redis',
    how:
      `${PROCESSES} servers share Postgres and Redis; each has ${formatNumber(viewers)} viewers, spread over the same ${streams} streams. ` +
      'One of them publishes 10 events a second to every stream; the figures are of the other, whose events come by Redis.',
    tables: [
      {
        headings: ['', 'server CPU µs/delivery', 'p50 ms', 'p99 ms', 'lost or doubled', 'Redis subscriptions'],
        rows: [
          [
            'the other server',
            of((round) => round.serverUsPerDelivery),
            of((round) => round.p50Ms),
            of((round) => round.p99Ms),
            String(rounds.reduce((sum, round) => sum + round.lost, 0)),
            String(perProcess),
          ],
        ],
      },
    ],
    ratios: [
      {
        name: 'Redis subscriptions per process / watched streams',
        value: perProcess / streams,
        wanted: 1,
        atMost: true,
        unit: '',
      },
    ],
    charts: [],
  };
}

function withoutRedis(): Section {
  return {
    title: 'Two servers and Redis',
    how: 'Not measured: there was no redis-server on the PATH.',
    tables: [],
    ratios: [],
    charts: [],
  };
}
