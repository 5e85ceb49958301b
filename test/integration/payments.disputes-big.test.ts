/** A purchase of many small gifts over many streams is taken back in bounded transactions, gift by gift. */
import { expect } from 'vitest';
import { GIFTS_PER_STEP_MAX } from '../../src/domains/payments/coin-disputes.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { endStream, giftId, signIn, startStream, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { boardOf, purchase, tell, walletOf } from './support/disputes.ts';
import { rowOf } from './support/ids.ts';
import { test } from './support/shared-server.ts';

const GIFTS = 5_000;
const STREAMS = 40;
const BATCH = 500;
const STATEMENTS_PER_STEP_MAX = 35;

test('5,000 gifts in 40 streams, half of them ended', { timeout: 120_000 }, async ({ db, server, viewer }) => {
  const id = await purchase(viewer, 7_000);
  const creators = await Promise.all(Array.from({ length: STREAMS }, () => signIn(server)));
  const streams: string[] = [];
  for (const creator of creators) streams.push((await startStream(creator)).id);
  const rose = rowOf(await giftId(viewer.api, 'Rose'));
  for (let at = 0; at < GIFTS; at += BATCH) {
    await db.pool.query(
      `SELECT gifts_send_batch(array_fill($1::bigint, ARRAY[$5::int]), array_agg('big ' || n), array_agg(($3::bigint[])[n % ${STREAMS} + 1]),
         array_fill($2::bigint, ARRAY[$5::int]), array_fill(1, ARRAY[$5::int]), interval '1 h') FROM generate_series($4::int, $4::int + $5::int - 1) n`,
      [rowOf(viewer.id), rose, streams.map(rowOf), at, BATCH],
    );
  }
  for (let index = 0; index < STREAMS; index += 2) await endStream(creators[index]!, streams[index]!);
  expect(await boardOf(viewer, streams[0]!)).toEqual([[viewer.handle, GIFTS / STREAMS]]);

  const operator = await signIn(server, 'operator');
  const { result, count, statements } = await countSql(server.app, () => tell(operator, id));
  expect(succeed(result).dispute).toMatchObject({
    state: 'REVERSED',
    coinsUnspent: 2_000,
    coinsGifted: GIFTS,
    coinsOwed: 0,
    giftsReversed: GIFTS,
  });
  const steps = statements.filter((sql) => sql.includes('disputes.step')).length;
  expect(steps).toBe(GIFTS / GIFTS_PER_STEP_MAX);
  // However many gifts a step takes back, it is the same few statements.
  expect(count / steps).toBeLessThan(STATEMENTS_PER_STEP_MAX);
  expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
  for (const stream of streams.slice(0, 4)) expect(await boardOf(viewer, stream)).toEqual([]);
  const { rows } = await db.pool.query(`SELECT count(*)::int AS events FROM live_event WHERE type = 'GIFT_REVERSED'`);
  expect(rows).toEqual([{ events: GIFTS }]);
  // The books are read with plans for what there is now, not for empty tables.
  await db.pool.query('ANALYZE');
  await expectBooksBalanced(db.pool);
});
