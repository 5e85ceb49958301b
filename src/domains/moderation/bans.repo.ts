import { type Queryable, rows, statement } from '../../db/database.ts';
import { EVERYWHERE, type SqlEnd } from './restrictions.repo.ts';

/** A ban from the whole platform that is in force. */
export type PlatformBan = { viewerId: bigint; bannedUntil: Date | number };

/** Somebody at a stream. */
export type Place = { streamId: bigint; viewerId: bigint };

const PLATFORM = `SELECT viewer_id AS "viewerId", banned_until AS "bannedUntil" FROM restriction
  WHERE creator_id = ${EVERYWHERE} AND banned_until > clock_timestamp()`;
const EVERYBODY = statement('moderation.platformBans', PLATFORM);
const OF_VIEWER = statement('moderation.platformBanOf', `${PLATFORM} AND viewer_id = $1`);
const AT_STREAMS = statement(
  'moderation.bansAt',
  `SELECT r.stream_id AS "streamId", r.viewer_id AS "viewerId", r.banned_until AS "bannedUntil"
     FROM restricted($1, $2) r WHERE r.banned_until IS NOT NULL`,
);
/** All bans from the whole platform. */
export function readPlatformBans(sql: Queryable): Promise<PlatformBan[]> {
  return rows<PlatformBan>(sql, EVERYBODY);
}

/** The ban of a viewer from the whole platform. */
export async function readPlatformBanOf(sql: Queryable, viewerId: bigint): Promise<PlatformBan | undefined> {
  const [ban] = await rows<PlatformBan>(sql, OF_VIEWER, [viewerId]);
  return ban;
}

/** The ends of bans that keep viewers from streams, in one statement, in the order of the places; null without a ban. */
export async function readBansAt(sql: Queryable, places: readonly Place[]): Promise<SqlEnd[]> {
  const found = await rows<Place & { bannedUntil: SqlEnd }>(sql, AT_STREAMS, [
    places.map(({ streamId }) => streamId),
    places.map(({ viewerId }) => viewerId),
  ]);
  const ends = new Map(found.map((row) => [`${row.streamId}:${row.viewerId}`, row.bannedUntil]));
  return places.map(({ streamId, viewerId }) => ends.get(`${streamId}:${viewerId}`) ?? null);
}
