import { builder } from '../../graphql/builder.ts';
import {
  connectionOf,
  keysetConnection,
  numberCursors,
  orderedConnection,
  type PageArgs,
} from '../../graphql/connection.ts';
import type { Context } from '../../graphql/context.ts';
import { rowId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { topics } from '../../live/topics.ts';
import { CreatorType } from '../creators/creators.schema.ts';
import { PRODUCT_STATUSES } from './catalog.api.ts';
import { catalogRules, SEARCH_LENGTH_MAX } from './catalog.rules.ts';
import { MerchantType, ProductKindEnum, ProductStatusEnum, ProductType } from './catalog.schema.ts';
import type { Owned } from './owned-products.repo.ts';
import { type ProductFilter, searchWords } from './product-lists.repo.ts';

const ProductOrderEnum = builder.enumType('ProductOrder', {
  description: 'In which order products are listed. A cursor is good for the order that it comes from.',
  values: {
    NEWEST: { description: 'The newest first.' },
    OLDEST: { description: 'The oldest first.' },
    PRICE_LOW: {
      description:
        'By the price of the cheapest variant, the lowest first. Minor units are compared as they are: filter by `currency` where there are several.',
    },
    PRICE_HIGH: { description: 'As PRICE_LOW, the highest first.' },
  },
});

const ProductFilterInput = builder.inputType('ProductFilter', {
  description: 'Which products are listed: those that fit all that is given.',
  validate: rules.input({
    search: rules.lookup.max(SEARCH_LENGTH_MAX, `Has ${SEARCH_LENGTH_MAX} characters at the most.`).nullish(),
    currency: catalogRules.currency.nullish(),
  }),
  fields: (t) => ({
    search: t.string({
      description:
        'Words that all stand in the title or the description, in any case and any script; of the last one its beginning is enough. A blank text is no search, and one without a letter or digit finds nothing.',
    }),
    creatorId: t.id({ description: 'Global id of a creator: what the merchants sell that they act for.' }),
    merchantId: t.id({ description: 'Global id of a merchant.' }),
    kind: t.field({ type: ProductKindEnum, description: 'A kind of product.' }),
    inStock: t.boolean({ description: 'True: what can be bought now. False: what is sold out.' }),
    currency: t.string({ description: 'ISO 4217 code: what has a price in it.' }),
  }),
});

type FilterInput = typeof ProductFilterInput.$inferInput;

/** No row has this id: what an id stands for that names none. */
const NOTHING = 0n;

function toFilter({ search, creatorId, merchantId, kind, inStock, currency }: FilterInput): ProductFilter {
  return {
    words: search?.trim() ? searchWords(search) : undefined,
    creatorId: creatorId == null ? undefined : (rowId('Creator', String(creatorId)) ?? NOTHING),
    merchantId: merchantId == null ? undefined : (rowId('Merchant', String(merchantId)) ?? NOTHING),
    kind: kind ?? undefined,
    inStock: inStock ?? undefined,
    currency: currency ?? undefined,
  };
}

function listProducts(
  page: PageArgs,
  order: typeof ProductOrderEnum.$inferType,
  filter: ProductFilter,
  { services: { catalog }, shown }: Context,
) {
  shown?.add(topics.products);
  const count = () => catalog.count(filter);
  return order === 'NEWEST' || order === 'OLDEST'
    ? keysetConnection(page, { page: (keyset) => catalog.page(order, filter, keyset), count })
    : orderedConnection(page, numberCursors, { page: (keyset) => catalog.pricedPage(order, filter, keyset), count });
}

const ProductConnection = builder.connectionObject(
  { type: ProductType, ...connectionOf('ProductConnection', 'products') },
  { name: 'ProductEdge', description: 'A product and its place in the list.' },
);

builder.queryField('product', (t) =>
  t.field({
    type: ProductType,
    nullable: true,
    description: 'A product by id: one that is published, or of a merchant that you act for.',
    args: { id: t.arg.id({ required: true, description: 'Global id of a product.' }) },
    resolve: (_root, { id }, { services, actor }) => {
      const productId = rowId('Product', id);
      return productId === undefined ? null : services.catalog.visibleProduct(actor, productId);
    },
  }),
);

builder.queryField('products', (t) =>
  t.connection(
    {
      type: ProductType,
      public: true,
      description: 'All products for sale.',
      args: {
        filter: t.arg({ type: ProductFilterInput, description: 'Only those that fit.' }),
        order: t.arg({
          type: ProductOrderEnum,
          required: true,
          defaultValue: 'NEWEST',
          description: 'In which order.',
        }),
      },
      resolve: (_root, { filter, order, ...page }, context) =>
        listProducts(page, order, toFilter(filter ?? {}), context),
    },
    ProductConnection,
  ),
);

const FOR_SALE = ['PUBLISHED'] as const;

function listOwned(page: PageArgs, owned: Owned, { services: { catalog }, shown }: Context) {
  shown?.add(topics.products);
  return keysetConnection(page, {
    page: (keyset) => catalog.ownedPage(owned, keyset),
    count: () => catalog.countOwned(owned),
  });
}

builder.objectField(CreatorType, 'products', (t) =>
  t.connection(
    {
      type: ProductType,
      public: true,
      description: 'What the merchants sell that they act for, newest first.',
      resolve: ({ id }, page, context) => listOwned(page, { creatorId: id, statuses: FOR_SALE }, context),
    },
    ProductConnection,
  ),
);

builder.objectFields(MerchantType, (t) => ({
  products: t.connection(
    {
      type: ProductType,
      public: true,
      description: 'What it sells, newest first.',
      resolve: ({ id }, page, context) => listOwned(page, { merchantId: BigInt(id), statuses: FOR_SALE }, context),
    },
    ProductConnection,
  ),
  allProducts: t.connection(
    {
      type: ProductType,
      nullable: true,
      description:
        'All that it has, drafts and archived products too, newest first; null to everybody but those who act for it.',
      args: { status: t.arg({ type: ProductStatusEnum, description: 'Only those that stand there.' }) },
      resolve: async ({ id }, { status, ...page }, context) => {
        const merchantId = BigInt(id);
        if (!(await context.services.catalog.isMember(context.actor, merchantId))) return null;
        const statuses = status ? [status] : PRODUCT_STATUSES;
        return listOwned(page, { merchantId, statuses }, context);
      },
    },
    ProductConnection,
  ),
}));
