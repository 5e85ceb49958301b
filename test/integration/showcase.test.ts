/** What a stream shows: pins, the list of what was shown, and what trends learn of it. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import {
  endStream,
  mutate,
  type Outcome,
  query,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test as base } from './support/shared-server.ts';
import { pinProduct, type Shown, unpinProduct } from './support/shop.ts';
import { insertMerchant, insertProduct } from './support/shop-rows.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** Two products of somebody else: what a creator shows need not be their own. */
const test = base.extend('products', async ({ db }) => {
  const merchant = await insertMerchant(db.pool);
  const [oud, lamp] = [
    await insertProduct(db.pool, merchant),
    await insertProduct(db.pool, merchant, { title: 'Lamp' }),
  ];
  return { merchant, oud, lamp };
});

const change =
  (name: 'addToShowcase' | 'removeFromShowcase') =>
  (creator: Parameters<typeof pinProduct>[0], streamId: string, productId: string): Promise<Outcome<Shown>> =>
    mutate(creator.api, name, { streamId, productId });
const add = change('addToShowcase');
const remove = change('removeFromShowcase');

/** What trends were told of a product: the kinds and amounts, in order. */
async function signals(pool: Pool, productId: string): Promise<string[]> {
  const { rows } = await pool.query<{ signal: string }>(
    `SELECT kind || ' ' || amount AS signal FROM trend_signal WHERE product_id = $1 AND region = '' ORDER BY id`,
    [productId],
  );
  return rows.map(({ signal }) => signal);
}

const SHOWCASE = `query Showcase($id: ID!) { liveStream(id: $id) {
  pinnedProduct { id title } showcase { id title variants { available } merchant { verified } } } }`;
type Showcase = { liveStream: { pinnedProduct: { id: string } | null; showcase: { id: string }[] } };

describe('pinning', () => {
  test('everybody sees the product, and the feed has all of it', async ({ server, live, products: { oud } }) => {
    const { stream, replayed } = succeed(await pinProduct(live.creator, live.streamId, oud.id));
    expect([stream.pinnedProduct, stream.showcase, replayed]).toEqual([{ id: oud.id }, [{ id: oud.id }], false]);
    const { liveStream } = await query<Showcase>(server.http(), SHOWCASE, { id: live.streamId });
    expect(liveStream).toEqual({
      pinnedProduct: { id: oud.id, title: 'Oud' },
      showcase: [{ id: oud.id, title: 'Oud', variants: [{ available: 100 }], merchant: { verified: true } }],
    });
    const [, pinned, ...more] = await readEvents({ api: server.http() }, live.streamId);
    expect(pinned).toMatchObject({
      __typename: 'ProductPinned',
      product: {
        id: oud.id,
        kind: 'PHYSICAL',
        merchant: { kind: 'BRAND' },
        variants: [{ id: oud.variantIds[0], price: { minorUnits: 10_000 }, available: 100 }],
        trust: { sellerVerified: true, deliveryPromiseDays: 2, lowestPriceLast30Days: { minorUnits: 10_000 } },
      },
    });
    expect(more).toEqual([]);
  });

  test('another one takes its place, without an event for the first', async ({ live, products: { oud, lamp } }) => {
    await pinProduct(live.creator, live.streamId, oud.id);
    const { stream } = succeed(await pinProduct(live.creator, live.streamId, lamp.id));
    expect(stream.pinnedProduct).toEqual({ id: lamp.id });
    expect(stream.showcase.map(({ id }) => id)).toEqual([oud.id, lamp.id]);
    const types = (await readEvents(live.creator, live.streamId)).map(({ type }) => type);
    expect(types).toEqual(['STREAM_STARTED', 'PRODUCT_PINNED', 'PRODUCT_PINNED']);
  });

  test('the same one again changes nothing; at once, once', async ({ db, live, products: { oud } }) => {
    const outcomes = await atOnce(20, () => pinProduct(live.creator, live.streamId, oud.id));
    expect(tally(outcomes)).toEqual({ PinProductSuccess: 20 });
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    const again = await expectNothingWritten(db.pool, () => pinProduct(live.creator, live.streamId, oud.id));
    expect(succeed(again).replayed).toBe(true);
    expect(await signals(db.pool, oud.productId)).toEqual(['PIN 1']);
  });

  test('two at once leave one pinned', async ({ live, products: { oud, lamp } }) => {
    const outcomes = await atOnce(20, (n) => pinProduct(live.creator, live.streamId, [oud, lamp][n % 2]!.id));
    expect(tally(outcomes)).toEqual({ PinProductSuccess: 20 });
    const events = await readEvents(live.creator, live.streamId);
    const { stream } = succeed(await unpinProduct(live.creator, live.streamId));
    expect(stream.pinnedProduct).toBeNull();
    const unpinned = (await readEvents(live.creator, live.streamId)).at(-1);
    expect((events.at(-1)!.product as { id: string }).id).toBe(unpinned!.productId);
  });

  test('unpinning leaves the product in the showcase', async ({ db, server, live, products: { oud } }) => {
    await pinProduct(live.creator, live.streamId, oud.id);
    const { stream, replayed } = succeed(await unpinProduct(live.creator, live.streamId));
    expect([stream.pinnedProduct, stream.showcase, replayed]).toEqual([null, [{ id: oud.id }], false]);
    const last = (await readEvents({ api: server.http() }, live.streamId)).at(-1);
    expect(last).toMatchObject({ __typename: 'ProductUnpinned', type: 'PRODUCT_UNPINNED', productId: oud.id });
    const again = await expectNothingWritten(db.pool, () => unpinProduct(live.creator, live.streamId));
    expect(succeed(again).replayed).toBe(true);
  });

  test('what is archived is shown no more', async ({ db, live, viewer, products: { oud } }) => {
    await pinProduct(live.creator, live.streamId, oud.id);
    await db.pool.query(`UPDATE product SET status = 'ARCHIVED' WHERE id = $1`, [oud.productId]);
    expect(await query(viewer.api, SHOWCASE, { id: live.streamId })).toEqual({
      liveStream: { pinnedProduct: null, showcase: [] },
    });
  });
});

