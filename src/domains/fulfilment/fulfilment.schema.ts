import { builder } from '../../graphql/builder.ts';
import { connectionOf, keysetConnection } from '../../graphql/connection.ts';
import { type Context, requireActor } from '../../graphql/context.ts';
import { ErrorInterface } from '../../graphql/errors.ts';
import { fromGlobalId, toGlobalId } from '../../graphql/global-id.ts';
import { ProductVariantType } from '../catalog/catalog.schema.ts';
import type { OrderRow } from '../orders/orders.api.ts';
import { OrderAddressType, OrderType } from '../orders/orders.schema.ts';
import { VoucherStateError } from './fulfilment.errors.ts';
import { minutesUntil, SHIPMENT_STATES } from './fulfilment.state.ts';
import type { ShipmentItemRow, ShipmentRow, TrackingEventRow } from './shipments.repo.ts';
import type { VoucherRow } from './vouchers.repo.ts';

/** An order, for its buyer and its seller; null for a partner who sends what others have sold. */
export async function orderFor(order: OrderRow, { actor, services }: Context): Promise<OrderRow | null> {
  return (await services.orders.roleOf(order, actor?.id)) ? order : null;
}

const ShipmentStateEnum = builder.enumType('ShipmentState', {
  description: 'The states of a shipment. It never goes back.',
  values: {
    PENDING: { description: 'Not begun.' },
    PREPARING: { description: 'Being packed, or cooked.' },
    SHIPPED: { description: 'On its way.' },
    DELIVERED: { description: 'Arrived.' },
    CANCELLED: { description: 'Called off before it was sent.' },
  },
});

const ShipmentMethodEnum = builder.enumType('ShipmentMethod', {
  description: 'The ways that something is sent.',
  values: {
    PARCEL: { description: 'By a carrier, in days.' },
    COURIER: { description: 'By a courier, within the hour: food.' },
  },
});

/** What is said of a shipment on its way. */
export const TrackingStatusEnum = builder.enumType('TrackingStatus', {
  description: 'What is said of a shipment on its way, in the order of its method.',
  values: {
    PREPARING: { description: 'Parcel: being packed.' },
    SHIPPED: { description: 'Parcel: with the carrier.' },
    IN_TRANSIT: { description: 'Parcel: between two places.' },
    OUT_FOR_DELIVERY: { description: 'Parcel: comes today.' },
    ACCEPTED: { description: 'Courier: the kitchen has it.' },
    COOKING: { description: 'Courier: it is made.' },
    PICKED_UP: { description: 'Courier: on its way.' },
    NEARBY: { description: 'Courier: there in a moment.' },
    DELIVERED: { description: 'Arrived.' },
  },
});

const VoucherStateEnum = builder.enumType('VoucherState', {
  description: 'The states of a voucher.',
  values: {
    ISSUED: { description: 'Not used yet.' },
    VERIFIED: { description: 'Used.' },
    CANCELLED: { description: 'Void: its order was cancelled, or it was refunded.' },
  },
});

const TrackingEventType = builder.objectRef<TrackingEventRow>('TrackingEvent').implement({
  description: 'Something that was said of a shipment.',
  fields: (t) => ({
    status: t.expose('status', { type: TrackingStatusEnum, description: 'What.' }),
    note: t.exposeString('note', { nullable: true, description: 'More of it, for people.' }),
    etaAt: t.expose('etaAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was to arrive, as it looked then.',
    }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When it was said.' }),
  }),
});

const ShipmentItemType = builder.objectRef<ShipmentItemRow>('ShipmentItem').implement({
  description: 'Some units of one variant, in a shipment.',
  fields: (t) => ({
    variant: t.field({
      type: ProductVariantType,
      description: 'What, as it is now.',
      resolve: async ({ variantId }, _args, { services }) => (await services.catalog.findVariant(variantId))!,
    }),
    quantity: t.exposeInt('quantity', { description: 'How many; what was refunded is left out.' }),
  }),
});

