/** Buying coins: charged once, credited once, whatever the provider does. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, buyCoins, mutate, query, signIn } from '../support/operations.ts';
import { globalId, rowOf, wrongIds } from './support/ids.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** The smallest pack. */
const PACK = { coins: 70, amount: '0.99', minorUnits: 99, currency: 'USD' };

type Pack = { id: string; coins: number; price: { amount: string; minorUnits: number; currency: string } };

async function coinPacks(viewer: Pick<Actor, 'api'>): Promise<Pack[]> {
  const document = '{ coinPacks { id coins price { amount minorUnits currency } } }';
  return (await query<{ coinPacks: Pack[] }>(viewer.api, document)).coinPacks;
}

async function coinsOf(viewer: Actor): Promise<number> {
  type Me = { me: { wallet: { coins: number } } };
  return (await query<Me>(viewer.api, '{ me { wallet { coins } } }')).me.wallet.coins;
}

/** What the provider has really charged this viewer. */
async function charges(pool: Pool, viewer: Actor): Promise<number[]> {
  const { rows } = await pool.query(
    `SELECT c.amount_minor FROM coin_purchase p JOIN sandbox_charge c ON c.idempotency_key = 'coin_purchase:' || p.id
      WHERE p.viewer_id = $1 AND c.status = 'SUCCEEDED'`,
    [rowOf(viewer.id)],
  );
  return rows.map((row) => Number(row.amount_minor));
}

/** Takes a pack off sale for as long as the work lasts. */
async function offSale<T>(pool: Pool, packId: string, work: () => Promise<T>): Promise<T> {
  const set = (active: boolean) =>
    pool.query('UPDATE coin_pack SET active = $2 WHERE id = $1', [rowOf(packId), active]);
  await set(false);
  try {
    return await work();
  } finally {
    await set(true);
  }
}

test('the packs on sale are listed smallest first, with their prices', async ({ viewer, db }) => {
  // Signed in: for others an answer is kept a moment, and nobody announces a change by hand.
  const packs = await coinPacks(viewer);
  expect(packs[0]).toMatchObject({ coins: PACK.coins, price: { amount: '0.99', minorUnits: 99, currency: 'USD' } });
  expect(packs.map((pack) => pack.coins)).toEqual([70, 350, 700, 3500, 7000]);
  const fewer = await offSale(db.pool, packs[1]!.id, () => coinPacks(viewer));
  expect(fewer.map((pack) => pack.coins)).toEqual([70, 700, 3500, 7000]);
});

