import { type Queryable, rows, statement } from '../../db/database.ts';

/** A viewer and a creator. */
export type Follow = { creatorId: bigint; viewerId: bigint };

const FOLLOWED = statement(
  'creators.followed',
  `SELECT f.position::int FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY f(creator_id, viewer_id, position)
    WHERE EXISTS (SELECT 1 FROM follow WHERE creator_id = f.creator_id AND viewer_id = f.viewer_id)`,
);

/** Makes a viewer follow a creator, who exists. Returns whether that is new. */
export async function insertFollow(sql: Queryable, { creatorId, viewerId }: Follow): Promise<boolean> {
  const inserted = await rows(
    sql,
    '/* creators.follow */ INSERT INTO follow (creator_id, viewer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1',
    [creatorId, viewerId],
  );
  return inserted.length > 0;
}

/** Makes a viewer follow a creator no longer. Returns whether they did. */
export async function deleteFollow(sql: Queryable, { creatorId, viewerId }: Follow): Promise<boolean> {
  const deleted = await rows(
    sql,
    '/* creators.unfollow */ DELETE FROM follow WHERE creator_id = $1 AND viewer_id = $2 RETURNING 1',
    [creatorId, viewerId],
  );
  return deleted.length > 0;
}

/** Whether viewers follow creators, in one statement, in the order of the pairs. */
export async function readFollowed(sql: Queryable, pairs: readonly Follow[]): Promise<boolean[]> {
  const found = await rows<{ position: number }>(sql, FOLLOWED, [
    pairs.map(({ creatorId }) => creatorId),
    pairs.map(({ viewerId }) => viewerId),
  ]);
  const followed = new Set(found.map(({ position }) => position));
  return pairs.map((_pair, index) => followed.has(index + 1));
}
