/** What people do in streams and shops makes products trend, and what trends can be bought in the platform's shop. */
import { expect } from 'vitest';
import { testWith } from '../support/fixtures.ts';
import { endStream, mutate, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { bought, buyNow, openCounter } from '../support/orders.ts';
import { addAddress, availableOf, makeProduct, makeShop, verify } from '../support/shop.ts';
import { QUIET } from './support/shared-server.ts';
import { pinProduct, unpinProduct } from './support/shop.ts';
import { readTrending } from './support/trend-rows.ts';

const test = testWith({
  overrides: { ...QUIET.overrides, trends: { ...QUIET.overrides.trends, countIntervalMs: 10, shopIntervalMs: 10 } },
});

test('pins, and the gifts until the product is unpinned or the stream ends', async ({ server, funded, live }) => {
  const shop = await makeShop(server, { member: live.creator });
  const { productId } = await makeProduct(shop);
  const heart = () => sendGift(funded, live.streamId, { gift: 'Heart' });
  const score = async () => (await readTrending(server))[0]?.score;
  succeed(await heart());
  succeed(await pinProduct(live.creator, live.streamId, productId));
  await expect.poll(score).toBeCloseTo(20, 0);
  succeed(await heart());
  succeed(await heart());
  succeed(await unpinProduct(live.creator, live.streamId));
  await expect.poll(score).toBeCloseTo(30, 0);
  succeed(await heart());
  succeed(await pinProduct(live.creator, live.streamId, productId));
  await expect.poll(score).toBeCloseTo(50, 0);
  succeed(await heart());
  succeed(await endStream(live.creator, live.streamId));
  await expect.poll(score).toBeCloseTo(55, 0);
});

test('purchases, where the buyer is, by the unit', async ({ server, db, viewer }) => {
  const counter = await openCounter(server, viewer);
  await bought(counter, { quantity: 2 });
  await expect.poll(async () => (await readTrending(server))[0]?.score).toBeCloseTo(100, 0);
  const { rows } = await db.pool.query('SELECT region FROM product_trend ORDER BY region');
  expect(rows).toEqual([{ region: '' }, { region: 'AE' }]);
});

test('what trends at a partner is bought from the platform, out of the partner’s stock', async ({
  db,
  server,
  viewer,
}) => {
  const partner = await makeShop(server, { kind: 'RETAIL_PARTNER' });
  await verify(db.pool, partner);
  const { productId, variantId } = await makeProduct(partner, { title: 'Lantern', stock: 3, priceMinor: 2_500 });
  succeed(await mutate(viewer.api, 'recordProductViews', { productIds: [productId] }));
  type Found = {
    id: string;
    merchant: { kind: string; handle: string };
    variants: { id: string; available: number }[];
  };
  const listed = async () => {
    const document = `{ products(first: 100, filter: { search: "Lantern" }) { edges { node { id merchant { kind handle } variants { id available } } } } }`;
    const { products } = await query<{ products: { edges: { node: Found }[] } }>(viewer.api, document);
    return products.edges.map(({ node }) => node).find(({ merchant }) => merchant.kind === 'PLATFORM');
  };
  await expect.poll(listed).toMatchObject({ merchant: { handle: 'hadiya' }, variants: [{ available: 3 }] });
  const listing = (await listed())!;

  const buyer = await signIn(server);
  const { order } = succeed(
    await buyNow(buyer, {
      variantId: listing.variants[0]!.id,
      quantity: 2,
      expectedUnitPriceMinor: 2_500,
      addressId: await addAddress(buyer),
    }),
  );
  expect(order).toMatchObject({ state: 'PAID', total: { minorUnits: 5_000 } });
  expect(await availableOf(buyer, variantId)).toBe(1);
  expect(await availableOf(buyer, listing.variants[0]!.id)).toBe(1);
  // The purchase speaks for the partner's product, which is the one that trends.
  await expect
    .poll(() => readTrending(server))
    .toEqual([{ rank: 1, score: expect.closeTo(101, 0), product: { id: productId, title: 'Lantern' } }]);
});
