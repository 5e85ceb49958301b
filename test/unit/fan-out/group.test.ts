/** A group: one execution an event, one flush a window, and nobody waits for anybody. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Group, RESPONSE_BYTES_KEPT_MAX } from '../../../src/graphql/fan-out/group.ts';
import { SharedResponse } from '../../../src/graphql/fan-out/response.ts';
import { Feed } from '../../../src/live/feed.ts';
import { type LiveEvent, RESYNC_REQUIRED } from '../../../src/live/live-event.ts';
import { events, testLog } from '../../realtime/support/memory-log.ts';

const RING_SIZE = 2_048;
const WINDOW_MS = 20;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type Respond = (event: LiveEvent) => SharedResponse | undefined | Promise<SharedResponse | undefined>;
const respondWithSeq: Respond = (event) => new SharedResponse({ data: { seq: Number(event.seq) } });

function groupOf(respond: Respond = respondWithSeq, windowMs = WINDOW_MS) {
  const log = testLog();
  const feed = new Feed(1n, 'e90c0000', 0n, { ringSize: RING_SIZE, pageSize: 500, readPage: log.readPage });
  const executed: number[] = [];
  const ends: string[] = [];
  const group = new Group(feed, {
    respond: (event) => {
      executed.push(Number(event.seq));
      return respond(event);
    },
    windowMs,
    onEmpty: () => ends.push('empty'),
  });
  return { feed, group, executed, ends };
}

/** A member that takes everything at each flush; `flushes` holds what each brought. */
function greedy({ group, feed }: { group: Group<LiveEvent>; feed: Feed }) {
  let nextSeq = feed.head + 1n;
  const flushes: string[][] = [];
  const member = {
    flush: () => {
      const taken: string[] = [];
      while (nextSeq <= feed.head) {
        const due = group.due(nextSeq);
        if (due instanceof Promise) break;
        taken.push(...due.payloads.map(String));
        nextSeq = due.nextSeq;
      }
      flushes.push(taken);
    },
  };
  group.join(member);
  return { member, flushes };
}

const message = (seq: number) => `{"data":{"seq":${seq}}}}`;

test('an event is executed once, whatever the number of members, also for those who come later', async () => {
  const all = groupOf();
  const members = Array.from({ length: 50 }, () => greedy(all));
  await all.feed.receive(events(1, 2));
  for (const { flushes } of members) expect(flushes).toEqual([[message(1), message(2)]]);
  expect(all.group.due(1n)).toEqual({
    payloads: [message(1), message(2)].map((text) => Buffer.from(text)),
    fromSeq: 1n,
    head: 2n,
    nextSeq: 3n,
  });
  expect(all.executed).toEqual([1, 2]);
});

test('the first event goes out at once, those that follow within the window together at its end', async () => {
  const all = groupOf();
  const { flushes } = greedy(all);
  await all.feed.receive(events(1));
  expect(flushes).toEqual([[message(1)]]);
  await all.feed.receive(events(2));
  vi.advanceTimersByTime(WINDOW_MS / 2);
  await all.feed.receive(events(3));
  expect(flushes).toHaveLength(1);
  vi.advanceTimersByTime(WINDOW_MS / 2);
  expect(flushes).toEqual([[message(1)], [message(2), message(3)]]);
  vi.advanceTimersByTime(WINDOW_MS);
  expect(flushes).toHaveLength(2);
  await all.feed.receive(events(4));
  expect(flushes.at(-1)).toEqual([message(4)]);
});

test('without a window every event goes out at once', async () => {
  const all = groupOf(respondWithSeq, 0);
  const { flushes } = greedy(all);
  for (const seq of [1, 2, 3]) await all.feed.receive(events(seq));
  expect(flushes).toEqual([[message(1)], [message(2)], [message(3)]]);
});

test('events without a response are passed over', async () => {
  const all = groupOf((event) => (event.type === 'GIFT_SENT' ? respondWithSeq(event) : undefined));
  const { flushes } = greedy(all);
  await all.feed.receive(events(1, 2, 3));
  expect(flushes).toEqual([[message(2)]]);
  expect(all.group.due(3n)).toMatchObject({ payloads: [], nextSeq: 4n });
});

test('what is executed asynchronously is waited for, in order', async () => {
  let settle!: (response: SharedResponse) => void;
  const slow = new Promise<SharedResponse>((resolve) => {
    settle = resolve;
  });
  const all = groupOf((event) => (event.seq === 2n ? slow : respondWithSeq(event)));
  const { flushes } = greedy(all);
  await all.feed.receive(events(1, 2, 3));
  expect(flushes).toEqual([[message(1)]]);
  expect(all.group.due(2n)).toBeInstanceOf(Promise);
  settle(new SharedResponse({ data: { seq: 2 } }));
  await slow;
  expect(all.group.due(2n)).toMatchObject({
    payloads: [message(2), message(3)].map((text) => Buffer.from(text)),
    nextSeq: 4n,
  });
  expect(all.executed).toEqual([1, 2, 3]);
});

test('an execution that fails is tried again by the next who asks', async () => {
  let failures = 1;
  const all = groupOf((event) => (failures-- > 0 ? Promise.reject(new Error('away')) : respondWithSeq(event)));
  greedy(all);
  await all.feed.receive(events(1));
  const event = all.feed.at(1n)!;
  expect(String((await all.group.responseTo(1n, event))?.payload)).toBe(message(1));
  expect(all.executed).toEqual([1, 1]);
});

test('the responses that are kept are bounded, the oldest go first', async () => {
  const text = 'x'.repeat(RESPONSE_BYTES_KEPT_MAX / 8);
  const all = groupOf((event) => new SharedResponse({ data: { seq: Number(event.seq), text } }));
  greedy(all);
  await all.feed.receive(events(1, 2, 3, 4, 5, 6, 7));
  all.group.responseTo(1n, all.feed.at(1n)!);
  expect(all.executed).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await all.feed.receive(events(8, 9));
  vi.advanceTimersByTime(WINDOW_MS);
  all.group.responseTo(9n, all.feed.at(9n)!);
  all.group.responseTo(3n, all.feed.at(3n)!);
  expect(all.executed).toHaveLength(9);
  all.group.responseTo(1n, all.feed.at(1n)!);
  expect(all.executed).toHaveLength(10);
});

test('what stands in for pruned history is not shared: it depends on where a member was', () => {
  const { group, feed } = groupOf((event) => new SharedResponse({ data: event.payload as Record<string, unknown> }));
  const missing = (missedFrom: number): LiveEvent => ({
    streamId: feed.streamId,
    seq: 9n,
    type: RESYNC_REQUIRED,
    occurredAt: new Date(0),
    payload: { missedFrom, resumesAt: 10 },
  });
  const responses = [group.responseTo(9n, missing(1)), group.responseTo(9n, missing(5))] as SharedResponse[];
  expect(responses.map(({ payload }) => String(payload))).toEqual([
    '{"data":{"missedFrom":1,"resumesAt":10}}}',
    '{"data":{"missedFrom":5,"resumesAt":10}}}',
  ]);
});

test('a group ends with its last member: it hears the feed no more, and no timer is left', async () => {
  const all = groupOf();
  const [one, other] = [greedy(all), greedy(all)];
  await all.feed.receive(events(1));
  await all.feed.receive(events(2));
  all.group.leave(one.member);
  expect([all.ends, all.feed.listeners.size, vi.getTimerCount()]).toEqual([[], 1, 1]);
  all.group.leave(other.member);
  expect([all.ends, all.feed.listeners.size, vi.getTimerCount()]).toEqual([['empty'], 0, 0]);
});
