import type { Logger } from 'pino';
import type { Database, SqlTransaction } from '../../../db/database.ts';
import { readKeys, storeKeys } from '../../../db/idempotent.ts';
import { IdempotencyConflictError, InvalidInputError, NotFoundError } from '../../../kernel/errors.ts';
import { every, FAILED, type Periodic } from '../../../kernel/every.ts';
import { hashInput } from '../../../kernel/idempotency.ts';
import type { Live } from '../../../live/live.ts';
import type { LiveEvent } from '../../../live/live-event.ts';
import { topics } from '../../../live/topics.ts';
import type { Actor } from '../../accounts/accounts.api.ts';
import type { FulfilmentHooks } from '../../fulfilment/fulfilment.api.ts';
import { type PaymentProvider, ProviderUnavailableError } from '../../payments/payments.api.ts';
import { appendOnAir } from '../../streams/streams.api.ts';
import { accountNames, type Wallets } from '../../wallet/wallet.api.ts';
import { chargeKeyOf } from '../buy/buy-now.ts';
import { readLines, type SoldLine } from '../buy/settle.repo.ts';
import { lockOrders, moveOrders, type OrderActor, type OrderNews, type OrderRow } from '../orders.api.ts';
import { OrderStateError } from '../orders.errors.ts';
import { ORDER_TRANSITIONS, type OrderState } from '../orders.state.ts';
import { takeBack } from './escrow.ts';
import { lockOrderFor, type OrderRole, requireRole } from './order-access.ts';
import {
  type DueRefund,
  findDueRefund,
  findDueRefunds,
  findRefund,
  findRequested,
  insertRefund,
  markRefunded,
  type RefundedLine,
  type RefundRow,
  readRefundLines,
  touchOrder,
  updateRefund,
} from './refunds.repo.ts';
import { returnStock } from './stock-return.ts';

/** How often refunds that the provider has not confirmed are tried again. */
export const REFUND_SWEEP_INTERVAL_MS = 5_000;
const REFUNDS_PER_SWEEP_MAX = 100;
const OPERATION = 'refundOrder';

/** What somebody wants back of an order: units by line; all that is left without lines. */
export type WantedBack = { lineId: bigint; quantity: number };
/** A refund, and where its order stands. */
export type RefundResult = { order: OrderRow; refund: RefundRow; replayed: boolean };

type Deps = {
  db: Database;
  live: Live;
  wallets: Wallets;
  provider: PaymentProvider;
  fulfilment: FulfilmentHooks;
  news: OrderNews;
  log: Logger;
};
/** What a transaction has done, for others to be told after it. */
type Done<T> = { result: T; events?: LiveEvent[]; orders?: OrderRow[]; lines?: readonly SoldLine[]; due?: bigint };
/** Units that go back to the buyer as money, and which of them come back into stock. */
type Giving = {
  lines: readonly SoldLine[];
  back: readonly RefundedLine[];
  reason: string;
  actor: OrderActor;
  /** Whether used vouchers are refunded, too: not by agreement, only by a decision. */
  evenUsed?: boolean;
};

/**
 * Giving money back: cancelled orders, refunds that a buyer asks for, and those that a merchant makes. The money leaves escrow in
 * the transaction that decides so (REFUNDS holds it), and is paid by the provider outside of any; what a crash or a silent
 * provider leaves undone is done by the sweep, under the same key.
 */
export class Refunds {
  #sweeping: Periodic | undefined;

  constructor(
    private readonly deps: Deps,
    private readonly options: { sweepIntervalMs?: number } = {},
  ) {}

