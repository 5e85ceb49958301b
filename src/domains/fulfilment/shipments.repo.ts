import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { type Keyset, keysetStatements, readKeyset } from '../../db/keyset.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { OrderAddress } from '../orders/orders.api.ts';
import type { ShipmentMethod, ShipmentState, TrackingStatus } from './fulfilment.state.ts';

/** A shipment. */
export type ShipmentRow = {
  id: bigint;
  orderId: bigint;
  /** Who sends it: the owner of the warehouse. */
  merchantId: bigint;
  method: ShipmentMethod;
  byPartner: boolean;
  state: ShipmentState;
  carrier: string | null;
  trackingNumber: string | null;
  /** The partner's own id of it. */
  partnerId: string | null;
  etaAt: Date | null;
};

/** Something that was said of a shipment. */
export type TrackingEventRow = {
  id: bigint;
  shipmentId: bigint;
  status: TrackingStatus;
  note: string | null;
  etaAt: Date | null;
  occurredAt: Date;
};

/** What is in a shipment; what was refunded is not. */
export type ShipmentItemRow = { shipmentId: bigint; variantId: bigint; quantity: number };

/** What a sender needs to know of an order. */
export type ParcelLabel = { orderId: bigint; number: string; address: OrderAddress | null };

/** A shipment and what was said of it last. */
export type TrackedShipment = ShipmentRow & { last: Pick<TrackingEventRow, 'status' | 'note' | 'etaAt'> | null };

/** What is new of a shipment. */
export type Step = {
  status: TrackingStatus;
  note?: string | undefined;
  etaAt?: Date | undefined;
  carrier?: string | undefined;
  trackingNumber?: string | undefined;
};

/** Of a shipment `s` and its warehouse `w`. */
const COLUMNS = `s.id, s.order_id AS "orderId", w.merchant_id AS "merchantId", s.method, s.by_partner AS "byPartner", s.state, s.carrier,
  s.tracking_number AS "trackingNumber", s.partner_id AS "partnerId", s.eta_at AS "etaAt"`;
const LAST_EVENT = `LEFT JOIN LATERAL (
  SELECT status, note, eta_at FROM tracking_event WHERE shipment_id = s.id ORDER BY id DESC LIMIT 1) e ON true`;

const SHIPMENTS_BY_ORDER = lookUpStatements(
  'fulfilment.shipmentsByOrder',
  (equals) =>
    `SELECT ${COLUMNS} FROM shipment s JOIN warehouse w ON w.id = s.warehouse_id WHERE s.order_id ${equals} ORDER BY s.id`,
);
const EVENTS_BY_SHIPMENT = lookUpStatements(
  'fulfilment.eventsByShipment',
  (equals) =>
    `SELECT id, shipment_id AS "shipmentId", status, note, eta_at AS "etaAt", occurred_at AS "occurredAt" FROM tracking_event
      WHERE shipment_id ${equals} ORDER BY id`,
);

const ITEMS_BY_SHIPMENT = lookUpStatements(
  'fulfilment.itemsByShipment',
  (equals) =>
    `SELECT s.id AS "shipmentId", l.variant_id AS "variantId", l.quantity - l.refunded_quantity AS quantity
       FROM shipment s JOIN order_line l ON l.order_id = s.order_id AND l.warehouse_id = s.warehouse_id
        AND l.kind = CASE s.method WHEN 'COURIER' THEN 'FOOD' ELSE 'PHYSICAL' END AND l.refunded_quantity < l.quantity
      WHERE s.id ${equals} ORDER BY l.id`,
);
const LABELS_BY_ORDER = lookUpStatements(
  'fulfilment.labels',
  (equals) => `SELECT o.id AS "orderId", o.number, o.address FROM shop_order o WHERE o.id ${equals}`,
);
const PAGE_OF_SENDER = keysetStatements(
  'fulfilment.pageOfSender',
  { id: 's.id', order: 'ASC', values: 2 },
  ({ where, direction, limitMax }) =>
    `SELECT ${COLUMNS} FROM warehouse w CROSS JOIN LATERAL (
        SELECT * FROM shipment s WHERE s.warehouse_id = w.id AND s.state = ANY($3) AND ${where} ORDER BY s.id ${direction} LIMIT ${limitMax}
      ) s WHERE w.merchant_id = $2 ORDER BY s.id ${direction} LIMIT $1`,
);
const COUNT_OF_SENDER = statement(
  'fulfilment.countOfSender',
  `SELECT count(*) AS count FROM shipment s JOIN warehouse w ON w.id = s.warehouse_id WHERE w.merchant_id = $1 AND s.state = ANY($2)`,
);

