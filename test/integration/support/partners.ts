/** Retail partners, as they tell of what they send. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { signWebhook } from '../../../src/domains/fulfilment/partners/webhook-signature.ts';
import { type Actor, signIn } from '../../support/operations.ts';
import type { Server } from '../../support/server.ts';
import { read } from './fulfilment.ts';
import { createMerchant, type LineRows, type MerchantRows, type OrderRows, placeOrder } from './order-rows.ts';

/** An order that a shop has sold and a retail partner sends. */
export type PartnerScene = {
  buyer: Actor;
  /** Acts for the partner. */
  packer: Actor;
  partner: MerchantRows;
  order: OrderRows;
  shipmentId: string;
};

/** Somebody buys from a shop what a new partner keeps. */
export async function placedWithPartner(
  server: Server,
  pool: Pool,
  { secret, line = {} }: { secret?: string; line?: LineRows } = {},
): Promise<PartnerScene> {
  const [buyer, packer] = [await signIn(server), await signIn(server)];
  const seller = await createMerchant(pool);
  const webhookSecret = secret === undefined ? {} : { webhookSecret: secret };
  const partner = await createMerchant(pool, { kind: 'RETAIL_PARTNER', members: [packer], ...webhookSecret });
  const order = await placeOrder(server, pool, { buyer, seller, lines: [{ ...line, from: partner }] });
  return { buyer, packer, partner, order, shipmentId: (await read(buyer, order)).shipments[0]!.id };
}

/** What a webhook is answered. */
export type WebhookAnswer = { status: number; body: { status?: string; errors?: { message: string }[] } };

/** Posts to a partner's webhook, as it is. */
export async function post(
  server: Server,
  handle: string,
  body: string,
  signature: string | undefined,
): Promise<WebhookAnswer> {
  const response = await fetch(new URL(`/webhooks/partners/${handle}`, server.url), {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...(signature !== undefined && { 'hadiya-signature': signature }) },
  });
  return { status: response.status, body: (await response.json()) as WebhookAnswer['body'] };
}

/** Seconds since 1970, as signatures count. */
export function nowS(): number {
  return Math.floor(Date.now() / 1_000);
}

/** Tells of a shipment, well signed. */
export function tell(
  server: Server,
  { partner, shipmentId }: Pick<PartnerScene, 'partner' | 'shipmentId'>,
  secret: string,
  event: Record<string, unknown>,
): Promise<WebhookAnswer> {
  const body = JSON.stringify({ id: randomUUID(), shipmentId, ...event });
  return post(server, partner.handle, body, signWebhook(secret, nowS(), body));
}
