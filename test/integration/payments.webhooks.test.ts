/** What Stripe sends to /webhooks/stripe, and what anybody else might: coin purchases end once, as Stripe says. */
import type { Pool } from 'pg';
import { test as base, describe, expect } from 'vitest';
import { cloneDatabase } from '../support/database.ts';
import { WALLET_UPDATES } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, buyCoins, query, signIn, type Wallet } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import {
  deliver,
  pm,
  STRIPE_SECRETS,
  type StripeStub,
  type StubIntent,
  signatureOf,
  startStripeStub,
  stripeEvent,
} from '../support/stripe-stub.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const COINS = 70;
const CONFIRM = /confirm$/;
const TOLERANCE_S = 300;
const nowS = () => Math.floor(Date.now() / 1_000);

/** One database, stub and server for the file; nothing happens by itself, so that what ends a purchase is the event. */
const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('stub', { scope: 'file' }, async ({}, { onCleanup }) => {
    const stub = await startStripeStub();
    onCleanup(() => stub.close());
    return stub;
  })
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  .extend('db', { scope: 'file' }, async ({}, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  .extend('server', { scope: 'file' }, async ({ db, stub }, { onCleanup }) => {
    const server = await startServer({
      databaseUrl: db.url,
      config: { stripe: STRIPE_SECRETS },
      overrides: { ...QUIET.overrides, stripe: stub.options },
    });
    onCleanup(() => server.close());
    return server;
  })
  .extend('viewer', ({ server }) => signIn(server));

/** Buys coins; the answer to the confirmation is lost. Returns the intent, with which Stripe has done what it has. */
async function buyUnheard(pool: Pool, stub: StripeStub, viewer: Actor, paymentToken: string): Promise<StubIntent> {
  stub.fail(CONFIRM, { when: 'after', how: 'break', times: 2 });
  const outcome = await buyCoins(viewer, { paymentToken, idempotencyKey: 'once' });
  expect(outcome.__typename).toBe('PaymentPendingError');
  return stub.books.intent(await intentIdOf(pool, viewer));
}

async function intentIdOf(pool: Pool, viewer: Actor): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `SELECT s.intent_id AS id FROM coin_purchase p JOIN stripe_charge s ON s.idempotency_key = 'coin_purchase:' || p.id
      WHERE p.viewer_id = $1`,
    [rowOf(viewer.id)],
  );
  expect(rows).toHaveLength(1);
  return rows[0]!.id;
}

async function stateOf(pool: Pool, viewer: Actor): Promise<string[]> {
  const { rows } = await pool.query('SELECT state FROM coin_purchase WHERE viewer_id = $1 ORDER BY id', [
    rowOf(viewer.id),
  ]);
  return rows.map((row) => row.state);
}

async function coinsOf(viewer: Actor): Promise<number> {
  return (await query<{ me: { wallet: Wallet } }>(viewer.api, '{ me { wallet { coins } } }')).me.wallet.coins;
}

describe('what is not from Stripe, or not of now, is refused and changes nothing', () => {
  const body = JSON.stringify(stripeEvent('payment_intent.succeeded', { id: 'pi_0' }));
  test.for<[string, string, () => string | null]>([
    ['unsigned', body, () => null],
    ['an empty signature', body, () => ''],
    ['not a signature', body, () => 'v1=abc'],
    ['signed with another secret', body, () => signatureOf(body, { secret: 'whsec_other' })],
    ['changed after it was signed', body.replace('pi_0', 'pi_1'), () => signatureOf(body)],
    ['signed too long ago', body, () => signatureOf(body, { atS: nowS() - TOLERANCE_S - 5 })],
    ['signed in the future', body, () => signatureOf(body, { atS: nowS() + TOLERANCE_S + 5 })],
    ['signed long ago, with a fresh time before it', body, () => `t=${nowS()},${signatureOf(body, { atS: 1 })}`],
    ['signed long ago, with a fresh time behind it', body, () => `${signatureOf(body, { atS: 1 })},t=${nowS()}`],
    ['with a time that is no number', body, () => signatureOf(body).replace(/^t=\d+/, 't=soon')],
    ['signed, and no JSON', '{"id":', () => signatureOf('{"id":')],
    ['signed, and no event', '[]', () => signatureOf('[]')],
    ['signed, and nothing at all', 'null', () => signatureOf('null')],
  ])('%s', async ([, sent, sign], { db, server }) => {
    expect(await expectNothingWritten(db.pool, () => deliver(server.url, sent, sign()))).toBe(400);
  });

  test('an event from the future', async ({ db, server }) => {
    const event = stripeEvent('payment_intent.succeeded', { id: 'pi_0' }, { created: nowS() + TOLERANCE_S + 60 });
    expect(await expectNothingWritten(db.pool, () => deliver(server.url, event))).toBe(400);
  });

  test('an event about nothing', async ({ db, server }) => {
    const event = stripeEvent('payment_intent.succeeded', {});
    expect(await expectNothingWritten(db.pool, () => deliver(server.url, event))).toBe(400);
  });

  test('a body beyond bounds, and anything but a POST', async ({ db, server }) => {
    await expectNothingWritten(db.pool, async () => {
      const large = JSON.stringify(stripeEvent('payment_intent.succeeded', { id: 'pi_0', text: 'x'.repeat(300_000) }));
      expect(await deliver(server.url, large)).toBe(413);
      const response = await fetch(new URL('/webhooks/stripe', server.url));
      await response.arrayBuffer();
      expect(response.status).toBe(405);
    });
  });
});

