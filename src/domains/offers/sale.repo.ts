import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { type OfferEligibility, offerEvents } from './offers.events.ts';

/** An offer, as the rules of a sale need it. */
export type OfferForSale = {
  id: bigint;
  streamId: bigint;
  variantId: bigint;
  creatorId: bigint;
  unitPriceMinor: bigint;
  currency: string;
  quantity: number;
  /** Units that somebody is paying for. */
  held: number;
  sold: number;
  perBuyerLimit: number;
  eligibility: OfferEligibility;
  endsAt: Date;
  endedAt: Date | null;
};

/** How many units of an offer come to be held or sold; less than zero where they are given back. */
export type OfferUnits = { offerId: bigint; held: number; sold: number };

/** What is left of an offer after its units have moved. */
export type OfferStock = { id: bigint; streamId: bigint; remaining: number };

/** Somebody who wants to buy from an offer. */
export type OfferBuyer = { offer: Pick<OfferForSale, 'streamId' | 'creatorId' | 'eligibility'>; viewerId: bigint };

/** Of an offer `o` and its stream `s`. */
const FOR_SALE_COLUMNS = `o.id, o.stream_id AS "streamId", o.variant_id AS "variantId", s.creator_id AS "creatorId",
  o.unit_price_minor AS "unitPriceMinor", o.currency, o.quantity, o.held, o.sold, o.per_buyer_limit AS "perBuyerLimit",
  o.eligibility, o.ends_at AS "endsAt", o.ended_at AS "endedAt"`;

const LOCK = statement(
  'offers.lock',
  `SELECT ${FOR_SALE_COLUMNS} FROM offer o JOIN stream s ON s.id = o.stream_id
      WHERE o.id = ANY($1) ORDER BY o.id FOR NO KEY UPDATE OF o`,
);
const MOVE_UNITS = statement(
  'offers.moveUnits',
  `WITH moved AS (
       UPDATE offer o SET held = o.held + c.held, sold = o.sold + c.sold
         FROM (SELECT id, sum(held)::int AS held, sum(sold)::int AS sold
                 FROM unnest($1::bigint[], $2::int[], $3::int[]) u(id, held, sold) GROUP BY id) c
        WHERE o.id = c.id RETURNING o.id, o.stream_id AS "streamId", o.quantity - o.held - o.sold AS remaining
     ) SELECT * FROM moved ORDER BY id`,
);
const END_SOLD_OUT = statement(
  'offers.endSoldOut',
  `WITH ended AS (
       UPDATE offer SET ended_at = clock_timestamp(), end_reason = 'SOLD_OUT'
        WHERE id = ANY($1) AND ended_at IS NULL AND sold = quantity RETURNING id, stream_id AS "streamId"
     ) SELECT * FROM ended ORDER BY id`,
);

/** Reads offers and locks them, by id, until the transaction ends. Third in the lock order, behind orders. */
export async function lockOffers(sql: SqlTransaction, ids: readonly bigint[]): Promise<OfferForSale[]> {
  return rows<OfferForSale>(sql, LOCK, [ids]);
}

/**
 * Moves units of offers, which the caller has locked, in one statement. Several changes of one offer add up.
 * @returns what is left of each, by id
 */
export async function moveOfferUnits(sql: SqlTransaction, changes: readonly OfferUnits[]): Promise<OfferStock[]> {
  if (changes.length === 0) return [];
  return rows<OfferStock>(sql, MOVE_UNITS, [
    changes.map(({ offerId }) => offerId),
    changes.map(({ held }) => held),
    changes.map(({ sold }) => sold),
  ]);
}

/**
 * Ends those of these offers, which the caller has locked, that are open and have nothing left to sell.
 * @returns the events that say so, by offer, to be appended in the same transaction
 */
export async function endSoldOutOffers(sql: SqlTransaction, ids: readonly bigint[]): Promise<LiveEventDraft[]> {
  if (ids.length === 0) return [];
  const ended = await rows<{ id: bigint; streamId: bigint }>(sql, END_SOLD_OUT, [ids]);
  return ended.map(({ id, streamId }) => offerEvents.ended(streamId, id, 'SOLD_OUT'));
}

/**
 * Who may buy from an offer, in two statements at the most: one for those for followers, one for those for gifters.
 * @returns those of the pairs that may
 */
export async function readEligible<Buyer extends OfferBuyer>(
  sql: Queryable,
  buyers: readonly Buyer[],
): Promise<Set<Buyer>> {
  const eligible = new Set(buyers.filter(({ offer }) => offer.eligibility === 'EVERYONE'));
  const followers = buyers.filter(({ offer }) => offer.eligibility === 'FOLLOWERS');
  const gifters = buyers.filter(({ offer }) => offer.eligibility === 'GIFTERS');
  const add = async (candidates: readonly Buyer[], text: string, idOf: (buyer: Buyer) => bigint) => {
    if (candidates.length === 0) return;
    const found = await rows<{ position: number }>(sql, text, [
      candidates.map(idOf),
      candidates.map(({ viewerId }) => viewerId),
    ]);
    for (const { position } of found) eligible.add(candidates[position - 1]!);
  };
  await add(
    followers,
    `/* offers.followers */ SELECT b.position::int FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY b(creator_id, viewer_id, position)
      WHERE EXISTS (SELECT 1 FROM follow f WHERE f.creator_id = b.creator_id AND f.viewer_id = b.viewer_id)`,
    ({ offer }) => offer.creatorId,
  );
  await add(
    gifters,
    `/* offers.gifters */ SELECT b.position::int FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY b(stream_id, viewer_id, position)
      WHERE EXISTS (SELECT 1 FROM stream_gifter g WHERE g.stream_id = b.stream_id AND g.viewer_id = b.viewer_id AND g.coins > 0)`,
    ({ offer }) => offer.streamId,
  );
  return eligible;
}
