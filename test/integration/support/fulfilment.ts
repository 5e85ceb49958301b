/** Orders on their way, as their people see and move them. */
import type { Pool } from 'pg';
import { lockOrders, moveOrders, type OrderState } from '../../../src/domains/orders/orders.api.ts';
import { ORDER_FULFILMENT } from '../../support/documents.ts';
import { type Actor, mutate, type Outcome, query, signIn } from '../../support/operations.ts';
import type { Server } from '../../support/server.ts';
import { createMerchant, type LineRows, type MerchantRows, type OrderRows, placeOrder } from './order-rows.ts';

/** A shipment, as the API has it. */
export type Shipment = {
  id: string;
  state: string;
  method: string;
  carrier: string | null;
  trackingNumber: string | null;
  etaAt: string | null;
  etaMinutes: number | null;
  events: { status: string; note: string | null; etaAt: string | null; occurredAt: string }[];
};

/** A voucher, as the API has it. */
export type Voucher = { id: string; state: string; code: string | null; verifiedAt: string | null };

/** An order, as the API has it. */
export type FulfilledOrder = { state: string; shipments: Shipment[]; vouchers: Voucher[] };

/** What the senders of shipments get. */
export type ShipmentSuccess = {
  shipment: Shipment;
  orderState: string;
  order: { id: string } | null;
  replayed: boolean;
};

/** What those who verify vouchers get. */
export type VoucherSuccess = { voucher: Voucher; orderState: string; order: { id: string } | null; replayed: boolean };

/** The mutations of shipments, by what they do. */
const MUTATIONS = {
  prepare: 'prepareShipment',
  ship: 'shipShipment',
  track: 'addTrackingEvent',
  deliver: 'deliverShipment',
} as const;

/** What a sender does with a shipment. */
export type Act = keyof typeof MUTATIONS;

/** An order with everybody around it. `keeper` acts for the merchant that has sold it. */
export type Scene = { buyer: Actor; keeper: Actor; seller: MerchantRows; order: OrderRows };

/** Somebody buys these lines from a new merchant; fulfilment has begun. */
export async function placed(server: Server, pool: Pool, lines: readonly LineRows[] = [{}]): Promise<Scene> {
  const [buyer, keeper] = [await signIn(server), await signIn(server)];
  const seller = await createMerchant(pool, { members: [keeper] });
  return { buyer, keeper, seller, order: await placeOrder(server, pool, { buyer, seller, lines }) };
}

/** The order, as somebody sees it; null for outsiders. */
export async function read(viewer: Actor, order: OrderRows): Promise<FulfilledOrder> {
  const { node } = await query<{ node: FulfilledOrder }>(viewer.api, ORDER_FULFILMENT, { id: order.globalId });
  return node;
}

/** Does something with a shipment. */
export function act(
  sender: Actor,
  what: Act,
  shipmentId: string,
  input: Record<string, unknown> = {},
): Promise<Outcome<ShipmentSuccess>> {
  const sending = what === 'ship' ? { carrier: 'Aramex', trackingNumber: 'AX-1' } : {};
  return mutate<ShipmentSuccess>(sender.api, MUTATIONS[what], { shipmentId, ...sending, ...input });
}

/** Verifies a voucher. */
export function verify(keeper: Actor, code: string, idempotencyKey: string): Promise<Outcome<VoucherSuccess>> {
  return mutate<VoucherSuccess>(keeper.api, 'verifyVoucher', { code, idempotencyKey });
}

/** Takes a verification back. */
export function cancelVerification(keeper: Actor, voucherId: string): Promise<Outcome<VoucherSuccess>> {
  return mutate<VoucherSuccess>(keeper.api, 'cancelVerification', { voucherId });
}

/** Moves an order, as another domain does. */
export async function force(server: Server, order: OrderRows, to: OrderState): Promise<void> {
  await server.app.services.db.inTransaction(async (sql) => {
    await moveOrders(sql, await lockOrders(sql, [order.id]), { to, actor: 'BUYER' });
  });
}

/** Cancels an order, as a buyer does: if nothing of it is sent. Returns whether it is cancelled now. */
export function cancel(server: Server, order: OrderRows): Promise<boolean> {
  const { db, fulfilment } = server.app.services;
  return db.inTransaction(async (sql) => {
    const orders = await lockOrders(sql, [order.id]);
    if (!(await fulfilment.stop(sql, order.id))) return false;
    await moveOrders(sql, orders, { to: 'CANCELLED', actor: 'BUYER' });
    return true;
  });
}

/** The timeline of an order: states and who brought them. */
export async function timeline(pool: Pool, order: OrderRows): Promise<string[]> {
  const { rows } = await pool.query(
    "SELECT state || ' ' || actor AS line FROM order_event WHERE order_id = $1 ORDER BY version",
    [order.id],
  );
  return rows.map(({ line }) => line);
}
