/** What becomes of diamonds before they can be paid out: buckets are cut, held and settled, each diamond once. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { unearn } from '../../src/domains/payouts/payouts.api.ts';
import { buyCoins, endStream, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { bucketsOf, creatorRow, diamondsOf, endHolds, expectEarningsBalanced, takeBack } from './support/payouts.ts';
import { QUIET, test } from './support/shared-server.ts';

/** As if the stream had begun, and was cut, a day before. */
async function yesterday(pool: Pool, streamId: string): Promise<void> {
  await pool.query(`UPDATE stream SET started_at = started_at - interval '1 day' WHERE id = $1`, [rowOf(streamId)]);
  await pool.query(`UPDATE earning SET closed_at = closed_at - interval '1 day' WHERE stream_id = $1`, [
    rowOf(streamId),
  ]);
}

test('the end of a stream cuts a bucket, which waits for its hold and is then available, once', async ({
  db,
  server,
  funded,
  live,
}) => {
  await sendGift(funded, live.streamId, { gift: 'Heart', quantity: 2 });
  expect(await bucketsOf(db.pool, live.streamId), 'a gift writes no bucket').toEqual([]);
  succeed(await endStream(live.creator, live.streamId));
  const bucket = { seqFrom: 0n, diamonds: 50n, reversed: 0n };
  expect(await bucketsOf(db.pool, live.streamId)).toMatchObject([{ state: 'PENDING', ...bucket }]);
  await server.app.services.payouts.earnings.settle();
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ PENDING: 50n });
  await endHolds(db.pool, live.creator);
  await atOnce(5, () => server.app.services.payouts.earnings.settle());
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ PENDING: 0n, AVAILABLE: 50n });
  expect(await bucketsOf(db.pool, live.streamId)).toMatchObject([{ state: 'SETTLED', ...bucket }]);
  await expectEarningsBalanced(db.pool);
});

test('the hold is 14 days unless it is said otherwise', async ({ db, funded, live }) => {
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  await endStream(live.creator, live.streamId);
  const { rows } = await db.pool.query('SELECT settles_at - closed_at AS hold FROM earning WHERE stream_id = $1', [
    rowOf(live.streamId),
  ]);
  expect(rows[0].hold).toMatchObject({ days: 14 });
});

test('a stream without a whole diamond has no bucket', async ({ db, funded, live }) => {
  await sendGift(funded, live.streamId);
  await endStream(live.creator, live.streamId);
  expect(await bucketsOf(db.pool, live.streamId)).toEqual([]);
  await expectEarningsBalanced(db.pool);
});

test('a stream that runs on is cut each UTC day, also where half a diamond is left over', async ({
  db,
  server,
  funded,
  live,
}) => {
  const { earnings } = server.app.services.payouts;
  await sendGift(funded, live.streamId, { quantity: 3 });
  await earnings.cut();
  expect(await bucketsOf(db.pool, live.streamId), 'it began today').toEqual([]);
  await yesterday(db.pool, live.streamId);
  await atOnce(5, () => earnings.cut());
  await sendGift(funded, live.streamId, { quantity: 3 });
  await earnings.cut();
  const first = { seqFrom: 0n, diamonds: 1n };
  expect(await bucketsOf(db.pool, live.streamId), 'once a day').toMatchObject([first]);
  await yesterday(db.pool, live.streamId);
  await earnings.cut();
  const [one, two] = await bucketsOf(db.pool, live.streamId);
  expect([one, two]).toMatchObject([first, { seqFrom: one!.seqTo, diamonds: 2n }]);
  await yesterday(db.pool, live.streamId);
  await earnings.cut();
  await endStream(live.creator, live.streamId);
  expect(await bucketsOf(db.pool, live.streamId), 'nothing earned, no bucket').toHaveLength(2);
  await expectEarningsBalanced(db.pool);
});

test('gifts during a cut are in one bucket or the other, none in both', async ({ db, server, live }) => {
  const viewers = await atOnce(5, async () => {
    const viewer = await signIn(server);
    succeed(await buyCoins(viewer, { coins: 350 }));
    return viewer;
  });
  await Promise.all(
    viewers.flatMap((viewer) =>
      Array.from({ length: 6 }, async (_, index) => {
        succeed(await sendGift(viewer, live.streamId, { quantity: 3 }));
        if (index % 2) return;
        await yesterday(db.pool, live.streamId);
        await server.app.services.payouts.earnings.cut();
      }),
    ),
  );
  await endStream(live.creator, live.streamId);
  const { rows } = await db.pool.query(
    `SELECT e.id, e.diamonds, sum(g.diamonds) AS given FROM earning e
       JOIN gift_sent g ON g.stream_id = e.stream_id AND g.seq > e.seq_from AND g.seq <= e.seq_to
      WHERE e.stream_id = $1 GROUP BY e.id HAVING sum(g.diamonds) <> e.diamonds`,
    [rowOf(live.streamId)],
  );
  expect(rows).toEqual([]);
  expect((await bucketsOf(db.pool, live.streamId)).reduce((sum, { diamonds }) => sum + diamonds, 0n)).toBe(45n);
  await expectEarningsBalanced(db.pool);
});

