/** A value that is read again after a change. */
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Changes } from '../../src/live/changes.ts';
import { KeptValue } from '../../src/live/kept-value.ts';
import { createMemoryBus } from '../../src/live/memory-bus.ts';

/** A value that is the number of its read; reads end when they are told to. */
function numberedReads() {
  const changes = new Changes({ bus: createMemoryBus(), log: pino({ level: 'silent' }) });
  const reads: { end: () => void; fail: (error: Error) => void }[] = [];
  const value = new KeptValue(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = reads.length + 1;
        reads.push({ end: () => resolve(number), fail: reject });
      }),
    'mine',
    changes,
  );
  return { changes, reads, value };
}

test('a value is read once for all, until its topic changes', async () => {
  const { changes, reads, value } = numberedReads();
  const both = Promise.all([value.get(), value.get()]);
  reads[0]!.end();
  expect(await both).toEqual([1, 1]);
  changes.announce(['another']);
  expect(await value.get()).toBe(1);
  changes.announce(['another', 'mine']);
  const next = value.get();
  reads[1]!.end();
  expect(await next).toBe(2);
});

test('a read that began before a change is not for those who ask after it', async () => {
  const { changes, reads, value } = numberedReads();
  const before = value.get();
  changes.announce(['mine']);
  const after = value.get();
  reads[1]!.end();
  reads[0]!.end();
  expect([await before, await after, await value.get()]).toEqual([1, 2, 2]);
});

test('a read that fails is not kept', async () => {
  const { reads, value } = numberedReads();
  const failing = value.get();
  reads[0]!.fail(new Error('no'));
  await expect(failing).rejects.toThrow('no');
  const next = value.get();
  reads[1]!.end();
  expect(await next).toBe(2);
});
