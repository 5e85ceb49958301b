import { randomBytes } from 'node:crypto';
import { type Queryable, rows, type SqlTransaction, statement } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { toCrockford } from '../../../kernel/crockford.ts';
import { groupBy } from '../../../kernel/group-by.ts';
import { callKey, type KnownCheckout, type Plan, pairKey, type Stock, type VariantForSale } from './judge.ts';
import type { Purchase } from './purchase.ts';

/** Random bytes of an order's number: 80 bits, 16 characters. */
const NUMBER_BYTES = 10;

/** Two servers used a key at once: one of them must look again. */
export const CHECKOUT_KEY_TAKEN = 'checkout_buyer_id_idempotency_key_key';

const KNOWN = statement(
  'orders.checkoutsByKey',
  `SELECT c.id, c.state, c.input_hash AS "inputHash", c.buyer_id AS "buyerId", c.idempotency_key AS "idempotencyKey"
     FROM unnest($1::bigint[], $2::text[]) k(buyer_id, key)
     JOIN LATERAL (SELECT * FROM checkout WHERE buyer_id = k.buyer_id AND idempotency_key = k.key LIMIT 1) c ON true`,
);
const VARIANTS = statement(
  'orders.variantsForSale',
  `SELECT v.id, v.product_id AS "productId", v.merchant_id AS "merchantId", v.item_id AS "itemId", p.kind,
          v.price_minor AS "priceMinor", v.currency, v.active AND p.status = 'PUBLISHED' AS "isOnSale",
          m.kind = 'PLATFORM' AS "fromPartners"
     FROM product_variant v JOIN product p ON p.id = v.product_id JOIN merchant m ON m.id = v.merchant_id
    WHERE v.id = ANY(ARRAY(SELECT unnest($1::bigint[]) UNION SELECT variant_id FROM offer WHERE id = ANY($2)))`,
);
// Rows are locked in the order of the whole schema; what is joined is not.
const LOCK_STOCK = statement(
  'orders.lockStock',
  `SELECT i.item_id AS "itemId", i.warehouse_id AS "warehouseId", w.merchant_id AS "warehouseMerchantId", w.region,
          w.ships_abroad AS "shipsAbroad", w.promise_minutes AS "promiseMinutes", i.on_hand - i.held AS available,
          m.kind = 'RETAIL_PARTNER' AND m.verified AS "isPartner"
     FROM inventory i JOIN warehouse w ON w.id = i.warehouse_id JOIN merchant m ON m.id = w.merchant_id
    WHERE i.item_id = ANY($1) ORDER BY i.item_id, i.warehouse_id FOR NO KEY UPDATE OF i`,
);
const BOUGHT = statement(
  'orders.boughtFromOffers',
  `SELECT l.offer_id AS "offerId", l.buyer_id AS "buyerId", sum(l.quantity - l.returned_quantity)::int AS units
     FROM order_line l JOIN shop_order o ON o.id = l.order_id
    WHERE l.offer_id = ANY($1) AND l.buyer_id = ANY($2) AND o.state <> 'CANCELLED' GROUP BY 1, 2`,
);
const DRAW = statement(
  'orders.drawIds',
  `SELECT clock_timestamp()::timestamptz(3) AS now,
          ARRAY(SELECT nextval('checkout_id_seq') FROM generate_series(1, $1))::text[] AS checkouts,
          ARRAY(SELECT nextval('shop_order_id_seq') FROM generate_series(1, $2))::text[] AS orders`,
);
const INSERT = statement(
  'orders.insertHeld',
  `WITH checkouts AS (
     INSERT INTO checkout (id, buyer_id, idempotency_key, input_hash, amount_minor, currency, payment_token, show_buyer, held_until)
       SELECT c.*, clock_timestamp() + make_interval(secs => $9::float8 / 1000)
         FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::boolean[]) c
   ), orders AS (
     INSERT INTO shop_order (id, number, checkout_id, buyer_id, merchant_id, stream_id, currency, total_minor, address)
       SELECT * FROM unnest($10::bigint[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::text[], $17::bigint[], $18::jsonb[])
   ), timeline AS (
     INSERT INTO order_event (order_id, version, state, actor) SELECT id, 1, 'PENDING_PAYMENT', 'BUYER' FROM unnest($10::bigint[]) id
   )
   INSERT INTO order_line (order_id, buyer_id, variant_id, product_id, item_id, warehouse_id, offer_id, kind, quantity, unit_price_minor)
     SELECT * FROM unnest($19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::text[], $27::int[], $28::bigint[])`,
);
const MOVE_STOCK = statement(
  'orders.moveStock',
  `UPDATE inventory i SET on_hand = i.on_hand + m.on_hand, held = i.held + m.held
     FROM (SELECT item_id, warehouse_id, sum(on_hand)::int AS on_hand, sum(held)::int AS held
             FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::int[]) u(item_id, warehouse_id, on_hand, held) GROUP BY 1, 2) m
    WHERE i.item_id = m.item_id AND i.warehouse_id = m.warehouse_id
      AND i.held + m.held <= i.on_hand + m.on_hand RETURNING 1`,
);

