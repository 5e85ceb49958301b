import { z } from 'zod';
import { fractionDigits, isCurrency } from '../../../kernel/money.ts';
import { PRODUCT_KINDS, type ProductKind } from '../catalog.api.ts';
import { catalogRules, PRICE_MINOR_MAX } from '../catalog.rules.ts';
import type { CsvRecord } from './csv-records.ts';
import { CatalogueFileError } from './import.errors.ts';

/** Columns that a file must have, and those that it may have. */
export const COLUMNS_REQUIRED = ['product_ref', 'title', 'kind', 'sku', 'price', 'currency'] as const;
export const COLUMNS_OPTIONAL = [
  'description',
  'variant',
  'gtin',
  'stock',
  'warehouse',
  'region',
  'promise_minutes',
  'media_urls',
  'download_url',
] as const;

type Column = (typeof COLUMNS_REQUIRED)[number] | (typeof COLUMNS_OPTIONAL)[number];
const COLUMNS: readonly string[] = [...COLUMNS_REQUIRED, ...COLUMNS_OPTIONAL];

/** What a variant is called when its row does not say. */
const VARIANT_TITLE_DEFAULT = 'Standard';

/** Stock that a row sets. `place` is what a warehouse needs that is not there yet. */
export type RowStock = { onHand: number; warehouse: string; place: { region: string; promiseMinutes: number } | null };

/** One row: a variant, what it says of its product, and its stock. */
export type ImportRow = {
  line: number;
  ref: string;
  title: string;
  kind: ProductKind;
  description: string;
  mediaUrls: string[];
  sku: string;
  variant: string;
  gtin: string | null;
  priceMinor: bigint;
  currency: string;
  downloadUrl: string | null;
  stock: RowStock | null;
};

/** A row that is not imported, with everything that is wrong with it. */
export type RefusedRow = { line: number; problems: string[] };

/** Turns records into rows, by a header. */
export type RowReader = (record: CsvRecord) => { row: ImportRow } | { refused: RefusedRow };

/**
 * Reads the header: the names of the columns, in any order and case.
 * @throws {CatalogueFileError} with all that is wrong with it
 */
export function readHeader({ line, fields }: CsvRecord): RowReader {
  const names = fields.map((name) => name.trim().toLowerCase());
  const list = (found: readonly string[]) => found.map((name) => JSON.stringify(name)).join(', ');
  const problems = [
    ['lacks', COLUMNS_REQUIRED.filter((name) => !names.includes(name))],
    ['has twice', [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]],
    ['has unknown', names.filter((name) => !COLUMNS.includes(name))],
  ] as const;
  const wrong = problems.filter(([, found]) => found.length > 0).map(([what, found]) => `${what} ${list(found)}`);
  if (wrong.length > 0) {
    throw new CatalogueFileError(`The header ${wrong.join('; ')}. The columns are ${COLUMNS.join(', ')}`, line);
  }
  return (record) => readRow(names as Column[], record);
}

function readRow(names: readonly Column[], { line, fields }: CsvRecord): ReturnType<RowReader> {
  if (fields.length !== names.length) {
    const problem = `The row has ${fields.length} columns and the header ${names.length}`;
    return { refused: { line, problems: [problem] } };
  }
  const texts = new Map(names.map((name, index) => [name, fields[index]!.trim()]));
  const text = (name: Column): string => texts.get(name) ?? '';
  const optional = (name: Column): string | undefined => text(name) || undefined;
  const { priceMinor, problem } = parsePrice(text('price'), text('currency'));
  const raw = {
    product_ref: text('product_ref'),
    title: text('title'),
    kind: text('kind').toUpperCase() as ProductKind,
    description: text('description'),
    variant: optional('variant') ?? VARIANT_TITLE_DEFAULT,
    sku: text('sku'),
    gtin: optional('gtin'),
    currency: text('currency'),
    stock: optional('stock'),
    warehouse: optional('warehouse'),
    region: optional('region'),
    promise_minutes: optional('promise_minutes'),
    media_urls: text('media_urls')
      .split(/[\s|]+/)
      .filter(Boolean),
    download_url: optional('download_url'),
  };
  const checked = ROW.safeParse(raw);
  const problems = [
    ...(checked.error?.issues ?? []).map(({ path, message }) => `${String(path[0])}: ${message}`),
    ...(problem ? [`price: ${problem}`] : []),
    ...problemsBetween(raw),
  ];
  if (!checked.success || problems.length > 0) return { refused: { line, problems } };
  const { data } = checked;
  return {
    row: {
      line,
      ref: data.product_ref,
      title: data.title,
      kind: data.kind,
      description: data.description,
      mediaUrls: data.media_urls,
      sku: data.sku,
      variant: data.variant,
      gtin: data.gtin ?? null,
      priceMinor: priceMinor!,
      currency: data.currency,
      downloadUrl: data.download_url ?? null,
      stock: toStock(data),
    },
  };
}

