import type { Database, SqlTransaction } from '../../../db/database.ts';
import { ForbiddenError, NotFoundError } from '../../../kernel/errors.ts';
import type { Actor } from '../../accounts/accounts.api.ts';
import type { FulfilmentHooks } from '../../fulfilment/fulfilment.api.ts';
import type { ProviderDispute } from '../../payments/payments.api.ts';
import { accountNames, type Wallets } from '../../wallet/wallet.api.ts';
import { lockOrdersOf, readLines } from '../buy/settle.repo.ts';
import { lockOrders, moveOrders, type OrderNews, type OrderRow } from '../orders.api.ts';
import { OrderStateError } from '../orders.errors.ts';
import { actsForPlatform, closeDispute, type DisputeRow, findDispute, openDispute } from './disputes.repo.ts';
import { takeBack } from './escrow.ts';
import { lockOrderFor, requireRole, roleOf } from './order-access.ts';
import { findRequested, markRefunded, touchOrder, updateRefund } from './refunds.repo.ts';
import type { Refunds } from './refunds.ts';

/** A dispute, and where its order stands. */
export type DisputeResult = { order: OrderRow; dispute: DisputeRow; replayed: boolean };

type Deps = { db: Database; wallets: Wallets; refunds: Refunds; fulfilment: FulfilmentHooks; news: OrderNews };

/** What the timeline says when no money moves. */
const DECIDED = { REFUND: 'The dispute was decided for the buyer.', REJECT: 'The dispute was rejected.' } as const;

/** Contested orders: while a dispute is open, the merchant does not get the money. */
export class Disputes {
  constructor(private readonly deps: Deps) {}

  /**
   * A buyer contests an order that was delivered and not released yet. Contesting it again gives the open dispute.
   * @throws {NotFoundError} {ForbiddenError} {OrderStateError}
   */
  async open(actor: Actor, orderId: bigint, reason: string): Promise<DisputeResult> {
    return this.#do(async (sql) => {
      const { order, role } = await lockOrderFor(sql, orderId, actor.id);
      requireRole(role, 'BUYER');
      if (!['SHIPPED', 'DELIVERED'].includes(order.state)) throw new OrderStateError(order.state);
      const { dispute, isNew } = await openDispute(sql, { orderId, kind: 'BUYER', reason });
      if (isNew) await touchOrder(sql, orderId, role, `Contested: ${reason}`);
      return { dispute, replayed: !isNew };
    });
  }

  /**
   * Decides a dispute: the merchant may give in, the platform may decide either way. Deciding the same again changes nothing.
   * @throws {NotFoundError} {ForbiddenError} {OrderStateError}
   */
  async resolve(actor: Actor, disputeId: bigint, decision: 'REFUND' | 'REJECT'): Promise<DisputeResult> {
    const { db, refunds } = this.deps;
    const state = decision === 'REFUND' ? 'REFUNDED' : 'REJECTED';
    const { done, ...result } = await db.inTransaction(async (sql) => {
      const found = await findDispute(sql, disputeId);
      const [order] = found ? await lockOrders(sql, [found.orderId]) : [];
      const role = order && (await roleOf(sql, order, actor.id));
      // Nobody decides on their own purchase.
      const isPlatform = role !== 'BUYER' && (await actsForPlatform(sql, actor.id));
      if (!order || found?.kind !== 'BUYER' || !(role || isPlatform)) throw new NotFoundError('dispute');
      const mayDecide = isPlatform || (role === 'MERCHANT' && decision === 'REFUND');
      if (!mayDecide) throw new ForbiddenError('Only the platform can decide this.');
      const dispute = (await findDispute(sql, disputeId))!;
      if (dispute.state === state) return { order, dispute, replayed: true, done: undefined };
      if (dispute.state !== 'OPEN') throw new OrderStateError(order.state, 'The dispute was decided already.');
      const closed = await closeDispute(sql, disputeId, state);
      // Nothing may be left: the merchant, or the bank, was quicker.
      if (decision === 'REFUND' && order.refundedMinor < order.totalMinor) {
        const given = await refunds.giveAllBack(sql, order, dispute.reason, isPlatform ? 'SYSTEM' : 'MERCHANT');
        return { order: given.orders![0]!, dispute: closed, replayed: false, done: given };
      }
      await touchOrder(sql, order.id, isPlatform ? 'SYSTEM' : 'MERCHANT', DECIDED[decision]);
      const orders = await lockOrders(sql, [order.id]);
      return { order: orders[0]!, dispute: closed, replayed: false, done: { result: undefined, orders } };
    });
    if (done) await refunds.tell<unknown>(done);
    return result;
  }

  /**
   * What a buyer's bank says of a purchase: OPEN freezes its orders' money; LOST takes it back, for good; WON sets it free. May
   * be told again, in any order.
   */
  async hear(checkoutId: bigint, { providerId, state, reason }: ProviderDispute): Promise<void> {
    const changed = await this.deps.db.inTransaction(async (sql) => {
      const orders = await lockOrdersOf(sql, [checkoutId]);
      const contested = orders.filter((order) => !['PENDING_PAYMENT', 'CANCELLED'].includes(order.state));
      const changed: bigint[] = [];
      for (const order of contested) {
        const { dispute, isNew } = await openDispute(sql, {
          orderId: order.id,
          kind: 'PROVIDER',
          reason,
          providerId: `${providerId}:${order.id}`,
        });
        if (dispute.state !== 'OPEN' || (state === 'OPEN' && !isNew)) continue;
        changed.push(order.id);
        if (state === 'OPEN') await touchOrder(sql, order.id, 'PROVIDER', 'Contested with the buyer’s bank.');
        else await this.#end(sql, order, dispute.id, state);
      }
      return lockOrders(sql, changed);
    });
    this.deps.news.announce(changed);
  }

  async #end(sql: SqlTransaction, order: OrderRow, disputeId: bigint, state: 'WON' | 'LOST'): Promise<void> {
    await closeDispute(sql, disputeId, state === 'LOST' ? 'REFUNDED' : 'REJECTED');
    const amountMinor = order.totalMinor - order.refundedMinor;
    if (state === 'WON' || amountMinor === 0n) {
      await touchOrder(sql, order.id, 'PROVIDER', 'The buyer’s bank has decided.');
      return;
    }
    const { wallets, fulfilment } = this.deps;
    const lines = await readLines(sql, [order.id]);
    const left = lines.map(({ id, quantity, refundedQuantity }) => {
      return { lineId: id, quantity: quantity - refundedQuantity, restock: 0 };
    });
    await fulfilment.abandon(sql, order.id);
    await markRefunded(sql, order.id, amountMinor, left);
    const [clearing] = await wallets.accounts(sql, [accountNames.clearing(order.currency)]);
    await takeBack(sql, wallets, order, { lines, back: left, to: clearing!, kind: 'ORDER_CHARGED_BACK' });
    const requested = await findRequested(sql, order.id);
    if (requested) await updateRefund(sql, requested.id, 'REJECTED');
    await moveOrders(sql, [order], { to: 'REFUNDED', actor: 'PROVIDER', note: 'Charged back by the buyer’s bank.' });
  }

  async #do(work: (sql: SqlTransaction) => Promise<Omit<DisputeResult, 'order'>>): Promise<DisputeResult> {
    const result = await this.deps.db.inTransaction(async (sql) => {
      const done = await work(sql);
      const [order] = await lockOrders(sql, [done.dispute.orderId]);
      return { ...done, order: order! };
    });
    if (!result.replayed) this.deps.news.announce([result.order]);
    return result;
  }
}
