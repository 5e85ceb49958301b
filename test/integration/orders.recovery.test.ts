/** Purchases whose answer, whose provider or whose server was lost: sold once or not at all, and charged accordingly. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import type { OrdersOptions } from '../../src/domains/orders/orders.service.ts';
import {
  type PaymentProvider,
  ProviderUnavailableError,
  type RefundRequest,
} from '../../src/domains/payments/payments.api.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import { within } from '../support/feed.ts';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { type Actor, type LiveEventEdge, readLog, signIn, succeed } from '../support/operations.ts';
import { afterSale, bought, buyNow, type OrderNode, openCounter, orderOf } from '../support/orders.ts';
import { type Server, startServer } from '../support/server.ts';
import { addAddress } from '../support/shop.ts';
import { chargesOf, openOffer, stockOf } from './support/orders.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';

/** Servers that end a hold as soon as it has run out; others never do. */
const SOON: OrdersOptions = { ...QUIET.overrides.orders, holdSweepIntervalMs: 20 };
/** How late that may be, on a slow machine. */
const LATE_MS_MAX = 5_000;
/** Lets all holds run out now. A short time would, on a slow machine, also be over for purchases that are to be made meanwhile. */
const runOut = (pool: Pool) =>
  pool.query("UPDATE checkout SET held_until = clock_timestamp() - interval '1 ms' WHERE state = 'HELD'");
const start = (url: string, orders: OrdersOptions = {}, paymentProvider?: PaymentProvider) =>
  startServer({
    databaseUrl: url,
    overrides: {
      ...QUIET.overrides,
      orders: { ...QUIET.overrides.orders, ...orders },
      ...(paymentProvider ? { paymentProvider } : {}),
    },
  });

const test = testWith({ overrides: { ...QUIET.overrides, orders: SOON } });

const through = (server: Server, actor: Actor): Actor => ({ ...actor, api: server.http(actor.token) });

/** The buyer's newest order, once it is in the state. */
async function untilNewest(buyer: Actor, state: string): Promise<OrderNode> {
  const document = '{ me { orders(first: 1) { edges { node { id state } } } } }';
  type Mine = { me: { orders: { edges: { node: { id: string; state: string } }[] } } };
  const newest = async () => (await buyer.api.request<Mine>(document)).data!.me.orders.edges[0]?.node;
  await expect.poll(async () => (await newest())?.state, { interval: 20 }).toBe(state);
  return (await orderOf(buyer, (await newest())!.id))!;
}

describe('a lost answer', () => {
  test('the same key tells it: charged once, sold once', async ({ db }) => {
    const quiet = await start(db.url);
    try {
      const viewer = await signIn(quiet);
      const counter = await openCounter(quiet, viewer);
      const call = { paymentToken: 'tok_timeout', idempotencyKey: 'lost' };
      expect(await counter.buy(call)).toMatchObject({ __typename: 'PaymentPendingError', code: 'PAYMENT_PENDING' });
      const outcomes = await atOnce(10, () => counter.buy(call));
      expect(tally(outcomes)).toEqual({ BuyNowSuccess: 10 });
      expect(succeed(await counter.buy(call)).replayed).toBe(true);
      expect(await chargesOf(db.pool, [viewer])).toEqual({ SUCCEEDED: 1 });
      expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 9, held: 0 });
      await expectBooksBalanced(db.pool);
    } finally {
      await quiet.close();
    }
  });

  test('without its client: the sweep sells what was charged', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer);
    const call = { paymentToken: 'tok_timeout', idempotencyKey: 'lost' };
    expect((await counter.buy(call)).__typename).toBe('PaymentPendingError');
    await runOut(db.pool);
    const { id, timeline } = await untilNewest(viewer, 'PAID');
    expect(timeline.map(({ state }) => state)).toEqual(['PENDING_PAYMENT', 'PAID']);
    expect(succeed(await counter.buy(call))).toMatchObject({ replayed: true, order: { id } });
    await expectBooksBalanced(db.pool);
  });

  test('of a declined charge: the sweep gives the stock back, and the key is free', async ({ db, server, viewer }) => {
    const counter = await openCounter(server, viewer, { stock: 1 });
    const call = { paymentToken: 'tok_timeout_declined', idempotencyKey: 'lost' };
    expect((await counter.buy(call)).__typename).toBe('PaymentPendingError');
    await runOut(db.pool);
    await untilNewest(viewer, 'CANCELLED');
    succeed(await counter.buy({ idempotencyKey: 'lost' }));
    expect(await chargesOf(db.pool, [viewer])).toEqual({ DECLINED: 1, SUCCEEDED: 1 });
    await expectBooksBalanced(db.pool);
  });
});

