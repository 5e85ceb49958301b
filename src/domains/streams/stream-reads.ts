import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLookUp } from '../../db/look-up.ts';
import { assert } from '../../kernel/assert.ts';
import type { Changes } from '../../live/changes.ts';
import { KeptValue } from '../../live/kept-value.ts';
import { topics } from '../../live/topics.ts';
import { countLive, findLiveStreams, type LiveStreamRow, readLivePage } from './streams.repo.ts';

/** What everybody sees of streams. Those asked for one by one at the same time are read together. */
export class StreamReads {
  /** A stream by id, on air or not; null when there is none. */
  readonly find: (id: bigint) => Promise<LiveStreamRow | null>;
  readonly #liveCount: KeptValue<number>;

  constructor(
    private readonly db: Database,
    changes: Changes,
  ) {
    this.#liveCount = new KeptValue(() => countLive(db.pool), topics.liveStreams, changes);
    this.find = createLookUp(
      (ids) => findLiveStreams(db.pool, ids),
      ({ id }) => id,
    );
  }

  /** A stream that the caller knows to exist. */
  async get(id: bigint): Promise<LiveStreamRow> {
    const stream = await this.find(id);
    assert(stream, `stream ${id} exists`);
    return stream;
  }

  /** A page of the streams on air, newest first. */
  livePage(keyset: Keyset): Promise<LiveStreamRow[]> {
    return readLivePage(this.db.pool, keyset);
  }

  /** How many streams are on air. Counted after a change, not for each who asks: it takes longer than a page. */
  countLive(): Promise<number> {
    return this.#liveCount.get();
  }
}
