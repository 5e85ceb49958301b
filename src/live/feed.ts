import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../kernel/assert.ts';
import { Wake } from '../kernel/wake.ts';
import { type LiveEvent, RESYNC_REQUIRED, withResync } from './live-event.ts';
import type { Source } from './source.ts';

/** Whoever reads a feed at its own pace. */
export type FeedReader = {
  /** The seq that it reads next. */
  readonly nextSeq: bigint;
  /** False while it reads the past from Postgres: then the ring cannot leave it behind. */
  readonly isLive: boolean;
  /** The ring has passed it: it must end and resume by cursor. */
  lap: () => void;
};

/** Reads up to a page of the log behind `afterSeq`; a page shorter than the limit is the last. */
export type ReadPage = (afterSeq: bigint, limit: number) => Promise<LiveEvent[]>;

/**
 * The live end of one stream's log in this process, shared by all its watchers (docs/feed-protocol.md, "The feed").
 * Invariant: the ring holds the last events up to `head`, contiguous; `head` never goes back.
 */
export class Feed implements Source<LiveEvent> {
  /** Wakes the watchers that have read everything. */
  readonly wake = new Wake();
  readonly readers = new Set<FeedReader>();
  /** Called after each append. Must not throw. */
  readonly listeners = new Set<() => void>();
  /** Whether the bus brought anything since the last poll. */
  heard = false;
  readonly #slots: LiveEvent[] = [];
  /** Pages of the past that are being read now, by their first seq: who asks for the same one meanwhile shares it. */
  readonly #pages = new Map<bigint, Promise<readonly LiveEvent[]>>();
  #head: bigint;
  #held = 0;
  #catchingUp: Promise<void> | undefined;
  #catchUpAgain = false;

  constructor(
    readonly streamId: bigint,
    readonly epoch: string,
    head: bigint,
    private readonly options: {
      ringSize: number;
      pageSize: number;
      readPage: ReadPage;
      readPast?: ReadPage;
      onGap?: () => void;
    },
  ) {
    this.#head = head;
  }

  /** The highest seq known here. */
  get head(): bigint {
    return this.#head;
  }

  /** The lowest seq in the ring; `head` + 1 while it is empty. */
  get first(): bigint {
    return this.#head - BigInt(this.#held) + 1n;
  }

  /** What stands in for pruned history depends on where a reader was. */
  isSame(event: LiveEvent): boolean {
    return event.type !== RESYNC_REQUIRED;
  }

  /** The event with this seq, if the ring still holds it. */
  at(seq: bigint): LiveEvent | undefined {
    if (seq > this.#head || seq < this.first) return undefined;
    return this.#slots[Number(seq % BigInt(this.options.ringSize))];
  }

  /**
   * Reads a page of the past from Postgres, from `seq` on, which is not beyond the head; at least one event. Where history
   * was pruned, the first event stands in for what is missing.
   */
  past(seq: bigint): Promise<readonly LiveEvent[]> {
    let page = this.#pages.get(seq);
    if (!page) {
      page = this.#readPast(seq).finally(() => this.#pages.delete(seq));
      this.#pages.set(seq, page);
    }
    return page;
  }

  async #readPast(seq: bigint): Promise<LiveEvent[]> {
    const { head } = this; // of before the read: what is written meanwhile is not pruned
    const { readPage, readPast = readPage, pageSize } = this.options;
    const page = await readPast(seq - 1n, pageSize);
    return withResync(page, { streamId: this.streamId, afterSeq: seq - 1n, lastSeq: head });
  }

  /**
   * Takes events as the bus brings them: doubles are dropped, what follows the head is appended, behind a gap the log is
   * read. So it is for a message so large that, appended at once, it would lap watchers who have read everything.
   * @param events of one stream, ascending and contiguous
   * @returns once a gap, if there was one, is filled
   */
  async receive(events: readonly LiveEvent[]): Promise<void> {
    this.heard = true;
    const fresh = events.filter((event) => event.seq > this.#head);
    if (fresh.length === 0) return;
    const follows = fresh[0]!.seq === this.#head + 1n;
    if (follows && fresh.length <= this.options.ringSize / 2) this.#append(fresh);
    else {
      this.options.onGap?.();
      await this.catchUp();
    }
  }

  /** Reads the log behind the head until its end. Calls while one is under way make it run once more. */
  catchUp(): Promise<void> {
    this.#catchUpAgain = true;
    this.#catchingUp ??= this.#readOn().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  /**
   * What lies between the head and a number that the log had before {@link catchUp} read it to its end, and did not find, is pruned:
   * the head moves on, and whoever reads before it is told.
   */
  skipTo(seq: bigint): void {
    if (seq <= this.#head) return;
    this.#head = seq;
    this.#held = 0;
    this.#moved();
  }

  async #readOn(): Promise<void> {
    while (this.#catchUpAgain) {
      this.#catchUpAgain = false;
      for (;;) {
        const page = await this.options.readPage(this.#head, this.options.pageSize);
        this.#append(page.filter((event) => event.seq > this.#head));
        if (page.length < this.options.pageSize) break;
        // Watchers deliver between pages; otherwise a long catch-up would lap healthy ones.
        await nextTurn();
      }
    }
  }

  #append(events: readonly LiveEvent[]): void {
    if (events.length === 0) return;
    for (const event of events) {
      // A first event beyond head + 1 means that history was pruned in between; the ring then starts anew.
      if (event.seq !== this.#head + 1n) this.#held = 0;
      assert(event.seq > this.#head, 'a feed only grows');
      this.#head = event.seq;
      this.#slots[Number(event.seq % BigInt(this.options.ringSize))] = event;
      this.#held = Math.min(this.#held + 1, this.options.ringSize);
    }
    this.#moved();
  }

  #moved(): void {
    const { first } = this;
    for (const reader of this.readers) {
      if (reader.isLive && reader.nextSeq < first) reader.lap();
    }
    for (const listener of this.listeners) listener();
    this.wake.wakeAll();
  }
}
