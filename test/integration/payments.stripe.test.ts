/** The adapter of Stripe, through its package and over HTTP: what is charged, what never is, and what is said when nobody knows. */
import { describe, expect } from 'vitest';
import { ProviderUnavailableError } from '../../src/domains/payments/payments.api.ts';
import { KEY_METADATA } from '../../src/domains/payments/providers/stripe.ts';
import { pm, type StripeStub } from '../support/stripe-stub.ts';
import { atOnce } from './support/outcomes.ts';
import { adapterOn, chargeOf, test } from './support/stripe.ts';

const CREATE = /^POST \/v1\/payment_intents$/;
const CONFIRM = /^POST .*\/confirm$/;
const CANCEL = /^POST .*\/cancel$/;
const REFUND = /^POST \/v1\/refunds$/;

/** What Stripe has taken, in all. */
function taken(stub: StripeStub): number {
  return [...stub.books.intents.values()].reduce((sum, intent) => sum + intent.amount_received, 0);
}

describe('a charge', () => {
  test('is made in two steps, named by its key, and made once', async ({ stub, stripe, other }) => {
    const charge = await stripe.charge(chargeOf('a:1'));
    expect(charge).toEqual({ status: 'SUCCEEDED', chargeId: 'pi_1' });
    expect(await stripe.charge(chargeOf('a:1'))).toEqual(charge);
    expect(await other.charge(chargeOf('a:1'))).toEqual(charge);
    expect(stub.books.intent('pi_1')).toMatchObject({
      amount: 100,
      amount_received: 100,
      currency: 'usd',
      metadata: { [KEY_METADATA]: 'a:1' },
    });
    expect([stub.count(CREATE), stub.count(CONFIRM)]).toEqual([1, 1]);
    const keys = stub.requests.filter(({ method }) => method === 'POST').map(({ key }) => key);
    expect(keys).toEqual([expect.stringMatching(/^\w+:a:1$/), expect.stringMatching(/^\w+:a:1:confirm$/)]);
  });

  test.for([
    [pm.declined, 'a card that is declined'],
    [pm.authenticate, 'a bank that asks for the buyer'],
    [pm.action, 'a bank that asks for the buyer, said otherwise'],
    [pm.missing, 'a payment method that is gone'],
    [pm.owned, "a customer's payment method without the customer"],
    ['tok_ok', 'what is no token of Stripe'],
    [`cus_1:`, 'half a token'],
    [`cus_1:${pm.ok}/cancel`, 'a token with more in it'],
  ])('%s: declined, for good (%s)', async ([token], { stub, stripe, other }) => {
    expect((await stripe.charge(chargeOf('a:1', token))).status).toBe('DECLINED');
    expect(['DECLINED', 'CANCELLED']).toContain((await other.charge(chargeOf('a:1', token))).status);
    expect((await stripe.cancel(chargeOf('a:1', token))).status).not.toBe('SUCCEEDED');
    expect(stub.statuses().filter((status) => status !== 'canceled')).toEqual([]);
    expect(taken(stub)).toBe(0);
  });

  test("a customer's payment method comes with the customer", async ({ stub, stripe }) => {
    expect((await stripe.charge(chargeOf('a:1', `cus_1:${pm.owned}`))).status).toBe('SUCCEEDED');
    expect(stub.books.intent('pi_1')).toMatchObject({ customer: 'cus_1', payment_method: pm.owned });
  });

  test('50 at once on two servers are one charge', async ({ stub, stripe, other }) => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? stripe : other).charge(chargeOf('a:1'))),
    );
    // The two servers may get into each other's way; who asks again is told.
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') expect(outcome.value).toEqual({ status: 'SUCCEEDED', chargeId: 'pi_1' });
      else expect(outcome.reason).toBeInstanceOf(ProviderUnavailableError);
    }
    expect((await stripe.charge(chargeOf('a:1'))).status).toBe('SUCCEEDED');
    expect(stub.statuses()).toEqual(['succeeded']);
  });
});

