import type { Logger } from 'pino';
import type { Database, Queryable } from '../../db/database.ts';
import { callOnce } from '../../db/idempotent.ts';
import { createLists, createLookUp } from '../../db/look-up.ts';
import { ForbiddenError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents, lockLog } from '../../live/live-log.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { findStream, type StreamEnding, type StreamRow } from '../streams/streams.api.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { GoalStateError } from './goals.errors.ts';
import { type GoalView, goalEvents } from './goals.events.ts';
import {
  countOpenGoals,
  endOpenGoals,
  findGoals,
  findGoalsOf,
  type GoalDraft,
  insertGoal,
  isGiftOnSale,
  markStreams,
} from './goals.repo.ts';
import { endLevelOf } from './level-endings.ts';
import { LevelSweep } from './level-sweep.ts';
import { findLevels, type LevelRow, type LevelRules } from './levels.repo.ts';

/** Goals that are open in one stream at the same time. */
export const OPEN_GOALS_MAX = 5;
/** Goals that a stream shows: the open ones, and the newest of those that are over. */
export const GOALS_SHOWN_MAX = 20;
/** What a goal may ask for, as the table has it. */
export const GOAL_TARGET_MAX = 1_000_000_000_000;
/** Characters of a goal's title. */
export const GOAL_TITLE_LENGTH_MAX = 100;
/** Coins that the crowd has to give within the window to set off, and then from each level to the next. */
export const LEVEL_COINS: readonly number[] = [2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000];
/** How long the first of them may take. */
export const LEVEL_WINDOW_MS = 60_000;
/** How long a run lasts unless a level is reached, which begins the time anew. */
export const LEVEL_MS = 120_000;
/** How long after a run no other begins. */
export const LEVEL_COOLDOWN_MS = 300_000;
const OPERATION = 'startGoal';

/** Rules and intervals that tests override. */
export type GoalsOptions = Partial<LevelRules> & { sweepIntervalMs?: number };

/** What a creator asks the crowd for, and the level that it gets to. */
export class Goals {
  /** A goal by id, open or not; null when there is none. */
  readonly find: (id: bigint) => Promise<GoalView | null>;
  /** The goals of a stream: the open ones first, the newest first, {@link GOALS_SHOWN_MAX} at the most. */
  readonly ofStream: (streamId: bigint) => Promise<GoalView[]>;
  /** How the crowd of a stream on air stands; null before the first look at it, and after the stream. */
  readonly levelOf: (streamId: bigint) => Promise<LevelRow | null>;
  /** What ends with a stream. */
  readonly ending: StreamEnding = {
    end: async (sql, streamId) => {
      const goals = await endOpenGoals(sql, streamId, null);
      const level = await endLevelOf(sql, streamId);
      await markStreams(sql, [streamId]);
      return { drafts: [...goals.map((goal) => goalEvents.ended(goal)), ...level] };
    },
  };
  readonly #sweep: LevelSweep;

  constructor(
    private readonly deps: { db: Database; live: Live; log: Logger },
    options: GoalsOptions = {},
  ) {
    const { pool } = deps.db;
    this.find = createLookUp(
      (ids: readonly bigint[]) => findGoals(pool, ids),
      ({ id }) => BigInt(id),
    );
    this.ofStream = createLists(
      (streamIds: readonly bigint[]) => findGoalsOf(pool, streamIds, GOALS_SHOWN_MAX),
      ({ streamId }) => BigInt(streamId),
    );
    this.levelOf = createLookUp(
      (streamIds: readonly bigint[]) => findLevels(pool, streamIds),
      ({ streamId }) => streamId,
    );
    const { steps, windowMs, levelMs, cooldownMs, sweepIntervalMs } = options;
    const rules = {
      steps: steps ?? LEVEL_COINS,
      windowMs: windowMs ?? LEVEL_WINDOW_MS,
      levelMs: levelMs ?? LEVEL_MS,
      cooldownMs: cooldownMs ?? LEVEL_COOLDOWN_MS,
    };
    this.#sweep = new LevelSweep(deps, rules, sweepIntervalMs);
  }

