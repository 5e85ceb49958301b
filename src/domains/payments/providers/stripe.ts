import type { Logger } from 'pino';
import type Stripe from 'stripe';
import { type Database, readDeployment } from '../../../db/database.ts';
import { assert } from '../../../kernel/assert.ts';
import { InFlight } from '../../../kernel/in-flight.ts';
import type { Money } from '../../../kernel/money.ts';
import type { ProviderDispute } from '../payments.api.ts';
import { decideIntent, findIntent, findKeyOfIntent } from '../payments.repo.ts';
import {
  type Charge,
  type ChargeRequest,
  type PaymentProvider,
  ProviderUnavailableError,
  type RefundRequest,
} from './provider.ts';
import { fromStripeAmount, toStripeAmount } from './stripe-amounts.ts';
import {
  isKeyConflict,
  isStoredFailure,
  isUnexpectedState,
  StripeClient,
  type StripeClientOptions,
  StripeRefusal,
} from './stripe-client.ts';

/** The key's name in the metadata of what we make at Stripe: for people who look there, and to find refunds again. */
export const KEY_METADATA = 'hadiya_key';
/** Refunds of one charge that are looked through for one of ours. */
const REFUNDS_PER_CHARGE_MAX = 100;

type Intent = Stripe.PaymentIntent;
type Reason = 'abandoned' | 'requested_by_customer';

/** Where an intent waits for the buyer or for us, after it was confirmed. */
const STUCK: ReadonlySet<string> = new Set(['requires_payment_method', 'requires_action', 'requires_capture']);

/** A charge of ours, and, when it has ended, how and with which amount. */
export type KnownCharge = { key: string; ended: { charge: Charge; amount: Money } | undefined };

/**
 * Stripe: saved payment methods, charged while the buyer is not there to answer questions. A token is the id of a
 * PaymentMethod ("pm_…"), or of its Customer and it ("cus_…:pm_…"), which Stripe asks for once it belongs to one.
 *
 * A charge is two steps. A PaymentIntent is created, which charges nothing, and written down as the one that the key may
 * charge (`stripe_charge`); only then it is confirmed. Whatever happens in between, an intent that is not written down is
 * never confirmed, and one that is charges once. So nothing rests on idempotency keys, which Stripe forgets after a day; they
 * only keep repeats from leaving intents behind. `cancel` before there is an intent writes down that there will be none.
 */
export class StripeProvider implements PaymentProvider {
  readonly #client: StripeClient;
  readonly #inFlight = new InFlight<ChargeRequest, Charge>(isSame);
  #namespace: Promise<string> | undefined;

  constructor(
    private readonly deps: { db: Database; log: Logger },
    secretKey: string,
    options: StripeClientOptions = {},
  ) {
    this.#client = new StripeClient(secretKey, deps.log, options);
  }

