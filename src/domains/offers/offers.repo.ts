import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { type OfferEligibility, type OfferEndReason, type OfferView, offerEvents } from './offers.events.ts';

/** An offer that is to begin. */
export type OfferDraft = {
  streamId: bigint;
  variantId: bigint;
  unitPriceMinor: bigint;
  quantity: number;
  perBuyerLimit: number;
  durationSeconds: number;
  eligibility: OfferEligibility;
};

/** An offer as the lists show it. */
export type OfferRow = OfferView & {
  id: bigint;
  streamId: bigint;
  variantId: bigint;
  productId: bigint;
  startsAt: Date;
  endsAt: Date;
};

/** A stream, as the rules of this domain need it. */
export type SellingStream = { id: bigint; status: 'SCHEDULED' | 'LIVE' | 'ENDED'; viewerId: bigint };

/** Of an offer `o` and its variant `v`. */
const OFFER_COLUMNS = `o.id, o.stream_id AS "streamId", o.variant_id AS "variantId", v.product_id AS "productId",
  o.unit_price_minor AS "unitPriceMinor", o.currency, o.quantity, o.quantity - o.held - o.sold AS remaining,
  o.per_buyer_limit AS "perBuyerLimit", o.eligibility, o.starts_at AS "startsAt", o.ends_at AS "endsAt", o.end_reason AS "endReason"`;

const BY_ID = lookUpStatements(
  'offers.byId',
  (equals) => `SELECT ${OFFER_COLUMNS} FROM offer o JOIN product_variant v ON v.id = o.variant_id WHERE o.id ${equals}`,
);
const OPEN_BY_STREAM = lookUpStatements(
  'offers.openByStream',
  (equals) => `SELECT ${OFFER_COLUMNS} FROM offer o JOIN product_variant v ON v.id = o.variant_id
    WHERE o.stream_id ${equals} AND o.ended_at IS NULL AND o.ends_at > clock_timestamp() ORDER BY o.id`,
);
const EXPIRED = 'offer WHERE ended_at IS NULL AND ends_at <= clock_timestamp()';
/** Finds a row when there is an offer to end. */
export const HAS_EXPIRED = `SELECT FROM ${EXPIRED}`;
const FIND_EXPIRED = statement('offers.findExpired', `SELECT id FROM ${EXPIRED} ORDER BY ends_at LIMIT $1`);

/** Offers by id, open or not, in one statement, in any order. */
export async function findOffers(sql: Queryable, ids: readonly bigint[]): Promise<OfferRow[]> {
  return lookUp<OfferRow>(sql, BY_ID, ids);
}

/** The open offers of streams, in one statement, oldest first. */
export async function findOpenOffers(sql: Queryable, streamIds: readonly bigint[]): Promise<OfferRow[]> {
  return lookUp<OfferRow>(sql, OPEN_BY_STREAM, streamIds);
}

/** The open offer of a variant in a stream, ended by nobody yet. */
export async function findOpenOffer(
  sql: Queryable,
  streamId: bigint,
  variantId: bigint,
): Promise<{ id: bigint } | undefined> {
  const [offer] = await rows<{ id: bigint }>(
    sql,
    '/* offers.openOf */ SELECT id FROM offer WHERE stream_id = $1 AND variant_id = $2 AND ended_at IS NULL',
    [streamId, variantId],
  );
  return offer;
}

/** How many offers of a stream are open. */
export async function countOpenOffers(sql: Queryable, streamId: bigint): Promise<number> {
  const [counted] = await rows<{ count: number }>(
    sql,
    '/* offers.countOpen */ SELECT count(*)::int AS count FROM offer WHERE stream_id = $1 AND ended_at IS NULL',
    [streamId],
  );
  return counted!.count;
}

/** Of which product a variant is, and whether somebody acts for its merchant. */
export async function findVariantForOffer(
  sql: Queryable,
  variantId: bigint,
  viewerId: bigint,
): Promise<{ productId: bigint; isMember: boolean } | undefined> {
  const [variant] = await rows<{ productId: bigint; isMember: boolean }>(
    sql,
    `/* offers.variant */ SELECT v.product_id AS "productId", EXISTS (
       SELECT 1 FROM merchant_member m WHERE m.merchant_id = v.merchant_id AND m.viewer_id = $2) AS "isMember"
       FROM product_variant v WHERE v.id = $1`,
    [variantId, viewerId],
  );
  return variant;
}

