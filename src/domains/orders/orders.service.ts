import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLists, createLookUp } from '../../db/look-up.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import type { Money } from '../../kernel/money.ts';
import type { Live } from '../../live/live.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { createMemberships, type IsMember } from '../catalog/catalog.api.ts';
import type { FulfilmentHooks } from '../fulfilment/fulfilment.api.ts';
import {
  type Charge,
  type ChargeOwner,
  type PaymentProvider,
  ProviderUnavailableError,
} from '../payments/payments.api.ts';
import type { Wallets } from '../wallet/wallet.api.ts';
import { type DisputeRow, readDisputes } from './after/disputes.repo.ts';
import { Disputes } from './after/disputes.ts';
import { EscrowRelease } from './after/escrow-release.ts';
import { type RefundRow, readRefunds } from './after/refunds.repo.ts';
import { Refunds } from './after/refunds.ts';
import { type Bought, BuyNow, type BuyNowOptions } from './buy/buy-now.ts';
import { HoldSweep } from './buy/hold-sweep.ts';
import type { Purchase } from './buy/purchase.ts';
import { findCheckout } from './buy/settle.repo.ts';
import type { OrderUpdates } from './order-updates.ts';
import type { OrderRow } from './orders.api.ts';
import {
  countOrders,
  findOrderByNumber,
  findOrders,
  type OrderEventRow,
  type OrderLineRow,
  type OrdersOf,
  type OrderTransferRow,
  readOrderLines,
  readOrderPage,
  readTimelines,
  readTransfers,
} from './orders.repo.ts';
import { checkTransitions, ORDER_TRANSITIONS } from './orders.state.ts';

/** Limits and intervals that tests override. */
export type OrdersOptions = BuyNowOptions & {
  holdSweepIntervalMs?: number;
  refundSweepIntervalMs?: number;
  releaseIntervalMs?: number;
};

type Deps = {
  db: Database;
  live: Live;
  wallets: Wallets;
  provider: PaymentProvider;
  fulfilment: FulfilmentHooks;
  updates: OrderUpdates;
  log: Logger;
};

/** Orders: buying, what comes after it, and looking at them. */
export class Orders {
  readonly refunds: Refunds;
  readonly disputes: Disputes;
  /** The parts of an order; those of many are read together. */
  readonly parts: {
    lines: (orderId: bigint) => Promise<OrderLineRow[]>;
    timeline: (orderId: bigint) => Promise<OrderEventRow[]>;
    refunds: (orderId: bigint) => Promise<RefundRow[]>;
    disputes: (orderId: bigint) => Promise<DisputeRow[]>;
    transfers: (orderId: bigint) => Promise<OrderTransferRow[]>;
  };
  readonly #find: (id: bigint) => Promise<OrderRow | null>;
  readonly #buyNow: BuyNow;
  readonly #sweeps: { start(): void; close(): Promise<void> }[];
  readonly #isMember: IsMember;

  constructor(
    private readonly deps: Deps,
    options: OrdersOptions = {},
  ) {
    checkTransitions(ORDER_TRANSITIONS, { start: 'PENDING_PAYMENT', ends: ['CANCELLED', 'REFUNDED'] });
    const { pool } = deps.db;
    const withNews = { ...deps, news: deps.updates };
    this.#buyNow = new BuyNow(withNews, options);
    this.refunds = new Refunds(withNews, { sweepIntervalMs: options.refundSweepIntervalMs });
    this.disputes = new Disputes({ ...withNews, refunds: this.refunds });
    this.#sweeps = [
      new HoldSweep({ ...deps, buyNow: this.#buyNow }, options.holdSweepIntervalMs),
      this.refunds,
      new EscrowRelease(withNews, options.releaseIntervalMs),
    ];
    this.#find = createLookUp(
      (ids) => findOrders(pool, ids),
      ({ id }) => id,
    );
    this.parts = {
      lines: createLists((ids) => readOrderLines(pool, ids), orderIdOf),
      timeline: createLists((ids) => readTimelines(pool, ids), orderIdOf),
      refunds: createLists((ids) => readRefunds(pool, ids), orderIdOf),
      disputes: createLists((ids) => readDisputes(pool, ids), orderIdOf),
      transfers: createLists((ids) => readTransfers(pool, ids), orderIdOf),
    };
    this.#isMember = createMemberships(pool);
  }

