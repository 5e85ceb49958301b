/** Gifts while a product is pinned speak for it, each coin once, however busy the stream is. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { test as nodesTest, POLL_INTERVAL_MS } from '../realtime/support/nodes.ts';
import { testWith } from '../support/fixtures.ts';
import { buyCoins, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';
import { insertMerchant, insertProduct, readTrending } from './support/trend-rows.ts';

const SWEEPING = {
  overrides: { ...QUIET.overrides, trends: { ...QUIET.overrides.trends, countIntervalMs: 10, giftsIntervalMs: 10 } },
};

const test = testWith(SWEEPING);

/** Pins a product from now on: the coins given before are not for it. */
async function pin(pool: Pool, streamId: string, productRow: string): Promise<void> {
  await pool.query('UPDATE showcase_item SET pinned_at = NULL WHERE stream_id = $1', [rowOf(streamId)]);
  await pool.query(
    `INSERT INTO showcase_item (stream_id, product_id, pinned_at, coins_seen) SELECT id, $2, now(), gift_coins FROM stream WHERE id = $1`,
    [rowOf(streamId), productRow],
  );
}

/** The coins that were noted for products: those that wait, and a tenth of a point each in the scores. */
async function coinsSeen(pool: Pool, streamId: string): Promise<number[]> {
  const { rows } = await pool.query<{ coins_seen: string }>(
    'SELECT coins_seen FROM showcase_item WHERE stream_id = $1 ORDER BY product_id',
    [rowOf(streamId)],
  );
  return rows.map((row) => Number(row.coins_seen));
}

async function scores(server: Parameters<typeof readTrending>[0]): Promise<Record<string, number>> {
  return Object.fromEntries((await readTrending(server)).map(({ product, score }) => [product.title, score]));
}

test('coins given while a product is pinned count for it, those before and after for others', async ({
  server,
  db,
  funded,
  live,
}) => {
  const merchant = await insertMerchant(db.pool);
  const first = await insertProduct(db.pool, merchant, { title: 'First' });
  const second = await insertProduct(db.pool, merchant, { title: 'Second' });
  succeed(await sendGift(funded, live.streamId, { gift: 'Fireworks' }));
  await pin(db.pool, live.streamId, first.row);
  succeed(await sendGift(funded, live.streamId, { gift: 'Heart', quantity: 2 }));
  succeed(await sendGift(funded, live.streamId, { gift: 'Heart' }));
  await expect.poll(() => scores(server)).toEqual({ First: expect.closeTo(15, 1) });
  await pin(db.pool, live.streamId, second.row);
  succeed(await sendGift(funded, live.streamId, { gift: 'Heart' }));
  await expect.poll(() => scores(server)).toEqual({ First: expect.closeTo(15, 1), Second: expect.closeTo(5, 1) });
  expect(await coinsSeen(db.pool, live.streamId)).toEqual([350, 400]);
});

test('the coins of a stream that has ended are left to its end', async ({ server, db, funded, live }) => {
  const merchant = await insertMerchant(db.pool);
  const here = await insertProduct(db.pool, merchant, { title: 'Ended' });
  const there = await insertProduct(db.pool, merchant, { title: 'Live' });
  const other = (await startStream(await signIn(server))).id;
  succeed(await sendGift(funded, live.streamId, { gift: 'Heart' }));
  await db.pool.query(`UPDATE stream SET status = 'ENDED', ended_at = now() WHERE id = $1`, [rowOf(live.streamId)]);
  await db.pool.query('INSERT INTO showcase_item (stream_id, product_id, pinned_at) VALUES ($1, $2, now())', [
    rowOf(live.streamId),
    here.row,
  ]);
  await pin(db.pool, other, there.row);
  succeed(await sendGift(funded, other, { gift: 'Heart' }));
  await expect.poll(() => scores(server)).toEqual({ Live: expect.closeTo(5, 1) });
  expect(await coinsSeen(db.pool, live.streamId)).toEqual([0]);
});

test('a stream that is busy holds nobody up, and is counted all the same', async ({ server, db, funded, live }) => {
  const merchant = await insertMerchant(db.pool);
  const busy = await insertProduct(db.pool, merchant, { title: 'Busy' });
  const free = await insertProduct(db.pool, merchant, { title: 'Free' });
  const other = (await startStream(await signIn(server))).id;
  await pin(db.pool, other, free.row);
  await pin(db.pool, live.streamId, busy.row);
  // Whoever holds the log of the stream has it, from before the first gift on that the sweep could see.
  const holder = await db.pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM live_log WHERE stream_id = $1 FOR UPDATE', [rowOf(live.streamId)]);
    await db.pool.query('UPDATE stream SET gift_coins = gift_coins + 500 WHERE id = $1', [rowOf(live.streamId)]);
    await expect.poll(() => waitsForLock(db.pool)).toBe(true);
    succeed(await sendGift(funded, other, { gift: 'Heart' }));
    await expect.poll(() => scores(server)).toEqual({ Free: expect.closeTo(5, 1) });
    await expect.poll(() => waitsForLock(db.pool)).toBe(true);
    succeed(await sendGift(funded, other, { gift: 'Heart' }));
    await expect.poll(() => scores(server)).toEqual({ Free: expect.closeTo(10, 1) });
    await holder.query('COMMIT');
  } finally {
    holder.release(true);
  }
  await expect.poll(() => scores(server)).toEqual({ Busy: expect.closeTo(50, 1), Free: expect.closeTo(10, 1) });
});

async function waitsForLock(pool: Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%live.lock%'`,
  );
  return rowCount! > 0;
}

const twoNodes = nodesTest.extend('nodeSettings', ({ db, redis }) => ({
  overrides: { hub: { pollIntervalMs: POLL_INTERVAL_MS }, pulseIntervalMs: 50, ...SWEEPING.overrides },
  databaseUrl: db.url,
  redis: redis.url,
}));

twoNodes('gifts that race two sweeping servers are counted once each', async ({ nodes: { a, b }, db }) => {
  const product = await insertProduct(db.pool, await insertMerchant(db.pool));
  const streamId = (await startStream(await signIn(a))).id;
  await pin(db.pool, streamId, product.row);
  const senders = await atOnce(4, async (index) => {
    const sender = await signIn(index % 2 ? a : b);
    succeed(await buyCoins(sender, { coins: 700 }));
    return sender;
  });
  for (let round = 0; round < 10; round++) {
    await atOnce(8, async (index) => succeed(await sendGift(senders[index % 4]!, streamId, { gift: 'Ice Cream' })));
  }
  await expect.poll(() => coinsSeen(db.pool, streamId)).toEqual([800]);
  // Once that is seen, the score follows; and no more than that.
  await expect.poll(async () => (await readTrending(a))[0]?.score).toBeCloseTo(80, 0);
  const { rows } = await db.pool.query('SELECT count(*)::int AS waiting FROM trend_signal');
  expect(rows).toEqual([{ waiting: 0 }]);
});
