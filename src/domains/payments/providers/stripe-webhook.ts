import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import Stripe from 'stripe';
import { z } from 'zod';
import type { Database } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { InFlight } from '../../../kernel/in-flight.ts';
import { type ChargeOwner, parseChargeKey } from '../payments.api.ts';
import { isHandled, markHandled } from '../payments.repo.ts';
import type { StripeProvider } from './stripe.ts';

/** How far the time of a signature may be from ours, on either side. Stripe signs each attempt anew. */
export const TIME_TOLERANCE_S = 300;
const SOURCE = 'stripe';

/** What is handled; everything else is acknowledged, and Stripe can be told not to send it. */
const FAILED = 'payment_intent.payment_failed';
const CHARGE_EVENTS = ['payment_intent.succeeded', 'payment_intent.canceled', FAILED];
const DISPUTE_EVENTS = ['charge.dispute.created', 'charge.dispute.updated', 'charge.dispute.closed'];

const Envelope = z.object({ id: z.string().min(1).max(255), type: z.string().max(255), created: z.number() });
const Subject = z.object({ data: z.object({ object: z.object({ id: z.string().min(1).max(255) }) }) });
type StripeEvent = { id: string; type: string; subjectId: string };

type Request = { headers: IncomingHttpHeaders; body: Buffer };
type Answer = { status: number; body: unknown };

type Deps = {
  db: Pick<Database, 'pool'>;
  stripe: StripeProvider;
  webhookSecret: string;
  /** By the first half of their keys. */
  owners: ReadonlyMap<string, ChargeOwner>;
  /** What else is heard, by the event's type: gets the id of what the event is about, and bears being told again. */
  others?: ReadonlyMap<string, (subjectId: string) => Promise<void>>;
  log: Logger;
};

/** Thrown when a request is not what Stripe has signed just now. The message is for whoever sent it. */
class BadEventError extends Error {}

/**
 * Takes what Stripe sends to /webhooks/stripe. An event only says where to look: what has happened is read from Stripe, and
 * told to the owner of the charge, who bears being told again, late and in any order. Then the event's id is noted.
 * Answers 400 to what Stripe has not signed just now, 200 when all is done, and 500 when it is to be sent again.
 */
export function createStripeWebhook(deps: Deps): (request: Request) => Promise<Answer> {
  const inFlight = new InFlight<string, void>(() => true);
  return async ({ headers, body }) => {
    let event: StripeEvent | undefined;
    try {
      event = readEvent(body, headers['stripe-signature'], deps);
    } catch (error) {
      if (!(error instanceof BadEventError)) throw error;
      deps.log.warn({ reason: error.message }, 'refused what came as an event of Stripe');
      return { status: 400, body: { errors: [{ message: error.message }] } };
    }
    if (!event) return DONE;
    const { id, type, subjectId } = event;
    try {
      await inFlight.run(id, id, () => handle(deps, { id, type, subjectId }));
      return DONE;
    } catch (error) {
      deps.log.error({ err: error, eventId: id, type }, 'an event of Stripe was not handled; Stripe sends it again');
      return { status: 500, body: { errors: [{ message: 'Not handled yet. Send it again.' }] } };
    }
  };
}

const DONE: Answer = { status: 200, body: { received: true } };

/**
 * Reads what Stripe has signed; undefined when it is of a type that is not handled.
 * @throws {BadEventError}
 */
function readEvent(
  body: Buffer,
  signature: unknown,
  { webhookSecret: secret, others }: Pick<Deps, 'webhookSecret' | 'others'>,
): StripeEvent | undefined {
  if (typeof signature !== 'string') throw new BadEventError('The header stripe-signature is missing.');
  const nowS = Date.now() / 1_000;
  // The package lets signatures from the future pass, and a second "t=" replace the first.
  const times = [...signature.matchAll(/(?:^|,)t=([^,]*)/g)].map((match) => match[1]!);
  const signedAtS = times.length === 1 && /^\d{1,12}$/.test(times[0]!) ? Number(times[0]) : Number.NaN;
  if (!(Math.abs(nowS - signedAtS) <= TIME_TOLERANCE_S)) {
    throw new BadEventError('The signature is of another time: compare the clocks.');
  }
  let payload: unknown;
  try {
    payload = Stripe.webhooks.constructEvent(body, signature, secret, TIME_TOLERANCE_S);
  } catch (error) {
    const isSigned = !(error instanceof Stripe.errors.StripeSignatureVerificationError);
    throw new BadEventError(isSigned ? 'The body is not an event.' : 'The signature does not match the body.');
  }
  const envelope = Envelope.safeParse(payload);
  if (!envelope.success) throw new BadEventError('The body is not an event.');
  const { id, type, created } = envelope.data;
  if (created > nowS + TIME_TOLERANCE_S) throw new BadEventError('The event is from the future: compare the clocks.');
  if (!CHARGE_EVENTS.includes(type) && !DISPUTE_EVENTS.includes(type) && !others?.has(type)) return undefined;
  const subject = Subject.safeParse(payload);
  if (!subject.success) throw new BadEventError('The event is about nothing.');
  return { id, type, subjectId: subject.data.data.object.id };
}

async function handle(deps: Deps, event: StripeEvent): Promise<void> {
  const { pool } = deps.db;
  if (await isHandled(pool, SOURCE, event.id)) return;
  const other = deps.others?.get(event.type);
  if (other) await other(event.subjectId);
  else await (CHARGE_EVENTS.includes(event.type) ? settle(deps, event) : dispute(deps, event));
  await markHandled(pool, { source: SOURCE, id: event.id, type: event.type });
}

async function settle(deps: Deps, { subjectId, type }: StripeEvent): Promise<void> {
  const known = await deps.stripe.findCharge(subjectId);
  if (!known) return; // Of somebody else on the same account.
  // A failure may be followed by another attempt, which ends with an event of its own. The other events are about ends.
  assert(known.ended || type === FAILED, `the charge ${known.key} has ended at Stripe`);
  if (!known.ended) return;
  const { owner, id } = ownerOf(deps, known.key);
  await owner.settle(id, known.ended.charge, known.ended.amount);
}

async function dispute(deps: Deps, { subjectId }: StripeEvent): Promise<void> {
  const found = await deps.stripe.findDispute(subjectId);
  if (!found) return;
  const { owner, id } = ownerOf(deps, found.key);
  await owner.dispute(id, found.dispute);
}

function ownerOf(deps: Deps, key: string): { owner: ChargeOwner; id: bigint } {
  const parsed = parseChargeKey(key);
  const owner = parsed && deps.owners.get(parsed.owner);
  assert(parsed && owner, `somebody owns the charge ${key}`);
  return { owner, id: parsed.id };
}
