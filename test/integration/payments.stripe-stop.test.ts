/** A server that stops while Stripe is silent: its buyer is told what is known, and another server finishes. */
import { expect } from 'vitest';
import { expectBooksBalanced } from '../support/ledger.ts';
import { buyCoins, query, signIn, type Wallet } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { pm, STRIPE_SECRETS } from '../support/stripe-stub.ts';
import { QUIET } from './support/shared-server.ts';
import { test } from './support/stripe.ts';

test('the stop does not wait for Stripe, and the purchase is finished by the next server', async ({ db, stub }) => {
  const start = (payments: object) =>
    startServer({
      databaseUrl: db.url,
      config: { stripe: STRIPE_SECRETS },
      overrides: { ...QUIET.overrides, payments, stripe: stub.options },
    });
  const first = await start(QUIET.overrides.payments);
  const viewer = await signIn(first);
  const held = stub.hold(/confirm$/);
  const buying = buyCoins(viewer, { paymentToken: pm.ok, idempotencyKey: 'once' });
  await held.reached;
  const [outcome] = await Promise.all([buying, first.close()]);
  expect(outcome.__typename).toBe('PaymentPendingError');
  held.release();

  const second = await start({ recoveryIntervalMs: 20, staleAfterMs: 0 });
  try {
    const api = second.http(viewer.token);
    const coins = async () =>
      (await query<{ me: { wallet: Wallet } }>(api, '{ me { wallet { coins } } }')).me.wallet.coins;
    await expect.poll(coins).toBe(70);
    const again = await buyCoins({ ...viewer, api }, { paymentToken: pm.ok, idempotencyKey: 'once' });
    expect(again).toMatchObject({ __typename: 'BuyCoinsSuccess', replayed: true });
    expect(stub.statuses()).toEqual(['succeeded']);
    await expectBooksBalanced(db.pool);
  } finally {
    await second.close();
  }
});
