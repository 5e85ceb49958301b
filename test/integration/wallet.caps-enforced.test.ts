/** Spending caps where coins are spent: whatever comes at once, no cap is passed. */
import { describe, expect } from 'vitest';
import { SPENDING_CAPS, WALLET_UPDATES } from '../support/documents.ts';
import {
  type Actor,
  buyCoins,
  giftId,
  type Outcome,
  type Refusal,
  type SendGiftSuccess,
  sendGift,
  signIn,
  succeed,
} from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { type Capped, capped, capsOf, setCap } from './support/caps.ts';
import { rowOf } from './support/ids.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { test as base, QUIET } from './support/shared-server.ts';

const COINS = 350;
const DAY_MS = 86_400_000;
const dayStart = () => Math.floor(Date.now() / DAY_MS) * DAY_MS;

/** Sends so many roses, of one coin each, in one gift. */
type Roses = (quantity?: number) => Promise<Outcome<SendGiftSuccess>>;

const test = base
  .extend('gifter', async ({ server }): Promise<Actor> => {
    const viewer = await signIn(server);
    succeed(await buyCoins(viewer, { coins: COINS }));
    return viewer;
  })
  .extend('roses', async ({ gifter, live }): Promise<Roses> => {
    const rose = await giftId(gifter.api, 'Rose');
    return (quantity = 1) => sendGift(gifter, live.streamId, { giftId: rose, quantity });
  });

describe('a gift', () => {
  test('may cost as much as the cap of a gift, and no more', async ({ gifter, roses }) => {
    await capped(gifter, 'GIFT', 3);
    const refusal = await roses(4);
    expect(refusal).toMatchObject({
      __typename: 'SpendingCapReachedError',
      code: 'SPENDING_CAP_REACHED',
      period: 'GIFT',
      remaining: 3,
    });
    expect(Math.abs(Date.parse((refusal as Refusal).resetsAt as string) - Date.now())).toBeLessThan(60_000);
    succeed(await roses(3));
    succeed(await roses(3));
  });

  test.for([
    ['DAY', () => new Date(dayStart() + DAY_MS)],
    ['MONTH', () => new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + 1))],
  ] as const)(
    'counts against the cap of a %s, which then shows what is left',
    async ([period, resetsAt], { gifter, roses }) => {
      await capped(gifter, period, 10);
      succeed(await roses(7));
      expect(await capsOf(gifter)).toMatchObject([{ period, coins: 10, remaining: 3 }]);
      expect(await roses(4)).toMatchObject({
        __typename: 'SpendingCapReachedError',
        period,
        remaining: 3,
        resetsAt: resetsAt().toISOString(),
      });
      succeed(await roses(3));
      expect(await roses(1)).toMatchObject({ __typename: 'SpendingCapReachedError', remaining: 0 });
      expect(await capsOf(gifter)).toMatchObject([{ remaining: 0 }]);
    },
  );

  test('obeys the tightest of several caps', async ({ gifter, roses }) => {
    await capped(gifter, 'MONTH', 6);
    await capped(gifter, 'DAY', 10);
    succeed(await roses(5));
    expect(await roses(2)).toMatchObject({ period: 'MONTH', remaining: 1 });
  });

  test('with a cap of 0 is refused, however small', async ({ gifter, roses }) => {
    await capped(gifter, 'MONTH', 0);
    expect(await roses()).toMatchObject({ __typename: 'SpendingCapReachedError', remaining: 0 });
  });

  test('whoever watches the wallet sees what is left after it', async ({ server, gifter, roses }) => {
    await capped(gifter, 'DAY', 10);
    const document = WALLET_UPDATES.replace('coins', `coins ${SPENDING_CAPS}`);
    const wallet = (await server.ws({ token: gifter.token })).subscribe<{ walletUpdates: Capped['wallet'] }>(document);
    await wallet.next();
    succeed(await roses(4));
    expect(await wallet.next()).toMatchObject({
      walletUpdates: { coins: COINS - 4, spendingCaps: [{ remaining: 6 }] },
    });
  });
});

