import type { SqlTransaction } from '../../db/database.ts';
import { moveOrders, type OrderActor, type OrderRow, touchOrders } from '../orders/orders.api.ts';
import { OrderStateError } from '../orders/orders.errors.ts';
import { readProgress } from './fulfilment.repo.ts';
import { deriveState, FULFILMENT_STATES, rankOf, SHIPMENT_TRANSITIONS, STEPS } from './fulfilment.state.ts';
import { type Step, type TrackedShipment, writeStep } from './shipments.repo.ts';

/** Who has done something: another company, or the seller itself. */
export function actorOf({ byPartner }: { byPartner: boolean }): OrderActor {
  return byPartner ? 'PARTNER' : 'MERCHANT';
}

/** Whether an order in this state is on its way to the buyer: neither ended nor contested. */
export function isFulfilled({ state }: OrderRow): boolean {
  return (FULFILMENT_STATES as readonly string[]).includes(state);
}

/**
 * Takes a shipment a step further, and its order with it. The caller has locked the order, then read the shipment.
 * @returns the order as it is now; announce it once the transaction is committed
 * @throws {OrderStateError} when the order is not being fulfilled, or the shipment has gone further
 */
export async function takeStep(
  sql: SqlTransaction,
  { order, shipment, step }: { order: OrderRow; shipment: TrackedShipment; step: Step },
): Promise<OrderRow> {
  const { method, state, last } = shipment;
  if (!isFulfilled(order)) throw new OrderStateError(order.state);
  const rank = rankOf(method, step.status)!;
  const next = STEPS[method][rank]!.state;
  const isBack = rank < rankOf(method, last?.status ?? null)!;
  if (isBack || (next !== state && !SHIPMENT_TRANSITIONS[state].includes(next))) {
    throw new OrderStateError(order.state, `The shipment is ${state}, and cannot be ${step.status} any more.`);
  }
  await writeStep(sql, shipment.id, next, step);
  return advance(sql, order, actorOf(shipment));
}

/**
 * Brings an order, which the caller has locked, to the state that its parts give it now.
 * @returns the order as it is now; announce it once the transaction is committed
 */
export async function advance(sql: SqlTransaction, order: OrderRow, actor: OrderActor): Promise<OrderRow> {
  const to = deriveState(await readProgress(sql, order.id));
  const move = async (from: OrderRow, state: typeof to) => (await moveOrders(sql, [from], { to: state, actor }))[0]!;
  if (order.state === 'DELIVERED' && to !== 'DELIVERED') {
    const back = await move(order, 'PAID');
    return to === 'PAID' ? back : move(back, to);
  }
  const states = FULFILMENT_STATES as readonly string[];
  if (states.indexOf(to) > states.indexOf(order.state)) return move(order, to);
  return (await touchOrders(sql, [order.id]))[0]!;
}
