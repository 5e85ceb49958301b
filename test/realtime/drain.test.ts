/** SIGTERM: not ready first, what is under way ends, sockets are closed over a while, and the process ends well. */
import { createClient } from 'graphql-ws';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { exited } from '../support/exit.ts';
import { within } from '../support/feed.ts';
import { test } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { buyCoins, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import type { RawSocket } from '../support/raw-socket.ts';
import { startServerProcess } from '../support/server-process.ts';

/** Processes start, and stop in their own time. */
const TEST_LIMIT_MS = 180_000;
/** Enough that they take the whole window, see `spread.ts`. */
const SOCKETS = 80;
/** Long enough for all that is asked of a server that is not ready any more, on a busy machine. */
const DELAY_MS = 4_000;
/** Long enough that a stall, of the server or of us, is a part of it. */
const SPREAD_MS = 4_000;
/** Both, and what requests under way may take. */
const STOP_LIMIT_MS = 30_000;
/** Gifts that wait for a lock. */
const WAITING = `SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%gifts.sendBatch%'`;
const LIVE_EVENTS = 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { cursor node { seq } } }';

function seqsOf({ messages }: RawSocket): number[] {
  type Next = { data: { liveEvents: { node: { seq: number } } } };
  return messages.received.flatMap(({ type, payload }) =>
    type === 'next' ? [(payload as Next).data.liveEvents.node.seq] : [],
  );
}

test('not ready at once, serving meanwhile; 1012 over seconds; a gift under way is answered; exit code 0', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const server = await startServerProcess({
    databaseUrl: db.url,
    env: { DRAIN_DELAY_MS: String(DELAY_MS), DRAIN_SPREAD_MS: String(SPREAD_MS) },
  });
  onTestFinished(async () => void (await server.kill()));
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  const streamId = (await startStream(creator)).id;
  succeed(await buyCoins(viewer, { coins: 70 }));
  const closedAtMs: number[] = [];
  const note = async <End>(closed: Promise<End>): Promise<End> => {
    const end = await closed;
    closedAtMs.push(performance.now());
    return end;
  };
  const watched = Array.from({ length: SOCKETS }, async () => {
    const socket = await server.raw();
    await socket.init();
    socket.subscribe('1', LIVE_EVENTS, { id: streamId });
    await socket.messages.next();
    return { socket, ended: note(socket.messages.closed) };
  });
  const sockets = await Promise.all(watched);
  const blocker = await db.pool.connect();
  await blocker.query('BEGIN');
  await blocker.query("SELECT 1 FROM ledger_account WHERE kind = 'WALLET' FOR UPDATE");
  const gift = sendGift(viewer, streamId, { quantity: 7 });
  await expect.poll(async () => (await db.pool.query(WAITING)).rowCount).toBe(1);

  const exit = exited(server.child);
  server.child.kill('SIGTERM');
  const ready = async () => {
    const response = await fetch(new URL('/ready', server.url));
    return { status: response.status, body: await response.json() };
  };
  await expect.poll(ready, { interval: 20 }).toEqual({ status: 503, body: { status: 'draining', checks: {} } });
  expect((await fetch(new URL('/health', server.url))).status).toBe(200);
  expect((await viewer.api.request('{ gifts { id } }')).data).toBeTruthy();
  expect(closedAtMs).toEqual([]);
  await blocker.query('ROLLBACK');
  blocker.release();
  expect(succeed(await gift)).toMatchObject({ replayed: false, giftSent: { quantity: 7 } });

  const ends = await within('the sockets', Promise.all(sockets.map(({ ended }) => ended)), STOP_LIMIT_MS);
  expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([1012]));
  // Not at once: from the first to the last most of the window passes, and no moment takes more than a fraction of them.
  expect(closedAtMs.at(-1)! - closedAtMs[0]!).toBeGreaterThan(SPREAD_MS * 0.6);
  expect(await within('the exit', exit, STOP_LIMIT_MS)).toMatchObject({ code: 0 });
  // The stream's start, and the gift; for the last ones perhaps the end of its streak.
  for (const { socket } of sockets) expect(seqsOf(socket).slice(0, 2)).toEqual([1, 2]);
  await expectBooksBalanced(db.pool);
});

test('a client of graphql-ws connects again after 1012, and misses nothing', { timeout: TEST_LIMIT_MS }, async ({
  db,
}) => {
  const env = { DRAIN_SPREAD_MS: '200' };
  const [first, second] = await Promise.all([
    startServerProcess({ databaseUrl: db.url, env }),
    startServerProcess({ databaseUrl: db.url, env }),
  ]);
  onTestFinished(async () => void (await Promise.all([first.kill(), second.kill()])));
  const creator = await signIn(second);
  const streamId = (await startStream(creator)).id;
  const codes: number[] = [];
  let url = first.url;
  const client = createClient({
    url: () => url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 5,
    retryWait: async () => {},
    on: { closed: (event) => void codes.push((event as { code: number }).code) },
  });
  onTestFinished(async () => client.dispose());
  const seen: number[] = [];
  const stop = client.subscribe<{ liveEvents: { node: { seq: number } } }>(
    { query: LIVE_EVENTS, variables: { id: streamId } },
    { next: ({ data }) => void seen.push(data!.liveEvents.node.seq), error: () => {}, complete: () => {} },
  );
  onTestFinished(() => stop());
  await expect.poll(() => seen).toEqual([1]);
  url = second.url;
  expect(await first.stop()).toMatchObject({ code: 0 });
  await expect.poll(() => seen).toEqual([1, 1]); // from the start again: this client keeps no cursor
  expect(codes).toEqual([1012]);
});
