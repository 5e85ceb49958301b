/** The sandbox keeps the promises of a payment provider: a key ends once, whoever asks, and however many ask at once. */
import { pino } from 'pino';
import { describe, expect } from 'vitest';
import { connectDatabase } from '../../src/db/database.ts';
import type { ChargeRequest } from '../../src/domains/payments/payments.api.ts';
import { ProviderUnavailableError } from '../../src/domains/payments/payments.api.ts';
import { createSandboxProvider } from '../../src/domains/payments/providers/sandbox.ts';
import { test as base } from '../support/fixtures.ts';
import { atOnce } from './support/outcomes.ts';

/** Two providers with connections of their own, as two servers have. */
const test = base
  .extend('database', async ({ db }, { onCleanup }) => {
    const database = connectDatabase(db.url, pino({ level: 'silent' }));
    onCleanup(() => database.close());
    return database;
  })
  .extend('provider', ({ database }) => createSandboxProvider(database))
  .extend('other', async ({ db }, { onCleanup }) => {
    const database = connectDatabase(db.url, pino({ level: 'silent' }));
    onCleanup(() => database.close());
    return createSandboxProvider(database);
  });

const usd = (minorUnits: bigint) => ({ minorUnits, currency: 'USD' });
const of = (key: string, token = 'tok_ok'): ChargeRequest => ({ idempotencyKey: key, token, amount: usd(100n) });
const refundOf = (key: string, amount: bigint, chargeKey = 'a:1') => ({
  idempotencyKey: key,
  chargeKey,
  chargeId: `sandbox:${chargeKey}`,
  amount: usd(amount),
});

describe('charges', () => {
  test('the token decides, once: the same key says the same whatever it is sent with', async ({ provider }) => {
    expect(await provider.charge(of('a:1'))).toEqual({ status: 'SUCCEEDED', chargeId: 'sandbox:a:1' });
    expect((await provider.charge(of('a:1', 'tok_declined'))).status).toBe('SUCCEEDED');
    expect((await provider.charge(of('a:2', 'tok_declined'))).status).toBe('DECLINED');
    expect((await provider.charge(of('a:2'))).status).toBe('DECLINED');
    expect((await provider.charge(of('a:3', 'whatever'))).status).toBe('DECLINED');
  });

  test.for([
    ['tok_timeout', 'SUCCEEDED'],
    ['tok_timeout_declined', 'DECLINED'],
  ] as const)('%s: the first answer is lost, the next one is %s', async ([token, status], { provider }) => {
    await expect(provider.charge(of('a:1', token))).rejects.toThrow(ProviderUnavailableError);
    expect((await provider.charge(of('a:1', token))).status).toBe(status);
    expect((await provider.cancel(of('a:1', token))).status).toBe(status);
  });

  test.for(['__proto__', 'constructor', 'toString'])(
    'a token named like what every object has is declined: %s',
    async (token, { provider }) => {
      expect((await provider.charge(of(`a:${token}`, token))).status).toBe('DECLINED');
    },
  );

  test('tok_unreachable leaves no trace, so that it can be cancelled', async ({ provider, db }) => {
    await expect(provider.charge(of('a:1', 'tok_unreachable'))).rejects.toThrow(ProviderUnavailableError);
    expect((await db.pool.query('SELECT 1 FROM sandbox_charge')).rowCount).toBe(0);
    expect((await provider.cancel(of('a:1', 'tok_unreachable'))).status).toBe('CANCELLED');
    expect((await provider.charge(of('a:1'))).status).toBe('CANCELLED');
  });

  test('a key with another amount is a defect of the caller, and does not disturb others', async ({ provider }) => {
    const other = (amount: { minorUnits: bigint; currency: string }) => provider.charge({ ...of('a:1'), amount });
    await provider.charge(of('a:1'));
    const outcomes = await Promise.allSettled([
      other(usd(101n)),
      other({ minorUnits: 100n, currency: 'EUR' }),
      provider.charge(of('a:1')),
      provider.charge(of('a:2')),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled']);
  });

  test('a charge that was cancelled first never happens; one that happened is not cancelled', async ({ provider }) => {
    expect((await provider.cancel(of('a:1'))).status).toBe('CANCELLED');
    expect((await provider.charge(of('a:1'))).status).toBe('CANCELLED');
    await provider.charge(of('a:2'));
    expect((await provider.cancel(of('a:2'))).status).toBe('SUCCEEDED');
  });
});

describe('many charges at once', () => {
  test('1,000 are two statements, each with its own outcome', async ({ database, provider, db }) => {
    const statements: string[] = [];
    const stop = database.onSql((text) => statements.push(text));
    const tokens = ['tok_ok', 'tok_declined'];
    const charges = await atOnce(1_000, (index) => provider.charge(of(`a:${index}`, tokens[index % 2])));
    stop();
    expect(charges.map(({ status }) => status)).toEqual(
      charges.map((_, index) => (index % 2 ? 'DECLINED' : 'SUCCEEDED')),
    );
    expect(charges.map(({ chargeId }) => chargeId)).toEqual(charges.map((_, index) => `sandbox:a:${index}`));
    expect(statements.filter((text) => text.includes('sandbox.'))).toHaveLength(2);
    expect((await db.pool.query('SELECT 1 FROM sandbox_charge')).rowCount).toBe(1_000);
  });

  test('one key many times in one batch: the first decides, and only its answer is lost', async ({ provider, db }) => {
    const tokens = ['tok_timeout', 'tok_ok', 'tok_declined', 'tok_timeout'];
    const outcomes = await Promise.allSettled([
      ...tokens.map((token) => provider.charge(of('a:1', token))),
      provider.cancel(of('a:1')),
    ]);
    expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.status : 'lost'))).toEqual([
      'lost',
      'SUCCEEDED',
      'SUCCEEDED',
      'SUCCEEDED',
      'SUCCEEDED',
    ]);
    expect((await db.pool.query('SELECT 1 FROM sandbox_charge')).rowCount).toBe(1);
  });

  test('two servers that charge and cancel the same keys at once agree on each of them', async ({
    provider,
    other,
  }) => {
    const keys = Array.from({ length: 300 }, (_, index) => `a:${index}`);
    const [charged, cancelled] = await Promise.all([
      Promise.all(keys.map((key) => provider.charge(of(key)))),
      Promise.all(keys.toReversed().map((key) => other.cancel(of(key)))),
    ]);
    expect(charged.map(({ status }) => status)).toEqual(cancelled.map(({ status }) => status).toReversed());
  });

  test('what is queued is written before it closes; then it takes nothing more', async ({ provider, db }) => {
    const charge = provider.charge(of('a:1'));
    await provider.close?.();
    expect((await db.pool.query('SELECT 1 FROM sandbox_charge')).rowCount).toBe(1);
    expect((await charge).status).toBe('SUCCEEDED');
    await expect(provider.charge(of('a:2'))).rejects.toThrow(ProviderUnavailableError);
  });
});

