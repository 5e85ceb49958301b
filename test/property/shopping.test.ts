/**
 * Shopping, whatever the order: buyers race, merchants change their minds, payments get lost and a server dies in the middle. At
 * the end stock, money, the provider and the log agree, and every answer was true. PROPERTY_RUNS=200 tries more stories;
 * PROPERTY_SEED repeats those of a failure.
 */
import fc from 'fast-check';
import type { Pool } from 'pg';
import { pino } from 'pino';
import { expect } from 'vitest';
import { connectDatabase } from '../../src/db/database.ts';
import { type PaymentProvider, ProviderUnavailableError } from '../../src/domains/payments/payments.api.ts';
import { createSandboxProvider } from '../../src/domains/payments/providers/sandbox.ts';
import { rowId } from '../../src/graphql/global-id.ts';
import type { ErrorCode } from '../../src/kernel/errors.ts';
import { groupBy } from '../../src/kernel/group-by.ts';
import { test as base } from '../support/fixtures.ts';
import type { OrderNode } from '../support/orders.ts';
import { startServer } from '../support/server.ts';
import { auditStock, expectShopInOrder, underWay } from '../support/shop-books.ts';
import { type Action, type Result, SERVERS, type Story, stories, World } from './shopping-world.ts';

const NUM_RUNS = Number(process.env.PROPERTY_RUNS ?? 8);
const SEED = process.env.PROPERTY_SEED === undefined ? undefined : Number(process.env.PROPERTY_SEED);
const RUN_LIMIT_MS = 30_000;
const HOLD_MS = 400;
const ORDERS = { holdMs: HOLD_MS, holdSweepIntervalMs: 50, refundSweepIntervalMs: 100 };

/** The way to a provider, which breaks: calls then hang, some of them after the provider has done its part. */
class Line {
  #dead: { promise: Promise<never>; cut: () => void } | undefined;
  #calls = 0;
  #heard = () => {};
  /** Settles when the line breaks. */
  broken = this.#next();

  break(): void {
    if (this.#dead) return;
    let cut = () => {};
    const promise = new Promise<never>((_, reject) => {
      cut = () => reject(new ProviderUnavailableError('the line was cut'));
    });
    promise.catch(() => undefined); // nobody may be waiting
    this.#dead = { promise, cut };
    this.#heard();
  }

  /** The line works again; whoever hung on it hears that nothing came. */
  mend(): void {
    this.#dead?.cut();
    this.#dead = undefined;
    this.broken = this.#next();
  }

  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#dead && this.#calls++ % 2 === 0) return this.#dead.promise;
    const done = await work();
    return this.#dead ? this.#dead.promise : done;
  }

  #next(): Promise<undefined> {
    return new Promise((resolve) => {
      this.#heard = () => resolve(undefined);
    });
  }
}

const test = base
  .extend('line', () => new Line())
  .extend('victimsProvider', ({ db, line }, { onCleanup }): PaymentProvider => {
    const own = connectDatabase(db.url, pino({ level: 'silent' }));
    const sandbox = createSandboxProvider(own);
    onCleanup(async () => {
      await sandbox.close?.();
      await own.close();
    });
    return {
      charge: (request) => line.call(() => sandbox.charge(request)),
      cancel: (request) => line.call(() => sandbox.cancel(request)),
      refund: (request) => line.call(() => sandbox.refund(request)),
    };
  })
  .extend('servers', async ({ db, victimsProvider }, { onCleanup }) => {
    const options = { databaseUrl: db.url, redis: true };
    const servers = [
      await startServer({ ...options, overrides: { orders: ORDERS } }),
      await startServer({ ...options, overrides: { orders: ORDERS } }),
      await startServer({ ...options, overrides: { orders: ORDERS, paymentProvider: victimsProvider } }),
    ];
    onCleanup(async () => {
      for (const server of servers) await server.close();
    });
    return servers;
  });

/** The refusals that each action may meet. */
const EXPECTED: Record<Action['do'], ErrorCode[]> = {
  buy: [
    ...(['IDEMPOTENCY_CONFLICT', 'PAYMENT_DECLINED', 'PAYMENT_PENDING', 'SOLD_OUT', 'OFFER_ENDED'] as ErrorCode[]),
    ...(['PER_BUYER_LIMIT', 'NOT_ELIGIBLE'] as ErrorCode[]),
  ],
  gift: ['INSUFFICIENT_COINS'],
  startOffer: ['OFFER_ALREADY_LIVE', 'SOLD_OUT'] as ErrorCode[],
  endOffer: [],
  setStock: ['STOCK_HELD'] as ErrorCode[],
  cancel: ['ORDER_STATE'] as ErrorCode[],
  request: ['ORDER_STATE', 'INVALID_INPUT'] as ErrorCode[],
  approve: ['ORDER_STATE', 'INVALID_INPUT'] as ErrorCode[],
  reject: ['ORDER_STATE'] as ErrorCode[],
  refund: ['ORDER_STATE', 'IDEMPOTENCY_CONFLICT', 'INVALID_INPUT'] as ErrorCode[],
  crash: [],
};

