import { VARIANTS_MAX } from '../catalog.rules.ts';
import type { WarehouseRow } from '../merchants.repo.ts';
import type { VariantDraft } from '../products.repo.ts';
import type { KnownProduct, KnownVariant } from './import.repo.ts';
import type { ImportRow, RefusedRow } from './import-row.ts';

/** What there is already of what a batch names. */
export type Known = {
  products: readonly KnownProduct[];
  variants: readonly KnownVariant[];
  warehouses: readonly WarehouseRow[];
};

/** What a batch is to write. A product is named by its reference, a variant by its sku, a warehouse by its name. */
export type BatchPlan = {
  accepted: ImportRow[];
  refused: RefusedRow[];
  newProducts: Map<string, ImportRow>;
  changedProducts: Map<string, KnownProduct>;
  newVariants: (VariantDraft & { ref: string })[];
  changedVariants: KnownVariant[];
  warehouses: Map<string, { name: string; region: string; promiseMinutes: number }>;
};

/** Works out what becomes of the rows of a batch. Pure: it knows all that there is, and writes nothing. */
export function planBatch(batch: readonly ImportRow[], known: Known): BatchPlan {
  const plan: BatchPlan = {
    accepted: [],
    refused: [],
    newProducts: new Map(),
    changedProducts: new Map(),
    newVariants: [],
    changedVariants: [],
    warehouses: new Map(),
  };
  const products = new Products(known);
  const warehouses = new Set(known.warehouses.map(({ name }) => name));
  for (const row of batch) {
    const variant = products.variants.get(row.sku);
    const product = products.find(row, variant);
    const { place, warehouse } = row.stock ?? {};
    const first = plan.newProducts.get(row.ref);
    const kind = product?.kind ?? first?.kind ?? row.kind;
    const problems = [
      kind === row.kind ? '' : `kind: The product is ${kind}, and cannot become something else.`,
      first && first.title !== row.title ? `title: Line ${first.line} gives the product another title.` : '',
      product && !products.mayBe(product, row.ref, first)
        ? `sku: It belongs to another product${product.ref ? `, "${product.ref}"` : ''}.`
        : '',
      variant && variant.gtin !== row.gtin
        ? `gtin: The barcode of a variant cannot change; it is ${variant.gtin ?? 'none'}.`
        : '',
      warehouse && !place && !warehouses.has(warehouse)
        ? 'region: The warehouse is new: say where it is, and what it promises.'
        : '',
      !variant && products.countOf(row.ref, product) >= VARIANTS_MAX
        ? `sku: A product has ${VARIANTS_MAX} variants at the most.`
        : '',
    ].filter(Boolean);
    if (problems.length > 0) {
      plan.refused.push({ line: row.line, problems });
      continue;
    }
    plan.accepted.push(row);
    if (warehouse) warehouses.add(warehouse);
    if (warehouse && place) plan.warehouses.set(warehouse, { name: warehouse, ...place });
    if (product) plan.changedProducts.set(row.ref, { ...product, ...wordsOf(row) });
    else if (!first) plan.newProducts.set(row.ref, row);
    const { title, ...draft } = { title: row.variant, ...pricesOf(row) };
    if (variant) plan.changedVariants.push({ ...variant, title, ...draft });
    else
      plan.newVariants.push({
        title,
        ...draft,
        gtin: row.gtin,
        active: true,
        ref: row.ref,
        position: products.next(row.ref, product),
      });
  }
  return plan;
}

function wordsOf({ ref, title, description, mediaUrls }: ImportRow) {
  return { ref, title, description, mediaUrls };
}

function pricesOf({ sku, priceMinor, currency, downloadUrl }: ImportRow) {
  return { sku, priceMinor, currency, downloadUrl };
}

/** Finds products and variants by what a file calls them, and counts those that a batch adds. */
class Products {
  readonly variants: ReadonlyMap<string, KnownVariant>;
  readonly #byRef: Map<string, KnownProduct>;
  readonly #byId: ReadonlyMap<bigint, KnownProduct>;
  readonly #places = new Map<string, { count: number; next: number }>();

  constructor(private readonly known: Known) {
    this.variants = new Map(known.variants.map((variant) => [variant.sku, variant]));
    this.#byRef = new Map(known.products.flatMap((product) => (product.ref === null ? [] : [[product.ref, product]])));
    this.#byId = new Map(known.products.map((product) => [product.id, product]));
  }

  /** The product of a row: that of its variant, or the one with its reference. */
  find({ ref }: ImportRow, variant: KnownVariant | undefined): KnownProduct | undefined {
    return variant ? this.#byId.get(variant.productId) : this.#byRef.get(ref);
  }

  /** Whether a product is, or becomes, the one of a reference: one that has none yet takes it, if no other has it. */
  mayBe(product: KnownProduct, ref: string, added: ImportRow | undefined): boolean {
    if (product.ref !== null) return product.ref === ref;
    if (added) return false;
    if (!this.#byRef.has(ref)) this.#byRef.set(ref, product);
    return this.#byRef.get(ref) === product;
  }

  countOf(ref: string, product: KnownProduct | undefined): number {
    return this.#placesOf(ref, product).count;
  }

  /** The place of one variant more. */
  next(ref: string, product: KnownProduct | undefined): number {
    const places = this.#placesOf(ref, product);
    places.count++;
    return places.next++;
  }

  #placesOf(ref: string, product: KnownProduct | undefined): { count: number; next: number } {
    let places = this.#places.get(ref);
    if (!places) {
      const siblings = product ? this.known.variants.filter(({ productId }) => productId === product.id) : [];
      places = { count: siblings.length, next: Math.max(-1, ...siblings.map(({ position }) => position)) + 1 };
      this.#places.set(ref, places);
    }
    return places;
  }
}
