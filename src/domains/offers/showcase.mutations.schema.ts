import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { ForbiddenError, NotFoundError } from '../../kernel/errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { SHOWCASE_MAX } from './offers.limits.ts';

const streamIdField = { required: true, description: 'Global id of your live stream.' } as const;
const productIdField = { required: true, description: 'Global id of a product.' } as const;
const errorTypes = [...commonErrors, NotFoundError, ForbiddenError, StreamNotLiveError];

/** The success of a mutation that changes a showcase. */
function successType<Name extends string>(name: Name, description: string, replayed: string) {
  return builder.objectRef<{ streamId: bigint; replayed: boolean }>(name).implement({
    description,
    fields: (t) => ({
      stream: t.field({
        type: LiveStreamType,
        description: 'Your stream.',
        resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(streamId),
      }),
      replayed: t.exposeBoolean('replayed', { description: replayed }),
    }),
  });
}

/** The rows that an input names. */
function toPlacement({ streamId, productId }: { streamId: string; productId: string }) {
  return {
    streamId: fromGlobalId('LiveStream', streamId, 'stream'),
    productId: fromGlobalId('Product', productId, 'product'),
  };
}

// ---- pinProduct --------------------------------------------------------------------------------------------------------

const PinProductInput = builder.inputType('PinProductInput', {
  description: 'Which product to show, and where.',
  fields: (t) => ({ streamId: t.id(streamIdField), productId: t.id(productIdField) }),
});

builder.mutationField('pinProduct', (t) =>
  t.field({
    type: successType('PinProductSuccess', 'The product is pinned.', 'True if it was pinned before.'),
    description: `Shows a product to everybody who watches your live stream, in the place of the one that is pinned. Any published product, of whatever merchant; up to ${SHOWCASE_MAX} in a stream. Pinning it again changes nothing.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: PinProductInput, required: true, description: 'The product.' }) },
    errors: { types: errorTypes, union: { description: 'What `pinProduct` returns.' } },
    resolve: async (_root, { input }, context) => {
      const placement = toPlacement(input);
      const { replayed } = await context.services.offers.showcase.pin(requireActor(context), placement);
      return { streamId: placement.streamId, replayed };
    },
  }),
);

// ---- unpinProduct ------------------------------------------------------------------------------------------------------

const UnpinProductInput = builder.inputType('UnpinProductInput', {
  description: 'Where to show no product any more.',
  fields: (t) => ({ streamId: t.id(streamIdField) }),
});

builder.mutationField('unpinProduct', (t) =>
  t.field({
    type: successType('UnpinProductSuccess', 'No product is pinned.', 'True if none was before.'),
    description: 'Takes the pin off; the product stays in the showcase. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: UnpinProductInput, required: true, description: 'The stream.' }) },
    errors: { types: errorTypes, union: { description: 'What `unpinProduct` returns.' } },
    resolve: async (_root, { input }, context) => {
      const streamId = fromGlobalId('LiveStream', input.streamId, 'stream');
      const { replayed } = await context.services.offers.showcase.unpin(requireActor(context), streamId);
      return { streamId, replayed };
    },
  }),
);

// ---- addToShowcase -----------------------------------------------------------------------------------------------------

const AddToShowcaseInput = builder.inputType('AddToShowcaseInput', {
  description: 'Which product to add, and where.',
  fields: (t) => ({ streamId: t.id(streamIdField), productId: t.id(productIdField) }),
});

builder.mutationField('addToShowcase', (t) =>
  t.field({
    type: successType('AddToShowcaseSuccess', 'The product is in the showcase.', 'True if it was before.'),
    description: `Adds a published product, of whatever merchant, to what your live stream shows: ${SHOWCASE_MAX} at the most. Adding it again changes nothing.`,
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: AddToShowcaseInput, required: true, description: 'The product.' }) },
    errors: { types: errorTypes, union: { description: 'What `addToShowcase` returns.' } },
    resolve: async (_root, { input }, context) => {
      const placement = toPlacement(input);
      const { replayed } = await context.services.offers.showcase.add(requireActor(context), placement);
      return { streamId: placement.streamId, replayed };
    },
  }),
);

// ---- removeFromShowcase ------------------------------------------------------------------------------------------------

const RemoveFromShowcaseInput = builder.inputType('RemoveFromShowcaseInput', {
  description: 'Which product to remove, and where.',
  fields: (t) => ({ streamId: t.id(streamIdField), productId: t.id(productIdField) }),
});

builder.mutationField('removeFromShowcase', (t) =>
  t.field({
    type: successType(
      'RemoveFromShowcaseSuccess',
      'The product is not in the showcase.',
      'True if it was not before, either.',
    ),
    description:
      'Takes a product out of what your live stream shows, and the pin off it. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: RemoveFromShowcaseInput, required: true, description: 'The product.' }) },
    errors: { types: errorTypes, union: { description: 'What `removeFromShowcase` returns.' } },
    resolve: async (_root, { input }, context) => {
      const placement = toPlacement(input);
      const { replayed } = await context.services.offers.showcase.remove(requireActor(context), placement);
      return { streamId: placement.streamId, replayed };
    },
  }),
);
