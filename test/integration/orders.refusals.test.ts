/** Purchases that are refused: a typed error, nothing written, and the key free for another try. */
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { endStream, mutate, query, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { buyNow, openCounter } from '../support/orders.ts';
import { addAddress, availableOf, makeProduct, makeShop } from '../support/shop.ts';
import type { Variables } from '../support/wire.ts';
import { wrongIds } from './support/ids.ts';
import { chargesOf, openOffer, stockOf } from './support/orders.ts';
import { test } from './support/shared-server.ts';
import { endOffer } from './support/shop.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** Refused without a trace; afterwards the same key buys. */
async function expectRefused(
  pool: Parameters<typeof expectNothingWritten>[0],
  buy: (input?: Variables) => ReturnType<typeof buyNow>,
  input: Variables,
  error: Record<string, unknown>,
) {
  const idempotencyKey = randomUUID();
  const refused = await expectNothingWritten(pool, () => buy({ ...input, idempotencyKey }));
  expect(refused).toMatchObject(error);
  expect(succeed(await buy({ idempotencyKey }))).toMatchObject({ replayed: false, order: { state: 'PAID' } });
}

describe('from a product page', () => {
  test('more than there is', async ({ db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer, { stock: 3 });
    await expectRefused(db.pool, buy, { quantity: 4 }, { __typename: 'SoldOutError', code: 'SOLD_OUT', remaining: 3 });
    expect(await buy({ quantity: 3 })).toMatchObject({ __typename: 'SoldOutError', remaining: 2 });
  });

  test('another price than the one that was seen, be it higher or lower', async ({ db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer);
    const error = { __typename: 'PriceChangedError', currentUnitPrice: { minorUnits: 2_500, currency: 'USD' } };
    for (const expectedUnitPriceMinor of [2_499, 2_501]) {
      await expectRefused(db.pool, buy, { expectedUnitPriceMinor }, error);
    }
  });

  test('an address that nobody delivers to', async ({ db, server, viewer }) => {
    const shop = await makeShop(server, { shipsAbroad: false });
    const product = await makeProduct(shop);
    const [home, abroad] = [await addAddress(viewer), await addAddress(viewer, { country: 'JP', city: 'Kyoto' })];
    const buy = (input?: Variables) =>
      buyNow(viewer, { variantId: product.variantId, expectedUnitPriceMinor: 2_500, addressId: home, ...input });
    await expectRefused(db.pool, buy, { addressId: abroad }, { __typename: 'NotDeliverableError' });
  });

  test('food never crosses a border, also where parcels do', async ({ db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer, { kind: 'FOOD' });
    const addressId = await addAddress(viewer, { country: 'JP', city: 'Kyoto' });
    await expectRefused(db.pool, buy, { addressId }, { __typename: 'NotDeliverableError' });
  });
});

describe('what is not there, or not for sale', () => {
  test("somebody else's address, and ids that name nothing, look the same", async ({ db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer);
    const addressId = await addAddress(await signIn(server));
    await expectRefused(db.pool, buy, { addressId }, { __typename: 'NotFoundError' });
    for (const [type, field] of [
      ['Address', 'addressId'],
      ['ProductVariant', 'variantId'],
      ['Offer', 'offerId'],
      ['LiveStream', 'streamId'],
    ] as const) {
      await expectNothingWritten(db.pool, async () => {
        for (const [what, id] of wrongIds(type)) {
          const outcome = await buy({ [field]: id });
          expect(outcome, `${field} ${what}`).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
        }
      });
    }
  });

  test('an address that was removed', async ({ server, viewer }) => {
    const { buy, addressId } = await openCounter(server, viewer);
    succeed(await mutate(viewer.api, 'removeAddress', { addressId }));
    expect(await buy()).toMatchObject({ __typename: 'NotFoundError' });
  });

  test('what is not for sale: a draft, and what was archived', async ({ db, server, viewer }) => {
    const { shop, product, buy } = await openCounter(server, viewer);
    const draft = await makeProduct(shop, { publish: false });
    await expectRefused(db.pool, buy, { variantId: draft.variantId }, { __typename: 'NotFoundError' });
    succeed(await mutate(shop.member.api, 'archiveProduct', { productId: product.productId }));
    expect(await expectNothingWritten(db.pool, () => buy())).toMatchObject({ __typename: 'NotFoundError' });
  });
});

describe('the purchase as a whole', () => {
  test('several lines of which one cannot be had: nothing of any', async ({ db, server, viewer }) => {
    const { shop, buy, product } = await openCounter(server, viewer);
    const other = await makeProduct(shop, { stock: 1 });
    const moreLines = [{ variantId: other.variantId, quantity: 2, expectedUnitPriceMinor: 2_500 }];
    await expectRefused(db.pool, buy, { moreLines }, { __typename: 'SoldOutError', remaining: 1 });
    expect(await stockOf(db.pool, product.variantId)).toEqual({ onHand: 9, held: 0 });
  });

  test('two currencies in one purchase', async ({ db, server, viewer }) => {
    const { shop, buy } = await openCounter(server, viewer);
    const other = await makeProduct(shop, { currency: 'AED' });
    const moreLines = [{ variantId: other.variantId, expectedUnitPriceMinor: 2_500 }];
    const error = { __typename: 'InvalidInputError', issues: [{ path: 'input.moreLines' }] };
    await expectRefused(db.pool, buy, { moreLines }, error);
  });

  test('without an address, of what is sent', async ({ db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer);
    const error = { __typename: 'InvalidInputError', issues: [{ path: 'input.addressId' }] };
    await expectRefused(db.pool, buy, { addressId: undefined }, error);
  });
});

describe('bad input', () => {
  test.for<[string, Variables, string[]]>([
    ['nothing', { variantId: undefined }, ['input.variantId']],
    ['nothing in a further line', { moreLines: [{ expectedUnitPriceMinor: 1 }] }, ['input.moreLines.0.variantId']],
    ['no unit', { quantity: 0 }, ['input.quantity']],
    ['less than no unit', { quantity: -1 }, ['input.quantity']],
    ['too many units', { quantity: 1_001 }, ['input.quantity']],
    ['a price of 0', { expectedUnitPriceMinor: 0 }, ['input.expectedUnitPriceMinor']],
    ['a negative price', { expectedUnitPriceMinor: -2_500 }, ['input.expectedUnitPriceMinor']],
    ['an empty key', { idempotencyKey: '' }, ['input.idempotencyKey']],
    ['a long key', { idempotencyKey: 'k'.repeat(65) }, ['input.idempotencyKey']],
    ['a NUL in the key', { idempotencyKey: 'a\0b' }, ['input.idempotencyKey']],
    ['no token', { paymentToken: ' ' }, ['input.paymentToken']],
    ['a long token', { paymentToken: 't'.repeat(201) }, ['input.paymentToken']],
    [
      'everything wrong at once',
      {
        quantity: 0,
        expectedUnitPriceMinor: -1,
        paymentToken: '',
        idempotencyKey: '',
        moreLines: [{ quantity: -1, expectedUnitPriceMinor: 0 }],
      },
      [
        'input.expectedUnitPriceMinor',
        'input.idempotencyKey',
        'input.moreLines.0.expectedUnitPriceMinor',
        'input.moreLines.0.quantity',
        'input.paymentToken',
        'input.quantity',
      ],
    ],
  ])('%s', async ([, input, paths], { db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer);
    const outcome = await expectNothingWritten(db.pool, () => buy(input));
    expect(outcome).toMatchObject({ __typename: 'InvalidInputError' });
    const { issues } = outcome as unknown as { issues: { path: string }[] };
    expect(issues.map(({ path }) => path).sort()).toEqual(paths);
  });

  test('eleven lines', async ({ db, server, viewer }) => {
    const { buy, product } = await openCounter(server, viewer, { stock: 20 });
    const line = { variantId: product.variantId, expectedUnitPriceMinor: 2_500 };
    const error = { __typename: 'InvalidInputError', issues: [{ path: 'input.moreLines' }] };
    await expectRefused(db.pool, buy, { moreLines: Array(10).fill(line) }, error);
    const ten = succeed(await buy({ moreLines: Array(9).fill(line) }));
    expect(ten.order.total.minorUnits).toBe(25_000);
  });

  test('a price that no client can have seen is an error of the request', async ({ db, server, viewer }) => {
    const { buy } = await openCounter(server, viewer);
    await expectNothingWritten(db.pool, () => expect(buy({ expectedUnitPriceMinor: 2 ** 60 })).rejects.toThrow());
  });

  test('a key that stands for another purchase', async ({ db, server, viewer }) => {
    const { buy, addressId } = await openCounter(server, viewer);
    const idempotencyKey = 'mine';
    succeed(await buy({ idempotencyKey }));
    const other = await addAddress(viewer);
    for (const input of [
      { quantity: 2 },
      { expectedUnitPriceMinor: 2_499 },
      { paymentToken: 'tok_declined' },
      { addressId: other },
      { showBuyer: true },
    ]) {
      const outcome = await expectNothingWritten(db.pool, () => buy({ ...input, idempotencyKey }));
      expect(outcome).toMatchObject({ __typename: 'IdempotencyConflictError' });
    }
    expect(succeed(await buy({ addressId, idempotencyKey })).replayed).toBe(true);
  });
});

describe('paying', () => {
  test('a declined payment: nothing is charged, the stock is back, the key free', async ({ db, server, viewer }) => {
    const { buy, product } = await openCounter(server, viewer, { stock: 1 });
    const call = { idempotencyKey: 'card', paymentToken: 'tok_declined' };
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await buy(call)).toMatchObject({ __typename: 'PaymentDeclinedError' });
      expect(await stockOf(db.pool, product.variantId)).toEqual({ onHand: 1, held: 0 });
    }
    expect(await chargesOf(db.pool, [viewer])).toEqual({ DECLINED: 3 });
    expect(succeed(await buy({ idempotencyKey: 'card' })).replayed).toBe(false);
    expect(await availableOf(viewer, product.variantId)).toBe(0);
    await expectBooksBalanced(db.pool);
  });

  test('a silent provider: pending, the stock stays set aside, and others hear so', async ({ db, server, viewer }) => {
    const { buy, product } = await openCounter(server, viewer, { stock: 1 });
    const call = { idempotencyKey: 'slow', paymentToken: 'tok_unreachable' };
    expect(await buy(call)).toMatchObject({ __typename: 'PaymentPendingError' });
    expect(await buy(call)).toMatchObject({ __typename: 'PaymentPendingError' });
    expect(await stockOf(db.pool, product.variantId)).toEqual({ onHand: 1, held: 1 });
    expect(await buy()).toMatchObject({ __typename: 'SoldOutError', remaining: 0 });
    expect(await buy({ ...call, quantity: 2 })).toMatchObject({ __typename: 'IdempotencyConflictError' });
    expect(await chargesOf(db.pool, [viewer])).toEqual({});
  });
});

