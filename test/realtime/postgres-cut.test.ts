/** Postgres ends every connection in the middle of everything, as a restart or a failover does: nothing is lost or doubled. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { rowId } from '../../src/graphql/global-id.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, giftId, readLog, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { test } from './support/nodes.ts';
import { crowd, edgesOf, range, seen, watch } from './support/watch.ts';

/** How often a sender repeats a call that failed. */
const ATTEMPTS_MAX = 50;
const GIFTS_PER_SENDER = 30;

/** Ends all connections of the servers; the test's own stay. */
async function cutAll(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'hadiya' AND pid <> pg_backend_pid()`,
  );
  return rowCount ?? 0;
}

/** Ends all connections while a batch of gifts surely waits in Postgres: for a log that the test holds. */
async function cutUnderWay(pool: Pool, streamId: string): Promise<void> {
  const holder = await pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT FROM live_log WHERE stream_id = $1 FOR UPDATE', [rowId('LiveStream', streamId)]);
    await expect
      .poll(async () => {
        const { rows } = await pool.query(
          `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%gifts.sendBatch%'
            AND application_name = 'hadiya' AND datname = current_database()`,
        );
        return rows.length;
      })
      .toBe(1);
    expect(await cutAll(pool)).toBeGreaterThan(0);
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
}

/** Sends one gift, again and again with its key until it is answered. Returns its seq and how many calls failed. */
async function insist(sender: Actor, streamId: string, kind: string): Promise<{ seq: number; failed: number }> {
  const idempotencyKey = randomUUID();
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const sent = await sendGift(sender, streamId, { giftId: kind, idempotencyKey }).catch(() => undefined);
    if (sent) return { seq: succeed(sent).giftSent.seq, failed: attempt - 1 };
  }
  throw new Error('the server does not recover');
}

/** Reads the whole log, again if a page met a connection that the last cut had ended: what is sent on it fails, as at a restart. */
async function insistOnLog(reader: Actor, streamId: string): ReturnType<typeof readLog> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const log = await readLog(reader.api, streamId).catch(() => undefined);
    if (log) return log;
  }
  throw new Error('the server does not recover');
}

/** A hundred and twenty gifts, again and again. */
const TEST_LIMIT_MS = 120_000;

test('senders repeat what failed, watchers stay connected, and each gift is in the log once', {
  timeout: TEST_LIMIT_MS,
}, async ({ nodes: { a, b }, db }) => {
  const creator = await signIn(a);
  const streamId = (await startStream(creator)).id;
  const [viewers, rose] = [await crowd(a, 4), await giftId(creator.api, 'Rose')];
  const feeds = await Promise.all([watch(a, streamId), watch(b, streamId), watch(a, streamId, { over: 'sse' })]);
  await Promise.all(feeds.map((feed) => seen(feed, 1)));

  const seqs: number[] = [];
  let failed = 0;
  const senders = viewers.map(async (viewer) => {
    for (const n of range(1, GIFTS_PER_SENDER)) {
      const gift = await insist(viewer, streamId, rose);
      seqs.push(gift.seq);
      failed += gift.failed;
      if (viewer === viewers[0] && n % 10 === 0) await cutAll(db.pool);
    }
  });
  await cutUnderWay(db.pool, streamId);
  await Promise.all(senders);
  expect(failed).toBeGreaterThan(0);
  expect(new Set(seqs).size).toBe(viewers.length * GIFTS_PER_SENDER);

  const log = await insistOnLog(creator, streamId);
  const gifts = log.filter(({ node }) => node.__typename === 'GiftSent').map(({ node }) => node.seq);
  expect(gifts).toEqual(seqs.sort((one, other) => one - other));
  await Promise.all(feeds.map((feed) => seen(feed, log.at(-1)!.node.seq)));
  for (const feed of feeds) expect(edgesOf(feed).slice(0, log.length)).toEqual(log);
  await expectBooksBalanced(db.pool);
});
