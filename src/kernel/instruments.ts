import { AsyncLocalStorage } from 'node:async_hooks';

/** Upper bounds of durations, in seconds. */
export const SECONDS_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Upper bounds of how many there are in a batch. */
export const BATCH_SIZE_BOUNDS = [1, 2, 5, 10, 25, 50, 100, 250, 500] as const;
/** Series of one meter at the most; what would be one more is counted as {@link OTHER}. */
export const SERIES_MAX = 2_000;
/** The label of what has none of its own. */
export const OTHER = 'other';

/** Counts what was observed by size: plain increments, read by whoever exports them. */
export class Histogram {
  /** One for each bound, and one for what is above all of them. Not cumulated. */
  readonly counts: number[];
  sum = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let index = 0;
    while (index < this.bounds.length && value > this.bounds[index]!) index++;
    this.counts[index]!++;
    this.sum += value;
  }
}

/** Things by key, made when they are first asked for; bounded. */
export class Series<Item> {
  readonly #items = new Map<string, Item>();

  constructor(
    private readonly make: () => Item,
    private readonly sizeMax = SERIES_MAX,
  ) {}

  of(key: string): Item {
    let item = this.#items.get(key);
    if (item) return item;
    if (this.#items.size >= this.sizeMax && key !== OTHER) return this.of(OTHER);
    item = this.make();
    this.#items.set(key, item);
    return item;
  }

  entries(): IterableIterator<[string, Item]> {
    return this.#items.entries();
  }
}

/** What is counted of one group commit. */
export class BatchMeter {
  batches = 0;
  failed = 0;
  retries = 0;
  splits = 0;
  refused = 0;
  readonly sizes = new Histogram(BATCH_SIZE_BOUNDS);
  readonly seconds = new Histogram(SECONDS_BOUNDS);
  /** How many items wait now; set by the group commit. */
  queued: () => number = () => 0;
}

/** What is counted of one kind of background work. */
export class SweepMeter {
  runs = 0;
  failed = 0;
  readonly seconds = new Histogram(SECONDS_BOUNDS);
}

/** What is counted of operations of one kind: by key, see `operationKey`. */
export class OperationMeter {
  readonly seconds = new Histogram(SECONDS_BOUNDS);
  /** How many ended with each code; OK those without an error. */
  readonly codes = new Map<string, number>();
}

/** A number that only grows, by one label. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(label: string, count = 1): void {
    const known = this.counts.get(label);
    if (known === undefined && this.counts.size >= SERIES_MAX)
      this.counts.set(OTHER, (this.counts.get(OTHER) ?? 0) + count);
    else this.counts.set(label, (known ?? 0) + count);
  }
}

/** What is counted of the bus between servers. */
export class BusMeter {
  /** Messages that it was given. */
  published = 0;
  /** Those that did not get there, by the server of Redis that they were for. */
  readonly failed = new Tally();

  /** Has a server show up with 0, so that its first failure is seen as an increase. */
  know(server: string): void {
    this.failed.add(server, 0);
  }

