import { z } from 'zod';
import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors, ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { MoneyType } from '../../graphql/money.ts';
import { rules } from '../../graphql/rules.ts';
import { IdempotencyConflictError, InvalidInputError, NotFoundError, OverloadedError } from '../../kernel/errors.ts';
import { PaymentDeclinedError, PaymentPendingError } from '../payments/payments.errors.ts';
import { PAYMENT_TOKEN_LENGTH_MAX } from '../payments/payments.schema.ts';
import type { Bought } from './buy/buy-now.ts';
import { LINE_QUANTITY_MAX, LINES_MAX, type WantedLine } from './buy/purchase.ts';
import {
  NotDeliverableError,
  NotEligibleError,
  OfferEndedError,
  PerBuyerLimitError,
  PriceChangedError,
  SoldOutError,
} from './orders.errors.ts';
import { OrderType } from './orders.schema.ts';

builder.objectType(PriceChangedError, {
  name: 'PriceChangedError',
  description: 'The price is not the one that the buyer has seen. Nothing was charged.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    currentUnitPrice: t.expose('currentUnitPrice', { type: MoneyType, description: 'What one of it costs now.' }),
  }),
});
builder.objectType(PerBuyerLimitError, {
  name: 'PerBuyerLimitError',
  description: 'One buyer may not have so many of the offer. Nothing was charged.',
  interfaces: [ErrorInterface],
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'Units that one buyer may have, earlier purchases included.' }),
  }),
});
for (const [error, name, description] of [
  [OfferEndedError, 'OfferEndedError', 'The offer is over. Nothing was charged.'],
  [NotEligibleError, 'NotEligibleError', 'The offer is for followers or gifters only. Nothing was charged.'],
  [NotDeliverableError, 'NotDeliverableError', 'Nobody with stock delivers to the address. Nothing was charged.'],
] as const) {
  builder.objectType(error, { name, description, interfaces: [ErrorInterface] });
}

const PRICE_MINOR_MAX = Number.MAX_SAFE_INTEGER;
const quantity = rules.count(LINE_QUANTITY_MAX);
const expectedUnitPriceMinor = rules.count(PRICE_MINOR_MAX);

const QUANTITY_DESCRIPTION = `How many, 1 to ${LINE_QUANTITY_MAX}.`;
const PRICE_DESCRIPTION =
  'What you have seen one of it cost, in minor units: the purchase is made at this price, or not at all.';

const BuyNowLineInput = builder.inputType('BuyNowLineInput', {
  description: 'One more thing to buy in the same purchase.',
  fields: (t) => ({
    offerId: t.id({ description: 'Global id of an offer; else give the variant.' }),
    variantId: t.id({ description: 'Global id of a product variant, at its usual price.' }),
    quantity: t.int({ required: true, defaultValue: 1, description: QUANTITY_DESCRIPTION }),
    expectedUnitPriceMinor: t.field({ type: 'SafeInt', required: true, description: PRICE_DESCRIPTION }),
  }),
});

const BuyNowInput = builder.inputType('BuyNowInput', {
  description: 'What to buy, how it is paid and where it goes.',
  validate: rules.input({
    quantity,
    expectedUnitPriceMinor,
    paymentToken: rules.text(PAYMENT_TOKEN_LENGTH_MAX),
    idempotencyKey: rules.idempotencyKey,
    // Here and not at the line's own type: what is wrong with a line is then said together with the rest.
    moreLines: z.array(rules.input({ quantity, expectedUnitPriceMinor })).nullish(),
  }),
  fields: (t) => ({
    offerId: t.id({ description: 'Global id of an offer; else give the variant.' }),
    variantId: t.id({ description: 'Global id of a product variant, at its usual price.' }),
    streamId: t.id({
      description:
        'Global id of the stream that you buy in; a purchase shows there if the stream shows the product. Of an offer it is always its own.',
    }),
    quantity: t.int({ required: true, defaultValue: 1, description: QUANTITY_DESCRIPTION }),
    expectedUnitPriceMinor: t.field({ type: 'SafeInt', required: true, description: PRICE_DESCRIPTION }),
    moreLines: t.field({
      type: [BuyNowLineInput],
      description: `Up to ${LINES_MAX - 1} more things, also of other merchants: one payment, one order a merchant, all or nothing.`,
    }),
    paymentToken: t.string({
      required: true,
      description:
        "The provider's token for a payment method. Card details never reach this API. Sandbox: tok_ok, tok_declined, tok_timeout.",
    }),
    addressId: t.id({ description: 'Global id of one of your addresses; needed for what is sent.' }),
    showBuyer: t.boolean({
      required: true,
      defaultValue: false,
      description: 'Whether everybody watching may see that it was you.',
    }),
    idempotencyKey: t.string({
      required: true,
      description:
        'Your name for this purchase, 1 to 64 characters: repeat the call with it as often as you like, it is bought and charged once.',
    }),
  }),
});

