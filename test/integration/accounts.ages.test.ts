/** The age gate and the rules of regions: from when on somebody may send gifts. */
import type pg from 'pg';
import { describe, expect } from 'vitest';
import { VIEWER_AGE } from '../support/documents.ts';
import { type Actor, mutate, type Outcome, query, signIn, succeed } from '../support/operations.ts';
import { globalId, rowOf } from './support/ids.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { test as base } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Age = { ageConfirmed: boolean; region: string | null; giftsAllowedFrom: string | null };
type Confirmed = { viewer: Age; replayed: boolean };
type Rule = { region: string | null; giftAgeMin: number; giftsAllowed: boolean };

const confirm = (viewer: Pick<Actor, 'api'>, birthDate: string, region?: string): Promise<Outcome<Confirmed>> =>
  mutate<Confirmed>(viewer.api, 'confirmAge', { birthDate, region });
const ageOf = async (viewer: Actor) => (await query<{ me: Age }>(viewer.api, `{ me { ${VIEWER_AGE} } }`)).me;
const setRule = (operator: Pick<Actor, 'api'>, rule: Partial<Rule>): Promise<Outcome<{ rule: Rule }>> =>
  mutate(operator.api, 'setRegionRule', rule);
const removeRule = (operator: Actor, region: string): Promise<Outcome<{ rules: Rule[] }>> =>
  mutate(operator.api, 'removeRegionRule', { region });
const rulesOf = async (viewer: Pick<Actor, 'api'>) =>
  (await query<{ regionRules: Rule[] }>(viewer.api, '{ regionRules { region giftAgeMin giftsAllowed } }')).regionRules;

const UNKNOWN: Age = { ageConfirmed: false, region: null, giftsAllowedFrom: null };

/** Whoever signs in to the demo counts as an adult; these have said nothing yet. */
const forget = (pool: pg.Pool, viewer: Actor) =>
  pool.query('UPDATE viewer SET birth_date = NULL, region = NULL WHERE id = $1', [rowOf(viewer.id)]);

const test = base
  .extend('newcomer', async ({ server, db }) => {
    const viewer = await signIn(server);
    await forget(db.pool, viewer);
    return viewer;
  })
  .extend('operator', ({ server }) => signIn(server, 'operator'));

describe('confirming an age', () => {
  test('until then nobody may send gifts; then from the birthday on that the region asks for', async ({ newcomer }) => {
    expect(await ageOf(newcomer)).toEqual(UNKNOWN);
    const { viewer, replayed } = succeed(await confirm(newcomer, '2010-02-28', 'KR'));
    expect(viewer).toEqual({ ageConfirmed: true, region: 'KR', giftsAllowedFrom: '2029-02-28T00:00:00.000Z' });
    expect(replayed).toBe(false);
    expect(await ageOf(newcomer)).toEqual(viewer);
  });

  test.for([
    ['18 everywhere else', '2000-06-15', 'DE', '2018-06-15'],
    ['18 where we do not know', '2000-06-15', undefined, '2018-06-15'],
    ['a leap day comes of age on the 28th of a common year', '2000-02-29', 'DE', '2018-02-28'],
  ] as const)('%s', async ([, birthDate, region, from], { newcomer }) => {
    const { viewer } = succeed(await confirm(newcomer, birthDate, region));
    expect(viewer.giftsAllowedFrom).toBe(`${from}T00:00:00.000Z`);
  });

  test('the same again changes nothing, something else is refused', async ({ db, newcomer }) => {
    succeed(await confirm(newcomer, '2001-12-31', 'AE'));
    await expectNothingWritten(db.pool, async () => {
      expect(succeed(await confirm(newcomer, '2001-12-31', 'AE')).replayed).toBe(true);
      expect(succeed(await confirm(newcomer, '2001-12-31')).viewer.region).toBe('AE');
      for (const [birthDate, region] of [
        ['2001-12-30', 'AE'],
        ['2001-12-31', 'DE'],
        ['1990-01-01', undefined],
      ] as const) {
        expect(await confirm(newcomer, birthDate, region)).toMatchObject({ __typename: 'ForbiddenError' });
      }
    });
  });

  test('a region may be added to a date of birth that is known', async ({ newcomer }) => {
    succeed(await confirm(newcomer, '2008-05-05'));
    const { viewer, replayed } = succeed(await confirm(newcomer, '2008-05-05', 'KR'));
    expect(viewer).toMatchObject({ region: 'KR', giftsAllowedFrom: '2027-05-05T00:00:00.000Z' });
    expect(replayed).toBe(false);
  });

  test('of many different ones at once, one counts', async ({ newcomer }) => {
    const days = Array.from({ length: 20 }, (_, index) => `2001-01-${String(index + 1).padStart(2, '0')}`);
    const outcomes = await atOnce(20, (index) => confirm(newcomer, days[index]!, 'DE'));
    expect(tally(outcomes)).toEqual({ ConfirmAgeSuccess: 1, ForbiddenError: 19 });
  });

  test.for([
    ['before anybody alive', '1899-12-31'],
    ['in the future', '2999-01-01'],
  ] as const)('a day %s is refused', async ([, birthDate], { db, newcomer }) => {
    const outcome = await expectNothingWritten(db.pool, () => confirm(newcomer, birthDate, 'DE'));
    expect(outcome).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path: 'input.birthDate' }] });
  });

  test('what is no day, or no region, is refused', async ({ server, newcomer }) => {
    for (const day of ['2001-02-30', '2001-2-3', 'yesterday', '', '2001-01-01T00:00:00Z']) {
      await expect(confirm(newcomer, day), day).rejects.toThrow(/HTTP 400.*Date|LocalDate/);
    }
    for (const region of ['de', 'DEU', '', 'D1', '\0A']) {
      expect(await confirm(newcomer, '2001-01-01', region), region).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ path: 'input.region' }],
      });
    }
    expect(await confirm({ api: server.http() }, '2001-01-01')).toMatchObject({ __typename: 'NotSignedInError' });
    expect(await ageOf(newcomer)).toEqual(UNKNOWN);
  });

  test('whoever signs in to the demo is an adult', async ({ server }) => {
    const { ageConfirmed, giftsAllowedFrom } = await ageOf(await signIn(server));
    expect(ageConfirmed).toBe(true);
    expect(Date.parse(giftsAllowedFrom!)).toBeLessThan(Date.now());
  });
});

