/** SIGKILL: whatever a server was doing, what it acknowledged stays, once, and everybody hears of it. */
import { randomUUID } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { giftId, type LiveEvent, readLog, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { freePort, startRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { POLL_INTERVAL_MS, test } from './support/nodes.ts';
import { chatter, crowd, edgesOf, range, say, seen, seqsOf, watch } from './support/watch.ts';

/** Two starts of a server process take their time on a busy machine. */
const TEST_LIMIT_MS = 180_000;

const overrides = { hub: { pollIntervalMs: POLL_INTERVAL_MS } };

/** Starts a server process that the test kills; kills it anyway when the test ends early. */
async function startVictim(options: Parameters<typeof startServerProcess>[0]): Promise<ServerProcess> {
  const server = await startServerProcess(options);
  onTestFinished(async () => {
    await server.kill();
  });
  return server;
}

test('killed under load: acknowledged gifts are in the log exactly once, the others can be sent again safely', {
  timeout: TEST_LIMIT_MS,
}, async ({ db, redis, nodeB }) => {
  const port = await freePort();
  const victim = await startVictim({ databaseUrl: db.url, redis: redis.url, port });
  const creator = await signIn(victim);
  const streamId = (await startStream(creator)).id;
  const [viewers, rose] = [await crowd(nodeB, 4), await giftId(creator.api, 'Rose')];
  const there = await watch(nodeB, streamId);
  const here = await watch(victim, streamId);
  await Promise.all([there, here].map((feed) => seen(feed, 1)));

  const acknowledged = new Map<string, LiveEvent>();
  const unanswered: { handle: string; idempotencyKey: string }[] = [];
  const senders = viewers.flatMap(({ handle }) =>
    range(1, 3).map(async () => {
      const sender = await signIn(victim, handle);
      for (;;) {
        const idempotencyKey = randomUUID();
        const sent = await sendGift(sender, streamId, { giftId: rose, idempotencyKey }).catch(() => undefined);
        if (sent === undefined) return unanswered.push({ handle, idempotencyKey });
        acknowledged.set(idempotencyKey, succeed(sent).giftSent);
        if (acknowledged.size === 100) await victim.kill();
      }
    }),
  );
  await Promise.all(senders);
  expect(unanswered.length).toBeGreaterThan(0);

  const restarted = await startVictim({ databaseUrl: db.url, redis: redis.url, port });
  for (const { handle, idempotencyKey } of unanswered) {
    const again = { giftId: rose, idempotencyKey };
    const first = succeed(await sendGift(await signIn(restarted, handle), streamId, again));
    const second = succeed(await sendGift(await signIn(nodeB, handle), streamId, again));
    expect(second).toMatchObject({ replayed: true, giftSent: first.giftSent });
  }
  const last = await say(await signIn(restarted, creator.handle), streamId, 'back again');
  const log = await readLog(viewers[0]!.api, streamId, 100);
  const gifts = log.filter(({ node }) => node.type === 'GIFT_SENT');
  for (const event of acknowledged.values()) {
    expect(gifts.filter(({ node }) => node.seq === event.seq)).toMatchObject([{ node: event }]);
  }
  expect(gifts).toHaveLength(acknowledged.size + unanswered.length);

  const resumed = await watch(restarted, streamId, { after: here.received.at(-1)!.liveEvents.cursor });
  await Promise.all([there, resumed].map((feed) => seen(feed, last)));
  const untilThen = log.filter(({ node }) => node.seq <= last);
  expect(edgesOf(there).slice(0, last)).toEqual(untilThen);
  expect([...edgesOf(here), ...edgesOf(resumed)].slice(0, last)).toEqual(untilThen);
  await expectBooksBalanced(db.pool);
});

test('killed between commit and announcement: watchers elsewhere get the event by the poll, others when they resume', {
  timeout: TEST_LIMIT_MS,
}, async ({ db, nodeB }) => {
  // What this server announces goes to a Redis that dies: nobody hears it.
  const silent = await startRedis();
  onTestFinished(() => silent.stop());
  const port = await freePort();
  const victim = await startVictim({ databaseUrl: db.url, redis: silent.url, port });
  const creator = await signIn(victim);
  const streamId = (await startStream(creator)).id;
  const there = await watch(nodeB, streamId);
  const here = await watch(victim, streamId);
  await Promise.all([there, here].map((feed) => seen(feed, 1)));
  await silent.kill();
  const lost = await say(creator, streamId, 'nobody announces this');
  await victim.kill();
  await here.closed;
  await seen(there, lost);

  const restarted = await startVictim({ databaseUrl: db.url, port });
  const resumed = await watch(restarted, streamId, { after: here.received.at(-1)!.liveEvents.cursor });
  const last = await say(await signIn(restarted, creator.handle), streamId, 'back again');
  await Promise.all([there, resumed].map((feed) => seen(feed, last)));
  expect(seqsOf(there)).toEqual(range(1, last));
  expect([...seqsOf(here), ...seqsOf(resumed)]).toEqual(range(1, last));
});

test('a streak of a server that was killed is closed by another one', { timeout: TEST_LIMIT_MS }, async ({
  db,
  redis,
}) => {
  const victim = await startVictim({ databaseUrl: db.url, redis: redis.url });
  const streamId = (await startStream(await signIn(victim))).id;
  const [viewer] = await crowd(victim, 1);
  for (const quantity of [3, 4]) {
    succeed(await sendGift(viewer!, streamId, { quantity }));
    // However long the next step takes.
    await db.pool.query("UPDATE gift_streak SET expires_at = clock_timestamp() + interval '1 hour'");
  }
  await victim.kill();
  await db.pool.query("UPDATE gift_streak SET expires_at = clock_timestamp() - interval '1 second'");
  const other = await startServer({
    databaseUrl: db.url,
    redis: redis.url,
    overrides: { ...overrides, gifts: { sweepIntervalMs: 50 } },
  });
  try {
    const feed = await watch(other, streamId, { types: ['STREAK_ENDED'] });
    expect((await feed.next()).liveEvents.node).toMatchObject({ type: 'STREAK_ENDED', total: 7, coins: 7, seq: 4 });
    await chatter(await signIn(other, viewer!.handle), streamId, 1);
    expect(feed.received).toHaveLength(1);
  } finally {
    await other.close();
  }
});