/** A page of what a merchant sends, oldest first. */
export async function readPageOfSender(
  sql: Queryable,
  of: { merchantId: bigint; states: readonly ShipmentState[] },
  keyset: Keyset,
): Promise<ShipmentRow[]> {
  return readKeyset<ShipmentRow>(sql, PAGE_OF_SENDER, keyset, [of.merchantId, of.states]);
}

/** How many shipments a merchant sends. */
export async function countOfSender(
  sql: Queryable,
  of: { merchantId: bigint; states: readonly ShipmentState[] },
): Promise<number> {
  const [counted] = await rows<{ count: bigint }>(sql, COUNT_OF_SENDER, [of.merchantId, of.states]);
  return Number(counted!.count);
}

/** What is in shipments, in one statement. */
export async function findItems(sql: Queryable, shipmentIds: readonly bigint[]): Promise<ShipmentItemRow[]> {
  return lookUp<ShipmentItemRow>(sql, ITEMS_BY_SHIPMENT, shipmentIds);
}

/** What is written on the parcels of orders, in one statement. */
export async function findLabels(sql: Queryable, orderIds: readonly bigint[]): Promise<ParcelLabel[]> {
  return lookUp<ParcelLabel>(sql, LABELS_BY_ORDER, orderIds);
}

/** The shipments of orders, in one statement. */
export async function findShipmentsOfOrders(sql: Queryable, orderIds: readonly bigint[]): Promise<ShipmentRow[]> {
  return lookUp<ShipmentRow>(sql, SHIPMENTS_BY_ORDER, orderIds);
}

/** What was said of shipments, oldest first, in one statement. */
export async function findTrackingEvents(sql: Queryable, shipmentIds: readonly bigint[]): Promise<TrackingEventRow[]> {
  return lookUp<TrackingEventRow>(sql, EVENTS_BY_SHIPMENT, shipmentIds);
}

/** A shipment and what was said of it last. To be sure that it stays so, lock its order first. */
export async function findShipment(sql: Queryable, id: bigint): Promise<TrackedShipment | undefined> {
  type Flat = ShipmentRow & { lastStatus: TrackingStatus | null; lastNote: string | null; lastEtaAt: Date | null };
  const [found] = await rows<Flat>(
    sql,
    `/* fulfilment.shipment */ SELECT ${COLUMNS}, e.status AS "lastStatus", e.note AS "lastNote", e.eta_at AS "lastEtaAt"
       FROM shipment s JOIN warehouse w ON w.id = s.warehouse_id ${LAST_EVENT} WHERE s.id = $1`,
    [id],
  );
  if (!found) return undefined;
  const { lastStatus, lastNote, lastEtaAt, ...shipment } = found;
  return { ...shipment, last: lastStatus && { status: lastStatus, note: lastNote, etaAt: lastEtaAt } };
}

/** Writes a step of a shipment; the last one delivers its lines. */
export async function writeStep(sql: SqlTransaction, id: bigint, state: ShipmentState, step: Step): Promise<void> {
  await rows(
    sql,
    `/* fulfilment.step */ WITH moved AS (
       UPDATE shipment SET state = $2, carrier = coalesce($3, carrier), tracking_number = coalesce($4, tracking_number),
              eta_at = coalesce($5, eta_at), updated_at = clock_timestamp()
        WHERE id = $1 RETURNING id, order_id, warehouse_id, method, state
     ), said AS (
       INSERT INTO tracking_event (shipment_id, status, note, eta_at) SELECT id, $6, $7, $5 FROM moved
     ) UPDATE order_line l SET delivered_at = clock_timestamp() FROM moved m
        WHERE m.state = 'DELIVERED' AND l.order_id = m.order_id AND l.warehouse_id = m.warehouse_id AND l.delivered_at IS NULL
          AND l.kind = CASE m.method WHEN 'COURIER' THEN 'FOOD' ELSE 'PHYSICAL' END`,
    [id, state, step.carrier ?? null, step.trackingNumber ?? null, step.etaAt ?? null, step.status, step.note ?? null],
  );
}
