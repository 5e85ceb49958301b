/** What Stripe calls an amount, by what its page on currencies says. */
import { describe, expect, test } from 'vitest';
import { fromStripeAmount, toStripeAmount } from '../../src/domains/payments/providers/stripe-amounts.ts';
import { AMOUNT_MAX, formatAmount, fractionDigits } from '../../src/kernel/money.ts';

/** The amount in our unit, from what people would write: however many digits this runtime gives the currency. */
function money(whole: bigint, currency: string) {
  return { minorUnits: whole * 10n ** BigInt(fractionDigits(currency)), currency };
}

describe('5 of it', () => {
  test.each([
    ['USD', 500],
    ['EUR', 500],
    ['AED', 500],
    ['JPY', 5],
    ['KRW', 5],
    ['MGA', 5],
    ['XOF', 5],
    ['KWD', 5_000],
    ['BHD', 5_000],
    ['ISK', 500],
    ['HUF', 500],
    ['TWD', 500],
  ])('%s are %i, and back', (currency, amount) => {
    expect(toStripeAmount(money(5n, currency))).toBe(amount);
    expect(fromStripeAmount(amount, currency.toLowerCase())).toEqual(money(5n, currency));
  });
});

test('what is shown is what is charged, also where Stripe has another unit', () => {
  const isk = { minorUnits: 500n, currency: 'ISK' };
  expect(formatAmount(isk)).toBe('500');
  expect(toStripeAmount(isk)).toBe(50_000);
});

test.each([
  [5_124n, 'KWD', 'the last digit of a dinar'],
  [5n, 'UGX', 'a currency of which Stripe says two things'],
  [AMOUNT_MAX, 'ISK', 'more than a number holds exactly'],
])('%s %s is refused: %s', (minorUnits, currency) => {
  expect(toStripeAmount({ minorUnits, currency })).toBeUndefined();
});

test('the largest amount is exact', () => {
  expect(toStripeAmount({ minorUnits: AMOUNT_MAX, currency: 'USD' })).toBe(Number.MAX_SAFE_INTEGER);
});

test('an amount that our unit cannot hold is not rounded', () => {
  expect(fromStripeAmount(550, 'isk')).toBeUndefined();
  expect(fromStripeAmount(500, 'ugx')).toBeUndefined();
});
