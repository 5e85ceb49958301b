import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Arena, type Delivery, type FeedServer, startViewers } from '../fan-out/arena.ts';
import { openFeedVariants, WINDOW_MS } from '../fan-out/variants.ts';
import { print } from '../lib/output.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const VIEWERS = 1_000;
const QUICK_VIEWERS = 100;
/** Share of them that stop reading. */
const STALLED_SHARE = 0.02;
/** Small, so that who stalls is lapped within the seconds of a round. */
const RING_SIZE = 64;
const EVENTS_PER_SECOND = 20;
const MEASURE_S = 6;
/** What fills the kernel’s buffers between the server and a client that does not read: 8 MB, in a stream of its own. */
const FILL = { ticks: 40, tickMs: 25, eventsPerTick: 1, paddingBytes: 200_000 };
/** Viewers of the documented server, and how long it may take to die. */
const DOCUMENTED_VIEWERS = 20;
const DOCUMENTED_MS_MAX = 30_000;
const DOCUMENTED_PLAN = { ticks: 1_500, tickMs: 4, eventsPerTick: 1 };
/** How long a stalled viewer that reads on may take to see that it was closed. */
const CLOSE_SEEN_MS = 1_500;

type Rounds = { healthy: Delivery[]; beside: Delivery[]; closed: Record<number, number>[] };
type Streams = { watched: string; filler: string };

/** What viewers who stop reading do to the others. */
export const stalled: Scenario = {
  name: 'stalled',
  run: async (context) => {
    const { signal, quick, rounds } = context;
    const viewers = quick ? QUICK_VIEWERS : VIEWERS;
    const stalling = Math.round(viewers * STALLED_SHARE);
    const variants = await openFeedVariants(context, 'stalled', 2);
    const streams: Streams = { watched: variants.streams[0]!, filler: variants.streams[1]! };
    const results: Rounds = { healthy: [], beside: [], closed: [] };
    let crashes = 0;
    try {
      const server = await variants.ours('ours', { windowMs: WINDOW_MS, ringSize: RING_SIZE }).start();
      const arena = await Arena.open(server, { viewers: viewers - stalling, streams: [streams.watched] }, signal);
      try {
        for (let round = 1; round <= rounds; round++) {
          results.healthy.push(await arena.measure(plan()));
          results.closed.push(await besideStalled(context, arena, stalling, streams, results.beside));
          print(`round ${round}: stalled viewers were closed with ${JSON.stringify(results.closed.at(-1))}`);
        }
        // In the middle of a round its death fails the scenario.
        crashes = await Promise.race([server.ended.then(() => 1), nextTurn(0)]);
      } finally {
        await arena.close();
      }
      const death = await stallDocumented(context, await variants.documented.start(), streams);
      return toSection({ viewers, stalling, crashes, rounds: results, death });
    } finally {
      await variants.close();
    }
  },
};

function plan() {
  return { ticks: EVENTS_PER_SECOND * MEASURE_S, tickMs: 1000 / EVENTS_PER_SECOND, eventsPerTick: 1 };
}

/** Measures the healthy viewers while others hang. Returns how those were closed, by code. */
async function besideStalled(
  context: BenchContext,
  arena: Arena,
  viewers: number,
  { watched, filler }: Streams,
  results: Delivery[],
): Promise<Record<number, number>> {
  const process = await startViewers(context.signal);
  try {
    await process.call('connect', { url: arena.server.ready.url, viewers, streams: [watched], alsoStream: filler });
    await arena.untilLive();
    await process.call('reset');
    await process.call('stall', true);
    await arena.server.call('publish', { ...FILL, streams: [filler] });
    results.push(await arena.measure(plan()));
    await process.call('stall', false);
    await sleep(CLOSE_SEEN_MS);
    return (await process.call('arrivals')).closed;
  } finally {
    await process.stop();
  }
}

/** The same with the documented server and one viewer that hangs. Returns its last words; undefined if it lives. */
async function stallDocumented(
  { signal }: BenchContext,
  server: FeedServer,
  { watched, filler }: Streams,
): Promise<string | undefined> {
  const process = await startViewers(signal);
  const arena = await Arena.open(server, { viewers: DOCUMENTED_VIEWERS, streams: [watched] }, signal);
  try {
    await process.call('connect', { url: server.ready.url, viewers: 1, streams: [watched], alsoStream: filler });
    await arena.untilLive();
    await process.call('stall', true);
    await server.call('publish', { ...FILL, streams: [filler] });
    const publishing = server.call('publish', { ...DOCUMENTED_PLAN, streams: [watched] }).catch(() => undefined);
    const late = sleep(DOCUMENTED_MS_MAX, undefined, { ref: false });
    const words = await Promise.race([server.ended, publishing.then(() => undefined), late]);
    return words === undefined ? undefined : (/\w*Error: .*/.exec(words)?.[0] ?? 'it ended without a word');
  } finally {
    await Promise.all([process.stop(), arena.close()]);
  }
}

function toSection(outcome: {
  viewers: number;
  stalling: number;
  crashes: number;
  rounds: Rounds;
  death: string | undefined;
}): Section {
  const { viewers, stalling, crashes, rounds, death } = outcome;
  const { healthy, beside, closed } = rounds;
  const row = (label: string, of: readonly Delivery[]): string[] => [
    label,
    spread(
      of.map((round) => round.p50Ms),
      1,
    ),
    spread(
      of.map((round) => round.p99Ms),
      1,
    ),
    String(of.reduce((sum, round) => sum + round.lost + round.doubled, 0)),
  ];
  const p99 = (of: readonly Delivery[]): number => medianOf(of, (round) => round.p99Ms);
  const lost = [...healthy, ...beside].reduce((sum, round) => sum + round.lost + round.doubled, 0);
  const codes = [...new Set(closed.flatMap((one) => Object.keys(one)))].join(', ') || 'none';
  const closedCount = closed.flatMap((one) => Object.values(one)).reduce((sum, count) => sum + count, 0);
  return {
    title: 'Viewers who stop reading',
    how:
      `${viewers - stalling} viewers of one stream get ${EVENTS_PER_SECOND} events/s, alone and then beside ${stalling} more whose sockets are full and who do not ` +
      `read. (The ring holds ${RING_SIZE} events here, so that these are lapped within the round.) Of the stalled viewers, ` +
      `${closedCount} of ${stalling * closed.length} were closed (codes: ${codes}); they resume by their cursors. ` +
      `The documented server with ${DOCUMENTED_VIEWERS} viewers and one that hangs: ${death ? `the process dies (\`${death}\`)` : 'it lived through the same'}.`,
    tables: [
      {
        headings: ['the healthy viewers', 'p50 ms', 'p99 ms', 'lost or doubled'],
        rows: [row('alone', healthy), row(`beside ${stalling} who hang`, beside)],
      },
    ],
    ratios: [
      { name: 'Stalled viewers: crashes', value: crashes, wanted: 0, atMost: true, unit: '' },
      { name: 'Stalled viewers: events lost by healthy ones', value: lost, wanted: 0, atMost: true, unit: '' },
      {
        name: 'Stalled viewers: change of the healthy ones’ p99',
        value: (p99(beside) / p99(healthy) - 1) * 100,
        wanted: 10,
        atMost: true,
        unit: '%',
      },
    ],
    charts: [],
  };
}
