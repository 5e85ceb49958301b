import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { CreatorRow } from '../creators/creators.api.ts';
import { type ChatRefusal, type SqlEnd, takePartRefusal } from '../moderation/moderation.api.ts';
import type { StreamTerms } from '../wallet/wallet.api.ts';
import type { StreamStatus } from './streams.state.ts';

/** A stream, as the rules need it. */
export type StreamRow = { id: bigint; status: StreamStatus; creatorId: bigint; viewerId: bigint };

/** A stream as everybody sees it. */
export type LiveStreamRow = {
  id: bigint;
  title: string;
  status: StreamStatus;
  startedAt: Date | null;
  endedAt: Date | null;
  creator: CreatorRow;
};

const CREATOR_COLUMNS = `s.creator_id AS "creatorId", c.viewer_id AS "viewerId", v.handle, v.display_name AS "displayName"`;

/** The list holds live streams only, so each is what its creator is live with. */
const LIVE_PAGE = keysetStatements(
  'streams.livePage',
  { id: 'id', order: 'DESC' },
  ({ where, direction, limitMax }) =>
    `SELECT s.id, s.title, s.started_at AS "startedAt", ${CREATOR_COLUMNS}
       FROM (SELECT id, title, started_at, creator_id FROM stream WHERE status = 'LIVE' AND ${where}
              ORDER BY id ${direction} LIMIT ${limitMax}) s
       JOIN creator c ON c.id = s.creator_id JOIN viewer v ON v.id = c.viewer_id ORDER BY s.id ${direction} LIMIT $1`,
);
const COUNT_LIVE = statement('streams.countLive', `SELECT count(*) AS count FROM stream WHERE status = 'LIVE'`);
const BY_ID = lookUpStatements(
  'streams.byId',
  (equals) => `SELECT s.id, s.title, s.status, s.started_at AS "startedAt", s.ended_at AS "endedAt", ${CREATOR_COLUMNS},
          live.id AS "liveId", live.title AS "liveTitle", live.started_at AS "liveStartedAt"
     FROM stream s JOIN creator c ON c.id = s.creator_id JOIN viewer v ON v.id = c.viewer_id
     LEFT JOIN stream live ON live.creator_id = c.id AND live.status = 'LIVE' WHERE s.id ${equals}`,
);

type FlatCreator = { creatorId: bigint; viewerId: bigint; handle: string; displayName: string };
type FlatLiveStream = FlatCreator & { id: bigint; title: string; startedAt: Date };
type FlatStream = Omit<LiveStreamRow, 'creator'> &
  FlatCreator & { liveId: bigint | null; liveTitle: string; liveStartedAt: Date };

const STATUSES = statement('streams.statuses', 'SELECT id, status FROM stream WHERE id = ANY($1)');

/** A page of the streams on air, newest first. */
export async function readLivePage(sql: Queryable, keyset: Keyset): Promise<LiveStreamRow[]> {
  const found = await readKeyset<FlatLiveStream>(sql, LIVE_PAGE, keyset);
  return found.map((row) => {
    const { id, title, startedAt } = row;
    return { id, title, status: 'LIVE', startedAt, endedAt: null, creator: toCreator(row, { id, title, startedAt }) };
  });
}

/** How many streams are on air. */
export async function countLive(sql: Queryable): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(sql, COUNT_LIVE);
  return Number(counted!.count);
}

/** Streams by id, on air or not, in one statement, in any order. */
export async function findLiveStreams(sql: Queryable, ids: readonly bigint[]): Promise<LiveStreamRow[]> {
  const found = await lookUp<FlatStream>(sql, BY_ID, ids);
  return found.map((row) => {
    const { id, title, status, startedAt, endedAt, liveId, liveTitle, liveStartedAt } = row;
    const onAir = liveId === null ? null : { id: liveId, title: liveTitle, startedAt: liveStartedAt };
    return { id, title, status, startedAt, endedAt, creator: toCreator(row, onAir) };
  });
}

function toCreator({ creatorId, viewerId, handle, displayName }: FlatCreator, onAir: CreatorRow['onAir']): CreatorRow {
  return { id: creatorId, viewerId, handle, displayName, onAir };
}

/** Reads a stream and the viewer it belongs to. */
export async function findStream(sql: Queryable, streamId: bigint): Promise<StreamRow | undefined> {
  const [stream] = await rows<StreamRow>(
    sql,
    `/* streams.find */ SELECT s.id, s.status, s.creator_id AS "creatorId", c.viewer_id AS "viewerId"
       FROM stream s JOIN creator c ON c.id = s.creator_id WHERE s.id = $1`,
    [streamId],
  );
  return stream;
}

/** Where streams stand, in one statement; one that does not exist is left out. */
export async function readStatuses(sql: Queryable, streamIds: readonly bigint[]): Promise<Map<bigint, StreamStatus>> {
  const found = await rows<{ id: bigint; status: StreamStatus }>(sql, STATUSES, [streamIds]);
  return new Map(found.map(({ id, status }) => [id, status]));
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

/** Likes of one viewer in one stream. */
export type LikesDraft = { streamId: bigint; viewerId: bigint; count: bigint };

/** What became of likes: the new totals of live streams, and who may not like where, and until when. */
export type AddedLikes = {
  totals: Map<bigint, bigint>;
  refused: { streamId: bigint; viewerId: bigint; refusal: Extract<ChatRefusal, { until: unknown }> }[];
};

/** Adds likes to live streams, except those of viewers who are muted or banned there, in one statement. */
export async function addLikes(sql: Queryable, likes: readonly LikesDraft[]): Promise<AddedLikes> {
  type Row = { streamId: bigint; likes: bigint | null; viewerId: bigint; bannedUntil: SqlEnd; mutedUntil: SqlEnd };
  const found = await rows<Row>(
    sql,
    `/* streams.addLikes */ WITH refused AS MATERIALIZED (SELECT * FROM restricted($1::bigint[], $2::bigint[])), added AS (
       INSERT INTO stream_likes AS l (stream_id, likes)
       SELECT s.id, i.likes FROM (
         SELECT d.stream_id, sum(d.likes)::bigint AS likes FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) d(stream_id, viewer_id, likes)
          WHERE NOT EXISTS (SELECT FROM refused r WHERE r.stream_id = d.stream_id AND r.viewer_id = d.viewer_id) GROUP BY d.stream_id
       ) i JOIN stream s ON s.id = i.stream_id AND s.status = 'LIVE' ORDER BY s.id
       ON CONFLICT (stream_id) DO UPDATE SET likes = l.likes + EXCLUDED.likes RETURNING stream_id, likes
     )
     SELECT stream_id AS "streamId", likes, NULL::bigint AS "viewerId", NULL::timestamptz AS "bannedUntil", NULL::timestamptz AS "mutedUntil"
       FROM added
     UNION ALL SELECT stream_id, NULL, viewer_id, banned_until, muted_until FROM refused`,
    [likes.map(({ streamId }) => streamId), likes.map(({ viewerId }) => viewerId), likes.map(({ count }) => count)],
  );
  const added: AddedLikes = { totals: new Map(), refused: [] };
  for (const { streamId, likes: total, viewerId, ...ends } of found) {
    const refusal = takePartRefusal(ends);
    if (total !== null) added.totals.set(streamId, total);
    else if (refusal) added.refused.push({ streamId, viewerId, refusal });
  }
  return added;
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
