/** What the public may see of regions: neither a small group, nor what gives one away. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Group, shownRegions } from '../../../src/domains/reports/suppression.ts';

const SIZE_MIN = 10;

/** A region in which everybody took part in this region only. */
function group(region: string, gifters: number, buyers = 0): Group {
  return {
    region,
    gifters: BigInt(gifters),
    buyers: BigInt(buyers),
    soleGifters: BigInt(gifters),
    soleBuyers: BigInt(buyers),
  };
}

const shown = (...groups: Group[]) => [...shownRegions(groups, SIZE_MIN)].sort();

describe('shownRegions', () => {
  test('shows regions with enough people, or with nobody', () => {
    expect(shown(group('AE', 10), group('BR', 500, 10), group('CA', 0))).toEqual(['AE', 'BR', 'CA']);
  });

  test('hides a small one, and the next smallest: the world less the others would be the small one', () => {
    expect(shown(group('AE', 9), group('BR', 30), group('CA', 20), group('DE', 40))).toEqual(['BR', 'DE']);
  });

  test('two small ones cover each other only if they are enough people together', () => {
    expect(shown(group('AE', 9), group('BR', 2), group('DE', 40), group('EG', 50))).toEqual(['DE', 'EG']);
    expect(shown(group('AE', 4), group('BR', 2), group('DE', 40), group('EG', 50))).toEqual(['EG']);
  });

  test('people who are in both count for neither', () => {
    const both = (region: string): Group => ({ ...group(region, 9), soleGifters: 0n });
    expect(shown(both('AE'), both('BR'), group('DE', 40), group('EG', 50))).toEqual(['EG']);
  });

  test('a region with few buyers is hidden, however many gave', () => {
    // CA covers it: the smallest in which anybody has bought.
    expect(shown(group('AE', 900, 1), group('BR', 800, 20), group('CA', 700, 30), group('DE', 600))).toEqual([
      'BR',
      'DE',
    ]);
  });

  test('where nobody else has bought, nothing is shown: the world’s orders would be those of the one', () => {
    expect(shown(group('AE', 900, 1), group('BR', 800), group('CA', 700))).toEqual([]);
  });

  test('a single region that is too small, and none at all', () => {
    expect(shown(group('AE', 9))).toEqual([]);
    expect(shown()).toEqual([]);
  });

  test('what is hidden together is never of one region, nor of too few people, in any role', () => {
    const people = fc.integer({ min: 0, max: 40 });
    const groups = fc
      .array(fc.record({ gifters: people, buyers: people, soleGifters: people, soleBuyers: people }), { maxLength: 12 })
      .map((drawn) =>
        drawn.map(
          (one, index): Group => ({
            region: `A${String.fromCharCode(65 + index)}`,
            gifters: BigInt(one.gifters),
            buyers: BigInt(one.buyers),
            soleGifters: BigInt(Math.min(one.soleGifters, one.gifters)),
            soleBuyers: BigInt(Math.min(one.soleBuyers, one.buyers)),
          }),
        ),
      );
    fc.assert(
      fc.property(groups, (all) => {
        const visible = shownRegions(all, SIZE_MIN);
        const hidden = all.filter(({ region }) => !visible.has(region));
        for (const [role, sole] of [
          ['gifters', 'soleGifters'],
          ['buyers', 'soleBuyers'],
        ] as const) {
          for (const one of all) {
            if (visible.has(one.region)) expect(one[role] === 0n || one[role] >= SIZE_MIN).toBe(true);
          }
          const some = hidden.filter((one) => one[role] > 0n);
          if (visible.size === 0 || some.length === 0) continue;
          if (some.length === 1) expect(some[0]![role]).toBeGreaterThanOrEqual(BigInt(SIZE_MIN));
          expect(some.reduce((sum, one) => sum + one[sole], 0n)).toBeGreaterThanOrEqual(BigInt(SIZE_MIN));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('does not depend on the order that regions come in', () => {
    const groups = [group('AE', 9), group('BR', 30), group('CA', 30), group('DE', 40), group('EG', 12, 3)];
    expect(shown(...groups)).toEqual(shown(...groups.toReversed()));
  });
});
