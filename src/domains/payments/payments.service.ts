import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { every, FAILED, type Periodic } from '../../kernel/every.ts';
import type { Money } from '../../kernel/money.ts';
import type { Live } from '../../live/live.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { accountNames, type WalletState, type Wallets } from '../wallet/wallet.api.ts';
import { type CoinDisputeRow, listCoinDisputes } from './coin-disputes.repo.ts';
import { CoinDisputes, type CoinDisputesOptions } from './coin-disputes.ts';
import {
  type Charge,
  type ChargeOwner,
  chargeKey,
  type PaymentProvider,
  type ProviderDispute,
  ProviderUnavailableError,
} from './payments.api.ts';
import { PaymentDeclinedError, PaymentPendingError } from './payments.errors.ts';
import {
  type CoinPackRow,
  type CoinPurchaseRow,
  closePurchase,
  findCoinPacks,
  findPurchase,
  findPurchaseByKey,
  findPurchases,
  findStalePurchases,
  insertPurchase,
  listCoinPacks,
  lockPurchase,
  noteTransfers,
} from './payments.repo.ts';

/** How often unfinished purchases are looked for, and how old they are by then. */
export const RECOVERY_INTERVAL_MS = 5_000;
export const STALE_AFTER_MS = 10_000;
/**
 * For so long the recovery still charges: the buyer was told to ask again with the same key. Later it cancels: nobody wants
 * to be charged out of the blue.
 */
export const GIVE_UP_AFTER_MS = 3_600_000;
/** Purchases that the recovery reads at once, and that it asks the provider about at once. */
const PURCHASES_PER_READ_MAX = 100;
const RECOVERED_AT_ONCE_MAX = 10;
const OPEN_ATTEMPTS_MAX = 5;
/** What the keys of its charges begin with. */
export const COIN_PURCHASE = 'coin_purchase';

/** What the caller wants to buy. */
export type CoinOrder = { packId: bigint; paymentToken: string; idempotencyKey: string };

/** Intervals that tests override. */
export type PaymentsOptions = {
  recoveryIntervalMs?: number;
  staleAfterMs?: number;
  giveUpAfterMs?: number;
  disputes?: CoinDisputesOptions;
};

/** Coins that were bought, and the purchase. */
export type BoughtCoins = { wallet: WalletState; purchase: CoinPurchaseRow; replayed: boolean };

type Deps = { db: Database; live: Live; wallets: Wallets; provider: PaymentProvider; log: Logger };

/**
 * Coins for money. A purchase is a row that goes PENDING → SUCCEEDED or DECLINED: opened in one SQL transaction, charged
 * outside of any, and settled in another. Every step may be repeated by anybody (the same call again, a parallel one, the
 * recovery after a crash), because the provider charges once per purchase and the row's lock lets one settle it.
 */
export class Payments {
  readonly #disputes: CoinDisputes;
  #recovery: Periodic | undefined;
  #closing = false;

  constructor(
    private readonly deps: Deps,
    private readonly options: PaymentsOptions = {},
  ) {
    this.#disputes = new CoinDisputes(deps, options.disputes);
  }

  /** Coin packs on sale, smallest first. */
  coinPacks(): Promise<CoinPackRow[]> {
    return listCoinPacks(this.deps.db.pool);
  }

  /**
   * Buys a coin pack, once per key.
   * @throws {NotFoundError} no such pack
   * @throws {IdempotencyConflictError} the key stands for another purchase
   * @throws {PaymentDeclinedError} nothing charged; the key is free again
   * @throws {PaymentPendingError} outcome not known yet; the same key tells it later
   */
  async buyCoins(actor: Actor, order: CoinOrder): Promise<BoughtCoins> {
    const { db, wallets } = this.deps;
    const purchase = await this.#open(actor, order);
    if (purchase.packId !== order.packId || purchase.paymentToken !== order.paymentToken)
      throw new IdempotencyConflictError();
    const settledHere = purchase.state === 'SUCCEEDED' ? false : await this.#finish(purchase);
    const [wallet, settled] = await Promise.all([wallets.read(db.pool, actor.id), findPurchase(db.pool, purchase.id)]);
    return { wallet, purchase: settled!, replayed: !settledHere };
  }

