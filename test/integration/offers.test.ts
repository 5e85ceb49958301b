/** Live-only prices: who may start and end them, on which terms, and what the feed says of it. */
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { LIVE_EVENTS, OFFER_FIELDS } from '../support/documents.ts';
import { endStream, type LiveEventEdge, query, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, inWaves, successes, tally } from './support/outcomes.ts';
import { test as base } from './support/shared-server.ts';
import { endOffer, pinProduct, startOffer } from './support/shop.ts';
import { insertMerchant, insertProduct } from './support/shop-rows.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** The creator acts for the merchant, whose one product costs 10,000 and is in stock 100 times. */
const test = base.extend('shop', async ({ db, live }) => {
  const merchant = await insertMerchant(db.pool, { members: [live.creator] });
  const product = await insertProduct(db.pool, merchant);
  return { merchant, product, variantId: product.variantIds[0]! };
});

const OFFER = `query Offer($id: ID!) { offer(id: $id) { ${OFFER_FIELDS} stream { id } } }`;
const OPEN = 'query Open($id: ID!) { liveStream(id: $id) { offers { id remaining variant { id } } } }';
type Open = { liveStream: { offers: { id: string }[] } };

describe('starting', () => {
  test('an offer is open, and the feed tells all of it', async ({ server, live, shop }) => {
    const terms = { perBuyerLimit: 2, eligibility: 'FOLLOWERS' };
    const { offer, replayed } = succeed(await startOffer(live.creator, live.streamId, shop.variantId, terms));
    expect(replayed).toBe(false);
    expect(offer).toMatchObject({
      variant: { id: shop.variantId, price: { minorUnits: 10_000 } },
      product: { id: shop.product.id, merchant: { id: shop.merchant.id, verified: true } },
      unitPrice: { amount: '75.00', minorUnits: 7_500, currency: 'AED' },
      quantity: 10,
      remaining: 10,
      ...terms,
      endReason: null,
      stream: { id: live.streamId },
      trust: { sellerVerified: true, disputeRate: null, deliveryPromiseDays: 2, escrow: true },
    });
    expect(Date.parse(offer.endsAt) - Date.parse(offer.startsAt)).toBe(60_000);
    // The product's card changes with the offer: its price is one in force from then on.
    const { stream: _stream, __typename: _type, product, ...told } = offer;
    const { trust: _trust, ...soldProduct } = product as Record<string, unknown>;
    const [, started, ...more] = await readEvents({ api: server.http() }, live.streamId);
    expect(started).toMatchObject({
      __typename: 'OfferStarted',
      type: 'OFFER_STARTED',
      offer: { ...told, product: soldProduct },
    });
    expect(more).toEqual([]);
    expect(await query(server.http(), OFFER, { id: offer.id })).toMatchObject({
      offer: { ...told, product: soldProduct, stream: { id: live.streamId } },
    });
    expect(await query(server.http(), OPEN, { id: live.streamId })).toEqual({
      liveStream: { offers: [{ id: offer.id, remaining: 10, variant: { id: shop.variantId } }] },
    });
  });

  test('an offer is a node, and one buyer may have one unless said otherwise', async ({ server, live, shop }) => {
    const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.variantId));
    expect(offer).toMatchObject({ perBuyerLimit: 1, eligibility: 'EVERYONE' });
    const document = 'query Node($id: ID!) { node(id: $id) { id ... on Offer { quantity } } }';
    expect(await query(server.http(), document, { id: offer.id })).toEqual({ node: { id: offer.id, quantity: 10 } });
  });

  test('ids of no offer are null', async ({ server }) => {
    for (const [, id] of wrongIds('Offer')) expect(await query(server.http(), OFFER, { id })).toEqual({ offer: null });
  });

  test('a key starts one offer, however often and however much at once', async ({ live, shop }) => {
    const idempotencyKey = randomUUID();
    const outcomes = await atOnce(20, () =>
      startOffer(live.creator, live.streamId, shop.variantId, { idempotencyKey }),
    );
    expect(tally(outcomes)).toEqual({ StartOfferSuccess: 20 });
    expect(new Set(successes(outcomes).map(({ offer }) => offer.id)).size).toBe(1);
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    succeed(await endOffer(live.creator, successes(outcomes)[0]!.offer.id));
    const again = succeed(await startOffer(live.creator, live.streamId, shop.variantId, { idempotencyKey }));
    expect(again).toMatchObject({ replayed: true, offer: { endReason: 'ENDED' } });
    const other = await startOffer(live.creator, live.streamId, shop.variantId, { idempotencyKey, quantity: 9 });
    expect(other).toMatchObject({ __typename: 'IdempotencyConflictError', code: 'IDEMPOTENCY_CONFLICT' });
  });

  test('20 starts at once make one offer, and the others are told of it', async ({ live, shop }) => {
    const outcomes = await atOnce(20, () => startOffer(live.creator, live.streamId, shop.variantId));
    expect(tally(outcomes)).toEqual({ StartOfferSuccess: 1, OfferAlreadyLiveError: 19 });
    const { offer } = successes(outcomes)[0]!;
    for (const refusal of outcomes.filter(({ __typename }) => __typename === 'OfferAlreadyLiveError')) {
      expect(refusal).toMatchObject({ code: 'OFFER_ALREADY_LIVE', offer: { id: offer.id } });
    }
    const types = (await readEvents(live.creator, live.streamId)).map(({ type }) => type);
    expect(types).toEqual(['STREAM_STARTED', 'OFFER_STARTED']);
  });
});

