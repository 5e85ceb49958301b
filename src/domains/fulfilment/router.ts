import type { ProductKind } from '../catalog/catalog.api.ts';

/** A warehouse that keeps what is bought. */
export type Warehouse = {
  warehouseId: bigint;
  warehouseMerchantId: bigint;
  /** ISO 3166 code of where it stands. */
  region: string;
  shipsAbroad: boolean;
  promiseMinutes: number;
  /** Units that can be bought now. */
  available: number;
};

/** What is wanted, and where. */
export type Delivery = {
  kind: ProductKind;
  /** ISO 3166 code of the buyer's address; undefined where nothing is sent. */
  region: string | undefined;
  quantity: number;
};

/** Where a line comes from, or why it does not. Generic, so that what else a caller knows of a warehouse comes back with it. */
export type Route<W extends Warehouse = Warehouse> =
  | { outcome: 'ROUTED'; warehouse: W }
  /** `available`: the most that one warehouse which delivers there has. */
  | { outcome: 'SOLD_OUT'; available: number }
  | { outcome: 'NOT_DELIVERABLE' };

/**
 * Picks the warehouse that a line comes from; a line is never split. Of those with enough stock: in the buyer's own region
 * first, then the fastest promise, then the lowest id. Food never crosses a border.
 */
export function route<W extends Warehouse>(warehouses: readonly W[], { kind, region, quantity }: Delivery): Route<W> {
  const isNear = (warehouse: Warehouse) => region === undefined || warehouse.region === region;
  const delivering = warehouses.filter((warehouse) => isNear(warehouse) || (warehouse.shipsAbroad && kind !== 'FOOD'));
  if (delivering.length === 0 && warehouses.length > 0) return { outcome: 'NOT_DELIVERABLE' };
  const [best] = delivering
    .filter(({ available }) => available >= quantity)
    .sort(
      (one, other) =>
        Number(isNear(other)) - Number(isNear(one)) ||
        one.promiseMinutes - other.promiseMinutes ||
        (one.warehouseId < other.warehouseId ? -1 : 1),
    );
  if (best) return { outcome: 'ROUTED', warehouse: best };
  return { outcome: 'SOLD_OUT', available: Math.max(0, ...delivering.map(({ available }) => available)) };
}
