import { builder } from '../../graphql/builder.ts';
import { toRowId } from '../../graphql/global-id.ts';
import { textCost } from '../../graphql/limits/field-costs.ts';
import { MoneyType } from '../../graphql/money.ts';
import { implementNode } from '../../graphql/node.ts';
import { topics } from '../../live/topics.ts';
import type { MerchantView, ProductView, VariantView } from './catalog.api.ts';
import { DESCRIPTION_LENGTH_MAX, MEDIA_URLS_MAX, URL_LENGTH_MAX } from './catalog.rules.ts';

/** The kinds of merchant. */
export const MerchantKindEnum = builder.enumType('MerchantKind', {
  description: 'The kinds of merchant.',
  values: {
    BRAND: { description: 'Sells and sends what it makes.' },
    RETAIL_PARTNER: { description: 'Sells and sends, also for the platform.' },
    PLATFORM: { description: 'The platform’s own shop; verified retail partners send what it sells.' },
  },
});

/** The kinds of product. */
export const ProductKindEnum = builder.enumType('ProductKind', {
  description: 'The kinds of product.',
  values: {
    PHYSICAL: { description: 'Sent as a parcel.' },
    FOOD: { description: 'Brought by a courier, within the hour.' },
    SERVICE: { description: 'Bought as vouchers, which the merchant verifies on the spot.' },
    DIGITAL: { description: 'Downloaded; there at payment.' },
  },
});

/** Where a product stands. */
export const ProductStatusEnum = builder.enumType('ProductStatus', {
  description: 'Where a product stands.',
  values: {
    DRAFT: { description: 'Not for sale yet: only its merchant sees it.' },
    PUBLISHED: { description: 'For sale.' },
    ARCHIVED: { description: 'Not for sale any more. Orders still show it.' },
  },
});

/** Who sells. */
export const MerchantType = builder.objectRef<MerchantView>('Merchant');
implementNode(MerchantType, {
  description: 'Who sells.',
  loadMany: (ids, { services }) => ids.map((id) => services.catalog.findMerchant(toRowId(id) ?? 0n)),
  fields: (t) => ({
    handle: t.exposeString('handle', { public: true, description: 'The unique name.' }),
    name: t.exposeString('name', { public: true, description: 'The name to show.' }),
    kind: t.expose('kind', { type: MerchantKindEnum, public: true, description: 'Which kind of merchant.' }),
    verified: t.exposeBoolean('verified', { public: true, description: 'Whether we know who is behind it.' }),
  }),
});

/** What is bought. */
export const ProductVariantType = builder.objectRef<VariantView>('ProductVariant');
implementNode(ProductVariantType, {
  description: 'What is bought: one size, colour, table for two. In an event, as it was then.',
  loadMany: (ids, { services, actor }) => ids.map((id) => services.catalog.visibleVariant(actor, toRowId(id) ?? 0n)),
  fields: (t) => ({
    sku: t.exposeString('sku', { public: true, description: 'The merchant’s own number of it.' }),
    title: t.exposeString('title', { public: true, description: 'What tells it from the other variants.' }),
    price: t.field({
      type: MoneyType,
      public: true,
      description: 'What one of it costs, outside of offers.',
      resolve: ({ priceMinor, currency }) => ({ minorUnits: BigInt(priceMinor), currency }),
    }),
    available: t.exposeInt('available', { public: true, description: 'Units that can be bought now.' }),
  }),
});

/** Something for sale. */
export const ProductType = builder.objectRef<ProductView>('Product');
implementNode(ProductType, {
  description: 'Something for sale. In an event, as it was then.',
  loadMany: (ids, { services, actor }) => ids.map((id) => services.catalog.visibleProduct(actor, toRowId(id) ?? 0n)),
  fields: (t) => ({
    kind: t.expose('kind', { type: ProductKindEnum, public: true, description: 'Which kind of product.' }),
    title: t.exposeString('title', { public: true, description: 'What it is called.' }),
    description: t.exposeString('description', {
      public: true,
      complexity: textCost(DESCRIPTION_LENGTH_MAX),
      description: 'What it is.',
    }),
    mediaUrls: t.exposeStringList('mediaUrls', {
      public: true,
      complexity: MEDIA_URLS_MAX * textCost(URL_LENGTH_MAX),
      description: 'Pictures and videos, best first.',
    }),
    status: t.field({
      type: ProductStatusEnum,
      public: true,
      description: 'Where it stands. In an event: PUBLISHED.',
      resolve: ({ status }) => status ?? 'PUBLISHED',
    }),
    merchant: t.expose('merchant', { type: MerchantType, public: true, description: 'Who sells it.' }),
    variants: t.field({
      type: [ProductVariantType],
      public: true,
      description: 'What there is to choose from.',
      resolve: (product, _args, { services, shown }) => {
        if (product.variants) return product.variants;
        shown?.add(topics.product(BigInt(product.id)));
        return services.catalog.variantsOf(BigInt(product.id));
      },
    }),
  }),
});

builder.objectField(ProductVariantType, 'product', (t) =>
  t.field({
    type: ProductType,
    public: true,
    description: 'Of which product.',
    resolve: async ({ productId }, _args, { services }) => (await services.catalog.findProduct(BigInt(productId)))!,
  }),
);
