import type { SqlTransaction } from '../../db/database.ts';
import { insertSignals, type TrendSignal } from './trends.repo.ts';

export type { SignalKind, TrendSignal } from './trends.repo.ts';

/**
 * Notes that something speaks for products, in one statement of the caller's transaction; counted by the sweep of the trends, soon and
 * exactly once. An amount of zero says nothing and is left out, and so is a product that there is not. What speaks for a listing of
 * the platform's shop counts for the product that it lists.
 */
export async function noteSignals(sql: SqlTransaction, signals: readonly TrendSignal[]): Promise<void> {
  if (signals.length > 0) await insertSignals(sql, signals);
}
