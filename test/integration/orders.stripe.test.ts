/** Purchases through Stripe, end to end: its webhooks settle, dispute and charge back, in whatever order and however often. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { test as base } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { succeed } from '../support/operations.ts';
import { afterSale, bought, openCounter, orderOf } from '../support/orders.ts';
import { type Server, startServer } from '../support/server.ts';
import { deliver, pm, STRIPE_SECRETS, type StripeStub, startStripeStub, stripeEvent } from '../support/stripe-stub.ts';
import { stockOf } from './support/orders.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';

/** How long the server waits for a stub that says nothing; one that answers does so sooner, also on a slow machine. */
const SILENCE_MS = 1_000;
const CONFIRM = /confirm$/;

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('stub', async ({}, { onCleanup }) => {
    const stub = await startStripeStub();
    onCleanup(() => stub.close());
    return stub;
  })
  .extend('server', async ({ db, stub }, { onCleanup }): Promise<Server> => {
    const server = await startServer({
      databaseUrl: db.url,
      config: { stripe: STRIPE_SECRETS },
      overrides: { ...QUIET.overrides, stripe: { ...stub.options, silenceMsMax: SILENCE_MS } },
    });
    onCleanup(() => server.close());
    return server;
  });

const succeeded = (stub: StripeStub) => stripeEvent('payment_intent.succeeded', stub.books.intent('pi_1'));

/** What the buyer's bank says of the one charge, as Stripe tells it. */
function disputeEvent(stub: StripeStub, status: string, id = 'du_1'): object {
  const dispute = { id, object: 'dispute' as const, payment_intent: 'pi_1', status, reason: 'fraudulent' };
  stub.books.disputes.set(id, dispute);
  const type = ['won', 'lost'].includes(status) ? 'charge.dispute.closed' : 'charge.dispute.created';
  return stripeEvent(type, { ...dispute });
}

test('a purchase, a declined one and a refund', async ({ db, server, stub, viewer }) => {
  const counter = await openCounter(server, viewer, { stock: 1 });
  const declined = await counter.buy({ paymentToken: pm.declined });
  expect(declined).toMatchObject({ __typename: 'PaymentDeclinedError' });
  const { id } = await bought(counter, { paymentToken: pm.ok });
  expect(stub.statuses().filter((status) => status === 'succeeded')).toHaveLength(1);
  const { order } = succeed(await afterSale.cancel(viewer, id));
  expect(order.state).toBe('CANCELLED');
  expect((await orderOf(viewer, id))?.refunds).toMatchObject([{ state: 'SUCCEEDED', amount: { minorUnits: 2_500 } }]);
  expect(stub.books.refunds.map(({ amount }) => amount)).toEqual([2_500]);
  expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 1, held: 0 });
  await expectBooksBalanced(db.pool);
});

test('a webhook settles a purchase whose answer was lost, once, however often it comes', async ({
  db,
  server,
  stub,
  viewer,
}) => {
  const counter = await openCounter(server, viewer);
  const call = { paymentToken: pm.ok, idempotencyKey: randomUUID() };
  stub.fail(CONFIRM, { when: 'after', how: 'hang', times: 3 });
  expect(await counter.buy(call)).toMatchObject({ __typename: 'PaymentPendingError' });
  expect(stub.statuses()).toEqual(['succeeded']);
  const event = succeeded(stub);
  const again = () => deliver(server.url, event);
  expect(await atOnce(10, again)).toEqual(Array(10).fill(200));
  for (let time = 0; time < 10; time++) expect(await again()).toBe(200);
  const outcome = succeed(await counter.buy(call));
  expect(outcome).toMatchObject({ replayed: true, order: { state: 'PAID' } });
  expect(outcome.order.transfers.map(({ kind }) => kind)).toEqual(['ORDER_PAID']);
  expect(outcome.order.timeline.map(({ state }) => state)).toEqual(['PENDING_PAYMENT', 'PAID']);
  expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 9, held: 0 });
  await expectBooksBalanced(db.pool);
});

