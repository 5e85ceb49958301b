import { type Queryable, rows, type SqlTransaction } from '../../../db/database.ts';
import { accountNames, type Transfer, type Wallets } from '../../wallet/wallet.api.ts';
import type { OrderRow } from '../orders.api.ts';

/** Of what a retail partner sells for the platform, the platform keeps so much: basis points. */
export const PLATFORM_MARGIN_BPS = 1_000n;
const BPS = 10_000n;

/** A line, as far as its money goes. */
type PaidLine = {
  quantity: number;
  refundedQuantity: number;
  unitPriceMinor: bigint;
  warehouseMerchantId: bigint;
};

/**
 * Who gets what of an order's money: the seller all of it, but for what a retail partner has sent for the platform, who gets
 * the price less the platform's margin, rounded to the partner's good. What was refunded is nobody's.
 */
export function sharesOf(sellerId: bigint, lines: readonly PaidLine[]): Map<bigint, bigint> {
  const shares = new Map<bigint, bigint>();
  const add = (merchantId: bigint, amount: bigint) => {
    if (amount > 0n) shares.set(merchantId, (shares.get(merchantId) ?? 0n) + amount);
  };
  for (const { quantity, refundedQuantity, unitPriceMinor, warehouseMerchantId } of lines) {
    const amount = unitPriceMinor * BigInt(quantity - refundedQuantity);
    const margin = warehouseMerchantId === sellerId ? 0n : (amount * PLATFORM_MARGIN_BPS) / BPS;
    add(sellerId, margin);
    add(warehouseMerchantId, amount - margin);
  }
  return shares;
}

/**
 * Takes an order's money from where it is: from escrow or, once it was released, from those who got it, in the proportion of what
 * each got.
 * @param to the account that it goes to
 */
export async function takeBack(
  sql: SqlTransaction,
  wallets: Wallets,
  order: OrderRow,
  { amountMinor, to, kind }: { amountMinor: bigint; to: bigint; kind: 'ORDER_REFUNDED' | 'ORDER_CHARGED_BACK' },
): Promise<void> {
  const unit = order.currency;
  const transfer = (debit: bigint, amount: bigint): Transfer => {
    return { debit, credit: to, unit, amount, kind, causeId: order.id };
  };
  if (order.state !== 'COMPLETED') {
    const [escrow] = await wallets.accounts(sql, [accountNames.merchant(order.merchantId, unit, 'ESCROW')]);
    await wallets.post(sql, [transfer(escrow!, amountMinor)]);
    return;
  }
  const released = await readReleased(sql, order.id);
  const total = released.reduce((sum, { amount }) => sum + amount, 0n);
  let left = amountMinor;
  const transfers = released.map(({ accountId, amount }, index) => {
    const isLast = index === released.length - 1;
    const part = isLast ? left : (amountMinor * amount) / total;
    left -= part;
    return transfer(accountId, part);
  });
  await wallets.post(
    sql,
    transfers.filter(({ amount }) => amount > 0n),
  );
}

async function readReleased(sql: Queryable, orderId: bigint): Promise<{ accountId: bigint; amount: bigint }[]> {
  return rows(
    sql,
    `/* orders.released */ SELECT credit_account_id AS "accountId", sum(amount)::bigint AS amount FROM transfer
      WHERE cause_id = $1 AND kind LIKE 'ORDER%' AND kind = 'ORDER_RELEASED' GROUP BY 1 ORDER BY 1`,
    [orderId],
  );
}
