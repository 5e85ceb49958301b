import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLists } from '../../db/look-up.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import type { Bus } from '../../live/bus.ts';
import type { Changes } from '../../live/changes.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { type ActionRow, countActions, noteAction, readActionPage } from './actions.repo.ts';
import { creatorAt, requireCreator, requireModerator, requirePowerOver, type Where } from './authority.ts';
import { Bans } from './bans.ts';
import { BlockedWords } from './blocked-words.ts';
import { deleteModerator, insertModerator, type ModeratorRow, readModerators } from './moderators.repo.ts';
import { Reports } from './reports.ts';
import {
  type End,
  EVERYWHERE,
  lift,
  type RestrictionRow,
  readRestriction,
  readStanding,
  restrict,
} from './restrictions.repo.ts';
import { SlowModes } from './slow-mode.ts';

/** A mute lasts so many times as long as the moderator says: a muted viewer neither chats nor gifts for twice the mute. */
export const MUTE_FACTOR = 2;
/** The longest mute, in seconds: two weeks as the moderator says it. Who is to stay away for longer is banned. */
export const MUTE_SECONDS_MAX = 14 * 24 * 3600;
/** The longest ban that has an end: a year. */
export const BAN_SECONDS_MAX = 366 * 24 * 3600;
/** Moderators of one creator. */
export const MODERATORS_MAX = 100;
/** Characters of a reason. */
export const REASON_LENGTH_MAX = 500;

/** What tests override. */
export type ModerationOptions = { banCheckIntervalMs?: number };

/** What is to be done to whom, where and why. */
export type Measure = Where & { viewerId: bigint; seconds?: number | undefined; reason?: string | undefined };

/** Mutes, bans, moderators and what they did; words, slow mode and reports each have a class of their own. */
export class Moderation {
  /** Ends what banned viewers have open. */
  readonly bans: Bans;
  /** Who moderates for a creator, in the order of their appointment. */
  readonly moderatorsOf: (creatorId: bigint) => Promise<ModeratorRow[]>;
  readonly slowModes: SlowModes;
  readonly words: BlockedWords;
  readonly reports: Reports;

  constructor(
    private readonly deps: { db: Database; bus: Bus; changes: Changes; log: Logger },
    options: ModerationOptions = {},
  ) {
    this.bans = new Bans(deps, options.banCheckIntervalMs);
    this.slowModes = new SlowModes(deps);
    this.words = new BlockedWords(deps.db);
    this.reports = new Reports(deps.db);
    this.moderatorsOf = createLists(
      (creatorIds) => readModerators(deps.db.pool, creatorIds),
      ({ creatorId }) => creatorId,
    );
  }

  start(): void {
    this.bans.start();
  }

  close(): Promise<void> {
    return this.bans.close();
  }

  /**
   * Keeps a viewer from chat, likes and gifts for twice the seconds. A later mute replaces an earlier one.
   * @returns when it is over
   * @throws {NotFoundError} no such stream, creator or viewer
   * @throws {ForbiddenError} the actor has no power over the viewer there
   */
  mute(actor: Actor, measure: Measure & { seconds: number }): Promise<{ restriction: RestrictionRow; end: End }> {
    return this.#restrict(actor, measure, { kind: 'MUTED', seconds: measure.seconds * MUTE_FACTOR });
  }

  /**
   * Keeps a viewer from watching and from taking part, for so many seconds or for good; ends what they have open. A moderator is
   * none any more. A later ban replaces an earlier one. Errors: as {@link mute}.
   */
  ban(actor: Actor, measure: Measure): Promise<{ restriction: RestrictionRow; end: End }> {
    return this.#restrict(actor, measure, { kind: 'BANNED', seconds: measure.seconds });
  }

  /** Ends a mute. Errors: as {@link mute}. */
  unmute(actor: Actor, measure: Measure): Promise<{ restriction: RestrictionRow; replayed: boolean }> {
    return this.#lift(actor, measure, 'UNMUTED');
  }

  /** Ends a ban. Errors: as {@link mute}. */
  unban(actor: Actor, measure: Measure): Promise<{ restriction: RestrictionRow; replayed: boolean }> {
    return this.#lift(actor, measure, 'UNBANNED');
  }

