import type { Queryable, SqlTransaction } from '../../../db/database.ts';
import { ForbiddenError, NotFoundError } from '../../../kernel/errors.ts';
import { isMember, lockOrders, type OrderRow } from '../orders.api.ts';

/** As whom somebody acts on an order. */
export type OrderRole = 'BUYER' | 'MERCHANT';

/** As whom somebody may see an order; undefined for outsiders. */
export async function roleOf(sql: Queryable, order: OrderRow, viewerId: bigint): Promise<OrderRole | undefined> {
  if (order.buyerId === viewerId) return 'BUYER';
  return (await isMember(sql, order.merchantId, viewerId)) ? 'MERCHANT' : undefined;
}

/**
 * Locks an order for somebody who acts on it: commands on one order wait for each other.
 * @param named what they named: to outsiders a refund of somebody's order looks as one that is not there
 * @throws {NotFoundError} no such order, or it is nothing of theirs
 */
export async function lockOrderFor(
  sql: SqlTransaction,
  orderId: bigint,
  viewerId: bigint,
  named = 'order',
): Promise<{ order: OrderRow; role: OrderRole }> {
  const [order] = await lockOrders(sql, [orderId]);
  const role = order && (await roleOf(sql, order, viewerId));
  if (!order || !role) throw new NotFoundError(named);
  return { order, role };
}

/** @throws {ForbiddenError} when it is the other side's to do */
export function requireRole(role: OrderRole, wanted: OrderRole): void {
  if (role === wanted) return;
  throw new ForbiddenError(wanted === 'BUYER' ? 'Only the buyer can do this.' : 'Only the merchant can do this.');
}