test('several variants have offers side by side, and the same variant in two streams', async ({
  db,
  server,
  shop,
  live,
}) => {
  const other = await signIn(server);
  const { id: otherStream } = await startStream(other);
  await db.pool.query('INSERT INTO merchant_member SELECT $1, id FROM viewer WHERE handle = $2', [
    shop.merchant.merchantId,
    other.handle,
  ]);
  const second = await insertProduct(db.pool, shop.merchant);
  succeed(await startOffer(live.creator, live.streamId, shop.variantId));
  succeed(await startOffer(live.creator, live.streamId, second.variantIds[0]!));
  succeed(await startOffer(other, otherStream, shop.variantId));
  const { liveStream } = await query<Open>(server.http(), OPEN, { id: live.streamId });
  expect(liveStream.offers).toHaveLength(2);
});

describe('refusals', () => {
  test.for([
    ['a price of 0', { unitPriceMinor: 0 }, 'input.unitPriceMinor'],
    ['a negative price', { unitPriceMinor: -1 }, 'input.unitPriceMinor'],
    ['a huge price', { unitPriceMinor: Number.MAX_SAFE_INTEGER }, 'input.unitPriceMinor'],
    ['the list price', { unitPriceMinor: 10_000 }, 'input.unitPriceMinor'],
    ['no unit', { quantity: 0 }, 'input.quantity'],
    ['too many units', { quantity: 1_000_001 }, 'input.quantity'],
    ['no unit for a buyer', { perBuyerLimit: 0 }, 'input.perBuyerLimit'],
    ['more for a buyer than there are', { perBuyerLimit: 11 }, 'input.perBuyerLimit'],
    ['9 seconds', { durationSeconds: 9 }, 'input.durationSeconds'],
    ['more than 20 minutes', { durationSeconds: 1_201 }, 'input.durationSeconds'],
    ['an empty key', { idempotencyKey: '' }, 'input.idempotencyKey'],
  ] as const)('%s', async ([, terms, path], { db, live, shop }) => {
    const outcome = await expectNothingWritten(db.pool, () =>
      startOffer(live.creator, live.streamId, shop.variantId, terms),
    );
    expect(outcome).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path }] });
  });

  test.for([10, 300, 1_200])('%i seconds are fine', async (durationSeconds, { live, shop }) => {
    succeed(await startOffer(live.creator, live.streamId, shop.variantId, { durationSeconds, unitPriceMinor: 9_999 }));
  });

  test('no more than there is in stock', async ({ db, live, shop }) => {
    const outcome = await expectNothingWritten(db.pool, () =>
      startOffer(live.creator, live.streamId, shop.variantId, { quantity: 101 }),
    );
    expect(outcome).toMatchObject({ __typename: 'SoldOutError', code: 'SOLD_OUT', remaining: 100 });
    succeed(await startOffer(live.creator, live.streamId, shop.variantId, { quantity: 100 }));
  });

  test('somebody else’s stream, and another merchant’s product', async ({ db, server, live, shop }) => {
    const stranger = await signIn(server);
    const elsewhere = await insertProduct(db.pool, await insertMerchant(db.pool));
    const outcomes = await expectNothingWritten(db.pool, () =>
      Promise.all([
        startOffer(stranger, live.streamId, shop.variantId),
        startOffer(live.creator, live.streamId, elsewhere.variantIds[0]!),
      ]),
    );
    expect(tally(outcomes)).toEqual({ ForbiddenError: 2 });
  });

  test('what is not published, inactive or not there', async ({ db, live, shop }) => {
    const draft = await insertProduct(db.pool, shop.merchant, { status: 'DRAFT' });
    const archived = await insertProduct(db.pool, shop.merchant, { status: 'ARCHIVED' });
    const inactive = await insertProduct(db.pool, shop.merchant);
    await db.pool.query('UPDATE product_variant SET active = false WHERE product_id = $1', [inactive.productId]);
    const ids = [draft, archived, inactive].map(({ variantIds }) => variantIds[0]!);
    const wrong = [...ids, ...wrongIds('ProductVariant').map(([, id]) => id)];
    for (const id of wrong) {
      expect(await startOffer(live.creator, live.streamId, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
    for (const [, id] of wrongIds('LiveStream')) {
      expect(await startOffer(live.creator, id, shop.variantId)).toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  test('a stream that is over, and nobody signed in', async ({ db, server, live, shop }) => {
    await endStream(live.creator, live.streamId);
    const outcomes = await expectNothingWritten(db.pool, () =>
      Promise.all([
        startOffer(live.creator, live.streamId, shop.variantId),
        startOffer({ ...live.creator, api: server.http() }, live.streamId, shop.variantId),
      ]),
    );
    expect(outcomes).toMatchObject([{ code: 'STREAM_NOT_LIVE' }, { code: 'NOT_SIGNED_IN' }]);
  });

  test('a 51st open offer', async ({ db, live, shop }) => {
    const many = await insertProduct(db.pool, shop.merchant, { prices: Array<number>(51).fill(10_000) });
    await inWaves(50, async (n) => succeed(await startOffer(live.creator, live.streamId, many.variantIds[n]!)));
    const outcome = await expectNothingWritten(db.pool, () =>
      startOffer(live.creator, live.streamId, many.variantIds[50]!),
    );
    expect(outcome).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'input.streamId' }] });
  });
});

