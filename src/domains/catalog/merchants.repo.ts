import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import type { MerchantKind, MerchantView } from './catalog.api.ts';

/** A merchant. */
export type MerchantRow = MerchantView & { id: bigint };
/** Where stock lies. */
export type WarehouseRow = {
  id: bigint;
  merchantId: bigint;
  name: string;
  region: string;
  shipsAbroad: boolean;
  promiseMinutes: number;
};
/** Stock of an item in a warehouse. */
export type StockRow = { warehouseId: bigint; itemId: bigint; onHand: number; held: number };

const COLUMNS = 'm.id, m.handle, m.name, m.kind, m.verified';
const WAREHOUSE_COLUMNS =
  'w.id, w.merchant_id AS "merchantId", w.name, w.region, w.ships_abroad AS "shipsAbroad", w.promise_minutes AS "promiseMinutes"';

/** Inserts a merchant; undefined when the handle is taken. */
export async function insertMerchant(
  sql: Queryable,
  { handle, name, kind, verified }: { handle: string; name: string; kind: MerchantKind; verified: boolean },
): Promise<MerchantRow | undefined> {
  const [inserted] = await rows<MerchantRow>(
    sql,
    `/* catalog.insertMerchant */ INSERT INTO merchant AS m (handle, name, kind, verified) VALUES ($1, $2, $3, $4)
     ON CONFLICT (handle) DO NOTHING RETURNING ${COLUMNS}`,
    [handle, name, kind, verified],
  );
  return inserted;
}

/** A merchant by handle. */
export async function findMerchantByHandle(sql: Queryable, handle: string): Promise<MerchantRow | undefined> {
  const [found] = await rows<MerchantRow>(
    sql,
    `/* catalog.merchantByHandle */ SELECT ${COLUMNS} FROM merchant m WHERE m.handle = $1`,
    [handle],
  );
  return found;
}

/** Lets a viewer act for a merchant. */
export async function addMember(sql: SqlTransaction, merchantId: bigint, viewerId: bigint): Promise<void> {
  await rows(
    sql,
    '/* catalog.addMember */ INSERT INTO merchant_member (merchant_id, viewer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [merchantId, viewerId],
  );
}

/** The merchants that a viewer acts for, oldest first. */
export async function findMerchantsOf(sql: Queryable, viewerId: bigint): Promise<MerchantRow[]> {
  return rows<MerchantRow>(
    sql,
    `/* catalog.merchantsOf */ SELECT ${COLUMNS} FROM merchant_member mm JOIN merchant m ON m.id = mm.merchant_id
      WHERE mm.viewer_id = $1 ORDER BY m.id`,
    [viewerId],
  );
}

/** The merchants among these that a viewer acts for, in one statement. */
export async function findMemberships(
  sql: Queryable,
  viewerId: bigint,
  merchantIds: readonly bigint[],
): Promise<MerchantRow[]> {
  return rows<MerchantRow>(
    sql,
    `/* catalog.memberships */ SELECT ${COLUMNS} FROM merchant_member mm JOIN merchant m ON m.id = mm.merchant_id
      WHERE mm.viewer_id = $1 AND mm.merchant_id = ANY($2)`,
    [viewerId, merchantIds],
  );
}

/** Makes a warehouse, or changes the merchant's one of that name. */
export async function upsertWarehouse(sql: Queryable, warehouse: Omit<WarehouseRow, 'id'>): Promise<WarehouseRow> {
  const { merchantId, name, region, shipsAbroad, promiseMinutes } = warehouse;
  const [written] = await rows<WarehouseRow>(
    sql,
    `/* catalog.upsertWarehouse */ INSERT INTO warehouse AS w (merchant_id, name, region, ships_abroad, promise_minutes)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (merchant_id, name) DO UPDATE SET region = EXCLUDED.region, ships_abroad = EXCLUDED.ships_abroad,
       promise_minutes = EXCLUDED.promise_minutes RETURNING ${WAREHOUSE_COLUMNS}`,
    [merchantId, name, region, shipsAbroad, promiseMinutes],
  );
  return written!;
}

