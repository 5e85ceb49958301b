/** Spending caps: how they are set, what counts against them, and when they change. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { describe, expect } from 'vitest';
import { SPENDING_CAPS, WALLET_UPDATES } from '../support/documents.ts';
import { type Actor, buyCoins, giftId, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { type Capped, capped, capsOf, setCap } from './support/caps.ts';
import { purchase, tell } from './support/disputes.ts';
import { rowOf } from './support/ids.ts';
import { unguarded } from './support/ledger-rows.ts';
import { test } from './support/shared-server.ts';

const DAY_MS = 86_400_000;
const NOT_RAISED = { nextCoins: null, nextFrom: null };

const dayStart = () => Math.floor(Date.now() / DAY_MS) * DAY_MS;
const monthStart = (months = 0) => Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + months);
const iso = (ms: number) => new Date(ms).toISOString();

/** Moves what a raise of a viewer's day waits for into the past. */
const endCoolOff = (pool: pg.Pool, viewer: Actor) =>
  pool.query(`UPDATE spending_limit SET raise_day_at = raise_day_at - interval '24 hours' WHERE viewer_id = $1`, [
    rowOf(viewer.id),
  ]);

describe('setting a cap', () => {
  test('a viewer has none; the first of each period holds at once', async ({ viewer }) => {
    expect(await capsOf(viewer)).toEqual([]);
    const day = { period: 'DAY', coins: 100, remaining: 100, resetsAt: iso(dayStart() + DAY_MS), ...NOT_RAISED };
    expect(succeed(await setCap(viewer, 'DAY', 100)).wallet.spendingCaps).toEqual([day]);
    succeed(await setCap(viewer, 'MONTH', 1_000));
    const { spendingCaps } = succeed(await setCap(viewer, 'GIFT', 0)).wallet;
    expect(spendingCaps).toEqual([
      { period: 'GIFT', coins: 0, remaining: 0, resetsAt: expect.any(String), ...NOT_RAISED },
      day,
      { period: 'MONTH', coins: 1_000, remaining: 1_000, resetsAt: iso(monthStart(1)), ...NOT_RAISED },
    ]);
    expect(Math.abs(Date.parse(spendingCaps[0]!.resetsAt) - Date.now())).toBeLessThan(60_000);
    expect(await capsOf(viewer)).toMatchObject([{ period: 'GIFT' }, day, { period: 'MONTH' }]);
  });

  test('lower holds at once; higher waits a day, shows until then, and holds after it', async ({ db, viewer }) => {
    await capped(viewer, 'DAY', 100);
    expect(await capped(viewer, 'DAY', 80)).toMatchObject({ coins: 80, ...NOT_RAISED });
    const raised = await capped(viewer, 'DAY', 200);
    expect(raised).toMatchObject({ coins: 80, remaining: 80, nextCoins: 200 });
    const waitsMs = Date.parse(raised!.nextFrom!) - Date.now();
    expect(waitsMs).toBeGreaterThan(DAY_MS - 60_000);
    expect(waitsMs).toBeLessThan(DAY_MS + 60_000);
    await endCoolOff(db.pool, viewer);
    expect(await capsOf(viewer)).toMatchObject([{ coins: 200, remaining: 200, ...NOT_RAISED }]);
    // What has come is not taken back by what is asked for next.
    expect(await capped(viewer, 'DAY', 300)).toMatchObject({ coins: 200, nextCoins: 300 });
  });

  test('no cap any more is a raise, too', async ({ db, viewer }) => {
    await capped(viewer, 'DAY', 100);
    expect(await capped(viewer, 'DAY', null)).toMatchObject({
      coins: 100,
      nextCoins: null,
      nextFrom: expect.any(String),
    });
    await endCoolOff(db.pool, viewer);
    expect(await capsOf(viewer)).toEqual([]);
    expect(await capped(viewer, 'DAY', 900)).toMatchObject({ coins: 900, ...NOT_RAISED });
  });

  test('a raise on top of a raise waits anew, the same again does not; lower calls it off', async ({ db, viewer }) => {
    await capped(viewer, 'DAY', 100);
    await capped(viewer, 'DAY', 200);
    await db.pool.query(
      `UPDATE spending_limit SET raise_day_at = raise_day_at - interval '1 hour' WHERE viewer_id = $1`,
      [rowOf(viewer.id)],
    );
    const [waiting] = await capsOf(viewer);
    expect(await capped(viewer, 'DAY', 200)).toEqual(waiting);
    const anew = await capped(viewer, 'DAY', 150);
    expect(Date.parse(anew!.nextFrom!)).toBeGreaterThan(Date.parse(waiting!.nextFrom!) + 3_000_000);
    expect(await capped(viewer, 'DAY', 99)).toMatchObject({ coins: 99, ...NOT_RAISED });
  });

  test('the periods do not touch each other', async ({ viewer }) => {
    await capped(viewer, 'DAY', 100);
    await capped(viewer, 'DAY', 200);
    await capped(viewer, 'MONTH', 50);
    expect(await capsOf(viewer)).toMatchObject([
      { period: 'DAY', coins: 100, nextCoins: 200 },
      { period: 'MONTH', coins: 50, ...NOT_RAISED },
    ]);
  });

  test('what breaks the rules is refused, and nothing is written', async ({ server, db, viewer }) => {
    expect(await setCap(viewer, 'DAY', -1)).toMatchObject({ __typename: 'InvalidInputError' });
    const nobody = { ...viewer, api: server.http() };
    expect(await setCap(nobody, 'DAY', 1)).toMatchObject({ __typename: 'NotSignedInError' });
    await expect(setCap(viewer, 'DAY', 2 ** 53)).rejects.toThrow(/SafeInt|safe/i);
    const { rows } = await db.pool.query('SELECT 1 FROM spending_limit WHERE viewer_id = $1', [rowOf(viewer.id)]);
    expect(rows).toEqual([]);
  });

  test('many calls at once leave one of them', async ({ viewer }) => {
    const wanted = Array.from({ length: 20 }, (_, index) => 100 + index);
    await Promise.all(wanted.map((coins) => setCap(viewer, 'MONTH', coins)));
    const [cap] = await capsOf(viewer);
    // Whichever came first holds unless a lower one came behind it; what waits is higher.
    expect(wanted).toContain(cap!.coins);
    if (cap!.nextCoins !== null) expect(cap!.nextCoins).toBeGreaterThan(cap!.coins);
  });
});

