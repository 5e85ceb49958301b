import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import { firstDay, type Quarter } from './quarters.ts';

/** What orders of one currency came to. */
export type Sale = { currency: string; orders: bigint; paid: bigint; refunds: bigint; refunded: bigint };

/** What a quarter comes to in a region, or in the world (the region ''). */
export type Figures = {
  region: string;
  gifts: bigint;
  coins: bigint;
  reversals: bigint;
  reversedCoins: bigint;
  gifters: bigint;
  soleGifters: bigint;
  creators: bigint;
  buyers: bigint;
  soleBuyers: bigint;
  sales: Sale[];
};

/** A day of a quarter. */
export type Day = { day: string; gifts: bigint; coins: bigint; reversedCoins: bigint };

/** A creator and what came in. */
export type TopCreator = { creatorId: bigint; handle: string; displayName: string; coins: bigint };

/** What 1,000 coins are worth. */
export type CoinPrice = { currency: string; minorPer1000: bigint };

/** A report that is closed. */
export type ClosedQuarter = { document: string; checksum: string; closedAt: Date };

/** What a day comes to, and what the ledger says of it. */
export type DayBooks = {
  coins: bigint;
  reversedCoins: bigint;
  paidMinor: bigint;
  refundedMinor: bigint;
  ledgerCoins: bigint;
  ledgerReversedCoins: bigint;
  ledgerPaidMinor: bigint;
  ledgerRefundedMinor: bigint;
};

/** Of all servers, one rolls up at a time. */
const SWEEP_LOCK = 4_823_019;

/** What a quarter comes to so far, the world first, then its regions in the order of their codes. */
export async function readFigures(sql: Queryable, quarter: Quarter): Promise<Figures[]> {
  type Row = Omit<Figures, 'sales'> & { sales: Record<keyof Sale, string>[] };
  const found = await rows<Row>(
    sql,
    `/* reports.figures */ SELECT region, gifts, coins, reversals, reversed_coins AS "reversedCoins", gifters,
            sole_gifters AS "soleGifters", creators, buyers, sole_buyers AS "soleBuyers", sales FROM report_figures($1::date)`,
    [firstDay(quarter)],
  );
  return found.map((row) => ({
    ...row,
    sales: row.sales.map(({ currency, orders, paid, refunds, refunded }) => {
      return {
        currency,
        orders: BigInt(orders),
        paid: BigInt(paid),
        refunds: BigInt(refunds),
        refunded: BigInt(refunded),
      };
    }),
  }));
}

/** A quarter day by day, until today. */
export async function readDays(sql: Queryable, quarter: Quarter): Promise<Day[]> {
  return rows<Day>(
    sql,
    `/* reports.days */ SELECT day::text, gifts, coins, reversed_coins AS "reversedCoins" FROM report_days($1::date) ORDER BY day`,
    [firstDay(quarter)],
  );
}

/** Who was given most in a quarter, best first. */
export async function readTopCreators(sql: Queryable, quarter: Quarter, limit: number): Promise<TopCreator[]> {
  return rows<TopCreator>(
    sql,
    `/* reports.topCreators */ SELECT t.creator_id AS "creatorId", v.handle, v.display_name AS "displayName", t.coins
       FROM report_top_creators($1::date, $2) t JOIN creator c ON c.id = t.creator_id JOIN viewer v ON v.id = c.viewer_id
      ORDER BY t.coins DESC, t.creator_id`,
    [firstDay(quarter), limit],
  );
}

/** The price of coins that a quarter goes by: the one in force on its first day. */
export async function readCoinPrice(sql: Queryable, quarter: Quarter): Promise<CoinPrice> {
  const [price] = await rows<CoinPrice>(
    sql,
    `/* reports.coinPrice */ SELECT currency, minor_per_1000 AS "minorPer1000" FROM coin_price WHERE valid_from <= $1::date
      ORDER BY valid_from DESC LIMIT 1`,
    [firstDay(quarter)],
  );
  assert(price, 'coins have had a price since reports exist');
  return price;
}

/** The report of a quarter that is closed. */
export async function findClosed(sql: Queryable, quarter: Quarter): Promise<ClosedQuarter | undefined> {
  const [closed] = await rows<ClosedQuarter>(
    sql,
    '/* reports.closed */ SELECT document, checksum, closed_at AS "closedAt" FROM report_quarter WHERE quarter = $1::date',
    [firstDay(quarter)],
  );
  return closed;
}

