import type { Metric, Registry } from 'prom-client';
import type { Database } from '../db/database.ts';
import type { FanOut } from '../graphql/fan-out/fan-out.ts';
import type { Histogram, Tally } from '../kernel/instruments.ts';
import type { Live } from '../live/live.ts';
import type { MetricsExport } from '../server/metrics-access.ts';
import type { Readiness } from '../server/readiness.ts';
import type { Books } from './books.ts';

/** What the metrics are read from, at the moment that somebody asks. */
export type MetricSources = {
  db: Pick<Database, 'instruments' | 'pool' | 'replica'>;
  live: Live;
  fanOut: FanOut;
  readiness: Readiness;
  books: { last: Books | undefined; failures: number };
};

type Labels = Record<string, string>;
type Sample = { metricName?: string; labels: Labels; value: number };

/** One metric: what it is called and means, and how it is read. */
export type MetricDefinition = {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: readonly string[];
  read: (sources: MetricSources) => Sample[];
};

const one = (value: number): Sample[] => [{ labels: {}, value }];

function define(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (sources: MetricSources) => number,
): MetricDefinition {
  return { type, name, help, labels: [], read: (sources) => one(read(sources)) };
}

function tally(name: string, help: string, label: string, read: (sources: MetricSources) => Tally): MetricDefinition {
  return {
    type: 'counter',
    name,
    help,
    labels: [label],
    read: (sources) => [...read(sources).counts].map(([key, value]) => ({ labels: { [label]: key }, value })),
  };
}

