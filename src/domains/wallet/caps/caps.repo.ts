import { type Queryable, rows, type SqlTransaction, statement } from '../../../db/database.ts';
import { lookUp, lookUpStatements } from '../../../db/look-up.ts';
import type { CapPeriod } from '../wallet.errors.ts';
import type { Cap } from './caps.rules.ts';

/** A viewer's caps, and what is left of them now. */
export type Limits = {
  viewerId: bigint;
  /** The database's time. */
  now: Date;
  giftCap: bigint | null;
  dayCap: bigint | null;
  monthCap: bigint | null;
  dayLeft: bigint | null;
  monthLeft: bigint | null;
  dayEnds: Date;
  monthEnds: Date;
  raiseGift: bigint | null;
  raiseDay: bigint | null;
  raiseMonth: bigint | null;
  raiseGiftAt: Date | null;
  raiseDayAt: Date | null;
  raiseMonthAt: Date | null;
};

const LIMITS = lookUpStatements(
  'wallet.limits',
  (
    equals,
  ) => `SELECT l.viewer_id AS "viewerId", t.now, s.gift_cap AS "giftCap", s.day_cap AS "dayCap", s.month_cap AS "monthCap",
       s.day_left AS "dayLeft", s.month_left AS "monthLeft",
       (s.day + 1)::timestamp AT TIME ZONE 'UTC' AS "dayEnds", (s.month + interval '1 month') AT TIME ZONE 'UTC' AS "monthEnds",
       l.raise_gift AS "raiseGift", l.raise_day AS "raiseDay", l.raise_month AS "raiseMonth",
       nullif(greatest(l.raise_gift_at, t.now), t.now) AS "raiseGiftAt", nullif(greatest(l.raise_day_at, t.now), t.now) AS "raiseDayAt",
       nullif(greatest(l.raise_month_at, t.now), t.now) AS "raiseMonthAt"
  FROM spending_limit l, (SELECT clock_timestamp() AS now OFFSET 0) t, LATERAL spending_left(l, t.now) s
 WHERE l.viewer_id ${equals}`,
);

/** The caps of viewers who have set some, in one statement. Raises that are due count as done. */
export function readLimits(sql: Queryable, viewerIds: readonly bigint[]): Promise<Limits[]> {
  return lookUp<Limits>(sql, LIMITS, viewerIds);
}

/** What a wallet has spent, and the transfer that was its newest when that was added up. */
export type Spent = { head: bigint | null; day: bigint; month: bigint };

// Walks the wallet's own chain by primary key, newest first, back to what is of an earlier month or was added up before. A refund
// takes off what was spent in the same day, or month: what is given back of an earlier one does not make room today. What a bank has
// taken back was spent, as it is where it is counted gift by gift (uncountSpending).
const SPENT = statement(
  'wallet.spent',
  `WITH RECURSIVE chain AS (
     SELECT t.id, t.debit_account_id, t.amount, t.kind, t.cause_id, t.reverses, t.created_at, t.debit_prev, t.credit_prev, s.day, s.month, a.id AS account_id
       FROM (SELECT id, last_transfer_id FROM ledger_account WHERE id = $1 LIMIT 1) a,
            (SELECT date_trunc('day', n, 'UTC') AS day, date_trunc('month', n, 'UTC') AS month FROM clock_timestamp() n) s,
            LATERAL (SELECT * FROM transfer WHERE id = a.last_transfer_id LIMIT 1) t
      WHERE t.created_at >= s.month AND ($2::bigint IS NULL OR t.id > $2)
     UNION ALL
     SELECT t.id, t.debit_account_id, t.amount, t.kind, t.cause_id, t.reverses, t.created_at, t.debit_prev, t.credit_prev, c.day, c.month, c.account_id
       FROM chain c, LATERAL (
         SELECT * FROM transfer
          WHERE id = CASE WHEN c.debit_account_id = c.account_id THEN c.debit_prev ELSE c.credit_prev END LIMIT 1
       ) t
      WHERE t.created_at >= c.month AND ($2::bigint IS NULL OR t.id > $2)
   ), counted AS (
     SELECT CASE WHEN c.kind = 'GIFT_REFUNDED' THEN -c.amount ELSE c.amount END AS coins,
            least(c.created_at, CASE WHEN c.kind = 'GIFT_REFUNDED' THEN (SELECT g.created_at FROM transfer g WHERE g.id = c.reverses LIMIT 1) END) AS spent_at,
            c.day, c.month
       FROM chain c WHERE c.kind IN ('GIFT_SPENT', 'BOX_FUNDED') OR (c.kind = 'GIFT_REFUNDED'
         AND (SELECT r.reason FROM gift_reversal r WHERE r.gift_sent_id = c.cause_id LIMIT 1) IS DISTINCT FROM 'CHARGEBACK')
   )
   SELECT (SELECT last_transfer_id FROM ledger_account WHERE id = $1) AS head,
          coalesce(sum(coins) FILTER (WHERE spent_at >= day), 0)::bigint AS day,
          coalesce(sum(coins) FILTER (WHERE spent_at >= month), 0)::bigint AS month FROM counted`,
);

/**
 * What a wallet has spent today and this month (UTC), as its chain of transfers says.
 * @param behind leaves out this transfer and those before it
 */
export async function readSpent(sql: Queryable, walletId: bigint, behind: bigint | null): Promise<Spent> {
  const [spent] = await rows<Spent>(sql, SPENT, [walletId, behind]);
  return spent!;
}

/** Begins to count what a viewer spends. The caller holds the wallet's lock. */
export async function insertLimits(
  sql: SqlTransaction,
  viewerId: bigint,
  { day, month }: { day: bigint; month: bigint },
): Promise<void> {
  await rows(
    sql,
    `/* wallet.openLimits */ INSERT INTO spending_limit (viewer_id, day, day_coins, month, month_coins)
     SELECT $1, (n AT TIME ZONE 'UTC')::date, greatest($2, 0), date_trunc('month', n AT TIME ZONE 'UTC')::date, greatest($3, 0)
       FROM clock_timestamp() n`,
    [viewerId, day, month],
  );
}

const COLUMNS: Record<CapPeriod, { cap: string; raise: string; at: string }> = {
  GIFT: { cap: 'gift_cap', raise: 'raise_gift', at: 'raise_gift_at' },
  DAY: { cap: 'day_cap', raise: 'raise_day', at: 'raise_day_at' },
  MONTH: { cap: 'month_cap', raise: 'raise_month', at: 'raise_month_at' },
};

/**
 * Writes the cap of one period. The caller holds the wallet's lock.
 * @returns the wallet, which has a newer version now: whoever watches it sees the cap
 */
export async function updateCap(
  sql: SqlTransaction,
  { viewerId, walletId, period }: { viewerId: bigint; walletId: bigint; period: CapPeriod },
  cap: Cap,
): Promise<{ coins: bigint; version: bigint }> {
  const columns = COLUMNS[period];
  await rows(
    sql,
    `/* wallet.setCap */ UPDATE spending_limit SET ${columns.cap} = $2, ${columns.raise} = $3, ${columns.at} = $4 WHERE viewer_id = $1`,
    [viewerId, cap.coins, cap.raise?.coins ?? null, cap.raise?.at ?? null],
  );
  const [wallet] = await rows<{ coins: bigint; version: bigint }>(
    sql,
    '/* wallet.capsChanged */ UPDATE ledger_account SET version = version + 1 WHERE id = $1 RETURNING balance AS coins, version',
    [walletId],
  );
  return wallet!;
}
