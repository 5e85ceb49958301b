import { formatNumber } from '../lib/output.ts';
import { at, type Costs, type Figure } from './costs.ts';
import { isGood, type Outcome, simulateNode, simulateStorm, viewersPerNode } from './simulate.ts';

const AUDIENCES = [1_000, 10_000, 100_000, 1_000_000];
const RATES = [1, 10, 50];
/** FLUSH_WINDOW_MS: as it is by default, and as a crowd bears it. */
const WINDOWS_MS = [20, 250];
const SECONDS = 20;
const SEED = 1;
/** What a node's event loop and kernel may take for sockets. */
const NODE_GB = 4;
const JITTER_S = 5;
/** Of one core of Redis, or of Postgres. */
const BUSY_MAX = 0.7;

type Row = { audience: number; rate: number; windowMs: number; nodes: Figure; outcome: Outcome };

/** What the simulation says, as Markdown. */
export function renderReport(costs: Costs): string {
  const rows = WINDOWS_MS.flatMap((windowMs) => RATES.flatMap((rate) => rowsOf(costs, rate, windowMs)));
  return [
    renderCosts(costs),
    '**Nodes (one core each) for one stream.** Least–most: with all costs at the lower and the upper end of what was measured.',
    table(
      [
        'viewers',
        'events/s',
        'window ms',
        'nodes',
        'least–most',
        'deliveries/s',
        'busy',
        'p50 ms',
        'p99 ms',
        'bus messages/s',
      ],
      rows.map(({ audience, rate, windowMs, nodes, outcome }) => [
        formatNumber(audience),
        String(rate),
        String(windowMs),
        formatNumber(nodes.mid),
        `${formatNumber(nodes.low)}–${formatNumber(nodes.high)}`,
        formatNumber(audience * rate),
        `${Math.round(outcome.busy * 100)} %`,
        outcome.p50Ms.toFixed(0),
        outcome.p99Ms.toFixed(0),
        formatNumber(nodes.mid * rate),
      ]),
    ),
    '**What gives out, and when**',
    table(['', 'limit', 'of what'], limitsOf(costs, rows)),
    `**A node is lost** (its viewers come back within ${JITTER_S} s, to nodes that are half busy; each catches up with 200 events)`,
    table(['viewers', 'nodes', 'all live after s', 'without the spread s'], stormsOf(costs, rows)),
    `_Simulated with seed ${SEED}, ${SECONDS} s each, from docs/benchmarks/results.json._`,
  ].join('\n\n');
}

function rowsOf(costs: Costs, eventsPerSecond: number, windowMs: number): Row[] {
  const load = { eventsPerSecond, windowUs: windowMs * 1_000, seconds: SECONDS, seed: SEED };
  const [low, mid, high] = (['low', 'mid', 'high'] as const).map((side) => viewersPerNode(load, at(costs, side)));
  return AUDIENCES.map((audience) => {
    const nodesFor = (perNode: number) => Math.ceil(audience / Math.max(perNode, 1));
    const nodes = { low: nodesFor(low!), mid: nodesFor(mid!), high: nodesFor(high!) };
    const outcome = simulateNode({ ...load, viewers: Math.ceil(audience / nodes.mid) }, at(costs, 'mid'));
    if (!isGood(outcome)) throw new Error(`${nodes.mid} nodes are too few for ${audience} viewers`);
    return { audience, rate: eventsPerSecond, windowMs, nodes, outcome };
  });
}

function renderCosts(costs: Costs): string {
  const shown = ({ mid, low, high }: Figure) => `${mid.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`;
  const { assumed } = costs;
  return table(
    ['cost', 'µs of CPU', 'from'],
    [
      ['a write to a socket', shown(costs.write), '“fan-out”: single events and bursts of 5'],
      ['a frame in it', shown(costs.frame), 'the same'],
      ['an event on a node: execution and framing', shown(costs.event), '“fan-out”: 10 viewers against 1,000'],
      ['a viewer who resumes, 210 events', shown(costs.join), '“resume”'],
      ['a gift, server / Postgres', `${shown(costs.giftNode)} / ${shown(costs.giftPostgres)}`, '“gifts”'],
      ['heap and buffers of a viewer, KB', shown(costs.socketKb), '“memory”'],
      ['Redis: a message to a subscriber', String(assumed.redisPerSubscriber), '**assumed**'],
      ['Postgres: a poll of a node, heads and page', String(assumed.poll), '**assumed**'],
      ['the kernel’s share of a socket, KB', String(assumed.kernelKb), '**assumed**'],
    ],
  );
}

function limitsOf({ socketKb, giftsPerSecond, assumed }: Costs, rows: readonly Row[]): string[][] {
  const memory = (NODE_GB * 1024 * 1024) / (socketKb.mid + assumed.kernelKb);
  const redis = (BUSY_MAX * 1_000_000) / assumed.redisPerSubscriber;
  const polls = (BUSY_MAX * 1_000_000) / assumed.poll;
  const most = rows.reduce((worst, row) => (row.nodes.mid * row.rate > worst.nodes.mid * worst.rate ? row : worst));
  return [
    ['deliveries', 'see above', 'a node’s one core: long before its memory'],
    ['memory', `${formatNumber(memory)} viewers`, `${NODE_GB} GB for sockets on a node`],
    [
      'gifts into one stream',
      `${formatNumber(giftsPerSecond.mid)} /s`,
      'Postgres and one server on two cores; all servers write to the same row',
    ],
    [
      'bus fan-out of one stream',
      `${formatNumber(redis)} messages/s`,
      `one Redis core: events/s × nodes; the most above is ${formatNumber(most.nodes.mid * most.rate)}`,
    ],
    [
      'polls while Redis is down',
      `${formatNumber(polls)} nodes`,
      'one Postgres core, one poll a second each; replicas do not help, as feeds read the primary',
    ],
  ];
}

function stormsOf(costs: Costs, rows: readonly Row[]): string[][] {
  return rows
    .filter(({ rate, windowMs, nodes }) => rate === 10 && windowMs === 20 && nodes.mid > 1)
    .map(({ audience, nodes }) => {
      const storm = { viewers: audience, nodes: nodes.mid, busy: 0.5, seed: SEED };
      const took = (jitterS: number) => simulateStorm({ ...storm, jitterS }, at(costs, 'mid')).toFixed(1);
      return [formatNumber(audience), formatNumber(nodes.mid), took(JITTER_S), took(0)];
    });
}

function table(headings: string[], rows: string[][]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [headings, headings.map((_, column) => (column === 0 ? '---' : '--:')), ...rows].map(line).join('\n');
}