describe('coins given while a product is pinned', () => {
  test('count for it and no other, whenever the pin goes', async ({ db, funded, live, products: { oud, lamp } }) => {
    const give = async (quantity: number) => succeed(await sendGift(funded, live.streamId, { quantity }));
    await give(1);
    await pinProduct(live.creator, live.streamId, oud.id);
    await give(2);
    await give(3);
    await pinProduct(live.creator, live.streamId, lamp.id);
    await give(7);
    await unpinProduct(live.creator, live.streamId);
    await give(11);
    await pinProduct(live.creator, live.streamId, oud.id);
    await give(13);
    succeed(await endStream(live.creator, live.streamId));
    expect(await signals(db.pool, oud.productId)).toEqual(['PIN 1', 'GIFT 5', 'PIN 1', 'GIFT 13']);
    expect(await signals(db.pool, lamp.productId)).toEqual(['PIN 1', 'GIFT 7']);
  });

  test('none is no signal', async ({ db, live, products: { oud } }) => {
    await pinProduct(live.creator, live.streamId, oud.id);
    await unpinProduct(live.creator, live.streamId);
    expect(await signals(db.pool, oud.productId)).toEqual(['PIN 1']);
  });
});

describe('the list', () => {
  test('products come and go, without an event', async ({ db, live, products: { oud, lamp } }) => {
    succeed(await add(live.creator, live.streamId, lamp.id));
    const { stream } = succeed(await add(live.creator, live.streamId, oud.id));
    expect(stream).toMatchObject({ pinnedProduct: null, showcase: [{ id: lamp.id }, { id: oud.id }] });
    const again = await expectNothingWritten(db.pool, () => add(live.creator, live.streamId, oud.id));
    expect(succeed(again).replayed).toBe(true);
    const removed = succeed(await remove(live.creator, live.streamId, lamp.id));
    expect(removed).toMatchObject({ stream: { showcase: [{ id: oud.id }] }, replayed: false });
    const nothing = await expectNothingWritten(db.pool, () => remove(live.creator, live.streamId, lamp.id));
    expect(succeed(nothing).replayed).toBe(true);
    expect((await readEvents(live.creator, live.streamId)).map(({ type }) => type)).toEqual(['STREAM_STARTED']);
  });

  test('removing what is pinned takes the pin off', async ({ live, products: { oud } }) => {
    await pinProduct(live.creator, live.streamId, oud.id);
    const { stream } = succeed(await remove(live.creator, live.streamId, oud.id));
    expect(stream).toMatchObject({ pinnedProduct: null, showcase: [] });
    expect((await readEvents(live.creator, live.streamId)).at(-1)).toMatchObject({
      type: 'PRODUCT_UNPINNED',
      productId: oud.id,
    });
  });

  test('a 101st product is refused, one of the hundred can be pinned', async ({ db, live, products }) => {
    const { rows } = await db.pool.query<{ id: string }>(
      `WITH made AS (INSERT INTO product (merchant_id, kind, title, media_urls, status)
         SELECT $1, 'DIGITAL', 'Song ' || n, '{}', 'PUBLISHED' FROM generate_series(1, 100) n RETURNING id)
       INSERT INTO showcase_item (stream_id, product_id) SELECT $2, id FROM made RETURNING product_id AS id`,
      [products.merchant.merchantId, rowOf(live.streamId)],
    );
    const outcomes = await expectNothingWritten(db.pool, () =>
      Promise.all([
        add(live.creator, live.streamId, products.oud.id),
        pinProduct(live.creator, live.streamId, products.oud.id),
      ]),
    );
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'input.productId' }] });
    }
    const shown = Buffer.from(`Product:${rows[7]!.id}`).toString('base64');
    expect(succeed(await pinProduct(live.creator, live.streamId, shown)).stream.showcase).toHaveLength(100);
  });

  test('a page of streams costs the same, however many show something', async ({ db, server, products }) => {
    const document = `query Page($first: Int) { liveStreams(first: $first) { edges { node {
      pinnedProduct { id title merchant { name } } showcase { id } offers { id } } } } }`;
    await atOnce(10, async () => {
      const creator = await signIn(server);
      const { id } = await startStream(creator);
      succeed(await add(creator, id, (await insertProduct(db.pool, products.merchant)).id));
      succeed(await pinProduct(creator, id, products.oud.id));
    });
    const reader = await signIn(server);
    const costs: number[] = [];
    for (const first of [1, 10]) {
      await query(reader.api, document, { first });
      const { count, statements } = await countSql(server.app, () => query(reader.api, document, { first }));
      costs.push(count);
      expect(count, statements.join('\n')).toBeLessThanOrEqual(6);
    }
    expect(costs[1]).toBe(costs[0]);
  });
});

