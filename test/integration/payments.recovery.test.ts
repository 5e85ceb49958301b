/** Purchases that nobody asks about again: the recovery finishes them, once. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { WALLET_UPDATES } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, buyCoins, type Wallet } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { rowOf } from './support/ids.ts';
import { testOn } from './support/shared-server.ts';

/** A recovery that looks all the time for what is older than any call that is under way. */
const RECOVERY = { recoveryIntervalMs: 20, staleAfterMs: 30_000 };
const NO_RECOVERY = { recoveryIntervalMs: 3_600_000 };
const PACK_COINS = 70;
const ORDER = { paymentToken: 'tok_timeout', idempotencyKey: 'once' };

const test = testOn({ overrides: { payments: RECOVERY } });

/** Makes the purchases of a viewer as old as forgotten ones. */
async function forget(pool: Pool, viewer: Actor): Promise<void> {
  await pool.query("UPDATE coin_purchase SET created_at = created_at - interval '1 minute' WHERE viewer_id = $1", [
    rowOf(viewer.id),
  ]);
}

/** How often this viewer was credited coins. */
async function credits(pool: Pool, viewer: Actor): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int FROM transfer t JOIN ledger_account a ON a.id = t.credit_account_id
      WHERE a.owner_type = 'VIEWER' AND a.owner_id = $1`,
    [rowOf(viewer.id)],
  );
  return rows[0]!.count;
}

test('a pending purchase is finished by itself, and its buyer sees the coins come', async ({ server, db, viewer }) => {
  const wallet = (await server.ws({ token: viewer.token })).subscribe<{ walletUpdates: Wallet }>(WALLET_UPDATES);
  expect(await wallet.next()).toEqual({ walletUpdates: { coins: 0 } });
  expect((await buyCoins(viewer, ORDER)).__typename).toBe('PaymentPendingError');
  await forget(db.pool, viewer);
  expect(await wallet.next()).toEqual({ walletUpdates: { coins: PACK_COINS } });
  expect(await buyCoins(viewer, ORDER)).toMatchObject({ wallet: { coins: PACK_COINS }, replayed: true });
  expect(await credits(db.pool, viewer)).toBe(1);
  await expectBooksBalanced(db.pool);
});

test('a purchase that a stopped server left pending is finished by another, once, however many there are', async ({
  db,
  server,
  viewer,
}) => {
  const quiet = await startServer({ databaseUrl: db.url, overrides: { payments: NO_RECOVERY } });
  const wallet = (await server.ws({ token: viewer.token })).subscribe<{ walletUpdates: Wallet }>(WALLET_UPDATES);
  await wallet.next();
  const third = await startServer({ databaseUrl: db.url, overrides: { payments: RECOVERY } });
  try {
    const buyer = { ...viewer, api: quiet.http(viewer.token) };
    expect((await buyCoins(buyer, ORDER)).__typename).toBe('PaymentPendingError');
    await quiet.close();
    await forget(db.pool, viewer);
    expect(await wallet.next()).toEqual({ walletUpdates: { coins: PACK_COINS } });
    expect(await credits(db.pool, viewer)).toBe(1);
    await expectBooksBalanced(db.pool);
  } finally {
    await quiet.close();
    await third.close();
  }
});

/** Purchases that nothing finishes: the provider is not reached. */
async function openUnreachable(pool: Pool, viewer: Actor, count: number): Promise<void> {
  await pool.query(
    `INSERT INTO coin_purchase (viewer_id, pack_id, coins, price_minor, currency, payment_token, idempotency_key, created_at)
     SELECT $1, p.id, p.coins, p.price_minor, p.currency, 'tok_unreachable', 'stuck ' || n, now() - interval '1 minute'
       FROM (SELECT * FROM coin_pack ORDER BY coins LIMIT 1) p, generate_series(1, $2::int) n`,
    [rowOf(viewer.id), count],
  );
}

test('purchases that cannot be finished do not keep others waiting, however many there are', async ({
  server,
  db,
  viewer,
}) => {
  await openUnreachable(db.pool, viewer, 250);
  const wallet = (await server.ws({ token: viewer.token })).subscribe<{ walletUpdates: Wallet }>(WALLET_UPDATES);
  await wallet.next();
  expect((await buyCoins(viewer, ORDER)).__typename).toBe('PaymentPendingError');
  await forget(db.pool, viewer);
  expect(await wallet.next()).toEqual({ walletUpdates: { coins: PACK_COINS } });
  await db.pool.query('DELETE FROM coin_purchase WHERE viewer_id = $1', [rowOf(viewer.id)]);
});

test('long after its buyer has gone a purchase is cancelled, and never charged', async ({ db, viewer }) => {
  const server = await startServer({ databaseUrl: db.url, overrides: { payments: { ...RECOVERY, giveUpAfterMs: 0 } } });
  try {
    await openUnreachable(db.pool, viewer, 1);
    const state = async () =>
      (await db.pool.query('SELECT state FROM coin_purchase WHERE viewer_id = $1', [rowOf(viewer.id)])).rows;
    await expect.poll(state).toEqual([{ state: 'DECLINED' }]);
    const { rows } = await db.pool.query(
      `SELECT c.status FROM sandbox_charge c JOIN coin_purchase p ON c.idempotency_key = 'coin_purchase:' || p.id
        WHERE p.viewer_id = $1`,
      [rowOf(viewer.id)],
    );
    expect(rows).toEqual([{ status: 'CANCELLED' }]);
    expect(await credits(db.pool, viewer)).toBe(0);
  } finally {
    await server.close();
  }
});
