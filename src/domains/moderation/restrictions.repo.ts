import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';

/** The creator that stands for all of the platform. */
export const EVERYWHERE = 0n;

/** When something is over; null: never. */
export type End = { until: Date | null };

/** Postgres's 'infinity' comes as a number. */
export type SqlEnd = Date | number | null;

/** What keeps a viewer from a creator's streams. */
export type RestrictionRow = { viewerId: bigint; creatorId: bigint; ban: End | null; mute: End | null };

/** What may be done to a viewer; seconds undefined: for good. */
export type Restricting =
  | { kind: 'MUTED' | 'BANNED'; seconds: number | undefined }
  | { kind: 'UNMUTED' | 'UNBANNED'; seconds?: undefined };

/** How somebody stands to a creator, and whoever they want to act against. */
export type Standing = {
  /** Undefined: everywhere. */
  isCreator: boolean;
  isModerator: boolean;
  subject: { exists: boolean; isCreator: boolean; isModerator: boolean };
  /** Undefined: no such creator. */
  ownerId: bigint | undefined;
};

const RESTRICT = statement(
  'moderation.restrict',
  `INSERT INTO restriction AS r (viewer_id, creator_id, banned_until, muted_until, gifts_until)
   SELECT $1, $2, CASE WHEN $3 = 'BANNED' THEN t.until END, CASE WHEN $3 = 'MUTED' THEN t.until END, t.until
     FROM (SELECT coalesce(clock_timestamp() + make_interval(secs => $4::float8), 'infinity')::timestamptz(3) AS until) t
   ON CONFLICT (viewer_id, creator_id) DO UPDATE SET
     banned_until = CASE WHEN $3 = 'BANNED' THEN EXCLUDED.banned_until ELSE r.banned_until END,
     muted_until = CASE WHEN $3 = 'MUTED' THEN EXCLUDED.muted_until ELSE r.muted_until END,
     gifts_until = greatest(EXCLUDED.gifts_until, CASE WHEN $3 = 'BANNED' THEN r.muted_until ELSE r.banned_until END)
   RETURNING banned_until AS "bannedUntil", muted_until AS "mutedUntil"`,
);
const LIFT = statement(
  'moderation.lift',
  `UPDATE restriction r SET
     banned_until = CASE WHEN $3 = 'UNBANNED' THEN NULL ELSE r.banned_until END,
     muted_until = CASE WHEN $3 = 'UNMUTED' THEN NULL ELSE r.muted_until END,
     gifts_until = CASE WHEN $3 = 'UNBANNED' THEN r.muted_until ELSE r.banned_until END
    WHERE viewer_id = $1 AND creator_id = $2
      AND CASE WHEN $3 = 'UNBANNED' THEN r.banned_until ELSE r.muted_until END > clock_timestamp() RETURNING 1`,
);
const READ = statement(
  'moderation.restriction',
  `SELECT CASE WHEN banned_until > clock_timestamp() THEN banned_until END AS "bannedUntil",
          CASE WHEN muted_until > clock_timestamp() THEN muted_until END AS "mutedUntil"
     FROM restriction WHERE viewer_id = $1 AND creator_id = $2`,
);
const STANDING = statement(
  'moderation.standing',
  `SELECT c.viewer_id AS "ownerId", v.id IS NOT NULL AS exists, a.viewer_id IS NOT NULL AS moderates, m.viewer_id IS NOT NULL AS "subjectModerates"
     FROM (SELECT $1::bigint AS creator_id, $2::bigint AS actor_id, $3::bigint AS viewer_id) i
     LEFT JOIN creator c ON c.id = i.creator_id
     LEFT JOIN viewer v ON v.id = i.viewer_id
     LEFT JOIN moderator a ON a.creator_id = i.creator_id AND a.viewer_id = i.actor_id
     LEFT JOIN moderator m ON m.creator_id = i.creator_id AND m.viewer_id = i.viewer_id`,
);

const CREATOR_OF = statement('moderation.creatorOf', 'SELECT creator_id AS "creatorId" FROM stream WHERE id = $1');

type SqlRestriction = { bannedUntil: SqlEnd; mutedUntil: SqlEnd };

/** An end as Postgres gives it; null when there is none. */
export function toEnd(until: SqlEnd): End | null {
  if (until === null) return null;
  return { until: until instanceof Date ? until : null };
}

/** Mutes or bans: what was said before of the same kind is replaced. Gifts are refused for as long as either lasts. */
export async function restrict(
  sql: SqlTransaction,
  who: { viewerId: bigint; creatorId: bigint },
  what: Extract<Restricting, { kind: 'MUTED' | 'BANNED' }>,
): Promise<End> {
  const [row] = await rows<SqlRestriction>(sql, RESTRICT, [
    who.viewerId,
    who.creatorId,
    what.kind,
    what.seconds ?? null,
  ]);
  return toEnd(what.kind === 'BANNED' ? row!.bannedUntil : row!.mutedUntil)!;
}

/** Lifts a mute or a ban. Returns whether there was one. */
export async function lift(
  sql: SqlTransaction,
  who: { viewerId: bigint; creatorId: bigint },
  kind: 'UNMUTED' | 'UNBANNED',
): Promise<boolean> {
  const lifted = await rows(sql, LIFT, [who.viewerId, who.creatorId, kind]);
  return lifted.length > 0;
}

/** What keeps a viewer from a creator's streams now. */
export async function readRestriction(
  sql: Queryable,
  who: { viewerId: bigint; creatorId: bigint },
): Promise<RestrictionRow> {
  const [row] = await rows<SqlRestriction>(sql, READ, [who.viewerId, who.creatorId]);
  return { ...who, ban: toEnd(row?.bannedUntil ?? null), mute: toEnd(row?.mutedUntil ?? null) };
}

/** How an actor stands to a creator and to somebody else. */
export async function readStanding(
  sql: Queryable,
  of: { creatorId: bigint; actorId: bigint; subjectId: bigint | undefined },
): Promise<Standing> {
  type Row = { ownerId: bigint | null; exists: boolean; moderates: boolean; subjectModerates: boolean };
  const [row] = await rows<Row>(sql, STANDING, [of.creatorId, of.actorId, of.subjectId ?? null]);
  const { ownerId, exists, moderates, subjectModerates } = row!;
  return {
    ownerId: ownerId ?? undefined,
    isCreator: ownerId === of.actorId,
    isModerator: moderates,
    subject: { exists, isCreator: ownerId !== null && ownerId === of.subjectId, isModerator: subjectModerates },
  };
}

/** Whose stream it is; undefined when there is none. */
export async function findCreatorOf(sql: Queryable, streamId: bigint): Promise<bigint | undefined> {
  const [stream] = await rows<{ creatorId: bigint }>(sql, CREATOR_OF, [streamId]);
  return stream?.creatorId;
}
