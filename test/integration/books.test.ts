/** The books are looked at by one of all servers, whoever it is, and told of by all. */
import { pino } from 'pino';
import { expect } from 'vitest';
import { BooksCheck } from '../../src/app/books.ts';
import { test } from '../support/fixtures.ts';

/** Long: when it is time, the test says. */
const INTERVAL_MS = 3_600_000;

/** As many servers on a database as one likes, and how many of their looks went to the tables. */
function servers(pool: { query: BooksCheckDeps['probe']['query'] }) {
  const looks = { count: 0 };
  const warnings: string[] = [];
  const log = pino(
    { level: 'warn' },
    { write: (line: string) => warnings.push((JSON.parse(line) as { msg: string }).msg) },
  );
  // biome-ignore lint/suspicious/noExplicitAny: pg's query has a dozen overloads, and all of them pass through
  const query = ((statement: any, ...rest: any[]) => {
    if ((statement.text ?? statement).includes('/* app.books */')) looks.count++;
    return pool.query(statement, ...rest);
  }) as BooksCheckDeps['probe']['query'];
  return { looks, warnings, start: () => new BooksCheck({ probe: { query }, log }, INTERVAL_MS) };
}
type BooksCheckDeps = ConstructorParameters<typeof BooksCheck>[0];

const lookAll = (all: readonly BooksCheck[]) => Promise.all(all.map((one) => one.look()));

test('one look an interval, of which all servers know; who dies or fails in it is followed by another', async ({
  db,
}) => {
  const { looks, warnings, start } = servers(db.pool);
  await db.pool.query('SELECT months_make()'); // The template may be of last month.
  const all = Array.from({ length: 5 }, start);
  const later = (interval: string) =>
    db.pool.query('UPDATE books_look SET claimed_at = claimed_at - $1::interval', [interval]);
  await lookAll(all);
  await lookAll(all);
  expect(looks.count).toBe(1);
  for (const { last } of all) expect(last).toEqual({ ...all[0]!.last, imbalance: 0, monthsAhead: 3 });

  // As if it had died behind its claim: what was seen before stays until an interval is over, and no longer.
  await db.pool.query('DELETE FROM month_partition WHERE month = (SELECT max(month) FROM month_partition)');
  await db.pool.query('UPDATE books_look SET claimed_at = clock_timestamp()');
  await later('59 minutes');
  await lookAll(all);
  expect([looks.count, all[0]!.last!.monthsAhead]).toEqual([1, 3]);
  await later('1 minute');
  await lookAll(all);
  await lookAll(all);
  expect([looks.count, ...all.map(({ last }) => last!.monthsAhead)]).toEqual([2, 2, 2, 2, 2, 2]);

  await db.pool.query("UPDATE books_look SET claimed_at = clock_timestamp() + interval '1 year'");
  await lookAll(all);
  expect(looks.count, 'claimed by a clock that was ahead').toBe(3);

  const seen = all[0]!.last;
  await db.pool.query('ALTER TABLE offer RENAME TO offer_away');
  await later('1 hour');
  await lookAll(all);
  expect(all.map(({ failures }) => failures).sort()).toEqual([0, 0, 0, 0, 1]);
  expect(warnings).toEqual(['the books could not be read; the next look tries again']);
  await db.pool.query('ALTER TABLE offer_away RENAME TO offer');
  await later('1 hour');
  await lookAll(all);
  await lookAll(all);
  expect(looks.count).toBe(5);
  for (const { last } of all) expect(last!.checkedAtSeconds).toBeGreaterThan(seen!.checkedAtSeconds);
});

test('books that do not agree are said once, not once a server', async ({ db }) => {
  const { warnings, start } = servers(db.pool);
  await db.pool.query(
    "UPDATE ledger_account SET balance = balance + 5 WHERE id = (SELECT id FROM ledger_account WHERE unit = 'COIN' ORDER BY id LIMIT 1)",
  );
  const all = Array.from({ length: 3 }, start);
  await lookAll(all);
  await lookAll(all);
  expect(warnings).toEqual(['the books do not agree']);
  for (const { last } of all) expect(last).toMatchObject({ imbalance: 5 });
});