test('a pack is charged and its coins are in the wallet', async ({ db, viewer }) => {
  expect(await buyCoins(viewer, { coins: PACK.coins })).toEqual({
    __typename: 'BuyCoinsSuccess',
    wallet: { coins: PACK.coins },
    purchase: { id: expect.any(String) },
    replayed: false,
  });
  expect(await coinsOf(viewer)).toBe(PACK.coins);
  expect(await charges(db.pool, viewer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('the same key again buys nothing more, and says so', async ({ db, viewer }) => {
  const order = { coins: PACK.coins, idempotencyKey: 'once' };
  await buyCoins(viewer, order);
  const again = await expectNothingWritten(db.pool, () => buyCoins(viewer, order));
  expect(again).toMatchObject({ __typename: 'BuyCoinsSuccess', wallet: { coins: PACK.coins }, replayed: true });
});

test('a key that bought a pack still says so when the pack is off sale', async ({ db, viewer }) => {
  const [pack] = await coinPacks(viewer);
  const order = { packId: pack!.id, idempotencyKey: 'once' };
  await buyCoins(viewer, order);
  const again = await offSale(db.pool, pack!.id, () => buyCoins(viewer, order));
  expect(again).toMatchObject({ __typename: 'BuyCoinsSuccess', replayed: true });
});

test('the same key with another pack or another card is a conflict, and nothing is charged', async ({ db, viewer }) => {
  const [small, large] = await coinPacks(viewer);
  const order = { packId: small!.id, paymentToken: 'tok_ok', idempotencyKey: 'once' };
  await buyCoins(viewer, order);
  for (const other of [{ packId: large!.id }, { paymentToken: 'tok_timeout' }]) {
    const outcome = await expectNothingWritten(db.pool, () => buyCoins(viewer, { ...order, ...other }));
    expect(outcome).toMatchObject({ __typename: 'IdempotencyConflictError', code: 'IDEMPOTENCY_CONFLICT' });
  }
});

test('a key belongs to its viewer: two people may use the same', async ({ db, server, viewer }) => {
  const other = await signIn(server);
  const outcomes = await Promise.all([viewer, other].map((buyer) => buyCoins(buyer, { idempotencyKey: 'mine' })));
  expect(successes(outcomes).map((success) => success.replayed)).toEqual([false, false]);
  for (const buyer of [viewer, other]) expect(await charges(db.pool, buyer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('a declined card buys nothing, and the key is free for another card', async ({ db, viewer }) => {
  const declined = await buyCoins(viewer, { paymentToken: 'tok_declined', idempotencyKey: 'once' });
  expect(declined).toMatchObject({ __typename: 'PaymentDeclinedError', code: 'PAYMENT_DECLINED' });
  expect(await coinsOf(viewer)).toBe(0);
  const paid = await buyCoins(viewer, { paymentToken: 'tok_ok', idempotencyKey: 'once' });
  expect(paid).toMatchObject({ __typename: 'BuyCoinsSuccess', wallet: { coins: PACK.coins }, replayed: false });
  expect(await charges(db.pool, viewer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('when the provider does not answer the purchase is pending, and the same key finishes it once', async ({
  db,
  viewer,
}) => {
  const order = { paymentToken: 'tok_timeout', idempotencyKey: 'once' };
  const pending = await buyCoins(viewer, order);
  expect(pending).toMatchObject({ __typename: 'PaymentPendingError', code: 'PAYMENT_PENDING' });
  expect(await coinsOf(viewer)).toBe(0);
  expect(await buyCoins(viewer, order)).toMatchObject({ wallet: { coins: PACK.coins }, replayed: false });
  expect(await buyCoins(viewer, order)).toMatchObject({ wallet: { coins: PACK.coins }, replayed: true });
  expect(await charges(db.pool, viewer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('a pending purchase refuses another card under its key: the first may have been charged', async ({
  db,
  viewer,
}) => {
  await buyCoins(viewer, { paymentToken: 'tok_timeout', idempotencyKey: 'once' });
  const other = { paymentToken: 'tok_ok', idempotencyKey: 'once' };
  const outcome = await expectNothingWritten(db.pool, () => buyCoins(viewer, other));
  expect(outcome.__typename).toBe('IdempotencyConflictError');
});

test('50 calls at once with one key are one charge and one credit', async ({ db, viewer }) => {
  const [pack] = await coinPacks(viewer);
  const outcomes = await atOnce(50, () => buyCoins(viewer, { packId: pack!.id, idempotencyKey: 'once' }));
  expect(tally(outcomes)).toEqual({ BuyCoinsSuccess: 50 });
  expect(successes(outcomes).filter((success) => !success.replayed)).toHaveLength(1);
  expect(await coinsOf(viewer)).toBe(PACK.coins);
  expect(await charges(db.pool, viewer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('50 calls at once with one key and a silent provider are one charge and one credit', async ({ db, viewer }) => {
  const [pack] = await coinPacks(viewer);
  const order = { packId: pack!.id, paymentToken: 'tok_timeout', idempotencyKey: 'once' };
  const outcomes = await atOnce(50, () => buyCoins(viewer, order));
  expect(tally(outcomes)).toEqual({ PaymentPendingError: 1, BuyCoinsSuccess: 49 });
  expect(await coinsOf(viewer)).toBe(PACK.coins);
  expect(await charges(db.pool, viewer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('50 declined calls at once with one key charge nothing, and the key is free', async ({ db, viewer }) => {
  const [pack] = await coinPacks(viewer);
  const order = { packId: pack!.id, idempotencyKey: 'once' };
  const outcomes = await atOnce(50, () => buyCoins(viewer, { ...order, paymentToken: 'tok_declined' }));
  expect(tally(outcomes)).toEqual({ PaymentDeclinedError: 50 });
  expect(await buyCoins(viewer, order)).toMatchObject({ __typename: 'BuyCoinsSuccess', replayed: false });
  expect(await charges(db.pool, viewer)).toEqual([PACK.minorUnits]);
  await expectBooksBalanced(db.pool);
});

test('20 purchases at once with keys of their own are 20 purchases', async ({ db, viewer }) => {
  const [pack] = await coinPacks(viewer);
  const outcomes = await atOnce(20, (index) => buyCoins(viewer, { packId: pack!.id, idempotencyKey: `no ${index}` }));
  expect(tally(outcomes)).toEqual({ BuyCoinsSuccess: 20 });
  expect(await coinsOf(viewer)).toBe(20 * PACK.coins);
  await expectBooksBalanced(db.pool);
});

test('a pack that does not exist, or is not on sale, is not found', async ({ db, viewer }) => {
  const [pack] = await coinPacks(viewer);
  const missing = { __typename: 'NotFoundError', code: 'NOT_FOUND', message: 'There is no such coin pack.' };
  await expectNothingWritten(db.pool, async () => {
    for (const [what, packId] of wrongIds('CoinPack')) {
      expect(await buyCoins(viewer, { packId }), what).toMatchObject(missing);
    }
    const refused = await offSale(db.pool, pack!.id, () => buyCoins(viewer, { packId: pack!.id }));
    expect(refused).toMatchObject(missing);
  });
});

test('an input that breaks a rule names the field', async ({ db, viewer }) => {
  const valid = { packId: globalId('CoinPack', 1), paymentToken: 'tok_ok', idempotencyKey: 'once' };
  const broken: [field: string, value: string][] = [
    ['paymentToken', ''],
    ['paymentToken', ' '],
    ['paymentToken', 'x'.repeat(201)],
    ['paymentToken', 'tok_ok\0'],
    ['idempotencyKey', ''],
    ['idempotencyKey', 'x'.repeat(65)],
    ['idempotencyKey', 'a\0b'],
  ];
  await expectNothingWritten(db.pool, async () => {
    for (const [field, value] of broken) {
      const outcome = await mutate(viewer.api, 'buyCoins', { ...valid, [field]: value });
      expect(outcome, JSON.stringify(value)).toMatchObject({
        __typename: 'InvalidInputError',
        code: 'INVALID_INPUT',
        issues: [{ path: `input.${field}` }],
      });
    }
  });
});

test('spaces around a payment token do not count', async ({ viewer }) => {
  const spaced = { paymentToken: `tok_ok${' '.repeat(300)}`, idempotencyKey: 'once' };
  expect(await buyCoins(viewer, spaced)).toMatchObject({ __typename: 'BuyCoinsSuccess', replayed: false });
  expect(await buyCoins(viewer, { ...spaced, paymentToken: 'tok_ok' })).toMatchObject({ replayed: true });
});

test('nobody buys without signing in', async ({ server, db }) => {
  const input = { packId: globalId('CoinPack', 1), paymentToken: 'tok_ok', idempotencyKey: 'once' };
  const outcome = await expectNothingWritten(db.pool, () => mutate(server.http(), 'buyCoins', input));
  expect(outcome).toMatchObject({ __typename: 'NotSignedInError', code: 'NOT_SIGNED_IN' });
});
