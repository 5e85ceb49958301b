/** One viewer's way through a log: backfill → cutover → live. */
import { expect, test } from 'vitest';
import { Feed } from '../../src/live/feed.ts';
import type { LiveEvent } from '../../src/live/live-event.ts';
import { Watcher } from '../../src/live/watcher.ts';
import { events, testLog } from '../realtime/support/memory-log.ts';

const RING_SIZE = 4;
const PAGE_SIZE = 3;

/** A stream whose log holds events 1…head, with a feed that has just been opened at its head. */
function stream(head: number) {
  const log = testLog();
  log.hold(events(...Array.from({ length: head }, (_, n) => n + 1)));
  const feed = new Feed(1n, 'e90c0000', BigInt(head), {
    ringSize: RING_SIZE,
    pageSize: PAGE_SIZE,
    readPage: log.readPage,
  });
  /** Commits an event and announces it. */
  const write = (...numbers: number[]) => {
    log.hold(events(...numbers));
    return feed.receive(events(...numbers));
  };
  return { log, feed, write };
}

function watcherOf({ feed }: { feed: Feed }, afterSeq: number) {
  const ends: string[] = [];
  const watcher = new Watcher(feed, {
    afterSeq: BigInt(afterSeq),
    onLapped: () => ends.push('lapped'),
    onEnded: () => ends.push('ended'),
  });
  return { watcher, ends };
}

async function take(watcher: Watcher, count: number): Promise<LiveEvent[]> {
  const taken: LiveEvent[] = [];
  while (taken.length < count) {
    const { value } = await watcher.next();
    if (!value) throw new Error(`ended after ${taken.length} of ${count} events`);
    taken.push(value);
  }
  return taken;
}

const numbers = (taken: LiveEvent[]) => taken.map((event) => Number(event.seq));

test('from the beginning: every event of the log, then every new one', async () => {
  const all = stream(8);
  const { watcher } = watcherOf(all, 0);
  expect(numbers(await take(watcher, 8))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const next = take(watcher, 2);
  await all.write(9);
  await all.write(10);
  expect(numbers(await next)).toEqual([9, 10]);
});

test('from a cursor: only what is behind it', async () => {
  const { watcher } = watcherOf(stream(8), 5);
  expect(numbers(await take(watcher, 3))).toEqual([6, 7, 8]);
});

test('from now on: nothing of the past, and the log is not read', async () => {
  const all = stream(8);
  const { watcher } = watcherOf(all, 8);
  const next = take(watcher, 1);
  await all.write(9);
  expect(numbers(await next)).toEqual([9]);
  expect(all.log.reads).toEqual([]);
});

test('events that are written while a page is read come once: cutover has neither gap nor double', async () => {
  const all = stream(3);
  const { watcher } = watcherOf(all, 0);
  const reading = all.log.pauseNextRead();
  const taking = take(watcher, 6);
  await reading.started;
  await all.write(4);
  await all.write(5, 6);
  reading.proceed();
  expect(numbers(await taking)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('a watcher in the past is never lapped, however far the ring runs ahead', async () => {
  const all = stream(3);
  const { watcher, ends } = watcherOf(all, 0);
  expect(numbers(await take(watcher, 1))).toEqual([1]);
  for (let seq = 4; seq <= 20; seq++) await all.write(seq);
  expect(numbers(await take(watcher, 19))).toEqual(Array.from({ length: 19 }, (_, n) => n + 2));
  expect(ends).toEqual([]);
});

test('a live watcher that stops reading is lapped once the ring has passed it, and says so once', async () => {
  const all = stream(1);
  const { watcher, ends } = watcherOf(all, 1);
  const next = watcher.next();
  await all.write(2);
  expect((await next).value?.seq).toBe(2n);
  await all.write(3, 4, 5, 6);
  expect(ends).toEqual([]);
  await all.write(7);
  await all.write(8);
  expect(ends).toEqual(['ended', 'lapped']);
  expect(await watcher.next()).toEqual({ done: true, value: undefined });
  expect(all.feed.readers.size).toBe(0);
});

test('return ends a watcher that sleeps, at once and without an event', async () => {
  const all = stream(1);
  const { watcher, ends } = watcherOf(all, 1);
  const next = watcher.next();
  await watcher.return();
  expect(await next).toEqual({ done: true, value: undefined });
  await watcher.return();
  expect(ends).toEqual(['ended']);
  expect(all.feed.readers.size).toBe(0);
  await all.write(2);
  expect(await watcher.next()).toEqual({ done: true, value: undefined });
});

test('throw ends it too, and hands the error on', async () => {
  const { watcher, ends } = watcherOf(stream(1), 1);
  await expect(watcher.throw(new Error('the transport broke'))).rejects.toThrow('the transport broke');
  expect(ends).toEqual(['ended']);
});

test('pruned history: first ResyncRequired, which says what is missing, then the rest without a gap', async () => {
  const all = stream(8);
  all.log.prune(5n);
  const { watcher } = watcherOf(all, 1);
  const [missing, ...rest] = await take(watcher, 4);
  expect(missing).toMatchObject({ type: 'RESYNC_REQUIRED', seq: 5n, payload: { missedFrom: 2, resumesAt: 6 } });
  expect(numbers(rest)).toEqual([6, 7, 8]);
});

test('a cursor just before the oldest event that is left needs no resync', async () => {
  const all = stream(8);
  all.log.prune(5n);
  const { watcher } = watcherOf(all, 5);
  expect(numbers(await take(watcher, 3))).toEqual([6, 7, 8]);
});

test('a log that was pruned up to its head: ResyncRequired, then what is new', async () => {
  const all = stream(4);
  all.log.prune(4n);
  const { watcher } = watcherOf(all, 0);
  expect((await take(watcher, 1))[0]).toMatchObject({ payload: { missedFrom: 1, resumesAt: 5 } });
  const next = take(watcher, 1);
  await all.write(5);
  expect(numbers(await next)).toEqual([5]);
});

test('what is written while an emptied log is read is not taken for pruned', async () => {
  const all = stream(4);
  all.log.prune(4n);
  const { watcher } = watcherOf(all, 0);
  const reading = all.log.pauseNextRead();
  const taking = take(watcher, 2);
  await reading.started;
  await all.write(5);
  reading.proceed();
  const [missing, next] = await taking;
  expect(missing).toMatchObject({ payload: { missedFrom: 1, resumesAt: 5 } });
  expect(next?.seq).toBe(5n);
});

test('a page that cannot be read fails that call only: the next one goes on at the same place', async () => {
  const all = stream(3);
  const { watcher } = watcherOf(all, 0);
  all.log.failNextRead(new Error('Postgres is away'));
  await expect(watcher.next()).rejects.toThrow('Postgres is away');
  expect(numbers(await take(watcher, 3))).toEqual([1, 2, 3]);
});
