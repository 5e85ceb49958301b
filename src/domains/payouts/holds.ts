import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { brokeConstraint } from '../../db/sql-errors.ts';
import { assert } from '../../kernel/assert.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { lockDiamonds, moveDiamonds } from './diamonds.ts';
import { findHoldByKey, findHolds, type HoldRow, insertHold, listHolds, releaseHold } from './holds.repo.ts';
import { InsufficientDiamondsError } from './payouts.errors.ts';

/** Holds that are shown, newest first. */
const HOLDS_SHOWN_MAX = 100;

type Deps = { db: Database; wallets: Wallets; log: Logger };

/** Diamonds that an operator sets aside while something is looked into: they are not paid out, and a reversal does not take them. */
export class Holds {
  constructor(private readonly deps: Deps) {}

  /** The newest holds of a creator. */
  list(creatorId: bigint): Promise<HoldRow[]> {
    return listHolds(this.deps.db.pool, creatorId, HOLDS_SHOWN_MAX);
  }

  /**
   * Sets available diamonds of a creator aside, once per key.
   * @throws {NotFoundError} no such creator
   * @throws {InsufficientDiamondsError}
   * @throws {IdempotencyConflictError} the key stands for another hold
   */
  async hold(
    operator: Actor,
    order: { creatorId: bigint; diamonds: bigint; reason: string; idempotencyKey: string },
  ): Promise<{ hold: HoldRow; replayed: boolean }> {
    const { db, wallets, log } = this.deps;
    const { creatorId, diamonds: amount, reason, idempotencyKey } = order;
    try {
      return await db.inTransaction(async (sql) => {
        const diamonds = await lockDiamonds(sql, wallets, creatorId);
        const hold = await insertHold(sql, { ...order, operatorId: operator.id });
        if (!hold) {
          const known = await findHoldByKey(sql, operator.id, idempotencyKey);
          const isSame = known?.creatorId === creatorId && known.diamonds === amount && known.reason === reason;
          if (!isSame) throw new IdempotencyConflictError();
          return { hold: known, replayed: true };
        }
        const available = diamonds.balances.AVAILABLE;
        if (amount > available) throw new InsufficientDiamondsError({ required: amount, available });
        const move = { from: 'AVAILABLE', to: 'HELD', amount, kind: 'DIAMONDS_HELD', causeId: hold.id } as const;
        await moveDiamonds(sql, wallets, diamonds, [move]);
        log.info({ operator: operator.handle, holdId: hold.id.toString() }, 'earnings are held');
        return { hold, replayed: false };
      });
    } catch (error) {
      if (brokeConstraint(error, 'earnings_hold_creator_id_fkey')) throw new NotFoundError('creator');
      throw error;
    }
  }

  /**
   * Lifts a hold: what was held is available again, and pays a debt first. Lifting it again changes nothing.
   * @throws {NotFoundError} no such hold
   */
  async release(operator: Actor, holdId: bigint): Promise<{ hold: HoldRow; replayed: boolean }> {
    const { db, wallets, log } = this.deps;
    const [known] = await findHolds(db.pool, [holdId]);
    if (!known) throw new NotFoundError('hold');
    return db.inTransaction(async (sql) => {
      const diamonds = await lockDiamonds(sql, wallets, known.creatorId);
      const released = await releaseHold(sql, holdId);
      if (!released) {
        const [hold] = await findHolds(sql, [holdId]);
        assert(hold, 'holds stay');
        return { hold, replayed: true };
      }
      const rest = { kind: 'DIAMONDS_RELEASED', causeId: holdId, amount: released.diamonds } as const;
      await moveDiamonds(sql, wallets, diamonds, [{ from: 'HELD', to: 'AVAILABLE', ...rest }]);
      log.info({ operator: operator.handle, holdId: holdId.toString() }, 'held earnings are released');
      return { hold: released, replayed: false };
    });
  }
}
