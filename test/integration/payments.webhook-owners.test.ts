/** Events reach whoever has had the charge made, as Stripe has it now, until they are handled. */
import { pino } from 'pino';
import { describe, expect } from 'vitest';
import type { Charge, ChargeOwner, ProviderDispute } from '../../src/domains/payments/payments.api.ts';
import { chargeKey, parseChargeKey } from '../../src/domains/payments/payments.api.ts';
import { createStripeWebhook } from '../../src/domains/payments/providers/stripe-webhook.ts';
import type { Money } from '../../src/kernel/money.ts';
import { pm, STRIPE_SECRETS, type StripeStub, signatureOf, stripeEvent } from '../support/stripe-stub.ts';
import { test as base, chargeOf } from './support/stripe.ts';

/** An owner that notes what it hears, and that fails as often as it is told to. */
class Listener implements ChargeOwner {
  readonly heard: [bigint, Charge, Money][] = [];
  readonly disputes: [bigint, ProviderDispute][] = [];
  failures = 0;

  async settle(id: bigint, charge: Charge, amount: Money): Promise<void> {
    this.#fail();
    this.heard.push([id, charge, amount]);
  }

  async dispute(id: bigint, dispute: ProviderDispute): Promise<void> {
    this.#fail();
    this.disputes.push([id, dispute]);
  }

  #fail(): void {
    if (this.failures-- > 0) throw new Error('the owner failed');
  }
}

/** `checkout`: the owner of "checkout:…"; `send`: hands an event to the webhook and returns the status. */
const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('checkout', ({}) => new Listener())
  .extend('send', ({ db, stripe, checkout }) => {
    const webhook = createStripeWebhook({
      db: { pool: db.pool },
      stripe,
      webhookSecret: STRIPE_SECRETS.webhookSecret,
      owners: new Map([['checkout', checkout]]),
      log: pino({ level: 'silent' }),
    });
    return async (event: object) => {
      const body = JSON.stringify(event);
      return (await webhook({ headers: { 'stripe-signature': signatureOf(body) }, body: Buffer.from(body) })).status;
    };
  });

const USD = { minorUnits: 100n, currency: 'USD' };

function disputeOf(stub: StripeStub, status: string): object {
  const dispute = { id: 'du_1', object: 'dispute' as const, payment_intent: 'pi_1', status, reason: 'fraudulent' };
  stub.books.disputes.set(dispute.id, dispute);
  return dispute;
}

describe('the end of a charge', () => {
  test.for([
    [pm.ok, 'payment_intent.succeeded', 'SUCCEEDED'],
    [pm.declined, 'payment_intent.payment_failed', 'DECLINED'],
  ] as const)('%s: reaches its owner', async ([token, type, status], { stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('checkout:17', token));
    expect(await send(stripeEvent(type, stub.books.intent('pi_1')))).toBe(200);
    expect(checkout.heard).toEqual([[17n, { status, chargeId: 'pi_1' }, USD]]);
  });

  test('that was cancelled here', async ({ stub, stripe, checkout, send }) => {
    await expect(stripe.charge(chargeOf('checkout:17', pm.processing))).rejects.toThrow();
    stub.books.intent('pi_1').status = 'requires_action';
    await stripe.cancel(chargeOf('checkout:17', pm.processing));
    expect(await send(stripeEvent('payment_intent.canceled', stub.books.intent('pi_1')))).toBe(200);
    expect(checkout.heard).toEqual([[17n, { status: 'CANCELLED', chargeId: 'pi_1' }, USD]]);
  });

  test('comes again while the owner fails, and not once it has not', async ({ stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('checkout:17'));
    checkout.failures = 2;
    const event = stripeEvent('payment_intent.succeeded', stub.books.intent('pi_1'));
    expect([await send(event), await send(event), await send(event), await send(event)]).toEqual([500, 500, 200, 200]);
    expect(checkout.heard).toHaveLength(1);
  });

  test('of an owner that nobody knows comes again: it is not lost', async ({ stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('subscription:17'));
    expect(await send(stripeEvent('payment_intent.succeeded', stub.books.intent('pi_1')))).toBe(500);
    expect(checkout.heard).toEqual([]);
  });
});

describe('a dispute', () => {
  test.for([
    ['charge.dispute.created', 'needs_response', 'OPEN'],
    ['charge.dispute.updated', 'under_review', 'OPEN'],
    ['charge.dispute.closed', 'won', 'WON'],
    ['charge.dispute.closed', 'warning_closed', 'WON'],
    ['charge.dispute.closed', 'lost', 'LOST'],
  ] as const)('%s, %s', async ([type, status, state], { stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('checkout:17'));
    expect(await send(stripeEvent(type, disputeOf(stub, status)))).toBe(200);
    expect(checkout.disputes).toEqual([[17n, { providerId: 'du_1', state, reason: 'fraudulent' }]]);
  });

  test('that is an inquiry is told as one', async ({ stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('checkout:17'));
    expect(await send(stripeEvent('charge.dispute.created', disputeOf(stub, 'warning_needs_response')))).toBe(200);
    const told = { providerId: 'du_1', state: 'OPEN', reason: 'fraudulent', isInquiry: true };
    expect(checkout.disputes).toEqual([[17n, told]]);
  });

  test('is told as it is now, however late the event', async ({ stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('checkout:17'));
    const created = disputeOf(stub, 'needs_response');
    disputeOf(stub, 'lost');
    expect(await send(stripeEvent('charge.dispute.created', created))).toBe(200);
    expect(checkout.disputes).toMatchObject([[17n, { state: 'LOST' }]]);
  });

  test('comes again while the owner fails, or Stripe does not know it', async ({ stub, stripe, checkout, send }) => {
    await stripe.charge(chargeOf('checkout:17'));
    const event = stripeEvent('charge.dispute.created', { id: 'du_1' });
    expect(await send(event)).toBe(500);
    disputeOf(stub, 'needs_response');
    checkout.failures = 1;
    expect([await send(event), await send(event), await send(event)]).toEqual([500, 200, 200]);
    expect(checkout.disputes).toHaveLength(1);
  });

  test('of somebody else on the same account is acknowledged', async ({ stub, checkout, send }) => {
    expect(await send(stripeEvent('charge.dispute.created', disputeOf(stub, 'needs_response')))).toBe(200);
    expect(checkout.disputes).toEqual([]);
  });
});

test('keys are put together and taken apart; others are none', () => {
  expect(parseChargeKey(chargeKey('coin_purchase', 9_007_199_254_740_993n))).toEqual({
    owner: 'coin_purchase',
    id: 9_007_199_254_740_993n,
  });
  for (const key of ['', 'checkout', 'checkout:', ':1', 'checkout:-1', 'checkout:1:2', 'checkout:1e3']) {
    expect(parseChargeKey(key), key).toBeUndefined();
  }
});