describe('an operator', () => {
  test('corrects what was declared, and it is noted', async ({ db, operator, newcomer }) => {
    succeed(await confirm(newcomer, '2015-01-01', 'DE'));
    const input = { viewerId: newcomer.id, birthDate: '1995-01-01', region: 'KR', reason: 'Passport seen' };
    const corrected = succeed(await mutate<{ age: object; replayed: boolean }>(operator.api, 'correctAge', input));
    expect(corrected).toMatchObject({
      age: {
        viewerId: newcomer.id,
        birthDate: '1995-01-01',
        region: 'KR',
        giftsAllowedFrom: '2014-01-01T00:00:00.000Z',
      },
      replayed: false,
    });
    expect(await ageOf(newcomer)).toMatchObject({ region: 'KR', giftsAllowedFrom: '2014-01-01T00:00:00.000Z' });
    expect(succeed(await mutate<{ replayed: boolean }>(operator.api, 'correctAge', input)).replayed).toBe(true);
    const { rows } = await db.pool.query(
      `SELECT operator_id, birth_date_before::text, region_before, birth_date::text, region, reason FROM age_correction WHERE viewer_id = $1`,
      [rowOf(newcomer.id)],
    );
    expect(rows).toEqual([
      {
        operator_id: rowOf(operator.id),
        birth_date_before: '2015-01-01',
        region_before: 'DE',
        birth_date: '1995-01-01',
        region: 'KR',
        reason: 'Passport seen',
      },
    ]);
  });

  test('nobody else corrects ages or sets rules', async ({ server, db, newcomer }) => {
    await expectNothingWritten(db.pool, async () => {
      for (const [api, typename] of [
        [newcomer.api, 'ForbiddenError'],
        [server.http(), 'NotSignedInError'],
      ] as const) {
        const correction = { viewerId: newcomer.id, birthDate: '1990-01-01', reason: 'Please' };
        for (const [name, input] of [
          ['correctAge', correction],
          ['setRegionRule', { region: 'DE', giftAgeMin: 0 }],
          ['removeRegionRule', { region: 'KR' }],
        ] as const) {
          expect((await mutate(api, name, input)).__typename, name).toBe(typename);
        }
      }
    });
  });

  test('a correction of nobody, or without a reason, is refused', async ({ operator, newcomer }) => {
    const input = { viewerId: newcomer.id, birthDate: '1990-01-01', reason: 'Passport seen' };
    for (const [change, typename] of [
      [{ viewerId: globalId('Viewer', 999_999_999) }, 'NotFoundError'],
      [{ viewerId: 'garbage' }, 'NotFoundError'],
      [{ reason: '  ' }, 'InvalidInputError'],
      [{ reason: 'x'.repeat(201) }, 'InvalidInputError'],
      [{ birthDate: '1800-01-01' }, 'InvalidInputError'],
    ] as const) {
      expect((await mutate(operator.api, 'correctAge', { ...input, ...change })).__typename).toBe(typename);
    }
  });
});

