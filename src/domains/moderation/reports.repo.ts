import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import type { PersonRow } from './actions.repo.ts';

/** What can be reported. */
export const REPORT_SUBJECTS = ['STREAM', 'VIEWER', 'CHAT_MESSAGE'] as const;
/** Why. */
export const REPORT_REASONS = [
  'SPAM',
  'HARASSMENT',
  'HATE',
  'VIOLENCE',
  'SEXUAL_CONTENT',
  'MINOR_SAFETY',
  'SELF_HARM',
  'SCAM',
  'ILLEGAL_GOODS',
  'OTHER',
] as const;
/** Where a report stands. */
export const REPORT_STATES = ['OPEN', 'ACTED', 'DISMISSED'] as const;

export type ReportSubject = (typeof REPORT_SUBJECTS)[number];
export type ReportReason = (typeof REPORT_REASONS)[number];
export type ReportState = (typeof REPORT_STATES)[number];

/** What somebody reports; 0 stands for none. */
export type ReportDraft = {
  reporterId: bigint;
  subject: ReportSubject;
  creatorId: bigint;
  streamId: bigint;
  viewerId: bigint;
  seq: bigint;
  quote: string | undefined;
  reason: ReportReason;
  note: string | undefined;
};

/** A report. */
export type ReportRow = {
  id: bigint;
  subject: ReportSubject;
  creatorId: bigint;
  streamId: bigint;
  seq: bigint;
  reporter: PersonRow;
  viewer: PersonRow;
  quote: string | null;
  reason: ReportReason;
  note: string | null;
  state: ReportState;
  resolutionNote: string | null;
  resolvedAt: Date | null;
  createdAt: Date;
};

type FlatReport = Omit<ReportRow, 'reporter' | 'viewer'> & {
  reporterId: bigint;
  reporterHandle: string;
  reporterName: string;
  viewerId: bigint;
  viewerHandle: string;
  viewerName: string;
};

const COLUMNS = `r.id, r.subject, r.creator_id AS "creatorId", r.stream_id AS "streamId", r.seq, r.quote, r.reason, r.note, r.state,
  r.resolution_note AS "resolutionNote", r.resolved_at AS "resolvedAt", r.created_at AS "createdAt",
  a.id AS "reporterId", a.handle AS "reporterHandle", a.display_name AS "reporterName",
  v.id AS "viewerId", v.handle AS "viewerHandle", v.display_name AS "viewerName"`;
const PEOPLE = 'JOIN viewer a ON a.id = r.reporter_id JOIN viewer v ON v.id = r.viewer_id';
const PAGE = keysetStatements(
  'moderation.reports',
  { id: 'id', order: 'ASC', values: 3 },
  ({ where, direction, limitMax }) =>
    `SELECT ${COLUMNS}
       FROM (SELECT * FROM report WHERE ($2::bigint IS NULL OR creator_id = $2) AND ($3::text IS NULL OR state = $3)
              AND viewer_id <> $4 AND ${where} ORDER BY id ${direction} LIMIT ${limitMax}) r ${PEOPLE} ORDER BY r.id ${direction} LIMIT $1`,
);

/** Which reports: about one creator's streams, or all; in one state, or in any. */
export type ReportFilter = {
  creatorId: bigint | undefined;
  state: ReportState | undefined;
  /** Not those about this viewer. */
  exceptViewerId: bigint;
};

/** Files a report. Returns its id, or undefined when the same person has reported the same thing before. */
export async function insertReport(sql: SqlTransaction, report: ReportDraft): Promise<bigint | undefined> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* moderation.report */ INSERT INTO report (reporter_id, subject, creator_id, stream_id, viewer_id, seq, quote, reason, note, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
     ON CONFLICT (reporter_id, subject, stream_id, viewer_id, seq) DO NOTHING RETURNING id`,
    [
      report.reporterId,
      report.subject,
      report.creatorId,
      report.streamId,
      report.viewerId,
      report.seq,
      report.quote ?? null,
      report.reason,
      report.note ?? null,
    ],
  );
  return inserted?.id;
}

/** The id of the report that a person has filed of something before. */
export async function findSameReport(sql: Queryable, report: ReportDraft): Promise<bigint> {
  const [found] = await rows<{ id: bigint }>(
    sql,
    `/* moderation.sameReport */ SELECT id FROM report
      WHERE reporter_id = $1 AND subject = $2 AND stream_id = $3 AND viewer_id = $4 AND seq = $5`,
    [report.reporterId, report.subject, report.streamId, report.viewerId, report.seq],
  );
  return found!.id;
}

/** A report, with its row locked. */
export async function lockReport(
  sql: SqlTransaction,
  id: bigint,
): Promise<{ creatorId: bigint; state: ReportState; viewerId: bigint; streamId: bigint } | undefined> {
  const [found] = await rows<{ creatorId: bigint; state: ReportState; viewerId: bigint; streamId: bigint }>(
    sql,
    `/* moderation.lockReport */ SELECT creator_id AS "creatorId", state, viewer_id AS "viewerId", stream_id AS "streamId"
       FROM report WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return found;
}