describe('what nobody here has to do with is acknowledged', () => {
  test('a type that is not handled leaves no trace', async ({ db, server, stub }) => {
    const before = stub.requests.length;
    for (const object of [{ id: 'po_1' }, {}]) {
      const event = stripeEvent('payout.paid', object);
      expect(await expectNothingWritten(db.pool, () => deliver(server.url, event))).toBe(200);
    }
    expect(stub.requests).toHaveLength(before);
  });

  test('an intent of another application on the same account', async ({ server, stub }) => {
    const foreign = stub.books.create({ amount: '100', currency: 'usd', payment_method: pm.ok });
    stub.books.confirm(foreign.id);
    expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', foreign))).toBe(200);
  });

  test('an intent that claims to be one of ours', async ({ db, server, stub, viewer }) => {
    const real = await buyUnheard(db.pool, stub, viewer, pm.processing);
    const forged = stub.books.create({
      amount: '99',
      currency: 'usd',
      'metadata[hadiya_key]': real.metadata.hadiya_key!,
    });
    stub.books.succeed(forged.id);
    expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', forged))).toBe(200);
    expect(await stateOf(db.pool, viewer)).toEqual(['PENDING']);
  });
});

test('without the secrets there is no such webhook', async ({ db }) => {
  const server = await startServer({ databaseUrl: db.url, ...QUIET });
  expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', { id: 'pi_0' }))).toBe(404);
  await server.close();
});

describe('a purchase whose answer was lost', () => {
  test('is settled by the event: the buyer sees the coins come, and the same key says replayed', async ({
    db,
    server,
    stub,
    viewer,
  }) => {
    const wallet = (await server.ws({ token: viewer.token })).subscribe<{ walletUpdates: Wallet }>(WALLET_UPDATES);
    expect(await wallet.next()).toEqual({ walletUpdates: { coins: 0 } });
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    expect(await coinsOf(viewer)).toBe(0);
    expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', intent))).toBe(200);
    expect(await wallet.next()).toEqual({ walletUpdates: { coins: COINS } });
    const again = await buyCoins(viewer, { paymentToken: pm.ok, idempotencyKey: 'once' });
    expect(again).toMatchObject({ __typename: 'BuyCoinsSuccess', wallet: { coins: COINS }, replayed: true });
    expect(stub.books.intents.get(intent.id)?.amount_received).toBe(99);
    await expectBooksBalanced(db.pool);
  });

  test.for([
    [pm.declined, 'payment_intent.payment_failed'],
    [pm.authenticate, 'payment_intent.payment_failed'],
  ] as const)(
    '%s: is declined by the event, and the key is free',
    async ([card, type], { db, server, stub, viewer }) => {
      const intent = await buyUnheard(db.pool, stub, viewer, card);
      expect(await deliver(server.url, stripeEvent(type, intent))).toBe(200);
      expect(await stateOf(db.pool, viewer)).toEqual(['DECLINED']);
      expect(intent.status).toBe('canceled');
      const other = await buyCoins(viewer, { paymentToken: pm.ok, idempotencyKey: 'once' });
      expect(other).toMatchObject({ __typename: 'BuyCoinsSuccess', wallet: { coins: COINS }, replayed: false });
    },
  );

  test('that somebody cancels at Stripe is declined', async ({ db, server, stub, viewer }) => {
    stub.fail(CONFIRM, { when: 'before', how: 'break', times: 2 });
    await buyCoins(viewer, { paymentToken: pm.ok, idempotencyKey: 'once' });
    const intent = stub.books.cancel(await intentIdOf(db.pool, viewer), undefined);
    expect(await deliver(server.url, stripeEvent('payment_intent.canceled', intent))).toBe(200);
    expect(await stateOf(db.pool, viewer)).toEqual(['DECLINED']);
  });

  test('that succeeds days later is settled then', async ({ db, server, stub, viewer }) => {
    expect((await buyCoins(viewer, { paymentToken: pm.processing })).__typename).toBe('PaymentPendingError');
    const id = await intentIdOf(db.pool, viewer);
    // What Stripe does not say itself, yet, is not believed: the event is to come again.
    const early = stripeEvent('payment_intent.succeeded', { ...stub.books.intent(id), status: 'succeeded' });
    expect(await expectNothingWritten(db.pool, () => deliver(server.url, early))).toBe(500);
    const failed = stripeEvent('payment_intent.payment_failed', stub.books.intent(id));
    expect(await deliver(server.url, failed)).toBe(200);
    expect(await stateOf(db.pool, viewer)).toEqual(['PENDING']);
    stub.books.succeed(id);
    expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', stub.books.intent(id)))).toBe(200);
    expect(await stateOf(db.pool, viewer)).toEqual(['SUCCEEDED']);
    expect(await coinsOf(viewer)).toBe(COINS);
  });
});

