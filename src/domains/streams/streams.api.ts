import { type SqlTransaction, together } from '../../db/database.ts';
import type { LiveEvent, LiveEventDraft } from '../../live/live-event.ts';
import { appendEvents, lockLogs } from '../../live/live-log.ts';
import { readStatuses } from './streams.repo.ts';

export { findStream, type StreamRow } from './streams.repo.ts';

/** Something that ends when its stream does, in the same SQL transaction. */
export type StreamEnding = {
  /**
   * Locks what stands before the logs in the lock order (the migration `trust`), whether or not the stream is live.
   * @returns other streams whose logs `end` writes
   */
  lock?: (sql: SqlTransaction, streamId: bigint) => Promise<readonly bigint[]>;
  /**
   * Ends it. The caller holds the stream's log and has marked the stream as ended.
   * @returns events, to be appended before StreamEnded, and what is to be done once the transaction is committed
   */
  end: (
    sql: SqlTransaction,
    streamId: bigint,
  ) => Promise<{ drafts: readonly LiveEventDraft[]; committed?: () => void }>;
};

/** Somebody who begins to watch a stream's log. */
export type Watching = {
  streamId: bigint;
  /** Undefined: not signed in. */
  viewerId: bigint | undefined;
  /** Ends the transport that the watch came by: the client reconnects, and may then be refused. */
  end: (reason: string) => void;
};

/**
 * Hears of everybody who begins to watch. Throws a DomainError to refuse; otherwise returns what is to be called, once, when the
 * watch ends for whatever reason. Runs for each viewer, never for an event: keep it cheap.
 */
export type WatchHook = (watching: Watching) => Promise<() => void>;

/**
 * Appends events to their streams' logs, in the caller's transaction, last; those for streams that are off air are left out, as
 * nothing follows the end of a stream.
 * @returns the events; announce them once the transaction is committed
 */
export async function appendOnAir<Draft extends LiveEventDraft>(
  sql: SqlTransaction,
  drafts: readonly Draft[],
): Promise<(Draft & LiveEvent)[]> {
  if (drafts.length === 0) return [];
  const streamIds = [...new Set(drafts.map(({ streamId }) => streamId))];
  const [, statuses] = await together(lockLogs(sql, streamIds), readStatuses(sql, streamIds));
  return appendEvents(
    sql,
    drafts.filter(({ streamId }) => statuses.get(streamId) === 'LIVE'),
  );
}
