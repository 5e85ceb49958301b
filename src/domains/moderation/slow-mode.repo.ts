import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';

const READ = statement(
  'moderation.slowModes',
  'SELECT stream_id AS "streamId", seconds FROM slow_mode WHERE stream_id = ANY($1)',
);

/** The pauses of streams in seconds, in one statement, in the order of the streams; 0 without one. */
export async function readSlowModes(sql: Queryable, streamIds: readonly bigint[]): Promise<number[]> {
  const found = await rows<{ streamId: bigint; seconds: number }>(sql, READ, [streamIds]);
  const seconds = new Map(found.map((row) => [row.streamId, row.seconds]));
  return streamIds.map((streamId) => seconds.get(streamId) ?? 0);
}

/** Sets the pause of a stream; 0 is none. Returns whether that is new. */
export async function writeSlowMode(sql: SqlTransaction, streamId: bigint, seconds: number): Promise<boolean> {
  const written =
    seconds === 0
      ? await rows(sql, '/* moderation.slowOff */ DELETE FROM slow_mode WHERE stream_id = $1 RETURNING 1', [streamId])
      : await rows(
          sql,
          `/* moderation.slowOn */ INSERT INTO slow_mode AS s (stream_id, seconds) VALUES ($1, $2)
           ON CONFLICT (stream_id) DO UPDATE SET seconds = EXCLUDED.seconds WHERE s.seconds <> EXCLUDED.seconds RETURNING 1`,
          [streamId, seconds],
        );
  return written.length > 0;
}

/** Forgets the pause of a stream, and who has had a turn. */
export async function clearSlowMode(sql: SqlTransaction, streamId: bigint): Promise<void> {
  await rows(sql, '/* moderation.forgetSlow */ DELETE FROM slow_mode WHERE stream_id = $1', [streamId]);
  await rows(sql, '/* moderation.forgetTurns */ DELETE FROM slow_turn WHERE stream_id = $1', [streamId]);
}
