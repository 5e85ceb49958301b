import { builder } from '../../graphql/builder.ts';
import { requireActor } from '../../graphql/context.ts';
import { commonErrors } from '../../graphql/errors.ts';
import { fromGlobalId } from '../../graphql/global-id.ts';
import { rules } from '../../graphql/rules.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { OrderStateError } from '../orders/orders.errors.ts';
import { OrderStateEnum, OrderType } from '../orders/orders.schema.ts';
import { orderFor, ShipmentType, TrackingStatusEnum } from './fulfilment.schema.ts';
import type { ShipmentChange } from './shipments.ts';

/** Characters of what people write about a shipment. */
const CARRIER_LENGTH_MAX = 60;
const TRACKING_NUMBER_LENGTH_MAX = 60;
const NOTE_LENGTH_MAX = 300;

const shipmentId = { required: true, description: 'Global id of a shipment that you send.' } as const;
const etaAt = { type: 'DateTime', description: 'When it is to arrive. Without it, the estimate stays.' } as const;
const idOf = (input: { shipmentId: string }) => fromGlobalId('Shipment', input.shipmentId, 'shipment');

function success<Name extends string>(name: Name, description: string) {
  return builder.objectRef<ShipmentChange>(name).implement({
    description,
    fields: (t) => ({
      shipment: t.expose('shipment', { type: ShipmentType, description: 'The shipment now.' }),
      orderState: t.field({
        type: OrderStateEnum,
        description: 'Where its order stands now.',
        resolve: ({ order }) => order.state,
      }),
      order: t.field({
        type: OrderType,
        nullable: true,
        description: 'Its order now; null when you send what others have sold: they and the buyer see it.',
        resolve: ({ order }, _args, context) => orderFor(order, context),
      }),
      replayed: t.exposeBoolean('replayed', { description: 'True if it was so already: nothing has changed.' }),
    }),
  });
}

const errorsOf = (mutation: string) => ({
  types: [...commonErrors, NotFoundError, OrderStateError],
  union: { description: `What \`${mutation}\` returns.` },
});

// ---- prepareShipment -----------------------------------------------------------------------------------------------------

const PrepareShipmentInput = builder.inputType('PrepareShipmentInput', {
  description: 'The shipment that is being prepared.',
  fields: (t) => ({ shipmentId: t.id(shipmentId) }),
});

builder.mutationField('prepareShipment', (t) =>
  t.field({
    type: success('PrepareShipmentSuccess', 'It is being prepared.'),
    description: 'Says that a shipment is being packed, or that the kitchen has it. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: PrepareShipmentInput, required: true, description: 'The shipment.' }) },
    errors: errorsOf('prepareShipment'),
    resolve: (_root, { input }, context) =>
      context.services.fulfilment.shipments.prepare(requireActor(context), idOf(input)),
  }),
);

// ---- shipShipment --------------------------------------------------------------------------------------------------------

const ShipShipmentInput = builder.inputType('ShipShipmentInput', {
  description: 'The shipment that is on its way, and with whom.',
  validate: rules.input({
    carrier: rules.text(CARRIER_LENGTH_MAX),
    trackingNumber: rules.text(TRACKING_NUMBER_LENGTH_MAX),
  }),
  fields: (t) => ({
    shipmentId: t.id(shipmentId),
    carrier: t.string({
      required: true,
      description: `Who carries it, 1 to ${CARRIER_LENGTH_MAX} characters: "Aramex", or the courier’s name.`,
    }),
    trackingNumber: t.string({
      required: true,
      description: `What the carrier calls it, 1 to ${TRACKING_NUMBER_LENGTH_MAX} characters.`,
    }),
    etaAt: t.field(etaAt),
  }),
});

builder.mutationField('shipShipment', (t) =>
  t.field({
    type: success('ShipShipmentSuccess', 'It is on its way.'),
    description: 'Says that a shipment is on its way. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: ShipShipmentInput, required: true, description: 'The shipment.' }) },
    errors: errorsOf('shipShipment'),
    resolve: (_root, { input }, context) =>
      context.services.fulfilment.shipments.ship(requireActor(context), idOf(input), {
        carrier: input.carrier.trim(),
        trackingNumber: input.trackingNumber.trim(),
        etaAt: input.etaAt ?? undefined,
      }),
  }),
);

// ---- addTrackingEvent ----------------------------------------------------------------------------------------------------

const AddTrackingEventInput = builder.inputType('AddTrackingEventInput', {
  description: 'Where a shipment is.',
  validate: rules.input({ note: rules.text(NOTE_LENGTH_MAX).nullish() }),
  fields: (t) => ({
    shipmentId: t.id(shipmentId),
    status: t.field({
      type: TrackingStatusEnum,
      required: true,
      description: 'What is new; never behind what was said.',
    }),
    note: t.string({ description: `More of it, for people, 1 to ${NOTE_LENGTH_MAX} characters.` }),
    etaAt: t.field(etaAt),
  }),
});

builder.mutationField('addTrackingEvent', (t) =>
  t.field({
    type: success('AddTrackingEventSuccess', 'It is said.'),
    description: 'Says where a shipment is. What was said last, said again, changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: AddTrackingEventInput, required: true, description: 'What is new.' }) },
    errors: errorsOf('addTrackingEvent'),
    resolve: (_root, { input }, context) =>
      context.services.fulfilment.shipments.track(requireActor(context), idOf(input), {
        status: input.status,
        note: input.note?.trim(),
        etaAt: input.etaAt ?? undefined,
      }),
  }),
);

// ---- deliverShipment -----------------------------------------------------------------------------------------------------

const DeliverShipmentInput = builder.inputType('DeliverShipmentInput', {
  description: 'The shipment that has arrived.',
  fields: (t) => ({ shipmentId: t.id(shipmentId) }),
});

builder.mutationField('deliverShipment', (t) =>
  t.field({
    type: success('DeliverShipmentSuccess', 'It has arrived.'),
    description: 'Says that a shipment has arrived. Doing so again changes nothing.',
    authScopes: { signedIn: true },
    args: { input: t.arg({ type: DeliverShipmentInput, required: true, description: 'The shipment.' }) },
    errors: errorsOf('deliverShipment'),
    resolve: (_root, { input }, context) =>
      context.services.fulfilment.shipments.deliver(requireActor(context), idOf(input)),
  }),
);
