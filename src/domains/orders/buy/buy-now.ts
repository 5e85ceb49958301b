import type { Logger } from 'pino';
import type { Database, Queryable } from '../../../db/database.ts';
import { brokeConstraint, classifyBatchError } from '../../../db/sql-errors.ts';
import { assert } from '../../../kernel/assert.ts';
import { GroupCommit } from '../../../kernel/group-commit.ts';
import { InFlight } from '../../../kernel/in-flight.ts';
import type { Cause } from '../../../kernel/instruments.ts';
import type { Live, Together } from '../../../live/live.ts';
import type { LiveEvent } from '../../../live/live-event.ts';
import { topics } from '../../../live/topics.ts';
import type { FulfilmentHooks } from '../../fulfilment/fulfilment.api.ts';
import type { OfferStockChangedPayload } from '../../offers/offers.events.ts';
import { type ChargeRequest, type PaymentProvider, ProviderUnavailableError } from '../../payments/payments.api.ts';
import { PaymentDeclinedError, PaymentPendingError } from '../../payments/payments.errors.ts';
import { appendOnAir } from '../../streams/streams.api.ts';
import type { Wallets } from '../../wallet/wallet.api.ts';
import type { OrderNews, OrderRow } from '../orders.api.ts';
import { CHECKOUT_KEY_TAKEN } from './hold.repo.ts';
import { type HoldOutcome, holdBatch } from './hold.ts';
import { callKey } from './judge.ts';
import { hashPurchase, type Purchase } from './purchase.ts';
import { findCheckout, findOrdersOf } from './settle.repo.ts';
import { type ChargeEnd, type SettledEvent, type SettleOutcome, settleBatch } from './settle.ts';

/** How long stock is set aside for a purchase that is being paid. Longer than a provider may take to answer. */
export const HOLD_MS = 15_000;
/** Purchases in one SQL transaction, and those that may wait; one more is refused with OverloadedError. */
export const BATCH_MAX = 250;
export const QUEUE_MAX = 10_000;
const RETRY_AFTER_MS = 500;
const BATCH_ATTEMPTS_MAX = 5;
/** Times that a call begins anew, because its hold had run out before its charge was made. */
const HOLDS_PER_CALL_MAX = 3;

/** Limits that tests override. */
export type BuyNowOptions = { holdMs?: number; batchMax?: number; queueMax?: number };

/** A purchase that was made, now or by an earlier call with the same key. */
export type Bought = { orders: OrderRow[]; replayed: boolean };

type Deps = {
  db: Database;
  live: Live;
  wallets: Wallets;
  provider: PaymentProvider;
  fulfilment: FulfilmentHooks;
  news: OrderNews;
  log: Logger;
};

/**
 * Buying in one call: HELD → PAID, DECLINED or EXPIRED. Stock is set aside in one SQL transaction, the charge is made outside of any,
 * and another transaction sells the stock or gives it back. Both are group commits. Every step may be repeated by anybody (the
 * same call again, a provider's webhook, the sweep after a crash), because the provider charges once per purchase and the
 * checkout's lock lets one settle it.
 */
export class BuyNow {
  readonly #holds: GroupCommit<Purchase, HoldOutcome>;
  readonly #settlements: GroupCommit<ChargeEnd, SettleOutcome>;
  readonly #inFlight = new InFlight<Purchase, Bought>((one, other) => hashPurchase(one) === hashPurchase(other));