const BuyNowSuccess = builder.objectRef<Bought>('BuyNowSuccess').implement({
  description: 'It is bought and paid; the money waits in escrow.',
  fields: (t) => ({
    order: t.field({
      type: OrderType,
      description: 'The order; the first one of a purchase from several merchants.',
      resolve: ({ orders }) => orders[0]!,
    }),
    orders: t.expose('orders', { type: [OrderType], description: 'All orders of the purchase: one a merchant.' }),
    replayed: t.exposeBoolean('replayed', {
      description: 'True if an earlier call with this key had bought it already.',
    }),
  }),
});

builder.mutationField('buyNow', (t) =>
  t.field({
    type: BuyNowSuccess,
    description:
      'Buys in one call: the price is locked, the stock set aside, the payment method charged and the goods sold, or nothing happens at all. Who comes too late is never charged.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: BuyNowInput, required: true, description: 'The purchase.' }) },
    errors: {
      types: [
        ...commonErrors,
        NotFoundError,
        SoldOutError,
        PriceChangedError,
        OfferEndedError,
        PerBuyerLimitError,
        NotEligibleError,
        NotDeliverableError,
        PaymentDeclinedError,
        PaymentPendingError,
        IdempotencyConflictError,
        OverloadedError,
      ],
      union: { description: 'What `buyNow` returns.' },
    },
    resolve: (_root, { input }, context) => {
      const actor = requireActor(context);
      const { streamId, addressId, paymentToken, idempotencyKey, showBuyer } = input;
      return context.services.orders.buy({
        buyerId: actor.id,
        lines: toLines([input, ...(input.moreLines ?? [])]),
        streamId: streamId == null ? undefined : fromGlobalId('LiveStream', streamId, 'stream'),
        addressId: addressId == null ? undefined : fromGlobalId('Address', addressId, 'address'),
        paymentToken,
        showBuyer,
        idempotencyKey,
      });
    },
  }),
);

type LineInput = {
  offerId?: string | null;
  variantId?: string | null;
  quantity: number;
  expectedUnitPriceMinor: number | bigint;
};

/** @throws {InvalidInputError} too many lines, or one that names nothing */
function toLines(inputs: readonly LineInput[]): WantedLine[] {
  const pathOf = (index: number) => (index === 0 ? 'input' : `input.moreLines.${index - 1}`);
  const issues = inputs.flatMap(({ offerId, variantId }, index) =>
    offerId == null && variantId == null
      ? { path: `${pathOf(index)}.variantId`, message: 'Say what to buy: an offer or a variant.' }
      : [],
  );
  if (inputs.length > LINES_MAX) {
    issues.push({ path: 'input.moreLines', message: `One purchase has ${LINES_MAX} lines at the most.` });
  }
  if (issues.length > 0) throw new InvalidInputError(issues);
  return inputs.map(({ offerId, variantId, ...line }) => ({
    offerId: offerId == null ? undefined : fromGlobalId('Offer', offerId, 'offer'),
    variantId: variantId == null ? undefined : fromGlobalId('ProductVariant', variantId, 'product'),
    quantity: line.quantity,
    expectedUnitPriceMinor: BigInt(line.expectedUnitPriceMinor),
  }));
}
