/** Purchases that nobody asks about again: the recovery finishes them, once. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { WALLET_UPDATES } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, buyCoins, type Wallet } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { rowOf } from './support/ids.ts';
import { testOn } from './support/shared-server.ts';

/** Old enough that no call that is still under way is taken for a forgotten one. */
const STALE_AFTER_MS = 500;
const RECOVERY = { recoveryIntervalMs: 20, staleAfterMs: STALE_AFTER_MS };
const NO_RECOVERY = { recoveryIntervalMs: 3_600_000 };
const PACK_COINS = 70;
const ORDER = { paymentToken: 'tok_timeout', idempotencyKey: 'once' };

const test = testOn({ overrides: { payments: RECOVERY } });

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
    expect(await wallet.next()).toEqual({ walletUpdates: { coins: PACK_COINS } });
    expect(await credits(db.pool, viewer)).toBe(1);
    await expectBooksBalanced(db.pool);
  } finally {
    await quiet.close();
    await third.close();
  }
});
