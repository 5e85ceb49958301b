/** Codes of vouchers: unguessable, readable again, forgiving to type. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashCode, VoucherCodes } from '../../../src/domains/fulfilment/voucher-codes.ts';

const codes = new VoucherCodes('a secret that only this test knows, and nobody else');

test('a code is four groups of four of Crockford’s characters: 80 bits', () => {
  for (let id = 1n; id <= 200n; id++)
    expect(codes.codeOf(id)).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
});

test('all characters are used, in all places', () => {
  const seen = Array.from({ length: 16 }, () => new Set<string>());
  for (let id = 1n; id <= 2_000n; id++) {
    [...codes.codeOf(id).replaceAll('-', '')].forEach((character, place) => {
      seen[place]!.add(character);
    });
  }
  expect(seen.map(({ size }) => size)).toEqual(Array(16).fill(32));
});

test('the same voucher has the same code again; another voucher, or secret, another', () => {
  expect(new VoucherCodes('a secret that only this test knows, and nobody else').codeOf(7n)).toBe(codes.codeOf(7n));
  const all = new Set(Array.from({ length: 5_000 }, (_, id) => codes.codeOf(BigInt(id))));
  expect(all.size).toBe(5_000);
  expect(new VoucherCodes('another secret').codeOf(7n)).not.toBe(codes.codeOf(7n));
});

test('however a code is typed, it is the same code', () => {
  const typed = fc.tuple(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }), fc.infiniteStream(fc.nat({ max: 5 })));
  fc.assert(
    fc.property(typed, ([id, choices]) => {
      const spoilt = [...codes.codeOf(id)].map((character) => {
        const { value: choice } = choices.next();
        if (character === '-') return ['-', '', ' ', '--', ' - ', '\t'][choice]!;
        if (character === '0') return ['0', 'O', 'o', '0', 'O', 'o'][choice]!;
        if (character === '1') return ['1', 'I', 'i', 'L', 'l', '1'][choice]!;
        return choice % 2 ? character : character.toLowerCase();
      });
      expect(hashCode(spoilt.join(''))).toBe(codes.hashOf(id));
    }),
  );
});

test.each([
  ['nothing', ''],
  ['too short', 'AAAA-AAAA-AAAA-AAA'],
  ['too long', 'AAAA-AAAA-AAAA-AAAAA'],
  ['with a U, which no code has', 'AAAA-AAAA-AAAA-AAAU'],
  ['with other letters', 'AAAA-AAAA-AAAA-AAAÄ'],
  ['with a NUL', 'AAAA-AAAA-AAAA-AAA\0'],
])('%s is no code', (_what, typed) => {
  expect(hashCode(typed)).toBeUndefined();
});
