/** The live end of a log in memory: contiguous, never behind what it was told, never beyond what is committed. */
import { expect, test } from 'vitest';
import { Feed, type FeedReader } from '../../src/live/feed.ts';
import { events, seqs, testLog } from '../realtime/support/memory-log.ts';

const RING_SIZE = 8;
const PAGE_SIZE = 4;

/** A feed at `head` over a log in memory. */
function feedAt(head: bigint, log = testLog()) {
  const feed = new Feed(1n, 'e90c0000', head, { ringSize: RING_SIZE, pageSize: PAGE_SIZE, readPage: log.readPage });
  const held = () =>
    seqs(Array.from({ length: 40 }, (_, n) => feed.at(BigInt(n))).filter((event) => event !== undefined));
  return { feed, log, held };
}

/** A reader that stands still, and counts how often it was lapped. */
function reader(
  nextSeq: bigint,
  isLive: boolean,
): { -readonly [Key in keyof FeedReader]: FeedReader[Key] } & { laps: number } {
  return {
    nextSeq,
    isLive,
    laps: 0,
    lap() {
      this.laps++;
    },
  };
}

test('what follows the head is appended without a look at the log', async () => {
  const { feed, log, held } = feedAt(2n);
  await feed.receive(events(3, 4));
  await feed.receive(events(5));
  expect([feed.head, held()]).toEqual([5n, [3, 4, 5]]);
  expect(log.reads).toEqual([]);
});

test('doubles are dropped, and of a message that overlaps only the new part counts', async () => {
  const { feed, log, held } = feedAt(0n);
  await feed.receive(events(1, 2, 3));
  await feed.receive(events(2, 3));
  await feed.receive(events(1));
  await feed.receive(events(3, 4, 5));
  expect([feed.head, held()]).toEqual([5n, [1, 2, 3, 4, 5]]);
  expect(log.reads).toEqual([]);
});

test('a gap is filled from the log, up to what the log holds', async () => {
  const { feed, log, held } = feedAt(1n);
  log.hold(events(1, 2, 3, 4, 5, 6));
  await feed.receive(events(5));
  expect([feed.head, held()]).toEqual([6n, [2, 3, 4, 5, 6]]);
  await feed.receive(events(6, 7));
  expect(feed.head).toBe(7n);
});

