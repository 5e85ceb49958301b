import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import { ForbiddenError, IdempotencyConflictError } from '../../kernel/errors.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { ProviderUnavailableError } from '../payments/payments.api.ts';
import { accountNames, type Wallets } from '../wallet/wallet.api.ts';
import { type LockedDiamonds, lockDiamonds, type Move, moveDiamonds } from './diamonds.ts';
import { readIdentity } from './identity.repo.ts';
import {
  IdentityRequiredError,
  InsufficientDiamondsError,
  PayoutLimitError,
  PayoutRefusedError,
} from './payouts.errors.ts';
import {
  PAYOUT_CURRENCY,
  PAYOUT_MINOR_MIN,
  PAYOUT_MINOR_PER_DAY_MAX,
  type PayoutsOptions,
  RECOVERY_INTERVAL_MS,
  TRY_AGAIN_AFTER_MS,
} from './payouts.limits.ts';
import {
  findCreatorOf,
  findOpenPayouts,
  findPayoutByKey,
  findPayouts,
  insertPayout,
  lockPayout,
  markFailed,
  markPaid,
  markSent,
  type PayoutRow,
  readNewestTransfers,
  readPayoutDay,
  takePayout,
} from './payouts.repo.ts';
import { PAYOUT_TRANSITIONS, type PayoutFailure } from './payouts.state.ts';
import { type PayoutOutcome, type PayoutProvider, payoutKey } from './providers/provider.ts';
import { readPayoutRate } from './rates.repo.ts';
import { payoutOf } from './rates.ts';

/** Payouts that the recovery takes at once, and rounds of one sweep. */
const RECOVERED_AT_ONCE_MAX = 10;
const ROUNDS_PER_SWEEP_MAX = 100;

/** What a creator asks for. */
export type PayoutOrder = { diamonds: bigint; idempotencyKey: string };

type Deps = { db: Database; wallets: Wallets; provider: PayoutProvider; log: Logger };

/**
 * Diamonds for money. A payout is a row that goes REQUESTED → SENT → PAID or FAILED. It is written, with its diamonds held, in one SQL
 * transaction; marked as SENT in another, before the provider is asked; asked for outside of any; and ended in a third. Every step may be
 * repeated by anybody (the same call again, a parallel one, the recovery after a crash, a webhook), because the provider pays once per
 * payout, and the row's lock lets one end it. What is not known is never taken for failed: a payout whose provider stays silent
 * stays SENT, and its diamonds held.
 */
export class PayoutFlow {
  #recovery: Periodic | undefined;
  #closing = false;

  constructor(
    private readonly deps: Deps,
    private readonly options: PayoutsOptions = {},
  ) {}

  /**
   * Asks for a payout, once per key. Returns it as it is then: SENT when the provider has not answered.
   * @throws {ForbiddenError} the actor is no creator
   * @throws {IdempotencyConflictError} the key stands for another payout
   * @throws {IdentityRequiredError}
   * @throws {InsufficientDiamondsError}
   * @throws {PayoutLimitError}
   * @throws {PayoutRefusedError} it failed at once; the diamonds are back and the key is free
   */
  async request(actor: Actor, order: PayoutOrder): Promise<{ payout: PayoutRow; replayed: boolean }> {
    const { pool } = this.deps.db;
    const creatorId = await findCreatorOf(pool, actor.id);
    if (creatorId === undefined) throw new ForbiddenError('Only creators are paid out: go live first.');
    const { id, replayed } = await this.deps.db.inTransaction((sql) => this.#open(sql, creatorId, order));
    const payout = await this.#finish(id);
    if (payout.state === 'FAILED' && payout.failure !== 'TAKEN_BACK') throw new PayoutRefusedError(payout.failure!);
    return { payout, replayed };
  }

  start(): void {
    this.#recovery = every(
      this.options.recoveryIntervalMs ?? RECOVERY_INTERVAL_MS,
      async () => {
        try {
          await this.recover();
        } catch (error) {
          this.deps.log.warn({ err: error }, 'finding open payouts failed; the next recovery tries again');
          return FAILED;
        }
      },
      this.deps.db.instruments.meters.sweeps.of('payouts'),
    );
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#recovery?.stop();
  }

