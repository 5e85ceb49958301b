import { type SqlTransaction, together } from '../../db/database.ts';
import type { LiveEvent, LiveEventDraft } from '../../live/live-event.ts';
import { appendEvents, lockLogs } from '../../live/live-log.ts';
import { readStatuses } from './streams.repo.ts';

/**
 * Appends events to their streams' logs, in the caller's transaction, last; those for streams that are off air are left out, as
 * nothing follows the end of a stream.
 * @returns the events; announce them once the transaction is committed
 */
export async function appendOnAir(sql: SqlTransaction, drafts: readonly LiveEventDraft[]): Promise<LiveEvent[]> {
  if (drafts.length === 0) return [];
  const streamIds = [...new Set(drafts.map(({ streamId }) => streamId))];
  const [, statuses] = await together(lockLogs(sql, streamIds), readStatuses(sql, streamIds));
  return appendEvents(
    sql,
    drafts.filter(({ streamId }) => statuses.get(streamId) === 'LIVE'),
  );
}
