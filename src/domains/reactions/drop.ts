import type { SqlTransaction } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { reactionEvents } from './reactions.events.ts';
import { findWaitingOf, finishReactions } from './reactions.repo.ts';

/**
 * Takes reactions out of their queues whose gifts are taken back for another reason than that they are skipped. The caller holds
 * the streams' logs.
 * @returns events that say so, to be appended in the same transaction
 */
export async function dropReactions(sql: SqlTransaction, giftSentIds: readonly bigint[]): Promise<LiveEventDraft[]> {
  const ids = await findWaitingOf(sql, giftSentIds);
  if (ids.length === 0) return [];
  return (await finishReactions(sql, ids, 'SKIPPED')).map((reaction) => reactionEvents.skipped(reaction, 0n));
}
