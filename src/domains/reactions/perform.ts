import type { Queryable, SqlTransaction } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents } from '../../live/live-log.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { ReactionStateError } from './reactions.errors.ts';
import { reactionEvents } from './reactions.events.ts';
import { findOwned, finishReactions, type OwnedReaction } from './reactions.repo.ts';
import { REACTION_TRANSITIONS, type ReactionState } from './reactions.state.ts';

/**
 * Performs those of these reactions that wait, one a stream at the most. The caller holds the streams' logs.
 * @returns the events; announce them once the transaction is committed
 */
export async function performReactions(sql: SqlTransaction, ids: readonly bigint[]): Promise<LiveEvent[]> {
  if (ids.length === 0) return [];
  return appendEvents(sql, (await finishReactions(sql, ids, 'PERFORMED')).map(reactionEvents.performed));
}

/**
 * A reaction in a stream of the actor's.
 * @param deed what only its creator can do, for the message
 * @throws {NotFoundError} no such reaction
 * @throws {ForbiddenError} it is in somebody else's stream
 */
export async function requireOwn(
  sql: Queryable,
  actor: Actor,
  reactionId: bigint,
  deed: string,
): Promise<OwnedReaction> {
  const reaction = await findOwned(sql, reactionId);
  if (!reaction) throw new NotFoundError('reaction');
  if (reaction.viewerId !== actor.id)
    throw new ForbiddenError(`Only the creator of a stream can ${deed} its reactions.`);
  return reaction;
}

/**
 * Says why a reaction, whose stream's log the caller holds, did not become what it should: it is that already, or something else.
 * @throws {ReactionStateError} it is something else
 */
export async function requireState(sql: Queryable, reactionId: bigint, state: ReactionState): Promise<void> {
  const reaction = await findOwned(sql, reactionId);
  assert(reaction && !REACTION_TRANSITIONS[reaction.state].includes(state), `reaction ${reactionId} does not wait`);
  if (reaction.state !== state) throw new ReactionStateError(reaction.state);
}
