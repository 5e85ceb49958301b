/** Errors that nobody expected: the client learns that there was one, and nothing else. */
import type { Pool, PoolClient } from 'pg';
import { expect } from 'vitest';
import { LIVE_EVENTS, mutationDocument, STREAM_PULSE } from '../support/documents.ts';
import type { WireError } from '../support/feed.ts';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { giftId, type LiveEventEdge, readLog, sendGift, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { expectClearErrors, expectMasked } from './support/clear-errors.ts';
import { rowOf } from './support/ids.ts';
import { whoWaitsFor } from './support/lock-waits.ts';
import { QUIET } from './support/shared-server.ts';

const test = testWith(QUIET);

/** Renames a column for as long as the work lasts: a defect that no input can cause. */
async function without<T>(pool: Pool, table: string, column: string, work: () => Promise<T>): Promise<T> {
  await pool.query(`ALTER TABLE ${table} RENAME COLUMN ${column} TO hidden`);
  try {
    return await work();
  } finally {
    await pool.query(`ALTER TABLE ${table} RENAME COLUMN hidden TO ${column}`);
  }
}

test('a query that fails says only that it did, and works again when the cause is gone', async ({ server, db }) => {
  const document = '{ gifts { id coins } }';
  const failed = await without(db.pool, 'gift', 'coins', () => server.http().request(document));
  expect(failed.data).toBeNull();
  expectMasked(failed.errors);
  expect((await server.http().request(document)).errors).toBeUndefined();
});

test('a query through Prisma that fails says no more either', async ({ server, db }) => {
  const document = '{ creators { edges { node { handle displayName } } } }';
  const failed = await without(db.pool, 'viewer', 'display_name', () => server.http().request(document));
  expect(failed.data).toBeNull();
  expectMasked(failed.errors);
});

test('one nullable field that fails leaves the others of the query', async ({ db, live }) => {
  const document = `query Parts($handle: String!) {
    creator(handle: $handle) { handle earnings { lifetimeDiamonds } } gifts { name } }`;
  const variables = { handle: live.creator.handle };
  const { data, errors } = await without(db.pool, 'ledger_account', 'balance', () =>
    live.creator.api.request(document, variables),
  );
  expect(data).toMatchObject({
    creator: { handle: live.creator.handle, earnings: null },
    gifts: expect.arrayContaining([{ name: 'Rose' }]),
  });
  expectMasked(errors);
});

test('a mutation that fails says only that it did, writes nothing, and its key is free', async ({
  server,
  db,
  funded,
  live,
}) => {
  const input = { streamId: live.streamId, giftId: await giftId(server.http(), 'Rose'), idempotencyKey: 'once' };
  const failed = await without(db.pool, 'gift_streak', 'total', () =>
    funded.api.request(mutationDocument('sendGift'), { input }),
  );
  expect(failed.data).toBeNull();
  expectMasked(failed.errors);
  await expectBooksBalanced(db.pool);
  expect(await sendGift(funded, live.streamId, input)).toMatchObject({
    replayed: false,
    giftSent: { seq: 2, streak: 1 },
  });
  await expectBooksBalanced(db.pool);
});

test('over WebSocket it is the same, and the socket and its other subscriptions go on', async ({
  server,
  db,
  funded,
  live,
}) => {
  const socket = await server.ws({ token: funded.token });
  const feed = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await feed.next();
  const failed = await without(db.pool, 'gift', 'coins', () => socket.query('{ gifts { coins } }'));
  expectMasked(failed.errors);
  const end = await without(db.pool, 'creator', 'viewer_id', () =>
    socket
      .subscribe('subscription Pulse($id: ID!) { streamPulse(streamId: $id) { likes } }', { id: live.streamId })
      .untilClosed(),
  );
  expect(end.code).toBeNull();
  expectMasked(end.errors);
  await sendGift(funded, live.streamId);
  expect((await feed.next()).liveEvents.node.type).toBe('GIFT_SENT');
});

test('a token whose viewer cannot be read is an unexpected error, over HTTP and when a socket opens', async ({
  db,
  viewer,
}) => {
  const second = await startServer({ ...QUIET, databaseUrl: db.url }); // It has not met the viewer yet.
  try {
    await without(db.pool, 'viewer', 'subject', async () => {
      const failed = await second.http(viewer.token).request('{ me { handle } }');
      expect(failed.data).toBeNull();
      expectMasked(failed.errors);
      const socket = await second.raw();
      socket.send({ type: 'connection_init', payload: { token: viewer.token } });
      const { code, reason } = await socket.messages.untilClosed();
      expect({ code, reason }).toEqual({ code: 1013, reason: 'Unexpected error.' });
    });
    const again = await second.ws({ token: viewer.token });
    expect((await again.query('{ me { handle } }')).data).toEqual({ me: { handle: viewer.handle } });
  } finally {
    await second.close();
  }
});

test('a feed that cannot be read ends with an unexpected error, over WebSocket and server-sent events, and can be had again', async ({
  server,
  db,
  live,
}) => {
  const variables = { streamId: live.streamId, after: '' };
  await without(db.pool, 'live_event', 'payload', async () => {
    const socket = await server.ws();
    for (const feed of [socket.subscribe(LIVE_EVENTS, variables), server.sse(LIVE_EVENTS, variables)]) {
      expectMasked((await feed.untilClosed()).errors);
    }
  });
  const socket = await server.ws();
  const pulse = socket.subscribe<{ streamPulse: { viewers: number } }>(STREAM_PULSE, { streamId: live.streamId });
  expect((await pulse.next()).streamPulse.viewers, 'nobody watches any more').toBe(0);
  const again = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, variables);
  expect((await again.next()).liveEvents.node.seq).toBe(1);
});

test('a gift whose database connection is cut is sent once by its key', async ({ db, funded, live }) => {
  const order = { giftId: await giftId(funded.api, 'Rose'), idempotencyKey: 'once' };
  const input = { ...order, streamId: live.streamId, quantity: 1 };
  const holder = await db.pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM live_log WHERE stream_id = $1 FOR UPDATE', [rowOf(live.streamId)]);
    const sending = funded.api.request(mutationDocument('sendGift'), { input });
    await cutWhoWaits(db.pool, holder);
    const failed = await sending;
    expectUnavailable(failed.errors);
    await holder.query('COMMIT');
  } finally {
    holder.release();
  }
  const sent = succeed(await sendGift(funded, live.streamId, order));
  expect(sent).toMatchObject({ replayed: false, giftSent: { seq: 2 } });
  expect(await readLog(funded.api, live.streamId)).toHaveLength(2);
  await expectBooksBalanced(db.pool);
});

test.for([
  ['a statement of our own', 'gift', '{ gifts { id coins } }'],
  ['Prisma', 'creator', '{ creators { edges { node { handle displayName } } } }'],
] as const)(
  'a query by %s whose connection is cut says when to ask again',
  async ([, table, document], { server, db }) => {
    const holder = await db.pool.connect();
    try {
      await holder.query('BEGIN');
      await holder.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      const asking = server.http().request(document);
      await cutWhoWaits(db.pool, holder);
      expectUnavailable((await asking).errors);
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
  },
);

function expectUnavailable(errors: readonly WireError[] | undefined): void {
  expectClearErrors(errors, 'UNAVAILABLE');
  expect(errors?.[0]?.extensions).toMatchObject({ retryAfterMs: expect.any(Number) });
}

/** Ends the connection that waits for a lock, as an operator or a failing network would. */
async function cutWhoWaits(pool: Pool, holder: PoolClient): Promise<void> {
  const waiting = await whoWaitsFor(pool, holder);
  await pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [waiting]);
}
