/** What a sale does with offers, below the API: locks, units, ends, and who may buy. */
import { expect } from 'vitest';
import {
  endSoldOutOffers,
  lockOffers,
  moveOfferUnits,
  type OfferForSale,
  readEligible,
} from '../../src/domains/offers/offers.api.ts';
import { mutate, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { test as base } from './support/shared-server.ts';
import { startOffer } from './support/shop.ts';
import { insertMerchant, insertProduct } from './support/shop-rows.ts';

const test = base
  .extend('sql', ({ server }) => server.app.services.db)
  .extend('offers', async ({ db, live }) => {
    const merchant = await insertMerchant(db.pool, { members: [live.creator] });
    const { variantIds } = await insertProduct(db.pool, merchant, { prices: [10_000, 10_000, 10_000] });
    const started = [];
    for (const [n, eligibility] of ['EVERYONE', 'FOLLOWERS', 'GIFTERS'].entries()) {
      const { offer } = succeed(await startOffer(live.creator, live.streamId, variantIds[n]!, { eligibility }));
      started.push(BigInt(rowOf(offer.id)));
    }
    return started as [bigint, bigint, bigint];
  });

test('offers are read and locked by id, with what a sale needs of them', async ({ sql, live, offers }) => {
  const [first, ...more] = await sql.inTransaction((tx) => lockOffers(tx, [...offers].reverse()));
  expect(first).toMatchObject({
    id: offers[0],
    streamId: BigInt(rowOf(live.streamId)),
    unitPriceMinor: 7_500n,
    currency: 'AED',
    quantity: 10,
    held: 0,
    sold: 0,
    perBuyerLimit: 1,
    eligibility: 'EVERYONE',
    endedAt: null,
  });
  expect(more.map(({ id }) => id)).toEqual(offers.slice(1));
});

test('units move together, those of one offer add up, and no more are sold than there are', async ({ sql, offers }) => {
  const [first, second] = offers;
  const move = (changes: Parameters<typeof moveOfferUnits>[1]) =>
    sql.inTransaction(async (tx) => {
      await lockOffers(tx, offers);
      return moveOfferUnits(tx, changes);
    });
  const left = await move([
    { offerId: second, held: 1, sold: 0 },
    { offerId: first, held: 3, sold: 0 },
    { offerId: first, held: -1, sold: 2 },
  ]);
  expect(left.map(({ id, remaining }) => [id, remaining])).toEqual([
    [first, 6],
    [second, 9],
  ]);
  await expect(move([{ offerId: first, held: 7, sold: 0 }])).rejects.toThrow(/check constraint/);
  await expect(move([{ offerId: first, held: -3, sold: 0 }])).rejects.toThrow(/check constraint/);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, () => move([{ offerId: first, held: 1, sold: 0 }])),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
  expect(await move([])).toEqual([]);
});

test('what is sold out ends once, and what is only held does not', async ({ sql, server, offers }) => {
  const [first, second] = offers;
  const ended = await sql.inTransaction(async (tx) => {
    await lockOffers(tx, offers);
    await moveOfferUnits(tx, [
      { offerId: first, held: 0, sold: 10 },
      { offerId: second, held: 1, sold: 9 },
    ]);
    return endSoldOutOffers(tx, offers);
  });
  expect(ended).toMatchObject([{ type: 'OFFER_ENDED', payload: { offerId: Number(first), reason: 'SOLD_OUT' } }]);
  expect(await sql.inTransaction((tx) => endSoldOutOffers(tx, offers))).toEqual([]);
  const id = Buffer.from(`Offer:${first}`).toString('base64');
  const document = 'query Offer($id: ID!) { offer(id: $id) { remaining endReason } }';
  expect(await query(server.http(), document, { id })).toEqual({ offer: { remaining: 0, endReason: 'SOLD_OUT' } });
});

test('followers and gifters may buy what is for them, told in two statements', async ({
  sql,
  server,
  funded,
  live,
  offers,
}) => {
  const [follower, stranger] = [await signIn(server), await signIn(server)];
  const handle = { handle: live.creator.handle };
  const document = 'query Creator($handle: String!) { creator(handle: $handle) { id } }';
  const { creator } = await query<{ creator: { id: string } }>(server.http(), document, handle);
  succeed(await mutate(follower.api, 'followCreator', { creatorId: creator.id }));
  succeed(await sendGift(funded, live.streamId));
  const forSale = await sql.inTransaction((tx) => lockOffers(tx, offers));
  const people = { follower, gifter: funded, stranger };
  const buyers = forSale.flatMap((offer: OfferForSale) =>
    Object.entries(people).map(([who, { id }]) => ({ who, offer, viewerId: BigInt(rowOf(id)) })),
  );
  const { result, count } = await countSql(server.app, () => readEligible(sql.pool, buyers));
  expect(count).toBe(2);
  expect(buyers.filter((buyer) => result.has(buyer)).map(({ who, offer }) => `${who}: ${offer.eligibility}`)).toEqual([
    'follower: EVERYONE',
    'gifter: EVERYONE',
    'stranger: EVERYONE',
    'follower: FOLLOWERS',
    'gifter: GIFTERS',
  ]);
});

test('a stream’s offers with all that there is cost the same, however many', async ({ db, server, viewer, live }) => {
  const merchant = await insertMerchant(db.pool, { members: [live.creator] });
  const document = `query Open($id: ID!) { liveStream(id: $id) { offers { remaining unitPrice { amount } stream { title }
    variant { price { amount } available } product { title merchant { name } } trust { disputeRate lowestPriceLast30Days { amount } } } } }`;
  const read = () => query<{ liveStream: { offers: object[] } }>(viewer.api, document, { id: live.streamId });
  const start = async () => {
    const { variantIds } = await insertProduct(db.pool, merchant);
    succeed(await startOffer(live.creator, live.streamId, variantIds[0]!));
  };
  await start();
  const one = await countSql(server.app, read);
  await atOnce(9, start);
  const ten = await countSql(server.app, read);
  expect([one.result.liveStream.offers.length, ten.result.liveStream.offers.length]).toEqual([1, 10]);
  expect(ten.count, ten.statements.join('\n')).toBe(one.count);
  expect(ten.count).toBeLessThanOrEqual(7);
});
