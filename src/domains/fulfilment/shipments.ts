import type { Database } from '../../db/database.ts';
import type { Keyset } from '../../db/keyset.ts';
import { createLists, createLookUp } from '../../db/look-up.ts';
import { InvalidInputError, NotFoundError } from '../../kernel/errors.ts';
import type { Actor } from '../accounts/accounts.api.ts';
import { isMember, lockOrders, type OrderNews, type OrderRow } from '../orders/orders.api.ts';
import { firstStepOf, rankOf, type ShipmentState, type TrackingStatus } from './fulfilment.state.ts';
import {
  countOfSender,
  findItems,
  findLabels,
  findShipment,
  findShipmentsOfOrders,
  findTrackingEvents,
  type ParcelLabel,
  readPageOfSender,
  type ShipmentItemRow,
  type ShipmentRow,
  type Step,
  type TrackedShipment,
  type TrackingEventRow,
} from './shipments.repo.ts';
import { takeStep } from './steps.ts';

/** An estimate beyond this is a mistake. */
const ETA_DAYS_MAX = 366;
const DAY_MS = 86_400_000;

/** What a shipment's sender gets back. */
export type ShipmentChange = { shipment: ShipmentRow; order: OrderRow; replayed: boolean };

/** How something is on its way. */
export type Sending = Pick<Step, 'carrier' | 'trackingNumber' | 'etaAt'>;

/** Shipments, as their senders move them. Asking for what is so already changes nothing. */
export class Shipments {
  /** The shipments of an order. Here and below: those of several that are asked for at once are one statement. */
  readonly of: (orderId: bigint) => Promise<ShipmentRow[]>;
  /** What was said of a shipment, oldest first. */
  readonly eventsOf: (shipmentId: bigint) => Promise<TrackingEventRow[]>;
  /** What is in a shipment. */
  readonly itemsOf: (shipmentId: bigint) => Promise<ShipmentItemRow[]>;
  /** What is written on the parcels of an order. */
  readonly labelOf: (orderId: bigint) => Promise<ParcelLabel | null>;

  constructor(private readonly deps: { db: Database; news: OrderNews }) {
    const { pool } = deps.db;
    this.of = createLists(
      (ids) => findShipmentsOfOrders(pool, ids),
      ({ orderId }) => orderId,
    );
    this.eventsOf = createLists(
      (ids) => findTrackingEvents(pool, ids),
      ({ shipmentId }) => shipmentId,
    );
    this.itemsOf = createLists(
      (ids) => findItems(pool, ids),
      ({ shipmentId }) => shipmentId,
    );
    this.labelOf = createLookUp(
      (ids) => findLabels(pool, ids),
      ({ orderId }) => orderId,
    );
  }

  /**
   * What a merchant sends, for those who act for it.
   * @throws {NotFoundError} when the caller does not
   */
  async ofSender(actor: Actor, merchantId: bigint, states: readonly ShipmentState[]) {
    const { pool } = this.deps.db;
    if (!(await isMember(pool, merchantId, actor.id))) throw new NotFoundError('merchant');
    const of = { merchantId, states };
    return {
      page: (keyset: Keyset) => readPageOfSender(pool, of, keyset),
      count: () => countOfSender(pool, of),
    };
  }

  /**
   * Says that a shipment is being prepared.
   * @throws {NotFoundError} when the caller does not act for whoever sends it
   * @throws {OrderStateError} when it has gone further, or its order is not being fulfilled
   */
  prepare(actor: Actor, shipmentId: bigint): Promise<ShipmentChange> {
    return this.#change(actor, shipmentId, toState('PREPARING'));
  }

  /** Says that a shipment is on its way. Throws as {@link prepare}. */
  ship(actor: Actor, shipmentId: bigint, sending: Sending): Promise<ShipmentChange> {
    checkEta(sending.etaAt);
    return this.#change(actor, shipmentId, toState('SHIPPED', sending));
  }

  /** Says that a shipment has arrived. Throws as {@link prepare}. */
  deliver(actor: Actor, shipmentId: bigint): Promise<ShipmentChange> {
    return this.#change(actor, shipmentId, toState('DELIVERED'));
  }

  /**
   * Says where a shipment is; a status further on moves it. Throws as {@link prepare}.
   * @throws {InvalidInputError} when shipments of its method have no such status
   */
  track(actor: Actor, shipmentId: bigint, step: Step & { status: TrackingStatus }): Promise<ShipmentChange> {
    checkEta(step.etaAt);
    return this.#change(actor, shipmentId, ({ method, last }) => {
      if (rankOf(method, step.status) === undefined) {
        throw new InvalidInputError([{ path: 'input.status', message: `A ${method} is never ${step.status}.` }]);
      }
      const isSaid =
        last?.status === step.status &&
        last.note === (step.note ?? null) &&
        last.etaAt?.getTime() === step.etaAt?.getTime();
      return isSaid ? undefined : step;
    });
  }

  /** @param decide the step to take; undefined when the shipment is there already */
  async #change(
    actor: Actor,
    shipmentId: bigint,
    decide: (shipment: TrackedShipment) => Step | undefined,
  ): Promise<ShipmentChange> {
    const { db, news } = this.deps;
    const change = await db.inTransaction(async (sql): Promise<ShipmentChange> => {
      const found = await findShipment(sql, shipmentId);
      if (!found || !(await isMember(sql, found.merchantId, actor.id))) throw new NotFoundError('shipment');
      const [order] = await lockOrders(sql, [found.orderId]);
      const shipment = (await findShipment(sql, shipmentId))!;
      const step = decide(shipment);
      if (!step) return { shipment, order: order!, replayed: true };
      const moved = await takeStep(sql, { order: order!, shipment, step });
      return { shipment: (await findShipment(sql, shipmentId))!, order: moved, replayed: false };
    });
    if (!change.replayed) news.announce([change.order]);
    return change;
  }
}

function toState(state: ShipmentState, sending: Sending = {}): (shipment: TrackedShipment) => Step | undefined {
  return (shipment) =>
    shipment.state === state ? undefined : { status: firstStepOf(shipment.method, state), ...sending };
}

function checkEta(etaAt: Date | undefined): void {
  if (etaAt === undefined) return;
  const daysAhead = (etaAt.getTime() - Date.now()) / DAY_MS;
  if (daysAhead >= 0 && daysAhead <= ETA_DAYS_MAX) return;
  throw new InvalidInputError([{ path: 'input.etaAt', message: `Must be within the next ${ETA_DAYS_MAX} days.` }]);
}
