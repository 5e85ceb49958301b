/** The map that forgets: what it holds is bounded by weight, and what is used stays. */
import { expect, test } from 'vitest';
import { Lru } from '../../src/kernel/lru.ts';

test('what was not used for longest goes first', () => {
  const lru = new Lru<number>(3);
  lru.set('a', 1, 1);
  lru.set('b', 2, 1);
  lru.set('c', 3, 1);
  expect(lru.get('a')).toBe(1);
  lru.set('d', 4, 1);
  expect(['a', 'b', 'c', 'd'].map((key) => lru.get(key))).toEqual([1, undefined, 3, 4]);
});

test('a heavy entry displaces several light ones, and one that is too heavy none', () => {
  const lru = new Lru<number>(10);
  for (const key of ['a', 'b', 'c', 'd', 'e']) lru.set(key, 0, 2);
  lru.set('heavy', 1, 5);
  expect(['a', 'b', 'c', 'd', 'e', 'heavy'].map((key) => lru.get(key) !== undefined)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
  lru.set('too heavy', 2, 11);
  expect(lru.get('too heavy')).toBeUndefined();
  expect(lru.size).toBe(3);
});

test('a value that is replaced or deleted weighs no more', () => {
  const lru = new Lru<number>(4);
  for (let n = 0; n < 10; n++) lru.set('same', n, 3);
  lru.set('other', 1, 1);
  expect([lru.get('same'), lru.get('other')]).toEqual([9, 1]);
  lru.delete('same');
  lru.delete('never there');
  lru.set('a', 2, 3);
  expect([lru.get('other'), lru.get('a'), lru.size]).toEqual([1, 2, 2]);
});
