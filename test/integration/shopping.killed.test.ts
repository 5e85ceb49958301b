/** The worst moments of a race for the last units: the server is killed, or Postgres ends every connection. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { expect, onTestFinished } from 'vitest';
import { rowId } from '../../src/graphql/global-id.ts';
import type { Endpoint } from '../support/endpoint.ts';
import { test } from '../support/fixtures.ts';
import { type Actor, mutate, type Outcome, signIn, startStream, succeed } from '../support/operations.ts';
import { type BuyNowSuccess, buyNow } from '../support/orders.ts';
import { startServer } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { makeProduct, makeShop } from '../support/shop.ts';
import { auditStock, expectShopInOrder, underWay } from '../support/shop-books.ts';

/** Two starts of a server process, and hundreds who sign in and ask, take their time on a busy machine. */
const TEST_LIMIT_MS = 240_000;
const POLL_LIMIT_MS = 60_000;
const BUYERS = 300;
const UNITS = 30;
/** Every so many buyers' card is declined: what they held can be bought by somebody else. */
const DECLINED_EVERY = 10;
/** How often buyers who have nothing try again, all together. */
const PASSES_MAX = 10;
/** How often a buyer repeats a call that failed. */
const ATTEMPTS_MAX = 50;
/** Stock is back so long after a hold has run out: the look every 400 ms, and a machine that is ever so busy. A hold lasts 15 s. */
const BACK_MS_MAX = 10_000;
const PRICE_MINOR = 1_000;

/** Somebody who wants one unit, and always says so under the same key. */
type Buyer = { actor: Actor; idempotencyKey: string; paymentToken: string };
type Race = { offerId: string; offerRow: bigint; buyers: Buyer[] };

/** An offer of {@link UNITS}, with as many in stock, and buyers for it. */
async function openRace(server: Endpoint, buyerCount: number): Promise<Race> {
  const shop = await makeShop(server);
  const { variantId } = await makeProduct(shop, { kind: 'SERVICE', stock: UNITS });
  const streamId = (await startStream(shop.member)).id;
  const terms = { unitPriceMinor: PRICE_MINOR, quantity: UNITS, perBuyerLimit: 1, durationSeconds: 600 };
  const { offer } = succeed(
    await mutate<{ offer: { id: string } }>(shop.member.api, 'startOffer', { streamId, variantId, ...terms }),
  );
  const buyers = await Promise.all(
    Array.from({ length: buyerCount }, async (_, n): Promise<Buyer> => {
      const paymentToken = n % DECLINED_EVERY === 0 ? 'tok_declined' : 'tok_ok';
      return { actor: await signIn(server), idempotencyKey: randomUUID(), paymentToken };
    }),
  );
  return { offerId: offer.id, offerRow: rowId('Offer', offer.id)!, buyers };
}

/** Asks for a unit at a server; undefined when no answer came. */
function ask(server: Endpoint, { offerId }: Race, buyer: Buyer): Promise<Outcome<BuyNowSuccess> | undefined> {
  const { actor, idempotencyKey, paymentToken } = buyer;
  const input = { offerId, expectedUnitPriceMinor: PRICE_MINOR, idempotencyKey, paymentToken };
  return buyNow({ ...actor, api: server.http(actor.token) }, input).catch(() => undefined);
}

/** The code of a refusal; a success has none. */
function codeOf(outcome: Outcome<BuyNowSuccess>): string {
  return 'code' in outcome ? outcome.code : '';
}

/** The same, again and again until an answer says how it ended. */
async function insist(server: Endpoint, race: Race, buyer: Buyer): Promise<Outcome<BuyNowSuccess>> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const outcome = await ask(server, race, buyer);
    if (outcome && !['PAYMENT_PENDING', 'OVERLOADED'].includes(codeOf(outcome))) return outcome;
  }
  throw new Error('the server does not recover');
}

/** Everybody who has nothing and was not declined asks again, until all units are sold. Returns who has which order. */
async function sellTheRest(server: Endpoint, race: Race): Promise<Map<Buyer, string>> {
  const owners = new Map<Buyer, string>();
  const declined = new Set<Buyer>();
  for (let pass = 1; pass <= PASSES_MAX && owners.size < UNITS; pass++) {
    const without = race.buyers.filter((buyer) => !owners.has(buyer) && !declined.has(buyer));
    const outcomes = await Promise.all(without.map((buyer) => insist(server, race, buyer)));
    for (const [index, outcome] of outcomes.entries()) {
      const buyer = without[index]!;
      if (outcome.__typename === 'BuyNowSuccess') owners.set(buyer, (outcome as BuyNowSuccess).order.id);
      else if (codeOf(outcome) === 'PAYMENT_DECLINED') declined.add(buyer);
      else expect(codeOf(outcome)).toBe('SOLD_OUT');
    }
  }
  return owners;
}

/** All units are sold, each to one buyer, whoever asks and where; and whoever has none has not paid. */
async function expectSold(pool: Pool, servers: Endpoint[], race: Race, owners: Map<Buyer, string>): Promise<void> {
  expect(owners.size).toBe(UNITS);
  expect(new Set(owners.values()).size).toBe(UNITS);
  for (const server of servers) {
    await Promise.all(
      race.buyers.map(async (buyer) => {
        const outcome = await insist(server, race, buyer);
        const id = owners.get(buyer);
        if (id === undefined) expect(outcome).toMatchObject({ code: 'SOLD_OUT', remaining: 0 });
        else expect(outcome).toMatchObject({ replayed: true, order: { id, state: 'PAID' } });
      }),
    );
  }
  const { rows } = await pool.query(
    `SELECT (SELECT count(*) FROM shop_order WHERE state = 'PAID')::int AS orders,
            (SELECT count(*) FROM sandbox_charge WHERE status = 'SUCCEEDED' AND idempotency_key LIKE 'checkout:%')::int AS charges,
            (SELECT sold FROM offer WHERE id = $1) AS sold, (SELECT sum(on_hand)::int FROM inventory WHERE held = 0
              AND item_id = (SELECT item_id FROM product_variant v JOIN offer o ON o.variant_id = v.id WHERE o.id = $1)) AS left`,
    [race.offerRow],
  );
  expect(rows).toEqual([{ orders: UNITS, charges: UNITS, sold: UNITS, left: 0 }]);
  expect(await underWay(pool)).toBe(0);
  await expectShopInOrder(pool);
}

