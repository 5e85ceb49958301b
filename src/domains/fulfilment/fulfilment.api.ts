import type { SqlTransaction } from '../../db/database.ts';
import type { OrderState } from '../orders/orders.api.ts';

export { type Delivery, type Route, route, type StockCandidate } from './router.ts';

/** A line of an order, as fulfilment needs it. */
export type LineToFulfil = {
  id: bigint;
  orderId: bigint;
  kind: 'PHYSICAL' | 'FOOD' | 'SERVICE' | 'DIGITAL';
  warehouseId: bigint;
  /** Who owns the warehouse; another than the seller when a retail partner sends it for the platform. */
  warehouseMerchantId: bigint;
  sellerId: bigint;
  quantity: number;
  promiseMinutes: number;
};

/** What orders ask of fulfilment, in their own SQL transaction. The orders are locked by the caller. */
export type FulfilmentHooks = {
  /**
   * Begins to fulfil lines that were just paid, all in a fixed number of statements: shipments for what is sent, vouchers for
   * services; what is downloaded is delivered at once (order_line.delivered_at).
   * @returns ids of the orders of which nothing is left to deliver
   */
  begin: (sql: SqlTransaction, lines: readonly LineToFulfil[]) => Promise<bigint[]>;
  /**
   * Stops fulfilling an order that is cancelled or refunded: open shipments and vouchers become CANCELLED.
   * @returns false, with nothing changed, when something has been sent, used or downloaded already
   */
  stop: (sql: SqlTransaction, orderId: bigint) => Promise<boolean>;
  /**
   * Gives up what is still open of an order that is refunded in full, whatever of it was sent or used: what is on its way stays so,
   * and moves nothing any more.
   */
  abandon: (sql: SqlTransaction, orderId: bigint) => Promise<void>;
  /** Cancels this many unused vouchers of a line that is refunded; false, with nothing changed, when there are not so many. */
  cancelVouchers: (sql: SqlTransaction, lineId: bigint, quantity: number) => Promise<boolean>;
  /**
   * How far an order has come: the state that its shipments, vouchers and downloads give it, lines refunded in full left out.
   * What an order goes back to when a refund is rejected, or granted in part. Shipments in which the refund has left nothing become
   * CANCELLED.
   */
  progress: (sql: SqlTransaction, orderId: bigint) => Promise<FulfilmentState>;
};

/** The states of an order that fulfilment gives it. */
export type FulfilmentState = Extract<OrderState, 'PAID' | 'PREPARING' | 'SHIPPED' | 'DELIVERED'>;