/** Where a stream stands, and whose it is. */
export async function readSellingStream(sql: Queryable, streamId: bigint): Promise<SellingStream | undefined> {
  const [stream] = await rows<SellingStream>(
    sql,
    `/* offers.stream */ SELECT s.id, s.status, c.viewer_id AS "viewerId" FROM stream s JOIN creator c ON c.id = s.creator_id
      WHERE s.id = $1`,
    [streamId],
  );
  return stream;
}

/** Inserts an offer that begins now. A variant's second open one in a stream raises the unique index offer_one_live_per_variant. */
export async function insertOffer(
  sql: SqlTransaction,
  offer: OfferDraft & { currency: string },
): Promise<{ id: bigint; startsAt: Date; endsAt: Date }> {
  const [inserted] = await rows<{ id: bigint; startsAt: Date; endsAt: Date }>(
    sql,
    `/* offers.insert */ INSERT INTO offer (stream_id, variant_id, unit_price_minor, currency, quantity, per_buyer_limit, eligibility,
       starts_at, ends_at)
     SELECT $1, $2, $3, $4, $5, $6, $7, now.at, now.at + make_interval(secs => $8)
       FROM (SELECT clock_timestamp()::timestamptz(3) AS at) now RETURNING id, starts_at AS "startsAt", ends_at AS "endsAt"`,
    [
      offer.streamId,
      offer.variantId,
      offer.unitPriceMinor,
      offer.currency,
      offer.quantity,
      offer.perBuyerLimit,
      offer.eligibility,
      offer.durationSeconds,
    ],
  );
  return inserted!;
}

/** Ends an open offer, which the caller has locked. */
export async function endOffer(sql: SqlTransaction, offerId: bigint): Promise<LiveEventDraft[]> {
  return endOffersWhere(sql, 'offers.end', 'id = $1', [offerId]);
}

/** Ends an offer of a variant in a stream, if its time is over. The caller has locked nothing behind offers. */
export function endExpiredOffer(sql: SqlTransaction, streamId: bigint, variantId: bigint): Promise<LiveEventDraft[]> {
  const expired = 'stream_id = $1 AND variant_id = $2 AND ends_at <= clock_timestamp()';
  return endOffersWhere(sql, 'offers.endExpiredOf', expired, [streamId, variantId]);
}

/** Offers whose time is over and that nobody has ended, longest over first. */
export async function findExpiredOffers(sql: Queryable, limit: number): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, FIND_EXPIRED, [limit])).map(({ id }) => id);
}

/** Ends those of these offers, which the caller has locked, that are open and whose time is over. */
export function endExpiredOffers(sql: SqlTransaction, ids: readonly bigint[]): Promise<LiveEventDraft[]> {
  return endOffersWhere(sql, 'offers.endExpired', 'id = ANY($1) AND ends_at <= clock_timestamp()', [ids]);
}

/** Locks a stream's open offers, by id, until the transaction ends; before the stream's log, as the lock order says. */
export async function lockOffersOf(sql: SqlTransaction, streamId: bigint): Promise<void> {
  await rows(
    sql,
    `/* offers.lockOf */ SELECT 1 FROM offer WHERE stream_id = $1 AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE`,
    [streamId],
  );
}

/**
 * Ends all open offers of a stream that ends, whose log the caller has locked.
 * @returns the events that say so, by offer
 */
export function endOpenOffersOf(sql: SqlTransaction, streamId: bigint): Promise<LiveEventDraft[]> {
  return endOffersWhere(sql, 'offers.endOf', 'stream_id = $1', [streamId]);
}

/** Ends open offers: EXPIRED, where their time is over, and ENDED before. */
async function endOffersWhere(
  sql: SqlTransaction,
  name: string,
  condition: string,
  values: readonly unknown[],
): Promise<LiveEventDraft[]> {
  const ended = await rows<{ id: bigint; streamId: bigint; reason: OfferEndReason }>(
    sql,
    `/* ${name} */ WITH ended AS (
       UPDATE offer SET ended_at = clock_timestamp(), end_reason = CASE WHEN ends_at <= clock_timestamp() THEN 'EXPIRED' ELSE 'ENDED' END
        WHERE ${condition} AND ended_at IS NULL RETURNING id, stream_id AS "streamId", end_reason AS reason
     ) SELECT * FROM ended ORDER BY id`,
    values,
  );
  return ended.map(({ id, streamId, reason }) => offerEvents.ended(streamId, id, reason));
}
