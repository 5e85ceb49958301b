import { setTimeout as sleep } from 'node:timers/promises';
import { Arena, startViewers, type ViewersProcess } from '../fan-out/arena.ts';
import { type FeedVariant, openFeedVariants, WINDOW_MS } from '../fan-out/variants.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { Section } from '../report/section.ts';
import { medianOf, spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const VIEWERS = 2_000;
const QUICK_VIEWERS = 200;
/** Viewers that come, get something and go before the first look at the memory: what is loaded lazily is loaded then. */
const WARM_UP_VIEWERS = 100;
const WARM_UP = { ticks: 20, tickMs: 20, eventsPerTick: 1 };
const SETTLE_MS = 1_000;
const KB = 1_024;

type Round = { heapBytes: number; rssBytes: number };

/** What a viewer costs who only waits. */
export const memory: Scenario = {
  name: 'memory',
  run: async (context) => {
    const viewers = context.quick ? QUICK_VIEWERS : VIEWERS;
    const variants = await openFeedVariants(context, 'memory', 1);
    const measured = [
      variants.documented,
      variants.mercurius,
      variants.rawWs,
      variants.ours('ours', { windowMs: WINDOW_MS }),
    ].map((variant) => ({ variant, rounds: [] as Round[] }));
    const process = await startViewers(context.signal);
    try {
      for (let round = 1; round <= context.rounds; round++) {
        for (const { variant, rounds } of measured) {
          const result = await runRound(context, variant, variants.streams, process, viewers);
          rounds.push(result);
          print(`round ${round}, ${variant.label}: ${formatNumber(result.heapBytes / KB, 1)} KB`);
        }
      }
    } finally {
      await process.stop();
      await variants.close();
    }
    return toSection(viewers, measured);
  },
};

/** The server is a fresh one: memory that a process has had once it does not give back. */
async function runRound(
  { signal }: BenchContext,
  variant: FeedVariant,
  streams: readonly string[],
  process: ViewersProcess,
  viewers: number,
): Promise<Round> {
  const server = await variant.start();
  try {
    const warmUp = await Arena.open(server, { viewers: WARM_UP_VIEWERS, streams }, signal, process);
    await warmUp.measure(WARM_UP);
    await process.call('close');
    await sleep(SETTLE_MS);
    const before = await server.call('memory');
    await Arena.open(server, { viewers, streams }, signal, process);
    await sleep(SETTLE_MS);
    const after = await server.call('memory');
    return {
      heapBytes: (after.heapBytes - before.heapBytes) / viewers,
      rssBytes: (after.rssBytes - before.rssBytes) / viewers,
    };
  } finally {
    await process.call('close');
    await server.stop();
  }
}

function toSection(viewers: number, measured: readonly { variant: FeedVariant; rounds: Round[] }[]): Section {
  const heap = (index: number): number => medianOf(measured[index]!.rounds, (round) => round.heapBytes);
  const kilobytes = (rounds: readonly Round[], of: (round: Round) => number): string =>
    spread(
      rounds.map((round) => of(round) / KB),
      1,
    );
  return {
    title: 'Memory of an idle subscriber',
    how:
      `What ${formatNumber(viewers)} viewers of one stream add to a server that has served others before, divided by their ` +
      'number: heap and buffers after two garbage collections, and resident memory, which holds garbage and reserves too. A fresh server each round.',
    tables: [
      {
        headings: ['', 'heap and buffers, KB', 'resident, KB'],
        rows: measured.map(({ variant, rounds }) => [
          variant.label,
          kilobytes(rounds, (round) => round.heapBytes),
          kilobytes(rounds, (round) => round.rssBytes),
        ]),
      },
    ],
    ratios: [
      {
        name: 'Memory of an idle subscriber (heap and buffers), ours / documented',
        value: heap(measured.length - 1) / heap(0),
        wanted: 0.6,
        stretch: 0.4,
        atMost: true,
      },
    ],
    charts: [],
  };
}