describe('refunds', () => {
  test('once per key, and never more in sum than was charged', async ({ provider, db }) => {
    await provider.charge(of('a:1'));
    await provider.refund(refundOf('r:1', 60n));
    await provider.refund(refundOf('r:1', 60n));
    await expect(provider.refund(refundOf('r:2', 41n))).rejects.toThrow('no more is refunded than was charged');
    await provider.refund(refundOf('r:2', 40n));
    const { rows } = await db.pool.query('SELECT sum(amount_minor)::int AS sum FROM sandbox_refund');
    expect(rows).toEqual([{ sum: 100 }]);
  });

  test('many at once do not overdraw the charge', async ({ provider, other, db }) => {
    await provider.charge(of('a:1'));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? provider : other).refund(refundOf(`r:${index}`, 30n))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect((await db.pool.query('SELECT 1 FROM sandbox_refund')).rowCount).toBe(3);
  });

  test('one key at once from two servers is one refund', async ({ provider, other, db }) => {
    await provider.charge(of('a:1'));
    await atOnce(20, (index) => (index % 2 ? provider : other).refund(refundOf('r:1', 30n)));
    expect((await db.pool.query('SELECT 1 FROM sandbox_refund')).rowCount).toBe(1);
  });

  test('what makes no sense is refused: no charge, a declined one, another currency, a key with another amount', async ({
    provider,
  }) => {
    await provider.charge(of('a:1'));
    await provider.charge(of('a:2', 'tok_declined'));
    await provider.refund(refundOf('r:1', 10n));
    await expect(provider.refund(refundOf('r:2', 10n, 'a:9'))).rejects.toThrow('only a charge that succeeded');
    await expect(provider.refund(refundOf('r:2', 10n, 'a:2'))).rejects.toThrow('only a charge that succeeded');
    const euros = { ...refundOf('r:2', 10n), amount: { minorUnits: 10n, currency: 'EUR' } };
    await expect(provider.refund(euros)).rejects.toThrow('currency');
    await expect(provider.refund(refundOf('r:1', 20n))).rejects.toThrow('a key stands for one refund');
  });
});
