import { builder } from '../../graphql/builder.ts';
import { MoneyType } from '../../graphql/money.ts';
import { ProductType } from '../catalog/catalog.schema.ts';
import type { TrustedProduct, TrustView } from './offers.events.ts';
import { DISPUTE_ORDERS_MAX, DISPUTE_WINDOW_DAYS, PRICE_WINDOW_DAYS } from './trust.repo.ts';
import { DISPUTE_ORDERS_MIN } from './trust.ts';

/** Why a buyer may trust a seller and a price. */
export const TrustCardType = builder.objectRef<TrustView>('TrustCard').implement({
  description: 'Why a buyer may trust a seller and a price. Computed from what happened; nobody writes it.',
  fields: (t) => ({
    sellerVerified: t.exposeBoolean('sellerVerified', {
      public: true,
      description: 'Whether we know who is behind the merchant.',
    }),
    disputeRate: t.exposeFloat('disputeRate', {
      nullable: true,
      public: true,
      description: `The share, from 0 to 1, of the merchant's paid orders that were contested: of the newest ${DISPUTE_ORDERS_MAX} orders, those of the last ${DISPUTE_WINDOW_DAYS} days. Null below ${DISPUTE_ORDERS_MIN} orders: too few to tell.`,
    }),
    deliveryPromiseDays: t.exposeInt('deliveryPromiseDays', {
      nullable: true,
      public: true,
      description:
        'Days until it is delivered, from the fastest warehouse with stock. Null when nothing is sent, or nothing is in stock.',
    }),
    escrow: t.exposeBoolean('escrow', {
      public: true,
      description: 'Whether the money waits with us until it is delivered.',
    }),
    lowestPriceLast30Days: t.field({
      type: MoneyType,
      nullable: true,
      public: true,
      description: `The lowest price that was in force in the ${PRICE_WINDOW_DAYS} days before: list prices and offers, in any stream. Of an offer, before it began; of a product, the lowest of its variants before now. Null when there was no price before. See \`priceHistoryDays\`.`,
      resolve: ({ lowestPriceLast30DaysMinor: minor, currency }) =>
        minor === null ? null : { minorUnits: BigInt(minor), currency },
    }),
    priceHistoryDays: t.exposeInt('priceHistoryDays', {
      public: true,
      description: `Full days, ${PRICE_WINDOW_DAYS} at the most, that the price history goes back: with few of them the lowest price says little.`,
    }),
  }),
});

builder.objectField(ProductType, 'trust', (t) =>
  t.field({
    type: TrustCardType,
    public: true,
    description: 'Why a buyer may trust it.',
    resolve: (product: TrustedProduct, _args, { services }) =>
      product.trust ?? services.offers.trust.ofProduct(BigInt(product.id)),
  }),
);
