import { rankOf, STEPS } from '../fulfilment.state.ts';
import type { FulfilmentPartner } from './partner.ts';

/** How long each step of the sandbox takes. */
export const SANDBOX_STEP_INTERVAL_MS = 20_000;
const CARRIER = 'Sandbox Express';

/** What tests override. */
export type SandboxPartnerOptions = { stepIntervalMs?: number; now?: () => Date };

/**
 * A partner for development and tests: a shipment goes a step further each interval. It holds nothing: how far a shipment is
 * stands in Postgres, so that any server goes on where another has stopped.
 */
export function createSandboxPartner(options: SandboxPartnerOptions = {}): FulfilmentPartner {
  const { stepIntervalMs = SANDBOX_STEP_INTERVAL_MS, now = () => new Date() } = options;
  const after = (steps: number) => new Date(now().getTime() + steps * stepIntervalMs);
  return {
    createShipment: async ({ shipmentId, method }) => ({
      partnerId: `sandbox:${shipmentId}`,
      etaAt: after(STEPS[method].length),
    }),
    nextStep: async ({ shipmentId, method, status, sinceMs }) => {
      if (sinceMs < stepIntervalMs) return undefined;
      const rank = rankOf(method, status)! + 1;
      const next = STEPS[method][rank];
      if (!next) return undefined;
      const left = STEPS[method].length - 1 - rank;
      return {
        status: next.status,
        ...(next.state === 'SHIPPED' && { carrier: CARRIER, trackingNumber: `SBX-${shipmentId}` }),
        ...(left > 0 && { etaAt: after(left) }),
      };
    },
  };
}
