import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import { type End, type SqlEnd, toEnd } from './restrictions.repo.ts';

/** What moderators do. */
export const ACTION_KINDS = [
  'MUTED',
  'UNMUTED',
  'BANNED',
  'UNBANNED',
  'MODERATOR_ADDED',
  'MODERATOR_REMOVED',
  'SLOW_MODE_SET',
  'WORDS_BLOCKED',
  'WORDS_UNBLOCKED',
  'REPORT_RESOLVED',
] as const;

/** One of {@link ACTION_KINDS}. */
export type ActionKind = (typeof ACTION_KINDS)[number];

/** Something that was done, to be noted. */
export type ActionDraft = {
  creatorId: bigint;
  actorId: bigint;
  kind: ActionKind;
  viewerId?: bigint | undefined;
  streamId?: bigint | undefined;
  reason?: string | undefined;
  /** Undefined: it has no duration. */
  end?: End | undefined;
};

/** A person as everybody sees them. */
export type PersonRow = { id: bigint; handle: string; displayName: string };

/** Something that was done. */
export type ActionRow = {
  id: bigint;
  creatorId: bigint;
  kind: ActionKind;
  actor: PersonRow;
  viewer: PersonRow | null;
  streamId: bigint | null;
  reason: string | null;
  end: End | null;
  createdAt: Date;
};

const NOTE = statement(
  'moderation.note',
  `INSERT INTO moderation_action (creator_id, actor_id, kind, viewer_id, stream_id, reason, until, created_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())`,
);
const PAGE = keysetStatements(
  'moderation.log',
  { id: 'id', order: 'DESC', values: 2 },
  ({ where, direction, limitMax }) =>
    `SELECT m.id, m.creator_id AS "creatorId", m.kind, m.stream_id AS "streamId", m.reason, m.until, m.created_at AS "createdAt",
            a.id AS "actorId", a.handle AS "actorHandle", a.display_name AS "actorName",
            v.id AS "viewerId", v.handle AS "viewerHandle", v.display_name AS "viewerName"
       FROM (SELECT * FROM moderation_action WHERE ($2::bigint IS NULL OR creator_id = $2) AND ($3::bigint IS NULL OR viewer_id = $3)
              AND ${where} ORDER BY id ${direction} LIMIT ${limitMax}) m
       JOIN viewer a ON a.id = m.actor_id LEFT JOIN viewer v ON v.id = m.viewer_id ORDER BY m.id ${direction} LIMIT $1`,
);

/** Which actions: of one creator, or of all of them; about one viewer, or about anybody. */
export type ActionFilter = { creatorId: bigint | undefined; viewerId: bigint | undefined };

type FlatAction = Omit<ActionRow, 'actor' | 'viewer' | 'end'> & {
  until: SqlEnd;
  actorId: bigint;
  actorHandle: string;
  actorName: string;
  viewerId: bigint | null;
  viewerHandle: string;
  viewerName: string;
};

/** Notes what was done, in the transaction that does it. */
export async function noteAction(sql: SqlTransaction, action: ActionDraft): Promise<void> {
  const { end } = action;
  await rows(sql, NOTE, [
    action.creatorId,
    action.actorId,
    action.kind,
    action.viewerId ?? null,
    action.streamId ?? null,
    action.reason ?? null,
    end ? (end.until ?? 'infinity') : null,
  ]);
}

/** A page of what was done, newest first. */
export async function readActionPage(sql: Queryable, keyset: Keyset, filter: ActionFilter): Promise<ActionRow[]> {
  const found = await readKeyset<FlatAction>(sql, PAGE, keyset, [filter.creatorId ?? null, filter.viewerId ?? null]);
  return found.map((row) => ({
    id: row.id,
    creatorId: row.creatorId,
    kind: row.kind,
    actor: { id: row.actorId, handle: row.actorHandle, displayName: row.actorName },
    viewer: row.viewerId === null ? null : { id: row.viewerId, handle: row.viewerHandle, displayName: row.viewerName },
    streamId: row.streamId,
    reason: row.reason,
    end: toEnd(row.until),
    createdAt: row.createdAt,
  }));
}

/** How many actions there are. */
export async function countActions(sql: Queryable, filter: ActionFilter): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(
    sql,
    `/* moderation.countLog */ SELECT count(*) AS count FROM moderation_action
      WHERE ($1::bigint IS NULL OR creator_id = $1) AND ($2::bigint IS NULL OR viewer_id = $2)`,
    [filter.creatorId ?? null, filter.viewerId ?? null],
  );
  return Number(counted!.count);
}
