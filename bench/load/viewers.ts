/** Many viewers in one process, see `viewers.api.ts`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from '../fan-out/event.ts';
import { serveCommands, usageCommands } from '../lib/commands.ts';
import { quantile } from '../lib/stats.ts';
import { readStampUs, Viewer } from './viewer.ts';
import type { Arrivals, ConnectOptions, ResumeReport, ViewerCommands } from './viewers.api.ts';

/** One event in so many is timed. A prime, so that it is not always the same viewer's. */
const SAMPLE_EVERY = 17;
/** Connections that are being made at once. */
const CONNECTING_MAX = 100;
const WAIT_STEP_MS = 5;
const CONNECT_MS_MAX = 60_000;

let viewers: Viewer[] = [];
let options: ConnectOptions;
let events = 0;
let latenciesMs: number[] = [];
let closed: Record<number, number> = {};

function onEvent(bytes: Buffer, start: number, end: number): void {
  if (++events % SAMPLE_EVERY !== 0) return;
  const sentUs = readStampUs(bytes, start, end);
  if (sentUs !== undefined) latenciesMs.push((nowUs() - sentUs) / 1000);
}

async function connect(wanted: ConnectOptions): Promise<void> {
  options = wanted;
  viewers = Array.from({ length: wanted.viewers }, (_, index) => {
    const streamId = wanted.streams[index % wanted.streams.length]!;
    return new Viewer({ ...wanted, streamId }, onEvent, (code = 0) => {
      closed[code] = (closed[code] ?? 0) + 1;
    });
  });
  await connectAll();
}

async function connectAll(): Promise<void> {
  const url = new URL(options.url);
  const deadlineMs = performance.now() + CONNECT_MS_MAX;
  let connecting: Viewer[] = [];
  for (const viewer of viewers) {
    viewer.connect(url);
    connecting.push(viewer);
    while (connecting.length >= CONNECTING_MAX) {
      await sleep(1);
      connecting = connecting.filter((one) => !one.subscribed);
      if (performance.now() > deadlineMs) throw new Error(`${connecting.length} viewers cannot connect`);
    }
  }
  await until(() => viewers.every((viewer) => viewer.subscribed), CONNECT_MS_MAX);
}

async function until(reached: () => boolean, msMax: number): Promise<boolean> {
  const deadlineMs = performance.now() + msMax;
  while (!reached()) {
    if (performance.now() > deadlineMs) return false;
    await sleep(WAIT_STEP_MS);
  }
  return true;
}

function reset(): void {
  events = 0;
  latenciesMs = [];
  closed = {};
  for (const viewer of viewers) viewer.resetCounts();
}

function arrivals(): Arrivals {
  const sum = (of: (viewer: Viewer) => number): number => viewers.reduce((total, viewer) => total + of(viewer), 0);
  return {
    events: sum((viewer) => viewer.events),
    viewerEventsMin: viewers.reduce((least, viewer) => Math.min(least, viewer.events), Number.POSITIVE_INFINITY),
    viewerEventsMax: viewers.reduce((most, viewer) => Math.max(most, viewer.events), 0),
    lost: sum((viewer) => viewer.lost),
    doubled: sum((viewer) => viewer.doubled),
    closed,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}

async function resume(goal: { seqs: Record<string, number>; msMax: number }): Promise<ResumeReport> {
  const startMs = performance.now();
  const before = new Map(viewers.map((viewer) => [viewer, viewer.seq]));
  const url = new URL(options.url);
  const done = viewers.map((viewer) => {
    const caughtUp = viewer.untilSeq(goal.seqs[viewer.streamId]!).then(() => performance.now() - startMs);
    viewer.connect(url);
    return caughtUp;
  });
  const late = sleep(goal.msMax, undefined, { ref: false });
  const timesMs = await Promise.race([Promise.all(done), late]);
  if (!timesMs) throw new Error(`not everybody was back after ${goal.msMax} ms`);
  return {
    p50Ms: quantile(timesMs, 0.5),
    p99Ms: quantile(timesMs, 0.99),
    maxMs: Math.max(...timesMs),
    caughtUp: viewers.reduce((sum, viewer) => sum + goal.seqs[viewer.streamId]! - before.get(viewer)!, 0),
  };
}

serveCommands({
  ...usageCommands(),
  connect,
  live: () => viewers.filter((viewer) => viewer.seq > 0).length,
  reset,
  arrivals,
  until: async ({ events: goal, msMax }) => {
    await until(() => events >= goal, msMax);
    return arrivals();
  },
  stall: (stalled) => {
    for (const viewer of viewers) viewer.stall(stalled);
  },
  drop: () => {
    for (const viewer of viewers) viewer.destroy();
  },
  resume,
  close: () => {
    for (const viewer of viewers) viewer.destroy();
    viewers = [];
  },
} satisfies ViewerCommands);
