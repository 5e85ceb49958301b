import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { isLockTimeout } from '../../db/sql-errors.ts';
import { FAILED, type Periodic } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { limitLockWait, lockFreeLogs, lockLog } from '../../live/live-log.ts';
import { performReactions } from './perform.ts';
import { findDue, HAS_DUE, lockDue, readHeads } from './reactions.repo.ts';

/** How often the clock looks: a reaction is late by so much at the most, on an idle machine. */
export const CLOCK_INTERVAL_MS = 250;
/** Streams that one look serves, the longest idle first; the next goes on. And those of one SQL transaction: gifts to them wait for it. */
const STREAMS_PER_LOOK_MAX = 1_000;
const STREAMS_PER_TRANSACTION_MAX = 100;
/** Streams with a busy log that one look waits for, and how long for each. */
const BUSY_STREAMS_PER_LOOK_MAX = 50;
const BUSY_LOG_WAIT_MS_MAX = 100;

/**
 * Performs what is next in the streams of creators who wish it, when what was performed last has had its time. When that is stands
 * in the database, as the queue does: what a server that died has left goes on with whichever looks next. Any number of servers may
 * look at once: a performance belongs to the holder of the stream's log, who looks again whether it is due, so it comes once.
 */
export class AutoPerform {
  #looking: Periodic | undefined;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    private readonly intervalMs: number = CLOCK_INTERVAL_MS,
  ) {}

  start(): void {
    const { intervalMs } = this;
    this.#looking = this.deps.db.sweeps.start({
      name: 'reactions',
      intervalMs,
      due: HAS_DUE,
      work: () => this.#look(),
    });
  }

  async close(): Promise<void> {
    await this.#looking?.stop();
  }

  /** Never holds many logs while it waits for one: the free ones are done together, and those that were busy one by one. */
  async #look(): Promise<unknown> {
    const { db, log } = this.deps;
    try {
      const streamIds = await findDue(db.pool, STREAMS_PER_LOOK_MAX);
      const busy: bigint[] = [];
      for (let from = 0; from < streamIds.length; from += STREAMS_PER_TRANSACTION_MAX) {
        const part = streamIds.slice(from, from + STREAMS_PER_TRANSACTION_MAX);
        const free = await this.#perform((sql) => lockFreeLogs(sql, part));
        busy.push(...part.filter((id) => !free.includes(id)));
      }
      for (const streamId of busy.slice(0, BUSY_STREAMS_PER_LOOK_MAX)) await this.#performInBusy(streamId);
    } catch (error) {
      log.warn({ err: error }, 'performing reactions by the clock failed; the next look tries again');
      return FAILED;
    }
  }

  async #performInBusy(streamId: bigint): Promise<void> {
    try {
      await this.#perform(async (sql) => {
        await limitLockWait(sql, BUSY_LOG_WAIT_MS_MAX);
        await lockLog(sql, streamId);
        return [streamId];
      });
    } catch (error) {
      // What waits there is still due at the next look.
      if (!isLockTimeout(error)) throw error;
    }
  }

  /** @param lock locks logs, and says which */
  async #perform(lock: (sql: SqlTransaction) => Promise<bigint[]>): Promise<bigint[]> {
    const { db, live } = this.deps;
    const { locked, events } = await db.inTransaction(async (sql) => {
      const locked = await lock(sql);
      const due = locked.length > 0 ? await lockDue(sql, locked) : [];
      const heads = due.length > 0 ? await readHeads(sql, due) : [];
      const events: LiveEvent[] = await performReactions(sql, heads);
      return { locked, events };
    });
    live.announce(events);
    return locked;
  }
}
