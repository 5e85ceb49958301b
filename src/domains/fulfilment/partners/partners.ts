import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { Database } from '../../../db/database.ts';
import { NotFoundError } from '../../../kernel/errors.ts';
import { every, FAILED, type Periodic } from '../../../kernel/every.ts';
import type { Actor } from '../../accounts/accounts.api.ts';
import { isMember, lockOrders, type OrderNews, type OrderRow, touchOrders } from '../../orders/orders.api.ts';
import { findShipment } from '../shipments.repo.ts';
import { isFulfilled, takeStep } from '../steps.ts';
import type { FulfilmentPartner } from './partner.ts';
import { findOpenShipments, type OpenShipment, setPartner, setWebhookSecret } from './partners.repo.ts';

/** How often partners are asked what is new. */
export const PARTNER_SWEEP_INTERVAL_MS = 2_000;
const SHIPMENTS_PER_SWEEP_MAX = 100;
const SECRET_BYTES = 32;

type Deps = { db: Database; news: OrderNews; log: Logger; partner: FulfilmentPartner | undefined };

/**
 * Retail partners who send what others have sold. Shipments are handed to them and moved as they say, each step once: whoever
 * takes one locks the order first, and looks whether the shipment still is where it was seen.
 */
export class Partners {
  #sweep: Periodic | undefined;

  constructor(
    private readonly deps: Deps,
    private readonly sweepIntervalMs = PARTNER_SWEEP_INTERVAL_MS,
  ) {}

  /** Starts asking the partner, if there is one to ask. */
  start(): void {
    if (this.deps.partner)
      this.#sweep = every(
        this.sweepIntervalMs,
        () => this.sweep(),
        this.deps.db.instruments.meters.sweeps.of('partners'),
      );
  }

  async close(): Promise<void> {
    await this.#sweep?.stop();
  }

  /** Hands over what is new, and takes the next step of what is due. A shipment that fails does not hold the others up. */
  async sweep(): Promise<unknown> {
    const { db, log, partner } = this.deps;
    if (!partner) return;
    try {
      for (const shipment of await findOpenShipments(db.pool, SHIPMENTS_PER_SWEEP_MAX)) {
        await this.#move(partner, shipment).catch((error: unknown) => {
          log.warn(
            { err: error, shipmentId: String(shipment.id) },
            'a shipment was not moved; the next sweep tries again',
          );
        });
      }
    } catch (error) {
      log.warn({ err: error }, 'asking partners failed; the next sweep tries again');
      return FAILED;
    }
  }

  /**
   * Gives a merchant a new secret to sign its webhooks with; the old one is void at once. From then on the merchant tells by itself.
   * @returns the secret, which cannot be read again
   * @throws {NotFoundError} when the caller does not act for the merchant
   */
  async rotateSecret(actor: Actor, merchantId: bigint): Promise<string> {
    const { pool } = this.deps.db;
    if (!(await isMember(pool, merchantId, actor.id))) throw new NotFoundError('merchant');
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    await setWebhookSecret(pool, merchantId, secret);
    return secret;
  }

  async #move(partner: FulfilmentPartner, seen: OpenShipment): Promise<void> {
    const { id: shipmentId, method, partnerId } = seen;
    const order =
      partnerId === null
        ? await this.#handOver(seen, await partner.createShipment({ shipmentId, method }))
        : await this.#step(partner, seen, partnerId);
    if (order) this.deps.news.announce([order]);
  }

  #handOver(seen: OpenShipment, accepted: { partnerId: string; etaAt: Date }): Promise<OrderRow | undefined> {
    return this.deps.db.inTransaction(async (sql) => {
      await lockOrders(sql, [seen.orderId]);
      if (!(await setPartner(sql, seen.id, accepted))) return undefined;
      return (await touchOrders(sql, [seen.orderId]))[0];
    });
  }

  async #step(partner: FulfilmentPartner, seen: OpenShipment, partnerId: string): Promise<OrderRow | undefined> {
    const { id: shipmentId, method, status, sinceMs } = seen;
    const step = await partner.nextStep({ shipmentId, method, partnerId, status, sinceMs });
    if (!step) return undefined;
    return this.deps.db.inTransaction(async (sql) => {
      const [order] = await lockOrders(sql, [seen.orderId]);
      const shipment = (await findShipment(sql, shipmentId))!;
      const isAsSeen = (shipment.last?.status ?? null) === status && shipment.state !== 'CANCELLED';
      return isAsSeen && isFulfilled(order!) ? takeStep(sql, { order: order!, shipment, step }) : undefined;
    });
  }
}
