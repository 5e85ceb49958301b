/** Fifty connections, one log: everybody receives what the database holds. */
import { expect } from 'vitest';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { endStream, giftId, readLog, sendGift, succeed } from '../support/operations.ts';
import { chatter, crowd, expectAllReceive, range, shower, streamRow, watch, watchAll } from './support/watch.ts';

const test = testWith({ overrides: { gifts: { streakWindowMs: 40, sweepIntervalMs: 15 } } });

/** Fifty connections and a hundred writes in one process. */
const TEST_LIMIT_MS = 120_000;

test('fifty watchers over WebSocket and SSE receive exactly the log: gifts, chat, streaks and the end', {
  timeout: TEST_LIMIT_MS,
}, async ({ server, db, live: { creator, streamId } }) => {
  const [viewers, feeds] = [await crowd(server, 6), await watchAll(server, streamId, 50)];
  const kinds = await Promise.all(['Rose', 'Ice Cream', 'Heart'].map((name) => giftId(creator.api, name)));
  await Promise.all([
    ...viewers.slice(0, 3).map((viewer, n) => shower(viewer, streamId, kinds.slice(0, n + 1), 12)),
    ...viewers.slice(3, 5).map((viewer) => chatter(viewer, streamId, 12)),
    Promise.all(range(1, 12).map(() => sendGift(viewers[5]!, streamId, { giftId: kinds[0]!, quantity: 3 }))),
  ]);
  succeed(await endStream(creator, streamId));
  const log = await readLog(creator.api, streamId);
  await expectAllReceive(feeds, log);

  const { rows } = await db.pool.query<{ seq: string; type: string; at: Date }>(
    'SELECT seq, type, occurred_at AS at FROM live_event WHERE stream_id = $1 ORDER BY seq',
    [streamRow(streamId)],
  );
  expect(log.map(({ node }) => [node.seq, node.type, node.occurredAt])).toEqual(
    rows.map((row) => [Number(row.seq), row.type, row.at.toISOString()]),
  );
  expect(log.map(({ node }) => node.seq)).toEqual(range(1, log.length));
  const count = (type: string) => log.filter(({ node }) => node.type === type).length;
  expect([count('GIFT_SENT'), count('CHAT_MESSAGE')]).toEqual([48, 24]);
  // Every change of kind ends a streak (11 each by two viewers), the sweep ends others, and at the end none is open.
  expect(count('STREAK_ENDED')).toBeGreaterThanOrEqual(22 + 4);
  expect(log.at(-1)?.node.type).toBe('STREAM_ENDED');
  await expectBooksBalanced(db.pool);
});

test('every gift is in exactly one streak: the ends add up to the gifts, for each sender and kind', async ({
  server,
  live: { creator, streamId },
}) => {
  const viewers = await crowd(server, 4);
  const kinds = await Promise.all(['Rose', 'Ice Cream'].map((name) => giftId(creator.api, name)));
  await Promise.all(viewers.map((viewer, n) => shower(viewer, streamId, kinds.slice(0, 1 + (n % 2)), 15)));
  succeed(await endStream(creator, streamId));
  const feed = await watch(server, streamId);
  const log = await readLog(creator.api, streamId);
  await expectAllReceive([feed], log);

  type Streak = { sender: { id: string }; gift: { id: string }; quantity: number; total: number; coins: number };
  const open = new Map<string, number>();
  const ended = new Map<string, number>();
  for (const { node } of log) {
    const { sender, gift, quantity, total } = node as unknown as Streak;
    const key = sender && `${sender.id} ${gift?.id}`;
    if (node.type === 'GIFT_SENT') {
      open.set(key, (open.get(key) ?? 0) + quantity);
      expect(node.streak, `seq ${node.seq}`).toBe(open.get(key));
    }
    if (node.type === 'STREAK_ENDED') {
      expect(total, `seq ${node.seq}`).toBe(open.get(key));
      open.delete(key);
      ended.set(key, (ended.get(key) ?? 0) + total);
    }
  }
  expect(open.size).toBe(0);
  expect([...ended.values()].reduce((sum, total) => sum + total, 0)).toBe(60);
});