describe('where caps are shown', () => {
  test('whoever watches the wallet sees each change, and no call that changes nothing', async ({ server, viewer }) => {
    const document = WALLET_UPDATES.replace('coins', `coins ${SPENDING_CAPS}`);
    const wallet = (await server.ws({ token: viewer.token })).subscribe<{ walletUpdates: Capped['wallet'] }>(document);
    expect(await wallet.next()).toEqual({ walletUpdates: { coins: 0, spendingCaps: [] } });
    await capped(viewer, 'DAY', 100);
    expect(await wallet.next()).toMatchObject({ walletUpdates: { spendingCaps: [{ coins: 100 }] } });
    await capped(viewer, 'DAY', 100);
    await capped(viewer, 'DAY', 50);
    expect(await wallet.next()).toMatchObject({ walletUpdates: { spendingCaps: [{ coins: 50 }] } });
    expect(wallet.received).toHaveLength(3);
  });

  test('each wallet that is returned has its viewer’s, also at the sign-in', async ({ server, viewer, live }) => {
    await capped(viewer, 'DAY', 100);
    const CAPS = `wallet { ${SPENDING_CAPS} }`;
    const expected = { wallet: { spendingCaps: [expect.objectContaining({ period: 'DAY', coins: 100 })] } };
    const signedIn = await query<{ signIn: object }>(
      server.http(),
      `mutation In($handle: String!) { signIn(input: { handle: $handle }) { ... on SignInSuccess { viewer { ${CAPS} } } } }`,
      { handle: viewer.handle },
    );
    expect(signedIn.signIn).toEqual({ viewer: expected });
    const { coinPacks } = await query<{ coinPacks: { id: string }[] }>(viewer.api, '{ coinPacks { id } }');
    const bought = await query<{ buyCoins: object }>(
      viewer.api,
      `mutation Buy($input: BuyCoinsInput!) { buyCoins(input: $input) { ... on BuyCoinsSuccess { ${CAPS} } } }`,
      { input: { packId: coinPacks[0]!.id, paymentToken: 'tok_ok', idempotencyKey: randomUUID() } },
    );
    expect(bought.buyCoins).toEqual(expected);
    const sent = await query<{ sendGift: object }>(
      viewer.api,
      `mutation Send($input: SendGiftInput!) { sendGift(input: $input) { ... on SendGiftSuccess { ${CAPS} } } }`,
      { input: { streamId: live.streamId, giftId: await giftId(viewer.api, 'Rose'), idempotencyKey: randomUUID() } },
    );
    expect(sent.sendGift).toEqual(expected);
  });

  test('asked for twice in a query, they are read once', async ({ server, viewer }) => {
    await capped(viewer, 'DAY', 100);
    const document = `{ me { wallet { a: ${SPENDING_CAPS} b: ${SPENDING_CAPS} } } }`;
    const { statements } = await countSql(server.app, () => query(viewer.api, document));
    expect(statements.filter((text) => text.includes('wallet.limits'))).toHaveLength(1);
  });
});

