/** Cursors: opaque to clients, refused when they are not of this log. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor, InvalidCursorError } from '../../src/live/cursor.ts';

const EPOCH = '0a1b2c3d';
const of = (text: string) => Buffer.from(text).toString('base64url');

test('every position of a log survives the way to a client and back', () => {
  const epochs = fc.stringMatching(/^[0-9a-f]{8}$/);
  fc.assert(
    fc.property(epochs, fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) }), (epoch, seq) => {
      expect(decodeCursor(epoch, encodeCursor(epoch, seq))).toBe(seq);
    }),
  );
});

test('a cursor needs no escaping in a URL', () => {
  expect(encodeCursor(EPOCH, 9_007_199_254_740_991n)).toMatch(/^[\w-]+$/);
});

test('the empty cursor is the beginning of every log', () => {
  expect(decodeCursor(EPOCH, '')).toBe(0n);
});

test('a cursor of another log is refused', () => {
  expect(() => decodeCursor(EPOCH, encodeCursor('0a1b2c3e', 5n))).toThrow(InvalidCursorError);
});

test.each([
  ['no cursor at all', 'hello'],
  ['a number alone', of('5')],
  ['no number', of(`${EPOCH}:`)],
  ['a negative number', of(`${EPOCH}:-1`)],
  ['a number with a sign', of(`${EPOCH}:+1`)],
  ['a padded number', of(`${EPOCH}:01`)],
  ['a fraction', of(`${EPOCH}:1.5`)],
  ['another notation', of(`${EPOCH}:1e3`)],
  ['a number too long for a seq', of(`${EPOCH}:${'9'.repeat(17)}`)],
  ['something behind it', of(`${EPOCH}:5\n`)],
  ['another line', of(`x\n${EPOCH}:5`)],
  ['a null byte', of(`${EPOCH}:5\0`)],
  ['an epoch in capitals', of(`${EPOCH.toUpperCase()}:5`)],
  ['half of one', encodeCursor(EPOCH, 123_456n).slice(0, 8)],
])('damaged: %s', (_how, cursor) => {
  expect(() => decodeCursor(EPOCH, cursor)).toThrow(InvalidCursorError);
});

test('no text whatever makes it fail in another way', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        expect(decodeCursor(EPOCH, text)).toBeTypeOf('bigint');
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidCursorError);
      }
    }),
  );
});
