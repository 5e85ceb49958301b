import type { Logger } from 'pino';
import type { Database } from '../db/database.ts';
import { NotFoundError } from '../kernel/errors.ts';
import { every, type Periodic } from '../kernel/every.ts';
import type { Meters } from '../kernel/instruments.ts';
import { Turns } from '../kernel/turns.ts';
import type { Bus } from './bus.ts';
import { channels } from './channels.ts';
import { decodeCursor, InvalidCursorError } from './cursor.ts';
import { Feed, type ReadPage } from './feed.ts';
import { decodeEvents, type LiveEvent } from './live-event.ts';
import { readEvents, readHead, readHeads } from './live-log.ts';
import { Watcher } from './watcher.ts';

/** Events that a feed keeps in memory: how far a viewer may fall behind before it is closed with 1013. */
export const RING_SIZE = 4_096;
/**
 * How often quiet feeds compare their head with Postgres. A lost bus message delays an event by two intervals at the most: one
 * in which something else was heard, and the next.
 */
export const POLL_INTERVAL_MS = 1_000;
/** Events read from Postgres at a time. */
export const PAGE_SIZE = 500;
/** Events of the past that a feed reads into its ring when it is opened; less than a page, so that one read is enough. */
const PRELOAD = 400n;

/**
 * Pages of the past that are read at a time, over all feeds. Each viewer chooses where it begins: thousands could read as many
 * different pages, and whoever gives or buys would wait for a connection behind all of them.
 */
export const PAST_READS_MAX = 4;

/** The hub's named limits, with the values that tests override. */
export type HubLimits = { ringSize: number; pollIntervalMs: number; pageSize: number };

/** How one viewer watches. */
export type WatchOptions = {
  /** Cursor to resume behind; '' for the whole log; undefined for what happens from now on. */
  after: string | undefined;
  /** Called when the viewer is too slow: close its transport, it will resume by cursor. */
  onLapped: () => void;
  /** Called once, when the watch has ended for whatever reason. */
  onEnded?: () => void;
};

/** What a watcher delivers, and the epoch that its cursors carry. */
export type Watch = { epoch: string; events: Watcher };

type OpenFeed = { feed: Feed; close: () => Promise<void> };
type FeedEntry = { opening: Promise<OpenFeed>; feed?: Feed; watchers: number };

/** All feeds of this process: one per watched stream, whatever the number of its viewers. */
export class Hub {
  readonly #feeds = new Map<bigint, FeedEntry>();
  readonly #past = new Turns(PAST_READS_MAX);
  readonly #poll: Periodic;
  readonly #meters: Meters;

  constructor(
    private readonly deps: { db: Database; bus: Bus; log: Logger },
    private readonly limits: HubLimits,
  ) {
    this.#meters = deps.db.instruments.meters;
    this.#poll = every(limits.pollIntervalMs, () => this.#pollHeads());
  }

  /** Streams that somebody in this process watches. Equals the number of the hub's bus subscriptions. */
  get watchedStreams(): number {
    return this.#feeds.size;
  }

  /**
   * Starts watching a stream: backfill → cutover → live.
   * @throws {NotFoundError} no such stream
   * @throws {InvalidCursorError} the cursor is not of this log
   */
  async watch(streamId: bigint, options: WatchOptions): Promise<Watch> {
    const entry = this.#acquire(streamId);
    try {
      const { feed } = await entry.opening;
      const afterSeq = await this.#startOf(feed, options.after);
      const events = new Watcher(feed, {
        afterSeq,
        onLapped: () => {
          this.#meters.laps++;
          options.onLapped();
        },
        onEnded: () => {
          this.#release(streamId, entry);
          options.onEnded?.();
        },
      });
      return { epoch: feed.epoch, events };
    } catch (error) {
      this.#release(streamId, entry);
      throw error;
    }
  }

  /** Takes committed events of a stream, ascending and contiguous, as the bus brings them; nothing if nobody here watches it. */
  receive(streamId: bigint, events: readonly LiveEvent[]): void {
    const feed = this.#feeds.get(streamId)?.feed;
    if (feed) this.#guard(feed, feed.receive(events));
  }

