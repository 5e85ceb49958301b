import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { noteAction } from './actions.repo.ts';
import { requireModerator } from './authority.ts';
import {
  closeReport,
  countReports,
  findSameReport,
  findSubject,
  insertReport,
  lockReport,
  type ReportFilter,
  type ReportReason,
  type ReportRow,
  type ReportState,
  readReport,
  readReportPage,
} from './reports.repo.ts';
import { EVERYWHERE } from './restrictions.repo.ts';

/** What is reported: a stream, somebody (perhaps in a stream), or a message of a stream's chat. */
export type Reported = { streamId?: bigint | undefined; viewerId?: bigint | undefined; seq?: bigint | undefined };

/** What people report, and what becomes of it. */
export class Reports {
  constructor(private readonly db: Database) {}

  /**
   * Files a report, once per person and subject: again, it is the one that was filed, as it stands.
   * @throws {NotFoundError} there is no such stream, viewer or message
   * @throws {ForbiddenError} it is about the reporter
   */
  async file(
    actor: Actor,
    reported: Reported,
    why: { reason: ReportReason; note: string | undefined },
  ): Promise<{ report: ReportRow; replayed: boolean }> {
    const { streamId = 0n, viewerId = 0n, seq = 0n } = reported;
    const subject = seq > 0n ? 'CHAT_MESSAGE' : viewerId > 0n ? 'VIEWER' : 'STREAM';
    const found = await findSubject(this.db.pool, { subject, streamId, viewerId, seq });
    if (!found) throw new NotFoundError({ STREAM: 'stream', VIEWER: 'viewer', CHAT_MESSAGE: 'chat message' }[subject]);
    if (found.viewerId === actor.id) throw new ForbiddenError('You cannot report yourself.');
    return this.db.inTransaction(async (sql) => {
      // Nobody is the judge of what is said about themselves: reports of streams and creators are the operators'.
      const creatorId = found.isOwner ? EVERYWHERE : found.creatorId;
      const { viewerId, quote } = found;
      const draft = { reporterId: actor.id, subject, creatorId, streamId, viewerId, seq, quote, ...why } as const;
      const inserted = await insertReport(sql, draft);
      const id = inserted ?? (await findSameReport(sql, draft));
      return { report: await readReport(sql, id), replayed: inserted === undefined };
    });
  }

  /**
   * Reports, oldest first: about people in a creator's streams but the actor, or, to operators, all of them.
   * @throws {NotFoundError} no such creator
   * @throws {ForbiddenError} the actor does not moderate there
   */
  async list(
    actor: Actor,
    which: Omit<ReportFilter, 'exceptViewerId'>,
  ): Promise<{ page: (keyset: Keyset) => Promise<ReportRow[]>; count: () => Promise<number> }> {
    const { pool } = this.db;
    await requireModerator(pool, actor, which.creatorId ?? EVERYWHERE);
    const filter = { ...which, exceptViewerId: actor.id };
    return {
      page: (keyset) => readReportPage(pool, keyset, filter),
      count: () => countReports(pool, filter),
    };
  }

  /**
   * Closes a report. One that is closed stays as it is.
   * @throws {NotFoundError} no such report, or none that the actor may see
   */
  async resolve(
    actor: Actor,
    id: bigint,
    how: { state: Exclude<ReportState, 'OPEN'>; note: string | undefined },
  ): Promise<{ report: ReportRow; replayed: boolean }> {
    return this.db.inTransaction(async (sql) => {
      const found = await lockReport(sql, id);
      if (!found || found.viewerId === actor.id) throw new NotFoundError('report');
      await requireModerator(sql, actor, found.creatorId).catch((error: unknown) => {
        // To outsiders a report that is not theirs to see looks like none.
        throw error instanceof ForbiddenError ? new NotFoundError('report') : error;
      });
      if (found.state === 'OPEN') {
        await closeReport(sql, id, { actorId: actor.id, ...how });
        const { creatorId, viewerId, streamId } = found;
        const action = { creatorId, viewerId, streamId: streamId === 0n ? undefined : streamId, reason: how.note };
        await noteAction(sql, { ...action, actorId: actor.id, kind: 'REPORT_RESOLVED' });
      }
      return { report: await readReport(sql, id), replayed: found.state !== 'OPEN' };
    });
  }
}