/** A warehouse of a merchant that the viewer acts for. */
export async function findOwnWarehouse(
  sql: Queryable,
  viewerId: bigint,
  warehouseId: bigint,
): Promise<(WarehouseRow & { merchantKind: MerchantKind }) | undefined> {
  const [found] = await rows<WarehouseRow & { merchantKind: MerchantKind }>(
    sql,
    `/* catalog.ownWarehouse */ SELECT ${WAREHOUSE_COLUMNS}, m.kind AS "merchantKind" FROM warehouse w
       JOIN merchant m ON m.id = w.merchant_id JOIN merchant_member mm ON mm.merchant_id = m.id
      WHERE w.id = $1 AND mm.viewer_id = $2`,
    [warehouseId, viewerId],
  );
  return found;
}

/** The warehouses of merchants, oldest first, in one statement. */
export async function findWarehousesOf(sql: Queryable, merchantIds: readonly bigint[]): Promise<WarehouseRow[]> {
  return rows<WarehouseRow>(
    sql,
    `/* catalog.warehousesOf */ SELECT ${WAREHOUSE_COLUMNS} FROM warehouse w WHERE w.merchant_id = ANY($1) ORDER BY w.id`,
    [merchantIds],
  );
}

/** A variant, as stock is set for it: by sku among a merchant's own, or by id among all. */
export async function findStockTarget(
  sql: Queryable,
  by: { variantId: bigint } | { merchantId: bigint; sku: string },
): Promise<{ itemId: bigint; merchantId: bigint; status: string } | undefined> {
  const [where, values] =
    'variantId' in by ? ['v.id = $1', [by.variantId]] : ['v.merchant_id = $1 AND v.sku = $2', [by.merchantId, by.sku]];
  const [found] = await rows<{ itemId: bigint; merchantId: bigint; status: string }>(
    sql,
    `/* catalog.stockTarget */ SELECT v.item_id AS "itemId", v.merchant_id AS "merchantId", p.status
       FROM product_variant v JOIN product p ON p.id = v.product_id WHERE ${where}`,
    values,
  );
  return found;
}

/**
 * Sets the stock of items in warehouses, in the lock order, in one statement. What would be less than is held stays as it is.
 * @returns the stock of all of them as it is now, in any order
 */
export async function setStock(
  sql: SqlTransaction,
  stocks: readonly { itemId: bigint; warehouseId: bigint; onHand: number }[],
): Promise<StockRow[]> {
  if (stocks.length === 0) return [];
  const arrays = [
    stocks.map(({ itemId }) => itemId),
    stocks.map(({ warehouseId }) => warehouseId),
    stocks.map(({ onHand }) => onHand),
  ];
  await rows(
    sql,
    `/* catalog.makeStock */ INSERT INTO inventory (item_id, warehouse_id)
     SELECT item_id, warehouse_id FROM unnest($1::bigint[], $2::bigint[]) s(item_id, warehouse_id) ORDER BY 1, 2
     ON CONFLICT DO NOTHING`,
    arrays.slice(0, 2),
  );
  return rows<StockRow>(
    sql,
    `/* catalog.setStock */ WITH locked AS (
       SELECT i.item_id, i.warehouse_id, i.held, i.on_hand, s.on_hand AS wanted
         FROM inventory i JOIN unnest($1::bigint[], $2::bigint[], $3::int[]) s(item_id, warehouse_id, on_hand)
           ON s.item_id = i.item_id AND s.warehouse_id = i.warehouse_id
        ORDER BY i.item_id, i.warehouse_id FOR UPDATE OF i
     ), changed AS (
       UPDATE inventory i SET on_hand = l.wanted FROM locked l
        WHERE i.item_id = l.item_id AND i.warehouse_id = l.warehouse_id AND l.wanted >= l.held AND l.wanted <> l.on_hand
     ) SELECT item_id AS "itemId", warehouse_id AS "warehouseId", held,
         CASE WHEN wanted >= held THEN wanted ELSE on_hand END AS "onHand" FROM locked`,
    arrays,
  );
}

/** The products that sell items, whoever's they are. */
export async function findProductsOfItems(sql: Queryable, itemIds: readonly bigint[]): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    '/* catalog.productsOfItems */ SELECT DISTINCT product_id AS id FROM product_variant WHERE item_id = ANY($1)',
    [itemIds],
  );
  return found.map(({ id }) => id);
}
