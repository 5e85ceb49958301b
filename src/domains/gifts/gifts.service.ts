import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { classifyBatchError } from '../../db/sql-errors.ts';
import { type DomainError, IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { GroupCommit } from '../../kernel/group-commit.ts';
import { InFlight } from '../../kernel/in-flight.ts';
import type { Cause } from '../../kernel/instruments.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { BannedError, MutedError } from '../moderation/moderation.errors.ts';
import { ReactionQueueFullError } from '../reactions/reactions.errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import type { WalletState, Wallets } from '../wallet/wallet.api.ts';
import { InsufficientCoinsError, SpendingCapReachedError } from '../wallet/wallet.errors.ts';
import { AgeRestrictedError, RegionRestrictedError } from './gifts.errors.ts';
import type { GiftSentEvent } from './gifts.events.ts';
import {
  type GiftOrder,
  type GiftOutcome,
  type GiftRow,
  listGifts,
  listTopGifters,
  sendBatch,
  type TopGifterRow,
} from './gifts.repo.ts';
import { StreakSweep } from './streak-sweep.ts';

/** Gifts of one kind in one call. */
export const QUANTITY_MAX = 1_000;
/** How long a streak stays open for the next gift of its kind. */
export const STREAK_WINDOW_MS = 5_000;
/** Gifts in one SQL transaction. Larger batches gain little and make everybody in them wait longer. */
export const BATCH_MAX = 500;
/** Gifts that may wait; one more is refused with OverloadedError. */
export const QUEUE_MAX = 10_000;
const RETRY_AFTER_MS = 500;
/** A reaction or two later there is room in a full queue. */
const QUEUE_FULL_RETRY_AFTER_MS = 5_000;
const ATTEMPTS_MAX = 5;
/** Leaderboards that one statement reads. */
const BOARDS_PER_READ_MAX = 100;

/** Limits and windows that tests override. */
export type GiftsOptions = { streakWindowMs?: number; sweepIntervalMs?: number; batchMax?: number; queueMax?: number };

/** A gift that was sent, now or by an earlier call with the same key. */
export type SentGift = { event: GiftSentEvent; wallet: WalletState; replayed: boolean };

/** Gifts: the catalogue, sending, streaks and who gave most. */
export class Gifts {
  readonly #writer: GroupCommit<GiftOrder, GiftOutcome>;
  readonly #sweep: StreakSweep;
  readonly #boards: DataLoader<{ streamId: bigint; limit: number }, TopGifterRow[]>;
  readonly #inFlight = new InFlight<GiftOrder, GiftOutcome>(isSame);

  constructor(
    private readonly deps: { db: Database; live: Live; wallets: Wallets; log: Logger },
    private readonly options: GiftsOptions = {},
  ) {
    this.#sweep = new StreakSweep(deps, options.sweepIntervalMs);
    this.#boards = new DataLoader((requests) => listTopGifters(deps.db.pool, requests), {
      cache: false,
      maxBatchSize: BOARDS_PER_READ_MAX,
    });
    this.#writer = new GroupCommit({
      watched: { name: 'gifts', instruments: deps.db.instruments },
      commit: (batch, causes) => this.#commit(batch, causes),
      batchMax: options.batchMax ?? BATCH_MAX,
      queueMax: options.queueMax ?? QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: ATTEMPTS_MAX,
      classify: classifyBatchError,
    });
  }

  /** All kinds of gift on sale, cheapest first. */
  list(): Promise<GiftRow[]> {
    return listGifts(this.deps.db.pool);
  }

  /** Who gave most in a stream. Leaderboards asked for at once are read together. */
  topGifters(streamId: bigint, limit: number): Promise<TopGifterRow[]> {
    return this.#boards.load({ streamId, limit });
  }

  /**
   * Sends a gift, once per key: coins leave the wallet, diamonds are earned and the feed hears of it, all or nothing.
   * @throws {IdempotencyConflictError} the key stands for another gift
   * @throws {InsufficientCoinsError}
   * @throws {SpendingCapReachedError}
   * @throws {AgeRestrictedError}
   * @throws {RegionRestrictedError}
   * @throws {MutedError}
   * @throws {BannedError}
   * @throws {ReactionQueueFullError}
   * @throws {StreamNotLiveError}
   * @throws {NotFoundError} no such stream or gift
   * @throws {OverloadedError}
   */
  async send(actor: Actor, order: Omit<GiftOrder, 'viewerId'>): Promise<SentGift> {
    const full: GiftOrder = { viewerId: actor.id, ...order };
    const identity = `${actor.id}:${order.idempotencyKey}`;
    const { outcome, joined } = await this.#inFlight.run(identity, full, () => this.#writer.submit(full));
    switch (outcome.kind) {
      case 'SENT':
      case 'REPLAYED':
        return { event: outcome.event, wallet: outcome.wallet, replayed: joined || outcome.kind === 'REPLAYED' };
      default:
        throw refusalOf(outcome);
    }
  }

  /** Starts closing streaks whose window has passed, those of a server that died included. */
  start(): void {
    this.#sweep.start();
  }

  /** Commits what is queued, and stops the sweep. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#sweep.close();
  }

  async #commit(batch: readonly GiftOrder[], causes: readonly (Cause | undefined)[]): Promise<GiftOutcome[]> {
    const { db, live, wallets } = this.deps;
    const committed = await sendBatch(db.pool, batch, this.options.streakWindowMs ?? STREAK_WINDOW_MS);
    live.announce(committed.events, {
      causes,
      isOf: (event, place) => isOf(event, committed.outcomes[place]!, batch[place]!),
    });
    if (committed.events.length > 0) wallets.announce(committed.wallets);
    return committed.outcomes;
  }
}

/** Why a gift was not sent. */
function refusalOf(outcome: Exclude<GiftOutcome, { kind: 'SENT' | 'REPLAYED' }>): DomainError {
  switch (outcome.kind) {
    case 'INSUFFICIENT_COINS':
      return new InsufficientCoinsError(outcome);
    case 'SPENDING_CAP':
      return new SpendingCapReachedError(outcome);
    case 'NOT_ALLOWED':
      return outcome.giftsAllowed ? new AgeRestrictedError(outcome.allowedFrom) : new RegionRestrictedError();
    case 'MUTED':
      return new MutedError(outcome.until);
    case 'BANNED':
      return new BannedError(outcome.until);
    case 'REACTION_QUEUE_FULL':
      return new ReactionQueueFullError(QUEUE_FULL_RETRY_AFTER_MS);
    case 'CONFLICT':
      return new IdempotencyConflictError();
    case 'STREAM_NOT_LIVE':
      return new StreamNotLiveError();
    case 'UNKNOWN_STREAM':
      return new NotFoundError('stream');
    case 'UNKNOWN_GIFT':
      return new NotFoundError('gift');
  }
}

/** Whether the event is the one of a gift that was sent now; what it leads to is of all who gave in the stream. */
function isOf(event: LiveEvent, outcome: GiftOutcome, { streamId }: GiftOrder): boolean {
  if (outcome.kind !== 'SENT') return false;
  return event.type === 'GIFT_SENT' ? outcome.event === event : event.streamId === streamId;
}

function isSame(one: GiftOrder, other: GiftOrder): boolean {
  return one.streamId === other.streamId && one.giftId === other.giftId && one.quantity === other.quantity;
}
