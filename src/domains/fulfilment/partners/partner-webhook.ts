import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Database, SqlTransaction } from '../../../db/database.ts';
import { isStorable } from '../../../kernel/text.ts';
import { lockOrders, type OrderNews, type OrderRow } from '../../orders/orders.api.ts';
import { rankOf, SHIPMENT_TRANSITIONS, TRACKING_STATUSES } from '../fulfilment.state.ts';
import { findShipment, type TrackedShipment } from '../shipments.repo.ts';
import { isFulfilled, takeStep } from '../steps.ts';
import { findWebhookSender, noteWebhookEvent } from './partners.repo.ts';
import { isSigned, SIGNATURE_HEADER } from './webhook-signature.ts';

const HANDLE_LENGTH_MAX = 30;
/** Signed for nobody: an unknown partner takes as long to refuse as a wrong signature. */
const NOBODYS_SECRET = randomBytes(32).toString('hex');

const text = (lengthMax: number) => z.string().min(1).max(lengthMax).refine(isStorable);
const Event = z.object({
  id: text(100),
  shipmentId: z.string().max(200),
  status: z.enum(TRACKING_STATUSES),
  note: text(300).optional(),
  carrier: text(60).optional(),
  trackingNumber: text(60).optional(),
  etaAt: z.iso
    .datetime({ offset: true })
    .transform((time) => new Date(time))
    .optional(),
});
type Event = z.infer<typeof Event>;

type Request = { headers: IncomingHttpHeaders; body: Buffer; path: string };
type Answer = { status: number; body: unknown };

type Deps = {
  db: Database;
  news: OrderNews;
  /** The row that a shipment's global id names. */
  toShipmentId: (globalId: string) => bigint | undefined;
};

/** Ends the transaction with nothing written; the partner gets the answer. */
class Refusal extends Error {
  constructor(readonly answer: Answer) {
    super();
  }
}

/**
 * Takes what retail partners tell of their shipments, at /webhooks/partners/<handle>. An event is noted in the transaction of its
 * effect, so it has one, however often it is sent. Steps may be left out, and come in any order: an older one never moves a
 * shipment back. Answers 401 to whatever is not signed by a partner just now, 400 to what is no event, 404 to shipments of
 * others, 409 while a refund is being decided (send it again later), and 200 to the rest, also where it changes nothing.
 */
export function createPartnerWebhook(deps: Deps): (request: Request) => Promise<Answer> {
  return async ({ headers, body, path }) => {
    const handle = path.slice(path.lastIndexOf('/') + 1);
    const sender = handle.length <= HANDLE_LENGTH_MAX ? await findWebhookSender(deps.db.pool, handle) : undefined;
    const nowS = Date.now() / 1_000;
    const isGenuine = isSigned(headers[SIGNATURE_HEADER], { secret: sender?.secret ?? NOBODYS_SECRET, body, nowS });
    if (!sender || !isGenuine) return refuse(401, 'The signature does not hold.');
    const event = readEvent(body);
    if (!event) return refuse(400, 'The body is no event of a shipment.');
    try {
      const { done, order } = await deps.db.inTransaction((sql) => take(deps, sql, sender.id, event));
      if (order) deps.news.announce([order]);
      return { status: 200, body: { status: done } };
    } catch (error) {
      if (error instanceof Refusal) return error.answer;
      throw error;
    }
  };
}

type Taken = { done: 'APPLIED' | 'IGNORED' | 'DUPLICATE'; order?: OrderRow };

async function take(deps: Deps, sql: SqlTransaction, merchantId: bigint, event: Event): Promise<Taken> {
  const source = `partner:${merchantId}`;
  if (!(await noteWebhookEvent(sql, { source, id: event.id, type: event.status }))) return { done: 'DUPLICATE' };
  const shipmentId = deps.toShipmentId(event.shipmentId);
  const found = shipmentId === undefined ? undefined : await findShipment(sql, shipmentId);
  if (found?.merchantId !== merchantId) throw new Refusal(refuse(404, 'There is no such shipment.'));
  if (rankOf(found.method, event.status) === undefined) {
    throw new Refusal(refuse(400, `A ${found.method} is never ${event.status}.`));
  }
  const [order] = await lockOrders(sql, [found.orderId]);
  if (order!.state === 'REFUND_REQUESTED') throw new Refusal(refuse(409, 'A refund is being decided. Send it again.'));
  const shipment = (await findShipment(sql, found.id))!;
  if (!isFulfilled(order!) || !isNews(shipment, event)) return { done: 'IGNORED' };
  return { done: 'APPLIED', order: await takeStep(sql, { order: order!, shipment, step: event }) };
}

/** Whether an event says something that is neither over nor behind what was said. */
function isNews({ method, state, last }: TrackedShipment, { status }: Event): boolean {
  return SHIPMENT_TRANSITIONS[state].length > 0 && rankOf(method, status)! >= rankOf(method, last?.status ?? null)!;
}

function readEvent(body: Buffer): Event | undefined {
  try {
    return Event.safeParse(JSON.parse(body.toString())).data;
  } catch {
    // Not JSON: no event either.
    return undefined;
  }
}

function refuse(status: number, message: string): Answer {
  return { status, body: { errors: [{ message }] } };
}
