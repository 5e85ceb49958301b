import type { UnitCosts } from './costs.ts';

/** Events of a stream that a node holds: a viewer who falls further behind is closed, and resumes. */
const RING_SIZE = 4_096;
const US_PER_S = 1_000_000;

/** One node with its viewers of one stream. */
export type Load = {
  viewers: number;
  /** Events a second; they come at random, as gifts of many people do. */
  eventsPerSecond: number;
  /** Events that come at once: 1, unless said otherwise. */
  burst?: number;
  windowUs: number;
  seconds: number;
  seed: number;
  /** At regular intervals, as the benchmarks send them, and not at random. */
  regular?: boolean;
};

/** What became of it. Times are from the commit of an event to its write to a viewer. */
export type Outcome = {
  events: number;
  deliveries: number;
  writes: number;
  /** Share of the one core that a node's event loop has. */
  busy: number;
  usPerDelivery: number;
  p50Ms: number;
  p99Ms: number;
  /** Whether viewers were left behind by the ring: the node is too small. */
  lapped: boolean;
};

/**
 * Simulates one node, event by event. Its loop does one thing after the other: it takes what the bus has brought, then writes to
 * every viewer all that is due, then waits until something is due again, or the window has passed. What comes while it
 * writes goes into the next round: the busier it is, the more frames share a write.
 */
export function simulateNode(load: Load, costs: UnitCosts): Outcome {
  const arrivals = arrivalsOf(load);
  const latencies: [ms: number, weight: number][] = [];
  let [now, busyUs, next, writes, lapped] = [0, 0, 0, 0, false];
  let lastFlush = Number.NEGATIVE_INFINITY;
  while (next < arrivals.length) {
    now = Math.max(now, arrivals[next]!, lastFlush + load.windowUs);
    let end = next;
    while (end < arrivals.length && arrivals[end]! <= now) end++;
    const due = end - next;
    if (due > RING_SIZE) lapped = true;
    lastFlush = now;
    const own = due * costs.event;
    const perViewer = costs.write + due * costs.frame;
    const took = own + perViewer * load.viewers;
    // The first viewer gets it at the beginning of the round, the last one at its end.
    for (let event = next; event < end; event++) {
      const first = now + own + perViewer - arrivals[event]!;
      const spread = perViewer * Math.max(load.viewers - 1, 0);
      for (const part of [0.05, 0.25, 0.5, 0.75, 0.95, 1])
        latencies.push([(first + spread * part) / 1_000, part === 1 ? 0.2 : 1]);
    }
    writes += load.viewers;
    busyUs += took;
    now += took;
    next = end;
  }
  const deliveries = arrivals.length * load.viewers;
  const elapsedUs = Math.max(now, load.seconds * US_PER_S);
  const [p50Ms, p99Ms] = quantiles(latencies, [0.5, 0.99]) as [number, number];
  return {
    events: arrivals.length,
    deliveries,
    writes,
    busy: busyUs / elapsedUs,
    usPerDelivery: deliveries === 0 ? 0 : busyUs / deliveries,
    p50Ms,
    p99Ms,
    lapped,
  };
}

/** What is still good: of the loop's time something is left for gifts, joins and the rest. */
export const GOOD = { busyMax: 0.7, p99MsMax: 500 };

/** Whether a node can be asked for this. */
export function isGood({ busy, p99Ms, lapped }: Outcome): boolean {
  return !lapped && busy <= GOOD.busyMax && p99Ms <= GOOD.p99MsMax;
}

/** The most viewers of one stream that one node (one core) serves well. */
export function viewersPerNode(load: Omit<Load, 'viewers'>, costs: UnitCosts, max = 1_000_000): number {
  let [good, bad] = [0, max + 1];
  while (bad - good > Math.max(1, good / 100)) {
    const viewers = Math.floor((good + bad) / 2);
    if (isGood(simulateNode({ ...load, viewers }, costs))) good = viewers;
    else bad = viewers;
  }
  return good;
}

/** A node is lost: its viewers come back to the others, spread over some seconds. */
export type Storm = { viewers: number; nodes: number; jitterS: number; busy: number; seed: number };

/** How long until the last one of them is live again, seconds; each node takes one after the other in what time it has left. */
export function simulateStorm({ viewers, nodes, jitterS, busy, seed }: Storm, costs: UnitCosts): number {
  const each = Math.ceil(viewers / nodes / Math.max(nodes - 1, 1));
  const random = randomOf(seed);
  const arrivals = Array.from({ length: each }, () => random() * jitterS * US_PER_S).sort((a, b) => a - b);
  const service = costs.join / Math.max(1 - busy, 0.05);
  let free = 0;
  for (const arrival of arrivals) free = Math.max(free, arrival) + service;
  return free / US_PER_S;
}

function arrivalsOf({ eventsPerSecond, burst = 1, seconds, seed, regular }: Load): number[] {
  const random = randomOf(seed);
  const gapUs = (US_PER_S / eventsPerSecond) * burst;
  const arrivals: number[] = [];
  for (let at = regular ? gapUs : -Math.log(1 - random()) * gapUs; at <= seconds * US_PER_S; ) {
    for (let n = 0; n < burst; n++) arrivals.push(at);
    at += regular ? gapUs : -Math.log(1 - random()) * gapUs;
  }
  return arrivals;
}

function quantiles(values: [number, number][], shares: number[]): number[] {
  const sorted = values.toSorted(([a], [b]) => a - b);
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  return shares.map((share) => {
    let passed = 0;
    for (const [value, weight] of sorted) {
      passed += weight;
      if (passed >= share * total) return value;
    }
    return 0;
  });
}

/** Mulberry32: the same numbers for the same seed, everywhere. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
