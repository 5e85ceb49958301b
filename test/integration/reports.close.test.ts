/** Closing a quarter: exact against the ledger, once and for all, and what stands in the way of it. */
import { describe, expect } from 'vitest';
import { type Actor, mutate, type Outcome, signIn, succeed } from '../support/operations.ts';
import { atOnce } from './support/outcomes.ts';
import {
  test as base,
  type Channel,
  CLOSING,
  insertGift,
  insertGifts,
  insertPeople,
  insertReversal,
  openChannel,
  type Person,
  type ReportNode,
  readReport,
} from './support/report-rows.ts';

type Closed = { report: Pick<ReportNode, 'giftCoins' | 'closed' | 'checksum'>; replayed: boolean };

const test = base
  .extend('operator', ({ server }) => signIn(server, 'operator'))
  .extend('channel', { scope: 'file' }, ({ server, db }) => openChannel(server, db.pool));

const close = (actor: Pick<Actor, 'api'>, year: number, quarter: number): Promise<Outcome<Closed>> =>
  mutate<Closed>(actor.api, 'closeQuarter', { year, quarter });

const ROLL_UPS = `SELECT (SELECT json_agg(g ORDER BY day, region) FROM report_gifts g WHERE day >= $1 AND day < $2) AS gifts,
  (SELECT json_agg(s ORDER BY day, region, currency) FROM report_sales s WHERE day >= $1 AND day < $2) AS sales,
  (SELECT json_agg(json_build_object('day', day, 'ids', creator_ids, 'coins', creator_coins) ORDER BY day) FROM report_day
    WHERE day >= $1 AND day < $2) AS days`;

describe('a closed quarter', CLOSING, () => {
  test('has the same bytes again, and one checksum however many close it at once', async ({
    server,
    db,
    operator,
    channel,
  }) => {
    const people = await insertPeople(db.pool, 12, 'AE');
    for (const [index, person] of people.entries())
      await insertGift(db.pool, person, channel, 10 + index, `2013-02-${10 + index}T00:00:00Z`);
    const outcomes = (await atOnce(4, () => close(operator, 2013, 1))).map(succeed);
    expect(outcomes.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(outcomes.map(({ report }) => report.checksum)).size).toBe(1);
    const rows = async () => (await db.pool.query(ROLL_UPS, ['2013-01-01', '2013-04-01'])).rows[0];
    const before = await rows();
    expect(before.days).toHaveLength(90);
    const again = succeed(await close(operator, 2013, 1));
    expect(again).toEqual({ ...outcomes[0], replayed: true });
    expect(await rows()).toEqual(before);
    const kept = await db.pool.query("SELECT document, checksum FROM report_quarter WHERE quarter = '2013-01-01'");
    expect(kept.rows).toHaveLength(1);
    expect(await readReport(server.http(), { year: 2013, quarter: 1 })).toMatchObject({
      closed: true,
      checksum: kept.rows[0].checksum,
    });
  });

  test('stays as it is when gifts of it are reversed later', async ({ server, db, operator, channel }) => {
    const [person] = (await insertPeople(db.pool, 1, 'AE')) as [Person];
    const gift = await insertGift(db.pool, person, channel, 500, '2014-03-31T23:00:00Z');
    const { report } = succeed(await close(operator, 2014, 1));
    await insertReversal(db.pool, gift, '2014-04-01T01:00:00Z');
    expect(succeed(await close(operator, 2014, 1))).toMatchObject({ report, replayed: true });
    expect(succeed(await close(operator, 2014, 2)).report).toMatchObject({ giftCoins: -500 });
    expect(await readReport(server.http(), { year: 2014, quarter: 2 })).toMatchObject({
      reversals: 1,
      reversedCoins: 500,
      gifters: 0,
      giftCoinsGrowth: -2,
      giftSpend: { minorUnits: -707 },
      coinsPerGifter: null,
    });
  });

  test('cannot be changed in the database, and knows its own checksum', async ({ db, operator }) => {
    succeed(await close(operator, 2001, 1));
    for (const change of [
      "UPDATE report_quarter SET document = ''",
      'DELETE FROM report_quarter',
      'TRUNCATE report_quarter',
    ]) {
      await expect(db.pool.query(change)).rejects.toMatchObject({ code: '23001' });
    }
    const forged = `INSERT INTO report_quarter (quarter, closed_by, document, checksum)
      SELECT '2001-04-01', closed_by, document || ' ', checksum FROM report_quarter LIMIT 1`;
    await expect(db.pool.query(forged)).rejects.toMatchObject({ constraint: 'report_quarter_checksum' });
  });

  test('keeps its price when a new one comes, and its creators’ names', async ({ server, db, operator, channel }) => {
    const [person] = (await insertPeople(db.pool, 1, 'AE')) as [Person];
    await insertGift(db.pool, person, channel, 1_000, '2009-07-10T00:00:00Z');
    const first = succeed(await close(operator, 2009, 3));
    await db.pool.query("INSERT INTO coin_price VALUES ('2009-01-01', 'EUR', 1000)");
    await db.pool.query(
      "UPDATE viewer SET display_name = 'Renamed' WHERE id = (SELECT viewer_id FROM creator WHERE id = $1)",
      [channel.creatorId],
    );
    expect(succeed(await close(operator, 2009, 3))).toEqual({ ...first, replayed: true });
    const of = (quarter: number) => readReport(server.http(), { year: 2009, quarter });
    expect((await of(3)).giftSpend).toEqual({ minorUnits: 1_414, currency: 'USD' });
    await insertGift(db.pool, person, channel, 1_000, '2009-10-10T00:00:00Z');
    expect((await of(4)).giftSpend).toEqual({ minorUnits: 1_000, currency: 'EUR' });
  });
});

