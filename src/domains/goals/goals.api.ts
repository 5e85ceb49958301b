import type { SqlTransaction } from '../../db/database.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { countOrders } from './goals.repo.ts';

/**
 * Counts the purchases among events that were just appended, for goals in orders. The caller holds the logs, in the same
 * transaction. One statement for a batch, and none where there is no purchase.
 * @returns the events that follow, appended already
 */
export async function countPurchases(sql: SqlTransaction, appended: readonly LiveEvent[]): Promise<LiveEvent[]> {
  const orders = new Map<bigint, number>();
  for (const { type, streamId } of appended) {
    if (type === 'PRODUCT_PURCHASED') orders.set(streamId, (orders.get(streamId) ?? 0) + 1);
  }
  return orders.size === 0 ? [] : countOrders(sql, orders, appended[0]!.occurredAt);
}
