/** A cap of one period: what holds, and what will. Null coins are no cap. */
export type Cap = {
  coins: bigint | null;
  /** A raise that waits for its cool-off; undefined when none does. */
  raise: { coins: bigint | null; at: Date } | undefined;
};

/** For so long a raise waits: nobody lifts a cap in the heat of a stream. */
export const COOL_OFF_MS = 24 * 3_600_000;

/** What a cap is once the raises that are due have come. */
export function capNow({ coins, raise }: Cap, now: Date): Cap {
  return raise && raise.at.getTime() <= now.getTime() ? { coins: raise.coins, raise: undefined } : { coins, raise };
}

/**
 * What becomes of a cap when its viewer wants another one. What is lower acts at once, and so does the first cap; it takes a raise
 * that waits with it, as does asking for what holds already. What is higher, or no cap, waits for the cool-off, and a raise on top of
 * another one begins to wait anew; only the same raise again changes nothing, so that a call may be repeated.
 */
export function nextCap(cap: Cap, wanted: bigint | null, now: Date): Cap {
  const { coins, raise } = capNow(cap, now);
  const isRaise = coins !== null && (wanted === null || wanted > coins);
  if (!isRaise) return { coins: wanted, raise: undefined };
  if (raise && raise.coins === wanted) return { coins, raise };
  return { coins, raise: { coins: wanted, at: new Date(now.getTime() + COOL_OFF_MS) } };
}
