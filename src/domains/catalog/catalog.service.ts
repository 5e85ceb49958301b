import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import DataLoader from '../../db/loader.ts';
import { createLookUp } from '../../db/look-up.ts';
import { groupBy } from '../../kernel/group-by.ts';
import type { Changes } from '../../live/changes.ts';
import { KeptValue } from '../../live/kept-value.ts';
import { topics } from '../../live/topics.ts';
import {
  findMerchants,
  findProducts,
  findVariants,
  findVariantsOfProducts,
  type ProductRow,
  type VariantRow,
} from './catalog.repo.ts';
import { createMemberships, type IsMember } from './memberships.ts';
import type { MerchantRow } from './merchants.repo.ts';
import { Merchants } from './merchants.service.ts';
import { countOwned, type Owned, type OwnedPage, readOwnedPages } from './owned-products.repo.ts';
import {
  type AgeOrder,
  countProducts,
  type PricedProductRow,
  type PriceOrder,
  type ProductFilter,
  readPricedPage,
  readProductPage,
} from './product-lists.repo.ts';
import { Products } from './products.service.ts';

/** Products whose variants one statement reads. */
const PRODUCTS_PER_READ_MAX = 100;

/** Somebody who looks; undefined when nobody is signed in. */
type Looker = { id: bigint } | undefined;

/** What is for sale. Things asked for one by one at the same time are read together. */
export class Catalog {
  /** A product by id, whatever its status; null when there is none. */
  readonly findProduct: (id: bigint) => Promise<ProductRow | null>;
  /** A variant by id, active or not; null when there is none. */
  readonly findVariant: (id: bigint) => Promise<VariantRow | null>;
  /** A merchant by id; null when there is none. */
  readonly findMerchant: (id: bigint) => Promise<MerchantRow | null>;
  /** What merchants do with themselves and their stock. */
  readonly merchants: Merchants;
  /** What merchants do with their products. */
  readonly products: Products;
  readonly #db: Database;
  readonly #variants: DataLoader<bigint, VariantRow[]>;
  readonly #isMember: IsMember;
  readonly #count: KeptValue<number>;
  readonly #ownedPages: DataLoader<OwnedPage, ProductRow[]>;
  readonly #ownedCounts: DataLoader<Owned, number>;

  constructor(deps: { db: Database; changes: Changes }) {
    const { pool } = deps.db;
    this.#db = deps.db;
    this.merchants = new Merchants(deps);
    this.products = new Products(deps);
    this.#count = new KeptValue(() => countProducts(pool, {}), topics.products, deps.changes);
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
    const batch = { cache: false, maxBatchSize: PRODUCTS_PER_READ_MAX };
    this.#ownedPages = new DataLoader((pages) => readOwnedPages(pool, pages), batch);
    this.#ownedCounts = new DataLoader((owners) => countOwned(pool, owners), batch);
    this.#isMember = createMemberships(pool);
  }

  /** The active variants of a product. */
  variantsOf(productId: bigint): Promise<VariantRow[]> {
    return this.#variants.load(productId);
  }

  /** Whether somebody acts for a merchant. */
  async isMember(viewer: Looker, merchantId: bigint): Promise<boolean> {
    return viewer !== undefined && this.#isMember(viewer.id, merchantId);
  }

  /** A product that somebody may look at: one that is published, or of a merchant that they act for. */
  async visibleProduct(viewer: Looker, id: bigint): Promise<ProductRow | null> {
    const product = await this.findProduct(id);
    if (!product || product.status === 'PUBLISHED') return product;
    return (await this.isMember(viewer, product.merchant.id)) ? product : null;
  }

  /** A variant of a product that somebody may look at. */
  async visibleVariant(viewer: Looker, id: bigint): Promise<VariantRow | null> {
    const variant = await this.findVariant(id);
    if (!variant) return null;
    return (await this.visibleProduct(viewer, variant.productId)) && variant;
  }

  /** A page of published products, newest or oldest first. */
  page(order: AgeOrder, filter: ProductFilter, keyset: Keyset): Promise<ProductRow[]> {
    return readProductPage(this.#db.pool, order, filter, keyset);
  }

  /** A page of published products by the price of their cheapest variant. */
  pricedPage(
    order: PriceOrder,
    filter: ProductFilter,
    keyset: Keyset<{ sortKey: bigint; id: bigint }>,
  ): Promise<PricedProductRow[]> {
    return readPricedPage(this.#db.pool, order, filter, keyset);
  }

  /** How many published products match. All there are: counted after a change, not for each who asks. */
  count(filter: ProductFilter): Promise<number> {
    const isFiltered = Object.values(filter).some((value) => value !== undefined);
    return isFiltered ? countProducts(this.#db.pool, filter) : this.#count.get();
  }

  /** A page of what somebody has, newest first. */
  ownedPage(owned: Owned, keyset: Keyset): Promise<ProductRow[]> {
    return this.#ownedPages.load({ ...owned, keyset });
  }

  /** How many products somebody has. */
  countOwned(owned: Owned): Promise<number> {
    return this.#ownedCounts.load(owned);
  }
}
