/** More gifts than may wait: the surplus is told to come again, and nothing of it is written. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { giftId, readLog, sendGift } from '../support/operations.ts';
import { rowOf } from './support/ids.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const GIFTS = 30;
/** The one that is committed, and the one in the queue. */
const ADMITTED = 2;
const test = testOn({ overrides: { gifts: { ...QUIET.overrides.gifts, batchMax: 1, queueMax: 1 } } });

test('a full queue refuses gifts with a time to wait, and the same keys succeed later', async ({
  db,
  funded,
  live,
}) => {
  const rose = await giftId(funded.api, 'Rose');
  const send = (index: number) => sendGift(funded, live.streamId, { giftId: rose, idempotencyKey: `no ${index}` });
  const holder = await db.pool.connect();
  let answered = 0;
  let outcomes: Awaited<ReturnType<typeof send>>[];
  try {
    // However fast the database is: one gift waits for the log, one in the queue, and for the others there is no room.
    await holder.query('BEGIN');
    await holder.query('SELECT FROM live_log WHERE stream_id = $1 FOR UPDATE', [rowOf(live.streamId)]);
    const sending = atOnce(GIFTS, (index) => send(index).finally(() => answered++));
    await expect.poll(() => answered).toBe(GIFTS - ADMITTED);
    await holder.query('COMMIT');
    outcomes = await sending;
  } finally {
    holder.release(true);
  }
  expect(tally(outcomes)).toEqual({ SendGiftSuccess: ADMITTED, OverloadedError: GIFTS - ADMITTED });
  const refusal = outcomes.find((outcome) => outcome.__typename === 'OverloadedError');
  expect(refusal).toMatchObject({ code: 'OVERLOADED', retryAfterMs: 500 });
  expect(await readLog(funded.api, live.streamId)).toHaveLength(1 + ADMITTED);
  for (let index = 0; index < GIFTS; index++) {
    const outcome = await send(index);
    expect(outcome).toMatchObject({
      __typename: 'SendGiftSuccess',
      replayed: outcomes[index]!.__typename === 'SendGiftSuccess',
    });
  }
  expect(await readLog(funded.api, live.streamId)).toHaveLength(1 + GIFTS);
  await expectBooksBalanced(db.pool);
});