describe('the end of a charge', () => {
  test('money that is still on its way is not known, until it has come', async ({ stub, stripe }) => {
    await expect(stripe.charge(chargeOf('a:1', pm.processing))).rejects.toThrow(ProviderUnavailableError);
    await expect(stripe.cancel(chargeOf('a:1', pm.processing))).rejects.toThrow(ProviderUnavailableError);
    stub.books.succeed('pi_1');
    expect((await stripe.charge(chargeOf('a:1', pm.processing))).status).toBe('SUCCEEDED');
    expect((await stripe.cancel(chargeOf('a:1', pm.processing))).status).toBe('SUCCEEDED');
  });

  test('another amount than was asked for is never taken for success', async ({ stub, stripe }) => {
    await expect(stripe.charge(chargeOf('a:1', pm.processing))).rejects.toThrow(ProviderUnavailableError);
    stub.books.succeed('pi_1');
    stub.books.intent('pi_1').amount_received = 1;
    await expect(stripe.charge(chargeOf('a:1', pm.processing))).rejects.toThrow(/amount that was asked for/);
  });

  test('two deployments on one account do not take their purchases for each other', async ({ db, stub, stripe }) => {
    await stripe.charge(chargeOf('a:1'));
    await db.pool.query('TRUNCATE stripe_charge');
    await db.pool.query('UPDATE _prisma_migrations SET id = md5(id)'); // None of them is what it was.
    const fresh = adapterOn(db.url, stub);
    expect(await fresh.provider.charge(chargeOf('a:1'))).toEqual({ status: 'SUCCEEDED', chargeId: 'pi_2' });
    await fresh.close();
  });

  test('amounts are in the unit of Stripe; what it cannot charge is refused and said', async ({
    stub,
    stripe,
    lines,
  }) => {
    const isk = { idempotencyKey: 'a:1', token: pm.ok, amount: { minorUnits: 500n, currency: 'ISK' } };
    expect((await stripe.charge(isk)).status).toBe('SUCCEEDED');
    expect(stub.books.intent('pi_1')).toMatchObject({ amount: 50_000, currency: 'isk' });
    expect((await stripe.findCharge('pi_1'))?.ended?.amount).toEqual({ minorUnits: 500n, currency: 'ISK' });
    const fils = { idempotencyKey: 'a:2', token: pm.ok, amount: { minorUnits: 5_124n, currency: 'KWD' } };
    expect((await stripe.charge(fils)).status).toBe('DECLINED');
    expect(lines.join()).toContain('Stripe cannot charge this amount');
    const cents = { idempotencyKey: 'a:3', token: pm.ok, amount: { minorUnits: 1n, currency: 'USD' } };
    expect((await stripe.charge(cents)).status).toBe('DECLINED');
    expect(lines.join()).toContain('amount_too_small');
    expect(stub.statuses()).toEqual(['succeeded']);
  });
});

