/** Reports of random quarters, beside a model that adds up one thing after the other. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  type Channel,
  type Gift,
  insertGift,
  insertMoney,
  insertOrder,
  insertPeople,
  insertReversal,
  openChannel,
  readReport,
} from '../integration/support/report-rows.ts';
import { test } from '../integration/support/shared-server.ts';
import { mutate, signIn, succeed } from '../support/operations.ts';

const NUM_RUNS = 8;
/** One quarter for each run, each in a year of its own. */
const FIRST_YEAR = 2005;
const REGIONS = ['AE', 'BR', null];
const PEOPLE_PER_REGION = 3;
const CHANNELS = 3;
/** Milliseconds before the quarter begins and behind its end that things happen, too. */
const OUTSIDE_MS = 2 * 86_400_000;

type Drawn = {
  gifts: { person: number; channel: number; coins: number; place: number; reversedAfter: number | null }[];
  orders: { person: number; minor: number; place: number; refundedAfter: number | null }[];
  rolledDays: number;
};

const place = fc.double({ min: 0, max: 1, noNaN: true });
const later = fc.option(place, { nil: null, freq: 3 });
const drawn: fc.Arbitrary<Drawn> = fc.record({
  gifts: fc.array(
    fc.record({
      person: fc.nat(REGIONS.length * PEOPLE_PER_REGION - 1),
      channel: fc.nat(CHANNELS - 1),
      coins: fc.integer({ min: 1, max: 900 }),
      place,
      reversedAfter: later,
    }),
    { maxLength: 30 },
  ),
  orders: fc.array(
    fc.record({
      person: fc.nat(REGIONS.length * PEOPLE_PER_REGION - 1),
      minor: fc.integer({ min: 1, max: 9_999 }),
      place,
      refundedAfter: later,
    }),
    { maxLength: 6 },
  ),
  rolledDays: fc.integer({ min: 0, max: 91 }),
});

/** What somebody did. */
type Fact = { at: string; region: string; person: string; creator?: string; coins?: number; minor?: number };

test('are what the model says, rolled up or not, and after the quarter is closed', { timeout: 120_000 }, async ({
  server,
  db,
}) => {
  const operator = await signIn(server, 'operator');
  const channels: Channel[] = [];
  for (let index = 0; index < CHANNELS; index++) channels.push(await openChannel(server, db.pool));
  let year = FIRST_YEAR;
  const run = async (world: Drawn) => {
    const quarter = { year: year++, quarter: 3 };
    const [from, to] = [Date.UTC(quarter.year, 6, 1), Date.UTC(quarter.year, 9, 1)];
    const at = (share: number, first = from - OUTSIDE_MS) =>
      new Date(Math.floor(first + share * (to + OUTSIDE_MS - first))).toISOString();
    const people = (
      await Promise.all(REGIONS.map((region) => insertPeople(db.pool, PEOPLE_PER_REGION, region)))
    ).flat();
    const facts = { gifts: [] as Fact[], reversals: [] as Fact[], orders: [] as Fact[], refunds: [] as Fact[] };
    for (const one of world.gifts) {
      const [person, channel] = [people[one.person]!, channels[one.channel]!];
      const gift: Gift = await insertGift(db.pool, person, channel, one.coins, at(one.place));
      const fact = { region: person.region ?? 'ZZ', person: person.id, creator: channel.creatorId, coins: one.coins };
      facts.gifts.push({ ...fact, at: gift.at });
      if (one.reversedAfter === null) continue;
      const reversedAt = at(one.reversedAfter, Date.parse(gift.at));
      await insertReversal(db.pool, gift, reversedAt);
      facts.reversals.push({ ...fact, at: reversedAt });
    }
    for (const one of world.orders) {
      const person = people[one.person]!;
      const paidAt = at(one.place);
      const order = await insertOrder(db.pool, person, { minor: one.minor }, paidAt);
      const fact = { region: person.region ?? 'ZZ', person: person.id, minor: one.minor };
      facts.orders.push({ ...fact, at: paidAt });
      if (one.refundedAfter === null) continue;
      const refundedAt = at(one.refundedAfter, Date.parse(paidAt));
      await insertMoney(db.pool, order, one.minor, 'ORDER_REFUNDED', refundedAt);
      facts.refunds.push({ ...fact, at: refundedAt });
    }
    const expected = (region?: string) => {
      const inside = (all: Fact[]) =>
        all.filter((fact) => {
          const ms = Date.parse(fact.at);
          return ms >= from && ms < to && (region === undefined || fact.region === region);
        });
      const [gifts, reversals] = [inside(facts.gifts), inside(facts.reversals)];
      const [orders, refunds] = [inside(facts.orders), inside(facts.refunds)];
      const sum = (all: Fact[], what: 'coins' | 'minor') => all.reduce((total, fact) => total + fact[what]!, 0);
      return {
        gifts: gifts.length,
        sentCoins: sum(gifts, 'coins'),
        reversals: reversals.length,
        reversedCoins: sum(reversals, 'coins'),
        giftCoins: sum(gifts, 'coins') - sum(reversals, 'coins'),
        gifters: new Set(gifts.map(({ person }) => person)).size,
        creators: new Set(gifts.map(({ creator }) => creator)).size,
        orders: orders.length,
        buyers: new Set(orders.map(({ person }) => person)).size,
        productSpend: { minorUnits: sum(orders, 'minor') - sum(refunds, 'minor'), currency: 'USD' },
      };
    };
    const check = async (closed: boolean) => {
      for (const region of [undefined, 'AE', 'BR', 'ZZ']) {
        const report = await readReport(operator.api, { ...quarter, ...(region && { region }) });
        expect(report).toMatchObject({ ...expected(region), closed });
      }
    };
    await check(false);
    for (let day = 0; day < world.rolledDays; day++) {
      await db.pool.query('SELECT report_roll_day($1::date + $2::int)', [
        new Date(from).toISOString().slice(0, 10),
        day,
      ]);
    }
    await check(false);
    succeed(await mutate(operator.api, 'closeQuarter', quarter));
    await check(true);
  };
  await fc.assert(fc.asyncProperty(drawn, run), { numRuns: NUM_RUNS, endOnFailure: true });
});
