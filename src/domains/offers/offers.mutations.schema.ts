import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { ForbiddenError, IdempotencyConflictError, NotFoundError } from '../../kernel/errors.ts';
import { SoldOutError } from '../orders/orders.errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { OfferAlreadyLiveError } from './offers.errors.ts';
import { OFFER_PRICE_MAX, OFFER_QUANTITY_MAX, OFFER_SECONDS_MAX, OFFER_SECONDS_MIN } from './offers.limits.ts';
import { OfferEligibilityEnum, OfferType } from './offers.schema.ts';

builder.objectType(SoldOutError, {
  name: 'SoldOutError',
  description: 'There is not so much left. Nothing was charged.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ remaining: t.exposeInt('remaining', { description: 'Units that can still be had.' }) }),
});

const offerField = (description: string) => ({ type: OfferType, description }) as const;

// ---- startOffer --------------------------------------------------------------------------------------------------------

const StartOfferInput = builder.inputType('StartOfferInput', {
  description: 'The offer to start.',
  validate: rules.input({
    unitPriceMinor: rules.count(OFFER_PRICE_MAX),
    quantity: rules.count(OFFER_QUANTITY_MAX),
    perBuyerLimit: rules.count(OFFER_QUANTITY_MAX),
    durationSeconds: rules.count(OFFER_SECONDS_MAX).min(OFFER_SECONDS_MIN, `Must be at least ${OFFER_SECONDS_MIN}.`),
    idempotencyKey: rules.idempotencyKey.nullish(),
  }),
  fields: (t) => ({
    streamId: t.id({ required: true, description: 'Global id of your live stream.' }),
    variantId: t.id({ required: true, description: 'Global id of a variant of a merchant that you act for.' }),
    unitPriceMinor: t.field({
      type: 'SafeInt',
      required: true,
      description: 'What one unit costs, in minor units of the variant’s currency; below its price.',
    }),
    quantity: t.int({
      required: true,
      description: 'Units that may be sold at this price; no more than are in stock.',
    }),
    perBuyerLimit: t.int({
      required: true,
      defaultValue: 1,
      description: 'Units that one buyer may have; no more than the quantity.',
    }),
    durationSeconds: t.int({
      required: true,
      description: `How long it lasts: ${OFFER_SECONDS_MIN} to ${OFFER_SECONDS_MAX} seconds. Up to 300 make a good countdown.`,
    }),
    eligibility: t.field({
      type: OfferEligibilityEnum,
      required: true,
      defaultValue: 'EVERYONE',
      description: 'Whom it is for.',
    }),
    idempotencyKey: t.string({
      description:
        'Your name for this offer, 1 to 64 characters: repeat the call with it as often as you like. Without it a repeat meets `OfferAlreadyLiveError`.',
    }),
  }),
});

const StartOfferSuccess = builder.objectRef<{ offerId: bigint; replayed: boolean }>('StartOfferSuccess').implement({
  description: 'The offer is open.',
  fields: (t) => ({
    offer: t.field({
      ...offerField('The offer.'),
      resolve: async ({ offerId }, _args, { services }) => (await services.offers.find(offerId))!,
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if an earlier call with this key had started it.' }),
  }),
});

builder.mutationField('startOffer', (t) =>
  t.field({
    type: StartOfferSuccess,
    description: 'Starts a live-only price in your stream, for a product of a merchant that you act for.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: StartOfferInput, required: true, description: 'The offer.' }) },
    errors: {
      types: [
        ...commonErrors,
        NotFoundError,
        ForbiddenError,
        StreamNotLiveError,
        SoldOutError,
        OfferAlreadyLiveError,
        IdempotencyConflictError,
      ],
      union: { description: 'What `startOffer` returns.' },
    },
    resolve: (_root, { input }, context) =>
      context.services.offers.startOffer(requireActor(context), {
        streamId: fromGlobalId('LiveStream', input.streamId, 'stream'),
        variantId: fromGlobalId('ProductVariant', input.variantId, 'variant'),
        unitPriceMinor: BigInt(input.unitPriceMinor),
        quantity: input.quantity,
        perBuyerLimit: input.perBuyerLimit,
        durationSeconds: input.durationSeconds,
        eligibility: input.eligibility,
        idempotencyKey: input.idempotencyKey ?? undefined,
      }),
  }),
);

// ---- endOffer ----------------------------------------------------------------------------------------------------------

const EndOfferInput = builder.inputType('EndOfferInput', {
  description: 'The offer to end.',
  fields: (t) => ({ offerId: t.id({ required: true, description: 'Global id of an offer in your stream.' }) }),
});

const EndOfferSuccess = builder.objectRef<{ offerId: bigint; replayed: boolean }>('EndOfferSuccess').implement({
  description: 'The offer is over.',
  fields: (t) => ({
    offer: t.field({
      ...offerField('The offer.'),
      resolve: async ({ offerId }, _args, { services }) => (await services.offers.find(offerId))!,
    }),
    replayed: t.exposeBoolean('replayed', { description: 'True if it was over before.' }),
  }),
});

builder.mutationField('endOffer', (t) =>
  t.field({
    type: EndOfferSuccess,
    description: 'Ends an offer in your stream before its time. Ending it again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: EndOfferInput, required: true, description: 'The offer.' }) },
    errors: {
      types: [...commonErrors, NotFoundError, ForbiddenError],
      union: { description: 'What `endOffer` returns.' },
    },
    resolve: async (_root, { input }, context) => {
      const offerId = fromGlobalId('Offer', input.offerId, 'offer');
      const { replayed } = await context.services.offers.endOffer(requireActor(context), offerId);
      return { offerId, replayed };
    },
  }),
);