describe('events come again, at once and in any order', () => {
  test('20 times at once, and later again: one credit, and Stripe is asked once', async ({
    db,
    server,
    stub,
    viewer,
  }) => {
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    const event = stripeEvent('payment_intent.succeeded', intent);
    const before = stub.requests.length;
    expect(new Set(await atOnce(20, () => deliver(server.url, event)))).toEqual(new Set([200]));
    expect(await expectNothingWritten(db.pool, () => deliver(server.url, event))).toBe(200);
    expect(stub.requests.length - before).toBe(1);
    expect(await coinsOf(viewer)).toBe(COINS);
    await expectBooksBalanced(db.pool);
  });

  test('20 different ones of one purchase at once: one credit', async ({ db, server, stub, viewer }) => {
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    const statuses = await atOnce(20, () => deliver(server.url, stripeEvent('payment_intent.succeeded', intent)));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await coinsOf(viewer)).toBe(COINS);
    await expectBooksBalanced(db.pool);
  });

  test('a failure that is told after the success, or instead of it, changes nothing', async ({
    db,
    server,
    stub,
    viewer,
  }) => {
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    const asItWas = { ...intent, status: 'requires_payment_method', amount_received: 0 };
    expect(await deliver(server.url, stripeEvent('payment_intent.payment_failed', asItWas))).toBe(200);
    expect(await coinsOf(viewer)).toBe(COINS);
    expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', intent))).toBe(200);
    expect(await deliver(server.url, stripeEvent('payment_intent.canceled', asItWas))).toBe(200);
    expect(await stateOf(db.pool, viewer)).toEqual(['SUCCEEDED']);
    expect(await coinsOf(viewer)).toBe(COINS);
  });

  test('a server that dies between the effect and the note of the event is told again, without harm', async ({
    db,
    server,
    stub,
    viewer,
  }) => {
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    const event = stripeEvent('payment_intent.succeeded', intent, { id: 'evt_forgotten' });
    await deliver(server.url, event);
    await db.pool.query(`DELETE FROM webhook_event WHERE id = 'evt_forgotten'`);
    expect(await deliver(server.url, event)).toBe(200);
    expect(await coinsOf(viewer)).toBe(COINS);
    await expectBooksBalanced(db.pool);
  });
});

