import { type Queryable, rows } from '../../db/database.ts';
import { firstDay, type Quarter } from './quarters.ts';

/** What a report can be opened as. */
export const REPORT_FORMATS = ['HTML', 'CSV', 'JSON'] as const;

/** One of {@link REPORT_FORMATS}. */
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** What a link opens. */
export type LinkTarget = { quarter: Quarter; format: ReportFormat };

/** Notes a link. Returns when it ends. */
export async function insertLink(
  sql: Queryable,
  link: LinkTarget & { keyHash: Buffer; viewerId: bigint; lifeMs: number },
): Promise<Date> {
  const [inserted] = await rows<{ expiresAt: Date }>(
    sql,
    `/* reports.insertLink */ INSERT INTO report_link (key_hash, quarter, format, viewer_id, expires_at)
       VALUES ($1, $2::date, $3, $4, clock_timestamp() + make_interval(secs => $5::float8 / 1000)) RETURNING expires_at AS "expiresAt"`,
    [link.keyHash, firstDay(link.quarter), link.format, link.viewerId, link.lifeMs],
  );
  return inserted!.expiresAt;
}

/** Takes a link that opens just this and has not ended: of any number of calls, on any number of servers, one gets it. Returns whose it was. */
export async function takeLink(sql: Queryable, keyHash: Buffer, target: LinkTarget): Promise<bigint | undefined> {
  const [taken] = await rows<{ viewerId: bigint }>(
    sql,
    `/* reports.takeLink */ DELETE FROM report_link
      WHERE key_hash = $1 AND quarter = $2::date AND format = $3 AND expires_at > clock_timestamp() RETURNING viewer_id AS "viewerId"`,
    [keyHash, firstDay(target.quarter), target.format],
  );
  return taken?.viewerId;
}

/** Removes up to so many links that have ended unused. */
export async function removeEndedLinks(sql: Queryable, limit: number): Promise<void> {
  await rows(
    sql,
    `/* reports.removeLinks */ DELETE FROM report_link WHERE key_hash = ANY(ARRAY(
       SELECT key_hash FROM report_link WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))`,
    [limit],
  );
}