  /** Finishes payouts that a crash or a silent provider left open. One that cannot be finished does not keep the others waiting. */
  async recover(): Promise<void> {
    const { db, log } = this.deps;
    for (let round = 0, afterId = 0n; round < ROUNDS_PER_SWEEP_MAX && !this.#closing; round++) {
      const ids = await findOpenPayouts(db.pool, { afterId, limit: RECOVERED_AT_ONCE_MAX });
      const finish = (id: bigint) =>
        this.#finish(id).catch((error: unknown) =>
          log.error({ err: error, payoutId: id.toString() }, 'an open payout cannot be finished'),
        );
      await Promise.all(ids.map(finish));
      if (ids.length < RECOVERED_AT_ONCE_MAX) return;
      afterId = ids.at(-1)!;
    }
  }

  /** Ends a payout as the provider says it ended, once. What has ended already stays as it is. */
  async settle(id: bigint, outcome: PayoutOutcome): Promise<void> {
    await this.deps.db.inTransaction(async (sql) => {
      const payout = await lockPayout(sql, id);
      if (payout?.state === 'FAILED' && payout.failure !== 'TAKEN_BACK' && outcome.status === 'PAID') {
        // Taking is there so that this cannot be. If it is, money is gone, and somebody has to look.
        this.deps.log.error({ payoutId: id.toString() }, 'a payout that had failed was paid by the provider');
      }
      if (payout?.state !== 'SENT') return;
      if (outcome.status === 'PAID') await this.#pay(sql, payout, outcome.providerId);
      else await this.#return(sql, payout, 'REFUSED');
    });
  }

  /** The provider has taken back the money of a payout that it had paid: the diamonds are the creator's again. */
  async takeBack(id: bigint): Promise<void> {
    await this.deps.db.inTransaction(async (sql) => {
      const payout = await lockPayout(sql, id);
      if (payout?.state === 'PAID') await this.#return(sql, payout, 'TAKEN_BACK');
    });
  }

  /** Opens a payout, or finds the one that the key stands for. Calls of one creator wait for each other. */
  async #open(sql: SqlTransaction, creatorId: bigint, { diamonds: requested, idempotencyKey }: PayoutOrder) {
    const { wallets } = this.deps;
    const diamonds = await lockDiamonds(sql, wallets, creatorId);
    const known = await findPayoutByKey(sql, creatorId, idempotencyKey);
    if (known && known.requested !== requested) throw new IdempotencyConflictError();
    if (known) return { id: known.id, replayed: true };
    const identity = await readIdentity(sql, creatorId);
    if (identity?.status !== 'VERIFIED') throw new IdentityRequiredError(identity?.status ?? 'UNVERIFIED');
    const available = diamonds.balances.AVAILABLE;
    if (requested > available) throw new InsufficientDiamondsError({ required: requested, available });
    const rate = await readPayoutRate(sql);
    const taken = payoutOf(requested, rate);
    const day = await this.#checkLimits(sql, creatorId, taken.amountMinor);
    const id = await insertPayout(sql, {
      creatorId,
      ...taken,
      requested,
      currency: rate.currency,
      rateId: rate.id,
      accountToken: identity.accountToken,
      idempotencyKey,
      day,
    });
    const move = {
      from: 'AVAILABLE',
      to: 'HELD',
      amount: taken.diamonds,
      kind: 'PAYOUT_REQUESTED',
      causeId: id,
    } as const;
    await moveDiamonds(sql, wallets, diamonds, [move]);
    return { id, replayed: false };
  }

  /** Returns the day that a payout of this amount counts against. */
  async #checkLimits(sql: SqlTransaction, creatorId: bigint, amountMinor: bigint): Promise<string> {
    const { day, amountMinor: spent, endsAt: resetsAt } = await readPayoutDay(sql, creatorId);
    const left = PAYOUT_MINOR_PER_DAY_MAX - spent;
    if (amountMinor < PAYOUT_MINOR_MIN || amountMinor > left) {
      const usd = (minorUnits: bigint) => ({ minorUnits, currency: PAYOUT_CURRENCY });
      throw new PayoutLimitError({ minimum: usd(PAYOUT_MINOR_MIN), remaining: usd(left > 0n ? left : 0n), resetsAt });
    }
    return day;
  }

  /** Brings a payout as far as the provider lets it, unless somebody else is about it, and returns it as it is then. */
  async #finish(id: bigint): Promise<PayoutRow> {
    const { db, provider } = this.deps;
    const payout = await db.inTransaction((sql) => this.#send(sql, id));
    if (payout) {
      try {
        const outcome = await provider.pay({
          idempotencyKey: payoutKey(id),
          accountToken: payout.accountToken,
          amount: { minorUnits: payout.amountMinor, currency: payout.currency },
        });
        await this.settle(id, outcome);
      } catch (error) {
        // Not known yet: the recovery asks again, with the same key.
        if (!(error instanceof ProviderUnavailableError)) throw error;
      }
    }
    const [now] = await findPayouts(db.pool, [id]);
    assert(now, 'payouts stay');
    return now;
  }

  /**
   * Takes a payout and marks it as sent, or fails it where it would go to an account that is not the creator's any more.
   * @returns the payout, if the provider is to be asked
   */
  async #send(sql: SqlTransaction, id: bigint): Promise<PayoutRow | undefined> {
    const payout = await lockPayout(sql, id);
    assert(payout, 'payouts stay');
    if (payout.state !== 'REQUESTED' && payout.state !== 'SENT') return undefined;
    if (!(await takePayout(sql, id, this.options.tryAgainAfterMs ?? TRY_AGAIN_AFTER_MS))) return undefined;
    if (payout.state === 'SENT') return payout;
    const identity = await readIdentity(sql, payout.creatorId);
    if (identity?.status !== 'VERIFIED' || identity.accountToken !== payout.accountToken) {
      await this.#return(sql, payout, 'ACCOUNT_CHANGED');
      return undefined;
    }
    await markSent(sql, id);
    return payout;
  }

  async #pay(sql: SqlTransaction, payout: PayoutRow, providerId: string): Promise<void> {
    const { wallets } = this.deps;
    const { id, creatorId, diamonds: amount, amountMinor, currency } = payout;
    const money = await this.#moneyAccounts(sql, payout);
    const diamonds = await lockDiamonds(sql, wallets, creatorId, money);
    const [debit, credit] = money;
    await moveDiamonds(sql, wallets, diamonds, [
      { from: 'HELD', to: 'PAID', amount, kind: 'PAYOUT_PAID', causeId: id },
    ]);
    await wallets.post(sql, [
      { debit, credit, unit: currency, amount: amountMinor, kind: 'PAYOUT_MONEY', causeId: id },
    ]);
    const [paidTransferId, moneyTransferId] = await readNewestTransfers(sql, [diamonds.accounts.PAID, debit]);
    await markPaid(sql, id, { providerId, paidTransferId: paidTransferId!, moneyTransferId: moneyTransferId! });
  }

  /** Gives the diamonds of a payout back, once: its state says whether they are held, or were paid. */
  async #return(sql: SqlTransaction, payout: PayoutRow, failure: PayoutFailure): Promise<void> {
    assert(PAYOUT_TRANSITIONS[payout.state].includes('FAILED'), `a payout that is ${payout.state} can fail`);
    const { wallets } = this.deps;
    const { id, creatorId, diamonds: amount, amountMinor, currency } = payout;
    const returned: Move = { from: 'HELD', to: 'AVAILABLE', amount, kind: 'PAYOUT_RETURNED', causeId: id };
    let diamonds: LockedDiamonds;
    if (payout.state === 'PAID') {
      const money = await this.#moneyAccounts(sql, payout);
      diamonds = await lockDiamonds(sql, wallets, creatorId, money);
      const [credit, debit] = money;
      const { paidTransferId, moneyTransferId } = payout;
      assert(paidTransferId && moneyTransferId, 'a paid payout knows its transfers');
      const rest = { unit: currency, amount: amountMinor, kind: 'PAYOUT_MONEY', causeId: id } as const;
      await wallets.post(sql, [{ debit, credit, ...rest, reverses: moneyTransferId }]);
      const unpaid: Move = {
        from: 'PAID',
        to: 'HELD',
        amount,
        kind: 'PAYOUT_PAID',
        causeId: id,
        reverses: paidTransferId,
      };
      await moveDiamonds(sql, wallets, diamonds, [unpaid, returned]);
    } else {
      diamonds = await lockDiamonds(sql, wallets, creatorId);
      await moveDiamonds(sql, wallets, diamonds, [returned]);
    }
    await markFailed(sql, id, failure);
  }

  async #moneyAccounts(sql: SqlTransaction, { creatorId, currency }: PayoutRow): Promise<[bigint, bigint]> {
    const names = [accountNames.paidOut(creatorId, currency), accountNames.clearing(currency)];
    return (await this.deps.wallets.accounts(sql, names)) as [bigint, bigint];
  }
}
