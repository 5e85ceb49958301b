import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { SkuTakenError } from './catalog.errors.ts';
import {
  catalogRules,
  DESCRIPTION_LENGTH_MAX,
  MEDIA_URLS_MAX,
  PRICE_MINOR_MAX,
  PRODUCT_TITLE_LENGTH_MAX,
  refuseDoubleSkus,
  SKU_LENGTH_MAX,
  URL_LENGTH_MAX,
  VARIANT_TITLE_LENGTH_MAX,
  VARIANTS_MAX,
} from './catalog.rules.ts';
import { ProductKindEnum, ProductType } from './catalog.schema.ts';

const productIdField = { required: true, description: 'Global id of a product of yours.' } as const;
const titleText = `What it is called, 1 to ${PRODUCT_TITLE_LENGTH_MAX} characters.`;
const descriptionText = `What it is, ${DESCRIPTION_LENGTH_MAX} characters at the most.`;
const mediaText = `http(s) URLs of pictures and videos, best first; ${MEDIA_URLS_MAX} at the most, of ${URL_LENGTH_MAX} characters.`;
const skuText = `Your own number of it, 1 to ${SKU_LENGTH_MAX} characters; no two of your variants have the same.`;
const variantTitleText = `What tells it from the other variants, 1 to ${VARIANT_TITLE_LENGTH_MAX} characters.`;
const priceText = `What one of it costs, in minor units: 1 to ${PRICE_MINOR_MAX}.`;
const gtinText =
  'Its barcode, 8 to 14 digits. Whoever sells the same barcode from the same warehouse sells the same stock.';
const downloadText = 'What a buyer of something DIGITAL gets: an http(s) URL. Only they see it.';

builder.objectType(SkuTakenError, {
  name: 'SkuTakenError',
  description: 'Another product of the merchant has the sku.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ sku: t.exposeString('sku', { description: 'The sku that is taken.' }) }),
});

type SuccessBuilder = PothosSchemaTypes.ObjectFieldBuilder<
  typeof builder extends PothosSchemaTypes.SchemaBuilder<infer Types> ? Types : never,
  { productId: bigint }
>;

function productField(t: SuccessBuilder) {
  return t.field({
    type: ProductType,
    description: 'The product, as it is now.',
    resolve: async ({ productId }, _args, { services }) => (await services.catalog.findProduct(productId))!,
  });
}

/** What the mutations of this file return: the product as it is now. */
function productSuccess<Name extends string>(name: Name, description: string, replayedText: string) {
  return builder.objectRef<{ productId: bigint; replayed: boolean }>(name).implement({
    description,
    fields: (t) => ({
      product: productField(t as never),
      replayed: t.exposeBoolean('replayed', { description: replayedText }),
    }),
  });
}

// ---- createProduct -----------------------------------------------------------------------------------------------------

const NewVariantInput = builder.inputType('NewVariantInput', {
  description: 'One thing that can be bought of a new product.',
  fields: (t) => ({
    sku: t.string({ required: true, description: skuText }),
    title: t.string({ required: true, description: variantTitleText }),
    priceMinor: t.field({ type: 'SafeInt', required: true, description: priceText }),
    currency: t.string({ required: true, description: 'ISO 4217 code of the price.' }),
    gtin: t.string({ description: gtinText }),
    downloadUrl: t.string({ description: downloadText }),
  }),
});

const CreateProductInput = builder.inputType('CreateProductInput', {
  description: 'The product to make.',
  validate: rules.input({
    title: catalogRules.productTitle,
    description: catalogRules.description,
    mediaUrls: catalogRules.mediaUrls,
    variants: z
      .array(
        rules.input({
          sku: catalogRules.sku,
          title: catalogRules.variantTitle,
          priceMinor: catalogRules.priceMinor,
          currency: catalogRules.currency,
          gtin: catalogRules.gtin.nullish(),
          downloadUrl: catalogRules.url.nullish(),
        }),
      )
      .min(1, 'A product has a variant at the least.')
      .max(VARIANTS_MAX, `A product has ${VARIANTS_MAX} variants at the most.`)
      .superRefine((variants, context) => refuseDoubleSkus(variants as { sku: string }[], context)),
    idempotencyKey: rules.idempotencyKey,
  }),
  fields: (t) => ({
    merchantId: t.id({ required: true, description: 'Global id of a merchant that you act for.' }),
    kind: t.field({ type: ProductKindEnum, required: true, description: 'Which kind of product; it cannot change.' }),
    title: t.string({ required: true, description: titleText }),
    description: t.string({ required: true, defaultValue: '', description: descriptionText }),
    mediaUrls: t.stringList({ required: true, defaultValue: [], description: mediaText }),
    variants: t.field({
      type: [NewVariantInput],
      required: true,
      description: `What there is to choose from, 1 to ${VARIANTS_MAX}, in the order to show.`,
    }),
    idempotencyKey: t.string({
      required: true,
      description: 'Your name for this product, 1 to 64 characters: repeat the call with it as often as you like.',
    }),
  }),
});

const CreateProductSuccess = productSuccess(
  'CreateProductSuccess',
  'The product is there, as a draft.',
  'True if an earlier call with this key had made it already.',
);

