import { z } from 'zod';
import { builder, PAGE_SIZE_DEFAULT } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { rowId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { OverloadedError } from '../../kernel/errors.ts';
import { topics } from '../../live/topics.ts';
import { ProductType } from '../catalog/catalog.schema.ts';
import { REGION_PRODUCTS_MIN, TRENDING_MAX } from './trends.repo.ts';
import { HALF_LIFE_S } from './trends.score.ts';
import { VIEWS_PER_CALL_MAX } from './trends.service.ts';

const region = z
  .string()
  .regex(/^[A-Z]{2}$/, 'Must be a country code of ISO 3166-1 alpha-2, such as AE.')
  .nullish();

// ---- trendingProducts --------------------------------------------------------------------------------------------------

type Trending = { productId: bigint; score: number; rank: number };

const TrendingProductType = builder.objectRef<Trending>('TrendingProduct').implement({
  description: 'A product that trends.',
  fields: (t) => ({
    product: t.field({
      type: ProductType,
      public: true,
      description: 'The product. Of something that the platform’s shop lists, the product of the partner who sends it.',
      // Products are never deleted.
      resolve: async ({ productId }, _args, { services }) => (await services.catalog.findProduct(productId))!,
    }),
    score: t.exposeFloat('score', {
      public: true,
      description: `How much it trends now: what views, pins, purchases and gifts while it was pinned weigh, halved every ${HALF_LIFE_S / 3_600} hours.`,
    }),
    rank: t.exposeInt('rank', { public: true, description: 'Its place, from 1.' }),
  }),
});

builder.queryField('trendingProducts', (t) =>
  t.field({
    type: [TrendingProductType],
    public: true,
    description: 'What trends, best first: products that are viewed, pinned, bought, and given gifts for while pinned.',
    args: {
      region: t.arg.string({
        description: `Where: a country code of ISO 3166-1 alpha-2. The whole world if left out, or if fewer than ${REGION_PRODUCTS_MIN} products trend there.`,
        validate: region,
      }),
      first: t.arg.int({
        description: `Products wanted, ${TRENDING_MAX} at the most; ${PAGE_SIZE_DEFAULT} if left out.`,
        validate: rules.pageSize,
      }),
    },
    resolve: async (_root, args, { services, shown }) => {
      shown?.add(topics.trends).add(topics.products);
      const found = await services.trends.trending({ region: args.region, limit: args.first ?? PAGE_SIZE_DEFAULT });
      for (const { productId } of found) shown?.add(topics.product(productId));
      return found.map(({ productId, power }, index) => ({ productId, score: 2 ** power, rank: index + 1 }));
    },
  }),
);

// ---- recordProductViews ------------------------------------------------------------------------------------------------

const RecordProductViewsInput = builder.inputType('RecordProductViewsInput', {
  description: 'What was looked at.',
  validate: rules.input({
    productIds: z.array(z.string()).max(VIEWS_PER_CALL_MAX, `At most ${VIEWS_PER_CALL_MAX} at once.`),
    region,
  }),
  fields: (t) => ({
    productIds: t.idList({
      required: true,
      description: `Global ids of products, ${VIEWS_PER_CALL_MAX} at the most; each counts once. What is no product is left out.`,
    }),
    region: t.string({ description: 'From where: a country code of ISO 3166-1 alpha-2, if known.' }),
  }),
});

const RecordProductViewsSuccess = builder.objectRef<{ counted: number }>('RecordProductViewsSuccess').implement({
  description: 'The views are noted.',
  fields: (t) => ({
    counted: t.exposeInt('counted', { description: 'How many of the products there are, and count.' }),
  }),
});

builder.mutationField('recordProductViews', (t) =>
  t.field({
    type: RecordProductViewsSuccess,
    description:
      'Says which products were looked at, for `trendingProducts`. Gather them and send a few at once. A repeated call counts again.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RecordProductViewsInput, required: true, description: 'The views.' }) },
    errors: { types: [...commonErrors, OverloadedError], union: { description: 'What `recordProductViews` returns.' } },
    resolve: async (_root, { input }, context) => {
      requireActor(context);
      const ids = input.productIds.map((id) => rowId('Product', id)).filter((id) => id !== undefined);
      return { counted: await context.services.trends.recordViews(ids, input.region) };
    },
  }),
);
