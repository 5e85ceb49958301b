/** A stream of things that arrive, to be waited for one by one: no sleeping, no polling. */

/** How long a wait may last before the test fails: a hundred times what it takes, for machines that stall. */
export const WAIT_LIMIT_MS = 25_000;

/** How much of what arrived an error shows. */
const SHOWN_ITEMS = 20;

/** A GraphQL error as it comes over the wire. */
export type WireError = {
  message: string;
  path?: readonly (string | number)[];
  extensions?: Record<string, unknown>;
};

/** How a feed ended. */
export type FeedEnd = {
  /** The close code of the socket; null when only the operation ended. */
  code: number | null;
  /** The reason given with the code, `complete` for a normal end, `error` for GraphQL errors. */
  reason: string;
  /** The GraphQL errors that ended it. */
  errors?: readonly WireError[];
};

/** Thrown by a wait on a feed that cannot be fulfilled any more. */
export class FeedError extends Error {
  override name = 'FeedError';
  constructor(
    message: string,
    /** How the feed ended; undefined when it is still open and the wait was too long. */
    readonly end: FeedEnd | undefined,
  ) {
    super(message);
  }
}

type Waiter = () => void;

/** Items in the order of arrival. The producer calls `push` and `end`, the test waits. */
export class Feed<T> {
  /** Everything that arrived so far, also what the test has not taken yet. */
  readonly received: T[] = [];
  /** Resolves when nothing more can come, and never rejects. Has no limit: await `untilClosed` instead. */
  readonly closed: Promise<FeedEnd>;
  private position = 0;
  private ended: FeedEnd | undefined;
  private resolveClosed!: (end: FeedEnd) => void;
  private waiters: Waiter[] = [];

  constructor(
    private readonly name: string,
    private readonly onClose: () => unknown = () => {},
  ) {
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  /** True once nothing more can come. */
  get isClosed(): boolean {
    return this.ended !== undefined;
  }

  /** Takes in an item. */
  push(item: T): void {
    if (this.ended) return;
    this.received.push(item);
    this.wake();
  }

  /** Notes that nothing more will come. The first end counts. */
  end(end: FeedEnd): void {
    if (this.ended) return;
    this.ended = end;
    this.resolveClosed(end);
    this.wake();
  }

  /** The next item that was not taken yet. */
  async next(limitMs = WAIT_LIMIT_MS): Promise<T> {
    await this.wait(() => this.position < this.received.length, 'the next item', limitMs);
    return this.received[this.position++]!;
  }

  /** The next `count` items, within one limit. */
  async take(count: number, limitMs = WAIT_LIMIT_MS): Promise<T[]> {
    const start = this.position;
    await this.wait(() => this.received.length >= start + count, `${count} items`, limitMs);
    this.position = start + count;
    return this.received.slice(start, this.position);
  }

  /** All items up to and with the first that fits, within one limit. */
  async until(fits: (item: T) => boolean, limitMs = WAIT_LIMIT_MS): Promise<T[]> {
    const start = this.position;
    let seen = start;
    let found = -1;
    const search = () => {
      for (; found < 0 && seen < this.received.length; seen++) if (fits(this.received[seen]!)) found = seen;
      return found >= 0;
    };
    await this.wait(search, 'an item that fits', limitMs);
    this.position = found + 1;
    return this.received.slice(start, this.position);
  }

  /** How the feed ended, once it has, within the limit. */
  async untilClosed(limitMs = WAIT_LIMIT_MS): Promise<FeedEnd> {
    await this.wait(() => this.ended !== undefined, 'its end', limitMs);
    return this.closed;
  }

  /** Ends the feed from our side; resolves when it has ended. */
  async close(): Promise<FeedEnd> {
    await this.onClose();
    return this.untilClosed();
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private async wait(done: () => boolean, what: string, limitMs: number): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.wake();
    }, limitMs);
    try {
      while (!done()) {
        if (this.ended) throw this.failure(`ended (${describeEnd(this.ended)}) before ${what}`);
        if (late) throw this.failure(`did not bring ${what} within ${limitMs} ms`);
        await new Promise<void>((resolve) => this.waiters.push(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  private failure(problem: string): FeedError {
    const shown = this.received.slice(-SHOWN_ITEMS).map((item) => `\n  ${JSON.stringify(item)}`);
    const counts = `${this.received.length} arrived, ${this.position} of them taken`;
    return new FeedError(`${this.name} ${problem}; ${counts}${shown.length ? ':' : ''}${shown.join('')}`, this.ended);
  }
}

function describeEnd({ code, reason, errors }: FeedEnd): string {
  const parts = [code, reason, errors && JSON.stringify(errors)];
  return parts.filter((part) => part !== null && part !== undefined && part !== '').join(' ');
}

/** Awaits a promise within the limit; for the few waits that are not a feed. */
export async function within<T>(what: string, promise: Promise<T>, limitMs = WAIT_LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new FeedError(`${what}: nothing within ${limitMs} ms`, undefined)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