test('a settlement on two servers at once is one, and a later stream of theirs is another', async ({
  db,
  server,
  funded,
  live,
}) => {
  const other = await startServer({ ...QUIET, databaseUrl: db.url });
  try {
    await sendGift(funded, live.streamId, { gift: 'Heart' });
    await endStream(live.creator, live.streamId);
    const next = await startStream(live.creator);
    await sendGift(funded, next.id, { gift: 'Ice Cream' });
    await endStream(live.creator, next.id);
    await endHolds(db.pool, live.creator);
    await atOnce(8, (index) => (index % 2 ? server : other).app.services.payouts.earnings.settle());
    expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ PENDING: 0n, AVAILABLE: 30n });
    await expectEarningsBalanced(db.pool);
  } finally {
    await other.close();
  }
});

test('a clock that jumps back delays the settlement, and never settles twice', async ({ db, server, funded, live }) => {
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  await endStream(live.creator, live.streamId);
  await endHolds(db.pool, live.creator);
  await server.app.services.payouts.earnings.settle();
  // All times of the bucket are ahead now, as after a jump back.
  await db.pool.query(
    `UPDATE earning SET settles_at = settles_at + interval '30 days', closed_at = closed_at + interval '30 days' WHERE stream_id = $1`,
    [rowOf(live.streamId)],
  );
  await server.app.services.payouts.earnings.settle();
  await endHolds(db.pool, live.creator);
  await server.app.services.payouts.earnings.settle();
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ PENDING: 0n, AVAILABLE: 25n });
  await expectEarningsBalanced(db.pool);
});

test('a gift taken back before the cut, after it, and after the settlement', async ({ db, server, funded, live }) => {
  const gifts: number[] = [];
  for (const _ of [1, 2, 3]) {
    gifts.push(succeed(await sendGift(funded, live.streamId, { gift: 'Ice Cream' })).giftSent.seq);
  }
  expect(await takeBack(server, db.pool, live, gifts[0]!)).toEqual(['PENDING']);
  expect(await bucketsOf(db.pool, live.streamId)).toMatchObject([{ state: 'OPEN', reversed: 5n }]);
  await expectEarningsBalanced(db.pool);
  await endStream(live.creator, live.streamId);
  expect(await takeBack(server, db.pool, live, gifts[1]!)).toEqual(['PENDING']);
  expect(await bucketsOf(db.pool, live.streamId)).toMatchObject([{ state: 'PENDING', diamonds: 15n, reversed: 10n }]);
  await expectEarningsBalanced(db.pool);
  await endHolds(db.pool, live.creator);
  await server.app.services.payouts.earnings.settle();
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ PENDING: 0n, AVAILABLE: 5n });
  expect(await takeBack(server, db.pool, live, gifts[2]!)).toEqual(['SETTLED']);
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ AVAILABLE: 0n, DEBT: 0n, ISSUANCE: 0n });
  await expectEarningsBalanced(db.pool);
});

test('what is settled later pays a debt first', async ({ db, server, funded, live }) => {
  const { seq } = succeed(await sendGift(funded, live.streamId, { gift: 'Heart' })).giftSent;
  await endStream(live.creator, live.streamId);
  await endHolds(db.pool, live.creator);
  const { earnings } = server.app.services.payouts;
  await earnings.settle();
  // As if they were paid out by now.
  await db.pool.query(
    `SELECT wallet_post(ARRAY[a.id], ARRAY[p.id], ARRAY['DIAMOND'], ARRAY[25::bigint], ARRAY['PAYOUT_PAID'], ARRAY[1::bigint], now())
       FROM ledger_account a, ledger_account p WHERE a.owner_id = $1 AND a.kind = 'AVAILABLE' AND p.owner_id = $1 AND p.kind = 'PAID'`,
    [await creatorRow(db.pool, live.creator)],
  );
  expect(await takeBack(server, db.pool, live, seq)).toEqual(['SETTLED']);
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ AVAILABLE: 0n, DEBT: -25n, PAID: 25n });
  const next = await startStream(live.creator);
  await sendGift(funded, next.id, { gift: 'Ice Cream' });
  await endStream(live.creator, next.id);
  await endHolds(db.pool, live.creator);
  await earnings.settle();
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ AVAILABLE: 0n, DEBT: -20n });
  const last = await startStream(live.creator);
  await sendGift(funded, last.id, { gift: 'Heart' });
  await endStream(live.creator, last.id);
  await endHolds(db.pool, live.creator);
  await earnings.settle();
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ AVAILABLE: 5n, DEBT: 0n });
});

test('to take nothing back says nothing', async ({ server }) => {
  await server.app.services.db.inTransaction(async (sql) => expect(await unearn(sql, [])).toEqual([]));
});
