import { type SqlTransaction, together } from '../../../db/database.ts';
import { groupBy } from '../../../kernel/group-by.ts';
import type { LiveEvent, LiveEventDraft } from '../../../live/live-event.ts';
import { snapshotProducts } from '../../catalog/catalog.api.ts';
import type { FulfilmentHooks } from '../../fulfilment/fulfilment.api.ts';
import { countPurchases } from '../../goals/goals.api.ts';
import { endSoldOutOffers, lockOffers, moveOfferUnits } from '../../offers/offers.api.ts';
import { offerEvents } from '../../offers/offers.events.ts';
import type { Charge } from '../../payments/payments.api.ts';
import { appendOnAir } from '../../streams/streams.api.ts';
import { noteSignals } from '../../trends/trends.api.ts';
import { accountNames, type Wallets } from '../../wallet/wallet.api.ts';
import { moveOrders, type OrderRow } from '../orders.api.ts';
import { productPurchased } from '../orders.events.ts';
import { lockStock, moveStock } from './hold.repo.ts';
import {
  type CheckoutRow,
  type CheckoutState,
  closeCheckouts,
  lockCheckouts,
  lockOrdersOf,
  readLinesOf,
  type SoldLine,
} from './settle.repo.ts';

/** How the charge of a purchase ended. */
export type ChargeEnd = { checkoutId: bigint; charge: Charge };

/** Where a purchase stands now, and whether this call brought it there. */
export type SettleOutcome = { state: CheckoutState; settledHere: boolean; orders: OrderRow[] };

/** An event of a settled batch; one that tells of a purchase says of which, for the log and traces alone. */
export type SettledEvent = LiveEvent & { checkoutId?: bigint };
type SettledDraft = LiveEventDraft & { checkoutId?: bigint };

/** A batch that was settled: an outcome for each charge, and what others are to be told. */
export type SettledBatch = {
  outcomes: SettleOutcome[];
  events: SettledEvent[];
  orders: OrderRow[];
  productIds: bigint[];
};

type Deps = { wallets: Wallets; fulfilment: FulfilmentHooks };
/** A purchase that this batch settles. */
type Settling = { checkout: CheckoutRow; state: 'PAID' | 'DECLINED' | 'EXPIRED'; chargeId: string };

const STATE_AFTER = { SUCCEEDED: 'PAID', DECLINED: 'DECLINED', CANCELLED: 'EXPIRED' } as const;

/**
 * Settles purchases whose charge has ended, any number of them in a fixed number of statements: paid ones are sold, with their
 * money in escrow and their fulfilment begun; of the others the stock goes back. Each is settled once, whoever asks how often.
 */
export async function settleBatch(sql: SqlTransaction, ends: readonly ChargeEnd[], deps: Deps): Promise<SettledBatch> {
  const checkoutIds = [...new Set(ends.map(({ checkoutId }) => checkoutId))];
  const [locked, before, lines] = await together(
    lockCheckouts(sql, checkoutIds),
    lockOrdersOf(sql, checkoutIds),
    readLinesOf(sql, checkoutIds),
  );
  const checkouts = new Map(locked.map((row) => [row.id, row]));
  const endOf = new Map(ends.map((end) => [end.checkoutId, end]));
  const settling = [...checkouts.values()].flatMap((checkout): Settling | [] => {
    const { charge } = endOf.get(checkout.id)!;
    return checkout.state === 'HELD' ? { checkout, state: STATE_AFTER[charge.status], chargeId: charge.chargeId } : [];
  });
  const settled = await settle(sql, settling, { orders: before, lines }, deps);
  const now = new Map([...before, ...settled.orders].map((order) => [order.id, order]));
  const byCheckout = groupBy([...now.values()], ({ checkoutId }) => checkoutId);
  const states = new Map(settling.map(({ checkout, state }) => [checkout.id, state]));
  const answered = new Set<bigint>();
  const outcomes = ends.map(({ checkoutId }): SettleOutcome => {
    const state = states.get(checkoutId);
    const isFirst = !answered.has(checkoutId);
    answered.add(checkoutId);
    return {
      state: state ?? checkouts.get(checkoutId)!.state,
      settledHere: state !== undefined && isFirst,
      orders: byCheckout.get(checkoutId) ?? [],
    };
  });
  return { outcomes, ...settled };
}

