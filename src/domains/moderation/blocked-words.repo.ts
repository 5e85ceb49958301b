import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';

/** Gives a list a new version, before it is changed: changes of one list wait for each other, and servers read it anew. */
export async function changeWordList(sql: SqlTransaction, creatorId: bigint): Promise<void> {
  await rows(
    sql,
    `/* moderation.changeWords */ INSERT INTO word_list AS l (creator_id, version) VALUES ($1, 1)
     ON CONFLICT (creator_id) DO UPDATE SET version = l.version + 1`,
    [creatorId],
  );
}

/** Adds phrases, by what counts as the same. Returns how many are new. */
export async function insertWords(
  sql: SqlTransaction,
  creatorId: bigint,
  phrases: ReadonlyMap<string, string>,
): Promise<number> {
  const inserted = await rows(
    sql,
    `/* moderation.blockWords */ INSERT INTO blocked_word (creator_id, folded, phrase)
     SELECT $1, i.folded, i.phrase FROM unnest($2::text[], $3::text[]) i(folded, phrase)
     ON CONFLICT (creator_id, folded) DO NOTHING RETURNING 1`,
    [creatorId, [...phrases.keys()], [...phrases.values()]],
  );
  return inserted.length;
}

/** Removes phrases. Returns how many there were. */
export async function deleteWords(sql: SqlTransaction, creatorId: bigint, folded: readonly string[]): Promise<number> {
  const deleted = await rows(
    sql,
    '/* moderation.unblockWords */ DELETE FROM blocked_word WHERE creator_id = $1 AND folded = ANY($2) RETURNING 1',
    [creatorId, folded],
  );
  return deleted.length;
}

/** How long a list is. */
export async function countWords(sql: Queryable, creatorId: bigint): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(
    sql,
    '/* moderation.countWords */ SELECT count(*) AS count FROM blocked_word WHERE creator_id = $1',
    [creatorId],
  );
  return Number(counted!.count);
}

/** A whole list. */
export async function readWords(sql: Queryable, creatorId: bigint): Promise<string[]> {
  const found = await rows<{ phrase: string }>(
    sql,
    '/* moderation.words */ SELECT phrase FROM blocked_word WHERE creator_id = $1 ORDER BY id',
    [creatorId],
  );
  return found.map(({ phrase }) => phrase);
}
