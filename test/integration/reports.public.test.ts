/** What the public may see of a region, and when; an operator sees all. */
import { describe, expect } from 'vitest';
import { readMetrics, sample } from '../support/metrics.ts';
import { mutate, signIn, succeed } from '../support/operations.ts';
import {
  test as base,
  CLOSING,
  insertGifts,
  insertOrder,
  insertPeople,
  openChannel,
  readReport,
} from './support/report-rows.ts';

/** People by region, in two quarters on end: AE and BR are too few, CA covers them, DE and EG are shown. */
const PEOPLE = { AE: 3, BR: 2, CA: 11, DE: 14, EG: 40 } as const;

const HIDDEN = { giftCoins: 0, sentCoins: 0, gifts: 0, gifters: 0, creators: 0, orders: 0, buyers: 0, reversals: 0 };

const test = base
  .extend('operator', ({ server }) => signIn(server, 'operator'))
  .extend('quarters', { scope: 'file' }, async ({ server, db }) => {
    const operator = await signIn(server, 'operator');
    const channel = await openChannel(server, db.pool);
    for (const [region, count] of Object.entries(PEOPLE)) {
      const people = await insertPeople(db.pool, count, region);
      // DE had too few in the quarter before.
      const before = region === 'DE' ? people.slice(0, 4) : people;
      await insertGifts(db.pool, before, channel, 100, '2011-02-01T00:00:00Z');
      await insertGifts(db.pool, people, channel, 150, '2011-05-01T00:00:00Z');
      if (region !== 'EG') continue;
      for (const person of people.slice(0, 10))
        await insertOrder(db.pool, person, { minor: 1_000 }, '2011-05-02T00:00:00Z');
    }
    for (const quarter of [1, 2]) succeed(await mutate(operator.api, 'closeQuarter', { year: 2011, quarter }));
    return { operator, channel };
  });

describe('a closed quarter', CLOSING, () => {
  test('hides small regions, and whichever would give them away', async ({ server, viewer, quarters }) => {
    const all = async (api: typeof viewer.api) => {
      const regions = Object.keys(PEOPLE).map((region) => readReport(api, { year: 2011, quarter: 2, region }));
      return Promise.all(regions);
    };
    for (const api of [server.http(), viewer.api]) {
      const [ae, br, ca, de, eg] = await all(api);
      for (const hidden of [ae, br, ca]) {
        expect(hidden).toMatchObject({ ...HIDDEN, suppressed: true, closed: true, giftCoinsGrowth: null });
        expect(hidden).toMatchObject({
          giftSpend: { minorUnits: 0 },
          productSpend: { minorUnits: 0 },
          productSpends: [],
        });
        expect(hidden!.coinsPerGifter).toBeNull();
      }
      expect(de).toMatchObject({ suppressed: false, gifters: 14, giftCoins: 2_100 });
      expect(eg).toMatchObject({ suppressed: false, gifters: 40, giftCoins: 6_000, orders: 10, buyers: 10 });
      // What the world less the shown regions tells is about no fewer people than the smallest group may have.
      const world = await readReport(api, { year: 2011, quarter: 2 });
      expect(world).toMatchObject({ suppressed: false, gifters: 70 });
      expect(world.gifters - de!.gifters - eg!.gifters).toBe(16);
    }
    const seen = await all(quarters.operator.api);
    expect(seen.map(({ gifters, suppressed }) => [gifters, suppressed])).toEqual(
      Object.values(PEOPLE).map((count) => [count, false]),
    );
  });

  test('tells growth only where the quarter before is shown, too', async ({ server, quarters }) => {
    const of = (api: ReturnType<typeof server.http>, region: string) =>
      readReport(api, { year: 2011, quarter: 2, region });
    expect(await of(server.http(), 'EG')).toMatchObject({ giftCoinsGrowth: 0.5, giftersGrowth: 0 });
    expect(await of(server.http(), 'DE')).toMatchObject({ giftCoinsGrowth: null, giftersGrowth: null });
    expect(await of(quarters.operator.api, 'DE')).toMatchObject({ giftCoinsGrowth: 4.25, giftersGrowth: 2.5 });
  });

  test('a region in which nothing happened is shown as it is', async ({ server, quarters }) => {
    expect(quarters).toBeDefined();
    const nowhere = await readReport(server.http(), { year: 2011, quarter: 2, region: 'ZW' });
    expect(nowhere).toMatchObject({ ...HIDDEN, region: 'ZW', suppressed: false, closed: true });
  });
});

describe('a quarter that is not closed', CLOSING, () => {
  test('shows the world to anybody, and regions to operators', async ({ server, db, operator, quarters }) => {
    const people = await insertPeople(db.pool, 20, 'EG');
    await insertGifts(db.pool, people, quarters.channel, 5, '2011-08-01T00:00:00Z');
    const input = { year: 2011, quarter: 3 };
    expect(await readReport(server.http(), input)).toMatchObject({ giftCoins: 100, gifters: 20, suppressed: false });
    // Twenty people are enough, but from two answers, a gift apart, anybody could tell where its sender is.
    const hidden = { ...HIDDEN, suppressed: true, closed: false };
    expect(await readReport(server.http(), { ...input, region: 'EG' })).toMatchObject(hidden);
    expect(await readReport(server.http(), { ...input, region: 'ZW' })).toMatchObject(hidden);
    const seen = { giftCoins: 100, gifters: 20, suppressed: false };
    expect(await readReport(operator.api, { ...input, region: 'EG' })).toMatchObject(seen);
  });

  test('many readers share one computation', async ({ server, db }) => {
    let computed = 0;
    const stop = server.app.onSql((text) => {
      if (text.startsWith('/* reports.figures')) computed++;
    });
    const read = () => readReport(server.http(), { year: 2011, quarter: 4 });
    const queued = async () => sample(await readMetrics(server.url), 'hadiya_batch_queue_length', { batch: 'reports' });
    const waiting = `SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted AND relation = 'coin_price'::regclass`;
    const holder = await db.pool.connect();
    let answers: Promise<unknown>[];
    try {
      await holder.query('BEGIN; LOCK TABLE coin_price');
      answers = [read()];
      await expect.poll(async () => (await db.pool.query(waiting)).rows[0].n).toBe(1);
      // One computation is under way: all others wait for the next.
      answers.push(...Array.from({ length: 49 }, read));
      await expect.poll(queued).toBe(49);
    } finally {
      await holder.query('ROLLBACK').finally(() => holder.release());
    }
    const seen = await Promise.all(answers);
    stop();
    expect(new Set(seen.map((answer) => JSON.stringify(answer))).size).toBe(1);
    // Two figures a computation: the quarter, and the one before.
    expect(computed).toBe(2 * 2);
  });
});

test.for(['ae', 'AEE', 'A', '', "A'", 'Ä1'])('"%s" is no region', async (region, { server }) => {
  const { errors } = await server
    .http()
    .request('query($input: SpendingReportInput!) { spendingReport(input: $input) { gifts } }', {
      input: { year: 2011, quarter: 2, region },
    });
  expect(errors).toMatchObject([{ extensions: { code: 'INVALID_INPUT' } }]);
});
