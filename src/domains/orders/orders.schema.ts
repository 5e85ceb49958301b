import { builder } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection, type PageArgs } from '../../graphql/connection.ts';
import { requireActor, type Services } from '../../graphql/context.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { rowId, toGlobalId, toRowId } from '../../graphql/global-id.ts';
import { MoneyType } from '../../graphql/money.ts';
import { implementNode } from '../../graphql/node.ts';
import { rules } from '../../graphql/rules.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { MappedIterator } from '../../kernel/iterate.ts';
import { PublicProfileType, ViewerType } from '../accounts/accounts.schema.ts';
import { MerchantType, ProductType, ProductVariantType } from '../catalog/catalog.schema.ts';
import { LiveEventInterface } from '../streams/live-event.schema.ts';
import type { DisputeRow } from './after/disputes.repo.ts';
import type { RefundRow } from './after/refunds.repo.ts';
import type { OrderAddress, OrderRow } from './orders.api.ts';
import { OrderStateError } from './orders.errors.ts';
import type { ProductPurchasedEvent } from './orders.events.ts';
import type { OrderEventRow, OrderLineRow, OrdersOf, OrderTransferRow } from './orders.repo.ts';
import { ORDER_STATES, ORDER_TRANSITIONS } from './orders.state.ts';

const STATE_DESCRIPTIONS: Record<(typeof ORDER_STATES)[number], string> = {
  PENDING_PAYMENT: 'Stock is set aside, and the payment is under way.',
  PAID: 'Paid; the money waits in escrow.',
  PREPARING: 'The merchant prepares it.',
  SHIPPED: 'It is on its way.',
  DELIVERED: 'It is there: the time to contest it runs.',
  COMPLETED: 'The merchant has got the money.',
  CANCELLED: 'It came to nothing; what was paid goes back.',
  REFUND_REQUESTED: 'The buyer asks for money back; the merchant decides.',
  REFUNDED: 'All that was left of it went back to the buyer.',
};

/** The states of an order. */
export const OrderStateEnum = builder.enumType('OrderState', {
  description: 'Where an order stands.',
  values: Object.fromEntries(
    ORDER_STATES.map((state) => [state, { description: STATE_DESCRIPTIONS[state] }]),
  ) as Record<(typeof ORDER_STATES)[number], { description: string }>,
});

const OrderLineType = builder.objectRef<OrderLineRow & { currency: string }>('OrderLine').implement({
  description: 'Some units of one variant, at the price that was locked.',
  fields: (t) => ({
    id: t.id({ description: 'To name the line in a refund.', resolve: ({ id }) => toGlobalId('OrderLine', id) }),
    variant: t.field({
      type: ProductVariantType,
      description: 'What was bought, as it is now.',
      resolve: async ({ variantId }, _args, { services }) => (await services.catalog.findVariant(variantId))!,
    }),
    quantity: t.exposeInt('quantity', { description: 'How many.' }),
    refundedQuantity: t.exposeInt('refundedQuantity', { description: 'Of them, those that were refunded.' }),
    unitPrice: t.field({
      type: MoneyType,
      description: 'What one of it cost.',
      resolve: ({ unitPriceMinor, currency }) => ({ minorUnits: unitPriceMinor, currency }),
    }),
    deliveredAt: t.expose('deliveredAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was there: downloaded, or all its vouchers used. Null for what is sent, see the shipments.',
    }),
    downloadUrl: t.string({
      nullable: true,
      description: 'Where to get a DIGITAL product, once it is paid.',
      resolve: ({ downloadUrl, deliveredAt }) => (deliveredAt ? downloadUrl : null),
    }),
  }),
});

