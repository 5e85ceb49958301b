import { checkTransitions } from '../orders/orders.api.ts';
import type { FulfilmentState } from './fulfilment.api.ts';

/** The states of a shipment. */
export const SHIPMENT_STATES = ['PENDING', 'PREPARING', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const;

/** One of {@link SHIPMENT_STATES}. */
export type ShipmentState = (typeof SHIPMENT_STATES)[number];

/** The ways that something is sent. */
export type ShipmentMethod = 'PARCEL' | 'COURIER';

/** Which state may follow which. States may be left out: of what partners report, something is always missing. */
export const SHIPMENT_TRANSITIONS: Readonly<Record<ShipmentState, readonly ShipmentState[]>> = {
  PENDING: ['PREPARING', 'SHIPPED', 'DELIVERED', 'CANCELLED'],
  PREPARING: ['SHIPPED', 'DELIVERED', 'CANCELLED'],
  // What is on its way comes back as a refund, and is not cancelled.
  SHIPPED: ['DELIVERED'],
  DELIVERED: [],
  CANCELLED: [],
};
checkTransitions(SHIPMENT_TRANSITIONS, { start: 'PENDING', ends: ['DELIVERED', 'CANCELLED'] });

/** What is said of a shipment on its way. */
export const TRACKING_STATUSES = [
  'PREPARING',
  'SHIPPED',
  'IN_TRANSIT',
  'OUT_FOR_DELIVERY',
  'ACCEPTED',
  'COOKING',
  'PICKED_UP',
  'NEARBY',
  'DELIVERED',
] as const;

/** One of {@link TRACKING_STATUSES}. */
export type TrackingStatus = (typeof TRACKING_STATUSES)[number];

/** The steps of a shipment in their order, each with the state that it brings. */
export const STEPS: Readonly<Record<ShipmentMethod, readonly { status: TrackingStatus; state: ShipmentState }[]>> = {
  PARCEL: [
    { status: 'PREPARING', state: 'PREPARING' },
    { status: 'SHIPPED', state: 'SHIPPED' },
    { status: 'IN_TRANSIT', state: 'SHIPPED' },
    { status: 'OUT_FOR_DELIVERY', state: 'SHIPPED' },
    { status: 'DELIVERED', state: 'DELIVERED' },
  ],
  COURIER: [
    { status: 'ACCEPTED', state: 'PREPARING' },
    { status: 'COOKING', state: 'PREPARING' },
    { status: 'PICKED_UP', state: 'SHIPPED' },
    { status: 'NEARBY', state: 'SHIPPED' },
    { status: 'DELIVERED', state: 'DELIVERED' },
  ],
};

/** How far a step is, from 0; -1 before the first. Undefined for one that a shipment of this method does not take. */
export function rankOf(method: ShipmentMethod, status: TrackingStatus | null): number | undefined {
  if (status === null) return -1;
  const rank = STEPS[method].findIndex((step) => step.status === status);
  return rank < 0 ? undefined : rank;
}

/** The first step of a state. */
export function firstStepOf(method: ShipmentMethod, state: ShipmentState): TrackingStatus {
  return STEPS[method].find((step) => step.state === state)!.status;
}

/** Minutes until a courier is there; null for parcels, and for what has ended. */
export function minutesUntil(
  { method, state, etaAt }: { method: ShipmentMethod; state: ShipmentState; etaAt: Date | null },
  now: Date,
): number | null {
  if (method !== 'COURIER' || !etaAt || SHIPMENT_TRANSITIONS[state].length === 0) return null;
  return Math.max(0, Math.ceil((etaAt.getTime() - now.getTime()) / 60_000));
}

/** The states of an order in which it is fulfilled. */
export const FULFILMENT_STATES: readonly FulfilmentState[] = ['PAID', 'PREPARING', 'SHIPPED', 'DELIVERED'];

/**
 * The state that its parts give an order.
 * @param parts.shipments the states of its shipments; cancelled ones do not count
 * @param parts.undelivered how many of its lines are still to be delivered
 */
export function deriveState(parts: { shipments: readonly ShipmentState[]; undelivered: number }): FulfilmentState {
  if (parts.undelivered === 0) return 'DELIVERED';
  const shipments = parts.shipments.filter((state) => state !== 'CANCELLED');
  if (shipments.length === 0 || shipments.every((state) => state === 'PENDING')) return 'PAID';
  return shipments.every((state) => state === 'SHIPPED' || state === 'DELIVERED') ? 'SHIPPED' : 'PREPARING';
}
