import { builder } from '../../graphql/builder.ts';
import { toGlobalId } from '../../graphql/global-id.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { topics } from '../../live/topics.ts';
import { ProductType } from '../catalog/catalog.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import type { ProductPinnedPayload, ProductUnpinnedPayload } from './offers.events.ts';
import { SHOWCASE_MAX } from './offers.limits.ts';

builder.objectField(LiveStreamType, 'pinnedProduct', (t) =>
  t.field({
    type: ProductType,
    nullable: true,
    public: true,
    description: 'The product that the creator shows right now.',
    resolve: async ({ id }, _args, { services, shown }) => {
      shown?.add(topics.showcase(id)).add(topics.products);
      const productId = await services.offers.showcase.pinnedOf(id);
      if (productId === null) return null;
      shown?.add(topics.product(productId));
      return services.catalog.findProduct(productId);
    },
  }),
);

builder.objectField(LiveStreamType, 'showcase', (t) =>
  t.field({
    type: [ProductType],
    public: true,
    description: `The products that the creator shows or has shown, in the order in which they came; ${SHOWCASE_MAX} at the most. What was pinned stays in it.`,
    resolve: async ({ id }, _args, { services, shown }) => {
      shown?.add(topics.showcase(id)).add(topics.products);
      const productIds = await services.offers.showcase.shownOf(id);
      if (shown) for (const productId of productIds) shown.add(topics.product(productId));
      const products = await Promise.all(productIds.map((productId) => services.catalog.findProduct(productId)));
      return products.flatMap((product) => product ?? []);
    },
  }),
);

builder.objectRef<LiveEvent<'PRODUCT_PINNED', ProductPinnedPayload>>('ProductPinned').implement({
  description:
    'The creator shows a product. It takes the place of the one that was pinned: no `ProductUnpinned` comes for that.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    product: t.field({
      type: ProductType,
      public: true,
      description: 'Which one, as it was then.',
      resolve: (event) => event.payload.product,
    }),
  }),
});

builder.objectRef<LiveEvent<'PRODUCT_UNPINNED', ProductUnpinnedPayload>>('ProductUnpinned').implement({
  description: 'The creator shows no product any more.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    productId: t.id({
      public: true,
      description: 'Global id of the product that was pinned.',
      resolve: (event) => toGlobalId('Product', event.payload.productId),
    }),
  }),
});
