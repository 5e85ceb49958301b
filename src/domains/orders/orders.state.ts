/** The states of an order. */
export const ORDER_STATES = [
  'PENDING_PAYMENT',
  'PAID',
  'PREPARING',
  'SHIPPED',
  'DELIVERED',
  'COMPLETED',
  'CANCELLED',
  'REFUND_REQUESTED',
  'REFUNDED',
] as const;

/** One of {@link ORDER_STATES}. */
export type OrderState = (typeof ORDER_STATES)[number];

/** Which state may follow which. Checked at start by {@link checkTransitions}. */
export const ORDER_TRANSITIONS: Readonly<Record<OrderState, readonly OrderState[]>> = {
  // Declined, or the hold ran out: nothing was charged.
  PENDING_PAYMENT: ['PAID', 'CANCELLED'],
  // Straight to DELIVERED: what is downloaded, and services once every voucher is verified.
  PAID: ['PREPARING', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUND_REQUESTED', 'REFUNDED'],
  PREPARING: ['SHIPPED', 'DELIVERED', 'CANCELLED', 'REFUND_REQUESTED', 'REFUNDED'],
  SHIPPED: ['DELIVERED', 'REFUND_REQUESTED', 'REFUNDED'],
  // Back to PAID: the verification of a voucher was taken back.
  DELIVERED: ['COMPLETED', 'PAID', 'REFUND_REQUESTED', 'REFUNDED'],
  // The buyer's bank may take the money back however late.
  COMPLETED: ['REFUNDED'],
  CANCELLED: [],
  // Rejected, or granted in part: the order goes on where it was.
  REFUND_REQUESTED: ['PAID', 'PREPARING', 'SHIPPED', 'DELIVERED', 'REFUNDED'],
  REFUNDED: [],
};

/**
 * Checks that a transition table makes sense: what it names exists, everything can be reached, and what ends stays ended.
 * @throws {Error} with what is wrong
 */
export function checkTransitions(
  table: Readonly<Record<string, readonly string[]>>,
  { start, ends }: { start: string; ends: readonly string[] },
): void {
  const reached = new Set([start]);
  for (const state of reached) {
    const next = table[state];
    if (!next) throw new Error(`the transition table names ${state} and does not define it`);
    if (next.includes(state)) throw new Error(`${state} follows itself`);
    for (const following of next) reached.add(following);
  }
  for (const state of Object.keys(table)) {
    if (!reached.has(state)) throw new Error(`${state} cannot be reached from ${start}`);
    const isEnd = table[state]!.length === 0;
    if (isEnd !== ends.includes(state)) throw new Error(`${state} ${isEnd ? 'leads nowhere' : 'does not end'}`);
  }
}
