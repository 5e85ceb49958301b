/** Many buyers at once: no more is sold than there is, and who is too late is not charged. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import type { Actor } from '../support/operations.ts';
import { buyNow, openCounter } from '../support/orders.ts';
import { type Server, startServer } from '../support/server.ts';
import { addAddress, makeProduct } from '../support/shop.ts';
import { readEvents } from './support/log.ts';
import { chargesOf, crowd, openOffer, stockOf } from './support/orders.ts';
import { successes, tally } from './support/outcomes.ts';
import { QUIET, test } from './support/shared-server.ts';

const BUYERS = 200;
const UNITS = 10;

/** So many people take their time, on a slow machine more than tests usually have. */
const CROWD_LIMIT = { timeout: 120_000 };

/** Buyers with an address each. */
function buyersWithAddresses(server: Server, count: number): Promise<{ buyer: Actor; addressId: string }[]> {
  return crowd(server, count, async (buyer) => ({ buyer, addressId: await addAddress(buyer) }));
}

test('200 buyers for 10 units of an offer, on two servers', CROWD_LIMIT, async ({ db, server, viewer }) => {
  const second = await startServer({ databaseUrl: db.url, ...QUIET });
  try {
    const buyers = await buyersWithAddresses(server, BUYERS);
    const counter = await openOffer(server, viewer, {
      stock: 15,
      terms: { quantity: UNITS, perBuyerLimit: 1, durationSeconds: 600 },
    });
    const outcomes = await Promise.all(
      buyers.map(({ buyer, addressId }, index) => {
        const api = index % 2 ? second.http(buyer.token) : buyer.api;
        return buyNow({ ...buyer, api }, { offerId: counter.offer.id, expectedUnitPriceMinor: 2_000, addressId });
      }),
    );
    expect(tally(outcomes)).toEqual({ BuyNowSuccess: UNITS, SoldOutError: BUYERS - UNITS });
    expect(new Set(successes(outcomes).map(({ order }) => order.number)).size).toBe(UNITS);
    expect(
      await chargesOf(
        db.pool,
        buyers.map(({ buyer }) => buyer),
      ),
    ).toEqual({ SUCCEEDED: UNITS });
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 5, held: 0 });
    const types = (await readEvents(viewer, counter.streamId)).map(({ __typename }) => __typename);
    expect(types.filter((type) => type === 'ProductPurchased')).toHaveLength(UNITS);
    expect(types.at(-1)).toBe('OfferEnded');
    await expectBooksBalanced(db.pool);
  } finally {
    await second.close();
  }
});

test('200 buyers for 10 units in stock', CROWD_LIMIT, async ({ db, server, viewer }) => {
  const { product } = await openCounter(server, viewer, { stock: UNITS });
  const buyers = await buyersWithAddresses(server, BUYERS);
  const outcomes = await Promise.all(
    buyers.map(({ buyer, addressId }) =>
      buyNow(buyer, { variantId: product.variantId, expectedUnitPriceMinor: 2_500, addressId }),
    ),
  );
  expect(tally(outcomes)).toEqual({ BuyNowSuccess: UNITS, SoldOutError: BUYERS - UNITS });
  expect(
    await chargesOf(
      db.pool,
      buyers.map(({ buyer }) => buyer),
    ),
  ).toEqual({ SUCCEEDED: UNITS });
  expect(await stockOf(db.pool, product.variantId)).toEqual({ onHand: 0, held: 0 });
  await expectBooksBalanced(db.pool);
});

test('what others cannot pay goes to those who ask again', CROWD_LIMIT, async ({ db, server, viewer }) => {
  const { product } = await openCounter(server, viewer, { stock: UNITS });
  const buyers = await buyersWithAddresses(server, 40);
  const buy = ({ buyer, addressId }: { buyer: Actor; addressId: string }, paymentToken: string) =>
    buyNow(buyer, { variantId: product.variantId, expectedUnitPriceMinor: 2_500, addressId, paymentToken });
  const outcomes = await Promise.all(buyers.map((who, index) => buy(who, index % 2 ? 'tok_declined' : 'tok_ok')));
  const { BuyNowSuccess: bought = 0 } = tally(outcomes);
  expect(await stockOf(db.pool, product.variantId)).toEqual({ onHand: UNITS - bought, held: 0 });
  const again = await Promise.all(buyers.slice(0, UNITS).map((who) => buy(who, 'tok_ok')));
  expect(tally(again).BuyNowSuccess ?? 0).toBe(UNITS - bought);
  await expectBooksBalanced(db.pool);
});

test(
  'purchases of several things in different orders, on two servers, do not get into each other’s way',
  CROWD_LIMIT,
  async ({ db, server, viewer }) => {
    const second = await startServer({ databaseUrl: db.url, ...QUIET });
    try {
      const counter = await openCounter(server, viewer, { stock: 1_000 });
      const products = [counter.product];
      for (let more = 0; more < 3; more++) products.push(await makeProduct(counter.shop, { stock: 1_000 }));
      const buyers = await buyersWithAddresses(server, 60);
      const outcomes = await Promise.all(
        buyers.map(({ buyer, addressId }, index) => {
          const turned = [...products.slice(index % 4), ...products.slice(0, index % 4)];
          const [first, ...moreLines] = (index % 3 ? turned : turned.toReversed()).map(({ variantId }) => ({
            variantId,
            expectedUnitPriceMinor: 2_500,
          }));
          const api = index % 2 ? second.http(buyer.token) : buyer.api;
          return buyNow({ ...buyer, api }, { ...first, moreLines, addressId });
        }),
      );
      expect(tally(outcomes)).toEqual({ BuyNowSuccess: 60 });
      for (const { variantId } of products) expect(await stockOf(db.pool, variantId)).toEqual({ onHand: 940, held: 0 });
      await expectBooksBalanced(db.pool);
    } finally {
      await second.close();
    }
  },
);
