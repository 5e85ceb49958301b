/** Amounts of fiat money, as people write them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AMOUNT_MAX, formatAmount } from '../../src/kernel/money.ts';

test.each([
  ['USD', 999n, '9.99'],
  ['USD', 100n, '1.00'],
  ['USD', 5n, '0.05'],
  ['USD', 0n, '0.00'],
  ['USD', -5n, '-0.05'],
  ['USD', -1234n, '-12.34'],
  ['JPY', 500n, '500'],
  ['JPY', 0n, '0'],
  ['JPY', -500n, '-500'],
  ['KWD', 1234n, '1.234'],
  ['KWD', 7n, '0.007'],
  ['KWD', -1n, '-0.001'],
])('%s: %d minor units are %s', (currency, minorUnits, text) => {
  expect(formatAmount({ minorUnits, currency })).toBe(text);
});

test('the largest amount is written exactly, where a floating point number would round', () => {
  expect(formatAmount({ minorUnits: AMOUNT_MAX, currency: 'USD' })).toBe('90071992547409.91');
});

test('no digit is lost or made up: without the point it is the minor units again', () => {
  const amounts = fc.bigInt({ min: -AMOUNT_MAX, max: AMOUNT_MAX });
  fc.assert(
    fc.property(amounts, fc.constantFrom('USD', 'JPY', 'KWD', 'EUR', 'SAR'), (minorUnits, currency) => {
      expect(BigInt(formatAmount({ minorUnits, currency }).replace('.', ''))).toBe(minorUnits);
    }),
  );
});
