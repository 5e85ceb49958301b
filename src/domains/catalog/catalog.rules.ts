import { z } from 'zod';
import { isCurrency } from '../../kernel/money.ts';
import { isCountry, isReadable, isStorable, NOT_READABLE } from '../../kernel/text.ts';

/** Characters of what a merchant writes. */
export const MERCHANT_NAME_LENGTH_MAX = 100;
export const PRODUCT_TITLE_LENGTH_MAX = 200;
export const DESCRIPTION_LENGTH_MAX = 5_000;
export const VARIANT_TITLE_LENGTH_MAX = 100;
export const SKU_LENGTH_MAX = 64;
/** Characters of what a file calls a product by. */
export const REF_LENGTH_MAX = 64;
export const URL_LENGTH_MAX = 2_000;
export const WAREHOUSE_NAME_LENGTH_MAX = 100;
/** Characters of a search. */
export const SEARCH_LENGTH_MAX = 200;
/** Pictures and videos of a product. */
export const MEDIA_URLS_MAX = 10;
/** Variants of a product, and those that one call may bring. */
export const VARIANTS_MAX = 100;
/** What one unit may cost, in minor units. */
export const PRICE_MINOR_MAX = 99_999_999_999;
/** Units of an item in a warehouse. */
export const STOCK_MAX = 1_000_000_000;
/** 90 days. */
export const PROMISE_MINUTES_MAX = 129_600;

const STORABLE = 'Must be Unicode text without NUL.';

function text(lengthMax: number) {
  return z
    .string()
    .trim()
    .min(1, 'Must not be empty.')
    .refine((value) => [...value].length <= lengthMax, `Has ${lengthMax} characters at the most.`)
    .refine(isStorable, STORABLE)
    .refine((value) => value === '' || !isStorable(value) || isReadable(value), NOT_READABLE);
}

function wholeNumber(min: number, max: number) {
  return z
    .number()
    .int('Must be a whole number.')
    .min(min, `Must be at least ${min}.`)
    .max(max, `Must be ${max} at the most.`);
}

const url = z
  .string()
  .trim()
  .max(URL_LENGTH_MAX, `Has ${URL_LENGTH_MAX} characters at the most.`)
  .refine((value) => /^https?:\/\//i.test(value) && URL.canParse(value), 'Must be an http or https URL.')
  .refine(isStorable, STORABLE);

/** What must hold for the parts of a catalogue, wherever they come from: the API, or a file that is imported. */
export const catalogRules = {
  handle: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9_.]{1,29}$/,
      'A handle has 2 to 30 characters: a–z, 0–9, "_" and ".", and starts with a letter or digit.',
    ),
  ownKind: z.string().refine((kind) => kind !== 'PLATFORM', 'There is one platform, and it is there already.'),
  merchantName: text(MERCHANT_NAME_LENGTH_MAX),
  productTitle: text(PRODUCT_TITLE_LENGTH_MAX),
  description: z
    .string()
    .trim()
    .refine(
      (value) => [...value].length <= DESCRIPTION_LENGTH_MAX,
      `Has ${DESCRIPTION_LENGTH_MAX} characters at the most.`,
    )
    .refine(isStorable, STORABLE),
  mediaUrls: z.array(url).max(MEDIA_URLS_MAX, `Has ${MEDIA_URLS_MAX} at the most.`),
  url,
  sku: text(SKU_LENGTH_MAX),
  ref: text(REF_LENGTH_MAX),
  variantTitle: text(VARIANT_TITLE_LENGTH_MAX),
  gtin: z.string().regex(/^\d{8,14}$/, 'A barcode has 8 to 14 digits.'),
  priceMinor: wholeNumber(1, PRICE_MINOR_MAX),
  currency: z.string().refine(isCurrency, 'Must be an ISO 4217 code, such as "USD".'),
  stock: wholeNumber(0, STOCK_MAX),
  warehouseName: text(WAREHOUSE_NAME_LENGTH_MAX),
  region: z.string().refine(isCountry, 'Must be an ISO 3166-1 alpha-2 code, such as "AE".'),
  promiseMinutes: wholeNumber(1, PROMISE_MINUTES_MAX),
};

/** Refuses a list in which a sku stands twice: a check for a list of variants. */
export function refuseDoubleSkus(variants: readonly { sku: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  for (const [index, { sku }] of variants.entries()) {
    if (seen.has(sku.trim()))
      context.addIssue({ code: 'custom', path: [index, 'sku'], message: 'Stands in the list twice.' });
    seen.add(sku.trim());
  }
}
