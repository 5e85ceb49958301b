/** gifts_send_batch against a model that sends the gifts one by one: a batch must not show. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { type GiftOutcome, sendBatch } from '../../src/domains/gifts/gifts.repo.ts';
import type { Services } from '../../src/graphql/context.ts';
import { testWith } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  GiftModel,
  type Kind,
  type ModelEvent,
  type ModelOutcome,
  type Order,
  type Person,
  type Stream,
} from './gift-model.ts';
import { keepOut, kinds, limit, person, setRules, stream } from './world.ts';

const NUM_RUNS = 40;
const STREAK_WINDOW_MS = 3_600_000;
const UNKNOWN_ID = 999_999_999n;

// The sweep would close streaks between two looks at them.
const test = testWith({ overrides: { gifts: { sweepIntervalMs: 3_600_000 } } });

const index = (count: number) => fc.nat({ max: count - 1 });
const orders = fc.uniqueArray(
  fc.record({
    viewer: index(3),
    key: index(9),
    // Two live streams, an ended one, none at all; kinds of all prices, a retired one, none at all.
    stream: fc.oneof({ weight: 8, arbitrary: index(2) }, { weight: 1, arbitrary: index(4) }),
    kind: fc.oneof({ weight: 8, arbitrary: index(3) }, { weight: 2, arbitrary: index(8) }),
    quantity: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 })),
  }),
  // The function's one demand on its callers.
  { selector: ({ viewer, key }) => `${viewer} ${key}`, minLength: 1, maxLength: 16 },
);
/** What keeps people from spending; mostly nothing. */
const limits = fc.option(
  fc.record({
    gift: fc.option(fc.nat({ max: 400 })),
    day: fc.option(fc.nat({ max: 1_500 })),
    spent: fc.nat({ max: 300 }),
  }),
);
const keptOut = fc.oneof(
  { weight: 12, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom('MUTED' as const, 'BANNED' as const, 'NOT_ALLOWED' as const) },
);
const rule = fc.record({
  streak: fc.boolean(),
  least: fc.integer({ min: 2, max: 30 }),
  priority: fc.nat({ max: 2 }),
  durationMs: fc.integer({ min: 1, max: 5_000 }),
});
/** Of each of three kinds: none, one that cools down (the batch sees one gift of it), or some that do not. */
const rulesOfKind = fc.oneof(
  fc.constant({ cools: false, rules: [] as never[] }),
  fc.record({ cools: fc.constant(true), rules: fc.tuple(rule) }),
  fc.record({ cools: fc.constant(false), rules: fc.array(rule, { maxLength: 3 }) }),
);
const rate = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 0, max: 5 }));
const scenario = fc.record({
  coins: fc.tuple(fc.constantFrom(0, 5, 60), fc.nat({ max: 600 }), fc.nat({ max: 20_000 })),
  rates: fc.tuple(rate, rate),
  limits: fc.tuple(limits, limits, limits),
  keptOut: fc.tuple(keptOut, keptOut, keptOut),
  rules: fc.option(fc.tuple(rulesOfKind, rulesOfKind, rulesOfKind)),
  batches: fc.array(fc.record({ orders, expireFirst: fc.boolean() }), { minLength: 1, maxLength: 4 }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type World = { people: Person[]; streams: Stream[]; kinds: Kind[]; model: GiftModel };

test('the outcomes of any batches are those of the gifts sent one by one', async ({ server, db }) => {
  const { services } = server.app;
  const goods = await kinds(services);
  const run = async (given: Scenario) => {
    const world = await newWorld(services, goods, given);
    for (const batch of given.batches) {
      if (batch.expireFirst) await expireStreaks(services, world);
      await checkBatch(
        services,
        world,
        batch.orders.map(({ viewer, key, stream, kind, quantity }) => ({
          viewerId: world.people[viewer]!.id,
          idempotencyKey: `key ${key}`,
          streamId: world.streams[stream]?.id ?? UNKNOWN_ID,
          giftId: goods[kind]?.id ?? UNKNOWN_ID,
          quantity,
        })),
      );
    }
    await checkTables(services, world);
  };
  await fc.assert(fc.asyncProperty(scenario, run), { numRuns: NUM_RUNS, endOnFailure: true });
  await expectBooksBalanced(db.pool);
});

async function newWorld(
  services: Services,
  goods: Kind[],
  { coins, rates, limits, keptOut, rules }: Scenario,
): Promise<World> {
  const people = await Promise.all(coins.map((amount) => person(services, amount)));
  for (const [n, who] of people.entries()) {
    if (limits[n]) await limit(services, who, limits[n]);
    if (keptOut[n]) await keepOut(services, who, keptOut[n]);
  }
  const streams = [await stream(services, rates[0]), await stream(services, rates[1])];
  const wanted = (rules ?? []).flatMap((ofKind, n) => ofKind.rules.map((one) => toRule(goods[n]!, ofKind.cools, one)));
  streams[0] = await setRules(services, streams[0]!, wanted);
  streams.push(await stream(services, [1, 1], false));
  return { people, streams, kinds: goods, model: new GiftModel(people, streams, goods, ({ live }) => (live ? 1 : 2)) };
}

function toRule(
  kind: Kind,
  cools: boolean,
  wanted: { streak: boolean; least: number; priority: number; durationMs: number },
) {
  const { streak, least, priority, durationMs } = wanted;
  return {
    kindId: kind.id,
    minQuantity: streak ? null : least,
    minStreak: streak ? least : null,
    priority,
    durationMs,
    cools,
  };
}

async function expireStreaks({ db }: Services, { model, streams }: World): Promise<void> {
  model.expireStreaks();
  await db.pool.query(
    "UPDATE gift_streak SET expires_at = clock_timestamp() - interval '1 minute' WHERE stream_id = ANY($1)",
    [streams.map(({ id }) => id)],
  );
}

async function checkBatch({ db }: Services, { model, people }: World, batch: Order[]): Promise<void> {
  const logged = model.log.length;
  const expected = batch.map((order) => model.send(order));
  const committed = await sendBatch(db.pool, batch, STREAK_WINDOW_MS);
  expect(committed.outcomes.map(plainOutcome)).toEqual(expected);
  expect(committed.events.map(plainEvent)).toEqual(model.log.slice(logged));
  const walletOf = (viewerId: bigint) => people.find(({ id }) => id === viewerId)!.coins;
  for (const [n, outcome] of committed.outcomes.entries()) {
    if ('wallet' in outcome) expect(Number(outcome.wallet.coins)).toBe(walletOf(batch[n]!.viewerId));
  }
  for (const { viewerId, coins } of committed.wallets) expect(Number(coins)).toBe(walletOf(viewerId));
  expect(new Set(committed.wallets.map(({ viewerId }) => viewerId))).toEqual(new Set(batch.map((o) => o.viewerId)));
}

/** The tables say the same as the model, row by row. */
async function checkTables({ db, wallets }: Services, { model, people, streams }: World): Promise<void> {
  const ids = [streams.map(({ id }) => id)];
  const log = await db.pool.query(
    `SELECT stream_id::text AS stream, seq::int, type, payload - 'reactionId' AS payload FROM live_event
      WHERE stream_id = ANY($1) AND type IN ('GIFT_SENT', 'STREAK_ENDED', 'REACTION_QUEUED') ORDER BY stream_id, seq`,
    ids,
  );
  const byStream = [...model.log].sort((a, b) => Number(a.streamId - b.streamId) || a.seq - b.seq);
  expect(log.rows).toEqual(byStream.map(({ streamId, ...event }) => ({ stream: `${streamId}`, ...event })));

  const open = await db.pool.query(
    `SELECT stream_id || ' ' || viewer_id AS key, gift_id::text AS gift, total, coins::int FROM gift_streak WHERE stream_id = ANY($1)`,
    ids,
  );
  expect(new Map(open.rows.map(({ key, ...streak }) => [key, streak]))).toEqual(
    new Map([...model.streaks].map(([key, { kind, total, coins }]) => [key, { gift: `${kind.id}`, total, coins }])),
  );

  const earned = await db.pool.query(
    `SELECT s.id::text, s.gift_coins::int AS coins,
       (SELECT coalesce(sum(diamonds), 0)::int FROM gift_sent WHERE stream_id = s.id) AS diamonds,
       (SELECT balance::int FROM ledger_account WHERE id = s.pending_account_id) AS pending
       FROM stream s WHERE s.id = ANY($1) ORDER BY s.id`,
    ids,
  );
  expect(earned.rows).toEqual(
    streams.map((one) => {
      const diamonds = model.diamondsOf(one);
      return { id: `${one.id}`, coins: model.coinsOf(one.id), diamonds, pending: diamonds };
    }),
  );
  for (const { id, coins } of people) expect(Number((await wallets.read(db.pool, id)).coins)).toBe(coins);
  await checkQueues({ db }, { model, people, streams });
}

/** What waits, and what counts against caps. */
async function checkQueues(
  { db }: Pick<Services, 'db'>,
  { model, people, streams }: Omit<World, 'kinds'>,
): Promise<void> {
  const queues = await db.pool.query(
    `SELECT s.id::text, s.reactions_queued AS count, s.reactions_ms::int AS ms, array(
        SELECT rule_id::text FROM reaction r WHERE r.stream_id = s.id AND r.state = 'QUEUED' ORDER BY r.id) AS rules
       FROM stream s WHERE s.id = ANY($1) ORDER BY s.id`,
    [streams.map(({ id }) => id)],
  );
  expect(queues.rows).toEqual(
    streams.map(({ id }) => {
      const queue = model.queues.get(id) ?? [];
      const ms = queue.reduce((sum, { durationMs }) => sum + durationMs, 0);
      return { id: `${id}`, count: queue.length, ms, rules: queue.map(({ ruleId }) => `${ruleId}`) };
    }),
  );
  const left = await db.pool.query(
    `SELECT l.viewer_id::text AS id, least(c.day_left, c.month_left)::int AS left
       FROM spending_limit l, spending_left(l, clock_timestamp()) c WHERE l.viewer_id = ANY($1) ORDER BY l.viewer_id`,
    [people.map(({ id }) => id)],
  );
  for (const row of left.rows) expect(row.left).toBe(people.find(({ id }) => `${id}` === row.id)!.capLeft);
}

function plainOutcome(outcome: GiftOutcome): ModelOutcome {
  if (outcome.kind === 'SENT' || outcome.kind === 'REPLAYED') {
    return { kind: outcome.kind, event: plainEvent(outcome.event) };
  }
  if (outcome.kind === 'SPENDING_CAP') return { kind: outcome.kind, remaining: Number(outcome.remaining) };
  if (outcome.kind === 'REACTION_QUEUE_FULL')
    throw new Error('the queue has more room than any of these batches fills');
  if (outcome.kind !== 'INSUFFICIENT_COINS') return { kind: outcome.kind };
  return { kind: outcome.kind, available: Number(outcome.available), required: Number(outcome.required) };
}

function plainEvent(event: { streamId: bigint; seq: bigint; type: string; payload: unknown }): ModelEvent {
  const { streamId, seq, type, payload } = event;
  const { reactionId: _unknown, ...shown } = payload as { reactionId?: number };
  return { streamId, seq: Number(seq), type, payload: shown };
}