describe('an answer that is lost', () => {
  const steps = [
    ['create', CREATE],
    ['confirm', CONFIRM],
  ] as const;
  const faults = [
    { when: 'before', how: 'break' },
    { when: 'after', how: 'break' },
    { when: 'before', how: 'hang' },
    { when: 'after', how: 'hang' },
    { when: 'before', how: 429 },
    { when: 'before', how: 503 },
  ] as const;
  /** The package tries twice, unless it is told to slow down. */
  const triesAt = (how: unknown) => (how === 429 ? 1 : 2);
  const cases = steps.flatMap(([step, pattern]) => faults.map((fault) => ({ step, pattern, ...fault })));

  test.for(cases)(
    '$step, $how $when: not known, then charged once',
    async ({ pattern, when, how }, { stub, stripe: patient, impatient }) => {
      const stripe = how === 'hang' ? impatient : patient;
      stub.fail(pattern, { when, how, times: triesAt(how) });
      await expect(stripe.charge(chargeOf('a:1'))).rejects.toThrow(ProviderUnavailableError);
      expect(await stripe.charge(chargeOf('a:1'))).toMatchObject({ status: 'SUCCEEDED' });
      expect(stub.statuses().filter((status) => status === 'succeeded')).toEqual(['succeeded']);
    },
  );

  test.for(cases)(
    '$step, $how $when: not known, then cancelled or charged once',
    async (fault, { stub, stripe: patient, impatient }) => {
      const stripe = fault.how === 'hang' ? impatient : patient;
      stub.fail(fault.pattern, { when: fault.when, how: fault.how, times: triesAt(fault.how) });
      await expect(stripe.charge(chargeOf('a:1'))).rejects.toThrow(ProviderUnavailableError);
      const isDone = fault.step === 'confirm' && fault.when === 'after';
      const expected = isDone ? 'SUCCEEDED' : 'CANCELLED';
      expect((await stripe.cancel(chargeOf('a:1'))).status).toBe(expected);
      expect((await stripe.charge(chargeOf('a:1'))).status).toBe(expected);
      expect(taken(stub)).toBe(isDone ? 100 : 0);
    },
  );

  test.for([
    ['create', 'before', CREATE],
    ['create', 'after', CREATE],
    ['confirm', 'before', CONFIRM],
    ['confirm', 'after', CONFIRM],
  ] as const)(
    'a failure that Stripe keeps under the key of %s, %s it is done, does not block the charge',
    async ([, when, pattern], { stub, stripe }) => {
      stub.fail(pattern, { when, how: 500 });
      await expect(stripe.charge(chargeOf('a:1'))).rejects.toThrow(ProviderUnavailableError);
      expect((await stripe.charge(chargeOf('a:1'))).status).toBe('SUCCEEDED');
      expect(taken(stub)).toBe(100);
    },
  );

  test('a day later, when Stripe has forgotten the keys, a charge is not made again', async ({
    stub,
    impatient,
    other,
  }) => {
    stub.fail(CONFIRM, { when: 'after', how: 'hang', times: 2 });
    await expect(impatient.charge(chargeOf('a:1'))).rejects.toThrow(ProviderUnavailableError);
    stub.forgetKeys();
    expect(await other.charge(chargeOf('a:1'))).toEqual({ status: 'SUCCEEDED', chargeId: 'pi_1' });
    expect(stub.statuses()).toEqual(['succeeded']);
  });

  test('a decline whose answer is lost is a decline', async ({ stub, stripe }) => {
    stub.fail(CONFIRM, { when: 'after', how: 'break', times: 2 });
    await expect(stripe.charge(chargeOf('a:1', pm.declined))).rejects.toThrow(ProviderUnavailableError);
    expect((await stripe.charge(chargeOf('a:1', pm.declined))).status).toBe('DECLINED');
    expect(stub.statuses()).toEqual(['canceled']);
  });

  test('with a key that Stripe does not know nothing is known, and the operator hears of it', async ({ db, stub }) => {
    const { provider, lines, close } = adapterOn(db.url, stub, { secretKey: 'sk_test_wrong' });
    await expect(provider.charge(chargeOf('a:1'))).rejects.toThrow(ProviderUnavailableError);
    await close();
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ level: 50, statusCode: 401 }),
    );
    expect(lines.join()).not.toContain('sk_test_wrong');
  });
});

describe('a cancel', () => {
  test('before there is a charge asks nobody, and holds for good', async ({ stub, stripe, other }) => {
    expect((await stripe.cancel(chargeOf('a:1'))).status).toBe('CANCELLED');
    expect(stub.requests).toEqual([]);
    expect((await other.charge(chargeOf('a:1'))).status).toBe('CANCELLED');
    expect((await other.cancel(chargeOf('a:1'))).status).toBe('CANCELLED');
    expect(taken(stub)).toBe(0);
  });

  test('after a charge says that it has happened', async ({ stub, stripe }) => {
    await stripe.charge(chargeOf('a:1'));
    expect(await stripe.cancel(chargeOf('a:1'))).toEqual({ status: 'SUCCEEDED', chargeId: 'pi_1' });
    expect(taken(stub)).toBe(100);
  });

  test('while the intent is being made: it is never confirmed', async ({ stub, stripe, other }) => {
    const held = stub.hold(CREATE);
    const charging = stripe.charge(chargeOf('a:1'));
    await held.reached;
    expect((await other.cancel(chargeOf('a:1'))).status).toBe('CANCELLED');
    held.release();
    expect((await charging).status).toBe('CANCELLED');
    expect(stub.count(CONFIRM)).toBe(0);
  });

  test('while the confirmation is on its way: it comes too late', async ({ stub, stripe, other }) => {
    const held = stub.hold(CONFIRM);
    const charging = stripe.charge(chargeOf('a:1'));
    await held.reached;
    expect((await other.cancel(chargeOf('a:1'))).status).toBe('CANCELLED');
    held.release();
    expect((await charging).status).toBe('CANCELLED');
    expect(stub.statuses()).toEqual(['canceled']);
  });

  test('that is on its way while the charge succeeds: it says so', async ({ stub, stripe, other }) => {
    const confirm = stub.hold(CONFIRM);
    const cancel = stub.hold(CANCEL);
    const charging = stripe.charge(chargeOf('a:1'));
    await confirm.reached;
    const cancelling = other.cancel(chargeOf('a:1'));
    await cancel.reached;
    confirm.release();
    expect((await charging).status).toBe('SUCCEEDED');
    cancel.release();
    expect((await cancelling).status).toBe('SUCCEEDED');
  });

  test('30 races end alike for both sides', async ({ stub, stripe, other }) => {
    const races = await atOnce(30, async (index) => {
      const request = chargeOf(`a:${index}`);
      const [charged, cancelled] = await Promise.all([stripe.charge(request), other.cancel(request)]);
      return { charged: charged.status, cancelled: cancelled.status };
    });
    for (const { charged, cancelled } of races) expect(charged).toBe(cancelled);
    expect(taken(stub)).toBe(races.filter(({ charged }) => charged === 'SUCCEEDED').length * 100);
  });
});

