import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import type { StreamTerms } from '../wallet/wallet.api.ts';
import type { StreamStatus } from './streams.state.ts';

/** A stream, as the rules need it. */
export type StreamRow = { id: bigint; status: StreamStatus; viewerId: bigint };

/** Reads a stream and the viewer it belongs to. */
export async function findStream(sql: Queryable, streamId: bigint): Promise<StreamRow | undefined> {
  const [stream] = await rows<StreamRow>(
    sql,
    `/* streams.find */ SELECT s.id, s.status, c.viewer_id AS "viewerId" FROM stream s JOIN creator c ON c.id = s.creator_id
      WHERE s.id = $1`,
    [streamId],
  );
  return stream;
}

/** Inserts a live stream. A creator's second one raises the unique index stream_one_live_per_creator. */
export async function insertStream(
  sql: SqlTransaction,
  stream: { creatorId: bigint; title: string; terms: StreamTerms },
): Promise<bigint> {
  const { terms } = stream;
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* streams.insert */ INSERT INTO stream (creator_id, title, status, rate_card_id, rate_coins, rate_diamonds,
       gifts_account_id, issuance_account_id, pending_account_id, started_at)
     VALUES ($1, $2, 'LIVE', $3, $4, $5, $6, $7, $8, clock_timestamp()) RETURNING id`,
    [
      stream.creatorId,
      stream.title,
      terms.rateCardId,
      terms.rateCoins,
      terms.rateDiamonds,
      terms.giftsAccountId,
      terms.issuanceAccountId,
      terms.pendingAccountId,
    ],
  );
  return inserted!.id;
}

/** The stream that a viewer is live with. */
export async function findLiveStreamOf(sql: Queryable, viewerId: bigint): Promise<bigint | undefined> {
  const [stream] = await rows<{ id: bigint }>(
    sql,
    `/* streams.liveOf */ SELECT s.id FROM stream s JOIN creator c ON c.id = s.creator_id
      WHERE c.viewer_id = $1 AND s.status = 'LIVE'`,
    [viewerId],
  );
  return stream?.id;
}

/** Ends a stream, whose log the caller has locked. */
export async function markEnded(sql: SqlTransaction, streamId: bigint): Promise<void> {
  await rows(sql, "/* streams.end */ UPDATE stream SET status = 'ENDED', ended_at = clock_timestamp() WHERE id = $1", [
    streamId,
  ]);
}

/**
 * Adds likes to live streams, in one statement.
 * @returns the new totals; streams that are not live are left out
 */
export async function addLikes(sql: Queryable, likes: ReadonlyMap<bigint, bigint>): Promise<Map<bigint, bigint>> {
  const totals = await rows<{ stream_id: bigint; likes: bigint }>(
    sql,
    `/* streams.addLikes */ INSERT INTO stream_likes AS l (stream_id, likes)
     SELECT s.id, i.likes FROM unnest($1::bigint[], $2::bigint[]) i(stream_id, likes)
       JOIN stream s ON s.id = i.stream_id AND s.status = 'LIVE' ORDER BY s.id
     ON CONFLICT (stream_id) DO UPDATE SET likes = l.likes + EXCLUDED.likes RETURNING stream_id, likes`,
    [[...likes.keys()], [...likes.values()]],
  );
  return new Map(totals.map((row) => [row.stream_id, row.likes]));
}

/** The likes of streams, in one statement; a stream without likes is left out. */
export async function readLikes(sql: Queryable, streamIds: readonly bigint[]): Promise<Map<bigint, bigint>> {
  const totals = await rows<{ stream_id: bigint; likes: bigint }>(
    sql,
    '/* streams.likes */ SELECT stream_id, likes FROM stream_likes WHERE stream_id = ANY($1)',
    [streamIds],
  );
  return new Map(totals.map((row) => [row.stream_id, row.likes]));
}
