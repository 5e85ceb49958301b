import type { Feed, FeedReader } from './feed.ts';
import type { LiveEvent } from './live-event.ts';
import { SourceReader } from './source.ts';

/** What a watcher needs beside its feed. */
export type WatcherOptions = {
  /** The seq behind which it starts. */
  afterSeq: bigint;
  /** Called once, when the ring has passed the watcher: its transport is to be closed so that the client resumes. */
  onLapped: () => void;
  /** Called once, when the watcher has ended for whatever reason. */
  onEnded: () => void;
};

/**
 * One viewer's way through a stream's log: backfill → cutover → live (docs/feed-protocol.md, "The watcher"). Owns one number,
 * the seq that it delivers next; nothing is queued for it. `next()` is called by one consumer, one call at a time; or by
 * nobody, when a fan-out group reads the feed in its place.
 */
export class Watcher extends SourceReader<LiveEvent> implements FeedReader {
  nextSeq: bigint;
  isLive = false;
  #ended = false;
  #waiting: AbortController | undefined;
  #page: LiveEvent[] = [];

  constructor(
    readonly source: Feed,
    private readonly options: WatcherOptions,
  ) {
    super();
    this.nextSeq = options.afterSeq + 1n;
    source.readers.add(this);
  }

  async next(): Promise<IteratorResult<LiveEvent, undefined>> {
    while (!this.#ended) {
      const event = this.#page.shift() ?? this.source.at(this.nextSeq);
      if (event) {
        this.nextSeq = event.seq + 1n;
        return { done: false, value: event };
      }
      if (this.nextSeq > this.source.head) {
        this.isLive = true;
        this.#waiting ??= new AbortController();
        await this.source.wake.wait(this.#waiting.signal);
      } else {
        this.isLive = false;
        this.#page = [...(await this.source.past(this.nextSeq))];
      }
    }
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<LiveEvent, undefined>> {
    this.#end();
    return { done: true, value: undefined };
  }

  lap(): void {
    if (this.#ended) return;
    this.#end();
    this.options.onLapped();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.source.readers.delete(this);
    this.#waiting?.abort();
    this.options.onEnded();
  }
}