describe('what Stripe says counts, not what the event says', () => {
  test('an amount in the event is not looked at', async ({ db, server, stub, viewer }) => {
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    const lie = { ...intent, amount: 1, amount_received: 1, currency: 'jpy', status: 'canceled', metadata: {} };
    expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', lie))).toBe(200);
    expect(await coinsOf(viewer)).toBe(COINS);
  });

  test.for([
    ['less', { amount_received: 98 }],
    ['more', { amount_received: 100 }],
    ['another currency', { currency: 'eur' }],
  ] as const)(
    'a purchase for which %s came is not credited, and stays open',
    async ([, change], { db, server, stub, viewer }) => {
      const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
      Object.assign(intent, change);
      expect(await deliver(server.url, stripeEvent('payment_intent.succeeded', intent))).toBe(200);
      expect(await stateOf(db.pool, viewer)).toEqual(['PENDING']);
      expect(await coinsOf(viewer)).toBe(0);
    },
  );

  test('while Stripe does not answer, an event is not handled; the next time it is', async ({
    db,
    server,
    stub,
    viewer,
  }) => {
    const intent = await buyUnheard(db.pool, stub, viewer, pm.ok);
    const event = stripeEvent('payment_intent.succeeded', intent);
    stub.fail(/^GET/, { when: 'before', how: 503, times: 2 });
    expect(await expectNothingWritten(db.pool, () => deliver(server.url, event))).toBe(500);
    expect(await deliver(server.url, event)).toBe(200);
    expect(await coinsOf(viewer)).toBe(COINS);
  });
});

describe('a dispute of a coin purchase', () => {
  /** Buys coins, and lets Stripe say of a dispute of them what it is told to. */
  const contested = test.extend('say', async ({ db, server, stub, viewer }) => {
    expect((await buyCoins(viewer, { paymentToken: pm.ok })).__typename).toBe('BuyCoinsSuccess');
    const payment_intent = await intentIdOf(db.pool, viewer);
    return (status: string, type = 'updated', id = `du_${payment_intent}`) => {
      const dispute = { id, object: 'dispute' as const, payment_intent, status, reason: 'fraudulent' };
      stub.books.disputes.set(id, dispute);
      const event = stripeEvent(`charge.dispute.${type}`, dispute);
      return { send: () => deliver(server.url, event) };
    };
  });

  contested('takes the coins when it is opened, once, however often Stripe says so', async ({ db, viewer, say }) => {
    const opened = say('needs_response', 'created');
    expect(await atOnce(5, opened.send)).toEqual([200, 200, 200, 200, 200]);
    expect(await coinsOf(viewer)).toBe(0);
    for (const status of ['needs_response', 'under_review']) expect(await say(status).send()).toBe(200);
    expect(await say('lost', 'closed').send()).toBe(200);
    expect(await coinsOf(viewer)).toBe(0);
    await expectBooksBalanced(db.pool);
  });

  contested('takes nothing while the bank only asks', async ({ db, viewer, say }) => {
    expect(await say('warning_needs_response', 'created').send()).toBe(200);
    expect(await say('warning_under_review').send()).toBe(200);
    expect(await coinsOf(viewer)).toBe(COINS);
    await expectBooksBalanced(db.pool);
    expect(await say('needs_response').send()).toBe(200);
    expect(await coinsOf(viewer)).toBe(0);
    await expectBooksBalanced(db.pool);
  });

  contested(
    'gives them back when it is won, also when the events come in the wrong order',
    async ({ db, viewer, say }) => {
      const opened = say('needs_response', 'created');
      expect(await opened.send()).toBe(200);
      const closed = say('won', 'closed');
      expect(await closed.send()).toBe(200);
      expect(await coinsOf(viewer)).toBe(COINS);
      for (const type of ['created', 'updated', 'closed']) expect(await say('won', type).send()).toBe(200);
      expect(await coinsOf(viewer)).toBe(COINS);
      await expectBooksBalanced(db.pool);
    },
  );

  contested('that was won may be followed by another, which takes the coins again', async ({ db, viewer, say }) => {
    const statuses = ['needs_response', 'won'];
    for (const status of statuses) expect(await say(status).send()).toBe(200);
    expect(await say('lost', 'closed', 'du_second').send()).toBe(200);
    expect(await coinsOf(viewer)).toBe(0);
    await expectBooksBalanced(db.pool);
  });

  contested('while another stands takes nothing more', async ({ db, viewer, say }) => {
    expect(await say('needs_response').send()).toBe(200);
    await buyCoins(viewer, { paymentToken: pm.ok });
    expect(await say('needs_response', 'created', 'du_other').send()).toBe(200);
    expect(await coinsOf(viewer)).toBe(COINS);
    await expectBooksBalanced(db.pool);
  });
});
