import type { Database, SqlTransaction } from '../../../db/database.ts';
import { brokeConstraint } from '../../../db/sql-errors.ts';
import { findProductsOfItems, setStock } from '../merchants.repo.ts';
import { changeVariants, ensureItems, insertVariants, SKU_TAKEN } from '../products.repo.ts';
import { type CsvRecord, readCsv } from './csv-records.ts';
import { CatalogueFileError } from './import.errors.ts';
import {
  changeProducts,
  findKnownVariants,
  findWarehousesByName,
  insertProducts,
  lockImport,
  lockKnownProducts,
  saveWarehouses,
} from './import.repo.ts';
import { type ImportRow, type RefusedRow, type RowReader, readHeader } from './import-row.ts';
import { planBatch } from './plan-batch.ts';

/** Rows in one SQL transaction. */
export const IMPORT_BATCH_MAX = 500;
/** Rows of one file: the skus of all are remembered, to tell one that comes twice. */
export const IMPORT_ROWS_MAX = 1_000_000;
/** Attempts at a batch whose skus somebody else uses at this moment, the first included. */
const BATCH_ATTEMPTS_MAX = 3;

/** What an import is to do, and who hears of it. */
export type ImportOptions = {
  merchantId: bigint;
  /** The file, read by read. */
  source: AsyncIterable<Uint8Array>;
  /** Where new products stand. Those that are there already stay where they are. */
  status?: 'PUBLISHED' | 'DRAFT';
  /** Hears of each row that is not imported, in the order of the file within a batch. */
  onRefused?: (row: RefusedRow) => void;
  /** Hears after each batch how many rows it has imported. */
  onProgress?: (rows: number) => void;
  /** Hears after each batch which products may have changed. */
  onCommitted?: (productIds: readonly bigint[]) => void;
};

/** What an import has done. Rows that changed nothing count as imported. */
export type ImportResult = { imported: number; refused: number };

/** What a batch has done. */
type BatchResult = { imported: number; refused: RefusedRow[]; productIds: bigint[] };

/**
 * Imports a catalogue file of a merchant: each row is a variant, named by its sku, with what it says of its product and stock.
 * Batch by batch, each one SQL transaction: an import that was cut short has imported whole batches, and is simply run again.
 * The same file again changes nothing.
 * @throws {CatalogueFileError} when the file cannot be read, or not to its end. What came before is imported.
 */
export async function importCatalogue(db: Database, options: ImportOptions): Promise<ImportResult> {
  const result: ImportResult = { imported: 0, refused: 0 };
  const refuse = (rows: readonly RefusedRow[]) => {
    result.refused += rows.length;
    for (const row of rows) options.onRefused?.(row);
  };
  let batch: ImportRow[] = [];
  let refused: RefusedRow[] = [];
  const flush = async (): Promise<void> => {
    const written = batch.length === 0 ? undefined : await commitBatch(db, options, batch);
    refuse([...refused, ...(written?.refused ?? [])].sort((a, b) => a.line - b.line));
    [batch, refused] = [[], []];
    if (!written) return;
    result.imported += written.imported;
    options.onProgress?.(written.imported);
    options.onCommitted?.(written.productIds);
  };
  const skus = new Map<string, number>();
  let read: RowReader | undefined;
  try {
    for await (const record of readCsv(options.source)) {
      if (!read) {
        read = readHeader(record);
        continue;
      }
      const judged = judge(read, record, skus);
      if ('refused' in judged) refused.push(judged.refused);
      else batch.push(judged.row);
      if (batch.length >= IMPORT_BATCH_MAX || refused.length >= IMPORT_BATCH_MAX) await flush();
    }
  } finally {
    // Also before what makes the file unreadable: it says that all rows in front of it are imported.
    await flush();
  }
  if (!read) throw new CatalogueFileError('The file is empty: its first line names the columns', 1);
  return result;
}

function judge(read: RowReader, record: CsvRecord, skus: Map<string, number>): ReturnType<RowReader> {
  const judged = read(record);
  if ('refused' in judged) return judged;
  const { sku, line } = judged.row;
  const before = skus.get(sku);
  if (before !== undefined) {
    return { refused: { line, problems: [`sku: "${sku}" stands on line ${before} already.`] } };
  }
  if (skus.size === IMPORT_ROWS_MAX) {
    throw new CatalogueFileError(`A file has ${IMPORT_ROWS_MAX} rows at the most: split it`, line);
  }
  skus.set(sku, line);
  return judged;
}