/** A histogram for each of several labels. */
function histogram(
  name: string,
  help: string,
  labels: readonly string[],
  read: (sources: MetricSources) => Iterable<readonly [readonly string[], Histogram]>,
): MetricDefinition {
  const toSamples = ([values, { bounds, counts, sum }]: readonly [readonly string[], Histogram]): Sample[] => {
    const own = Object.fromEntries(labels.map((label, index) => [label, values[index]!]));
    let total = 0;
    const buckets = [...bounds.map(String), '+Inf'].map((le, index) => {
      total += counts[index]!;
      return { metricName: `${name}_bucket`, labels: { ...own, le }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: own, value: sum },
      { metricName: `${name}_count`, labels: own, value: total },
    ];
  };
  return { type: 'histogram', name, help, labels, read: (sources) => [...read(sources)].flatMap(toSamples) };
}

/** A number of each group commit. */
function batch(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  read: (meter: MeterOfBatch) => number,
): MetricDefinition {
  return {
    type,
    name,
    help,
    labels: ['batch'],
    read: ({ db }) =>
      [...db.instruments.meters.batches.entries()].map(([key, meter]) => ({
        labels: { batch: key },
        value: read(meter),
      })),
  };
}
type MeterOfBatch = ReturnType<MetricSources['db']['instruments']['meters']['batches']['of']>;

const meters = ({ db }: MetricSources) => db.instruments.meters;

const OPERATION_LABELS = ['kind', 'field', 'operation'] as const;
const LAG_PERCENTILES = [50, 99, 100] as const;

const REQUESTS: MetricDefinition[] = [
  {
    type: 'counter',
    name: 'hadiya_operations_total',
    help: 'GraphQL operations, by how they ended: OK or an error code.',
    labels: [...OPERATION_LABELS, 'code'],
    read: (sources) =>
      [...meters(sources).operations.entries()].flatMap(([key, { codes }]) =>
        [...codes].map(([code, value]) => ({ labels: { ...operationLabels(key), code }, value })),
      ),
  },
  histogram(
    'hadiya_operation_duration_seconds',
    'How long GraphQL operations took; of subscriptions, to open.',
    OPERATION_LABELS,
    (sources) => [...meters(sources).operations.entries()].map(([key, { seconds }]) => [key.split(' '), seconds]),
  ),
  tally(
    'hadiya_operations_refused_total',
    'Operations whose text is wrong, or too many on a socket.',
    'code',
    (sources) => meters(sources).refusedOperations,
  ),
  tally(
    'hadiya_rate_limit_refusals_total',
    'Operations that the rate limits refused.',
    'code',
    (sources) => meters(sources).rateLimitRefusals,
  ),
  {
    type: 'counter',
    name: 'hadiya_http_requests_total',
    help: 'HTTP requests that were answered.',
    labels: ['route', 'status'],
    read: (sources) =>
      [...meters(sources).requests.counts].map(([key, value]) => {
        const [route, status] = key.split(' ');
        return { labels: { route: route!, status: status ?? '' }, value };
      }),
  },
  define(
    'gauge',
    'hadiya_http_requests_in_flight',
    'HTTP requests under way, open event streams included.',
    (sources) => meters(sources).requestsInFlight,
  ),
];

const FEED: MetricDefinition[] = [
  define('gauge', 'hadiya_sockets_open', 'WebSockets that are open.', (sources) => meters(sources).socketsOpen),
  define(
    'counter',
    'hadiya_sockets_opened_total',
    'WebSockets that were opened.',
    (sources) => meters(sources).socketsOpened,
  ),
  tally(
    'hadiya_sockets_closed_total',
    'WebSockets that were closed, by close code.',
    'code',
    (sources) => meters(sources).socketsClosed,
  ),
  define(
    'gauge',
    'hadiya_event_streams_open',
    'Subscriptions over Server-Sent Events that are open.',
    (sources) => meters(sources).eventStreamsOpen,
  ),
  define(
    'gauge',
    'hadiya_subscriptions_open',
    'Subscriptions that are open, over any transport.',
    ({ fanOut }) => fanOut.open,
  ),
  define(
    'counter',
    'hadiya_subscriptions_opened_total',
    'Subscriptions that were opened.',
    ({ fanOut }) => fanOut.opened,
  ),
  define(
    'gauge',
    'hadiya_fan_out_groups',
    'Groups of subscriptions that are executed as one.',
    ({ fanOut }) => fanOut.groups,
  ),
  define(
    'counter',
    'hadiya_fan_out_executions_total',
    'Executions of events, for a group or one viewer.',
    ({ fanOut }) => fanOut.executed,
  ),
  define(
    'gauge',
    'hadiya_streams_watched',
    'Streams that somebody watches on this server.',
    ({ live }) => live.hub.watchedStreams,
  ),
  {
    type: 'gauge',
    name: 'hadiya_viewer_lag_events',
    help: 'Events that viewers are behind their feed: the median, the 99th percentile and the worst.',
    labels: ['percentile'], // `quantile` is kept for summaries
    read: ({ fanOut }) => readLags(fanOut),
  },
  define(
    'counter',
    'hadiya_slow_closes_total',
    'Viewers who were closed (1013) because they read too slowly.',
    (sources) => meters(sources).laps,
  ),
  define(
    'counter',
    'hadiya_gap_fills_total',
    'Gaps in what the bus brought that were filled from the log.',
    (sources) => meters(sources).gapFills,
  ),
  define(
    'counter',
    'hadiya_gap_fill_failures_total',
    'Gaps that could not be filled at once; the poll does.',
    (sources) => meters(sources).gapFillsFailed,
  ),
  define(
    'counter',
    'hadiya_polls_total',
    'Polls of the log, for feeds that heard nothing.',
    (sources) => meters(sources).polls,
  ),
  define('counter', 'hadiya_poll_failures_total', 'Polls that failed.', (sources) => meters(sources).pollsFailed),
  define(
    'gauge',
    'hadiya_bus_up',
    'Whether messages travel between servers: 1, or 0 while Redis is away.',
    ({ live }) => Number(live.bus.isUp()),
  ),
  define(
    'counter',
    'hadiya_bus_published_total',
    'Messages that the bus was given.',
    (sources) => meters(sources).bus.published,
  ),
  tally(
    'hadiya_bus_publish_failures_total',
    'Messages that the bus could not deliver, by the Redis server that has their channel.',
    'server',
    (sources) => meters(sources).bus.failed,
  ),
];

const WRITES: MetricDefinition[] = [
  batch('counter', 'hadiya_batches_total', 'Batches that were committed.', ({ batches }) => batches),
  batch('gauge', 'hadiya_batch_queue_length', 'Items that wait for the next batch: gifts, chat, purchases.', (meter) =>
    meter.queued(),
  ),
  batch(
    'counter',
    'hadiya_batch_retries_total',
    'Batches tried again after a write conflict.',
    ({ retries }) => retries,
  ),
  batch('counter', 'hadiya_batch_splits_total', 'Batches split to find the item at fault.', ({ splits }) => splits),
  batch(
    'counter',
    'hadiya_batch_failures_total',
    'Batches, or parts of them, that failed for good.',
    ({ failed }) => failed,
  ),
  batch(
    'counter',
    'hadiya_batch_refusals_total',
    'Items refused because the queue was full (OVERLOADED).',
    ({ refused }) => refused,
  ),
  histogram('hadiya_batch_size', 'Items in a batch.', ['batch'], (sources) =>
    [...meters(sources).batches.entries()].map(([key, { sizes }]) => [[key], sizes] as const),
  ),
  histogram('hadiya_batch_duration_seconds', 'How long batches took to commit.', ['batch'], (sources) =>
    [...meters(sources).batches.entries()].map(([key, { seconds }]) => [[key], seconds] as const),
  ),
  tally(
    'hadiya_transaction_retries_total',
    'SQL transactions tried again: conflict or deadlock.',
    'reason',
    (sources) => meters(sources).transactionRetries,
  ),
  {
    type: 'counter',
    name: 'hadiya_sweep_runs_total',
    help: 'Runs of background work.',
    labels: ['sweep'],
    read: (sources) =>
      [...meters(sources).sweeps.entries()].map(([sweep, { runs }]) => ({ labels: { sweep }, value: runs })),
  },
  {
    type: 'counter',
    name: 'hadiya_sweep_failures_total',
    help: 'Runs of background work that failed; the next one tries again.',
    labels: ['sweep'],
    read: (sources) =>
      [...meters(sources).sweeps.entries()].map(([sweep, { failed }]) => ({ labels: { sweep }, value: failed })),
  },
  histogram('hadiya_sweep_duration_seconds', 'How long runs of background work took.', ['sweep'], (sources) =>
    [...meters(sources).sweeps.entries()].map(([key, { seconds }]) => [[key], seconds] as const),
  ),
  define(
    'gauge',
    'hadiya_postgres_connections',
    'Connections to Postgres that are open.',
    ({ db }) => db.pool.totalCount,
  ),
  define(
    'gauge',
    'hadiya_postgres_connections_idle',
    'Connections to Postgres that nobody uses.',
    ({ db }) => db.pool.idleCount,
  ),
  define(
    'gauge',
    'hadiya_postgres_waiting',
    'Those who wait for a connection to Postgres.',
    ({ db }) => db.pool.waitingCount,
  ),
];

const replica = (
  name: string,
  help: string,
  read: (replica: NonNullable<Database['replica']>) => number,
): MetricDefinition => ({
  type: 'gauge',
  name,
  help,
  labels: [],
  read: ({ db }) => (db.replica ? one(read(db.replica)) : []),
});

/** Only there where there is a replica. */
const REPLICA: MetricDefinition[] = [
  replica(
    'hadiya_replica_used',
    'Whether queries read from the replica: 1, or 0 while it is down or too far behind.',
    (one) => Number(one.isUsed),
  ),
  replica(
    'hadiya_replica_lag_seconds',
    'How far the replica is behind at the most; +Inf when nobody knows.',
    (one) => one.lagMs / 1000,
  ),
  define(
    'counter',
    'hadiya_replica_answers_total',
    'Queries that were answered from the replica.',
    (sources) => meters(sources).replicaAnswers,
  ),
  tally(
    'hadiya_replica_discards_total',
    'Answers of the replica that were thrown away: too old, an error, or silent about what they show.',
    'reason',
    (sources) => meters(sources).replicaDiscards,
  ),
];

const book = (name: string, help: string, key: keyof Books): MetricDefinition => ({
  type: 'gauge',
  name,
  help,
  labels: [],
  // What was seen by a server of another version may lack it.
  read: ({ books: { last } }) => (last?.[key] === undefined ? [] : one(last[key])),
});

const BOOKS: MetricDefinition[] = [
  book(
    'hadiya_ledger_imbalance',
    'What the balances of all units miss zero by, in their smallest units. Must be 0.',
    'imbalance',
  ),
  book('hadiya_ledger_negative_accounts', 'Accounts below zero that may not be. Must be 0.', 'negative'),
  book('hadiya_oversold', 'Offers and stocks of which more is promised than there is. Must be 0.', 'oversold'),
  book(
    'hadiya_stuck_holds',
    'Purchases whose time to be paid is over for two minutes and that nobody has ended.',
    'stuckHolds',
  ),
  book('hadiya_stuck_orders', 'Orders that wait for a payment that has ended.', 'stuckOrders'),
  book(
    'hadiya_stuck_releases',
    'Delivered orders whose money is due for two minutes and not with the merchant.',
    'stuckReleases',
  ),
  book(
    'hadiya_months_ahead',
    'Months behind the current one that have their partitions; -1 when not even that has.',
    'monthsAhead',
  ),
  book('hadiya_books_checked_timestamp_seconds', 'When the books were last looked at.', 'checkedAtSeconds'),
  define(
    'counter',
    'hadiya_books_check_failures_total',
    'Looks at the books that failed.',
    ({ books }) => books.failures,
  ),
  define('gauge', 'hadiya_draining', 'Whether the server is about to stop: 1, or 0.', ({ readiness }) =>
    Number(readiness.isDraining),
  ),
];

/** Every metric of ours; those of the process come from prom-client. docs/operations.md has the same list. */
export const METRICS: readonly MetricDefinition[] = [...REQUESTS, ...FEED, ...WRITES, ...REPLICA, ...BOOKS];

/** The export in Prometheus's text format. prom-client is loaded, and begins to observe the process, when it is first asked for. */
export function createMetrics(sources: MetricSources): MetricsExport {
  let registry: Promise<Registry> | undefined;
  return async () => {
    registry ??= createRegistry(sources);
    const { contentType } = await registry;
    return { contentType, text: await (await registry).metrics() };
  };
}

async function createRegistry(sources: MetricSources): Promise<Registry> {
  const { collectDefaultMetrics, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name, help, type, read } of METRICS) {
    // prom-client asks a metric for its values and writes them: ours are read from where they are counted anyway.
    const metric = {
      name,
      help,
      type,
      get: async () => ({ name, help, type, values: read(sources) }),
      reset: () => {},
    };
    registry.registerMetric(metric as unknown as Metric);
  }
  return registry;
}

function operationLabels(key: string): Labels {
  const [kind, field, operation] = key.split(' ');
  return { kind: kind!, field: field ?? '', operation: operation ?? '' };
}

function readLags(fanOut: FanOut): Sample[] {
  const lags = Float64Array.from(fanOut.lags()).sort();
  return LAG_PERCENTILES.map((percentile) => ({
    labels: { percentile: String(percentile) },
    value: lags.length === 0 ? 0 : lags[Math.min(Math.floor((percentile / 100) * lags.length), lags.length - 1)]!,
  }));
}
