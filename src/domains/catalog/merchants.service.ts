import type { Database } from '../../db/database.ts';
import DataLoader from '../../db/loader.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { groupBy } from '../../kernel/group-by.ts';
import type { Changes } from '../../live/changes.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { MerchantKind } from './catalog.api.ts';
import { HandleTakenError, StockHeldError } from './catalog.errors.ts';
import {
  addMember,
  findMemberships,
  findMerchantByHandle,
  findMerchantsOf,
  findOwnWarehouse,
  findProductsOfItems,
  findStockTarget,
  findWarehousesOf,
  insertMerchant,
  type MerchantRow,
  type StockRow,
  setStock,
  upsertWarehouse,
  type WarehouseRow,
} from './merchants.repo.ts';

/** What stock is set of: a variant by its id, or by the sku that the warehouse's own merchant gave it. */
export type StockOrder = { warehouseId: bigint; onHand: number } & ({ variantId: bigint } | { sku: string });

/** Merchants whose warehouses one statement reads. */
const MERCHANTS_PER_READ_MAX = 100;

/** What merchants do with themselves, their warehouses and their stock. */
export class Merchants {
  readonly #warehouses: DataLoader<bigint, WarehouseRow[]>;

  constructor(private readonly deps: { db: Database; changes: Changes }) {
    this.#warehouses = new DataLoader(
      async (merchantIds) => {
        const byMerchant = groupBy(await findWarehousesOf(deps.db.pool, merchantIds), ({ merchantId }) => merchantId);
        return merchantIds.map((id) => byMerchant.get(id) ?? []);
      },
      { cache: false, maxBatchSize: MERCHANTS_PER_READ_MAX },
    );
  }

  /** The merchants that a viewer acts for, oldest first. */
  of(viewerId: bigint): Promise<MerchantRow[]> {
    return findMerchantsOf(this.deps.db.pool, viewerId);
  }

  /** The warehouses of a merchant, oldest first. */
  warehousesOf(merchantId: bigint): Promise<WarehouseRow[]> {
    return this.#warehouses.load(merchantId);
  }

  /**
   * Makes a merchant, unverified, that the actor acts for. Again with the same values changes nothing.
   * @throws {HandleTakenError} another merchant has the handle
   */
  async register(
    actor: Actor,
    wanted: { handle: string; name: string; kind: MerchantKind },
  ): Promise<{ merchant: MerchantRow; replayed: boolean }> {
    return this.deps.db.inTransaction(async (sql) => {
      const inserted = await insertMerchant(sql, { ...wanted, verified: false });
      if (inserted) {
        await addMember(sql, inserted.id, actor.id);
        return { merchant: inserted, replayed: false };
      }
      const merchant = (await findMerchantByHandle(sql, wanted.handle))!;
      const [own] = await findMemberships(sql, actor.id, [merchant.id]);
      if (!own || merchant.name !== wanted.name || merchant.kind !== wanted.kind)
        throw new HandleTakenError(wanted.handle);
      return { merchant, replayed: true };
    });
  }

  /**
   * Makes a warehouse, or changes the merchant's one of that name.
   * @throws {NotFoundError} no such merchant, or one that the actor does not act for
   */
  async saveWarehouse(actor: Actor, warehouse: Omit<WarehouseRow, 'id'>): Promise<WarehouseRow> {
    const { pool } = this.deps.db;
    const [merchant] = await findMemberships(pool, actor.id, [warehouse.merchantId]);
    if (!merchant) throw new NotFoundError('merchant');
    return upsertWarehouse(pool, warehouse);
  }

  /**
   * Sets the stock of a variant in a warehouse: how much there is, not how much more. Whoever sells the same item from there
   * sells from that stock.
   * @throws {NotFoundError} no such warehouse or variant, or not the actor's
   * @throws {StockHeldError} more is held
   */
  async setStock(actor: Actor, order: StockOrder): Promise<{ stock: StockRow; warehouse: WarehouseRow }> {
    const { db, changes } = this.deps;
    const { stock, warehouse, products } = await db.inTransaction(async (sql) => {
      const warehouse = await findOwnWarehouse(sql, actor.id, order.warehouseId);
      if (!warehouse) throw new NotFoundError('warehouse');
      const { merchantId, merchantKind } = warehouse;
      const target = await findStockTarget(sql, 'sku' in order ? { merchantId, sku: order.sku } : order);
      const isOwn = target?.merchantId === merchantId;
      // A retail partner sends what others sell, so it may hold stock of whatever everybody sees.
      const mayHold = isOwn || (merchantKind === 'RETAIL_PARTNER' && target?.status === 'PUBLISHED');
      if (!target || !mayHold) throw new NotFoundError('variant');
      const { itemId } = target;
      const [stock] = await setStock(sql, [{ itemId, warehouseId: warehouse.id, onHand: order.onHand }]);
      if (stock!.onHand !== order.onHand) throw new StockHeldError(stock!.held);
      return { stock: stock!, warehouse, products: await findProductsOfItems(sql, [itemId]) };
    });
    changes.announce([topics.products, ...products.map(topics.product)]);
    return { stock, warehouse };
  }
}
