/** Calls of one identity: the same join, others wait. */
import { expect, test } from 'vitest';
import { InFlight } from '../../src/kernel/in-flight.ts';

/** Calls that begin when they are run and end when the test says so. */
function calls() {
  const inFlight = new InFlight<string, string>((one, other) => one === other);
  const begun: string[] = [];
  const ends: { resolve: (outcome: string) => void; reject: (error: Error) => void }[] = [];
  const run = (item: string, identity = 'key') =>
    inFlight.run(identity, item, () => {
      begun.push(item);
      return new Promise((resolve, reject) => {
        ends.push({ resolve, reject });
      });
    });
  return { begun, ends, run };
}

test('the same call joins the one under way and has its outcome', async () => {
  const { begun, ends, run } = calls();
  const both = Promise.all([run('rose'), run('rose')]);
  ends[0]!.resolve('sent');
  expect(await both).toEqual([
    { outcome: 'sent', joined: false },
    { outcome: 'sent', joined: true },
  ]);
  expect(begun).toEqual(['rose']);
});

test('another input waits for the first, whatever becomes of it, and is then a call of its own', async () => {
  const { begun, ends, run } = calls();
  const first = run('rose');
  const second = run('heart');
  expect(begun).toEqual(['rose']);
  ends[0]!.reject(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await expect.poll(() => begun).toEqual(['rose', 'heart']);
  ends[1]!.resolve('sent');
  expect(await second).toEqual({ outcome: 'sent', joined: false });
});

test('other identities know nothing of each other, and what has ended is forgotten', async () => {
  const { begun, ends, run } = calls();
  const both = [run('rose', 'one'), run('rose', 'two')];
  for (const end of ends) end.resolve('sent');
  expect(await Promise.all(both)).toEqual(Array(2).fill({ outcome: 'sent', joined: false }));
  const later = run('rose', 'one');
  ends[2]!.resolve('again');
  expect([await later, begun.length]).toEqual([{ outcome: 'again', joined: false }, 3]);
});
