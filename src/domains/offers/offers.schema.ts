import { builder } from '../../graphql/builder.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { rowId, toGlobalId, toRowId } from '../../graphql/global-id.ts';
import { MoneyType } from '../../graphql/money.ts';
import { implementNode } from '../../graphql/node.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import { topics } from '../../live/topics.ts';
import { ProductType, ProductVariantType } from '../catalog/catalog.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import { LiveStreamType } from '../streams/streams.schema.ts';
import { OfferAlreadyLiveError } from './offers.errors.ts';
import type { OfferEndedPayload, OfferStartedPayload, OfferStockChangedPayload, OfferView } from './offers.events.ts';
import { TrustCardType } from './trust.schema.ts';

/** Whom an offer is for. */
export const OfferEligibilityEnum = builder.enumType('OfferEligibility', {
  description: 'Whom an offer is for.',
  values: {
    EVERYONE: { description: 'Whoever is signed in.' },
    FOLLOWERS: { description: 'Those who follow the creator.' },
    GIFTERS: { description: 'Those who have sent a gift in the stream.' },
  },
});

const OfferEndReasonEnum = builder.enumType('OfferEndReason', {
  description: 'Why an offer ended.',
  values: {
    SOLD_OUT: { description: 'Every unit is sold.' },
    EXPIRED: { description: 'Its time was over.' },
    ENDED: { description: 'The creator ended it, or the stream.' },
  },
});

/** A live-only price. */
export const OfferType = builder.objectRef<OfferView>('Offer');
implementNode(OfferType, {
  description: 'A price that holds only in a live stream, for so many units and so long. In an event, as it was then.',
  loadMany: (ids, { services }) => ids.map((id) => services.offers.find(toRowId(id) ?? 0n)),
  fields: (t) => ({
    variant: t.field({
      type: ProductVariantType,
      public: true,
      description: 'What is bought. Its own price is the one outside of the offer.',
      resolve: async ({ variant, variantId }, _args, { services }) =>
        variant ?? (await services.catalog.findVariant(BigInt(variantId)))!,
    }),
    product: t.field({
      type: ProductType,
      public: true,
      description: 'Of which product.',
      resolve: async ({ product, productId }, _args, { services }) =>
        product ?? (await services.catalog.findProduct(BigInt(productId)))!,
    }),
    // An event carries everything but this: it is read where it is selected, once for all who watch.
    stream: t.field({
      type: LiveStreamType,
      public: true,
      description: 'In which stream it holds.',
      resolve: ({ streamId }, _args, { services }) => services.streams.reads.get(BigInt(streamId)),
    }),
    unitPrice: t.field({
      type: MoneyType,
      public: true,
      description: 'What one unit costs in the offer.',
      resolve: ({ unitPriceMinor, currency }) => ({ minorUnits: BigInt(unitPriceMinor), currency }),
    }),
    quantity: t.exposeInt('quantity', { public: true, description: 'Units that may be sold at this price.' }),
    remaining: t.exposeInt('remaining', {
      public: true,
      description: 'Units that nobody has bought or is paying for. Follow `OfferStockChanged`.',
    }),
    perBuyerLimit: t.exposeInt('perBuyerLimit', { public: true, description: 'Units that one buyer may have.' }),
    eligibility: t.expose('eligibility', { type: OfferEligibilityEnum, public: true, description: 'Whom it is for.' }),
    startsAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'When it began.',
      resolve: ({ startsAt }) => new Date(startsAt),
    }),
    endsAt: t.field({
      type: 'DateTime',
      public: true,
      description: 'When it ends at the latest: the end of a countdown.',
      resolve: ({ endsAt }) => new Date(endsAt),
    }),
    endReason: t.expose('endReason', {
      type: OfferEndReasonEnum,
      nullable: true,
      public: true,
      description: 'Why it ended; null while it is open.',
    }),
    trust: t.field({
      type: TrustCardType,
      public: true,
      description: 'Why a buyer may trust it. Prices are those of this variant before the offer began.',
      resolve: (offer, _args, { services }) => offer.trust ?? services.offers.trust.ofOffer(offer),
    }),
  }),
});

builder.queryField('offer', (t) =>
  t.field({
    type: OfferType,
    nullable: true,
    public: true,
    description: 'An offer by id, open or not.',
    args: { id: t.arg.id({ required: true, description: 'Global id of an offer.' }) },
    resolve: async (_root, { id }, { services, shown }) => {
      const offerId = rowId('Offer', id);
      const offer = offerId === undefined ? null : await services.offers.find(offerId);
      if (offer) for (const topic of topicsOf(offer)) shown?.add(topic);
      return offer;
    },
  }),
);

builder.objectField(LiveStreamType, 'offers', (t) =>
  t.field({
    type: [OfferType],
    public: true,
    description: 'The offers that are open, oldest first.',
    resolve: async ({ id }, _args, { services, shown }) => {
      shown?.add(topics.showcase(id));
      const offers = await services.offers.openOf(id);
      if (shown) for (const offer of offers) for (const topic of topicsOf(offer)) shown.add(topic);
      return offers;
    },
  }),
);

/** What an answer that shows an offer shows. */
function topicsOf({ streamId, productId }: OfferView): string[] {
  return [topics.showcase(BigInt(streamId)), topics.products, topics.product(BigInt(productId))];
}

builder.objectType(OfferAlreadyLiveError, {
  name: 'OfferAlreadyLiveError',
  description: 'The variant has an offer in the stream already.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    offer: t.field({
      type: OfferType,
      description: 'The offer that is open.',
      resolve: async ({ offerId }, _args, { services }) => (await services.offers.find(offerId))!,
    }),
  }),
});

// ---- live events -------------------------------------------------------------------------------------------------------

builder.objectRef<LiveEvent<'OFFER_STARTED', OfferStartedPayload>>('OfferStarted').implement({
  description: 'A live-only price began. The countdown runs to `offer.endsAt`.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    offer: t.field({
      type: OfferType,
      public: true,
      description: 'The offer, as it began.',
      resolve: (event) => event.payload.offer,
    }),
  }),
});

builder.objectRef<LiveEvent<'OFFER_STOCK_CHANGED', OfferStockChangedPayload>>('OfferStockChanged').implement({
  description:
    'Units of an offer were sold, set aside or given back. Many changes become one event; the last one is what counts.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    offerId: t.id({
      public: true,
      description: 'Global id of the offer.',
      resolve: (event) => toGlobalId('Offer', event.payload.offerId),
    }),
    remaining: t.int({
      public: true,
      description: 'Units that nobody has bought or is paying for.',
      resolve: (event) => event.payload.remaining,
    }),
  }),
});

builder.objectRef<LiveEvent<'OFFER_ENDED', OfferEndedPayload>>('OfferEnded').implement({
  description: 'A live-only price is over. Always comes, exactly once for each offer.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    offerId: t.id({
      public: true,
      description: 'Global id of the offer.',
      resolve: (event) => toGlobalId('Offer', event.payload.offerId),
    }),
    reason: t.string({
      public: true,
      description: 'Why: "SOLD_OUT", "EXPIRED" or "ENDED", as in `OfferEndReason`.',
      resolve: (event) => event.payload.reason,
    }),
  }),
});