describe('ending', () => {
  test('an offer ends before its time, once', async ({ db, server, live, shop }) => {
    const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.variantId));
    const outcomes = await atOnce(10, () => endOffer(live.creator, offer.id));
    expect(tally(outcomes)).toEqual({ EndOfferSuccess: 10 });
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    const again = await expectNothingWritten(db.pool, () => endOffer(live.creator, offer.id));
    expect(again).toMatchObject({ replayed: true, offer: { id: offer.id, endReason: 'ENDED' } });
    const events = await readEvents({ api: server.http() }, live.streamId);
    expect(events.slice(2)).toMatchObject([{ type: 'OFFER_ENDED', offerId: offer.id, reason: 'ENDED' }]);
    expect((await query<Open>(server.http(), OPEN, { id: live.streamId })).liveStream.offers).toEqual([]);
    succeed(await startOffer(live.creator, live.streamId, shop.variantId));
  });

  test('nobody ends somebody else’s, and what is not there cannot be ended', async ({ db, viewer, live, shop }) => {
    const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.variantId));
    const outcome = await expectNothingWritten(db.pool, () => endOffer(viewer, offer.id));
    expect(outcome).toMatchObject({ __typename: 'ForbiddenError', code: 'FORBIDDEN' });
    for (const [, id] of wrongIds('Offer')) {
      expect(await endOffer(live.creator, id)).toMatchObject({ code: 'NOT_FOUND' });
    }
  });

  test('the end of the stream ends its offers and takes the pin off, before the last event', async ({ live, shop }) => {
    await pinProduct(live.creator, live.streamId, shop.product.id);
    const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.variantId));
    succeed(await endStream(live.creator, live.streamId));
    const events = await readEvents(live.creator, live.streamId);
    expect(events.slice(-3)).toMatchObject([
      { type: 'OFFER_ENDED', offerId: offer.id, reason: 'ENDED' },
      { type: 'PRODUCT_UNPINNED', productId: shop.product.id },
      { type: 'STREAM_ENDED' },
    ]);
    expect(await endOffer(live.creator, offer.id)).toMatchObject({ replayed: true, offer: { endReason: 'ENDED' } });
  });

  test('offers that start while the stream ends are in the log with their ends, or not at all', async ({
    db,
    server,
    live,
    shop,
  }) => {
    const { variantIds } = await insertProduct(db.pool, shop.merchant, { prices: Array<number>(15).fill(10_000) });
    const [outcomes] = await Promise.all([
      atOnce(15, (n) => startOffer(live.creator, live.streamId, variantIds[n]!)),
      startOffer(live.creator, live.streamId, shop.variantId).then(() => endStream(live.creator, live.streamId)),
    ]);
    const started = successes(outcomes).length;
    expect(tally(outcomes)).toEqual({
      ...(started > 0 && { StartOfferSuccess: started }),
      ...(started < 15 && { StreamNotLiveError: 15 - started }),
    });
    const events = await readEvents({ api: server.http() }, live.streamId);
    const count = (type: string) => events.filter((event) => event.type === type).length;
    expect([count('OFFER_STARTED'), count('OFFER_ENDED')]).toEqual([started + 1, started + 1]);
    expect(events.at(-1)!.type).toBe('STREAM_ENDED');
    const { rows } = await db.pool.query(
      'SELECT 1 FROM offer o JOIN stream s ON s.id = o.stream_id AND s.status = $1 WHERE o.ended_at IS NULL',
      ['ENDED'],
    );
    expect(rows).toEqual([]);
  });
});

