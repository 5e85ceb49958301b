/** Async iterators that can be cancelled while they wait. */
import { expect, test } from 'vitest';
import { abortable, MappedIterator } from '../../src/kernel/iterate.ts';
import { Wake } from '../../src/kernel/wake.ts';

/** Counts up, one number a wake. */
function counter() {
  const wake = new Wake();
  const life = { begun: 0, ended: 0 };
  const numbers = abortable(async function* (signal) {
    life.begun++;
    try {
      for (let n = 1; !signal.aborted; n++) {
        yield n;
        await wake.wait(signal);
      }
    } finally {
      life.ended++;
    }
  });
  return { numbers, wake, life };
}

test('items pass through, one for each call', async () => {
  const { numbers, wake } = counter();
  expect(await numbers.next()).toEqual({ done: false, value: 1 });
  const second = numbers.next();
  wake.wakeAll();
  expect(await second).toEqual({ done: false, value: 2 });
});

test('return ends a generator that waits, without waiting for what it waits for', async () => {
  const { numbers, life } = counter();
  await numbers.next();
  const pending = numbers.next();
  await numbers.return?.();
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(life).toEqual({ begun: 1, ended: 1 });
});

test('throw ends it too: it stops waiting and cleans up', async () => {
  const { numbers, life } = counter();
  await numbers.next();
  const pending = numbers.next();
  await expect(numbers.throw?.(new Error('broken'))).rejects.toThrow('broken');
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(life.ended).toBe(1);
});

test('one that was never begun can be ended, and never begins', async () => {
  const { numbers, life } = counter();
  await numbers.return?.();
  expect(await numbers.next()).toEqual({ done: true, value: undefined });
  expect(life).toEqual({ begun: 0, ended: 0 });
});

test('for await leaves in good order', async () => {
  const { numbers, life } = counter();
  for await (const n of numbers) {
    expect(n).toBe(1);
    break;
  }
  expect(life).toEqual({ begun: 1, ended: 1 });
});

test('a wake that nobody waits for is not remembered, and an aborted wait leaves no waiter', async () => {
  const wake = new Wake();
  wake.wakeAll();
  const controller = new AbortController();
  let woken = false;
  const waiting = wake.wait(controller.signal).then(() => {
    woken = true;
  });
  await Promise.resolve();
  expect(woken).toBe(false);
  controller.abort();
  await waiting;
  await wake.wait(controller.signal);
});

test('mapping leaves out what is undefined, and keeps the order', async () => {
  const odd = new MappedIterator(from([1, 2, 3, 4, 5]), (n) => (n % 2 ? n * 10 : undefined));
  const items: number[] = [];
  for await (const item of odd) items.push(item);
  expect(items).toEqual([10, 30, 50]);
});

test('mapping passes cancellation on to the source', async () => {
  const { numbers, life } = counter();
  const mapped = new MappedIterator(numbers, (n) => (n > 1 ? n : undefined));
  const pending = mapped.next();
  await mapped.return?.();
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(life.ended).toBe(1);
});

async function* from<T>(items: T[]): AsyncGenerator<T> {
  yield* items;
}
