import { type Queryable, rows, type SqlTransaction } from '../../../db/database.ts';
import type { TrackingStatus } from '../fulfilment.state.ts';
import type { ShipmentRow } from '../shipments.repo.ts';

/** A shipment that the sandbox moves, as it was seen. */
export type OpenShipment = Pick<ShipmentRow, 'id' | 'orderId' | 'method' | 'partnerId'> & {
  status: TrackingStatus | null;
  sinceMs: number;
};

/** Whoever may send webhooks. */
export type WebhookSender = { id: bigint; secret: string };

/** Open shipments of retail partners who do not tell by themselves; those that have stood still for longest first. */
export async function findOpenShipments(sql: Queryable, limit: number): Promise<OpenShipment[]> {
  return rows<OpenShipment>(
    sql,
    `/* fulfilment.openShipments */ SELECT s.id, s.order_id AS "orderId", s.method, s.partner_id AS "partnerId",
            (SELECT e.status FROM tracking_event e WHERE e.shipment_id = s.id ORDER BY e.id DESC LIMIT 1) AS status,
            (extract(epoch FROM clock_timestamp() - s.updated_at) * 1000)::float8 AS "sinceMs"
       FROM shipment s JOIN warehouse w ON w.id = s.warehouse_id JOIN merchant m ON m.id = w.merchant_id
       JOIN shop_order o ON o.id = s.order_id
      WHERE s.by_partner AND s.state NOT IN ('DELIVERED', 'CANCELLED') AND m.kind = 'RETAIL_PARTNER' AND m.webhook_secret IS NULL
        AND o.state IN ('PAID', 'PREPARING', 'SHIPPED')
      ORDER BY s.updated_at, s.id LIMIT $1`,
    [limit],
  );
}

/** Notes that a partner has a shipment; false when it was noted before. */
export async function setPartner(
  sql: SqlTransaction,
  id: bigint,
  { partnerId, etaAt }: { partnerId: string; etaAt: Date },
): Promise<boolean> {
  const noted = await rows(
    sql,
    `/* fulfilment.handedOver */ UPDATE shipment SET partner_id = $2, eta_at = $3
      WHERE id = $1 AND partner_id IS NULL AND state NOT IN ('DELIVERED', 'CANCELLED') RETURNING id`,
    [id, partnerId, etaAt],
  );
  return noted.length > 0;
}

/** Who may send webhooks under a handle; undefined when nobody may. */
export async function findWebhookSender(sql: Queryable, handle: string): Promise<WebhookSender | undefined> {
  const [sender] = await rows<WebhookSender>(
    sql,
    `/* fulfilment.webhookSender */ SELECT id, webhook_secret AS secret FROM merchant
      WHERE handle = $1 AND webhook_secret IS NOT NULL`,
    [handle],
  );
  return sender;
}

/** Gives a merchant another secret to sign its webhooks with. */
export async function setWebhookSecret(sql: Queryable, merchantId: bigint, secret: string): Promise<void> {
  await rows(sql, '/* fulfilment.webhookSecret */ UPDATE merchant SET webhook_secret = $2 WHERE id = $1', [
    merchantId,
    secret,
  ]);
}

/** Notes an event of a webhook, in the transaction of its effect; false when it was noted before. */
export async function noteWebhookEvent(
  sql: SqlTransaction,
  event: { source: string; id: string; type: string },
): Promise<boolean> {
  const noted = await rows(
    sql,
    `/* fulfilment.webhookEvent */ INSERT INTO webhook_event (source, id, type) VALUES ($1, $2, $3)
     ON CONFLICT DO NOTHING RETURNING id`,
    [event.source, event.id, event.type],
  );
  return noted.length > 0;
}
