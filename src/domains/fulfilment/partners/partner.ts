import type { ShipmentMethod, TrackingStatus } from '../fulfilment.state.ts';
import type { Step } from '../shipments.repo.ts';

/** A shipment that a partner carries out. */
export type PartnerShipment = { shipmentId: bigint; method: ShipmentMethod };

/** A shipment that a partner has, and how far it is: what was said of it last, and how long ago. */
export type PartnerProgress = PartnerShipment & { partnerId: string; status: TrackingStatus | null; sinceMs: number };

/**
 * A retail partner that is asked. Those that tell by themselves use the webhook, see `partner-webhook.ts`. All of it may be asked
 * by several servers at once, and again after a crash.
 */
export type FulfilmentPartner = {
  /** Hands a shipment over, once per shipment, however often it is asked. `partnerId` is the partner's own id of it. */
  createShipment: (shipment: PartnerShipment) => Promise<{ partnerId: string; etaAt: Date }>;
  /** What comes after the status; undefined while there is nothing new. */
  nextStep: (progress: PartnerProgress) => Promise<Step | undefined>;
};