  /**
   * Lets a viewer moderate a creator's streams: the actor's own, unless an operator names another.
   * @throws {NotFoundError} no such creator or viewer
   * @throws {ForbiddenError} the creator is somebody else, or the viewer is banned there, or the creator
   * @throws {InvalidInputError} there are as many moderators as may be
   */
  async addModerator(actor: Actor, change: { creatorId: bigint; viewerId: bigint }): Promise<{ replayed: boolean }> {
    const added = await this.deps.db.inTransaction(async (sql) => {
      const { subject } = await requireCreator(sql, actor, change.creatorId, change.viewerId);
      if (!subject.exists) throw new NotFoundError('viewer');
      if (subject.isCreator) throw new ForbiddenError('A creator needs no appointment.');
      if ((await readRestriction(sql, change)).ban) throw new ForbiddenError('The viewer is banned: unban them first.');
      const added = await insertModerator(sql, change, MODERATORS_MAX);
      if (added === undefined) {
        const message = `A creator has ${MODERATORS_MAX} moderators at the most.`;
        throw new InvalidInputError([{ path: 'input.viewerId', message }]);
      }
      if (added) await noteAction(sql, { ...change, actorId: actor.id, kind: 'MODERATOR_ADDED' });
      return added;
    });
    return { replayed: !added };
  }

  /** Lets a viewer moderate no longer. Errors: as {@link addModerator}. */
  async removeModerator(actor: Actor, change: { creatorId: bigint; viewerId: bigint }): Promise<{ replayed: boolean }> {
    const removed = await this.deps.db.inTransaction(async (sql) => {
      await requireCreator(sql, actor, change.creatorId);
      const removed = await deleteModerator(sql, change);
      if (removed) await noteAction(sql, { ...change, actorId: actor.id, kind: 'MODERATOR_REMOVED' });
      return removed;
    });
    return { replayed: !removed };
  }

  /** Whether somebody moderates a creator's streams: the creator, a moderator, an operator. */
  async isModerator(actor: Actor, creatorId: bigint): Promise<boolean> {
    if (actor.isOperator) return true;
    const standing = await readStanding(this.deps.db.pool, { creatorId, actorId: actor.id, subjectId: undefined });
    return standing.isCreator || standing.isModerator;
  }

  /**
   * What was done, newest first: for a creator's streams, or, to operators, everywhere.
   * @throws {NotFoundError} no such creator
   * @throws {ForbiddenError} the actor does not moderate there
   */
  async log(
    actor: Actor,
    filter: { creatorId: bigint | undefined; viewerId: bigint | undefined },
  ): Promise<{ page: (keyset: Keyset) => Promise<ActionRow[]>; count: () => Promise<number> }> {
    const { pool } = this.deps.db;
    await requireModerator(pool, actor, filter.creatorId ?? EVERYWHERE);
    return {
      page: (keyset) => readActionPage(pool, keyset, filter),
      count: () => countActions(pool, filter),
    };
  }

  async #restrict(
    actor: Actor,
    measure: Measure,
    what: Parameters<typeof restrict>[2],
  ): Promise<{ restriction: RestrictionRow; end: End }> {
    const { viewerId, streamId, reason } = measure;
    const done = await this.deps.db.inTransaction(async (sql) => {
      const creatorId = await creatorAt(sql, measure);
      const { subject } = await requirePowerOver(sql, actor, creatorId, viewerId);
      const who = { viewerId, creatorId };
      const end = await restrict(sql, who, what);
      if (what.kind === 'BANNED' && subject.isModerator) await deleteModerator(sql, who);
      await noteAction(sql, { ...who, actorId: actor.id, kind: what.kind, streamId, reason, end });
      return { restriction: await readRestriction(sql, who), end };
    });
    if (what.kind === 'BANNED') await this.bans.announce(viewerId, done.restriction.creatorId);
    return done;
  }

  async #lift(
    actor: Actor,
    measure: Measure,
    kind: 'UNMUTED' | 'UNBANNED',
  ): Promise<{ restriction: RestrictionRow; replayed: boolean }> {
    const { viewerId, streamId, reason } = measure;
    const done = await this.deps.db.inTransaction(async (sql) => {
      const creatorId = await creatorAt(sql, measure);
      await requirePowerOver(sql, actor, creatorId, viewerId);
      const who = { viewerId, creatorId };
      const lifted = await lift(sql, who, kind);
      if (lifted) await noteAction(sql, { ...who, actorId: actor.id, kind, streamId, reason });
      return { restriction: await readRestriction(sql, who), replayed: !lifted };
    });
    if (kind === 'UNBANNED') await this.bans.announce(viewerId, done.restriction.creatorId);
    return done;
  }
}