describe('a refund', () => {
  const refundOf = (key: string, minorUnits: bigint, chargeId = 'pi_1') => ({
    idempotencyKey: key,
    chargeKey: 'a:1',
    chargeId,
    amount: { minorUnits, currency: 'USD' },
  });

  test('is made once per key, and in parts', async ({ stub, stripe, other }) => {
    await stripe.charge(chargeOf('a:1'));
    await stripe.refund(refundOf('r:1', 40n));
    await other.refund(refundOf('r:1', 40n));
    await other.refund(refundOf('r:2', 60n));
    expect(stub.books.refunds.map(({ amount }) => amount)).toEqual([60, 40]);
    await expect(stripe.refund(refundOf('r:3', 1n))).rejects.toThrow(/charge_already_refunded/);
  });

  test('whose answer is lost is not made twice, also a day later', async ({ stub, stripe: patient, impatient }) => {
    await patient.charge(chargeOf('a:1'));
    for (const how of ['break', 'hang'] as const) {
      const stripe = how === 'hang' ? impatient : patient;
      stub.fail(REFUND, { when: 'after', how, times: 2 });
      await expect(stripe.refund(refundOf(`r:${how}`, 10n))).rejects.toThrow(ProviderUnavailableError);
      stub.forgetKeys();
      await stripe.refund(refundOf(`r:${how}`, 10n));
    }
    expect(stub.books.refunds.map(({ amount }) => amount)).toEqual([10, 10]);
  });

  test.for(['before', 'after'] as const)(
    'a failure that Stripe keeps %s it is done does not block it',
    async (when, { stub, stripe }) => {
      await stripe.charge(chargeOf('a:1'));
      stub.fail(REFUND, { when, how: 500 });
      await expect(stripe.refund(refundOf('r:1', 10n))).rejects.toThrow(ProviderUnavailableError);
      await stripe.refund(refundOf('r:1', 10n));
      expect(stub.books.refunds.map(({ amount }) => amount)).toEqual([10]);
    },
  );

  test('that has failed at Stripe is not taken for done', async ({ stub, stripe }) => {
    await stripe.charge(chargeOf('a:1'));
    await stripe.refund(refundOf('r:1', 10n));
    stub.books.refunds[0]!.status = 'failed';
    await expect(stripe.refund(refundOf('r:1', 10n))).rejects.toThrow(/has not failed at Stripe/);
  });
});

test('nothing that is logged or thrown names a card, a customer or the secret', async ({ stub, stripe, lines }) => {
  stub.fail(CONFIRM, { when: 'before', how: 503, times: 2 });
  const thrown: string[] = [];
  for (const [index, token] of [pm.ok, pm.declined, pm.missing, pm.owned, `cus_1:${pm.authenticate}`].entries()) {
    await stripe.charge(chargeOf(`a:${index}`, token)).catch((error: Error) => thrown.push(`${error.stack}`));
  }
  expect(thrown).toHaveLength(1);
  expect(lines.length).toBeGreaterThan(0);
  expect([...lines, ...thrown].join()).not.toMatch(/pm_|cus_1|sk_test/);
});

test('closing ends what is under way at once, and nothing is asked afterwards', async ({ stub, stripe }) => {
  const held = stub.hold(CONFIRM);
  const charging = stripe.charge(chargeOf('a:1'));
  await held.reached;
  await Promise.all([stripe.close(), expect(charging).rejects.toThrow(ProviderUnavailableError)]);
  await expect(stripe.charge(chargeOf('a:2'))).rejects.toThrow(ProviderUnavailableError);
  held.release();
  expect(stub.count(CREATE)).toBe(1);
});