const OrderEventType = builder.objectRef<OrderEventRow>('OrderEvent').implement({
  description: 'A step of an order’s timeline.',
  fields: (t) => ({
    state: t.expose('state', { type: OrderStateEnum, description: 'Where the order stood then.' }),
    actor: t.exposeString('actor', { description: 'Who: BUYER, MERCHANT, PROVIDER, PARTNER or SYSTEM.' }),
    note: t.exposeString('note', { nullable: true, description: 'What they said.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
  }),
});

const OrderTransferType = builder.objectRef<OrderTransferRow>('OrderTransfer').implement({
  description: 'A movement of an order’s money in the ledger.',
  fields: (t) => ({
    kind: t.exposeString('kind', {
      description: 'ORDER_PAID, ORDER_RELEASED, ORDER_REFUNDED, REFUND_PAID or ORDER_CHARGED_BACK.',
    }),
    amount: t.field({
      type: MoneyType,
      description: 'How much.',
      resolve: ({ amountMinor, currency }) => ({ minorUnits: amountMinor, currency }),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
  }),
});

const RefundStateEnum = builder.enumType('RefundState', {
  description: 'Where a refund stands.',
  values: {
    REQUESTED: { description: 'The merchant has to decide.' },
    REJECTED: { description: 'The merchant has refused.' },
    PENDING: { description: 'Granted; the provider is paying.' },
    SUCCEEDED: { description: 'The provider has paid.' },
  },
});

/** Money on its way back to a buyer. */
export const RefundType = builder.objectRef<RefundRow>('Refund').implement({
  description: 'Money on its way back to a buyer.',
  fields: (t) => ({
    id: t.id({ description: 'To approve or reject it by.', resolve: ({ id }) => toGlobalId('Refund', id) }),
    state: t.expose('state', { type: RefundStateEnum, description: 'Where it stands.' }),
    amount: t.field({
      type: MoneyType,
      description: 'How much.',
      resolve: ({ amountMinor, currency }) => ({ minorUnits: amountMinor, currency }),
    }),
    reason: t.exposeString('reason', { description: 'Why.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for or granted.' }),
    settledAt: t.expose('settledAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was paid or rejected.',
    }),
  }),
});

const DisputeStateEnum = builder.enumType('DisputeState', {
  description: 'Where a dispute stands.',
  values: {
    OPEN: { description: 'Not decided: the money stays in escrow.' },
    REJECTED: { description: 'Decided for the merchant.' },
    REFUNDED: { description: 'Decided for the buyer.' },
  },
});

/** A contested order. */
export const DisputeType = builder.objectRef<DisputeRow>('Dispute').implement({
  description: 'A buyer contests an order, with us or with their bank.',
  fields: (t) => ({
    id: t.id({ description: 'To resolve it by.', resolve: ({ id }) => toGlobalId('Dispute', id) }),
    state: t.expose('state', { type: DisputeStateEnum, description: 'Where it stands.' }),
    withBank: t.boolean({ description: 'Whether the bank decides.', resolve: ({ kind }) => kind === 'PROVIDER' }),
    reason: t.exposeString('reason', { description: 'Why.' }),
    openedAt: t.expose('openedAt', { type: 'DateTime', description: 'When it was opened.' }),
    closedAt: t.expose('closedAt', { type: 'DateTime', nullable: true, description: 'When it was decided.' }),
  }),
});

/** Where an order goes. */
export const OrderAddressType = builder.objectRef<OrderAddress>('OrderAddress').implement({
  description: 'Where an order goes: a copy of the address at the time of the purchase.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Who receives it.' }),
    line1: t.exposeString('line1', { description: 'Street and number.' }),
    line2: t.exposeString('line2', { nullable: true, description: 'Flat, floor, landmark.' }),
    city: t.exposeString('city', { description: 'Town.' }),
    postalCode: t.exposeString('postalCode', { nullable: true, description: 'Postal code.' }),
    country: t.exposeString('country', { description: 'ISO 3166-1 alpha-2.' }),
  }),
});