describe('exactly what the ledger says', CLOSING, () => {
  const DAMAGES: [what: string, year: number, damage: string, named: string][] = [
    [
      'a gift without a transfer',
      2015,
      `INSERT INTO gift_sent (viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
         SELECT viewer_id, 'lost', stream_id, gift_id, 1, 7, 0, 0, '2015-05-05T12:00:00Z' FROM gift_sent LIMIT 1`,
      '2015-05-05: the report has 7 coins of gifts, the ledger 0 (7 more)',
    ],
    [
      'a transfer without a gift',
      2016,
      `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
         SELECT debit_account_id, credit_account_id, unit, 9, kind, 0, '2016-06-30T23:59:59Z' FROM transfer WHERE kind = 'GIFT_SPENT' LIMIT 1`,
      '2016-06-30: the report has 0 coins of gifts, the ledger 9 (-9 more)',
    ],
    [
      'a reversal of no gift',
      2017,
      `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
         SELECT credit_account_id, debit_account_id, unit, 4, 'GIFT_REFUNDED', 0, '2017-04-01T00:00:00Z' FROM transfer
          WHERE kind = 'GIFT_SPENT' LIMIT 1`,
      '2017-04-01: the report has 0 coins of reversed gifts, the ledger 4 (-4 more)',
    ],
    [
      'a payment of no order',
      2018,
      `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
         SELECT debit_account_id, credit_account_id, unit, 3, 'ORDER_PAID', 0, '2018-04-02T00:00:00Z' FROM transfer
          WHERE kind = 'GIFT_SPENT' LIMIT 1`,
      '2018-04-02: the report has 0 minor units of orders, the ledger 3 (-3 more)',
    ],
  ];

  test.for(DAMAGES)('%s is found, and named', async ([, year, damage, named], { db, operator, channel }) => {
    const [person] = (await insertPeople(db.pool, 1, 'AE')) as [Person];
    await insertGift(db.pool, person, channel, 5, `${year}-01-01T00:00:00Z`);
    const client = await db.pool.connect();
    try {
      await client.query(`BEGIN; SET LOCAL session_replication_role = replica; ${damage}; COMMIT`);
    } finally {
      client.release();
    }
    const refusal = await close(operator, year, 2);
    expect(refusal).toMatchObject({ __typename: 'QuarterStateError', code: 'QUARTER_STATE' });
    expect((refusal as { message: string }).message).toContain(named);
    const { rows } = await db.pool.query('SELECT FROM report_quarter WHERE quarter = $1', [`${year}-04-01`]);
    expect(rows).toHaveLength(0);
  });

  test('what a clock that went back writes into a closed quarter changes nothing, and is named', async ({
    server,
    db,
    operator,
    channel,
  }) => {
    const [person] = (await insertPeople(db.pool, 1, 'AE')) as [Person];
    await insertGift(db.pool, person, channel, 5, '2019-01-10T00:00:00Z');
    const { report } = succeed(await close(operator, 2019, 1));
    await insertGift(db.pool, person, channel, 6, '2019-02-10T00:00:00Z');
    const refusal = (await close(operator, 2019, 1)) as { __typename: string; message: string };
    expect(refusal.__typename).toBe('QuarterStateError');
    expect(refusal.message).toContain(report.checksum!);
    expect(refusal.message).toContain('was "gifts": 1, and would be "gifts": 2.');
    expect(await readReport(server.http(), { year: 2019, quarter: 1 })).toMatchObject({ ...report, giftCoins: 5 });
  });
});