  start(): void {
    this.#sweeping = every(
      this.options.sweepIntervalMs ?? REFUND_SWEEP_INTERVAL_MS,
      () => this.#sweep(),
      this.deps.db.instruments.meters.sweeps.of('refunds'),
    );
  }

  async close(): Promise<void> {
    await this.#sweeping?.stop();
  }

  /**
   * Cancels an order that nothing was sent of: money and stock go back in full. Cancelling it again changes nothing.
   * @throws {NotFoundError} no such order, or it is nothing of theirs
   * @throws {OrderStateError} too late, or not paid yet
   */
  async cancel(actor: Actor, orderId: bigint, reason: string): Promise<{ order: OrderRow; replayed: boolean }> {
    return this.#do(async (sql): Promise<Done<{ order: OrderRow; replayed: boolean }>> => {
      const { order, role } = await lockOrderFor(sql, orderId, actor.id);
      if (order.state === 'CANCELLED') return { result: { order, replayed: true } };
      if (order.state === 'PENDING_PAYMENT')
        throw new OrderStateError(order.state, 'The order is being paid. Wait a moment.');
      const lines = await readLines(sql, [orderId]);
      const isGone = lines.some(({ deliveredAt }) => deliveredAt !== null);
      const canCancel = ORDER_TRANSITIONS[order.state].includes('CANCELLED') && !isGone;
      if (!canCancel || !(await this.deps.fulfilment.stop(sql, orderId)))
        throw new OrderStateError(order.state, 'It is too late to cancel the order. Ask for a refund.');
      const [cancelled] = await moveOrders(sql, [order], { to: 'CANCELLED', actor: role, note: reason });
      const back = remaining(lines).map((line) => ({ ...line, restock: line.quantity }));
      const given = await this.#give(sql, order, { lines, back, reason, actor: role });
      return {
        ...given,
        result: { order: { ...cancelled!, refundedMinor: order.totalMinor }, replayed: false },
        orders: [cancelled!],
      };
    });
  }

  /**
   * Asks for money back: for all that is left of an order, or for units of lines. The merchant decides. Asking again while a
   * request is open gives the open one.
   * @throws {NotFoundError} {ForbiddenError} {InvalidInputError} {OrderStateError}
   */
  async request(
    actor: Actor,
    orderId: bigint,
    { lines: wanted, reason }: { lines: readonly WantedBack[] | undefined; reason: string },
  ): Promise<RefundResult> {
    return this.#do(async (sql): Promise<Done<RefundResult>> => {
      const { order, role } = await lockOrderFor(sql, orderId, actor.id);
      requireRole(role, 'BUYER');
      const open = await findRequested(sql, orderId);
      if (open) return { result: { order, refund: open, replayed: true } };
      if (!ORDER_TRANSITIONS[order.state].includes('REFUND_REQUESTED')) throw new OrderStateError(order.state);
      const lines = await readLines(sql, [orderId]);
      const back = chooseLines(lines, wanted);
      const [moved] = await moveOrders(sql, [order], { to: 'REFUND_REQUESTED', actor: role, note: reason });
      const refund = await insertRefund(sql, { ...toRefund(order, lines, back, reason), state: 'REQUESTED' }, back);
      return { result: { order: moved!, refund, replayed: false }, orders: [moved!] };
    });
  }

  /**
   * Grants what a buyer asked for. An order of which nothing is left becomes REFUNDED, another goes on where it was.
   * @param restock units that come back into stock, by line; none without it
   * @throws {NotFoundError} {ForbiddenError} {InvalidInputError} {OrderStateError}
   */
  async approve(actor: Actor, refundId: bigint, restock: readonly WantedBack[]): Promise<RefundResult> {
    return this.#decide(actor, refundId, ['PENDING', 'SUCCEEDED'], async (sql, order, refund, role) => {
      const lines = await readLines(sql, [order.id]);
      const asked = await readRefundLines(sql, [refund.id]);
      const back = withRestock(asked, restock);
      const updated = await updateRefund(sql, refund.id, 'PENDING', back);
      const given = await this.#giveBack(sql, order, { lines, back, reason: refund.reason, actor: role }, updated);
      return { ...given, result: { order: given.orders![0]!, refund: updated, replayed: false } };
    });
  }

  /**
   * Refuses what a buyer asked for: the order goes on where it was.
   * @throws {NotFoundError} {ForbiddenError} {OrderStateError}
   */
  async reject(actor: Actor, refundId: bigint, note: string): Promise<RefundResult> {
    return this.#decide(actor, refundId, ['REJECTED'], async (sql, order, refund, role) => {
      const updated = await updateRefund(sql, refund.id, 'REJECTED');
      const to = await this.deps.fulfilment.progress(sql, order.id);
      const [moved] = await moveOrders(sql, [order], { to, actor: role, note });
      return { result: { order: moved!, refund: updated, replayed: false }, orders: [moved!] };
    });
  }

  /**
   * A merchant gives money back without being asked, once per key.
   * @throws {NotFoundError} {ForbiddenError} {InvalidInputError} {OrderStateError} {IdempotencyConflictError}
   */
  async refund(
    actor: Actor,
    orderId: bigint,
    call: { lines: readonly RefundedLine[] | undefined; reason: string; idempotencyKey: string },
  ): Promise<RefundResult> {
    const key = { actorId: actor.id, key: call.idempotencyKey };
    const inputHash = hashInput({
      orderId,
      reason: call.reason,
      lines: JSON.stringify(call.lines?.map(toText) ?? null),
    });
    return this.#do(async (sql): Promise<Done<RefundResult>> => {
      const { order, role } = await lockOrderFor(sql, orderId, actor.id);
      requireRole(role, 'MERCHANT');
      const [known] = await readKeys<{ refundId: string }>(sql, OPERATION, [key]);
      if (known && known.inputHash !== inputHash) throw new IdempotencyConflictError();
      if (known) {
        const refund = await findRefund(sql, BigInt(known.result.refundId));
        return { result: { order, refund: refund!, replayed: true } };
      }
      if (order.state === 'REFUND_REQUESTED' || !ORDER_TRANSITIONS[order.state].includes('REFUNDED'))
        throw new OrderStateError(order.state);
      const lines = await readLines(sql, [orderId]);
      const back = chooseLines(lines, call.lines);
      const given = await this.#giveBack(sql, order, { lines, back, reason: call.reason, actor: role });
      const refund = given.result;
      await storeKeys(sql, OPERATION, [{ ...key, inputHash, result: { refundId: String(refund.id) } }]);
      return { ...given, result: { order: given.orders![0]!, refund, replayed: false } };
    });
  }

  /**
   * Gives everything that is left back, of an order that the caller has locked: a dispute was decided for the buyer. What they
   * have asked for besides is done with it.
   * @returns what to do after the transaction, see {@link tell}
   */
  async giveAllBack(sql: SqlTransaction, order: OrderRow, reason: string, actor: OrderActor): Promise<Done<RefundRow>> {
    const lines = await readLines(sql, [order.id]);
    const requested = await findRequested(sql, order.id);
    if (requested) await updateRefund(sql, requested.id, 'REJECTED');
    return this.#giveBack(sql, order, { lines, back: remaining(lines), reason, actor, evenUsed: true });
  }

  /** Tells others what a transaction has done, and has the provider pay what it decided. */
  async tell<T>({ result, events = [], orders = [], lines = [], due }: Done<T>): Promise<T> {
    const { live, news } = this.deps;
    if (events.length > 0 || lines.length > 0)
      live.changes.announce(lines.map(({ productId }) => topics.product(productId)));
    live.announce(events);
    news.announce(orders);
    if (due !== undefined) await this.#pay(due);
    return result;
  }

  async #do<T>(work: (sql: SqlTransaction) => Promise<Done<T>>): Promise<T> {
    return this.tell(await this.deps.db.inTransaction(work));
  }

  /** A merchant decides on a request; deciding the same again changes nothing. */
  #decide(
    actor: Actor,
    refundId: bigint,
    sameAs: readonly RefundRow['state'][],
    work: (sql: SqlTransaction, order: OrderRow, refund: RefundRow, role: OrderRole) => Promise<Done<RefundResult>>,
  ): Promise<RefundResult> {
    return this.#do(async (sql): Promise<Done<RefundResult>> => {
      const found = await findRefund(sql, refundId);
      if (!found) throw new NotFoundError('refund');
      const { order, role } = await lockOrderFor(sql, found.orderId, actor.id, 'refund');
      requireRole(role, 'MERCHANT');
      const refund = (await findRefund(sql, refundId))!;
      if (sameAs.includes(refund.state)) return { result: { order, refund, replayed: true } };
      if (refund.state !== 'REQUESTED') throw new OrderStateError(order.state, 'The request was decided already.');
      return work(sql, order, refund, role);
    });
  }

  /** Gives units back and moves the order: to REFUNDED when nothing is left of it, else to where it was. */
  async #giveBack(sql: SqlTransaction, order: OrderRow, giving: Giving, known?: RefundRow): Promise<Done<RefundRow>> {
    const { fulfilment } = this.deps;
    const isAll = remaining(giving.lines).every(
      (left) => giving.back.find(({ lineId }) => lineId === left.lineId)?.quantity === left.quantity,
    );
    for (const { lineId, quantity } of giving.evenUsed ? [] : giving.back) {
      const line = giving.lines.find(({ id }) => id === lineId)!;
      if (line.kind === 'SERVICE' && !(await fulfilment.cancelVouchers(sql, lineId, quantity)))
        throw new OrderStateError(order.state, 'Vouchers of the order were used: less than that can be refunded.');
    }
    // What was sent already comes back or does not; what was not is not sent any more.
    if (isAll) await fulfilment.abandon(sql, order.id);
    const given = await this.#give(sql, order, giving, known);
    const to = await this.#stateAfter(sql, order, isAll);
    const note = giving.reason;
    if (to !== order.state) await moveOrders(sql, [order], { to, actor: giving.actor, note });
    else await touchOrder(sql, order.id, giving.actor, note);
    return { ...given, orders: await lockOrders(sql, [order.id]) };
  }

  /** What was only asked for goes on where it has come to meanwhile; and if nothing is left to deliver, it is delivered. */
  async #stateAfter(sql: SqlTransaction, order: OrderRow, isAll: boolean): Promise<OrderState> {
    if (isAll) return 'REFUNDED';
    const isOnItsWay = ['PAID', 'PREPARING', 'SHIPPED', 'REFUND_REQUESTED'].includes(order.state);
    if (!isOnItsWay) return order.state;
    // The part that was furthest may be the one that was refunded: the order does not go back for that.
    const progress = await this.deps.fulfilment.progress(sql, order.id);
    return ORDER_TRANSITIONS[order.state].includes(progress) ? progress : order.state;
  }

  /** Money leaves escrow, and stock comes back. */
  async #give(
    sql: SqlTransaction,
    order: OrderRow,
    { lines, back, reason }: Giving,
    known?: RefundRow,
  ): Promise<Done<RefundRow>> {
    const { wallets } = this.deps;
    const wanted = toRefund(order, lines, back, reason);
    const refund = known ?? (await insertRefund(sql, { ...wanted, state: 'PENDING' }, back));
    await markRefunded(sql, order.id, wanted.amountMinor, back);
    const drafts = await returnStock(sql, lines, new Map(back.map(({ lineId, restock }) => [lineId, restock])));
    const [refunds] = await wallets.accounts(sql, [accountNames.refunds(order.currency)]);
    await takeBack(sql, wallets, order, { lines, back, to: refunds!, kind: 'ORDER_REFUNDED' });
    return { result: refund, events: await appendOnAir(sql, drafts), lines, due: refund.id };
  }

  /** Has the provider pay a refund, and books it. What it cannot do now is tried again. */
  async #pay(refundId: bigint): Promise<void> {
    const due = await findDueRefund(this.deps.db.pool, refundId);
    if (due?.state === 'PENDING') await this.#payDue(due);
  }

  async #payDue({ id, orderId, checkoutId, chargeId, amountMinor, currency }: DueRefund): Promise<void> {
    const { db, provider, wallets, news, log } = this.deps;
    const amount = { minorUnits: amountMinor, currency };
    try {
      const idempotencyKey = `refund:${id}`;
      await provider.refund({ idempotencyKey, chargeKey: chargeKeyOf(checkoutId), chargeId, amount });
    } catch (error) {
      if (!(error instanceof ProviderUnavailableError)) throw error;
      log.warn({ refundId: String(id) }, 'the provider has not confirmed a refund; it is tried again');
      return;
    }
    const orders = await db.inTransaction(async (sql) => {
      await lockOrders(sql, [orderId]);
      if ((await findRefund(sql, id))?.state !== 'PENDING') return [];
      await updateRefund(sql, id, 'SUCCEEDED');
      await touchOrder(sql, orderId, 'PROVIDER', 'The refund was paid.');
      const [refunds, clearing] = await wallets.accounts(sql, [
        accountNames.refunds(currency),
        accountNames.clearing(currency),
      ]);
      await wallets.post(sql, [
        { debit: refunds!, credit: clearing!, unit: currency, amount: amountMinor, kind: 'REFUND_PAID', causeId: id },
      ]);
      return lockOrders(sql, [orderId]);
    });
    news.announce(orders);
  }

  async #sweep(): Promise<unknown> {
    try {
      const due = await findDueRefunds(this.deps.db.pool, REFUNDS_PER_SWEEP_MAX);
      // One that fails must not keep the others waiting.
      const ends = await Promise.allSettled(due.map((refund) => this.#payDue(refund)));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    } catch (error) {
      this.deps.log.warn({ err: error }, 'paying refunds failed; the next sweep tries again');
      return FAILED;
    }
  }
}

