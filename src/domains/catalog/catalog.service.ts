import DataLoader from 'dataloader';
import type { Database } from '../../db/database.ts';
import { createLookUp } from '../../db/look-up.ts';
import { groupBy } from '../../kernel/group-by.ts';
import type { MerchantView } from './catalog.api.ts';
import {
  findMerchants,
  findProducts,
  findVariants,
  findVariantsOfProducts,
  type ProductRow,
  type VariantRow,
} from './catalog.repo.ts';

/** Products whose variants one statement reads. */
const PRODUCTS_PER_READ_MAX = 100;

/** What is for sale. Things asked for one by one at the same time are read together. */
export class Catalog {
  /** A product by id, whatever its status; null when there is none. */
  readonly findProduct: (id: bigint) => Promise<ProductRow | null>;
  /** A variant by id, active or not; null when there is none. */
  readonly findVariant: (id: bigint) => Promise<VariantRow | null>;
  /** A merchant by id; null when there is none. */
  readonly findMerchant: (id: bigint) => Promise<(MerchantView & { id: bigint }) | null>;
  readonly #variants: DataLoader<bigint, VariantRow[]>;

  constructor(deps: { db: Database }) {
    const { pool } = deps.db;
    this.findProduct = createLookUp(
      (ids) => findProducts(pool, ids),
      ({ id }) => id,
    );
    this.findVariant = createLookUp(
      (ids) => findVariants(pool, ids),
      ({ id }) => id,
    );
    this.findMerchant = createLookUp(
      (ids) => findMerchants(pool, ids),
      ({ id }) => id,
    );
    this.#variants = new DataLoader(
      async (productIds) => {
        const byProduct = groupBy(await findVariantsOfProducts(pool, productIds), ({ productId }) => productId);
        return productIds.map((id) => byProduct.get(id) ?? []);
      },
      { cache: false, maxBatchSize: PRODUCTS_PER_READ_MAX },
    );
  }

  /** The active variants of a product. */
  variantsOf(productId: bigint): Promise<VariantRow[]> {
    return this.#variants.load(productId);
  }
}