describe('what was spent before the first cap', () => {
  test('today’s and this month’s gifts count, older ones do not', async ({ db, viewer, live }) => {
    succeed(await buyCoins(viewer, { coins: 350 }));
    const keys = [1, 2, 4, 8].map((quantity) => ({ quantity, idempotencyKey: randomUUID() }));
    for (const key of keys) succeed(await sendGift(viewer, live.streamId, key));
    /** When each was sent, oldest first, also on the first of a month: the chain is in the order of time. */
    const sentAt = [monthStart() - 1_000, monthStart(), dayStart() - 1_000, dayStart()].sort((a, b) => a - b);
    await unguarded(db.pool, async (sql) => {
      for (const [index, { idempotencyKey }] of keys.entries()) {
        await sql.query(
          `UPDATE transfer SET created_at = $2 WHERE kind = 'GIFT_SPENT'
              AND cause_id = (SELECT id FROM gift_sent WHERE viewer_id = $3 AND idempotency_key = $1)`,
          [idempotencyKey, iso(sentAt[index]!), rowOf(viewer.id)],
        );
      }
    });
    const month = keys
      .filter((_, index) => sentAt[index]! >= monthStart())
      .reduce((sum, { quantity }) => sum + quantity, 0);
    const today = keys
      .filter((_, index) => sentAt[index]! >= dayStart())
      .reduce((sum, { quantity }) => sum + quantity, 0);
    expect(await capped(viewer, 'DAY', 100)).toMatchObject({ remaining: 100 - today });
    expect(await capped(viewer, 'MONTH', 100)).toMatchObject({ remaining: 100 - month });
    expect(today).toBeGreaterThanOrEqual(8);
  });

  test('what was bought and what was refunded does not count; below what is spent, nothing is left', async ({
    db,
    viewer,
    live,
  }) => {
    succeed(await buyCoins(viewer, { coins: 350 }));
    const [kept, refunded] = [randomUUID(), randomUUID()];
    succeed(await sendGift(viewer, live.streamId, { quantity: 30, idempotencyKey: kept }));
    succeed(await sendGift(viewer, live.streamId, { quantity: 20, idempotencyKey: refunded }));
    await db.pool.query(
      `SELECT wallet_post(ARRAY[t.credit_account_id], ARRAY[t.debit_account_id], ARRAY['COIN'], ARRAY[t.amount], ARRAY['GIFT_REFUNDED'],
                          ARRAY[t.cause_id], clock_timestamp(), ARRAY[t.id])
         FROM transfer t JOIN gift_sent g ON g.id = t.cause_id
        WHERE t.kind = 'GIFT_SPENT' AND g.viewer_id = $1 AND g.idempotency_key = $2`,
      [rowOf(viewer.id), refunded],
    );
    expect(await capped(viewer, 'DAY', 100)).toMatchObject({ coins: 100, remaining: 70 });
    expect(await capped(viewer, 'DAY', 10)).toMatchObject({ coins: 10, remaining: 0 });
  });

  test('what a bank has taken back was spent, before the first cap as after it', async ({ server, viewer, live }) => {
    const operator = await signIn(server, 'operator');
    const [first, second] = [await purchase(viewer, 70), await purchase(viewer, 70)];
    succeed(await sendGift(viewer, live.streamId, { quantity: 70 }));
    succeed(await sendGift(viewer, live.streamId, { quantity: 30 }));
    expect(succeed(await tell(operator, first)).dispute).toMatchObject({ coinsUnspent: 40, giftsReversed: 1 });
    expect(await capped(viewer, 'DAY', 200)).toMatchObject({ remaining: 100 });
    expect(succeed(await tell(operator, second)).dispute).toMatchObject({ coinsUnspent: 0, giftsReversed: 1 });
    expect(await capsOf(viewer)).toMatchObject([{ period: 'DAY', remaining: 100 }]);
  });
});

describe('days and months', () => {
  test('at midnight a day begins anew, and on the first a month', async ({ db, viewer }) => {
    await capped(viewer, 'DAY', 100);
    await capped(viewer, 'MONTH', 100);
    await db.pool.query(
      `UPDATE spending_limit SET day_coins = 60, month_coins = 90, day = day - 1 WHERE viewer_id = $1`,
      [rowOf(viewer.id)],
    );
    expect(await capsOf(viewer)).toMatchObject([
      { period: 'DAY', remaining: 100, resetsAt: iso(dayStart() + DAY_MS) },
      { period: 'MONTH', remaining: 10 },
    ]);
    await db.pool.query(`UPDATE spending_limit SET month = month - interval '1 month' WHERE viewer_id = $1`, [
      rowOf(viewer.id),
    ]);
    expect(await capsOf(viewer)).toMatchObject([{ remaining: 100 }, { remaining: 100, resetsAt: iso(monthStart(1)) }]);
  });

  test('a clock that jumps back gives no second day: what was counted later goes on to count', async ({
    db,
    viewer,
  }) => {
    await capped(viewer, 'DAY', 100);
    await db.pool.query(`UPDATE spending_limit SET day = day + 1, day_coins = 60 WHERE viewer_id = $1`, [
      rowOf(viewer.id),
    ]);
    expect(await capsOf(viewer)).toMatchObject([{ remaining: 40, resetsAt: iso(dayStart() + 2 * DAY_MS) }]);
  });

  test('caps of others are theirs', async ({ server, viewer }) => {
    await capped(viewer, 'DAY', 100);
    expect(await capsOf(await signIn(server))).toEqual([]);
  });
});