/** All that was not refunded yet; nothing of it comes back into stock by itself. */
function remaining(lines: readonly SoldLine[]): RefundedLine[] {
  return lines.flatMap(({ id, quantity, refundedQuantity }) =>
    quantity > refundedQuantity ? { lineId: id, quantity: quantity - refundedQuantity, restock: 0 } : [],
  );
}

/** @throws {InvalidInputError} when a line is not of the order, or more is wanted of it than is left */
function chooseLines(
  lines: readonly SoldLine[],
  wanted: readonly (WantedBack & { restock?: number })[] | undefined,
): RefundedLine[] {
  const left = new Map(remaining(lines).map((line) => [line.lineId, line.quantity]));
  if (!wanted) return remaining(lines);
  const issues = wanted.flatMap(({ lineId, quantity, restock = 0 }, index) => {
    const isTwice = wanted.findIndex((other) => other.lineId === lineId) !== index;
    if (isTwice) return { path: `input.lines.${index}.lineId`, message: 'The line is named twice.' };
    if (!lines.some(({ id }) => id === lineId))
      return { path: `input.lines.${index}.lineId`, message: 'There is no such line.' };
    const most = left.get(lineId) ?? 0;
    if (quantity > most) return { path: `input.lines.${index}.quantity`, message: `At most ${most} of it are left.` };
    return restock < 0 || restock > quantity
      ? { path: `input.lines.${index}.restock`, message: `Must be 0 to ${quantity}: so many of it are refunded.` }
      : [];
  });
  if (issues.length > 0) throw new InvalidInputError(issues);
  return wanted.map(({ lineId, quantity, restock = 0 }) => ({ lineId, quantity, restock }));
}

