/** What becomes of a spending cap: lower at once, higher after the cool-off. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cap, COOL_OFF_MS, capNow, nextCap } from '../../src/domains/wallet/caps/caps.rules.ts';

const NOW = new Date('2026-11-26T12:00:00Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);
const cap = (coins: number | null, raise?: { coins: number | null; inMs: number }): Cap => ({
  coins: coins === null ? null : BigInt(coins),
  raise: raise && { coins: raise.coins === null ? null : BigInt(raise.coins), at: later(raise.inMs) },
});

describe('a cap that its viewer changes', () => {
  test.each<[string, Cap, number | null, Cap]>([
    ['the first one holds at once', cap(null), 100, cap(100)],
    ['a lower one holds at once', cap(100), 99, cap(99)],
    ['0 is a cap', cap(100), 0, cap(0)],
    ['a higher one waits', cap(100), 101, cap(100, { coins: 101, inMs: COOL_OFF_MS })],
    ['none at all waits', cap(0), null, cap(0, { coins: null, inMs: COOL_OFF_MS })],
    ['no cap when there is none changes nothing', cap(null), null, cap(null)],
    ['a lower one calls a raise off', cap(100, { coins: 500, inMs: 1 }), 50, cap(50)],
    ['the same as now calls a raise off', cap(100, { coins: 500, inMs: 1 }), 100, cap(100)],
    [
      'the same raise again does not wait anew',
      cap(100, { coins: 500, inMs: 1 }),
      500,
      cap(100, { coins: 500, inMs: 1 }),
    ],
    ['the same end again, too', cap(100, { coins: null, inMs: 1 }), null, cap(100, { coins: null, inMs: 1 })],
    ['a higher raise waits anew', cap(100, { coins: 500, inMs: 1 }), 501, cap(100, { coins: 501, inMs: COOL_OFF_MS })],
    ['a smaller raise, too', cap(100, { coins: 500, inMs: 1 }), 499, cap(100, { coins: 499, inMs: COOL_OFF_MS })],
    ['a raise that is due has come', cap(100, { coins: 500, inMs: 0 }), 400, cap(400)],
    ['an end that is due has come, and any cap is the first', cap(100, { coins: null, inMs: 0 }), 900, cap(900)],
  ])('%s', (_name, before, wanted, after) => {
    expect(nextCap(before, wanted === null ? null : BigInt(wanted), NOW)).toEqual(after);
  });

  test('whatever is asked for, a cap grows only to what was asked for a cool-off ago', () => {
    const NO_CAP = 1_000;
    const coins = fc.option(fc.integer({ min: 0, max: 20 }), { nil: null });
    const size = (value: bigint | null) => Number(value ?? NO_CAP);
    const calls = fc.array(fc.tuple(coins, fc.integer({ min: 0, max: 2 * COOL_OFF_MS })), { maxLength: 20 });
    let grown = 0;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20 }), calls, (first, all) => {
        let now = NOW.getTime();
        let held = cap(first);
        let [hasCap, last] = [true, first];
        const asked: { size: number; at: number }[] = [];
        const look = () => {
          const holds = size(capNow(held, new Date(now)).coins);
          if (hasCap && holds > last) {
            grown++;
            expect(asked.some((call) => call.size === holds && call.at <= now - COOL_OFF_MS)).toBe(true);
          }
          [hasCap, last] = [holds !== NO_CAP, holds];
        };
        for (const [wanted, passedMs] of all) {
          now += passedMs;
          look();
          held = nextCap(held, wanted === null ? null : BigInt(wanted), new Date(now));
          asked.push({ size: wanted ?? NO_CAP, at: now });
          look();
        }
      }),
    );
    expect(grown).toBeGreaterThan(0);
  });
});