async function settle(
  sql: SqlTransaction,
  settling: readonly Settling[],
  all: { orders: readonly OrderRow[]; lines: readonly SoldLine[] },
  deps: Deps,
): Promise<Omit<SettledBatch, 'outcomes'>> {
  if (settling.length === 0) return { events: [], orders: [], productIds: [] };
  const stateOf = new Map(settling.map(({ checkout, state }) => [checkout.id, state]));
  const orders = all.orders.filter(({ checkoutId }) => stateOf.has(checkoutId));
  const paid = orders.filter(({ checkoutId }) => stateOf.get(checkoutId) === 'PAID');
  const paidIds = new Set(paid.map(({ id }) => id));
  const unpaid = orders.filter(({ id }) => !paidIds.has(id));
  const unpaidIds = new Set(unpaid.map(({ id }) => id));
  const sold = all.lines.filter(({ orderId }) => paidIds.has(orderId));
  const released = all.lines.filter(({ orderId }) => unpaidIds.has(orderId));
  // None needs what another finds; they are sent, and take their locks, in this order.
  const [soldOut, , afterPayment, cancelled, , delivered, , purchases] = await together(
    moveHeldUnits(sql, sold, released),
    closeCheckouts(
      sql,
      settling.map(({ checkout, state, chargeId }) => ({ id: checkout.id, state, chargeId })),
    ),
    moveOrders(sql, paid, { to: 'PAID', actor: 'PROVIDER' }),
    moveOrders(sql, unpaid, { to: 'CANCELLED', actor: 'SYSTEM', note: 'Not paid.' }),
    receivePayments(sql, paid, deps.wallets),
    beginFulfilment(sql, paid, sold, deps.fulfilment),
    noteSignals(sql, soldSignals(paid, sold)),
    purchaseEvents(sql, settling, paid, sold),
  );
  const afterDelivery = await moveOrders(
    sql,
    afterPayment.filter(({ id }) => delivered.has(id)),
    { to: 'DELIVERED', actor: 'SYSTEM' },
  );
  const appended = await appendOnAir<SettledDraft>(sql, [...purchases, ...soldOut]);
  const events = [...appended, ...(await countPurchases(sql, appended))];
  const productIds = [...new Set([...sold, ...released].map(({ productId }) => productId))];
  return { events, orders: [...afterPayment, ...cancelled, ...afterDelivery], productIds };
}

/** What was set aside is sold, or given back. Returns the events of the offers. */
async function moveHeldUnits(
  sql: SqlTransaction,
  sold: readonly SoldLine[],
  released: readonly SoldLine[],
): Promise<LiveEventDraft[]> {
  const lines = [...sold.map((line) => ({ line, isSold: true })), ...released.map((line) => ({ line, isSold: false }))];
  const offerIds = [...new Set(lines.flatMap(({ line }) => line.offerId ?? []))];
  const [open, , left, , ended] = await together(
    offerIds.length > 0 ? lockOffers(sql, offerIds) : Promise.resolve([]),
    lockStock(sql, [...new Set(lines.map(({ line }) => line.itemId))]),
    moveOfferUnits(
      sql,
      lines.flatMap(({ line: { offerId, quantity }, isSold }) =>
        offerId === null ? [] : { offerId, held: -quantity, sold: isSold ? quantity : 0 },
      ),
    ),
    moveStock(
      sql,
      lines.map(({ line: { itemId, warehouseId, quantity }, isSold }) => ({
        itemId,
        warehouseId,
        onHand: isSold ? -quantity : 0,
        held: -quantity,
      })),
    ),
    endSoldOutOffers(sql, offerIds),
  );
  const isOpen = new Set(open.flatMap(({ id, endedAt }) => (endedAt === null ? id : [])));
  const back = new Set(released.map(({ offerId }) => offerId));
  return [
    // What is sold was not to be had before, either: only what comes back changes what remains.
    ...left
      .filter(({ id }) => back.has(id) && isOpen.has(id))
      .map(({ id, streamId, remaining }) => offerEvents.stockChanged(streamId, id, remaining)),
    ...ended,
  ];
}