describe('refusals', () => {
  const acts = [
    ['pinProduct', pinProduct],
    ['addToShowcase', add],
    ['removeFromShowcase', remove],
    ['unpinProduct', (creator: Parameters<typeof pinProduct>[0], streamId: string) => unpinProduct(creator, streamId)],
  ] as const;

  test.for(acts)(
    '%s: strangers, an ended stream, nobody signed in',
    async ([, act], { db, server, viewer, live, products }) => {
      const { creator, streamId } = live;
      expect(await expectNothingWritten(db.pool, () => act(viewer, streamId, products.oud.id))).toMatchObject({
        code: 'FORBIDDEN',
      });
      for (const [, id] of wrongIds('LiveStream')) {
        expect(await act(creator, id, products.oud.id)).toMatchObject({ code: 'NOT_FOUND' });
      }
      await endStream(creator, streamId);
      expect(await expectNothingWritten(db.pool, () => act(creator, streamId, products.oud.id))).toMatchObject({
        __typename: 'StreamNotLiveError',
        code: 'STREAM_NOT_LIVE',
      });
      const nobody = { ...creator, api: server.http() };
      expect(await act(nobody, streamId, products.oud.id)).toMatchObject({ code: 'NOT_SIGNED_IN' });
    },
  );

  test.for(acts.slice(0, 2))('%s: what is not on sale', async ([, act], { db, live, products }) => {
    const hidden = await insertProduct(db.pool, products.merchant, { status: 'DRAFT' });
    for (const id of [hidden.id, ...wrongIds('Product').map(([, wrong]) => wrong)]) {
      expect(await act(live.creator, live.streamId, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});

test('a kept answer knows of pins and offers', async ({ server, live, products: { oud } }) => {
  const read = () => query<Showcase>(server.http(), SHOWCASE, { id: live.streamId });
  expect((await read()).liveStream.pinnedProduct).toBeNull();
  await pinProduct(live.creator, live.streamId, oud.id);
  expect((await read()).liveStream.pinnedProduct).toMatchObject({ id: oud.id });
  await endStream(live.creator, live.streamId);
  expect((await read()).liveStream).toMatchObject({ pinnedProduct: null, showcase: [{ id: oud.id }] });
});