test('any story of any shop', { timeout: NUM_RUNS * RUN_LIMIT_MS }, async ({ servers, line, db }) => {
  await auditStock(db.pool);
  const run = async ({ menu, waves }: Story) => {
    const world = await World.open(servers, menu);
    const results: Result[] = [];
    const hanging: Promise<unknown>[] = [];
    for (const wave of waves) {
      const calls = wave.map(async (action) => {
        if (action.do === 'crash') line.break();
        const result = await world.perform(action);
        if (result) results.push(result);
      });
      hanging.push(...calls);
      // Nobody waits for a server that is dead.
      await Promise.all(
        calls.map((call, n) => (wave[n]!.via === SERVERS - 1 ? Promise.race([call, line.broken]) : call)),
      );
    }
    await expect.poll(() => underWay(db.pool), { interval: 50 }).toBe(0);
    line.mend();
    await Promise.all(hanging);
    await expect.poll(() => underWay(db.pool), { interval: 50 }).toBe(0);
    for (const { action, outcome } of results) {
      const code = outcome && 'code' in outcome ? (outcome.code as ErrorCode) : undefined;
      if (code) expect(EXPECTED[action.do], `${action.do}: ${JSON.stringify(outcome)}`).toContain(code);
    }
    await expectShopInOrder(db.pool);
    await checkKeys(db.pool, world, results);
    await checkToldOrders(db.pool, world);
  };
  await fc.assert(fc.asyncProperty(stories, run), {
    numRuns: NUM_RUNS,
    endOnFailure: true,
    ...(SEED === undefined ? {} : { seed: SEED }),
  });
});

const ordersOf = ({ outcome }: Result) => (outcome?.orders as OrderNode[] | undefined)?.map(({ id }) => id).sort();

/** A key stands for one purchase; whoever used it hears so again, and nobody who was only refused has paid. */
async function checkKeys(pool: Pool, world: World, results: Result[]): Promise<void> {
  const uses = groupBy(
    results.filter(({ identity }) => identity !== undefined),
    ({ identity }) => identity!,
  );
  for (const [identity, ofKey] of uses) {
    const [first] = ofKey;
    const { buyer, key } = first!.action as Action & { do: 'buy' };
    const told = ofKey.filter(({ outcome }) => outcome?.__typename === 'BuyNowSuccess');
    expect(new Set(told.map((one) => JSON.stringify(ordersOf(one)))).size, identity).toBeLessThanOrEqual(1);
    expect(new Set(told.map(({ input }) => JSON.stringify(input))).size, identity).toBeLessThanOrEqual(1);
    // One that was lost and found may be told as a replay every time.
    expect(told.filter(({ outcome }) => outcome?.replayed === false).length, identity).toBeLessThanOrEqual(1);

    const { rows: kept } = await pool.query<{ id: string; orders: string[] }>(
      `SELECT c.id, array_agg(o.id ORDER BY o.id) AS orders FROM checkout c JOIN shop_order o ON o.checkout_id = c.id
        WHERE c.buyer_id = $1 AND c.idempotency_key = $2 GROUP BY c.id`,
      [rowId('Viewer', world.buyers[buyer]![0]!.id), `key ${key}`],
    );
    if (told.length > 0) expect(kept, `${identity} is in the database`).toHaveLength(1);
    if (kept.length === 0) continue;
    const paying = ofKey.filter(({ outcome }) => {
      return outcome?.__typename === 'BuyNowSuccess' || (outcome as { code?: string })?.code === 'PAYMENT_PENDING';
    });
    expect(paying.length, `${identity}: nobody who was refused has paid`).toBeGreaterThan(0);
    const answers = [];
    for (const { action, input } of paying) answers.push(await world.buy({ ...action, via: 0 } as never, input));
    const bought = answers.filter(({ outcome }) => outcome?.__typename === 'BuyNowSuccess');
    expect(bought.length, `${identity}: the key tells of it`).toBeGreaterThan(0);
    for (const { outcome } of answers) {
      if (outcome?.__typename !== 'BuyNowSuccess') expect(outcome).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
      else expect(outcome.replayed).toBe(true);
    }
    const ids = kept[0]!.orders.map(BigInt);
    for (const one of bought)
      expect(
        ordersOf(one)!
          .map((id) => rowId('Order', id))
          .sort(),
      ).toEqual(ids.sort());
  }
}

/** What buyers were told that they have is there, paid, with its lines. */
async function checkToldOrders(pool: Pool, world: World): Promise<void> {
  const { rows } = await pool.query<{ id: string; total: string }>(
    `SELECT o.id, o.total_minor AS total FROM shop_order o JOIN checkout c ON c.id = o.checkout_id WHERE c.state = 'PAID'`,
  );
  const totals = new Map(rows.map(({ id, total }) => [BigInt(id), Number(total)]));
  for (const { order } of world.orders.values())
    expect(totals.get(rowId('Order', order.id)!)).toBe(order.total.minorUnits);
}