  /** Buys, once per key. Errors: see `BuyNow.buy`. */
  buy(purchase: Purchase): Promise<Bought> {
    return this.#buyNow.buy(purchase);
  }

  /** As whom somebody may see an order; undefined for outsiders. Asked for many orders at once, it is one statement. */
  async roleOf(order: OrderRow, viewerId: bigint | undefined): Promise<'BUYER' | 'MERCHANT' | undefined> {
    if (viewerId === undefined) return undefined;
    if (order.buyerId === viewerId) return 'BUYER';
    return (await this.actsFor(order.merchantId, viewerId)) ? 'MERCHANT' : undefined;
  }

  /** Whether somebody acts for a merchant. Asked for many merchants at once, it is one statement. */
  async actsFor(merchantId: bigint, viewerId: bigint | undefined): Promise<boolean> {
    return viewerId !== undefined && this.#isMember(viewerId, merchantId);
  }

  /** An order by id, for its buyer and its merchant; null for others, and when there is none. */
  async find(id: bigint, viewerId: bigint | undefined): Promise<OrderRow | null> {
    if (viewerId === undefined) return null;
    const order = await this.#find(id);
    return order && (await this.roleOf(order, viewerId)) ? order : null;
  }

  /** An order by number, for its buyer and its merchant; null for others, and when there is none. */
  async findByNumber(number: string, viewerId: bigint): Promise<OrderRow | null> {
    const order = await findOrderByNumber(this.deps.db.pool, number);
    return order && (await this.roleOf(order, viewerId)) ? order : null;
  }

  /** A page of somebody's orders, newest first. The caller has seen to who may look. */
  page(of: OrdersOf, keyset: Keyset): Promise<OrderRow[]> {
    return readOrderPage(this.deps.db.pool, of, keyset);
  }

  /** How many orders somebody has. */
  count(of: OrdersOf): Promise<number> {
    return countOrders(this.deps.db.pool, of);
  }

  /**
   * Watches an order, or all that somebody buys. Yields ids: what is read of each is authorised at that time.
   * @throws {NotFoundError} no such order, or it is nothing of theirs
   */
  async watch(actor: Actor, orderId: bigint | undefined): Promise<AsyncIterableIterator<bigint>> {
    if (orderId === undefined) return this.deps.updates.watch({ buyerId: actor.id });
    if (!(await this.find(orderId, actor.id))) throw new NotFoundError('order');
    return this.deps.updates.watch({ orderId });
  }

  /** What providers' webhooks say of purchases. */
  chargeOwner(): ChargeOwner {
    return {
      settle: (checkoutId, charge, amount) => this.#hearCharge(checkoutId, charge, amount),
      dispute: async (checkoutId, dispute) => {
        await this.#settleFirst(checkoutId);
        await this.disputes.hear(checkoutId, dispute);
      },
    };
  }

  /** Starts ending holds, paying refunds and releasing escrow: also what a server that died has left. */
  start(): void {
    for (const sweep of this.#sweeps) sweep.start();
  }

  /** Commits what is queued, and stops the sweeps. */
  async close(): Promise<void> {
    await Promise.all(this.#sweeps.map((sweep) => sweep.close()));
    await this.#buyNow.close();
  }

  /**
   * What is contested was charged: a dispute that is told of before the purchase is settled must not be lost.
   * @throws {ProviderUnavailableError} so that it is told again
   */
  async #settleFirst(checkoutId: bigint): Promise<void> {
    const checkout = await findCheckout(this.deps.db.pool, checkoutId);
    if (checkout?.state !== 'HELD') return;
    if (!(await this.#buyNow.expire({ ...checkout, checkoutId })))
      throw new ProviderUnavailableError('a purchase that is contested cannot be settled yet');
  }

  async #hearCharge(checkoutId: bigint, charge: Charge, amount: Money): Promise<void> {
    const { db, log } = this.deps;
    const checkout = await findCheckout(db.pool, checkoutId);
    if (!checkout) {
      log.warn({ checkoutId: String(checkoutId) }, 'a provider told of a purchase that there is not');
      return;
    }
    if (amount.minorUnits !== checkout.amountMinor || amount.currency !== checkout.currency) {
      log.error(
        { checkoutId: String(checkoutId) },
        'a provider has charged another amount than was asked: not settled',
      );
      return;
    }
    await this.#buyNow.settle({ checkoutId, charge });
  }
}

function orderIdOf({ orderId }: { orderId: bigint }): bigint {
  return orderId;
}