  /** Counts a message, and how it ends. */
  async publish<Result>(serverOf: () => string, send: () => Promise<Result>): Promise<Result> {
    this.published++;
    try {
      return await send();
    } catch (error) {
      this.failed.add(serverOf());
      throw error;
    }
  }
}

/**
 * What one app counts of itself: plain numbers that the hot paths increment, and that `/metrics` reads. One for each app: several
 * run in the process of a test.
 */
export class Meters {
  readonly batches = new Series(() => new BatchMeter());
  readonly sweeps = new Series(() => new SweepMeter());
  /** By kind, root field and name, as `kind field name`. */
  readonly operations = new Series(() => new OperationMeter());
  /** Operations that were refused before they were executed, by code. */
  readonly refusedOperations = new Tally();
  /** Operations that the rate limits refused, by code. */
  readonly rateLimitRefusals = new Tally();
  /** SQL transactions tried again, by why. */
  readonly transactionRetries = new Tally();
  /** Requests by route, method and status class, as `route method 2xx`. */
  readonly requests = new Tally();
  requestsInFlight = 0;
  readonly socketsClosed = new Tally();
  socketsOpened = 0;
  socketsOpen = 0;
  eventStreamsOpen = 0;
  readonly bus = new BusMeter();
  /** Queries that were answered from the read replica. */
  replicaAnswers = 0;
  /** Queries that the read replica was asked and whose answer was not given, by why. */
  readonly replicaDiscards = new Tally();
  gapFills = 0;
  gapFillsFailed = 0;
  polls = 0;
  pollsFailed = 0;
  /** Viewers who were closed because they read too slowly. */
  laps = 0;
}

/** A span that was begun. Nothing below `app` knows whose it is. */
export type Span = {
  set: (name: string, value: string | number) => void;
  /** @param error why it failed, if it did */
  end: (error?: unknown) => void;
  /** As W3C's `traceparent`, to be carried to other processes. */
  readonly traceparent: string;
};

/** What kind of work a span is: asked for by somebody else, asked of somebody else, a message sent, or our own. */
export type SpanKind = 'server' | 'client' | 'producer' | 'internal';

/** Begins spans; only there while traces are switched on. */
export type Tracer = {
  start: (
    name: string,
    options: {
      kind?: SpanKind | undefined;
      /** Another span of this process, or a `traceparent`; without one a trace begins. */
      parent?: Span | string | undefined;
      links?: readonly Span[];
      attributes?: Record<string, string | number>;
    },
  ) => Span;
};

/** On whose behalf something happens. */
export type Cause = {
  /** Names the request in the log; undefined for what the server does by itself. */
  requestId: string | undefined;
  span?: Span | undefined;
};

/** How one app is watched. */
export type InstrumentsOptions = {
  /**
   * Whether every piece of work knows its request. It costs a few percent (Node follows each promise then), so it is so only while
   * somebody wants to see it: at LOG_LEVEL `debug`, or with traces.
   */
  followRequests?: boolean;
  tracer?: Tracer | undefined;
};

/** How one app is watched: its counts, its traces, and which request something belongs to. */
export class Instruments {
  readonly meters = new Meters();
  readonly tracer: Tracer | undefined;
  readonly #causes: AsyncLocalStorage<Cause | undefined> | undefined;

  constructor({ followRequests = false, tracer }: InstrumentsOptions = {}) {
    this.tracer = tracer;
    if (followRequests || tracer) this.#causes = new AsyncLocalStorage();
  }

  /** Whether {@link cause} says anything. */
  get followsRequests(): boolean {
    return this.#causes !== undefined;
  }

  /** On whose behalf the caller works, if that is followed. */
  get cause(): Cause | undefined {
    return this.#causes?.getStore();
  }

  /** Does work on behalf of a cause; undefined: of nobody, whoever calls. */
  within<Result>(cause: Cause | undefined, work: () => Result): Result {
    return this.#causes ? this.#causes.run(cause, work) : work();
  }

  /** Does work in a span of its own, below the caller's; just does it while traces are off. */
  span<Result>(
    name: string,
    options: {
      kind?: SpanKind;
      /** Where the caller has no span of its own. */
      parent?: string | undefined;
      attributes?: Record<string, string | number>;
      links?: readonly Span[];
    },
    work: (span: Span | undefined) => Result,
  ): Result {
    if (!this.tracer) return work(undefined);
    const { cause } = this;
    const span = this.tracer.start(name, { ...options, parent: cause?.span ?? options.parent });
    try {
      const result = this.within({ requestId: cause?.requestId, span }, () => work(span));
      if (!(result instanceof Promise)) {
        span.end();
        return result;
      }
      result.then(
        () => span.end(),
        (error: unknown) => span.end(error),
      );
      return result;
    } catch (error) {
      span.end(error);
      throw error;
    }
  }
}
