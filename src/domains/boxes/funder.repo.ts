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
  giftsFrom: Date | null;
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
            v.gifts_from AS "giftsFrom", r.banned_until AS "bannedUntil", r.gifts_until AS "giftsUntil",
            c.gift_cap AS "giftCap", c.day_left AS "dayLeft", c.month_left AS "monthLeft",
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
  if (!funder.giftsFrom || funder.giftsFrom > funder.at) throw new AgeRestrictedError(funder.giftsFrom);
  checkCaps(funder, coins);
}

/** Says of which cap it is that it is in the way as the SQL function of the gifts does. */
function checkCaps({ at, giftCap, dayLeft, monthLeft, dayResetsAt, monthResetsAt }: Funder, coins: bigint): void {
  const left = [giftCap, dayLeft, monthLeft].filter((cap) => cap !== null);
  if (left.every((cap) => coins <= cap)) return;
  const remaining = left.toSorted((one, other) => Number(one - other))[0]!;
  if (giftCap !== null && giftCap < coins) {
    throw new SpendingCapReachedError({ period: 'GIFT', remaining, resetsAt: at });
  }
  const isMonth = dayLeft === null || (monthLeft !== null && dayLeft > monthLeft);
  throw new SpendingCapReachedError(
    isMonth
      ? { period: 'MONTH', remaining, resetsAt: monthResetsAt! }
      : { period: 'DAY', remaining, resetsAt: dayResetsAt! },
  );
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
