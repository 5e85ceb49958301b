import type { Feed, FeedReader, ReadPage } from './feed.ts';
import { type LiveEvent, RESYNC_REQUIRED } from './live-event.ts';

/** What a watcher needs beside its feed. */
export type WatcherOptions = {
  /** The seq behind which it starts. */
  afterSeq: bigint;
  pageSize: number;
  readPage: ReadPage;
  /** Called once, when the ring has passed the watcher: its transport is to be closed so that the client resumes. */
  onLapped: () => void;
  /** Called once, when the watcher has ended for whatever reason. */
  onEnded: () => void;
};

/**
 * One viewer's way through a stream's log: backfill → cutover → live (docs/feed-protocol.md, "The watcher"). Owns one number,
 * the seq that it delivers next; nothing is queued for it. `next()` is called by one consumer, one call at a time.
 */
export class Watcher implements AsyncIterableIterator<LiveEvent>, FeedReader {
  nextSeq: bigint;
  isLive = false;
  readonly #ended = new AbortController();
  #page: LiveEvent[] = [];

  constructor(
    private readonly feed: Feed,
    private readonly options: WatcherOptions,
  ) {
    this.nextSeq = options.afterSeq + 1n;
    feed.readers.add(this);
  }

  async next(): Promise<IteratorResult<LiveEvent, undefined>> {
    while (!this.#ended.signal.aborted) {
      const event = this.#page.shift() ?? this.feed.at(this.nextSeq);
      if (event) {
        this.nextSeq = event.seq + 1n;
        return { done: false, value: event };
      }
      if (this.nextSeq > this.feed.head) {
        this.isLive = true;
        await this.feed.wake.wait(this.#ended.signal);
      } else {
        this.isLive = false;
        const missing = await this.#backfill();
        if (missing) return { done: false, value: missing };
      }
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<LiveEvent, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<LiveEvent, undefined>> {
    this.#end();
    throw error;
  }

  lap(): void {
    if (this.#ended.signal.aborted) return;
    this.#end();
    this.options.onLapped();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads the next page of the past. Returns the stand-in for what is missing, if the log was pruned behind the watcher. */
  async #backfill(): Promise<LiveEvent | undefined> {
    const { head } = this.feed; // of before the read: what is written meanwhile is not pruned
    this.#page = await this.options.readPage(this.nextSeq - 1n, this.options.pageSize);
    const resumesAt = this.#page[0]?.seq ?? head + 1n;
    if (resumesAt === this.nextSeq) return undefined;
    const missing: LiveEvent = {
      streamId: this.feed.streamId,
      seq: resumesAt - 1n,
      type: RESYNC_REQUIRED,
      occurredAt: this.#page[0]?.occurredAt ?? new Date(),
      payload: { missedFrom: Number(this.nextSeq), resumesAt: Number(resumesAt) },
    };
    this.nextSeq = resumesAt;
    return missing;
  }

  #end(): void {
    if (this.#ended.signal.aborted) return;
    this.feed.readers.delete(this);
    this.#ended.abort();
    this.options.onEnded();
  }
}
