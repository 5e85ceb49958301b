import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { readKeys, storeKeys } from '../../db/idempotent.ts';
import { createLists, createLookUp } from '../../db/look-up.ts';
import { classifyBatchError } from '../../db/sql-errors.ts';
import { assert } from '../../kernel/assert.ts';
import { ForbiddenError, IdempotencyConflictError, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { GroupCommit } from '../../kernel/group-commit.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Cause } from '../../kernel/instruments.ts';
import type { Live } from '../../live/live.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { appendEvents, lockLog } from '../../live/live-log.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { BannedError } from '../moderation/moderation.errors.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { accountNames, type WalletState, type Wallets } from '../wallet/wallet.api.ts';
import { InsufficientCoinsError } from '../wallet/wallet.errors.ts';
import { BoxSweep } from './box-sweep.ts';
import { BoxEmptyError, BoxStateError } from './boxes.errors.ts';
import { type BoxClaimedPayload, boxEvents } from './boxes.events.ts';
import { CLAIM_WINDOW_MS, OPEN_BOXES_MAX } from './boxes.limits.ts';
import {
  type BoxRow,
  countOpenBoxes,
  findBoxes,
  findOpenBoxes,
  findShares,
  insertBox,
  isLive,
  lockBoxesOf,
} from './boxes.repo.ts';
import { type Claim, claimShares, type JudgedClaim } from './claims.repo.ts';
import { lockFunders, moveOn } from './closing.ts';
import { countSpending, requireFunder } from './funder.repo.ts';

/** Claims in one SQL transaction: their names are one event. */
export const CLAIM_BATCH_MAX = 250;
/** Claims that may wait; one more is refused with OverloadedError. */
const CLAIM_QUEUE_MAX = 20_000;
const RETRY_AFTER_MS = 500;
const ATTEMPTS_MAX = 5;
const OPERATION = 'fundTreasureBox';

/** Intervals and windows that tests override. */
export type BoxesOptions = { sweepIntervalMs?: number; claimWindowMs?: number };

/** What became of one claim, with the wallet behind it. */
type ClaimOutcome =
  | Exclude<JudgedClaim, { coins: bigint }>
  | (Extract<JudgedClaim, { coins: bigint }> & { wallet: WalletState });

/** A box that somebody wants to fund, and their name for the call. */
export type BoxOrder = {
  streamId: bigint;
  coins: bigint;
  shares: number;
  opensInSeconds: number;
  idempotencyKey: string;
};

type Deps = { db: Database; live: Live; wallets: Wallets; log: Logger };

/** Treasure boxes: funding them, claiming shares of them, and giving back what nobody had. */
export class Boxes {
  /** A box by id, whatever its state; null when there is none. */
  readonly find: (id: bigint) => Promise<BoxRow | null>;
  /** The boxes of a stream that are not closed, oldest first. */
  readonly openOf: (streamId: bigint) => Promise<BoxRow[]>;
  readonly #claims: GroupCommit<Claim, ClaimOutcome>;
  readonly #sweep: BoxSweep;

  constructor(
    private readonly deps: Deps,
    private readonly options: BoxesOptions = {},
  ) {
    const { pool } = deps.db;
    this.find = createLookUp(
      (ids) => findBoxes(pool, ids),
      ({ id }) => id,
    );
    this.openOf = createLists(
      (streamIds) => findOpenBoxes(pool, streamIds),
      ({ streamId }) => streamId,
    );
    this.#sweep = new BoxSweep(deps, options.sweepIntervalMs);
    this.#claims = new GroupCommit({
      watched: { name: 'claims', instruments: this.deps.db.instruments },
      commit: (batch, causes) => this.#commit(batch, causes),
      batchMax: CLAIM_BATCH_MAX,
      queueMax: CLAIM_QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: ATTEMPTS_MAX,
      classify: classifyBatchError,
    });
  }

  /** A viewer's share of a box; null when they had none. */
  async shareOf(boxId: bigint, viewerId: bigint): Promise<bigint | null> {
    const shares = await findShares(this.deps.db.pool, [{ boxId, viewerId }]);
    return shares.get(`${boxId}:${viewerId}`) ?? null;
  }

  /**
   * Puts coins from the viewer's wallet into a box, once per key. They count against the viewer's caps like a gift, and so
   * they do when some of them come back.
   * @throws {NotFoundError} no such stream
   * @throws {StreamNotLiveError}
   * @throws {InvalidInputError} less than a coin a share, or too many boxes in the stream
   * @throws {AgeRestrictedError} and RegionRestrictedError, MutedError, BannedError
   * @throws {SpendingCapReachedError}
   * @throws {InsufficientCoinsError}
   * @throws {IdempotencyConflictError} the key stands for another box
   */
  async fund(actor: Actor, order: BoxOrder): Promise<{ boxId: bigint; wallet: WalletState; replayed: boolean }> {
    const { db, live, wallets } = this.deps;
    if (order.coins < BigInt(order.shares)) {
      throw new InvalidInputError([{ path: 'input.coins', message: 'Must be at least a coin for each share.' }]);
    }
    const { boxId, events, wallet } = await db.inTransaction(async (sql) => {
      const accounts = await wallets.accounts(sql, [accountNames.wallet(actor.id), accountNames.boxes()]);
      // The wallet's lock also puts calls with the same key in a row.
      await wallets.lock(sql, accounts);
      const known = await readReplay(sql, actor, order);
      if (known !== undefined) return { boxId: known, events: [], wallet: await wallets.read(sql, actor.id) };
      const boxId = await this.#fund(sql, actor, order, accounts as [bigint, bigint]);
      const [box] = await findBoxes(sql, [boxId]);
      await lockLog(sql, order.streamId);
      if (!(await isLive(sql, order.streamId))) throw new StreamNotLiveError(); // it has ended meanwhile
      if ((await countOpenBoxes(sql, order.streamId)) > OPEN_BOXES_MAX) throw tooManyBoxes();
      const events = await appendEvents(sql, [boxEvents.funded(box!)]);
      return { boxId, events, wallet: await wallets.read(sql, actor.id) };
    });
    live.announce(events);
    if (events.length > 0) wallets.announce([wallet]);
    return { boxId, wallet, replayed: events.length === 0 };
  }

  async #fund(
    sql: SqlTransaction,
    actor: Actor,
    order: BoxOrder,
    [walletId, boxesAccountId]: [bigint, bigint],
  ): Promise<bigint> {
    const { wallets } = this.deps;
    const { streamId, coins, shares } = order;
    await requireFunder(sql, { viewerId: actor.id, streamId, coins });
    const { coins: available } = await wallets.read(sql, actor.id);
    if (available < coins) throw new InsufficientCoinsError({ required: coins, available });
    const boxId = await insertBox(sql, {
      streamId,
      viewerId: actor.id,
      coins,
      shares,
      opensInMs: order.opensInSeconds * 1_000,
      claimWindowMs: this.options.claimWindowMs ?? CLAIM_WINDOW_MS,
    });
    await wallets.post(sql, [
      { debit: walletId, credit: boxesAccountId, unit: 'COIN', amount: coins, kind: 'BOX_FUNDED', causeId: boxId },
    ]);
    await countSpending(sql, actor.id, coins);
    await storeKeys(sql, OPERATION, [
      {
        actorId: actor.id,
        key: order.idempotencyKey,
        inputHash: hashOrder(order),
        result: { boxId: String(boxId) },
      },
    ]);
    return boxId;
  }

  /**
   * Has a share of a box, once: claiming again, from whatever device and however much at once, returns the same share. The first
   * ones to come have the shares.
   * @throws {NotFoundError} no such box
   * @throws {ForbiddenError} the viewer has funded it
   * @throws {BannedError}
   * @throws {BoxStateError} it has not opened, or is closed
   * @throws {BoxEmptyError}
   * @throws {OverloadedError}
   */
  async claim(actor: Actor, boxId: bigint): Promise<{ coins: bigint; wallet: WalletState; replayed: boolean }> {
    const outcome = await this.#claims.submit({ boxId, viewerId: actor.id });
    switch (outcome.kind) {
      case 'CLAIMED':
      case 'REPLAYED':
        return { coins: outcome.coins, wallet: outcome.wallet, replayed: outcome.kind === 'REPLAYED' };
      case 'EARLY':
        throw new BoxStateError('FUNDED', outcome.opensAt);
      case 'CLOSED':
        throw new BoxStateError('CLOSED', outcome.opensAt);
      case 'EMPTY':
        throw new BoxEmptyError();
      case 'BANNED':
        throw new BannedError(outcome.until);
      case 'OWN':
        throw new ForbiddenError('A box is for others than who has funded it.');
      case 'UNKNOWN':
        throw new NotFoundError('box');
    }
  }

  /** Closes the boxes of a stream that ends, and gives back what nobody had. */
  readonly ending: StreamEnding = {
    lock: async (sql, streamId) => {
      await lockFunders(sql, this.deps.wallets, await lockBoxesOf(sql, streamId));
      return [];
    },
    end: async (sql, streamId) => {
      const { wallets } = this.deps;
      // Reads what is locked already, and a box that was funded between the two locks: nobody else wants that one yet.
      const boxes = await lockBoxesOf(sql, streamId);
      if (boxes.length === 0) return { drafts: [] };
      const { drafts, viewerIds } = await moveOn(sql, wallets, boxes, 'STREAM_ENDED');
      const changed = await wallets.readAll(sql, viewerIds);
      return { drafts, committed: () => wallets.announce(changed) };
    },
  };

  /** Starts opening and closing boxes at their times, those of a server that died included. */
  start(): void {
    this.#sweep.start();
  }

  /** Commits what is queued, and stops the sweep. */
  async close(): Promise<void> {
    await this.#claims.close();
    await this.#sweep.close();
  }

  async #commit(batch: readonly Claim[], causes: readonly (Cause | undefined)[]): Promise<ClaimOutcome[]> {
    const { db, live, wallets } = this.deps;
    const committed = await db.inTransaction(async (sql) => {
      const [boxesAccountId] = await wallets.accounts(sql, [accountNames.boxes()]);
      assert(boxesAccountId, 'the boxes have an account');
      const { boxes, outcomes, viewerIds } = await claimShares(sql, batch, boxesAccountId);
      const winners = boxes.flatMap((box) => box.viewers.map(({ id }) => BigInt(id)));
      if (winners.length > 0) await wallets.payDebts(sql, winners);
      const states = viewerIds.length > 0 ? await wallets.readAll(sql, viewerIds) : [];
      const changed = new Map(states.map((wallet) => [wallet.viewerId, wallet]));
      const events = await appendEvents(
        sql,
        boxes.flatMap((box) => [
          ...(box.opened ? [boxEvents.opened(box.streamId, box.id)] : []),
          boxEvents.claimed(box.streamId, box.id, box),
        ]),
      );
      return { outcomes, events, changed };
    });
    const isOf = ({ payload }: LiveEvent, place: number) =>
      committed.outcomes[place]!.kind === 'CLAIMED' &&
      batch[place]!.boxId === BigInt((payload as BoxClaimedPayload).boxId); // that it opened is of them, too
    live.announce(committed.events, { causes, isOf });
    if (committed.events.length > 0) wallets.announce([...committed.changed.values()]);
    return committed.outcomes.map((outcome, index) =>
      'coins' in outcome ? { ...outcome, wallet: committed.changed.get(batch[index]!.viewerId)! } : outcome,
    );
  }
}

/** The box that the key stands for. */
async function readReplay(sql: SqlTransaction, actor: Actor, order: BoxOrder): Promise<bigint | undefined> {
  const [stored] = await readKeys<{ boxId: string }>(sql, OPERATION, [
    { actorId: actor.id, key: order.idempotencyKey },
  ]);
  if (!stored) return undefined;
  if (stored.inputHash !== hashOrder(order)) throw new IdempotencyConflictError();
  return BigInt(stored.result.boxId);
}

function hashOrder({ idempotencyKey: _key, ...order }: BoxOrder): string {
  return hashInput(order);
}

function tooManyBoxes(): InvalidInputError {
  const message = `A stream has ${OPEN_BOXES_MAX} boxes at the most that are not closed: wait for one of them.`;
  return new InvalidInputError([{ path: 'input.streamId', message }]);
}