  async charge(request: ChargeRequest): Promise<Charge> {
    const { idempotencyKey } = request;
    return (await this.#inFlight.run(idempotencyKey, request, () => this.#charge(request))).outcome;
  }

  async cancel(request: ChargeRequest): Promise<Charge> {
    const { pool } = this.deps.db;
    const intentId = await decideIntent(pool, request.idempotencyKey, undefined);
    return intentId ? this.#end(await this.#cancel(intentId, 'requested_by_customer')) : NEVER;
  }

  async refund({ idempotencyKey, chargeId, amount }: RefundRequest): Promise<void> {
    const stripeAmount = toStripeAmount(amount);
    assert(stripeAmount !== undefined, 'a part of a charge that Stripe can give back');
    // Beyond a day the idempotency key alone would give the money back twice.
    const known = await this.#client.call((stripe) =>
      stripe.refunds.list({ payment_intent: chargeId, limit: REFUNDS_PER_CHARGE_MAX }),
    );
    if (known.data.some((refund) => isDone(refund, idempotencyKey))) return;
    const refund = await this.#client.callOnce(await this.#scoped(idempotencyKey), (stripe, options) =>
      stripe.refunds.create(
        { payment_intent: chargeId, amount: stripeAmount, metadata: { [KEY_METADATA]: idempotencyKey } },
        options,
      ),
    );
    isDone(refund, idempotencyKey);
  }

  /** The charge behind an intent, as Stripe has it now; undefined when it is none of ours. */
  async findCharge(intentId: string): Promise<KnownCharge | undefined> {
    const key = await findKeyOfIntent(this.deps.db.pool, intentId);
    if (key === undefined) return undefined;
    let intent = await this.#read(intentId);
    if (STUCK.has(intent.status)) intent = await this.#cancel(intentId, 'abandoned');
    if (intent.status !== 'succeeded' && intent.status !== 'canceled') return { key, ended: undefined };
    const charged = intent.status === 'succeeded' ? intent.amount_received : intent.amount;
    const amount = fromStripeAmount(charged, intent.currency);
    assert(amount, 'Stripe charged an amount that can be charged');
    return { key, ended: { charge: this.#end(intent), amount } };
  }

  /** A dispute, as Stripe has it now, and the key of what it contests; undefined when that is none of ours. */
  async findDispute(disputeId: string): Promise<{ key: string; dispute: ProviderDispute } | undefined> {
    const dispute = await this.#client.call((stripe) => stripe.disputes.retrieve(disputeId));
    const intentId = idOf(dispute.payment_intent);
    const key = intentId && (await findKeyOfIntent(this.deps.db.pool, intentId));
    if (!key) return undefined;
    const told = { providerId: dispute.id, state: stateOf(dispute.status), reason: dispute.reason };
    return { key, dispute: INQUIRIES.has(dispute.status) ? { ...told, isInquiry: true } : told };
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #charge(request: ChargeRequest): Promise<Charge> {
    const { pool } = this.deps.db;
    const { idempotencyKey: key } = request;
    const known = await findIntent(pool, key);
    if (known) return known.intentId === null ? NEVER : this.#continue(await this.#read(known.intentId), request);
    const created = await this.#create(request);
    const intentId = await decideIntent(pool, key, created?.id);
    if (intentId === undefined) return created ? NEVER : REFUSED;
    const isOurs = created !== undefined && created.id === intentId;
    return isOurs ? this.#confirm(created, request) : this.#continue(await this.#read(intentId), request);
  }

  /** Makes an intent, which charges nothing yet; undefined when Stripe will not have it. */
  async #create({ token, amount, idempotencyKey: key }: ChargeRequest): Promise<Intent | undefined> {
    const method = parseToken(token);
    const stripeAmount = toStripeAmount(amount);
    if (!method) return undefined;
    if (stripeAmount === undefined) {
      this.deps.log.error({ key, currency: amount.currency }, 'Stripe cannot charge this amount');
      return undefined;
    }
    const params: Stripe.PaymentIntentCreateParams = {
      amount: stripeAmount,
      currency: amount.currency.toLowerCase(),
      ...method,
      confirm: false,
      // Nobody is there to be sent to another page.
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
      metadata: { [KEY_METADATA]: key },
    };
    try {
      const isSpent = (error: unknown) => isStoredFailure(error) || isKeyConflict(error);
      return await this.#client.callOnce(
        await this.#scoped(key),
        (stripe, options) => stripe.paymentIntents.create(params, options),
        isSpent,
      );
    } catch (error) {
      if (!(error instanceof StripeRefusal)) throw error;
      this.#note(error, key);
      return undefined;
    }
  }

  /** Brings an intent that was there before to its end. */
  async #continue(intent: Intent, request: ChargeRequest): Promise<Charge> {
    if (intent.status === 'requires_confirmation') return this.#confirm(intent, request);
    return this.#settle(intent, request);
  }

  async #confirm({ id }: Intent, request: ChargeRequest): Promise<Charge> {
    const key = await this.#scoped(`${request.idempotencyKey}:confirm`);
    try {
      const confirmed = await this.#client.callOnce(key, (stripe, options) =>
        stripe.paymentIntents.confirm(id, { off_session: true }, options),
      );
      return await this.#settle(confirmed, request);
    } catch (error) {
      if (!(error instanceof StripeRefusal)) throw error;
      this.#note(error, request.idempotencyKey);
      // Declined, or another call was faster.
      const intent = await this.#read(id);
      if (intent.status === 'requires_confirmation') return this.#end(await this.#cancel(id, 'abandoned'));
      return this.#settle(intent, request);
    }
  }

  /** An intent that waits for the buyer never succeeds here: it is cancelled, so that nothing else can confirm it. */
  async #settle(intent: Intent, request: ChargeRequest): Promise<Charge> {
    const ended = STUCK.has(intent.status) ? await this.#cancel(intent.id, 'abandoned') : intent;
    if (ended.status === 'succeeded') {
      const isAsIs =
        ended.amount_received === toStripeAmount(request.amount) &&
        ended.currency === request.amount.currency.toLowerCase();
      assert(isAsIs, `the charge ${request.idempotencyKey} is of the amount that was asked for`);
    }
    return this.#end(ended);
  }

  /** @throws {ProviderUnavailableError} when it has not ended */
  #end({ id, status, cancellation_reason: reason }: Intent): Charge {
    if (status === 'succeeded') return { status: 'SUCCEEDED', chargeId: id };
    if (status === 'canceled') return { status: reason === 'abandoned' ? 'DECLINED' : 'CANCELLED', chargeId: id };
    throw new ProviderUnavailableError(`the charge is ${status} at Stripe`);
  }

  /** Cancels an intent, unless it has ended already. Returns it as it is then. */
  async #cancel(id: string, reason: Reason): Promise<Intent> {
    try {
      return await this.#client.call((stripe) => stripe.paymentIntents.cancel(id, { cancellation_reason: reason }));
    } catch (error) {
      if (!isUnexpectedState(error)) throw error;
      return this.#read(id);
    }
  }

  #read(id: string): Promise<Intent> {
    return this.#client.call((stripe) => stripe.paymentIntents.retrieve(id));
  }

  /** What is the buyer's is no news; what only an operator or a developer can change is. */
  #note(refusal: StripeRefusal, key: string): void {
    const isBuyers =
      refusal.type === 'card_error' ||
      isUnexpectedState(refusal) ||
      ['payment_method', 'customer'].includes(refusal.param ?? '');
    this.deps.log[isBuyers ? 'debug' : 'error']({ err: refusal, key }, 'Stripe refused a charge');
  }

  /** An idempotency key that no other deployment on the same account has: their purchases are numbered from 1 as well. */
  async #scoped(key: string): Promise<string> {
    this.#namespace ??= readDeployment(this.deps.db.pool);
    try {
      return `${await this.#namespace}:${key}`;
    } catch (error) {
      this.#namespace = undefined;
      throw error;
    }
  }
}

