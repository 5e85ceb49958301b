/** The quarterly report: what it counts, to the coin, and that it is right from the first gift on. */
import { describe, expect } from 'vitest';
import { type Actor, mutate, type Outcome, sendGift, signIn, succeed } from '../support/operations.ts';
import {
  CLOSING,
  insertGift,
  insertMoney,
  insertOrder,
  insertPeople,
  insertReversal,
  openChannel,
  type ReportNode,
  readReport,
  test,
} from './support/report-rows.ts';

type Closed = { report: ReportNode; replayed: boolean };

const close = (operator: Actor, year: number, quarter: number): Promise<Outcome<Closed>> =>
  mutate<Closed>(operator.api, 'closeQuarter', { year, quarter });

describe('an open quarter', () => {
  test('shows a gift at once', async ({ server, funded, live }) => {
    const now = new Date();
    const input = { year: now.getUTCFullYear(), quarter: Math.floor(now.getUTCMonth() / 3) + 1 };
    const before = await readReport(server.http(), input);
    succeed(await sendGift(funded, live.streamId, { quantity: 7 }));
    const after = await readReport(server.http(), input);
    expect(after).toMatchObject({ ...input, region: null, suppressed: false, closed: false, checksum: null });
    expect(after.giftCoins - before.giftCoins).toBe(7);
    expect(after.gifts - before.gifts).toBe(1);
    expect(after.gifters - before.gifters).toBe(1);
    expect(after.creators - before.creators).toBe(1);
  });
});

describe('what a quarter counts', CLOSING, () => {
  test('gifts, reversals, orders and refunds of its days, borders included, and growth', async ({ server, db }) => {
    const operator = await signIn(server, 'operator');
    const [one, two] = [await openChannel(server, db.pool), await openChannel(server, db.pool)];
    const [ann, ben] = (await insertPeople(db.pool, 2, 'AE')) as [never, never];
    const [cat] = (await insertPeople(db.pool, 1, null)) as [never];
    await insertGift(db.pool, ann, one, 50, '2010-03-31T23:59:59.999Z');
    await insertGift(db.pool, ann, one, 10, '2010-04-01T00:00:00Z');
    await insertGift(db.pool, ben, two, 20, '2010-05-15T12:00:00+14:00');
    const taken = await insertGift(db.pool, cat, one, 30, '2010-06-30T23:59:59.999Z');
    await insertGift(db.pool, cat, one, 70, '2010-07-01T00:00:00Z');
    await insertReversal(db.pool, taken, '2010-07-02T00:00:00Z');
    const order = await insertOrder(db.pool, ann, { minor: 500 }, '2010-04-02T00:00:00Z');
    await insertOrder(db.pool, ann, { minor: 300, currency: 'AED' }, '2010-04-02T00:00:00Z');
    await insertMoney(db.pool, order, 120, 'ORDER_REFUNDED', '2010-06-01T00:00:00Z');

    const expected = {
      gifts: 3,
      giftCoins: 60,
      sentCoins: 60,
      reversals: 0,
      gifters: 3,
      creators: 2,
      coinsPerGifter: 20,
      giftSpend: { minorUnits: 85, currency: 'USD' }, // 60 coins at 14.14 a thousand: 0.8484
      giftCoinsGrowth: 0.2,
      giftersGrowth: 2,
      orders: 2,
      buyers: 1,
      productSpend: { minorUnits: 380, currency: 'USD' },
      productSpends: [
        { minorUnits: 300, currency: 'AED' },
        { minorUnits: 380, currency: 'USD' },
      ],
    };
    const input = { year: 2010, quarter: 2 };
    expect(await readReport(server.http(), input)).toMatchObject({ ...expected, closed: false, checksum: null });
    const { report } = succeed(await close(operator, 2010, 2));
    expect(report).toMatchObject({ year: 2010, quarter: 2, giftCoins: 60, closed: true });
    expect(await readReport(server.http(), input)).toMatchObject({
      ...expected,
      closed: true,
      checksum: report.checksum,
      from: '2010-04-01',
      to: '2010-06-30',
    });
    // The reversal counts where it happened.
    expect(await readReport(server.http(), { year: 2010, quarter: 3 })).toMatchObject({
      giftCoins: 40,
      sentCoins: 70,
      reversals: 1,
      reversedCoins: 30,
      gifters: 1,
    });
    expect(await readReport(operator.api, { ...input, region: 'AE' })).toMatchObject({ giftCoins: 30, gifters: 2 });
    expect(await readReport(operator.api, { ...input, region: 'ZZ' })).toMatchObject({ giftCoins: 30, gifters: 1 });
  });
});