test('a webhook that races with the answer: settled once', async ({ db, server, stub, viewer }) => {
  const counter = await openCounter(server, viewer, { stock: 20 });
  for (let round = 1; round <= 5; round++) {
    stub.books.intents.clear();
    const held = stub.hold(CONFIRM);
    const buying = counter.buy({ paymentToken: pm.ok });
    await held.reached;
    const [intent] = stub.books.intents.values();
    const event = stripeEvent('payment_intent.succeeded', { ...intent!, status: 'succeeded' });
    held.release();
    const [outcome, ...statuses] = await Promise.all([
      buying,
      ...Array.from({ length: 5 }, () => deliver(server.url, event)),
    ]);
    const { order } = succeed(outcome);
    expect(order.transfers).toHaveLength(1);
    for (const status of statuses) expect([200, 500]).toContain(status);
    await db.pool.query('TRUNCATE stripe_charge');
  }
  expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 15, held: 0 });
  await expectBooksBalanced(db.pool);
});

test.for([
  ['lost', ['needs_response', 'lost'], 'REFUNDED', ['REFUNDED']],
  ['lost, told before it was opened', ['lost', 'lost'], 'REFUNDED', ['REFUNDED']],
  ['won', ['needs_response', 'won'], 'DELIVERED', ['REJECTED']],
  ['won, told before it was opened', ['won', 'won'], 'DELIVERED', ['REJECTED']],
  ['open', ['needs_response', 'under_review'], 'DELIVERED', ['OPEN']],
] as const)('a dispute with the bank: %s', async ([, statuses, state, disputes], { db, server, stub, viewer }) => {
  const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
  const { id } = await bought(counter, { paymentToken: pm.ok });
  const events = statuses.map((status) => disputeEvent(stub, status));
  for (const event of [...events, ...events.toReversed(), ...events])
    expect(await deliver(server.url, event)).toBe(200);
  const order = (await orderOf(viewer, id))!;
  expect(order.state).toBe(state);
  expect(order.disputes.map((dispute) => dispute.state)).toEqual(disputes);
  expect(order.disputes.every(({ withBank }) => withBank)).toBe(true);
  const kinds = order.transfers.map(({ kind }) => kind);
  expect(kinds).toEqual(state === 'REFUNDED' ? ['ORDER_PAID', 'ORDER_CHARGED_BACK'] : ['ORDER_PAID']);
  await expectBooksBalanced(db.pool);
});

test('a bank’s decision is not the platform’s to make', async ({ server, stub, viewer }) => {
  const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
  const { id } = await bought(counter, { paymentToken: pm.ok });
  expect(await deliver(server.url, disputeEvent(stub, 'needs_response'))).toBe(200);
  const [dispute] = (await orderOf(viewer, id))!.disputes;
  const outcome = await afterSale.resolve(counter.shop.member, dispute!.id, 'REFUND');
  expect(outcome).toMatchObject({ __typename: 'NotFoundError' });
});

test('a second dispute of the same charge is no error, and takes nothing twice', async ({
  db,
  server,
  stub,
  viewer,
}) => {
  const counter = await openCounter(server, viewer, { kind: 'DIGITAL' });
  const { id } = await bought(counter, { paymentToken: pm.ok });
  for (const [status, name] of [
    ['needs_response', 'du_1'],
    ['needs_response', 'du_2'],
    ['lost', 'du_2'],
    ['lost', 'du_1'],
  ] as const) {
    expect(await deliver(server.url, disputeEvent(stub, status, name))).toBe(200);
  }
  expect(await orderOf(viewer, id)).toMatchObject({ state: 'REFUNDED', refunded: { minorUnits: 2_500 } });
  await expectBooksBalanced(db.pool);
});

test('a dispute that is told of before the purchase is settled settles it first', async ({
  db,
  server,
  stub,
  viewer,
}) => {
  const counter = await openCounter(server, viewer);
  const call = { paymentToken: pm.ok, idempotencyKey: randomUUID() };
  stub.fail(CONFIRM, { when: 'after', how: 'hang', times: 3 });
  expect(await counter.buy(call)).toMatchObject({ __typename: 'PaymentPendingError' });
  expect(await deliver(server.url, disputeEvent(stub, 'lost'))).toBe(200);
  const { order } = succeed(await counter.buy(call));
  expect(order).toMatchObject({ state: 'REFUNDED', disputes: [{ state: 'REFUNDED', withBank: true }] });
  // What was charged back is not sent any more.
  const { rows } = await db.pool.query('SELECT state FROM shipment');
  expect(rows).toEqual([{ state: 'CANCELLED' }]);
  await expectBooksBalanced(db.pool);
});
