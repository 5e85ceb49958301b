import type { Database } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import type { Changes } from '../../live/changes.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import { noteAction } from './actions.repo.ts';
import { creatorAt, requireModerator } from './authority.ts';
import { clearSlowMode, readSlowModes, writeSlowMode } from './slow-mode.repo.ts';

/** The longest pause between two messages of a viewer. */
export const SLOW_SECONDS_MAX = 3_600;
/** Streams that one statement looks up. */
const STREAMS_PER_READ_MAX = 100;

/** How long viewers of a stream must wait between two messages. */
export class SlowModes {
  readonly #seconds: DataLoader<bigint, number>;

  constructor(private readonly deps: { db: Database; changes: Changes }) {
    this.#seconds = new DataLoader((streamIds) => readSlowModes(deps.db.pool, streamIds), {
      cache: false,
      maxBatchSize: STREAMS_PER_READ_MAX,
    });
  }

  /** The pause in a stream's chat in seconds; 0 without one. Those asked for at once are read together. */
  secondsOf(streamId: bigint): Promise<number> {
    return this.#seconds.load(streamId);
  }

  /**
   * Makes a stream's chat slow; 0 seconds make it quick again. The same again changes nothing.
   * @throws {NotFoundError} no such stream
   * @throws {ForbiddenError} the actor does not moderate there
   */
  async set(actor: Actor, streamId: bigint, seconds: number): Promise<{ replayed: boolean }> {
    const { db, changes } = this.deps;
    const changed = await db.inTransaction(async (sql) => {
      const creatorId = await creatorAt(sql, { streamId });
      await requireModerator(sql, actor, creatorId);
      const changed = await writeSlowMode(sql, streamId, seconds);
      const reason = seconds === 0 ? 'off' : `${seconds} seconds`;
      if (changed) await noteAction(sql, { creatorId, actorId: actor.id, kind: 'SLOW_MODE_SET', streamId, reason });
      return changed;
    });
    if (changed) changes.announce([topics.stream(streamId), topics.liveStreams]);
    return { replayed: !changed };
  }

  /** A stream that has ended needs no turns. */
  readonly ending: StreamEnding = {
    end: async (sql, streamId) => {
      await clearSlowMode(sql, streamId);
      return { drafts: [] };
    },
  };
}
