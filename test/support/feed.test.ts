/** The waiting that all realtime tests lean on. */
import { expect, test } from 'vitest';
import { Feed, FeedError, within } from './feed.ts';

/** Short enough to wait for, in tests of waits that must fail. */
const SHORT_MS = 20;

test('hands items over in order, whether they came before or after the wait', async () => {
  const feed = new Feed<number>('numbers');
  feed.push(1);
  const later = (async () => [await feed.next(), await feed.next(), await feed.take(2)])();
  feed.push(2);
  feed.push(3);
  feed.push(4);
  expect(await later).toEqual([1, 2, [3, 4]]);
  expect(feed.received).toEqual([1, 2, 3, 4]);
});

test('until takes everything up to the first that fits, and leaves the rest', async () => {
  const feed = new Feed<number>('numbers');
  for (const item of [1, 2, 3, 4]) feed.push(item);
  expect(await feed.until((item) => item === 3)).toEqual([1, 2, 3]);
  expect(await feed.next()).toBe(4);
});

test('what arrived before the end can still be taken; then waits fail with the end', async () => {
  const feed = new Feed<number>('numbers');
  feed.push(1);
  feed.end({ code: 1013, reason: 'try again later' });
  feed.push(2);
  feed.end({ code: 1000, reason: 'late' });
  expect(await feed.next()).toBe(1);
  await expect(feed.next()).rejects.toThrow('numbers ended (1013 try again later) before the next item; 1 arrived');
  await expect(feed.next()).rejects.toMatchObject({ end: { code: 1013 } });
  expect(await feed.closed).toEqual({ code: 1013, reason: 'try again later' });
  expect(await feed.close()).toEqual({ code: 1013, reason: 'try again later' });
});

test('the wait for the end has a limit too', async () => {
  const feed = new Feed<number>('numbers');
  await expect(feed.untilClosed(SHORT_MS)).rejects.toThrow('numbers did not bring its end within 20 ms');
  feed.end({ code: 1000, reason: '' });
  expect(await feed.untilClosed()).toEqual({ code: 1000, reason: '' });
});

test('an end wakes a wait', async () => {
  const feed = new Feed<number>('numbers');
  const waiting = expect(feed.take(2)).rejects.toThrow('ended (error [{"message":"no"}]) before 2 items');
  feed.end({ code: null, reason: 'error', errors: [{ message: 'no' }] });
  await waiting;
});

test('a wait that is too long says what arrived', async () => {
  const feed = new Feed<{ seq: number }>('events');
  feed.push({ seq: 7 });
  const failure = feed.until(({ seq }) => seq === 8, SHORT_MS);
  await expect(failure).rejects.toThrow(
    /events did not bring an item that fits within 20 ms; 1 arrived.*\n {2}{"seq":7}/,
  );
  await expect(failure).rejects.toBeInstanceOf(FeedError);
  expect(await feed.next()).toEqual({ seq: 7 });
});

test('within passes results on and limits the wait', async () => {
  expect(await within('a result', Promise.resolve(1))).toBe(1);
  await expect(within('nothing', new Promise(() => {}), SHORT_MS)).rejects.toThrow('nothing: nothing within 20 ms');
});
