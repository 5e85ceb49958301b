import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../kernel/assert.ts';
import { Wake } from '../kernel/wake.ts';
import type { LiveEvent } from './live-event.ts';

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
export class Feed {
  /** Wakes the watchers that have read everything. */
  readonly wake = new Wake();
  readonly readers = new Set<FeedReader>();
  /** Whether the bus brought anything since the last poll. */
  heard = false;
  readonly #slots: LiveEvent[] = [];
  #head: bigint;
  #held = 0;
  #catchingUp: Promise<void> | undefined;
  #catchUpAgain = false;

  constructor(
    readonly streamId: bigint,
    readonly epoch: string,
    head: bigint,
    private readonly options: { ringSize: number; pageSize: number; readPage: ReadPage },
  ) {
    this.#head = head;
  }

  /** The highest seq known here. */
  get head(): bigint {
    return this.#head;
  }

  /** The event with this seq, if the ring still holds it. */
  at(seq: bigint): LiveEvent | undefined {
    if (seq > this.#head || seq <= this.#head - BigInt(this.#held)) return undefined;
    return this.#slots[Number(seq % BigInt(this.options.ringSize))];
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
    else await this.catchUp();
  }

  /** Reads the log behind the head until its end. Calls while one is under way make it run once more. */
  catchUp(): Promise<void> {
    this.#catchUpAgain = true;
    this.#catchingUp ??= this.#readOn().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
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
    const first = this.#head - BigInt(this.#held) + 1n;
    for (const reader of this.readers) {
      if (reader.isLive && reader.nextSeq < first) reader.lap();
    }
    this.wake.wakeAll();
  }
}
