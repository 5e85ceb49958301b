/** A quarter of gifts and orders by the million, set-based: the rows that reports read, as the services would have written them. */
import type { Logger } from 'pino';
import { withClient } from '../lib/books.ts';
import { seedStreams } from '../lib/seed.ts';

/** How large a quarter is. */
export type QuarterSize = { gifts: number; gifters: number; creators: number; orders: number };

/** The quarter that is seeded; over for good, whatever the clock says. */
export const QUARTER = { year: 2025, quarter: 4 } as const;
const FIRST_DAY = '2025-10-01';
const DAYS = 92;
/** Regions, each with fewer people than the one before. */
const REGIONS = 'US,BR,IN,GB,AE,SA,DE,FR,JP,KR,ID,TH,VN,PH,MX,TR,EG,NG,ZA,ES,IT,PL,CA,AU,AR,CL,CO,PE,MY,SG'.split(',');
/** One gift in so many was reversed later. */
const REVERSED_EVERY = 200;

/**
 * Brings an empty database to a quarter. A tenth of the people send most gifts, and a tenth of the creators get most; weekends and the
 * end of the quarter are busier. Left out is what reports do not read: balances, events, leaderboards, and the links of the ledger's chain
 * (its rows have hashes of the right size, so that they are as wide).
 */
export async function seedQuarter(databaseUrl: string, size: QuarterSize, log: Logger): Promise<void> {
  await seedStreams(databaseUrl, size.creators, log);
  await withClient(databaseUrl, async (sql) => {
    // Triggers would cost more than all rows together.
    await sql.query('SET session_replication_role = replica');
    await sql.query('SELECT setseed(0.5)');
    await sql.query(PEOPLE, [size.gifters, REGIONS]);
    for (let day = 0; day < DAYS; day++) {
      await sql.query(GIFTS, [FIRST_DAY, day, giftsOn(day, size.gifts), size.gifters, size.creators]);
      await sql.query(ORDERS, [FIRST_DAY, day, Math.ceil(size.orders / DAYS), size.gifters]);
    }
    await sql.query('VACUUM ANALYZE');
    await sql.query('CHECKPOINT');
  });
}

/** The gifts of a day: they add up to at least `gifts`. */
function giftsOn(day: number, gifts: number): number {
  const weight = (index: number): number => (index % 7 < 2 ? 1.3 : 0.9) * (1 + index / 400);
  const total = Array.from({ length: DAYS }, (_, index) => weight(index)).reduce((sum, value) => sum + value, 0);
  return Math.ceil((gifts * weight(day)) / total);
}

/** $1: people, $2: regions. One in twenty has none. */
const PEOPLE = `
WITH wallet AS (
  INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
    SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1) RETURNING id, owner_id
) INSERT INTO viewer (id, subject, handle, display_name, wallet_id, region)
    SELECT owner_id, 'bench:' || owner_id, 'viewer' || owner_id, 'Viewer ' || owner_id, id,
           CASE WHEN random() > 0.05 THEN ($2::text[])[1 + floor(power(random(), 2) * cardinality($2::text[]))::int] END FROM wallet`;

/** $1: the first day, $2: which one, $3: its gifts, $4: people, who have the highest ids, $5: creators. In the order of their times. */
const GIFTS = `
WITH drawn AS MATERIALIZED (
  SELECT nextval('gift_sent_id_seq') AS id, n, top.id - floor(power(random(), 3) * $4)::bigint AS viewer_id,
         1 + floor(power(random(), 3) * $5)::bigint AS stream, g.id AS gift_id, g.coins, 1 + floor(power(random(), 6) * 10)::int AS quantity,
         date_trunc('milliseconds', $1::timestamp AT TIME ZONE 'UTC' + make_interval(days => $2::int, secs => 86399.0 * n / $3)) AS at
    FROM generate_series(1, $3::int) n,
         (SELECT max(id) AS id FROM viewer) top,
         LATERAL (SELECT id, coins FROM gift WHERE n > 0 ORDER BY coins OFFSET floor(power(random(), 3) * 6) LIMIT 1) g
), sent AS (
  SELECT d.id, d.n, d.viewer_id, d.gift_id, d.quantity, d.coins * d.quantity AS coins, d.at, s.id AS stream_id, s.gifts_account_id,
         s.issuance_account_id, s.pending_account_id, v.wallet_id
    FROM drawn d JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM stream) s ON s.place = d.stream
      JOIN viewer v ON v.id = d.viewer_id
), new_gift AS (
  INSERT INTO gift_sent (id, viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
    SELECT id, viewer_id, 'seed-' || id, stream_id, gift_id, quantity, coins, coins / 2, id, at FROM sent ORDER BY n
) INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at,
                        debit_prev, credit_prev, debit_hash, credit_hash)
    SELECT debit, credit, unit, amount, kind, id, at, 1, 1, sha256(int8send(id)), sha256(int8send(-id)) FROM (
      SELECT n, 1 AS leg, wallet_id AS debit, gifts_account_id AS credit, 'COIN' AS unit, coins AS amount, 'GIFT_SPENT' AS kind, id, at FROM sent
      UNION ALL
      SELECT n, 2, issuance_account_id, pending_account_id, 'DIAMOND', coins / 2, 'GIFT_EARNED', id, at FROM sent WHERE coins > 1
      UNION ALL
      SELECT n, 3, gifts_account_id, wallet_id, 'COIN', coins, 'GIFT_REFUNDED', id, at FROM sent WHERE id % ${REVERSED_EVERY} = 0
    ) t ORDER BY n, leg`;

/** $1: the first day, $2: which one, $3: its orders, $4: people. */
const ORDERS = `
WITH sold AS (
  INSERT INTO shop_order (number, checkout_id, buyer_id, merchant_id, state, currency, total_minor, created_at)
    SELECT gen_random_uuid(), 0, (SELECT max(id) FROM viewer) - floor(power(random(), 2) * $4)::bigint, 1, 'COMPLETED', 'USD',
           500 + floor(random() * 9500)::bigint, $1::timestamp AT TIME ZONE 'UTC' + make_interval(days => $2::int, secs => 86399.0 * n / $3)
      FROM generate_series(1, $3::int) n
    RETURNING id, total_minor, created_at
) INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
    SELECT 1, 2, 'USD', total_minor, 'ORDER_PAID', id, created_at FROM sold`;
