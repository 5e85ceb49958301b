/** Quarters of the calendar, and the sums of a report. */
import { describe, expect, test } from 'vitest';
import { growth, worth } from '../../../src/domains/reports/document.ts';
import {
  daysOf,
  firstDay,
  lastDay,
  nameOf,
  type Quarter,
  quarterBefore,
  quarterNamed,
} from '../../../src/domains/reports/quarters.ts';
import { differenceOf } from '../../../src/domains/reports/roll-ups.ts';

const quarter = (year: number, number: number) => ({ year, quarter: number }) as Quarter;

describe('a quarter', () => {
  test.each([
    [2026, 1, '2026-01-01', '2026-03-31', 90],
    [2024, 1, '2024-01-01', '2024-03-31', 91],
    [2026, 2, '2026-04-01', '2026-06-30', 91],
    [2026, 3, '2026-07-01', '2026-09-30', 92],
    [2026, 4, '2026-10-01', '2026-12-31', 92],
  ])('%i-Q%i has its days', (year, number, first, last, length) => {
    const days = daysOf(quarter(year, number));
    expect([days[0], days.at(-1), days.length]).toEqual([first, last, length]);
    expect([firstDay(quarter(year, number)), lastDay(quarter(year, number))]).toEqual([first, last]);
    expect(new Set(days).size).toBe(length);
    expect(days.toSorted()).toEqual(days);
  });

  test('follows on the one before', () => {
    expect(quarterBefore(quarter(2026, 1))).toEqual(quarter(2025, 4));
    expect(quarterBefore(quarter(2026, 3))).toEqual(quarter(2026, 2));
  });

  test('has a name', () => {
    expect(nameOf(quarter(2026, 3))).toBe('2026-Q3');
    expect(quarterNamed('2026-Q3')).toEqual(quarter(2026, 3));
    for (const name of ['2026-Q5', '2026-Q0', '1999-Q4', '3000-Q1', '2026-q3', '2026Q3', ' 2026-Q3', '2026-Q3 ', '']) {
      expect(quarterNamed(name)).toBeUndefined();
    }
  });
});

describe('sums', () => {
  test.each([
    [0n, 0n],
    [1n, 1n], // 1.414
    [-1n, -1n],
    [250n, 354n], // 353.5
    [-250n, -354n],
    [1_000n, 1_414n],
    [6_000_000_000_000_000n, 8_484_000_000_000_000n],
  ])('%s coins are worth %s', (coins, minor) => {
    expect(worth(coins, { currency: 'USD', minorPer1000: 1_414n })).toBe(minor);
  });

  test.each([
    [5n, undefined, null],
    [5n, 0n, null],
    [5n, -3n, null],
    [0n, 4n, -1],
    [5n, 4n, 0.25],
    [1n, 3n, -0.6666],
    [2n ** 53n - 1n, 1n, 9_007_199_254_740_990],
  ])('from %s, growing from %s, is %s', (now, before, expected) => {
    if (expected !== null && expected > 1e12) expect(() => growth(now, before)).toThrow(RangeError);
    else expect(growth(now, before)).toBe(expected);
  });

  test('a day that is not what the ledger says is named, with the difference', () => {
    const books = {
      coins: 5n,
      reversedCoins: 0n,
      paidMinor: 0n,
      refundedMinor: 0n,
      ledgerCoins: 5n,
      ledgerReversedCoins: 0n,
      ledgerPaidMinor: 0n,
      ledgerRefundedMinor: 0n,
    };
    expect(differenceOf('2026-07-01', books)).toBeUndefined();
    expect(differenceOf('2026-07-01', { ...books, coins: 8n, ledgerPaidMinor: 2n })).toBe(
      '2026-07-01: the report has 8 coins of gifts, the ledger 5 (3 more); the report has 0 minor units of orders, the ledger 2 (-2 more).',
    );
  });
});