const STREAMS = statement(
  'orders.streams',
  `SELECT s.id, ARRAY(SELECT i.product_id FROM showcase_item i WHERE i.stream_id = s.id)::text[] AS shown
       FROM stream s WHERE s.id = ANY($1)`,
);

/** What keys stand for, by {@link callKey}. */
export async function readCheckouts(
  sql: Queryable,
  purchases: readonly Purchase[],
): Promise<Map<string, KnownCheckout>> {
  const found = await rows<KnownCheckout & { buyerId: bigint; idempotencyKey: string }>(sql, KNOWN, [
    purchases.map(({ buyerId }) => buyerId),
    purchases.map(({ idempotencyKey }) => idempotencyKey),
  ]);
  return new Map(found.map((row) => [callKey(row), row]));
}

/** Variants as they are for sale, and those of offers, in one statement. */
export async function readVariants(
  sql: Queryable,
  { ids, offerIds }: { ids: readonly bigint[]; offerIds: readonly bigint[] },
): Promise<Map<bigint, VariantForSale>> {
  const found = await rows<VariantForSale>(sql, VARIANTS, [ids, offerIds]);
  return new Map(found.map((row) => [row.id, row]));
}

/** Locks the stock of items, wherever it lies. Fourth in the lock order. */
export async function lockStock(sql: SqlTransaction, itemIds: readonly bigint[]): Promise<Map<bigint, Stock[]>> {
  return groupBy(await rows<Stock>(sql, LOCK_STOCK, [itemIds]), ({ itemId }) => itemId);
}

/** Units that buyers have of offers, by {@link pairKey}; purchases that came to nothing do not count. */
export async function readBought(
  sql: Queryable,
  offerIds: readonly bigint[],
  buyerIds: readonly bigint[],
): Promise<Map<string, number>> {
  if (offerIds.length === 0) return new Map();
  const found = await rows<{ offerId: bigint; buyerId: bigint; units: number }>(sql, BOUGHT, [offerIds, buyerIds]);
  return new Map(found.map(({ offerId, buyerId, units }) => [pairKey(offerId, buyerId), units]));
}

/** The streams among these that there are, with the products that they show. */
export async function readStreams(sql: Queryable, ids: readonly bigint[]): Promise<Map<bigint, Set<bigint>>> {
  if (ids.length === 0) return new Map();
  const found = await rows<{ id: bigint; shown: string[] }>(sql, STREAMS, [ids]);
  return new Map(found.map(({ id, shown }) => [id, new Set(shown.map(BigInt))]));
}

/** The time of the database, and ids for what is to be inserted. */
export type Drawn = { now: Date; checkoutIds: bigint[]; orderIds: bigint[] };

/** Draws ids for so many purchases and orders at the most; those that are not needed are gone. */
export async function drawIds(sql: Queryable, checkouts: number, orders: number): Promise<Drawn> {
  const [drawn] = await rows<{ now: Date; checkouts: string[]; orders: string[] }>(sql, DRAW, [checkouts, orders]);
  const { now } = drawn!;
  return { now, checkoutIds: drawn!.checkouts.map(BigInt), orderIds: drawn!.orders.map(BigInt) };
}