describe('from an offer', () => {
  test('the usual price is not its price', async ({ db, server, viewer }) => {
    const { buy } = await openOffer(server, viewer);
    const error = { __typename: 'PriceChangedError', currentUnitPrice: { minorUnits: 2_000, currency: 'USD' } };
    await expectRefused(db.pool, buy, { expectedUnitPriceMinor: 2_500 }, error);
  });

  test('more than is left of it, though the shop has more', async ({ db, server, viewer }) => {
    const { buy, offer } = await openOffer(server, viewer, { stock: 10, terms: { quantity: 3, perBuyerLimit: 3 } });
    succeed(await buy());
    const other = await signIn(server);
    const call = { offerId: offer.id, expectedUnitPriceMinor: 2_000, addressId: await addAddress(other) };
    const error = { __typename: 'SoldOutError', remaining: 2 };
    await expectRefused(db.pool, (input) => buyNow(other, { ...call, ...input }), { quantity: 3 }, error);
  });

  test('more than one buyer may have, in one purchase and over several', async ({ db, server, viewer }) => {
    const { buy, offer } = await openOffer(server, viewer, { terms: { perBuyerLimit: 2 } });
    const error = { __typename: 'PerBuyerLimitError', limit: 2 };
    await expectRefused(db.pool, buy, { quantity: 3 }, error);
    const line = { offerId: offer.id, expectedUnitPriceMinor: 2_000 };
    // One is bought by now. Two lines of one purchase count together.
    expect(await expectNothingWritten(db.pool, () => buy({ moreLines: [line] }))).toMatchObject(error);
    expect(await expectNothingWritten(db.pool, () => buy({ quantity: 2 }))).toMatchObject(error);
    succeed(await buy());
    expect(await expectNothingWritten(db.pool, () => buy())).toMatchObject(error);
  });

  test('a payment that failed does not count for the limit', async ({ server, viewer }) => {
    const { buy } = await openOffer(server, viewer, { terms: { perBuyerLimit: 1 } });
    expect(await buy({ paymentToken: 'tok_declined' })).toMatchObject({ __typename: 'PaymentDeclinedError' });
    succeed(await buy());
  });
});

