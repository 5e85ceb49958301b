import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { isLockTimeout } from '../../db/sql-errors.ts';
import { FAILED } from '../../kernel/every.ts';
import type { Live } from '../../live/live.ts';
import { limitLockWait, lockFreeLogs, lockLog } from '../../live/live-log.ts';
import { topics } from '../../live/topics.ts';
import {
  archiveListings,
  findProductsToList,
  listProducts,
  listVariants,
  lockShop,
  withdrawVariants,
} from './listings.repo.ts';
import { findStreamsWithNewGifts, noteGiftsWhilePinned } from './pinned-gifts.repo.ts';
import { countSignals, removeDust } from './trends.repo.ts';

/** Signals that one statement counts, and statements of one sweep; the next goes on. */
export const SIGNALS_PER_BATCH_MAX = 1_000;
const BATCHES_PER_SWEEP_MAX = 100;
/** Streams whose gifts one transaction notes: gifts to them wait for it. */
const STREAMS_PER_TRANSACTION_MAX = 100;
/** Streams that one sweep looks at; the next goes on. */
const STREAMS_PER_SWEEP_MAX = 1_000;
/** Streams with a busy log that one sweep waits for, and how long for each. */
const BUSY_STREAMS_PER_SWEEP_MAX = 50;
const BUSY_LOG_WAIT_MS_MAX = 100;
/** Scores that one sweep removes. */
const DUST_PER_SWEEP_MAX = 10_000;

type Deps = { db: Database; live: Live; log: Logger };

/** Turns the signals that wait into scores. Any number of servers may do so at once. */
export async function sweepSignals({ db, live, log }: Deps): Promise<unknown> {
  let changed = 0;
  let result: unknown;
  let lastId = 0n;
  try {
    for (let batch = 0; batch < BATCHES_PER_SWEEP_MAX; batch++) {
      const counted = await countSignals(db.pool, SIGNALS_PER_BATCH_MAX, lastId);
      changed += counted.changed;
      if (counted.taken < SIGNALS_PER_BATCH_MAX) break;
      lastId = counted.lastId!;
    }
  } catch (error) {
    log.warn({ err: error }, 'counting what trends failed; the next sweep tries again');
    result = FAILED;
  }
  if (changed > 0) live.changes.announce([topics.trends]);
  return result;
}

/**
 * Notes the gifts that came while a product was pinned. Never holds many logs while it waits for one: the free ones are done together, and
 * those that were busy one by one, waiting a moment for each. They may not be left out, as the busiest stream is busy at every look.
 */
export async function sweepPinnedGifts({ db, log }: Deps): Promise<unknown> {
  try {
    const streamIds = await findStreamsWithNewGifts(db.pool, STREAMS_PER_SWEEP_MAX);
    const done = new Set<bigint>();
    for (let from = 0; from < streamIds.length; from += STREAMS_PER_TRANSACTION_MAX) {
      const locked = await db.inTransaction(async (sql) => {
        const free = await lockFreeLogs(sql, streamIds.slice(from, from + STREAMS_PER_TRANSACTION_MAX));
        if (free.length > 0) await noteGiftsWhilePinned(sql, free);
        return free;
      });
      for (const id of locked) done.add(id);
    }
    const busy = streamIds.filter((id) => !done.has(id));
    for (const streamId of busy.slice(0, BUSY_STREAMS_PER_SWEEP_MAX)) await noteGiftsOfBusy(db, streamId);
  } catch (error) {
    log.warn({ err: error }, 'noting gifts for what is pinned failed; the next sweep tries again');
    return FAILED;
  }
}

async function noteGiftsOfBusy(db: Database, streamId: bigint): Promise<void> {
  try {
    await db.inTransaction(async (sql) => {
      await limitLockWait(sql, BUSY_LOG_WAIT_MS_MAX);
      await lockLog(sql, streamId);
      await noteGiftsWhilePinned(sql, [streamId]);
    });
  } catch (error) {
    // Its coins are still there at the next look, or when the product is unpinned.
    if (!isLockTimeout(error)) throw error;
  }
}

/**
 * Has the platform's shop list what trends: the partners' own products, who send what it sells. Listings are its own doing: they
 * follow their products, and one that is changed by hand is changed back.
 */
export async function sweepShop({ db, live, log }: Deps): Promise<unknown> {
  try {
    const changed = await db.inTransaction(async (sql) => {
      const shopId = await lockShop(sql);
      if (shopId === undefined) return 0;
      const sourceIds = await findProductsToList(sql);
      const archived = await archiveListings(sql, shopId, sourceIds);
      const listed = await listProducts(sql, shopId, sourceIds);
      const variants = await listVariants(sql, shopId, sourceIds);
      return archived + listed + variants + (await withdrawVariants(sql, shopId, sourceIds));
    });
    if (changed > 0) live.changes.announce([topics.products]);
  } catch (error) {
    log.warn({ err: error }, 'listing what trends failed; the next sweep tries again');
    return FAILED;
  }
}

/** Removes scores that have become negligible. Nobody sees them any more, so nobody needs to hear of it. */
export async function sweepDust({ db, log }: Deps): Promise<unknown> {
  try {
    await removeDust(db.pool, DUST_PER_SWEEP_MAX);
  } catch (error) {
    log.warn({ err: error }, 'removing old trends failed; the next sweep tries again');
    return FAILED;
  }
}
