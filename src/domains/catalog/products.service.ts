import type { Database, SqlTransaction } from '../../db/database.ts';
import { callOnce } from '../../db/idempotent.ts';
import { brokeConstraint } from '../../db/sql-errors.ts';
import { type InputIssue, InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import { hashInput } from '../../kernel/idempotency.ts';
import type { Changes } from '../../live/changes.ts';
import { topics } from '../../live/topics.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import type { ProductStatus } from './catalog.api.ts';
import { SkuTakenError } from './catalog.errors.ts';
import { findProducts } from './catalog.repo.ts';
import { VARIANTS_MAX } from './catalog.rules.ts';
import { findMemberships } from './merchants.repo.ts';
import {
  changeProduct,
  changeVariants,
  ensureItems,
  findOwnVariants,
  findTakenSkus,
  insertProduct,
  insertVariants,
  lockProduct,
  type OwnProductRow,
  type OwnVariantRow,
  type ProductDraft,
  SKU_TAKEN,
  setStatus,
  type VariantDraft,
} from './products.repo.ts';

/** A new product with its variants. */
export type NewProduct = ProductDraft & {
  merchantId: bigint;
  variants: readonly Omit<VariantDraft, 'active' | 'position'>[];
  idempotencyKey: string;
};

/** What is to change of a variant, or a whole new one; undefined stays as it is. */
export type VariantChange = { sku: string } & {
  [Field in Exclude<keyof VariantDraft, 'sku' | 'position'>]?: VariantDraft[Field] | undefined;
};

/** What is to change of a product; undefined stays as it is. */
export type ProductChange = {
  title?: string | undefined;
  description?: string | undefined;
  mediaUrls?: string[] | undefined;
  variants: readonly VariantChange[];
};

/** What merchants do with their products. */
export class Products {
  constructor(private readonly deps: { db: Database; changes: Changes }) {}

  /**
   * Makes a product, as a draft, once per key.
   * @returns the product's id
   * @throws {NotFoundError} no such merchant, or one that the actor does not act for
   * @throws {SkuTakenError} a sku belongs to another product
   * @throws {IdempotencyConflictError} the key stands for another product
   */
  async create(actor: Actor, product: NewProduct): Promise<{ productId: bigint; replayed: boolean }> {
    const { merchantId, variants, idempotencyKey } = product;
    const call = {
      actorId: actor.id,
      key: idempotencyKey,
      operation: 'createProduct',
      inputHash: hashNewProduct(product),
      raced: [SKU_TAKEN],
    };
    const { result, replayed } = await callOnce(this.deps.db, call, async (sql) => {
      await requireMerchant(sql, actor, merchantId);
      const [taken] = await findTakenSkus(
        sql,
        merchantId,
        variants.map(({ sku }) => sku),
      );
      if (taken) throw new SkuTakenError(taken.sku);
      const productId = await insertProduct(sql, merchantId, product);
      await addVariants(
        sql,
        { id: productId, merchantId },
        variants.map((variant, position) => ({ ...variant, position, active: true })),
      );
      return { productId: String(productId) };
    });
    return { productId: BigInt(result.productId), replayed };
  }

  /**
   * Changes a product: what is said of it, and its variants by sku. An unknown sku becomes a new variant.
   * @throws {NotFoundError} no such product, or not the actor's
   * @throws {SkuTakenError} a sku belongs to another product
   * @throws {InvalidInputError} what would come out breaks a rule
   */
  async update(actor: Actor, productId: bigint, change: ProductChange): Promise<void> {
    const { db, changes } = this.deps;
    try {
      await db.inTransaction(async (sql) => {
        const product = await requireProduct(sql, actor, productId);
        const before = await findOwnVariants(sql, productId);
        const taken = await findTakenSkus(
          sql,
          product.merchantId,
          change.variants.map(({ sku }) => sku),
        );
        const elsewhere = taken.find((other) => other.productId !== productId);
        if (elsewhere) throw new SkuTakenError(elsewhere.sku);
        const { changed, added } = mergeVariants(before, change.variants);
        refuseUnsellable(product, [
          ...before.filter(({ id }) => !changed.some((one) => one.id === id)),
          ...changed,
          ...added,
        ]);
        await changeProduct(sql, productId, {
          title: change.title ?? product.title,
          description: change.description ?? product.description,
          mediaUrls: change.mediaUrls ?? product.mediaUrls,
        });
        await changeVariants(sql, changed);
        await addVariants(sql, product, added);
      });
    } catch (error) {
      if (!brokeConstraint(error, SKU_TAKEN)) throw error;
      // A parallel call has just given one of the skus to another product.
      throw (await this.#takenElsewhere(productId, change)) ?? error;
    }
    changes.announce([topics.products, topics.product(productId)]);
  }

  /**
   * Publishes or archives a product. Again changes nothing.
   * @throws {NotFoundError} no such product, or not the actor's
   * @throws {InvalidInputError} it cannot be sold as it is
   */
  async setStatus(
    actor: Actor,
    productId: bigint,
    status: Extract<ProductStatus, 'PUBLISHED' | 'ARCHIVED'>,
  ): Promise<{ replayed: boolean }> {
    const { db, changes } = this.deps;
    const replayed = await db.inTransaction(async (sql) => {
      const product = await requireProduct(sql, actor, productId);
      if (product.status === status) return true;
      if (status === 'PUBLISHED') refuseUnsellable({ ...product, status }, await findOwnVariants(sql, productId));
      await setStatus(sql, productId, status);
      return false;
    });
    if (!replayed) changes.announce([topics.products, topics.product(productId)]);
    return { replayed };
  }

  async #takenElsewhere(productId: bigint, { variants }: ProductChange): Promise<SkuTakenError | undefined> {
    const { pool } = this.deps.db;
    const [product] = await findProducts(pool, [productId]);
    const skus = variants.map(({ sku }) => sku);
    const taken = product && (await findTakenSkus(pool, product.merchant.id, skus));
    const elsewhere = taken?.find((other) => other.productId !== productId);
    return elsewhere && new SkuTakenError(elsewhere.sku);
  }
}

async function requireMerchant(sql: SqlTransaction, actor: Actor, merchantId: bigint): Promise<void> {
  const [merchant] = await findMemberships(sql, actor.id, [merchantId]);
  if (!merchant) throw new NotFoundError('merchant');
}

/** A product that the actor acts for, locked. To others it is not there. */
async function requireProduct(sql: SqlTransaction, actor: Actor, productId: bigint): Promise<OwnProductRow> {
  const product = await lockProduct(sql, productId);
  if (!product) throw new NotFoundError('product');
  const [merchant] = await findMemberships(sql, actor.id, [product.merchantId]);
  if (!merchant) throw new NotFoundError('product');
  return product;
}

async function addVariants(
  sql: SqlTransaction,
  product: { id: bigint; merchantId: bigint },
  variants: readonly VariantDraft[],
): Promise<void> {
  if (variants.length === 0) return;
  const items = await ensureItems(
    sql,
    variants.map(({ gtin }) => gtin),
  );
  await insertVariants(
    sql,
    variants.map((variant, index) => ({
      ...variant,
      productId: product.id,
      merchantId: product.merchantId,
      itemId: items[index]!,
    })),
  );
}

/**
 * What becomes of the variants of a product.
 * @throws {InvalidInputError} a new one lacks something, or a barcode is to change
 */
function mergeVariants(
  before: readonly OwnVariantRow[],
  changes: readonly VariantChange[],
): { changed: OwnVariantRow[]; added: VariantDraft[] } {
  const bySku = new Map(before.map((variant) => [variant.sku, variant]));
  const issues: InputIssue[] = [];
  const changed: OwnVariantRow[] = [];
  const added: VariantDraft[] = [];
  let position = Math.max(-1, ...before.map((variant) => variant.position));
  for (const [index, change] of changes.entries()) {
    const given: Partial<VariantDraft> = Object.fromEntries(
      Object.entries(change).filter(([, value]) => value !== undefined),
    );
    const issue = (field: string, message: string) =>
      issues.push({ path: `input.variants.${index}.${field}`, message });
    const known = bySku.get(change.sku);
    if (known) {
      // Stock and orders are counted of the item that the barcode stands for.
      if (change.gtin !== undefined && change.gtin !== known.gtin) {
        issue('gtin', 'The barcode of a variant cannot change: add another variant.');
      }
      changed.push({ ...known, ...given });
      continue;
    }
    for (const field of ['title', 'priceMinor', 'currency'] as const) {
      if (change[field] === undefined) issue(field, 'A new variant needs it.');
    }
    const blank = { gtin: null, downloadUrl: null, active: true, position: ++position };
    added.push({ ...blank, ...given } as VariantDraft);
  }
  if (before.length + added.length > VARIANTS_MAX) {
    issues.push({ path: 'input.variants', message: `A product has ${VARIANTS_MAX} variants at the most.` });
  }
  if (issues.length > 0) throw new InvalidInputError(issues);
  return { changed, added };
}

/** @throws {InvalidInputError} when a published product would come out that cannot be bought */
function refuseUnsellable({ kind, status }: OwnProductRow, variants: readonly VariantDraft[]): void {
  if (status !== 'PUBLISHED') return;
  const active = variants.filter((variant) => variant.active);
  const issues: InputIssue[] = [];
  if (active.length === 0) issues.push({ path: 'input', message: 'A published product needs an active variant.' });
  if (kind === 'DIGITAL') {
    for (const { sku } of active.filter(({ downloadUrl }) => downloadUrl === null)) {
      issues.push({ path: 'input', message: `What is DIGITAL needs a download URL: "${sku}" has none.` });
    }
  }
  if (issues.length > 0) throw new InvalidInputError(issues);
}

function hashNewProduct({ merchantId, kind, title, description, mediaUrls, variants }: NewProduct): string {
  const asText = variants.map(({ priceMinor, ...variant }) => ({ ...variant, priceMinor: String(priceMinor) }));
  return hashInput({
    merchantId,
    kind,
    title,
    description,
    mediaUrls: JSON.stringify(mediaUrls),
    variants: JSON.stringify(asText.map((variant) => Object.entries(variant).sort(([a], [b]) => (a < b ? -1 : 1)))),
  });
}