const wholeNumber = (name: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `${name} must be a whole number, without a sign.`)
    .transform(Number);

const ROW = z.object({
  product_ref: catalogRules.ref,
  title: catalogRules.productTitle,
  kind: z.enum(PRODUCT_KINDS, `Must be one of ${PRODUCT_KINDS.join(', ')}.`),
  description: catalogRules.description,
  variant: catalogRules.variantTitle,
  sku: catalogRules.sku,
  gtin: catalogRules.gtin.optional(),
  currency: catalogRules.currency,
  stock: wholeNumber('Stock').pipe(catalogRules.stock).optional(),
  warehouse: catalogRules.warehouseName.optional(),
  region: catalogRules.region.optional(),
  promise_minutes: wholeNumber('Minutes').pipe(catalogRules.promiseMinutes).optional(),
  media_urls: catalogRules.mediaUrls,
  download_url: catalogRules.url.optional(),
});

/** What is wrong between the columns of a row; told beside what is wrong in each. */
function problemsBetween(row: z.input<typeof ROW>): string[] {
  const has = (name: keyof typeof row) => row[name] !== undefined;
  return [
    row.kind === 'DIGITAL' && !has('download_url') ? 'download_url: What is DIGITAL needs it.' : '',
    has('stock') && !has('warehouse') ? 'warehouse: Stock lies in a warehouse: name it.' : '',
    has('warehouse') && !has('stock') ? 'stock: Say how much lies in the warehouse.' : '',
    has('region') !== has('promise_minutes') ? 'region: It comes together with promise_minutes.' : '',
    has('region') && !has('warehouse') ? 'warehouse: Name the one that is there.' : '',
  ].filter(Boolean);
}

function toStock(data: z.infer<typeof ROW>): RowStock | null {
  const { stock, warehouse, region, promise_minutes: promiseMinutes } = data;
  if (stock === undefined || warehouse === undefined) return null;
  const place = region === undefined || promiseMinutes === undefined ? null : { region, promiseMinutes };
  return { onHand: stock, warehouse, place };
}

/** A decimal, exactly: no floating point number comes near it. */
function parsePrice(text: string, currency: string): { priceMinor?: bigint; problem?: string } {
  const [, units, fraction = ''] = /^(\d{1,20})(?:\.(\d{1,20}))?$/.exec(text) ?? [];
  if (units === undefined)
    return { problem: 'Must be a decimal number without a sign or separators, such as 1250.50.' };
  if (!isCurrency(currency)) return {};
  const digits = fractionDigits(currency);
  if (fraction.length > digits) return { problem: `Has ${fraction.length} decimals; ${currency} has ${digits}.` };
  const priceMinor = BigInt(units + fraction.padEnd(digits, '0'));
  if (priceMinor < 1n) return { problem: 'Must be above 0.' };
  if (priceMinor > BigInt(PRICE_MINOR_MAX)) return { problem: `Must be ${PRICE_MINOR_MAX} minor units at the most.` };
  return { priceMinor };
}
