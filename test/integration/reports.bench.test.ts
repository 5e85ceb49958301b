/** The benchmark's quarter, small: what is measured there is right. */
import { pino } from 'pino';
import { expect } from 'vitest';
import { makeNaiveReport } from '../../bench/quarter/naive.ts';
import { QUARTER, seedQuarter } from '../../bench/quarter/seed.ts';
import { test } from '../support/fixtures.ts';
import { mutate, signIn, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { readReport, SETTLE_WAIT_MS_MAX } from './support/report-rows.ts';

const SIZE = { gifts: 3_000, gifters: 300, creators: 10, orders: 200 };

test('a generated quarter is closed to the coin, and is what one SELECT over all gifts says', {
  timeout: 120_000,
}, async ({ db }) => {
  await seedQuarter(db.url, SIZE, pino({ level: 'silent' }));
  const overrides = { community: { reports: { settleWaitMsMax: SETTLE_WAIT_MS_MAX } } };
  const server = await startServer({ databaseUrl: db.url, overrides });
  try {
    const { world } = await makeNaiveReport(db.url);
    const operator = await signIn(server, 'operator');
    succeed(await mutate(operator.api, 'closeQuarter', QUARTER));
    const report = await readReport(server.http(), QUARTER);
    expect(report.gifts).toBeGreaterThanOrEqual(SIZE.gifts);
    expect(report.orders).toBeGreaterThanOrEqual(SIZE.orders);
    expect(report.reversals).toBeGreaterThan(0);
    expect({
      gifts: String(report.gifts),
      coins: String(report.sentCoins),
      reversedCoins: String(report.reversedCoins),
      gifters: String(report.gifters),
      creators: String(report.creators),
    }).toEqual(world);
  } finally {
    await server.close();
  }
});