/** There never was a charge, and never will be. */
const NEVER: Charge = { status: 'CANCELLED', chargeId: '' };
const REFUSED: Charge = { status: 'DECLINED', chargeId: '' };

/** What a token stands for; undefined for what cannot be one of Stripe's. */
export function parseToken(token: string): { payment_method: string; customer?: string } | undefined {
  const match = /^(?:(cus_[A-Za-z0-9]+):)?(pm_[A-Za-z0-9_]+)$/.exec(token);
  if (!match) return undefined;
  const [, customer, method] = match;
  return { payment_method: method!, ...(customer === undefined ? {} : { customer }) };
}

/**
 * Whether this is the refund with that key.
 * @throws {Error} when it is, and has failed: somebody has to look why
 */
function isDone(refund: Stripe.Refund, key: string): boolean {
  if (refund.metadata?.[KEY_METADATA] !== key) return false;
  assert(refund.status !== 'failed' && refund.status !== 'canceled', `the refund ${key} has not failed at Stripe`);
  return true;
}

/** Where a bank only asks: no money has moved. */
const INQUIRIES: ReadonlySet<string> = new Set(['warning_needs_response', 'warning_under_review']);

/** An inquiry that was closed, and a dispute that was prevented, cost nothing. */
function stateOf(status: string): ProviderDispute['state'] {
  if (status === 'lost') return 'LOST';
  return ['won', 'warning_closed', 'prevented'].includes(status) ? 'WON' : 'OPEN';
}

function idOf(object: string | { id: string } | null): string | undefined {
  return typeof object === 'string' ? object : object?.id;
}

function isSame(one: ChargeRequest, other: ChargeRequest): boolean {
  return (
    one.token === other.token &&
    one.amount.minorUnits === other.amount.minorUnits &&
    one.amount.currency === other.amount.currency
  );
}
