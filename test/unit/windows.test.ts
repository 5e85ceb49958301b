/** Budgets of keys in windows of time: what is counted, when it begins anew, and that memory is bounded. */
import { expect, test } from 'vitest';
import { Windows } from '../../src/kernel/windows.ts';

function clocked(limits: readonly number[], keysMax = 10) {
  const clock = { ms: 1_000 };
  return { clock, windows: new Windows(60_000, limits, keysMax, () => clock.ms) };
}

test('each key has budgets of its own; what does not fit is counted all the same', () => {
  const { clock, windows } = clocked([3, 100]);
  expect(windows.spend('a', [3, 60])).toBeUndefined();
  expect(windows.spend('b', [1, 1])).toBeUndefined();
  clock.ms += 20_000;
  expect(windows.spend('a', [1, 1])).toBe(40_000);
  expect(windows.spend('a', [0, 39])).toBeUndefined(); // nothing of what is over
  expect(windows.spend('a', [0, 1])).toBe(40_000);
  expect(windows.spend('b', [2, 0])).toBeUndefined();
});

test('a window begins with the first spending, and a key begins anew at its end, not before', () => {
  const { clock, windows } = clocked([1]);
  expect(windows.spend('a', [1])).toBeUndefined();
  clock.ms += 59_999;
  expect(windows.spend('a', [1])).toBe(1);
  clock.ms += 1;
  expect(windows.spend('a', [1])).toBeUndefined();
  expect(windows.spend('a', [1])).toBe(60_000);
});

test('keys that are over with are forgotten, and with too many the one that would end next', () => {
  const { clock, windows } = clocked([1], 3);
  for (const key of ['a', 'b', 'c']) {
    windows.spend(key, [1]);
    clock.ms += 1;
  }
  expect(windows.spend('d', [1])).toBeUndefined();
  expect(windows.size).toBe(3);
  expect(windows.spend('b', [1])).toBeGreaterThan(0);
  expect(windows.spend('a', [1])).toBeUndefined(); // forgotten: begins anew, and b goes
  expect(windows.size).toBe(3);
  clock.ms += 60_000;
  windows.spend('e', [1]);
  expect(windows.size).toBe(1);
});