/** Keeps a report for good. The caller holds the quarter's lock. Returns its checksum, which the database has checked. */
export async function insertClosed(
  sql: SqlTransaction,
  quarter: Quarter,
  report: { document: string; checksum: string; closedBy: bigint },
): Promise<ClosedQuarter> {
  const [closed] = await rows<ClosedQuarter>(
    sql,
    `/* reports.close */ INSERT INTO report_quarter (quarter, closed_by, document, checksum) VALUES ($1::date, $2, $3, $4)
     RETURNING document, checksum, closed_at AS "closedAt"`,
    [firstDay(quarter), report.closedBy, report.document, report.checksum],
  );
  return closed!;
}

/** Locks a quarter until the transaction ends: nobody else rolls its days up or closes it. */
export async function lockQuarter(sql: SqlTransaction, quarter: Quarter): Promise<void> {
  await rows(sql, '/* reports.lock */ SELECT report_lock($1::date)', [firstDay(quarter)]);
}

/** Makes who took part in a quarter anew, from all of its days. */
export async function gatherReach(sql: SqlTransaction, quarter: Quarter): Promise<void> {
  await rows(sql, '/* reports.gather */ SELECT report_gather($1::date)', [firstDay(quarter)]);
}

/** Rolls a day up, or again. One statement; the day before must be rolled up, unless it is of another quarter. */
export async function rollDay(sql: Queryable, day: string): Promise<DayBooks> {
  const [books] = await rows<DayBooks>(
    sql,
    `/* reports.rollDay */ SELECT coins, reversed_coins AS "reversedCoins", paid_minor AS "paidMinor",
            refunded_minor AS "refundedMinor", ledger_coins AS "ledgerCoins", ledger_reversed_coins AS "ledgerReversedCoins",
            ledger_paid_minor AS "ledgerPaidMinor", ledger_refunded_minor AS "ledgerRefundedMinor" FROM report_roll_day($1::date)`,
    [day],
  );
  return books!;
}

/** Whether no other server is rolling up; if so, none begins before the transaction ends. */
export async function tryLockSweep(sql: SqlTransaction): Promise<boolean> {
  const [lock] = await rows<{ got: boolean }>(
    sql,
    '/* reports.lockSweep */ SELECT pg_try_advisory_xact_lock($1) AS got',
    [SWEEP_LOCK],
  );
  return lock!.got;
}

/** The first day since the ledger's first transfer that is over by `marginMs` and not rolled up. */
export async function findDayToRoll(sql: Queryable, marginMs: number): Promise<string | undefined> {
  const [found] = await rows<{ day: string }>(
    sql,
    `/* reports.dayToRoll */ SELECT d.day::date::text AS day FROM generate_series(
         date_trunc('quarter', (SELECT created_at AT TIME ZONE 'UTC' FROM transfer ORDER BY id LIMIT 1)),
         date_trunc('day', (clock_timestamp() - make_interval(secs => $1::float8 / 1000)) AT TIME ZONE 'UTC') - interval '1 day',
         interval '1 day') d(day)
      WHERE NOT EXISTS (SELECT FROM report_day r WHERE r.day = d.day::date) ORDER BY d.day LIMIT 1`,
    [marginMs],
  );
  return found?.day;
}

/** Whether a day has been over for so long, by the database's clock. */
export async function isOver(sql: Queryable, day: string, marginMs: number): Promise<boolean> {
  const [clock] = await rows<{ over: boolean }>(
    sql,
    `/* reports.isOver */ SELECT clock_timestamp() >= ($1::date + 1)::timestamp AT TIME ZONE 'UTC' + make_interval(secs => $2::float8 / 1000)
       AS over`,
    [day, marginMs],
  );
  return clock!.over;
}

/** The first transaction id that is not given out yet. */
export async function readNextTransaction(sql: Queryable): Promise<string> {
  const [snapshot] = await rows<{ xmax: string }>(
    sql,
    '/* reports.nextTransaction */ SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xmax',
  );
  return snapshot!.xmax;
}

/** Whether every transaction with a smaller id has ended. */
export async function haveEnded(sql: Queryable, before: string): Promise<boolean> {
  const [snapshot] = await rows<{ ended: boolean }>(
    sql,
    '/* reports.haveEnded */ SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS ended',
    [before],
  );
  return snapshot!.ended;
}
