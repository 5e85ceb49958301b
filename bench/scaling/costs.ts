import type { Results } from '../report/results.ts';

/** A measured figure: the median of the rounds, and the least and the most of them. */
export type Figure = { mid: number; low: number; high: number };

/** What things cost one server, in µs of CPU unless said otherwise. All but `assumed` come from docs/benchmarks/results.json. */
export type Costs = {
  /** One write to one socket, whatever is in it. */
  write: Figure;
  /** Each frame in a write. */
  frame: Figure;
  /** One event for the first viewer of a group on a node: bus, execution, serialisation. */
  event: Figure;
  /** One viewer who comes back and catches up with 210 events. */
  join: Figure;
  giftNode: Figure;
  giftPostgres: Figure;
  /** Gifts a second into one stream, where Node and Postgres share two cores. */
  giftsPerSecond: Figure;
  /** KB of heap and buffers that an idle viewer takes. */
  socketKb: Figure;
  /** Not measured here, and marked so in the document. */
  assumed: {
    /** Redis' CPU for one message to one subscriber. */
    redisPerSubscriber: number;
    /** Postgres' CPU for one poll of heads, and for the page that follows. */
    poll: number;
    /** What the kernel keeps for a socket that is read in time. */
    kernelKb: number;
  };
};

/** Events that a viewer of the benchmark `resume` catches up with. */
const RESUMED_EVENTS = 210;
const BURST = 5;
const VIEWERS_PER_STREAM = 10;
const OURS = 'ours, 20 ms window';

/** Reads the costs from what the benchmarks have left. */
export function readCosts(results: Results): Costs {
  const cell = (scenario: string, table: number, row: string, column: number): Figure => {
    const found = results[scenario]?.section.tables[table]?.rows.find(([name]) => name === row)?.[column];
    if (found === undefined)
      throw new Error(`no measured ${row} in ${scenario}: run npm run bench -- --only ${scenario}`);
    return figure(found);
  };
  const single = cell('fan-out', 0, OURS, 1);
  const burst = cell('fan-out', 1, OURS, 1);
  const small = cell('fan-out', 2, OURS, 1);
  // single = write + frame; burst = write / 5 + frame.
  const write = combine([single, burst], ([one, five]) => ((one! - five!) * BURST) / (BURST - 1));
  const frame = combine([single, burst], ([one, five]) => (five! * BURST - one!) / (BURST - 1));
  return {
    write,
    frame,
    event: combine([small, single], ([ten, thousand]) => (ten! - thousand!) * VIEWERS_PER_STREAM),
    join: combine([cell('resume', 0, 'ours', 5)], ([each]) => each! * RESUMED_EVENTS),
    giftNode: cell('gifts', 0, 'ours', 5),
    giftPostgres: cell('gifts', 0, 'ours', 6),
    giftsPerSecond: cell('gifts', 0, 'ours', 2),
    socketKb: cell('memory', 0, 'ours', 1),
    assumed: { redisPerSubscriber: 2, poll: 300, kernelKb: 10 },
  };
}

/** "20.7 (19.7–23.0)", as the tables have it. */
export function figure(cell: string): Figure {
  const numbers = [...cell.replaceAll(',', '').matchAll(/\d+(\.\d+)?/g)].map(([text]) => Number(text));
  const [mid, low = mid, high = mid] = numbers;
  if (mid === undefined) throw new Error(`no figure: ${cell}`);
  return { mid, low: low!, high: high! };
}

/** The same sum of the medians and of the extremes. Nothing costs less than nothing. */
function combine(figures: readonly Figure[], sum: (values: number[]) => number): Figure {
  const of = (side: keyof Figure) => Math.max(sum(figures.map((one) => one[side])), 0.1);
  const [mid, ...ends] = [of('mid'), of('low'), of('high')];
  return { mid, low: Math.min(mid, ...ends), high: Math.max(mid, ...ends) };
}

/** All costs at one side of their spread. */
export function at(costs: Costs, side: keyof Figure): UnitCosts {
  return {
    write: costs.write[side],
    frame: costs.frame[side],
    event: costs.event[side],
    join: costs.join[side],
  };
}

/** What the simulation of a node goes by, in µs. */
export type UnitCosts = { write: number; frame: number; event: number; join: number };