  constructor(
    private readonly deps: Deps,
    private readonly options: BuyNowOptions = {},
  ) {
    const limits = {
      batchMax: options.batchMax ?? BATCH_MAX,
      queueMax: options.queueMax ?? QUEUE_MAX,
      retryAfterMs: RETRY_AFTER_MS,
      attemptsMax: BATCH_ATTEMPTS_MAX,
    };
    this.#holds = new GroupCommit({
      watched: { name: 'holds', instruments: this.deps.db.instruments },
      ...limits,
      commit: (batch, causes) => this.#commitHolds(batch, causes),
      classify: (error) => (brokeConstraint(error, CHECKOUT_KEY_TAKEN) ? 'retry' : classifyBatchError(error)),
    });
    this.#settlements = new GroupCommit({
      watched: { name: 'settlements', instruments: this.deps.db.instruments },
      ...limits,
      commit: (batch, causes) => this.#commitSettlements(batch, causes),
      classify: classifyBatchError,
    });
  }

  /**
   * Buys, once per key: stock is set aside, the payment method is charged and the goods are sold, or nothing happens at all.
   * @throws {IdempotencyConflictError} the key stands for another purchase
   * @throws {SoldOutError} {PriceChangedError} {OfferEndedError} {PerBuyerLimitError} {NotEligibleError} {NotDeliverableError}
   * @throws {NotFoundError} no such offer, product, address or stream
   * @throws {PaymentDeclinedError} nothing charged; the key is free again
   * @throws {PaymentPendingError} outcome not known yet; the same key tells it later
   * @throws {OverloadedError}
   */
  async buy(purchase: Purchase): Promise<Bought> {
    const { outcome, joined } = await this.#inFlight.run(callKey(purchase), purchase, () => this.#buy(purchase));
    return joined ? { ...outcome, replayed: true } : outcome;
  }

  async #buy(purchase: Purchase): Promise<Bought> {
    const { pool } = this.deps.db;
    for (let attempt = 1; attempt <= HOLDS_PER_CALL_MAX; attempt++) {
      const held = await this.#holds.submit(purchase);
      if (held.kind === 'NO') throw held.error;
      if (held.kind === 'KNOWN' && held.checkout.state === 'PAID') {
        return { orders: await findOrdersOf(pool, held.checkout.id), replayed: true };
      }
      const due = held.kind === 'HELD' ? dueOf(held, purchase) : await readDue(pool, held.checkout.id);
      const { state, settledHere, orders } = await this.#pay(due);
      if (state === 'PAID') return { orders, replayed: !settledHere };
      if (state === 'DECLINED') throw new PaymentDeclinedError();
      // EXPIRED: the sweep gave the stock back before the charge was made, and freed the key. So from the beginning.
    }
    throw new PaymentPendingError();
  }

  async #pay(due: Due): Promise<SettleOutcome> {
    try {
      const charge = await this.deps.provider.charge(toRequest(due));
      return await this.settle({ checkoutId: due.checkoutId, charge });
    } catch (error) {
      if (error instanceof ProviderUnavailableError) throw new PaymentPendingError();
      throw error;
    }
  }

  /**
   * Sells what was paid, or gives it back, once. For whoever knows how a charge ended: the call itself, a webhook, the sweep.
   * Money that was taken for a purchase that had come to nothing is given back.
   */
  async settle(end: ChargeEnd): Promise<SettleOutcome> {
    const outcome = await this.#settlements.submit(end);
    if (end.charge.status === 'SUCCEEDED' && outcome.state !== 'PAID') await this.#giveBack(end);
    return outcome;
  }

  /**
   * Ends a hold that has run out: whatever was not charged by now never will be.
   * @returns false when the provider cannot tell; the stock stays held until it can
   */
  async expire(due: Due): Promise<boolean> {
    try {
      const charge = await this.deps.provider.cancel(toRequest(due));
      await this.settle({ checkoutId: due.checkoutId, charge });
      return true;
    } catch (error) {
      if (error instanceof ProviderUnavailableError) return false;
      throw error;
    }
  }

  /** Commits what is queued. */
  async close(): Promise<void> {
    await this.#holds.close();
    await this.#settlements.close();
  }

  async #giveBack({ checkoutId, charge }: ChargeEnd): Promise<void> {
    const { db, provider, log } = this.deps;
    log.error({ checkoutId: String(checkoutId) }, 'a purchase was charged after its stock was given back: refunding');
    const due = await readDue(db.pool, checkoutId);
    const { idempotencyKey, amount } = toRequest(due);
    await provider.refund({
      idempotencyKey: `late_${idempotencyKey}`,
      chargeKey: idempotencyKey,
      chargeId: charge.chargeId,
      amount,
    });
  }

  async #commitHolds(batch: readonly Purchase[], causes: readonly (Cause | undefined)[]): Promise<HoldOutcome[]> {
    const { db } = this.deps;
    const { outcomes, events, productIds } = await db.inTransaction(async (sql) => {
      const { drafts, ...held } = await holdBatch(sql, batch, this.options.holdMs ?? HOLD_MS);
      return { ...held, events: await appendOnAir(sql, drafts) };
    });
    const isOf = (event: LiveEvent, place: number) => isHeldBy(event, outcomes[place]!, batch[place]!);
    this.#tell(events, { causes, isOf }, productIds);
    return outcomes;
  }

  async #commitSettlements(
    batch: readonly ChargeEnd[],
    causes: readonly (Cause | undefined)[],
  ): Promise<SettleOutcome[]> {
    const { db, news } = this.deps;
    const { outcomes, events, orders, productIds } = await db.inTransaction((sql) =>
      settleBatch(sql, batch, this.deps),
    );
    const isOf = (event: LiveEvent, place: number) => isSettledBy(event, outcomes[place]!, batch[place]!);
    this.#tell(events, { causes, isOf }, productIds);
    news.announce(orders);
    return outcomes;
  }

  #tell(events: readonly LiveEvent[], together: Together, productIds: readonly bigint[]): void {
    const { live } = this.deps;
    if (productIds.length > 0) live.changes.announce(productIds.map(topics.product));
    live.announce(events, together);
  }
}

/** Whether the purchase has set aside units of the offer whose stock has changed. */
function isHeldBy({ payload }: LiveEvent, { kind }: HoldOutcome, { lines }: Purchase): boolean {
  const offerId = BigInt((payload as OfferStockChangedPayload).offerId);
  return kind === 'HELD' && lines.some((line) => line.offerId === offerId);
}

/** Whether the event tells of the purchase; what its settlement leads to is of all that were settled in the stream. */
function isSettledBy(event: SettledEvent, { settledHere, orders }: SettleOutcome, { checkoutId }: ChargeEnd): boolean {
  if (event.checkoutId !== undefined) return event.checkoutId === checkoutId;
  return settledHere && orders.some(({ streamId }) => streamId === event.streamId);
}

/** What is to be charged for a purchase. */
export type Due = { checkoutId: bigint; paymentToken: string; amountMinor: bigint; currency: string };

function dueOf(held: { checkoutId: bigint; amountMinor: bigint; currency: string }, { paymentToken }: Purchase): Due {
  return { ...held, paymentToken };
}

async function readDue(sql: Queryable, checkoutId: bigint): Promise<Due> {
  const checkout = await findCheckout(sql, checkoutId);
  assert(checkout, `checkout ${checkoutId} exists`);
  return { ...checkout, checkoutId };
}

/** What the keys of charges for purchases begin with. */
export const CHECKOUT = 'checkout';

/** The key that a purchase is charged under. */
export function chargeKeyOf(checkoutId: bigint): string {
  return `${CHECKOUT}:${checkoutId}`;
}

function toRequest({ checkoutId, paymentToken, amountMinor, currency }: Due): ChargeRequest {
  return {
    idempotencyKey: chargeKeyOf(checkoutId),
    token: paymentToken,
    amount: { minorUnits: amountMinor, currency },
  };
}