test('catching up reads page after page until one comes back short', async () => {
  const { feed, log } = feedAt(0n);
  log.hold(events(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  await feed.catchUp();
  expect(feed.head).toBe(10n);
  expect(log.reads).toEqual([0n, 4n, 8n]);
});

test('a message of more than half a ring is read from the log in pages, so that it laps nobody who keeps up', async () => {
  const { feed, log } = feedAt(0n);
  log.hold(events(...Array.from({ length: 12 }, (_, n) => n + 1)));
  const keepsUp = reader(1n, true);
  feed.readers.add(keepsUp);
  const wake = new AbortController();
  const following = (async () => {
    while (feed.head < 12n) {
      await feed.wake.wait(wake.signal);
      keepsUp.nextSeq = feed.head + 1n;
    }
  })();
  await feed.receive(events(...Array.from({ length: 12 }, (_, n) => n + 1)));
  await following;
  expect(log.reads).toEqual([0n, 4n, 8n, 12n]);
  expect(keepsUp.laps).toBe(0);
});

test('a message that arrives while a gap is being filled is neither lost nor doubled', async () => {
  const { feed, log, held } = feedAt(0n);
  log.hold(events(1, 2));
  const reading = log.pauseNextRead();
  const catchingUp = feed.receive(events(3));
  await reading.started;
  await feed.receive(events(1, 2, 3));
  reading.proceed();
  log.hold(events(3));
  await catchingUp;
  expect([feed.head, held()]).toEqual([3n, [1, 2, 3]]);
});

test('a catch-up that is asked for during another runs once more, and not once for everybody', async () => {
  const { feed, log } = feedAt(0n);
  const reading = log.pauseNextRead();
  const first = feed.catchUp();
  await reading.started;
  const others = [feed.catchUp(), feed.catchUp(), feed.catchUp()];
  log.hold(events(1));
  reading.proceed();
  await Promise.all([first, ...others]);
  expect(feed.head).toBe(1n);
  expect(log.reads).toHaveLength(2);
});

test('a catch-up that fails leaves the feed as it was, and the next one works', async () => {
  const { feed, log, held } = feedAt(0n);
  await feed.receive(events(1));
  log.hold(events(1, 2, 3));
  log.failNextRead(new Error('Postgres is away'));
  await expect(feed.receive(events(3))).rejects.toThrow('Postgres is away');
  expect([feed.head, held()]).toEqual([1n, [1]]);
  await feed.catchUp();
  expect([feed.head, held()]).toEqual([3n, [1, 2, 3]]);
});

test('the ring keeps the last events and forgets the older ones', async () => {
  const { feed, held } = feedAt(0n);
  for (let seq = 1; seq <= 19; seq++) await feed.receive(events(seq));
  expect(held()).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
  expect(feed.at(11n)).toBeUndefined();
  expect(feed.at(20n)).toBeUndefined();
});

test('a message larger than the ring leaves its last events in it', async () => {
  const { feed, log, held } = feedAt(0n);
  const all = events(...Array.from({ length: 21 }, (_, n) => n + 1));
  log.hold(all);
  await feed.receive(all);
  expect(held()).toEqual([14, 15, 16, 17, 18, 19, 20, 21]);
});

test('when history was pruned in front of the head, the ring starts anew instead of mixing rounds', async () => {
  const { feed, log, held } = feedAt(0n);
  await feed.receive(events(1, 2, 3));
  log.hold(events(6, 7));
  await feed.receive(events(7));
  expect([feed.head, held()]).toEqual([7n, [6, 7]]);
});

test('the ring laps the live readers that it passes, and no others', async () => {
  const { feed } = feedAt(0n);
  const stalled = reader(1n, true);
  const justInTime = reader(2n, true);
  const inThePast = reader(1n, false);
  for (const one of [stalled, justInTime, inThePast]) feed.readers.add(one);
  await feed.receive(events(1, 2, 3, 4));
  await feed.receive(events(5, 6, 7, 8));
  expect([stalled.laps, justInTime.laps, inThePast.laps]).toEqual([0, 0, 0]);
  await feed.receive(events(9));
  expect([stalled.laps, justInTime.laps, inThePast.laps]).toEqual([1, 0, 0]);
});

test('sleepers are woken by what is new, and by nothing else', async () => {
  const { feed } = feedAt(0n);
  const never = new AbortController().signal;
  let woken = 0;
  const sleep = () =>
    feed.wake.wait(never).then(() => {
      woken++;
    });
  await feed.receive(events(1));
  const sleeping = [sleep(), sleep()];
  await feed.receive(events(1));
  expect(woken).toBe(0);
  await feed.receive(events(2));
  await Promise.all(sleeping);
  expect(woken).toBe(2);
});

test('what the log had and does not give is pruned: the head moves on, and who reads before it is told', async () => {
  const { feed, held } = feedAt(2n);
  await feed.receive(events(3));
  const behind = reader(2n, true);
  feed.readers.add(behind);
  await feed.catchUp();
  feed.skipTo(9n);
  expect([feed.head, feed.first, held(), behind.laps]).toEqual([9n, 10n, [], 1]);
  expect(await feed.past(4n)).toMatchObject([
    { seq: 9n, type: 'RESYNC_REQUIRED', payload: { missedFrom: 4, resumesAt: 10 } },
  ]);
  feed.skipTo(5n);
  await feed.receive(events(10));
  expect([feed.head, held()]).toEqual([10n, [10]]);
});