/** Something on its way. */
export const ShipmentType = builder.objectRef<ShipmentRow>('Shipment').implement({
  description: 'What one warehouse sends of an order, in one go.',
  fields: (t) => ({
    id: t.id({ description: 'Global id.', resolve: ({ id }) => toGlobalId('Shipment', id) }),
    state: t.expose('state', { type: ShipmentStateEnum, description: 'Where it stands.' }),
    method: t.expose('method', { type: ShipmentMethodEnum, description: 'How it is sent.' }),
    carrier: t.exposeString('carrier', { nullable: true, description: 'Who carries it.' }),
    trackingNumber: t.exposeString('trackingNumber', { nullable: true, description: 'What the carrier calls it.' }),
    etaAt: t.expose('etaAt', { type: 'DateTime', nullable: true, description: 'When it is to arrive.' }),
    etaMinutes: t.int({
      nullable: true,
      description: 'For couriers: minutes until it is there, 0 when it is late. Null for parcels, and when it is over.',
      resolve: (shipment) => minutesUntil(shipment, new Date()),
    }),
    items: t.field({
      type: [ShipmentItemType],
      description: 'What is in it.',
      resolve: ({ id }, _args, { services }) => services.fulfilment.shipments.itemsOf(id),
    }),
    orderNumber: t.string({
      description: 'The number of its order, to be written on it.',
      resolve: async ({ orderId }, _args, { services }) =>
        (await services.fulfilment.shipments.labelOf(orderId))!.number,
    }),
    address: t.field({
      type: OrderAddressType,
      nullable: true,
      description: 'Where it goes.',
      resolve: async ({ orderId }, _args, { services }) =>
        (await services.fulfilment.shipments.labelOf(orderId))!.address,
    }),
    events: t.field({
      type: [TrackingEventType],
      description: 'What was said of it, oldest first.',
      resolve: ({ id }, _args, { services }) => services.fulfilment.shipments.eventsOf(id),
    }),
  }),
});

/** One unit of a service. */
export const VoucherType = builder.objectRef<VoucherRow>('Voucher').implement({
  description: 'One unit of a service: shown by the buyer, verified by whoever provides it.',
  fields: (t) => ({
    id: t.id({ description: 'Global id.', resolve: ({ id }) => toGlobalId('Voucher', id) }),
    state: t.expose('state', { type: VoucherStateEnum, description: 'Where it stands.' }),
    code: t.string({
      nullable: true,
      description: 'What to show; null for everybody but the buyer.',
      resolve: (voucher, _args, { services, actor }) => services.fulfilment.vouchers.codeFor(actor, voucher),
    }),
    verifiedAt: t.expose('verifiedAt', { type: 'DateTime', nullable: true, description: 'When it was used.' }),
  }),
});

builder.objectType(VoucherStateError, {
  name: 'VoucherStateError',
  description: 'The voucher is not in a state that allows it. Nothing was changed.',
  interfaces: [ErrorInterface],
  fields: (t) => ({ state: t.expose('state', { type: VoucherStateEnum, description: 'Where the voucher stands.' }) }),
});

builder.objectFields(OrderType, (t) => ({
  shipments: t.field({
    type: [ShipmentType],
    description: 'What is sent of it, one for each warehouse and way.',
    resolve: ({ id }, _args, { services }) => services.fulfilment.shipments.of(id),
  }),
  vouchers: t.field({
    type: [VoucherType],
    description: 'Its vouchers, one for each unit of a service.',
    resolve: ({ id }, _args, { services }) => services.fulfilment.vouchers.of(id),
  }),
}));

builder.queryField('shipments', (t) =>
  t.connection(
    {
      type: ShipmentType,
      description: 'What a merchant that you act for sends, for others as well, oldest first.',
      authScopes: { signedIn: true },
      args: {
        merchantId: t.arg.id({ required: true, description: 'Global id of the merchant.' }),
        states: t.arg({ type: [ShipmentStateEnum], description: 'Only those in one of these states.' }),
      },
      resolve: async (_root, { merchantId, states, ...page }, context) =>
        keysetConnection(
          page,
          await context.services.fulfilment.shipments.ofSender(
            requireActor(context),
            fromGlobalId('Merchant', merchantId, 'merchant'),
            states ?? SHIPMENT_STATES,
          ),
        ),
    },
    connectionOf('ShipmentConnection', 'shipments'),
    { name: 'ShipmentEdge', description: 'A shipment and its place in the list.' },
  ),
);