/** What one buyer bought from one merchant in one purchase. */
export const OrderType = builder.objectRef<OrderRow>('Order');
implementNode(OrderType, {
  description: 'What one buyer bought from one merchant in one purchase. Only the two of them see it.',
  loadMany: (ids, { services, actor }) => ids.map((id) => services.orders.find(toRowId(id) ?? 0n, actor?.id)),
  fields: (t) => ({
    number: t.exposeString('number', { description: 'To talk about it by. Random: it cannot be guessed.' }),
    state: t.expose('state', { type: OrderStateEnum, description: 'Where it stands.' }),
    nextStates: t.field({
      type: [OrderStateEnum],
      description: 'Where it can go from here.',
      resolve: ({ state }) => [...ORDER_TRANSITIONS[state]],
    }),
    total: t.field({
      type: MoneyType,
      description: 'What it cost.',
      resolve: ({ totalMinor, currency }) => ({ minorUnits: totalMinor, currency }),
    }),
    refunded: t.field({
      type: MoneyType,
      description: 'What of it went back, or is about to.',
      resolve: ({ refundedMinor, currency }) => ({ minorUnits: refundedMinor, currency }),
    }),
    lines: t.field({
      type: [OrderLineType],
      description: 'What was bought.',
      resolve: async ({ id, currency }, _args, { services }) =>
        (await services.orders.parts.lines(id)).map((line) => ({ ...line, currency })),
    }),
    refunds: t.field({
      type: [RefundType],
      description: 'Money that was asked for or given back, oldest first.',
      resolve: ({ id }, _args, { services }) => services.orders.parts.refunds(id),
    }),
    disputes: t.field({
      type: [DisputeType],
      description: 'How it was contested, oldest first.',
      resolve: ({ id }, _args, { services }) => services.orders.parts.disputes(id),
    }),
    timeline: t.field({
      type: [OrderEventType],
      description: 'All that happened, oldest first.',
      resolve: ({ id }, _args, { services }) => services.orders.parts.timeline(id),
    }),
    transfers: t.field({
      type: [OrderTransferType],
      description: 'Every movement of its money, oldest first.',
      resolve: ({ id }, _args, { services }) => services.orders.parts.transfers(id),
    }),
    merchant: t.field({
      type: MerchantType,
      description: 'Who sold it.',
      resolve: async ({ merchantId }, _args, { services }) => (await services.catalog.findMerchant(merchantId))!,
    }),
    address: t.expose('address', {
      type: OrderAddressType,
      nullable: true,
      description: 'Where it goes; null where nothing is sent.',
    }),
    releaseAt: t.expose('releaseAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the merchant gets the money, unless somebody contests the order; null before delivery.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was bought.' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime', description: 'When something about it last changed.' }),
  }),
});

const OrderConnection = builder.connectionObject(
  { type: OrderType, ...connectionOf('OrderConnection', 'orders') },
  { name: 'OrderEdge', description: 'An order and its place in the list.' },
);

function listOrders(page: PageArgs, of: OrdersOf, { orders }: Services) {
  return keysetConnection(page, { page: (keyset) => orders.page(of, keyset), count: () => orders.count(of) });
}

builder.objectField(ViewerType, 'orders', (t) =>
  t.connection(
    {
      type: OrderType,
      description: 'What you bought, newest first.',
      resolve: ({ id }, page, { services }) => listOrders(page, { side: 'buyer', id }, services),
    },
    OrderConnection,
  ),
);

builder.objectField(MerchantType, 'orders', (t) =>
  t.connection(
    {
      type: OrderType,
      nullable: true,
      description: 'What it has sold, newest first; null unless you act for it.',
      resolve: async (merchant, page, { services, actor }) => {
        const id = BigInt(merchant.id);
        return (await services.orders.actsFor(id, actor?.id))
          ? listOrders(page, { side: 'merchant', id }, services)
          : null;
      },
    },
    OrderConnection,
  ),
);

builder.queryField('orderByNumber', (t) =>
  t.field({
    type: OrderType,
    nullable: true,
    description: 'An order by its number; null unless you are its buyer or act for its merchant.',
    authScopes: { signedIn: true },
    args: { number: t.arg.string({ required: true, description: 'Such as "HD-…".', validate: rules.lookup }) },
    resolve: (_root, { number }, context) =>
      context.services.orders.findByNumber(number.trim().toUpperCase(), requireActor(context).id),
  }),
);

builder.subscriptionField('orderUpdates', (t) =>
  t.field({
    type: OrderType,
    description:
      'Orders as they change. One order: as it is now, and after each change. Without an id: each of yours that changes from now on. A slow reader gets the newest state only.',
    authScopes: { signedIn: true },
    args: { orderId: t.arg.id({ description: 'Global id of an order; all that you buy without it.' }) },
    subscribe: async (_root, { orderId }, context) => {
      const actor = requireActor(context);
      const id = orderId == null ? undefined : rowId('Order', orderId);
      if (orderId != null && id === undefined) throw new NotFoundError('order');
      const { orders } = context.services;
      // Read anew for each delivery: whoever is no longer allowed to see the order gets nothing more of it.
      return new MappedIterator(
        await orders.watch(actor, id),
        async (changed) => (await orders.find(changed, actor.id)) ?? undefined,
      );
    },
    resolve: (order) => order,
  }),
);

builder.objectRef<ProductPurchasedEvent>('ProductPurchased').implement({
  description: 'Somebody bought something in the stream.',
  interfaces: [LiveEventInterface],
  fields: (t) => ({
    buyer: t.field({
      type: PublicProfileType,
      nullable: true,
      public: true,
      description: 'Who, if they agreed to be named.',
      resolve: ({ payload }) => payload.buyer,
    }),
    product: t.field({
      type: ProductType,
      public: true,
      description: 'What, with the variant that was bought, as it was then.',
      resolve: ({ payload }) => payload.product,
    }),
    quantity: t.int({ public: true, description: 'How many.', resolve: ({ payload }) => payload.quantity }),
  }),
});

builder.objectType(OrderStateError, {
  name: 'OrderStateError',
  description: 'The order’s state does not allow it. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ state: t.expose('state', { type: OrderStateEnum, description: 'Where the order is.' }) }),
});
