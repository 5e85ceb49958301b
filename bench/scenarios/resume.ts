import { setTimeout as sleep } from 'node:timers/promises';
import { connectDatabase } from '../../src/db/database.ts';
import { rowId } from '../../src/graphql/global-id.ts';
import { readHead } from '../../src/live/live-log.ts';
import { Arena } from '../fan-out/arena.ts';
import { openFeedVariants, WINDOW_MS } from '../fan-out/variants.ts';
import { formatNumber, print } from '../lib/output.ts';
import type { ResumeReport } from '../load/viewers.api.ts';
import type { Section } from '../report/section.ts';
import { spread } from '../report/spread.ts';
import type { BenchContext, Scenario } from '../scenario.ts';

const VIEWERS = 1_000;
const QUICK_VIEWERS = 100;
/** What everybody misses, and what comes while they are coming back. */
const MISSED = { ticks: 40, tickMs: 10, eventsPerTick: 5 };
const MEANWHILE = { ticks: 30, tickMs: 100, eventsPerTick: 1 };
const LIVE_MS_MAX = 60_000;
/** How long the server gets to see that everybody is gone. */
const GONE_MS = 500;
const DATABASE = 'resume_ours';

type Round = ResumeReport & { lost: number; doubled: number; serverUsPerEvent: number };

/** Everybody loses the connection, and comes back at once. */
export const resume: Scenario = {
  name: 'resume',
  run: async (context) => {
    const viewers = context.quick ? QUICK_VIEWERS : VIEWERS;
    const variants = await openFeedVariants(context, 'resume', 1);
    const rounds: Round[] = [];
    try {
      const server = await variants.ours('ours', { windowMs: WINDOW_MS }, DATABASE).start();
      const { streams } = variants;
      const arena = await Arena.open(server, { viewers, streams, keepCursors: true }, context.signal);
      try {
        // The first storm only warms up.
        for (let round = 0; round <= context.rounds; round++) {
          const result = await storm(context, arena, streams[0]!, viewers);
          if (round > 0) rounds.push(result);
          print(`round ${round}: all live after ${formatNumber(result.maxMs)} ms, ${result.lost} lost`);
        }
      } finally {
        await arena.close();
      }
    } finally {
      await variants.close();
    }
    return toSection(viewers, rounds);
  },
};

async function storm(context: BenchContext, arena: Arena, stream: string, viewers: number): Promise<Round> {
  const { server, viewers: process } = arena;
  await process.call('drop');
  await sleep(GONE_MS);
  await server.call('publish', { ...MISSED, streams: [stream] });
  const seq = await headOf(context, stream);
  await process.call('reset');
  await server.call('begin');
  const meanwhile = server.call('publish', { ...MEANWHILE, streams: [stream] });
  const report = await process.call('resume', { seqs: { [stream]: seq }, msMax: LIVE_MS_MAX });
  await meanwhile;
  const events = (MISSED.ticks * MISSED.eventsPerTick + MEANWHILE.ticks * MEANWHILE.eventsPerTick) * viewers;
  const arrivals = await process.call('until', { events, msMax: LIVE_MS_MAX });
  const { userMs, systemMs } = await server.call('end');
  if (arrivals.events !== events) throw new Error(`${arrivals.events} of ${events} events arrived after the storm`);
  const { lost, doubled } = arrivals;
  return { ...report, lost, doubled, serverUsPerEvent: ((userMs + systemMs) * 1000) / events };
}

/** The number of the stream’s last event. */
async function headOf({ postgres, log }: BenchContext, stream: string): Promise<number> {
  const db = connectDatabase(postgres.urlOf(DATABASE), log);
  try {
    return Number((await readHead(db.pool, rowId('LiveStream', stream)!))!.lastSeq);
  } finally {
    await db.close();
  }
}

function toSection(viewers: number, rounds: readonly Round[]): Section {
  const missed = MISSED.ticks * MISSED.eventsPerTick;
  const of = (value: (round: Round) => number, digits = 0): string => spread(rounds.map(value), digits);
  const lost = rounds.reduce((sum, round) => sum + round.lost + round.doubled, 0);
  return {
    title: 'Resume storm',
    how:
      `${formatNumber(viewers)} viewers lose their connections at once. ${missed} events happen without them, then all of them connect again, subscribe with ` +
      'their last cursors and catch up while 10 more events a second come. A viewer is live when it has all that it missed. Every viewer checks that it ' +
      'gets each number once and in order, across the gap. (The documented recipe has no cursor: there, what was missed is lost.)',
    tables: [
      {
        headings: ['', 'live: p50 ms', 'p99 ms', 'all live after ms', 'lost or doubled', 'server CPU µs/event'],
        rows: [
          [
            'ours',
            of((round) => round.p50Ms),
            of((round) => round.p99Ms),
            of((round) => round.maxMs),
            String(lost),
            of((round) => round.serverUsPerEvent, 1),
          ],
        ],
      },
    ],
    ratios: [{ name: 'Resume storm: events lost or doubled', value: lost, wanted: 0, atMost: true, unit: '' }],
    charts: [],
  };
}
