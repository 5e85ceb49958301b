import { type Queryable, rows } from '../../db/database.ts';

/**
 * Days for which a gift is found by its key, and by its sender. Longer than a bank may take to call a payment back (540): until then
 * the gifts that a purchase paid are looked for.
 */
export const GIFT_KEY_DAYS = 550;
/** Keys that one transaction forgets. */
const KEYS_PER_TRANSACTION_MAX = 1_000;

/**
 * Forgets the keys of gifts that are older than {@link GIFT_KEY_DAYS}, oldest first, some at a time. Any number of servers may do so at
 * once, and it may end anywhere: how far it has come is written in the transaction that deletes.
 */
export async function forgetGiftKeys(sql: Queryable, signal: AbortSignal): Promise<number> {
  let forgotten = 0;
  while (!signal.aborted) {
    const [gone] = await rows<{ gifts: number | null }>(
      sql,
      '/* gifts.forgetKeys */ SELECT gift_keys_prune(clock_timestamp() - make_interval(days => $1), $2) AS gifts',
      [GIFT_KEY_DAYS, KEYS_PER_TRANSACTION_MAX],
    );
    forgotten += gone!.gifts ?? 0;
    if ((gone!.gifts ?? 0) < KEYS_PER_TRANSACTION_MAX) break; // null: another server is at it
  }
  return forgotten;
}