describe('at once', () => {
  test('50 gifts never pass the cap, and use all of it', async ({ gifter, roses }) => {
    await capped(gifter, 'DAY', 20);
    expect(tally(await atOnce(50, () => roses()))).toEqual({ SendGiftSuccess: 20, SpendingCapReachedError: 30 });
    expect(await capsOf(gifter)).toMatchObject([{ remaining: 0 }]);
  });

  test('neither do 50 gifts of different sizes at two servers, into two streams', async ({
    db,
    gifter,
    live,
    server,
  }) => {
    const other = await startServer({ ...QUIET, databaseUrl: db.url });
    try {
      await capped(gifter, 'MONTH', 40);
      const rose = await giftId(gifter.api, 'Rose');
      const elsewhere = { ...gifter, api: other.http(gifter.token) };
      const outcomes = await atOnce(50, (index) =>
        sendGift(index % 2 === 0 ? gifter : elsewhere, live.streamId, { giftId: rose, quantity: 1 + (index % 5) }),
      );
      const sizes = outcomes.map(({ __typename }, index) => (__typename === 'SendGiftSuccess' ? 1 + (index % 5) : 0));
      const spent = sizes.reduce((sum, size) => sum + size, 0);
      // What is left is less than the smallest gift that was refused.
      expect(spent).toBeGreaterThan(35);
      expect(spent).toBeLessThanOrEqual(40);
      expect(await capsOf(gifter)).toMatchObject([{ remaining: 40 - spent }]);
      expect(server.url).not.toBe(other.url);
    } finally {
      await other.close();
    }
  });

  test('a raise lets none of the gifts through that come with it', async ({ gifter, roses }) => {
    await capped(gifter, 'DAY', 5);
    succeed(await roses(5));
    const [raised, ...sent] = await Promise.all([
      setCap(gifter, 'DAY', 100),
      ...Array.from({ length: 20 }, () => roses()),
    ]);
    expect(succeed(raised).wallet.spendingCaps).toMatchObject([{ coins: 5, remaining: 0, nextCoins: 100 }]);
    expect(tally(sent)).toEqual({ SpendingCapReachedError: 20 });
  });

  test('a lower cap holds for each gift behind it; those before it count', async ({ gifter, roses }) => {
    await capped(gifter, 'DAY', 100);
    const gifts = atOnce(50, () => roses());
    const cap = await capped(gifter, 'DAY', 10);
    const sent = tally(await gifts).SendGiftSuccess ?? 0;
    // Each gift came before the cap, or fits under it.
    const before = 10 - cap!.remaining;
    expect(cap).toMatchObject({ coins: 10 });
    expect(await capsOf(gifter)).toMatchObject([{ remaining: Math.max(10 - sent, 0) }]);
    if (cap!.remaining > 0) expect(sent).toBe(10);
    else expect(sent).toBeGreaterThanOrEqual(before);
    expect(await roses(11)).toMatchObject({ __typename: 'SpendingCapReachedError' });
  });

  test('a first cap counts each gift that came before it, once', async ({ gifter, roses }) => {
    const gifts = atOnce(60, () => roses());
    succeed(await setCap(gifter, 'DAY', 30));
    const sent = tally(await gifts).SendGiftSuccess ?? 0;
    expect(sent).toBeGreaterThanOrEqual(30);
    expect(await capsOf(gifter)).toMatchObject([{ coins: 30, remaining: Math.max(30 - sent, 0) }]);
    expect(await roses(31)).toMatchObject({ __typename: 'SpendingCapReachedError' });
  });
});

describe('time', () => {
  test('at midnight there is room again', async ({ db, gifter, roses }) => {
    await capped(gifter, 'DAY', 10);
    succeed(await roses(10));
    expect((await roses()).__typename).toBe('SpendingCapReachedError');
    await db.pool.query('UPDATE spending_limit SET day = day - 1 WHERE viewer_id = $1', [rowOf(gifter.id)]);
    succeed(await roses(4));
    expect(await capsOf(gifter)).toMatchObject([
      { remaining: 6, resetsAt: new Date(dayStart() + DAY_MS).toISOString() },
    ]);
  });

  test('a clock that jumped back gives no second day', async ({ db, gifter, roses }) => {
    await capped(gifter, 'DAY', 10);
    succeed(await roses(8));
    await db.pool.query('UPDATE spending_limit SET day = day + 1 WHERE viewer_id = $1', [rowOf(gifter.id)]);
    expect(await roses(3)).toMatchObject({
      __typename: 'SpendingCapReachedError',
      remaining: 2,
      resetsAt: new Date(dayStart() + 2 * DAY_MS).toISOString(),
    });
    succeed(await roses(2));
    expect(await capsOf(gifter)).toMatchObject([{ remaining: 0 }]);
  });

  test('a raise holds from when its cool-off is over', async ({ db, gifter, roses }) => {
    await capped(gifter, 'DAY', 5);
    await capped(gifter, 'DAY', 8);
    expect((await roses(6)).__typename).toBe('SpendingCapReachedError');
    await db.pool.query(`UPDATE spending_limit SET raise_day_at = clock_timestamp() WHERE viewer_id = $1`, [
      rowOf(gifter.id),
    ]);
    succeed(await roses(6));
    expect(await capsOf(gifter)).toMatchObject([{ coins: 8, remaining: 2 }]);
  });
});
