import type { Logger } from 'pino';
import { Wake } from '../../kernel/wake.ts';
import type { LatestValues } from '../../live/latest.ts';
import type { Presence } from '../../live/presence.ts';
import { type Source, SourceReader } from '../../live/source.ts';

/** How often a pulse is delivered at the most. */
export const PULSE_INTERVAL_MS = 1_000;

/** The coalesced counters of a stream. */
export type PulseValue = { viewers: number; likes: number };
/** The likes of a stream as they travel; the total grows, so it is its own version. */
export type LikesValue = { version: number };

/** What the pulses are made of. */
type Deps = {
  presence: Presence;
  likes: LatestValues<LikesValue>;
  /** Reads the likes of a stream from Postgres. */
  readLikes: (streamId: bigint) => Promise<number>;
  log: Logger;
};

/** The pulse of one stream: a source whose newest value is all that can be read. */
class Pulse implements Source<PulseValue> {
  readonly wake = new Wake();
  readonly listeners = new Set<() => void>();
  readers = 0;
  /** The number of the value. */
  head = 0n;
  #value: PulseValue = { viewers: 0, likes: 0 };

  get first(): bigint {
    return this.head;
  }

  at(seq: bigint): PulseValue | undefined {
    return seq === this.head ? this.#value : undefined;
  }

  isSame(): boolean {
    return true;
  }

  set(value: PulseValue): void {
    if (value.viewers === this.#value.viewers && value.likes === this.#value.likes) return;
    this.#value = value;
    this.head++;
    for (const listener of this.listeners) listener();
    this.wake.wakeAll();
  }
}

/** One viewer's place in a pulse: the value now, and then each newer one that it gets to. */
class PulseReader extends SourceReader<PulseValue> {
  nextSeq: bigint;
  #ended = false;
  readonly #waiting = new AbortController();

  constructor(
    readonly source: Pulse,
    private readonly onEnded: () => void,
  ) {
    super();
    this.nextSeq = source.head;
  }

  async next(): Promise<IteratorResult<PulseValue, undefined>> {
    while (!this.#ended && this.nextSeq > this.source.head) await this.source.wake.wait(this.#waiting.signal);
    if (this.#ended) return { done: true, value: undefined };
    this.nextSeq = this.source.head + 1n;
    return { done: false, value: this.source.at(this.source.head)! };
  }

  async return(): Promise<IteratorResult<PulseValue, undefined>> {
    if (!this.#ended) {
      this.#ended = true;
      this.#waiting.abort();
      this.onEnded();
    }
    return { done: true, value: undefined };
  }

  /** Nobody is too slow for the newest value. */
  lap(): void {
    void this.return();
  }
}

type Watched = {
  pulse: Pulse;
  likes: number;
  /** Settles when the first value is known. */
  ready: Promise<void>;
  stop: () => void;
};

/** The pulses of the streams that this process's viewers watch. One tick looks at all of them. */
export class Pulses {
  readonly #watched = new Map<bigint, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly deps: Deps,
    intervalMs: number = PULSE_INTERVAL_MS,
  ) {
    this.#timer = setInterval(() => {
      for (const [streamId, watched] of this.#watched) this.#refresh(streamId, watched);
    }, intervalMs);
    this.#timer.unref();
  }

  /** The pulse now, and then each change, one an interval at the most. */
  async watch(streamId: bigint): Promise<SourceReader<PulseValue>> {
    const watched = this.#watched.get(streamId) ?? this.#begin(streamId);
    watched.pulse.readers++;
    try {
      await watched.ready;
      return new PulseReader(watched.pulse, () => this.#release(streamId, watched));
    } catch (error) {
      this.#release(streamId, watched);
      throw error;
    }
  }

  /** Stops the tick. Watchers are ended by closing their transports. */
  close(): void {
    clearInterval(this.#timer);
  }

  #begin(streamId: bigint): Watched {
    const newer = this.deps.likes.watch(streamId);
    const watched: Watched = {
      pulse: new Pulse(),
      likes: 0,
      ready: this.deps.readLikes(streamId).then((likes) => {
        watched.likes = Math.max(watched.likes, likes);
        this.#refresh(streamId, watched);
      }),
      stop: () => void newer.return?.(),
    };
    this.#watched.set(streamId, watched);
    this.#keepUp(newer, watched).catch((error: unknown) => {
      this.deps.log.warn(
        { err: error, streamId: String(streamId) },
        'new likes cannot be heard; the pulse keeps the old ones',
      );
    });
    return watched;
  }

  #release(streamId: bigint, watched: Watched): void {
    watched.pulse.readers--;
    if (watched.pulse.readers > 0) return;
    if (this.#watched.get(streamId) === watched) this.#watched.delete(streamId);
    watched.stop();
  }

  async #keepUp(newer: AsyncIterable<LikesValue>, watched: Watched): Promise<void> {
    for await (const { version } of newer) watched.likes = Math.max(watched.likes, version);
  }

  #refresh(streamId: bigint, { pulse, likes }: Watched): void {
    pulse.set({ viewers: this.deps.presence.viewers(streamId), likes });
  }
}
