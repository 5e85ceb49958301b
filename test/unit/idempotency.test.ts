/** The hash that tells a repeated call from a key used twice. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashInput } from '../../src/kernel/idempotency.ts';

type Input = Parameters<typeof hashInput>[0];

test('the same input has the same hash, whatever the order of its fields', () => {
  expect(hashInput({ streamId: 7n, text: 'hello' })).toBe(hashInput({ text: 'hello', streamId: 7n }));
});

test.each<[string, Input, Input]>([
  ['another value', { text: 'a' }, { text: 'b' }],
  ['another field', { text: 'a' }, { title: 'a' }],
  ['one field more', { text: 'a' }, { text: 'a', tip: null }],
  ['null and the text "null"', { tip: null }, { tip: 'null' }],
  ['false and nothing', { flag: false }, { flag: null }],
  ['values that run together', { a: '1', b: '23' }, { a: '12', b: '3' }],
  ['a quote in a value', { a: 'x","b","y' }, { a: 'x', b: 'y' }],
  ['large numbers that a float would merge', { id: 9007199254740993n }, { id: 9007199254740992n }],
])('another input has another hash: %s', (_what, one, other) => {
  expect(hashInput(one)).not.toBe(hashInput(other));
});

test('it is 64 hex digits, whatever the input', () => {
  const values = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.bigInt(), fc.boolean(), fc.constant(null));
  fc.assert(
    fc.property(fc.dictionary(fc.string(), values), (input) => {
      expect(hashInput(input)).toMatch(/^[0-9a-f]{64}$/);
    }),
  );
});

test('inputs that differ in any field never share a hash', () => {
  const inputs = fc.record({ streamId: fc.bigInt(), text: fc.string({ unit: 'binary' }), count: fc.integer() });
  fc.assert(
    fc.property(inputs, inputs, (one, other) => {
      const same = one.streamId === other.streamId && one.text === other.text && one.count === other.count;
      expect(hashInput(one) === hashInput(other)).toBe(same);
    }),
  );
});
