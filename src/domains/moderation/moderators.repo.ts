import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { PersonRow } from './actions.repo.ts';

/** Somebody who moderates a creator's streams. */
export type ModeratorRow = PersonRow & { creatorId: bigint };

const OF_CREATORS = lookUpStatements(
  'moderation.moderatorsOf',
  (equals) => `SELECT m.creator_id AS "creatorId", v.id, v.handle, v.display_name AS "displayName"
     FROM moderator m JOIN viewer v ON v.id = m.viewer_id WHERE m.creator_id ${equals} ORDER BY m.creator_id, m.appointed_at, v.id`,
);

/** Who moderates for creators, in the order of their appointment, in one statement. */
export function readModerators(sql: Queryable, creatorIds: readonly bigint[]): Promise<ModeratorRow[]> {
  return lookUp<ModeratorRow>(sql, OF_CREATORS, creatorIds);
}

/**
 * Appoints a moderator, unless there are as many as may be. Appointments of a creator wait for each other.
 * @returns whether that is new; undefined when there is no room
 */
export async function insertModerator(
  sql: SqlTransaction,
  moderator: { creatorId: bigint; viewerId: bigint },
  moderatorsMax: number,
): Promise<boolean | undefined> {
  await rows(sql, '/* moderation.lockCreator */ SELECT 1 FROM creator WHERE id = $1 FOR NO KEY UPDATE', [
    moderator.creatorId,
  ]);
  const [found] = await rows<{ count: bigint; known: boolean }>(
    sql,
    `/* moderation.countModerators */ SELECT count(*) AS count, coalesce(bool_or(viewer_id = $2), false) AS known
       FROM moderator WHERE creator_id = $1`,
    [moderator.creatorId, moderator.viewerId],
  );
  if (found!.known) return false;
  if (found!.count >= BigInt(moderatorsMax)) return undefined;
  await rows(sql, '/* moderation.appoint */ INSERT INTO moderator (creator_id, viewer_id) VALUES ($1, $2)', [
    moderator.creatorId,
    moderator.viewerId,
  ]);
  return true;
}

/** Dismisses a moderator. Returns whether they were one. */
export async function deleteModerator(
  sql: SqlTransaction,
  moderator: { creatorId: bigint; viewerId: bigint },
): Promise<boolean> {
  const deleted = await rows(
    sql,
    '/* moderation.dismiss */ DELETE FROM moderator WHERE creator_id = $1 AND viewer_id = $2 RETURNING 1',
    [moderator.creatorId, moderator.viewerId],
  );
  return deleted.length > 0;
}
