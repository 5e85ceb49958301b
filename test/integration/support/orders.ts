/** What tests of orders have in common. */
import type { Pool } from 'pg';
import type { Actor } from '../../support/operations.ts';
import { freshHandle, signIn, startStream, succeed } from '../../support/operations.ts';
import { type Counter, openCounter } from '../../support/orders.ts';
import type { Server } from '../../support/server.ts';
import { rowOf } from './ids.ts';
import { inWaves } from './outcomes.ts';
import { type Offer, startOffer } from './shop.ts';

/** A counter whose product is in an open offer of a creator who acts for the shop. */
export type OfferCounter = Counter & { creator: Actor; streamId: string; offer: Offer };

/** Opens a counter, goes live as the shop's member, and starts an offer of its product at 2,000 instead of 2,500. */
export async function openOffer(
  server: Pick<Server, 'url'>,
  buyer: Actor,
  { terms = {}, ...options }: { terms?: Record<string, unknown>; stock?: number } = {},
): Promise<OfferCounter> {
  const counter = await openCounter(server, buyer, options);
  const creator = counter.shop.member;
  const { id: streamId } = await startStream(creator);
  const { offer } = succeed(
    await startOffer(creator, streamId, counter.product.variantId, {
      unitPriceMinor: 2_000,
      quantity: 5,
      perBuyerLimit: 5,
      ...terms,
    }),
  );
  const usual = { variantId: undefined, offerId: offer.id, expectedUnitPriceMinor: 2_000 };
  return { ...counter, creator, streamId, offer, buy: (input) => counter.buy({ ...usual, ...input }) };
}

/** People who are signed in, and ready. */
export function crowd<Ready = Actor>(
  server: Pick<Server, 'url'>,
  count: number,
  ready: (buyer: Actor) => Promise<Ready> = async (buyer) => buyer as Ready,
): Promise<Ready[]> {
  return inWaves(count, async () => ready(await signIn(server, freshHandle('buyer'))));
}

/** The stock of a variant: what there is, and what of it is set aside. */
export async function stockOf(pool: Pool, variantId: string): Promise<{ onHand: number; held: number }> {
  const { rows } = await pool.query<{ onHand: number; held: number }>(
    `SELECT sum(i.on_hand)::int AS "onHand", sum(i.held)::int AS held FROM inventory i
       JOIN product_variant v ON v.item_id = i.item_id WHERE v.id = $1`,
    [rowOf(variantId)],
  );
  return rows[0]!;
}

/** The charges of a buyer's purchases at the sandbox, by how they ended. */
export async function chargesOf(pool: Pool, buyers: readonly Actor[]): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ status: string; count: number }>(
    `SELECT s.status, count(*)::int AS count FROM sandbox_charge s
       JOIN checkout c ON s.idempotency_key = 'checkout:' || c.id WHERE c.buyer_id = ANY($1) GROUP BY 1`,
    [buyers.map(({ id }) => rowOf(id))],
  );
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
