import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { callOnce } from '../../db/idempotent.ts';
import DataLoader from '../../db/loader.ts';
import { createLookUp } from '../../db/look-up.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents, lockLog } from '../../live/live-log.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { ensureCreator } from '../creators/creators.api.ts';
import { lockForReversal } from '../gifts/gifts.api.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { AutoPerform } from './auto-perform.ts';
import { performReactions, requireOwn, requireState } from './perform.ts';
import {
  findAuto,
  findReactions,
  findStreamOwner,
  type ReactionRow,
  readHeads,
  readQueues,
  setAutoPerform,
} from './reactions.repo.ts';
import { ReactionRules } from './rules.ts';
import { createEnding, skipReactions } from './skip.ts';

/** Queues that one statement reads. */
const QUEUES_PER_READ_MAX = 100;
const PERFORM_NEXT = 'performNextReaction';

/** Intervals that tests override. */
export type ReactionsOptions = { clockIntervalMs?: number };

/** Reactions: what creators do for gifts, what waits in their streams, and how it is performed or paid back. */
export class Reactions {
  readonly rules: ReactionRules;
  /** What becomes of reactions when their stream ends. */
  readonly ending: StreamEnding;
  /** A reaction by id, waiting or not; null when there is none. */
  readonly find: (id: bigint) => Promise<ReactionRow | null>;
  readonly #queues: DataLoader<{ streamId: bigint; limit: number }, ReactionRow[]>;
  readonly #auto: (creatorId: bigint) => Promise<{ creatorId: bigint } | null>;
  readonly #clock: AutoPerform;

  constructor(
    private readonly deps: { db: Database; live: Live; wallets: Wallets; log: Logger },
    options: ReactionsOptions = {},
  ) {
    const { pool } = deps.db;
    this.rules = new ReactionRules(deps);
    this.ending = createEnding(deps.wallets);
    this.#clock = new AutoPerform(deps, options.clockIntervalMs);
    this.find = createLookUp(
      (ids) => findReactions(pool, ids),
      ({ id }) => id,
    );
    this.#auto = createLookUp(
      (creatorIds) => findAuto(pool, creatorIds),
      ({ creatorId }) => creatorId,
    );
    this.#queues = new DataLoader((requests) => readQueues(pool, requests), {
      cache: false,
      maxBatchSize: QUEUES_PER_READ_MAX,
    });
  }

  /** What waits in a stream, in the order in which it will be performed. Queues asked for at once are read together. */
  queueOf(streamId: bigint, limit: number): Promise<ReactionRow[]> {
    return this.#queues.load({ streamId, limit });
  }

  /** Whether a creator's reactions are performed by the clock. */
  async isAuto(creatorId: bigint): Promise<boolean> {
    return (await this.#auto(creatorId)) !== null;
  }

  /**
   * Performs a reaction that waits, whatever waits before it. Performing it again changes nothing.
   * @throws {NotFoundError} no such reaction
   * @throws {ForbiddenError} it is in somebody else's stream
   * @throws {ReactionStateError} it is skipped
   */
  async perform(actor: Actor, reactionId: bigint): Promise<{ replayed: boolean }> {
    const { db, live } = this.deps;
    const events = await db.inTransaction(async (sql) => {
      const { streamId } = await requireOwn(sql, actor, reactionId, 'perform');
      await lockLog(sql, streamId);
      const performed = await performReactions(sql, [reactionId]);
      if (performed.length === 0) await requireState(sql, reactionId, 'PERFORMED');
      return performed;
    });
    live.announce(events);
    return { replayed: events.length === 0 };
  }

  /**
   * Performs what is next in a stream, once per key.
   * @throws {NotFoundError} no such stream, or nothing waits
   * @throws {ForbiddenError} it is somebody else's
   * @throws {StreamNotLiveError}
   * @throws {IdempotencyConflictError} the key stands for another stream
   */
  async performNext(
    actor: Actor,
    { streamId, idempotencyKey }: { streamId: bigint; idempotencyKey: string },
  ): Promise<{ reactionId: bigint; replayed: boolean }> {
    const { db, live } = this.deps;
    const call = {
      actorId: actor.id,
      operation: PERFORM_NEXT,
      key: idempotencyKey,
      inputHash: hashInput({ streamId }),
    };
    let events: LiveEvent[] = [];
    const { result, replayed } = await callOnce(db, call, async (sql) => {
      await lockLog(sql, streamId);
      const stream = await findStreamOwner(sql, streamId);
      if (!stream) throw new NotFoundError('stream');
      if (stream.viewerId !== actor.id) throw new ForbiddenError('Only the creator of a stream can perform in it.');
      if (!stream.isLive) throw new StreamNotLiveError();
      const [reactionId] = await readHeads(sql, [streamId]);
      if (reactionId === undefined) throw new NotFoundError('reaction: nothing waits');
      events = await performReactions(sql, [reactionId]);
      return { reactionId: String(reactionId) };
    });
    if (!replayed) live.announce(events);
    return { reactionId: BigInt(result.reactionId), replayed };
  }

  /**
   * Skips a reaction that waits, and pays its gift back to who sent it. Skipping it again changes nothing.
   * @throws {NotFoundError} no such reaction
   * @throws {ForbiddenError} it is in somebody else's stream
   * @throws {ReactionStateError} it is performed
   */
  async skip(actor: Actor, reactionId: bigint): Promise<{ replayed: boolean }> {
    const { db, live, wallets } = this.deps;
    const { events, paid } = await db.inTransaction(async (sql) => {
      const { giftSentId } = await requireOwn(sql, actor, reactionId, 'skip');
      const gifts = await lockForReversal(sql, wallets, [giftSentId]);
      const skipped = await skipReactions(sql, wallets, [reactionId], gifts);
      if (skipped.drafts.length === 0) await requireState(sql, reactionId, 'SKIPPED');
      return { events: await appendEvents(sql, skipped.drafts), paid: skipped.wallets };
    });
    live.announce(events);
    wallets.announce(paid);
    return { replayed: events.length === 0 };
  }

  /**
   * Has the actor's reactions performed by the clock, one when the one before has had its time, in whatever stream they are live
   * with; or not. Nobody's are until they ask for it. Whoever does so is a creator from then on.
   * @returns the creator
   */
  async setAutoPerform(actor: Actor, enabled: boolean): Promise<{ creatorId: bigint; replayed: boolean }> {
    const { creatorId, isNew, isChanged } = await this.deps.db.inTransaction(async (sql) => {
      const creator = await ensureCreator(sql, actor.id);
      return { ...creator, isChanged: await setAutoPerform(sql, creator.creatorId, enabled) };
    });
    const changed = [...(isNew ? [topics.creators] : []), ...(isChanged ? [topics.reactionRules(creatorId)] : [])];
    if (changed.length > 0) this.deps.live.changes.announce(changed);
    return { creatorId, replayed: !isChanged };
  }

  /** Starts the clock, for what waits since a server died, too. */
  start(): void {
    this.#clock.start();
  }

  async close(): Promise<void> {
    await this.#clock.close();
  }
}