describe('a provider that cannot be reached', () => {
  const brief = testWith({ overrides: { ...QUIET.overrides, orders: { ...SOON, holdMs: 200 } } });
  brief('the hold runs out: the units of the offer are back, with an event', async ({ db, server, viewer }) => {
    const counter = await openOffer(server, viewer, { stock: 5 });
    const { streamId } = counter;
    const after = (await readLog(viewer.api, streamId)).at(-1)!.cursor;
    const feed = (await server.ws()).subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId, after });
    expect((await counter.buy({ quantity: 2, paymentToken: 'tok_unreachable' })).__typename).toBe(
      'PaymentPendingError',
    );
    const [taken, back] = (await feed.take(2)).map(({ liveEvents }) => liveEvents.node);
    expect([taken, back]).toMatchObject([
      { __typename: 'OfferStockChanged', remaining: 3 },
      { __typename: 'OfferStockChanged', remaining: 5 },
    ]);
    const { rows } = await db.pool.query<{ lateMs: number }>(
      `SELECT (extract(epoch FROM settled_at - held_until) * 1000)::int AS "lateMs" FROM checkout WHERE state = 'EXPIRED'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]!.lateMs).toBeLessThan(LATE_MS_MAX);
    expect(await chargesOf(db.pool, [viewer])).toEqual({ CANCELLED: 1 });
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 5, held: 0 });
    await expectBooksBalanced(db.pool);
  });

  test('nor asked how it ended: the stock stays held until it can tell', async ({ db }) => {
    let reachable = false;
    let asked = 0;
    const down = async () => {
      throw new ProviderUnavailableError('down');
    };
    const provider: PaymentProvider = {
      charge: down,
      cancel: async () => {
        asked++;
        return reachable ? { status: 'CANCELLED', chargeId: 'none' } : down();
      },
      refund: down,
    };
    const server = await start(db.url, { ...SOON, holdMs: 1 }, provider);
    try {
      const buyer = await signIn(server);
      const counter = await openCounter(server, buyer, { stock: 1 });
      expect((await counter.buy()).__typename).toBe('PaymentPendingError');
      await expect.poll(() => asked, { interval: 10 }).toBeGreaterThan(0);
      await expect.poll(() => asked, { interval: 10 }).toBeGreaterThan(1);
      expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 1, held: 1 });
      expect(await counter.buy()).toMatchObject({ __typename: 'SoldOutError' });
      reachable = true;
      await untilNewest(buyer, 'CANCELLED');
      expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 1, held: 0 });
    } finally {
      await server.close();
    }
  });
});

describe('a server that stops', () => {
  test.for([
    ['between hold and charge', 'tok_unreachable', 'CANCELLED', { CANCELLED: 1 }],
    ['between charge and settlement', 'tok_timeout', 'PAID', { SUCCEEDED: 1 }],
  ] as const)('%s: the others finish it, once', async ([, paymentToken, state, charges], { db, server, viewer }) => {
    const quiet = await start(db.url);
    const second = await start(db.url, SOON);
    try {
      const counter = await openCounter(quiet, through(quiet, viewer));
      expect((await counter.buy({ paymentToken })).__typename).toBe('PaymentPendingError');
      await quiet.close();
      await runOut(db.pool);
      await untilNewest(through(server, viewer), state);
      expect(await chargesOf(db.pool, [viewer])).toEqual(charges);
      await expectBooksBalanced(db.pool);
    } finally {
      await quiet.close();
      await second.close();
    }
  });
});

/** A promise, and what fulfils it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A provider whose first charge answers only when it is told to, and whose cancellations do not hold. */
class LateProvider implements PaymentProvider {
  readonly refunds: RefundRequest[] = [];
  readonly charges = new Map<string, bigint>();
  readonly #reached = gate();
  readonly #released = gate();
  #isFirst = true;
  /** Refunds that fail before one works. */
  failures = 0;

  readonly charge: PaymentProvider['charge'] = async ({ idempotencyKey, amount }) => {
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#reached.open();
      await this.#released.opened;
    }
    this.charges.set(idempotencyKey, amount.minorUnits);
    return { status: 'SUCCEEDED', chargeId: `late:${idempotencyKey}` };
  };

  readonly cancel: PaymentProvider['cancel'] = async () => ({ status: 'CANCELLED', chargeId: 'none' });

  readonly refund: PaymentProvider['refund'] = async (request) => {
    if (this.failures-- > 0) throw new ProviderUnavailableError('not now');
    // Once per key, as providers do: the call and the sweep may both ask.
    if (this.refunds.some(({ idempotencyKey }) => idempotencyKey === request.idempotencyKey)) return;
    this.refunds.push(request);
  };

  get reached(): Promise<void> {
    return within('the first charge', this.#reached.opened);
  }

  release(): void {
    this.#released.open();
  }
}

test('a charge that succeeds though its hold was given up is given back, and the stock is another’s', async ({
  db,
}) => {
  const provider = new LateProvider();
  const server = await start(db.url, SOON, provider);
  try {
    const buyer = await signIn(server);
    const counter = await openCounter(server, buyer, { stock: 1 });
    const late = counter.buy();
    await provider.reached;
    await runOut(db.pool);
    await untilNewest(buyer, 'CANCELLED');
    const other = await signIn(server);
    const call = { variantId: counter.product.variantId, expectedUnitPriceMinor: 2_500 };
    succeed(await buyNow(other, { ...call, addressId: await addAddress(other) }));
    provider.release();
    expect(await late).toMatchObject({ __typename: 'SoldOutError', remaining: 0 });
    expect(provider.charges.size).toBe(2); // The other's, and the one that came too late.
    expect(provider.refunds).toMatchObject([{ amount: { minorUnits: 2_500n, currency: 'USD' } }]);
    expect(provider.refunds[0]!.idempotencyKey).toBe(`late_${provider.refunds[0]!.chargeKey}`);
    expect(await stockOf(db.pool, counter.product.variantId)).toEqual({ onHand: 0, held: 0 });
    await expectBooksBalanced(db.pool);
  } finally {
    provider.release();
    await server.close();
  }
});

test('a refund that the provider does not take is made again by the sweep, once', async ({ db }) => {
  const provider = new LateProvider();
  provider.release();
  provider.failures = 3;
  const server = await start(db.url, { refundSweepIntervalMs: 20 }, provider);
  try {
    const buyer = await signIn(server);
    const counter = await openCounter(server, buyer);
    const { id } = await bought(counter);
    const { order } = succeed(await afterSale.cancel(buyer, id));
    expect(order.state).toBe('CANCELLED');
    await expect
      .poll(async () => (await orderOf(buyer, id))?.refunds.map(({ state }) => state), { interval: 20 })
      .toEqual(['SUCCEEDED']);
    expect(provider.refunds).toHaveLength(1);
    const kinds = (await orderOf(buyer, id))!.transfers.map(({ kind }) => kind);
    expect(kinds).toEqual(['ORDER_PAID', 'ORDER_REFUNDED', 'REFUND_PAID']);
    await expectBooksBalanced(db.pool);
  } finally {
    await server.close();
  }
});