describe('rules of regions', () => {
  test('are data: they hold at once, for viewers who have declared before, too', async ({
    server,
    operator,
    newcomer,
    db,
  }) => {
    expect(await rulesOf({ api: server.http() })).toEqual([
      { region: null, giftAgeMin: 18, giftsAllowed: true },
      { region: 'KR', giftAgeMin: 19, giftsAllowed: true },
    ]);
    succeed(await confirm(newcomer, '2000-01-01', 'JP'));
    const other = await signIn(server);
    await forget(db.pool, other);
    succeed(await confirm(other, '2000-01-01', 'FR'));
    const rule = { region: 'JP', giftAgeMin: 20, giftsAllowed: true };
    expect(succeed(await setRule(operator, rule)).rule).toEqual(rule);
    expect((await ageOf(newcomer)).giftsAllowedFrom).toBe('2020-01-01T00:00:00.000Z');
    expect((await ageOf(other)).giftsAllowedFrom).toBe('2018-01-01T00:00:00.000Z');
    succeed(await setRule(operator, { ...rule, giftsAllowed: false }));
    expect(await ageOf(newcomer)).toEqual({ ageConfirmed: true, region: 'JP', giftsAllowedFrom: null });
    expect(succeed(await removeRule(operator, 'JP')).rules).toHaveLength(2);
    expect((await ageOf(newcomer)).giftsAllowedFrom).toBe('2018-01-01T00:00:00.000Z');
    expect((await removeRule(operator, 'JP')).__typename).toBe('NotFoundError');
  });

  test('the one for everywhere else holds where there is none, and only there', async ({
    operator,
    server,
    newcomer,
    db,
  }) => {
    succeed(await confirm(newcomer, '2000-01-01', 'FR'));
    const korean = await signIn(server);
    await forget(db.pool, korean);
    succeed(await confirm(korean, '2000-01-01', 'KR'));
    try {
      expect(succeed(await setRule(operator, { giftAgeMin: 21 })).rule).toEqual({
        region: null,
        giftAgeMin: 21,
        giftsAllowed: true,
      });
      expect((await ageOf(newcomer)).giftsAllowedFrom).toBe('2021-01-01T00:00:00.000Z');
      expect((await ageOf(korean)).giftsAllowedFrom).toBe('2019-01-01T00:00:00.000Z');
    } finally {
      succeed(await setRule(operator, { giftAgeMin: 18 }));
    }
    expect((await ageOf(newcomer)).giftsAllowedFrom).toBe('2018-01-01T00:00:00.000Z');
  });

  test('rules that break the rules are refused', async ({ db, operator }) => {
    await expectNothingWritten(db.pool, async () => {
      for (const rule of [
        { region: 'DE', giftAgeMin: -1 },
        { region: 'DE', giftAgeMin: 121 },
        { region: 'Germany', giftAgeMin: 18 },
        { region: '', giftAgeMin: 18 },
      ]) {
        expect((await setRule(operator, rule)).__typename).toBe('InvalidInputError');
      }
    });
  });

  test('viewers who declare while rules change end with the rule that holds', async ({ server, db, operator }) => {
    const viewers = await atOnce(20, () => signIn(server));
    await db.pool.query('UPDATE viewer SET birth_date = NULL, region = NULL WHERE id = ANY($1)', [
      viewers.map(({ id }) => rowOf(id)),
    ]);
    await Promise.all([
      ...viewers.map((viewer) => confirm(viewer, '2000-01-01', 'BR')),
      ...[16, 17, 20, 21].map((giftAgeMin) => setRule(operator, { region: 'BR', giftAgeMin })),
    ]);
    const { rows } = await db.pool.query(
      `SELECT count(*)::int AS viewers FROM viewer WHERE region = 'BR' AND gifts_from = gifts_from(birth_date, region)`,
    );
    expect(rows).toEqual([{ viewers: 20 }]);
    succeed(await removeRule(operator, 'BR'));
  });
});

test('a rule of a region that meets a viewer who declares something at the same moment is set all the same', async ({
  db,
  operator,
  newcomer,
}) => {
  succeed(await confirm(newcomer, '2000-01-01', 'PE'));
  const declaring = await db.pool.connect();
  try {
    await declaring.query('BEGIN');
    await declaring.query('SELECT 1 FROM viewer WHERE id = $1 FOR NO KEY UPDATE', [rowOf(newcomer.id)]);
    const set = setRule(operator, { region: 'PE', giftAgeMin: 21 });
    const waiting = `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%setRegionRule%'`;
    await expect.poll(async () => (await db.pool.query(waiting)).rows[0].n).toBe(1);
    // Each waits for the other now. Whom Postgres ends is its own affair; the rule is set in any case.
    const declare = "UPDATE viewer SET birth_date = '1999-01-01' WHERE id = $1";
    const declared = await declaring.query(declare, [rowOf(newcomer.id)]).then(
      () => true,
      () => false,
    );
    await declaring.query('COMMIT');
    expect(succeed(await set).rule).toEqual({ region: 'PE', giftAgeMin: 21, giftsAllowed: true });
    const born = declared ? 1999 : 2000;
    expect((await ageOf(newcomer)).giftsAllowedFrom).toBe(`${born + 21}-01-01T00:00:00.000Z`);
  } finally {
    declaring.release(true);
  }
  succeed(await removeRule(operator, 'PE'));
});