  /** Purchases by id, for who may see them: the buyer, and operators. In the order of the ids; null for what is not theirs to see. */
  async findPurchases(
    actor: Actor | undefined,
    ids: readonly (bigint | undefined)[],
  ): Promise<(CoinPurchaseRow | null)[]> {
    if (!actor) return ids.map(() => null);
    const found = await findPurchases(
      this.deps.db.pool,
      ids.flatMap((id) => id ?? []),
    );
    return ids.map((id) => {
      const purchase = found.find((candidate) => candidate.id === id);
      return purchase && (actor.isOperator || purchase.viewerId === actor.id) ? purchase : null;
    });
  }

  /** The disputes of a purchase, oldest first. */
  disputesOf(purchaseId: bigint): Promise<CoinDisputeRow[]> {
    return listCoinDisputes(this.deps.db.pool, [purchaseId]);
  }

  /**
   * What a bank says of a purchase, as an operator has heard it. Saying it again changes nothing.
   * @throws {NotFoundError} no such purchase, or nothing was charged for it
   * @throws {PaymentPendingError} not known yet whether it was charged
   */
  async dispute(
    purchaseId: bigint,
    told: Pick<ProviderDispute, 'state' | 'reason'>,
  ): Promise<{ dispute: CoinDisputeRow; purchase: CoinPurchaseRow; replayed: boolean }> {
    const heard = await this.#hearDispute(purchaseId, { ...told, providerId: `operator:${purchaseId}` });
    if (!heard) throw new NotFoundError('coin purchase that was charged');
    const purchase = await findPurchase(this.deps.db.pool, purchaseId);
    return { dispute: heard.dispute, purchase: purchase!, replayed: !heard.isNews };
  }

