import type { SqlTransaction } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { accountNames, type Transfer, type Wallets } from '../../wallet/wallet.api.ts';
import type { OrderRow } from '../orders.api.ts';

/** Of what a retail partner sells for the platform, the platform keeps so much: basis points. */
export const PLATFORM_MARGIN_BPS = 1_000n;
const BPS = 10_000n;

/** A line, as far as its money goes. */
type PaidLine = {
  id: bigint;
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

/** Units of an order that are given back, and where their money goes. */
type TakenBack = {
  lines: readonly PaidLine[];
  back: readonly { lineId: bigint; quantity: number }[];
  to: bigint;
  kind: 'ORDER_REFUNDED' | 'ORDER_CHARGED_BACK';
};

/**
 * Takes the money of units that are given back from where it is: from escrow or, once it was released, from those who got it for these
 * very units. So what each has left of an order is always their share of what was not refunded.
 * @param taken.lines the order's lines as they were before
 * @param taken.to the account that it goes to
 */
export async function takeBack(
  sql: SqlTransaction,
  wallets: Wallets,
  order: OrderRow,
  { lines, back, to, kind }: TakenBack,
): Promise<void> {
  const unit = order.currency;
  const transfer = (debit: bigint, amount: bigint): Transfer => {
    return { debit, credit: to, unit, amount, kind, causeId: order.id };
  };
  const units = new Map(back.map(({ lineId, quantity }) => [lineId, quantity]));
  const after = lines.map((line) => ({ ...line, refundedQuantity: line.refundedQuantity + (units.get(line.id) ?? 0) }));
  const sharesAfter = sharesOf(order.merchantId, after);
  const parts = [...sharesOf(order.merchantId, lines)].map(([merchantId, share]) => {
    return { merchantId, amount: share - (sharesAfter.get(merchantId) ?? 0n) };
  });
  const amountMinor = parts.reduce((sum, { amount }) => sum + amount, 0n);
  if (order.state !== 'COMPLETED') {
    const [escrow] = await wallets.accounts(sql, [accountNames.merchant(order.merchantId, unit, 'ESCROW')]);
    await wallets.post(sql, [transfer(escrow!, amountMinor)]);
    return;
  }
  const payers = parts.filter(({ amount }) => amount !== 0n);
  assert(
    payers.every(({ amount }) => amount > 0n),
    'nobody is paid by a refund',
  );
  const accounts = await wallets.accounts(
    sql,
    payers.map(({ merchantId }) => accountNames.merchant(merchantId, unit, 'BALANCE')),
  );
  await wallets.post(
    sql,
    payers.map(({ amount }, index) => transfer(accounts[index]!, amount)),
  );
}