describe('when a quarter is over', CLOSING, () => {
  test('not before its last day, and not for the public', async ({ server, operator, viewer }) => {
    const now = new Date();
    const year = now.getUTCFullYear();
    const quarter = Math.floor(now.getUTCMonth() / 3) + 1;
    for (const [y, q] of [
      [year, quarter],
      [year + 1, 1],
      [2999, 4],
    ] as const) {
      expect(await close(operator, y, q)).toMatchObject({ __typename: 'QuarterStateError', code: 'QUARTER_STATE' });
    }
    expect(await close(viewer, 2002, 1)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await close({ api: server.http() }, 2002, 1)).toMatchObject({ __typename: 'NotSignedInError' });
  });

  test.for([
    [2020, 0],
    [2020, 5],
    [2020, -1],
    [1, 1],
    [1999, 4],
    [3000, 1],
  ])('there is no quarter %i-%i', async ([year, quarter], { server, operator }) => {
    expect(await close(operator, year!, quarter!)).toMatchObject({ __typename: 'InvalidInputError' });
    const { errors } = await server
      .http()
      .request('query($input: SpendingReportInput!) { spendingReport(input: $input) { gifts } }', {
        input: { year, quarter },
      });
    expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
  });

  test('a transaction that is still writing into it is waited for', async ({ server, db, operator, channel }) => {
    const [person] = (await insertPeople(db.pool, 1, 'AE')) as [Person];
    const other = await db.pool.connect();
    try {
      await other.query('BEGIN');
      await insertGift(other as never, person, channel, 77, '2007-09-30T23:59:59.999Z');
      let isClosed = false;
      const closing = close(operator, 2007, 3).finally(() => {
        isClosed = true;
      });
      // It is asking again and again whether the transaction has ended.
      const looking =
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '/* reports.haveEnded%'";
      await expect.poll(async () => (await db.pool.query(looking)).rows[0].n, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(isClosed).toBe(false);
      await other.query('COMMIT');
      expect(succeed(await closing).report).toMatchObject({ giftCoins: 77 });
    } finally {
      other.release(true);
    }
    expect(await readReport(server.http(), { year: 2007, quarter: 3 })).toMatchObject({ giftCoins: 77, closed: true });
  });
});

describe('a day', CLOSING, () => {
  const roll = (db: { pool: { query: (text: string, values: unknown[]) => Promise<unknown> } }, day: string) =>
    db.pool.query('SELECT report_roll_day($1)', [day]);

  test('keeps the regions that people had when it was rolled up', async ({ db, operator, channel }) => {
    const [person] = (await insertPeople(db.pool, 1, 'FR')) as [Person];
    await insertGift(db.pool, person, channel, 10, '2006-01-01T10:00:00Z');
    await insertGift(db.pool, person, channel, 20, '2006-01-02T10:00:00Z');
    await roll(db, '2006-01-01');
    await db.pool.query("UPDATE viewer SET region = 'DE' WHERE id = $1", [person.id]);
    await roll(db, '2006-01-02');
    await db.pool.query("UPDATE viewer SET region = 'IT' WHERE id = $1", [person.id]);
    succeed(await close(operator, 2006, 1));
    const of = (region?: string) => readReport(operator.api, { year: 2006, quarter: 1, ...(region && { region }) });
    expect(await of('FR')).toMatchObject({ giftCoins: 10, gifters: 1 });
    expect(await of('DE')).toMatchObject({ giftCoins: 20, gifters: 1 });
    expect(await of('IT')).toMatchObject({ giftCoins: 0, gifters: 0 });
    // Who moves counts once in the world.
    expect(await of()).toMatchObject({ giftCoins: 30, gifters: 1 });
  });

  test('counts once, whether it is rolled up or not, twice or at once', async ({ server, db, channel }) => {
    const people = await insertPeople(db.pool, 3, 'AE');
    for (const day of ['01', '02', '03']) {
      await insertGifts(db.pool, people, channel, 5, `2005-01-${day}T10:00:00Z`);
    }
    const read = () => readReport(server.http(), { year: 2005, quarter: 1 });
    const open = await read();
    expect(open).toMatchObject({ giftCoins: 45, gifts: 9, gifters: 3, creators: 1 });
    await roll(db, '2005-01-01');
    expect(await read()).toEqual(open);
    await Promise.all([roll(db, '2005-01-02'), roll(db, '2005-01-02'), roll(db, '2005-01-01')]);
    expect(await read()).toEqual(open);
    await roll(db, '2005-01-03');
    expect(await read()).toEqual(open);
  });

  test('comes after the one before: none is left out', async ({ db }) => {
    await expect(roll(db, '2004-01-02')).rejects.toThrow('the day before 2004-01-02 is not rolled up yet');
  });
});

test('amounts near the end of what a number holds are exact', CLOSING, async ({ server, db, operator, channel }) => {
  const most = 6_000_000_000_000_001;
  const [rich] = (await insertPeople(db.pool, 1, 'AE', most)) as [Person];
  const other: Channel = await openChannel(server, db.pool);
  expect(other.creatorId).not.toBe(channel.creatorId);
  await insertGift(db.pool, rich, other, most, '2008-05-05T00:00:00Z');
  const exact = { giftCoins: most, giftSpend: { minorUnits: 8_484_000_000_000_001, currency: 'USD' } };
  expect(await readReport(server.http(), { year: 2008, quarter: 2 })).toMatchObject(exact);
  succeed(await close(operator, 2008, 2));
  expect(await readReport(server.http(), { year: 2008, quarter: 2 })).toMatchObject({ ...exact, closed: true });
});