  /**
   * Begins a goal in a stream of the actor's, once per key. It counts from now on.
   * @throws {NotFoundError} no such stream, or no such gift on sale
   * @throws {ForbiddenError} somebody else's stream
   * @throws {StreamNotLiveError}
   * @throws {InvalidInputError} a gift is missing, or there is one that does not belong
   * @throws {GoalStateError} as many goals are open as may be
   * @throws {IdempotencyConflictError} the key stands for another goal
   */
  async startGoal(
    actor: Actor,
    { idempotencyKey, ...draft }: GoalDraft & { idempotencyKey: string },
  ): Promise<{ goalId: bigint; replayed: boolean }> {
    checkGift(draft);
    const { db, live } = this.deps;
    let events: LiveEvent[] = [];
    const call = { actorId: actor.id, key: idempotencyKey, operation: OPERATION, inputHash: hashInput(draft) };
    const { result, replayed } = await callOnce(db, call, async (sql) => {
      await lockLog(sql, draft.streamId);
      const { status } = await requireOwnStream(sql, actor, draft.streamId, 'begin a goal in it');
      if (status !== 'LIVE') throw new StreamNotLiveError();
      if (draft.giftId !== null && !(await isGiftOnSale(sql, draft.giftId))) throw new NotFoundError('gift');
      if ((await countOpenGoals(sql, draft.streamId)) >= OPEN_GOALS_MAX) {
        throw new GoalStateError(`A stream has ${OPEN_GOALS_MAX} open goals at the most: end one first.`, null);
      }
      const goal = await insertGoal(sql, draft);
      events = await appendEvents(sql, [goalEvents.started(goal)]);
      return { goalId: String(goal.id) };
    });
    if (!replayed) live.announce(events);
    return { goalId: BigInt(result.goalId), replayed };
  }

  /**
   * Ends a goal that is not reached. Ending an ended one changes nothing.
   * @throws {NotFoundError} no such goal
   * @throws {ForbiddenError} it is in somebody else's stream
   * @throws {GoalStateError} it is reached already
   */
  async endGoal(actor: Actor, goalId: bigint): Promise<{ replayed: boolean }> {
    const { db, live } = this.deps;
    const events = await db.inTransaction(async (sql) => {
      const [found] = await findGoals(sql, [goalId]);
      if (!found) throw new NotFoundError('goal');
      const streamId = BigInt(found.streamId);
      await requireOwnStream(sql, actor, streamId, 'end its goals');
      await lockLog(sql, streamId);
      const [ended] = await endOpenGoals(sql, streamId, goalId);
      if (ended) return appendEvents(sql, [goalEvents.ended(ended)]);
      const [goal] = await findGoals(sql, [goalId]);
      if (goal!.state === 'REACHED') throw new GoalStateError('The goal is reached: it stands.', goal!.state);
      return [];
    });
    live.announce(events);
    return { replayed: events.length === 0 };
  }

  /** Starts moving levels on when time has passed, those of a server that died included. */
  start(): void {
    this.#sweep.start();
  }

  async close(): Promise<void> {
    await this.#sweep.close();
  }
}

function checkGift({ kind, giftId }: GoalDraft): void {
  if ((kind === 'GIFTS') === (giftId !== null)) return;
  const message = kind === 'GIFTS' ? 'Say which kind of gift counts.' : 'Only a goal of the kind GIFTS has a gift.';
  throw new InvalidInputError([{ path: 'input.giftId', message }]);
}

async function requireOwnStream(sql: Queryable, actor: Actor, streamId: bigint, deed: string): Promise<StreamRow> {
  const stream = await findStream(sql, streamId);
  if (!stream) throw new NotFoundError('stream');
  if (stream.viewerId !== actor.id) throw new ForbiddenError(`Only the creator of a stream can ${deed}.`);
  return stream;
}