/** @throws {InvalidInputError} when more comes back into stock than is refunded */
function withRestock(asked: readonly RefundedLine[], restock: readonly WantedBack[]): RefundedLine[] {
  const issues = restock.flatMap(({ lineId, quantity }, index) => {
    const most = asked.find((line) => line.lineId === lineId)?.quantity ?? 0;
    const isPossible = quantity >= 0 && quantity <= most;
    return isPossible
      ? []
      : { path: `input.restock.${index}`, message: `Must be 0 to ${most}: so many of it are refunded.` };
  });
  if (issues.length > 0) throw new InvalidInputError(issues);
  const units = new Map(restock.map(({ lineId, quantity }) => [lineId, quantity]));
  return asked.map((line) => ({ ...line, restock: units.get(line.lineId) ?? 0 }));
}

function toRefund(order: OrderRow, lines: readonly SoldLine[], back: readonly RefundedLine[], reason: string) {
  const priceOf = new Map(lines.map(({ id, unitPriceMinor }) => [id, unitPriceMinor]));
  const amountMinor = back.reduce((sum, { lineId, quantity }) => sum + priceOf.get(lineId)! * BigInt(quantity), 0n);
  return { orderId: order.id, amountMinor, currency: order.currency, reason };
}

function toText({ lineId, quantity, restock }: RefundedLine): string {
  return `${lineId}:${quantity}:${restock}`;
}
