/** More gifts than may wait: the surplus is told to come again, and nothing of it is written. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { giftId, readLog, sendGift } from '../support/operations.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const GIFTS = 30;
const test = testOn({ overrides: { gifts: { ...QUIET.overrides.gifts, batchMax: 1, queueMax: 1 } } });

test('a full queue refuses gifts with a time to wait, and the same keys succeed later', async ({
  db,
  funded,
  live,
}) => {
  const rose = await giftId(funded.api, 'Rose');
  const send = (index: number) => sendGift(funded, live.streamId, { giftId: rose, idempotencyKey: `no ${index}` });
  const outcomes = await atOnce(GIFTS, send);
  const { SendGiftSuccess: sent = 0, OverloadedError: refused = 0 } = tally(outcomes);
  expect(sent + refused).toBe(GIFTS);
  expect(sent).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
  const refusal = outcomes.find((outcome) => outcome.__typename === 'OverloadedError');
  expect(refusal).toMatchObject({ code: 'OVERLOADED', retryAfterMs: 500 });
  expect(await readLog(funded.api, live.streamId)).toHaveLength(1 + sent);
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
