import { rows, type SqlTransaction } from '../../db/database.ts';
import { NotFoundError } from '../../kernel/errors.ts';
import { AgeRestrictedError, RegionRestrictedError } from '../gifts/gifts.errors.ts';
import { BannedError, MutedError } from '../moderation/moderation.errors.ts';
import { StreamNotLiveError } from '../streams/streams.errors.ts';
import { SpendingCapReachedError } from '../wallet/wallet.errors.ts';

/** Timestamps that Postgres calls infinite are numbers in `pg`. */
type Until = Date | number | null;

type Funder = {
  status: string;
  at: Date;
  regionAllows: boolean;
  mayGift: boolean;
  bannedUntil: Until;
  giftsUntil: Until;
  giftCap: bigint | null;
  dayLeft: bigint | null;
  monthLeft: bigint | null;
  dayResetsAt: Date | null;
  monthResetsAt: Date | null;
};

/**
 * Judges whether a viewer may put coins into a stream now, as a gift would be judged. The caller holds the viewer's wallet, so that
 * what counts against the caps stands still.
 * @throws {NotFoundError} no such stream
 * @throws {StreamNotLiveError}
 * @throws {BannedError}
 * @throws {MutedError}
 * @throws {RegionRestrictedError}
 * @throws {AgeRestrictedError}
 * @throws {SpendingCapReachedError}
 */
export async function requireFunder(
  sql: SqlTransaction,
  order: { viewerId: bigint; streamId: bigint; coins: bigint },
): Promise<void> {
  const [funder] = await rows<Funder>(
    sql,
    `/* boxes.funder */ SELECT s.status, now.at, rule.gifts_allowed AS "regionAllows",
            coalesce(v.gifts_from <= now.at, false) AS "mayGift", r.banned_until AS "bannedUntil", r.gifts_until AS "giftsUntil",
            c.gift_cap AS "giftCap", CASE WHEN c.day_cap IS NOT NULL THEN c.day_left END AS "dayLeft",
            CASE WHEN c.month_cap IS NOT NULL THEN c.month_left END AS "monthLeft",
            (c.day + 1)::timestamp AT TIME ZONE 'UTC' AS "dayResetsAt",
            (c.month + interval '1 month')::timestamp AT TIME ZONE 'UTC' AS "monthResetsAt"
       FROM (SELECT clock_timestamp() AS at) now, stream s, viewer v
       JOIN LATERAL (
         SELECT gifts_allowed FROM region_rule WHERE region IN ('', coalesce(v.region, '')) ORDER BY region DESC LIMIT 1
       ) rule ON true
       LEFT JOIN spending_limit l ON l.viewer_id = v.id, LATERAL (
         SELECT max(x.banned_until) AS banned_until, max(x.gifts_until) AS gifts_until FROM restriction x
          WHERE x.viewer_id = v.id AND x.creator_id IN (0, s.creator_id)
       ) r, LATERAL spending_left(l, now.at) c
      WHERE s.id = $1 AND v.id = $2`,
    [order.streamId, order.viewerId],
  );
  if (!funder) throw new NotFoundError('stream');
  judge(funder, order.coins);
}

function judge(funder: Funder, coins: bigint): void {
  if (funder.status !== 'LIVE') throw new StreamNotLiveError();
  if (isAhead(funder.bannedUntil, funder.at)) throw new BannedError(toDate(funder.bannedUntil));
  if (isAhead(funder.giftsUntil, funder.at)) throw new MutedError(toDate(funder.giftsUntil));
  if (!funder.regionAllows) throw new RegionRestrictedError();
  if (!funder.mayGift) throw new AgeRestrictedError();
  const caps: [left: bigint | null, resetsAt: Date | null][] = [
    [funder.giftCap, funder.at], // holds for one at a time: it resets at once
    [funder.dayLeft, funder.dayResetsAt],
    [funder.monthLeft, funder.monthResetsAt],
  ];
  // The tightest is what the viewer has to wait for; of two that leave the same, the one that lasts longer.
  let tightest: { remaining: bigint; resetsAt: Date } | undefined;
  for (const [remaining, resetsAt] of caps) {
    if (remaining !== null && remaining < coins && (!tightest || remaining <= tightest.remaining)) {
      tightest = { remaining, resetsAt: resetsAt! };
    }
  }
  if (tightest) throw new SpendingCapReachedError(tightest);
}

function isAhead(until: Until, at: Date): boolean {
  return until !== null && Number(until) > at.getTime();
}

function toDate(until: Until): Date | null {
  return until instanceof Date ? until : null;
}

/** Counts coins against the viewer's caps. The caller holds the wallet. */
export async function countSpending(sql: SqlTransaction, viewerId: bigint, coins: bigint): Promise<void> {
  await rows(sql, '/* boxes.spend */ SELECT spending_count($1, $2, clock_timestamp())', [[viewerId], [coins]]);
}