builder.mutationField('createProduct', (t) =>
  t.field({
    type: CreateProductSuccess,
    description: 'Makes a product of a merchant that you act for. It is a draft until `publishProduct`.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: CreateProductInput, required: true, description: 'The product.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, SkuTakenError, IdempotencyConflictError],
      union: { description: 'What `createProduct` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.catalog.products.create(requireActor(context), {
        merchantId: fromGlobalId('Merchant', input.merchantId, 'merchant'),
        kind: input.kind,
        title: input.title.trim(),
        description: input.description.trim(),
        mediaUrls: input.mediaUrls.map((url) => url.trim()),
        variants: input.variants.map((variant) => ({
          sku: variant.sku.trim(),
          title: variant.title.trim(),
          priceMinor: BigInt(variant.priceMinor),
          currency: variant.currency,
          gtin: variant.gtin ?? null,
          downloadUrl: variant.downloadUrl?.trim() ?? null,
        })),
        idempotencyKey: input.idempotencyKey,
      }),
  }),
);

// ---- updateProduct -----------------------------------------------------------------------------------------------------

const VariantChangeInput = builder.inputType('VariantChangeInput', {
  description:
    'What is to change of a variant, named by its sku. A sku that the product has not got makes a new variant.',
  fields: (t) => ({
    sku: t.string({ required: true, description: 'Which variant.' }),
    title: t.string({ description: `${variantTitleText} A new variant needs it.` }),
    priceMinor: t.field({ type: 'SafeInt', description: `${priceText} A new variant needs it.` }),
    currency: t.string({ description: 'ISO 4217 code of the price. A new variant needs it.' }),
    gtin: t.string({ description: `${gtinText} It cannot change.` }),
    active: t.boolean({ description: 'Whether it is for sale. Variants are never removed: orders show them.' }),
    downloadUrl: t.string({ description: downloadText }),
  }),
});

const UpdateProductInput = builder.inputType('UpdateProductInput', {
  description: 'What is to change of a product. What is left out, or null, stays as it is.',
  validate: rules.input({
    title: catalogRules.productTitle.nullish(),
    description: catalogRules.description.nullish(),
    mediaUrls: catalogRules.mediaUrls.nullish(),
    variants: z
      .array(
        rules.input({
          sku: catalogRules.sku,
          title: catalogRules.variantTitle.nullish(),
          priceMinor: catalogRules.priceMinor.nullish(),
          currency: catalogRules.currency.nullish(),
          gtin: catalogRules.gtin.nullish(),
          downloadUrl: catalogRules.url.nullish(),
        }),
      )
      .max(VARIANTS_MAX, `A product has ${VARIANTS_MAX} variants at the most.`)
      .superRefine((variants, context) => refuseDoubleSkus(variants as { sku: string }[], context))
      .nullish(),
  }),
  fields: (t) => ({
    productId: t.id(productIdField),
    title: t.string({ description: titleText }),
    description: t.string({ description: descriptionText }),
    mediaUrls: t.stringList({ description: `${mediaText} Replaces the whole list.` }),
    variants: t.field({ type: [VariantChangeInput], description: 'Variants to change or to add.' }),
  }),
});

const UpdateProductSuccess = builder.objectRef<{ productId: bigint }>('UpdateProductSuccess').implement({
  description: 'The product is changed.',
  fields: (t) => ({ product: productField(t) }),
});

builder.mutationField('updateProduct', (t) =>
  t.field({
    type: UpdateProductSuccess,
    description: 'Changes a product of yours. Safe to repeat: it says what is to be, not what is to be added.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UpdateProductInput, required: true, description: 'The change.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, SkuTakenError],
      union: { description: 'What `updateProduct` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const productId = fromGlobalId('Product', input.productId, 'product');
      await context.services.catalog.products.update(requireActor(context), productId, {
        title: input.title?.trim(),
        description: input.description?.trim(),
        mediaUrls: input.mediaUrls?.map((url) => url.trim()),
        variants: (input.variants ?? []).map((variant) => ({
          sku: variant.sku.trim(),
          title: variant.title?.trim(),
          priceMinor: variant.priceMinor == null ? undefined : BigInt(variant.priceMinor),
          currency: variant.currency ?? undefined,
          gtin: variant.gtin ?? undefined,
          active: variant.active ?? undefined,
          downloadUrl: variant.downloadUrl?.trim(),
        })),
      });
      return { productId };
    },
  }),
);

// ---- publishProduct, archiveProduct ------------------------------------------------------------------------------------

for (const [name, status, description, done] of [
  ['publishProduct', 'PUBLISHED', 'Puts a product of yours on sale.', 'The product is for sale.'],
  [
    'archiveProduct',
    'ARCHIVED',
    'Takes a product of yours off sale. Orders that were placed go on.',
    'The product is off sale.',
  ],
] as const) {
  const type = `${name[0]!.toUpperCase()}${name.slice(1)}` as Capitalize<typeof name>;
  const Input = builder.inputType(`${type}Input`, {
    description: 'Which product.',
    fields: (t) => ({ productId: t.id(productIdField) }),
  });
  const Success = productSuccess(`${type}Success`, done, 'True if it was so before, and nothing has changed.');
  builder.mutationField(name, (t) =>
    t.field({
      type: Success,
      description: `${description} Again changes nothing.`,
      authScopes: { signedIn: true },
      args: { input: t.arg({ type: Input, required: true, description: 'The product.' }) },
      errors: { types: [...commonErrors, NotFoundError], union: { description: `What \`${name}\` returns.` } },
      resolve: async (_root, { input }, context) => {
        const productId = fromGlobalId('Product', input.productId, 'product');
        const { replayed } = await context.services.catalog.products.setStatus(
          requireActor(context),
          productId,
          status,
        );
        return { productId, replayed };
      },
    }),
  );
}
