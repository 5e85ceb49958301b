import type { Logger } from 'pino';
import { abortable } from '../../kernel/iterate.ts';
import { Wake } from '../../kernel/wake.ts';
import type { LatestValues } from '../../live/latest.ts';
import type { Presence } from '../../live/presence.ts';

/** How often a pulse is delivered at the most. */
export const PULSE_INTERVAL_MS = 1_000;

/** The coalesced counters of a stream. */
export type PulseValue = { viewers: number; likes: number };
/** The likes of a stream as they travel; the total grows, so it is its own version. */
export type LikesValue = { version: number };

type Watched = {
  likes: number;
  pulse: PulseValue;
  revision: number;
  wake: Wake;
  watchers: number;
  /** Settles when the first pulse is known. */
  ready: Promise<void>;
  stop: () => void;
};

/** The pulses of the streams that this process's viewers watch. One tick looks at all of them. */
export class Pulses {
  readonly #watched = new Map<bigint, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly deps: {
      presence: Presence;
      likes: LatestValues<LikesValue>;
      /** Reads the likes of a stream from Postgres. */
      readLikes: (streamId: bigint) => Promise<number>;
      log: Logger;
    },
    intervalMs: number = PULSE_INTERVAL_MS,
  ) {
    this.#timer = setInterval(() => {
      for (const [streamId, watched] of this.#watched) this.#refresh(streamId, watched);
    }, intervalMs);
    this.#timer.unref();
  }

  /** The pulse now, and then each change, one an interval at the most. */
  watch(streamId: bigint): AsyncIterableIterator<PulseValue> {
    return abortable((signal) => this.#follow(streamId, signal));
  }

  /** Stops the tick. Watchers are ended by closing their transports. */
  close(): void {
    clearInterval(this.#timer);
  }

  async *#follow(streamId: bigint, signal: AbortSignal): AsyncGenerator<PulseValue, void, undefined> {
    const watched = this.#watched.get(streamId) ?? this.#begin(streamId);
    watched.watchers++;
    try {
      await watched.ready;
      let delivered = -1;
      while (!signal.aborted) {
        if (watched.revision > delivered) {
          delivered = watched.revision;
          yield watched.pulse;
        } else {
          await watched.wake.wait(signal);
        }
      }
    } finally {
      watched.watchers--;
      if (watched.watchers === 0) {
        this.#watched.delete(streamId);
        watched.stop();
      }
    }
  }

  #begin(streamId: bigint): Watched {
    const newer = this.deps.likes.watch(streamId);
    const watched: Watched = {
      likes: 0,
      pulse: { viewers: 0, likes: 0 },
      revision: 0,
      wake: new Wake(),
      watchers: 0,
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

  async #keepUp(newer: AsyncIterable<LikesValue>, watched: Watched): Promise<void> {
    for await (const { version } of newer) watched.likes = Math.max(watched.likes, version);
  }

  #refresh(streamId: bigint, watched: Watched): void {
    const pulse = { viewers: this.deps.presence.viewers(streamId), likes: watched.likes };
    if (pulse.viewers === watched.pulse.viewers && pulse.likes === watched.pulse.likes) return;
    watched.pulse = pulse;
    watched.revision++;
    watched.wake.wakeAll();
  }
}