test('watchers hear of offers and pins in order with the gifts', async ({ server, funded, live, shop }) => {
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  await sendGift(funded, live.streamId);
  await pinProduct(live.creator, live.streamId, shop.product.id);
  await sendGift(funded, live.streamId);
  const { offer } = succeed(await startOffer(live.creator, live.streamId, shop.variantId));
  await sendGift(funded, live.streamId);
  await endOffer(live.creator, offer.id);
  await endStream(live.creator, live.streamId);
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'STREAM_ENDED');
  await feed.close();
  expect(seen.map(({ liveEvents: { node } }) => node.type)).toEqual([
    'STREAM_STARTED',
    'GIFT_SENT',
    'PRODUCT_PINNED',
    'GIFT_SENT',
    'OFFER_STARTED',
    'GIFT_SENT',
    'OFFER_ENDED',
    'STREAK_ENDED',
    'PRODUCT_UNPINNED',
    'STREAM_ENDED',
  ]);
  expect(seen.map(({ liveEvents: { node } }) => node)).toEqual(await readEvents(live.creator, live.streamId));
});

test('nothing is read to deliver what was pinned and offered, however many watch', async ({
  db,
  server,
  live,
  shop,
}) => {
  const [second, third] = [await insertProduct(db.pool, shop.merchant), await insertProduct(db.pool, shop.merchant)];
  /** What pinning and offering sends to the database, until `watchers` have heard of it. */
  const cost = async (product: typeof second, watchers: number) => {
    const feeds = await atOnce(watchers, async () => {
      const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
      await feed.until(({ liveEvents }) => liveEvents.node.type === 'STREAM_STARTED');
      return feed;
    });
    const { statements } = await countSql(server.app, async () => {
      await pinProduct(live.creator, live.streamId, product.id);
      await startOffer(live.creator, live.streamId, product.variantIds[0]!);
      await Promise.all(
        feeds.map((feed) =>
          feed.until(({ liveEvents: { node } }) => (node.offer as Sold | undefined)?.product.id === product.id),
        ),
      );
    });
    await Promise.all(feeds.map((feed) => feed.close()));
    // Whoever watches has the log's head polled; that is not for an event.
    const names = statements.map((sql) => sql.slice(0, sql.indexOf('*/')));
    // In no order: what is read at once for one answer is sent as its loaders' ticks fall.
    return names.filter((name) => !name.includes('live.heads')).sort();
  };
  await cost(shop.product, 0); // What is read once and kept is not an event's cost.
  const alone = await cost(second, 0);
  expect(alone).not.toEqual([]);
  expect(await cost(third, 5)).toEqual(alone);
});

type Sold = { product: { id: string } };