async function commitBatch(db: Database, options: ImportOptions, batch: readonly ImportRow[]): Promise<BatchResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.inTransaction((sql) => writeBatch(sql, options, batch));
    } catch (error) {
      if (!brokeConstraint(error, SKU_TAKEN) || attempt === BATCH_ATTEMPTS_MAX) throw error;
    }
  }
}

/** Writes a batch in a fixed number of statements. */
async function writeBatch(
  sql: SqlTransaction,
  { merchantId, status = 'PUBLISHED' }: ImportOptions,
  batch: readonly ImportRow[],
): Promise<BatchResult> {
  await lockImport(sql, merchantId);
  const products = await lockKnownProducts(sql, merchantId, {
    refs: batch.map(({ ref }) => ref),
    skus: batch.map(({ sku }) => sku),
  });
  const variants = await findKnownVariants(
    sql,
    products.map(({ id }) => id),
  );
  const names = [...new Set(batch.flatMap(({ stock }) => stock?.warehouse ?? []))];
  const warehouses = await findWarehousesByName(sql, merchantId, names);
  const plan = planBatch(batch, { products, variants, warehouses });

  const inserted = await insertProducts(
    sql,
    merchantId,
    [...plan.newProducts.values()].map((row) => ({ ...row, status })),
  );
  await changeProducts(sql, [...plan.changedProducts.values()]);
  await changeVariants(sql, plan.changedVariants);
  const items = await ensureItems(
    sql,
    plan.newVariants.map(({ gtin }) => gtin),
  );
  const productIdOf = (ref: string) => inserted.get(ref) ?? plan.changedProducts.get(ref)!.id;
  await insertVariants(
    sql,
    plan.newVariants.map((variant, index) => ({
      ...variant,
      merchantId,
      productId: productIdOf(variant.ref),
      itemId: items[index]!,
    })),
  );
  const itemOf = new Map([
    ...plan.changedVariants.map(({ sku, itemId }) => [sku, itemId] as const),
    ...plan.newVariants.map(({ sku }, index) => [sku, items[index]!] as const),
  ]);
  const warehouseOf = new Map([
    ...warehouses.map(({ name, id }) => [name, id] as const),
    ...(await saveWarehouses(sql, merchantId, [...plan.warehouses.values()])),
  ]);
  const held = await writeStock(sql, plan.accepted, (row) => ({
    itemId: itemOf.get(row.sku)!,
    warehouseId: warehouseOf.get(row.stock!.warehouse)!,
  }));
  const productIds = new Set([
    ...plan.accepted.map(({ ref }) => productIdOf(ref)),
    ...(await findProductsOfItems(sql, [...itemOf.values()])),
  ]);
  return {
    imported: plan.accepted.length - held.length,
    refused: [...plan.refused, ...held],
    productIds: [...productIds],
  };
}

/** Sets the stock of rows. Of two rows that share an item in a warehouse the last one counts. Returns the rows that ask for too little. */
async function writeStock(
  sql: SqlTransaction,
  accepted: readonly ImportRow[],
  placeOf: (row: ImportRow) => { itemId: bigint; warehouseId: bigint },
): Promise<RefusedRow[]> {
  const keyOf = ({ itemId, warehouseId }: { itemId: bigint; warehouseId: bigint }) => `${itemId}:${warehouseId}`;
  const wanted = new Map(
    accepted
      .filter(({ stock }) => stock !== null)
      .map((row) => {
        const place = placeOf(row);
        return [keyOf(place), { ...place, onHand: row.stock!.onHand, line: row.line }] as const;
      }),
  );
  const stocks = await setStock(sql, [...wanted.values()]);
  return stocks.flatMap((stock) => {
    const { onHand, line } = wanted.get(keyOf(stock))!;
    if (stock.onHand === onHand) return [];
    const problem = `stock: ${stock.held} of it are set aside for purchases; the stock stays at ${stock.onHand}, the rest of the row is imported.`;
    return [{ line, problems: [problem] }];
  });
}