describe('an offer that is not for everybody, or over', () => {
  test('followers only', async ({ db, server, viewer }) => {
    const { buy, streamId } = await openOffer(server, viewer, { terms: { eligibility: 'FOLLOWERS' } });
    const error = { __typename: 'NotEligibleError', code: 'NOT_ELIGIBLE' };
    expect(await expectNothingWritten(db.pool, () => buy())).toMatchObject(error);
    const document = 'query Creator($id: ID!) { liveStream(id: $id) { creator { id } } }';
    type Found = { liveStream: { creator: { id: string } } };
    const creatorId = (await query<Found>(viewer.api, document, { id: streamId })).liveStream.creator.id;
    succeed(await mutate(viewer.api, 'followCreator', { creatorId }));
    succeed(await buy());
    succeed(await mutate(viewer.api, 'unfollowCreator', { creatorId }));
    expect(await buy()).toMatchObject(error);
  });

  test('gifters of this stream only', async ({ db, server, funded }) => {
    const { buy, streamId } = await openOffer(server, funded, { terms: { eligibility: 'GIFTERS' } });
    const elsewhere = await startStream(await signIn(server));
    succeed(await sendGift(funded, elsewhere.id));
    expect(await expectNothingWritten(db.pool, () => buy())).toMatchObject({ __typename: 'NotEligibleError' });
    succeed(await sendGift(funded, streamId));
    succeed(await buy());
  });

  test('an offer that was ended, or whose stream was', async ({ db, server, viewer }) => {
    const ended = await openOffer(server, viewer);
    succeed(await endOffer(ended.creator, ended.offer.id));
    const offline = await openOffer(server, viewer);
    succeed(await endStream(offline.creator, offline.streamId));
    for (const { buy, product } of [ended, offline]) {
      expect(await expectNothingWritten(db.pool, () => buy())).toMatchObject({ __typename: 'OfferEndedError' });
      succeed(await buy({ offerId: undefined, ...usualPrice(product) }));
    }
  });

  test('an offer of which nothing is left says so, and not that it is over', async ({ db, server, viewer }) => {
    const { buy } = await openOffer(server, viewer, { terms: { quantity: 1, perBuyerLimit: 1 } });
    succeed(await buy());
    const outcome = await expectNothingWritten(db.pool, () => buy());
    expect(outcome).toMatchObject({ __typename: 'SoldOutError', remaining: 0 });
  });

  test('an offer with the variant of another', async ({ db, server, viewer }) => {
    const { buy, shop, product } = await openOffer(server, viewer);
    const other = await makeProduct(shop);
    await expectRefused(db.pool, buy, { variantId: other.variantId }, { __typename: 'NotFoundError' });
    succeed(await buy({ variantId: product.variantId }));
  });
});

function usualPrice({ variantId }: { variantId: string }): Variables {
  return { variantId, expectedUnitPriceMinor: 2_500 };
}
