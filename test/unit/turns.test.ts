/** Work in turns: so many at a time, first come first served, and a failure passes the turn on. */
import { expect, test } from 'vitest';
import { Turns } from '../../src/kernel/turns.ts';

function works(count: number) {
  const begun: number[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const work = (n: number) => () =>
    new Promise<number>((resolve, reject) => {
      begun.push(n);
      ends[n] = (error) => (error ? reject(error) : resolve(n));
    });
  return { begun, ends, all: Array.from({ length: count }, (_, n) => work(n)) };
}

test('so many at a time, in the order in which they came; what fails passes its turn on', async () => {
  const turns = new Turns(2);
  const { begun, ends, all } = works(5);
  const results = all.map((work) => turns.take(work));
  expect(begun).toEqual([0, 1]);
  ends[1]!(new Error('failed'));
  await expect(results[1]).rejects.toThrow('failed');
  expect(begun).toEqual([0, 1, 2]);
  ends[0]!();
  ends[2]!();
  expect(await Promise.all([results[0], results[2]])).toEqual([0, 2]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  ends[3]!();
  ends[4]!();
  expect(await Promise.all([results[3], results[4]])).toEqual([3, 4]);
  const again = turns.take(async () => 'free');
  expect(await again).toBe('free');
});