/** Runs something while a lock of the test's own keeps purchases at a certain step. */
async function withLock<T>(pool: Pool, lock: string, work: () => Promise<T>): Promise<T> {
  const holder = await pool.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(lock);
    return await work();
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
}

/** Waits until a statement of the servers waits for a lock. */
async function untilWaiting(pool: Pool, name: string): Promise<void> {
  const waiting = async () => {
    const { rows } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'
        AND application_name = 'hadiya' AND datname = current_database()`,
      [name],
    );
    return rows.length;
  };
  await expect.poll(waiting, { timeout: POLL_LIMIT_MS }).toBeGreaterThan(0);
}

/** Starts a server process that is killed at the end, whatever becomes of the test. */
async function startProcess(databaseUrl: string): Promise<ServerProcess> {
  const server = await startServerProcess({ databaseUrl, redis: true });
  onTestFinished(async () => {
    await server.kill();
  });
  return server;
}

test('killed while it charges: whoever repeats their call at another server gets one answer, and 30 are sold', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const victim = await startProcess(db.url);
  await auditStock(db.pool);
  const race = await openRace(victim, BUYERS);
  // Stock is held, and the provider does not answer: then the server dies. The provider charges after that.
  const answers = await withLock(db.pool, 'LOCK TABLE sandbox_charge IN EXCLUSIVE MODE', async () => {
    const asked = race.buyers.map((buyer) => ask(victim, race, buyer));
    await untilWaiting(db.pool, 'sandbox.end');
    await expect.poll(() => underWay(db.pool), { timeout: POLL_LIMIT_MS }).toBe(UNITS);
    await victim.kill();
    return Promise.all(asked);
  });
  expect(answers.filter((answer) => answer?.__typename === 'BuyNowSuccess')).toEqual([]);
  const survivor = await startProcess(db.url);
  const owners = await sellTheRest(survivor, race);
  await expectSold(db.pool, [survivor], race, owners);
});

test('killed while it sells what is paid: another server finishes it when the holds run out, without anybody asking', {
  timeout: TEST_LIMIT_MS,
}, async ({ db }) => {
  const [victim, survivor] = [await startProcess(db.url), await startProcess(db.url)];
  await auditStock(db.pool);
  const race = await openRace(victim, BUYERS);
  // Money is taken, and its transaction waits: then the server dies, and Postgres rolls it back.
  await withLock(db.pool, 'LOCK TABLE voucher IN EXCLUSIVE MODE', async () => {
    const asked = race.buyers.map((buyer) => ask(victim, race, buyer));
    await untilWaiting(db.pool, 'voucher');
    await victim.kill();
    return Promise.all(asked);
  });
  expect(await underWay(db.pool)).toBeGreaterThan(0);
  await db.pool.query("UPDATE checkout SET held_until = clock_timestamp() WHERE state = 'HELD'");
  await expect.poll(() => underWay(db.pool), { interval: 20, timeout: POLL_LIMIT_MS }).toBe(0);
  const { rows } = await db.pool.query<{ ms: number }>(
    `SELECT coalesce(max(extract(epoch FROM settled_at - held_until) * 1000), 0)::int AS ms FROM checkout WHERE settled_at > held_until`,
  );
  expect(rows[0]!.ms).toBeLessThan(BACK_MS_MAX);
  await expectShopInOrder(db.pool);
  const owners = await sellTheRest(survivor, race);
  await expectSold(db.pool, [survivor], race, owners);
});

test.for([
  ['stock is set aside', 'SELECT FROM offer FOR UPDATE', 'offers.lock'],
  ['cards are charged', 'LOCK TABLE sandbox_charge IN EXCLUSIVE MODE', 'sandbox.end'],
  ['what is paid is sold', 'LOCK TABLE voucher IN EXCLUSIVE MODE', 'fulfilment.issue'],
] as const)(
  'Postgres ends every connection while %s: buyers repeat what failed, and 30 are sold',
  {
    timeout: TEST_LIMIT_MS,
  },
  async ([, lock, waiting], { db }) => {
    const options = { databaseUrl: db.url, redis: true };
    const servers = [await startServer(options), await startServer(options)];
    onTestFinished(async () => {
      for (const server of servers) await server.close();
    });
    await auditStock(db.pool);
    const race = await openRace(servers[0]!, BUYERS / 3);
    const asked = await withLock(db.pool, lock, async () => {
      const calls = race.buyers.map((buyer, n) => ask(servers[n % 2]!, race, buyer));
      await untilWaiting(db.pool, waiting);
      expect(await cutAll(db.pool)).toBeGreaterThan(0);
      return calls;
    });
    await Promise.all(asked);
    const owners = await sellTheRest(servers[1]!, race);
    await expectSold(db.pool, servers, race, owners);
  },
);

/** Ends all connections of the servers; the test's own stay. */
async function cutAll(pool: Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'hadiya' AND pid <> pg_backend_pid()`,
  );
  return rowCount ?? 0;
}