  /** Starts finishing purchases, and reversals of them, that a crash or a silent provider left open. */
  start(): void {
    this.#disputes.start();
    this.#recovery = every(
      this.options.recoveryIntervalMs ?? RECOVERY_INTERVAL_MS,
      () => this.#recover(),
      this.deps.db.instruments.meters.sweeps.of('payments'),
    );
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([this.#recovery?.stop(), this.#disputes.close()]);
  }

  /** Hears from the provider's webhooks how purchases ended, also those that nobody asks about again. */
  readonly chargeOwner: ChargeOwner = {
    settle: (id, charge, amount) => this.#hear(id, charge, amount),
    dispute: async (id, told) => {
      const heard = await this.#hearDispute(id, told);
      const ids = { purchaseId: id.toString(), disputeId: told.providerId, state: told.state };
      if (!heard) this.deps.log.error(ids, 'a coin purchase is disputed that was never charged');
    },
  };

  /** Undefined when nothing was charged. A purchase that was charged, and not heard of, is settled first. */
  async #hearDispute(id: bigint, told: ProviderDispute) {
    const first = await this.#disputes.hear(id, told);
    if (first === 'unknown') return undefined;
    if (first !== 'unsettled') return first;
    const purchase = await findPurchase(this.deps.db.pool, id);
    await this.#finish(purchase!).catch((error: unknown) => {
      if (!(error instanceof PaymentDeclinedError)) throw error;
    });
    const second = await this.#disputes.hear(id, told);
    return typeof second === 'string' ? undefined : second;
  }

  /** Opens a purchase, or finds the one that the key stands for. */
  async #open(actor: Actor, order: CoinOrder): Promise<CoinPurchaseRow> {
    const { pool } = this.deps.db;
    const [pack] = await findCoinPacks(pool, [order.packId]);
    if (!pack) throw new NotFoundError('coin pack');
    // A parallel call with the same key may be declined, and give the key back, between the two statements.
    for (let attempt = 1; attempt <= OPEN_ATTEMPTS_MAX; attempt++) {
      const purchase =
        (await insertPurchase(pool, { viewerId: actor.id, ...order })) ??
        (await findPurchaseByKey(pool, actor.id, order.idempotencyKey));
      if (purchase) return purchase;
    }
    throw new NotFoundError('coin pack');
  }

  /** Charges, or cancels, and settles. Returns whether this call was the one that credited the coins. */
  async #finish(purchase: CoinPurchaseRow, how: 'charge' | 'cancel' = 'charge'): Promise<boolean> {
    try {
      const { status } = await this.deps.provider[how]({
        idempotencyKey: chargeKey(COIN_PURCHASE, purchase.id),
        token: purchase.paymentToken,
        amount: { minorUnits: purchase.priceMinor, currency: purchase.currency },
      });
      const settledHere = await this.#settle(purchase.id, status);
      if (status !== 'SUCCEEDED') throw new PaymentDeclinedError();
      return settledHere;
    } catch (error) {
      if (error instanceof ProviderUnavailableError) throw new PaymentPendingError();
      throw error;
    }
  }

  async #hear(id: bigint, charge: Charge, amount: Money): Promise<void> {
    const purchase = await findPurchase(this.deps.db.pool, id);
    const { log } = this.deps;
    if (!purchase) {
      log.error({ purchaseId: id.toString() }, 'the provider charged for a coin purchase that is unknown');
      return;
    }
    const isAsIs = purchase.priceMinor === amount.minorUnits && purchase.currency === amount.currency;
    if (charge.status === 'SUCCEEDED' && !isAsIs) {
      // Nothing is credited for money that did not come. Somebody has to look.
      log.error({ purchaseId: id.toString() }, 'the provider charged another amount than a coin purchase costs');
      return;
    }
    await this.#settle(id, charge.status);
  }

  async #settle(purchaseId: bigint, status: Charge['status']): Promise<boolean> {
    const { db, wallets } = this.deps;
    const wallet = await db.inTransaction(async (sql) => {
      const purchase = await lockPurchase(sql, purchaseId);
      if (purchase?.state !== 'PENDING') return undefined;
      await closePurchase(sql, purchaseId, status === 'SUCCEEDED' ? status : 'DECLINED');
      if (status !== 'SUCCEEDED') return undefined;
      const { viewerId, coins, priceMinor, currency, id: causeId } = purchase;
      const [issuance, wallet, clearing, sales] = await wallets.accounts(sql, [
        accountNames.coinIssuance(),
        accountNames.wallet(viewerId),
        accountNames.clearing(currency),
        accountNames.sales(currency),
      ]);
      await wallets.post(sql, [
        { debit: issuance!, credit: wallet!, unit: 'COIN', amount: coins, kind: 'COIN_PURCHASE', causeId },
        { debit: clearing!, credit: sales!, unit: currency, amount: priceMinor, kind: 'COIN_SALE', causeId },
      ]);
      const last = await wallets.lastTransfers(sql, [wallet!, sales!]);
      await noteTransfers(sql, causeId, { coinTransferId: last.get(wallet!), saleTransferId: last.get(sales!) });
      await wallets.payDebts(sql, [viewerId]);
      return wallets.read(sql, viewerId);
    });
    if (wallet) wallets.announce([wallet]);
    return wallet !== undefined;
  }

  /** One that cannot be finished, whatever the reason, does not keep the others waiting. */
  async #recover(): Promise<unknown> {
    const { db, log } = this.deps;
    const olderThanMs = this.options.staleAfterMs ?? STALE_AFTER_MS;
    try {
      for (let afterId = 0n; ; ) {
        const stale = await findStalePurchases(db.pool, { olderThanMs, afterId, limit: PURCHASES_PER_READ_MAX });
        for (let at = 0; at < stale.length && !this.#closing; at += RECOVERED_AT_ONCE_MAX) {
          await Promise.all(stale.slice(at, at + RECOVERED_AT_ONCE_MAX).map((purchase) => this.#recoverOne(purchase)));
        }
        if (stale.length < PURCHASES_PER_READ_MAX || this.#closing) return;
        afterId = stale.at(-1)!.id;
      }
    } catch (error) {
      log.warn({ err: error }, 'finding open purchases failed; the next recovery tries again');
      return FAILED;
    }
  }

  async #recoverOne(purchase: CoinPurchaseRow & { ageMs: number }): Promise<void> {
    const isLate = purchase.ageMs > (this.options.giveUpAfterMs ?? GIVE_UP_AFTER_MS);
    try {
      await this.#finish(purchase, isLate ? 'cancel' : 'charge');
    } catch (error) {
      // Declined is an outcome, and pending is tried again by the next recovery.
      if (error instanceof PaymentDeclinedError || error instanceof PaymentPendingError) return;
      const { log } = this.deps;
      log.error({ err: error, purchaseId: purchase.id.toString() }, 'an open purchase cannot be finished');
    }
  }
}