/** The provider owes us the money, and it waits in the sellers' escrow. */
async function receivePayments(sql: SqlTransaction, paid: readonly OrderRow[], wallets: Wallets): Promise<void> {
  if (paid.length === 0) return;
  // Many orders have few sellers: each account is asked for once.
  const sellers = new Map(paid.map((order) => [`${order.merchantId}:${order.currency}`, order]));
  const accounts = await wallets.accounts(
    sql,
    [...sellers.values()].flatMap(({ merchantId, currency }) => [
      accountNames.clearing(currency),
      accountNames.merchant(merchantId, currency, 'ESCROW'),
    ]),
  );
  const positions = new Map([...sellers.keys()].map((key, index) => [key, index * 2]));
  await wallets.post(
    sql,
    paid.map(({ id, merchantId, currency, totalMinor }) => {
      const position = positions.get(`${merchantId}:${currency}`)!;
      return {
        debit: accounts[position]!,
        credit: accounts[position + 1]!,
        unit: currency,
        amount: totalMinor,
        kind: 'ORDER_PAID',
        causeId: id,
      };
    }),
  );
}

/** Returns the ids of the orders that are delivered with this. */
async function beginFulfilment(
  sql: SqlTransaction,
  paid: readonly OrderRow[],
  sold: readonly SoldLine[],
  fulfilment: FulfilmentHooks,
): Promise<Set<bigint>> {
  const orderOf = new Map(paid.map((order) => [order.id, order]));
  const lines = sold.map((line) => ({ ...line, sellerId: orderOf.get(line.orderId)!.merchantId }));
  return new Set(await fulfilment.begin(sql, lines));
}

function soldSignals(paid: readonly OrderRow[], sold: readonly SoldLine[]) {
  const regionOf = new Map(paid.map(({ id, address }) => [id, address?.country ?? '']));
  return sold.map(({ orderId, productId, quantity }) => ({
    productId,
    region: regionOf.get(orderId)!,
    kind: 'PURCHASE' as const,
    amount: BigInt(quantity),
  }));
}

/** The feed hears of what was bought in a stream; of each product with the variant that was bought. */
async function purchaseEvents(
  sql: SqlTransaction,
  settling: readonly Settling[],
  paid: readonly OrderRow[],
  sold: readonly SoldLine[],
): Promise<SettledDraft[]> {
  const inStream = new Map(paid.flatMap((order) => (order.streamId === null ? [] : [[order.id, order]])));
  const lines = sold.filter(({ orderId }) => inStream.has(orderId));
  if (lines.length === 0) return [];
  const products = await snapshotProducts(sql, [...new Set(lines.map(({ productId }) => productId))], {
    publishedOnly: false,
  });
  const checkouts = new Map(settling.map(({ checkout }) => [checkout.id, checkout]));
  return lines.map(({ orderId, productId, variantId, quantity }) => {
    const { streamId, checkoutId } = inStream.get(orderId)!;
    const { showBuyer, buyerId, handle, displayName } = checkouts.get(checkoutId)!;
    const product = products.get(productId)!;
    const variants = product.variants!.filter(({ id }) => id === Number(variantId));
    const buyer = showBuyer ? { id: Number(buyerId), handle, displayName } : null;
    const draft = productPurchased(streamId!, { buyer, product: { ...product, variants }, quantity });
    return { ...draft, checkoutId };
  });
}