/** Inserts purchases with their orders and lines, in one statement. Returns the checkouts' ids, in order. */
export async function insertHeld(
  sql: SqlTransaction,
  plans: readonly Plan[],
  ids: Omit<Drawn, 'now'>,
  holdMs: number,
): Promise<bigint[]> {
  if (plans.length === 0) return [];
  const checkoutIds = ids.checkoutIds.slice(0, plans.length);
  const orderIds = ids.orderIds.values();
  const orders = plans.flatMap((plan, index) =>
    plan.orders.map((order) => ({ plan, ...order, id: orderIds.next().value!, checkoutId: checkoutIds[index]! })),
  );
  const lines = orders.flatMap((order) => order.lines.map((line) => ({ order, ...line })));
  await rows(sql, INSERT, [
    checkoutIds,
    plans.map(({ purchase }) => purchase.buyerId),
    plans.map(({ purchase }) => purchase.idempotencyKey),
    plans.map(({ inputHash }) => inputHash),
    plans.map(({ amountMinor }) => amountMinor),
    plans.map(({ currency }) => currency),
    plans.map(({ purchase }) => purchase.paymentToken),
    plans.map(({ purchase }) => purchase.showBuyer),
    holdMs,
    orders.map(({ id }) => id),
    orders.map(() => drawNumber()),
    orders.map(({ checkoutId }) => checkoutId),
    orders.map(({ plan }) => plan.purchase.buyerId),
    orders.map(({ merchantId }) => merchantId),
    orders.map(({ streamId }) => streamId ?? null),
    orders.map(({ plan }) => plan.currency),
    orders.map((order) => order.lines.reduce((sum, line) => sum + line.unitPriceMinor * BigInt(line.quantity), 0n)),
    orders.map(({ plan, lines: ofOrder }) => toJson(isSent(ofOrder) ? plan.address : undefined)),
    lines.map(({ order }) => order.id),
    lines.map(({ order }) => order.plan.purchase.buyerId),
    lines.map(({ variant }) => variant.id),
    lines.map(({ variant }) => variant.productId),
    lines.map(({ variant }) => variant.itemId),
    lines.map(({ warehouseId }) => warehouseId),
    lines.map(({ offer }) => offer?.id ?? null),
    lines.map(({ variant }) => variant.kind),
    lines.map(({ quantity }) => quantity),
    lines.map(({ unitPriceMinor }) => unitPriceMinor),
  ]);
  return checkoutIds;
}

/** A change of stock: units that came or went, and units that are set aside. */
export type StockMove = { itemId: bigint; warehouseId: bigint; onHand: number; held: number };

/**
 * Moves stock that the caller has locked, in one statement. The condition and the CHECK behind it refuse to hold more than
 * there is, whoever calls.
 */
export async function moveStock(sql: SqlTransaction, moves: readonly StockMove[]): Promise<void> {
  if (moves.length === 0) return;
  const places = new Set(moves.map(({ itemId, warehouseId }) => `${itemId}:${warehouseId}`));
  const moved = await rows(sql, MOVE_STOCK, [
    moves.map(({ itemId }) => itemId),
    moves.map(({ warehouseId }) => warehouseId),
    moves.map(({ onHand }) => onHand),
    moves.map(({ held }) => held),
  ]);
  assert(moved.length === places.size, 'no more stock is held than there is');
}

/** An order that has nothing to send does not keep the address. */
function isSent(lines: Plan['orders'][number]['lines']): boolean {
  return lines.some(({ variant }) => variant.kind === 'PHYSICAL' || variant.kind === 'FOOD');
}

function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** "HD-XXXX-XXXX-XXXX-XXXX". */
function drawNumber(): string {
  const text = toCrockford(randomBytes(NUMBER_BYTES));
  return `HD-${text.match(/.{4}/g)!.join('-')}`;
}