  /** Ends every feed. Watchers are ended by closing their transports. */
  async close(): Promise<void> {
    await this.#poll.stop();
    const entries = [...this.#feeds.values()];
    this.#feeds.clear();
    await Promise.allSettled(entries.map(async (entry) => (await entry.opening).close()));
  }

  async #startOf(feed: Feed, after: string | undefined): Promise<bigint> {
    if (after === undefined) return feed.head;
    const seq = decodeCursor(feed.epoch, after);
    // The client may have heard the event from another process before the bus brought it here.
    if (seq > feed.head) await feed.catchUp();
    if (seq > feed.head) throw new InvalidCursorError();
    return seq;
  }

  #acquire(streamId: bigint): FeedEntry {
    let entry = this.#feeds.get(streamId);
    if (!entry) {
      const created = { watchers: 0 } as FeedEntry;
      created.opening = this.#open(streamId, created);
      created.opening.catch(() => {}); // every watcher awaits it and gets the error
      entry = created;
      this.#feeds.set(streamId, entry);
    }
    entry.watchers++;
    return entry;
  }

  #release(streamId: bigint, entry: FeedEntry): void {
    entry.watchers--;
    if (entry.watchers > 0) return;
    if (this.#feeds.get(streamId) === entry) this.#feeds.delete(streamId);
    entry.opening
      .then(({ close }) => close())
      .catch((error: unknown) => {
        // An opening that failed has told its watchers; there is nothing to close.
        if (!(error instanceof NotFoundError))
          this.deps.log.warn({ err: error, streamId: String(streamId) }, 'closing a feed failed');
      });
  }

  /**
   * Bus first, Postgres second: what was committed before is read, and what is committed afterwards is heard. The feed begins
   * somewhat in the past: those who reconnect after a restart, all at once, then find what they missed in memory.
   */
  async #open(streamId: bigint, entry: FeedEntry): Promise<OpenFeed> {
    const close = await this.deps.bus.subscribe(channels.stream(streamId), (message) => {
      if (entry.feed) this.#guard(entry.feed, entry.feed.receive(decodeEvents(streamId, message)));
    });
    try {
      const head = await readHead(this.deps.db.pool, streamId);
      if (!head) throw new NotFoundError('stream');
      const before = head.lastSeq > PRELOAD ? head.lastSeq - PRELOAD : 0n;
      const readPage: ReadPage = (afterSeq, limit) => readEvents(this.deps.db.pool, streamId, afterSeq, limit);
      const feed = new Feed(streamId, head.epoch, before, {
        ...this.limits,
        onGap: () => this.#meters.gapFills++,
        readPage,
        readPast: (afterSeq, limit) => this.#past.take(() => readPage(afterSeq, limit)),
      });
      entry.feed = feed; // from now on it hears, so that nothing is missed between the read and the return
      await feed.catchUp();
      feed.skipTo(head.lastSeq); // of a log that is pruned to its end there is nothing to read
      return { feed, close };
    } catch (error) {
      await close();
      throw error;
    }
  }

  async #pollHeads(): Promise<void> {
    const quiet: Feed[] = [];
    for (const { feed } of this.#feeds.values()) {
      if (!feed) continue;
      if (!feed.heard || !this.deps.bus.isUp(channels.stream(feed.streamId))) quiet.push(feed);
      feed.heard = false;
    }
    if (quiet.length === 0) return;
    this.#meters.polls++;
    try {
      const heads = await readHeads(
        this.deps.db.pool,
        quiet.map((feed) => feed.streamId),
      );
      await Promise.all(quiet.map((feed) => this.#catchUpTo(feed, heads.get(feed.streamId) ?? 0n)));
    } catch (error) {
      this.#meters.pollsFailed++;
      this.deps.log.warn({ err: error }, 'polling the log failed; the next poll tries again');
    }
  }

  async #catchUpTo(feed: Feed, lastSeq: bigint): Promise<void> {
    if (lastSeq <= feed.head) return;
    await feed.catchUp();
    feed.skipTo(lastSeq);
  }

  /** A feed that cannot read the log now is repaired by the next poll. */
  #guard(feed: Feed, work: Promise<void>): void {
    work.catch((error: unknown) => {
      feed.heard = false;
      this.#meters.gapFillsFailed++;
      this.deps.log.warn(
        { err: error, streamId: String(feed.streamId) },
        'filling a gap failed; the next poll tries again',
      );
    });
  }
}