/** Closes a report. */
export async function closeReport(
  sql: SqlTransaction,
  id: bigint,
  by: { actorId: bigint; state: Exclude<ReportState, 'OPEN'>; note: string | undefined },
): Promise<void> {
  await rows(
    sql,
    `/* moderation.closeReport */ UPDATE report SET state = $2, resolved_by = $3, resolution_note = $4, resolved_at = clock_timestamp()
      WHERE id = $1`,
    [id, by.state, by.actorId, by.note ?? null],
  );
}

/** A report by id, which there is. */
export async function readReport(sql: Queryable, id: bigint): Promise<ReportRow> {
  const [found] = await rows<FlatReport>(
    sql,
    `/* moderation.reportById */ SELECT ${COLUMNS} FROM report r ${PEOPLE} WHERE r.id = $1`,
    [id],
  );
  return toReport(found!);
}

/** A page of reports, oldest first. */
export async function readReportPage(sql: Queryable, keyset: Keyset, filter: ReportFilter): Promise<ReportRow[]> {
  const found = await readKeyset<FlatReport>(sql, PAGE, keyset, valuesOf(filter));
  return found.map(toReport);
}

/** How many reports there are. */
export async function countReports(sql: Queryable, filter: ReportFilter): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(
    sql,
    `/* moderation.countReports */ SELECT count(*) AS count FROM report
      WHERE ($1::bigint IS NULL OR creator_id = $1) AND ($2::text IS NULL OR state = $2) AND viewer_id <> $3`,
    valuesOf(filter),
  );
  return Number(counted!.count);
}

type Subject = {
  creatorId: bigint;
  /** Who is reported. */
  viewerId: bigint;
  quote: string | undefined;
  /** Whether that is the creator themselves. */
  isOwner: boolean;
};

/** What is reported, as it is now: whose it is, and what it says. Undefined when there is no such thing. */
export async function findSubject(
  sql: Queryable,
  of: { subject: ReportSubject; streamId: bigint; viewerId: bigint; seq: bigint },
): Promise<Subject | undefined> {
  type Row = {
    creatorId: bigint | null;
    ownerId: bigint;
    title: string;
    viewerId: bigint | null;
    senderId: bigint | null;
    text: string;
  };
  const [found] = await rows<Row>(
    sql,
    `/* moderation.subject */ SELECT s.creator_id AS "creatorId", c.viewer_id AS "ownerId", s.title, v.id AS "viewerId",
            (e.payload->'sender'->>'id')::bigint AS "senderId", e.payload->>'text' AS text
       FROM (SELECT $1::bigint AS stream_id, $2::bigint AS viewer_id, $3::bigint AS seq) i
       LEFT JOIN stream s ON s.id = i.stream_id LEFT JOIN creator c ON c.id = s.creator_id
       LEFT JOIN viewer v ON v.id = i.viewer_id
       LEFT JOIN live_event e ON e.stream_id = i.stream_id AND e.seq = i.seq AND e.type = 'CHAT_MESSAGE'`,
    [of.streamId, of.viewerId, of.seq],
  );
  const { creatorId, ownerId, title, viewerId, senderId, text } = found!;
  if (of.streamId !== 0n && creatorId === null) return undefined;
  const about = (whom: bigint, quote: string | undefined): Subject => {
    return { creatorId: creatorId ?? 0n, viewerId: whom, quote, isOwner: whom === ownerId };
  };
  switch (of.subject) {
    case 'STREAM':
      return about(ownerId, title);
    case 'VIEWER':
      return viewerId === null ? undefined : about(viewerId, undefined);
    case 'CHAT_MESSAGE':
      return senderId === null ? undefined : about(senderId, text);
  }
}

function valuesOf({ creatorId, state, exceptViewerId }: ReportFilter): unknown[] {
  return [creatorId ?? null, state ?? null, exceptViewerId];
}

function toReport({
  reporterId,
  reporterHandle,
  reporterName,
  viewerId,
  viewerHandle,
  viewerName,
  ...row
}: FlatReport) {
  return {
    ...row,
    reporter: { id: reporterId, handle: reporterHandle, displayName: reporterName },
    viewer: { id: viewerId, handle: viewerHandle, displayName: viewerName },
  };
}
