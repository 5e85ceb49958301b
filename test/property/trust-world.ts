/** Viewers, creators and all that they can do to each other, for the property of test/property/trust.test.ts. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { rows } from '../../src/db/database.ts';
import type { Actor } from '../../src/domains/accounts/accounts.api.ts';
import { accountNames } from '../../src/domains/wallet/wallet.api.ts';
import type { Services } from '../../src/graphql/context.ts';
import { DomainError, type ErrorCode } from '../../src/kernel/errors.ts';
import { freshHandle } from '../support/operations.ts';

/** Viewers by what is particular about them: caps that stay, caps that change, no caps at first, and a mute that comes and goes. */
const [CAPPED, CHANGING, FREE, MUTED] = [0, 1, 2, 3] as const;
const VIEWERS = 4;
const CREATORS = 2;
/** What a viewer has at the beginning, as purchases that a bank may contest. */
const PACKS = [7_000, 700];
/** The caps that stay. */
const GIFT_CAP = 150n;
const DAY_CAP = 600n;
/** What both creators have earned and settled before: enough for a payout or two. */
const GALAXIES_BEFORE = 5;
const WAIT_MS_MAX = 60_000;
/** The newest of what there is, from which an action picks one. */
const PICKED_FROM = 8;

const viewer = fc.nat({ max: VIEWERS - 1 });
const creator = fc.nat({ max: CREATORS - 1 });
const place = fc.nat({ max: PICKED_FROM - 1 });
const named = <Name extends string, Rest extends Record<string, unknown> = Record<never, never>>(
  weight: number,
  name: Name,
  rest: { [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> } = {} as { [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> },
) => ({ weight, arbitrary: fc.record({ do: fc.constant(name), ...rest }) as fc.Arbitrary<{ do: Name } & Rest> });

/** Anything that anybody may do. */
export const action = fc.oneof(
  named(16, 'gift', {
    viewer,
    creator,
    kind: fc.constantFrom('Rose', 'Rose', 'Ice Cream', 'Ice Cream', 'Heart', 'Galaxy'),
    quantity: fc.integer({ min: 1, max: 6 }),
  }),
  named(3, 'cap', {
    viewer: fc.constantFrom<number>(CHANGING, CHANGING, FREE),
    period: fc.constantFrom('GIFT' as const, 'DAY' as const, 'MONTH' as const),
    coins: fc.option(fc.integer({ min: 0, max: 3_000 }), { freq: 4 }),
  }),
  named(1, 'coolOff', { viewer: fc.constantFrom<number>(CHANGING, FREE) }),
  named(2, 'perform', { creator, place }),
  named(2, 'performNext', { creator }),
  named(3, 'skip', { creator, place }),
  named(1, 'auto', { creator, enabled: fc.boolean() }),
  named(2, 'goal', {
    creator,
    kind: fc.constantFrom('COINS' as const, 'GIFTS' as const),
    target: fc.integer({ min: 1, max: 200 }),
  }),
  named(1, 'endGoal', { creator, place }),
  named(3, 'box', { viewer, creator, coins: fc.integer({ min: 5, max: 200 }), shares: fc.integer({ min: 1, max: 5 }) }),
  named(5, 'claim', { viewer, place }),
  named(1, 'closeBox', { place }),
  named(2, 'buy', { viewer, token: fc.constantFrom('tok_ok', 'tok_ok', 'tok_declined') }),
  named(3, 'bank', {
    viewer,
    place,
    news: fc.constantFrom('OPEN' as const, 'OPEN' as const, 'LOST' as const, 'WON' as const),
  }),
  named(3, 'chat', { viewer, creator }),
  named(3, 'invite', { creator }),
  named(3, 'accept', { creator }),
  named(2, 'hasten', { place, msLeft: fc.constantFrom(0, 5_000, 20_000) }),
  named(1, 'restart', { creator }),
  named(2, 'mute', { creator, on: fc.boolean() }),
  named(2, 'payout', { creator, diamonds: fc.constantFrom(2_000, 2_001, 2_500) }),
);
export type Action = typeof action extends fc.Arbitrary<infer One> ? One : never;

/** Once, in an order in which each kind of thing comes about; what is drawn at random may leave some of them out. */
export const EVERYTHING: Action[][] = [
  [
    { do: 'invite', creator: 0 },
    { do: 'goal', creator: 0, kind: 'COINS', target: 100 },
    { do: 'goal', creator: 1, kind: 'GIFTS', target: 200 },
    { do: 'box', viewer: FREE, creator: 0, coins: 50, shares: 2 },
    { do: 'chat', viewer: FREE, creator: 0 },
    { do: 'gift', viewer: CAPPED, creator: 0, kind: 'Galaxy', quantity: 1 },
    { do: 'gift', viewer: CHANGING, creator: 1, kind: 'Heart', quantity: 2 },
    { do: 'mute', creator: 1, on: true },
  ],
  [
    { do: 'accept', creator: 1 },
    { do: 'claim', viewer: CHANGING, place: 0 },
    { do: 'gift', viewer: MUTED, creator: 1, kind: 'Rose', quantity: 1 },
    { do: 'payout', creator: 0, diamonds: 2_000 },
    { do: 'endGoal', creator: 1, place: 0 },
    { do: 'performNext', creator: 1 },
    { do: 'bank', viewer: CHANGING, place: 0, news: 'OPEN' },
  ],
  [
    { do: 'gift', viewer: FREE, creator: 0, kind: 'Galaxy', quantity: 1 },
    { do: 'gift', viewer: CAPPED, creator: 0, kind: 'Rose', quantity: 3 },
  ],
  [
    { do: 'performNext', creator: 0 },
    { do: 'bank', viewer: CHANGING, place: 1, news: 'OPEN' }, // takes the gift back
  ],
  [
    { do: 'skip', creator: 0, place: 0 },
    { do: 'hasten', place: 0, msLeft: 5_000 },
  ],
  [
    { do: 'bank', viewer: FREE, place: 0, news: 'OPEN' },
    { do: 'cap', viewer: CHANGING, period: 'DAY', coins: 1_000 }, // the first one, which counts what was spent before
  ],
  [
    { do: 'hasten', place: 0, msLeft: 0 },
    { do: 'bank', viewer: FREE, place: 0, news: 'WON' },
    { do: 'cap', viewer: CHANGING, period: 'DAY', coins: 2_000 },
  ],
  [{ do: 'coolOff', viewer: CHANGING }],
];
type Of<Name extends Action['do']> = Extract<Action, { do: Name }>;

type Viewer = Actor & { purchases: bigint[] };
type Creator = { actor: Actor; streamId: bigint };
export type World = {
  services: Services;
  pool: Pool;
  viewers: Viewer[];
  creators: Creator[];
  gifts: Map<string, bigint>;
};

/** Signs everybody in, with coins, caps, rules, something earned, and both creators live. */
export async function newWorld(services: Services, pool: Pool): Promise<World> {
  const signIn = async (prefix: string) => (await services.accounts.signIn(freshHandle(prefix))).viewer;
  const gifts = new Map((await services.gifts.list()).map(({ name, id }) => [name, id]));
  const world: World = { services, pool, viewers: [], creators: [], gifts };
  for (let n = 0; n < VIEWERS; n++) {
    world.viewers.push({ ...(await signIn('v')), purchases: [] });
    for (const coins of n === FREE ? [...PACKS, ...PACKS] : PACKS) await buy(world, n, coins, 'tok_ok');
  }
  const capped = world.viewers[CAPPED]!;
  await services.wallets.caps.set(capped.id, 'GIFT', GIFT_CAP);
  await services.wallets.caps.set(capped.id, 'DAY', DAY_CAP);
  for (let n = 0; n < CREATORS; n++) {
    const actor = await signIn('c');
    world.creators.push({ actor, streamId: await services.streams.start(actor, 'Earlier') });
    await addRules(world, actor);
    await services.payouts.identities.submit(actor, 'acct_ok');
    const before: Action[] = [
      { do: 'gift', viewer: FREE, creator: n, kind: 'Galaxy', quantity: GALAXIES_BEFORE },
      { do: 'performNext', creator: n }, // what is not performed is paid back at the end
      { do: 'restart', creator: n },
    ];
    for (const one of before) expect(await perform(world, one)).toBeUndefined();
  }
  const settled = async () => {
    const { rows } = await pool.query(
      `SELECT count(*)::int AS open FROM earning e JOIN creator c ON c.id = e.creator_id
        WHERE c.viewer_id = ANY($1) AND e.state <> 'SETTLED' AND e.diamonds > 0`,
      [world.creators.map(({ actor }) => actor.id)],
    );
    return rows[0].open;
  };
  await expect.poll(settled, { timeout: WAIT_MS_MAX }).toBe(0);
  return world;
}

/** By quantity, by streak, and one that rests; so cheap gifts and dear ones both earn reactions. */
async function addRules({ services, gifts }: World, actor: Actor): Promise<void> {
  const usual = {
    minQuantity: null,
    minStreak: null,
    animation: null,
    sound: 'pop',
    priority: 0,
    cooldownMs: 0,
    durationMs: 500,
  };
  const rules = [
    { gift: 'Rose', minQuantity: 3, phrase: 'Thank you' },
    { gift: 'Ice Cream', minStreak: 4, phrase: 'So sweet', priority: 1 },
    { gift: 'Heart', minQuantity: 1, phrase: 'Love', priority: 2, cooldownMs: 1_000 },
    { gift: 'Galaxy', minQuantity: 1, phrase: 'Far out', priority: 3 },
  ];
  for (const { gift, ...rule } of rules) {
    const draft = { ...usual, ...rule, giftId: gifts.get(gift)!, idempotencyKey: randomUUID() };
    await services.reactions.rules.create(actor, draft);
  }
}

/** Does one thing. Returns the refusal, if it was refused. */
export async function perform(world: World, one: Action): Promise<DomainError | undefined> {
  try {
    await (DEEDS[one.do] as (world: World, one: Action) => Promise<unknown>)(world, one);
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

/** The refusals that an action may meet. */
export function expected(one: Action): ErrorCode[] {
  const spending: ErrorCode[] =
    'viewer' in one
      ? [
          'INSUFFICIENT_COINS',
          'STREAM_NOT_LIVE',
          ...(one.viewer === MUTED ? ['MUTED' as const] : ['SPENDING_CAP_REACHED' as const]),
        ]
      : [];
  switch (one.do) {
    case 'gift':
      return spending;
    case 'box':
      return spending;
    case 'perform':
    case 'skip':
      return ['REACTION_STATE'];
    case 'performNext':
      return ['NOT_FOUND', 'STREAM_NOT_LIVE'];
    case 'goal':
      return ['STREAM_NOT_LIVE', 'GOAL_STATE'];
    case 'endGoal':
      return ['GOAL_STATE'];
    case 'claim':
      return ['FORBIDDEN', 'BOX_STATE', 'BOX_EMPTY'];
    case 'buy':
      return one.token === 'tok_declined' ? ['PAYMENT_DECLINED'] : [];
    case 'chat':
      return one.viewer === MUTED ? ['STREAM_NOT_LIVE', 'MUTED'] : ['STREAM_NOT_LIVE'];
    case 'invite':
    case 'accept':
      return ['STREAM_NOT_LIVE', 'BATTLE_STATE'];
    case 'restart':
      return ['STREAM_ALREADY_LIVE'];
    case 'payout':
      return ['INSUFFICIENT_DIAMONDS', 'PAYOUT_LIMIT'];
    default:
      return [];
  }
}

const DEEDS: { [Name in Action['do']]: (world: World, one: Of<Name>) => Promise<unknown> } = {
  gift: ({ services, viewers, creators, gifts }, { viewer, creator, kind, quantity }) => {
    const order = { giftId: gifts.get(kind)!, quantity, idempotencyKey: randomUUID() };
    return services.gifts.send(viewers[viewer]!, { streamId: creators[creator]!.streamId, ...order });
  },
  cap: ({ services, viewers }, { viewer, period, coins }) =>
    services.wallets.caps.set(viewers[viewer]!.id, period, coins === null ? null : BigInt(coins)),
  // As if what raises wait for were over; behind the wallet's lock, as caps change.
  coolOff: ({ services: { db, wallets }, viewers }, { viewer }) =>
    db.inTransaction(async (sql) => {
      const { id } = viewers[viewer]!;
      await wallets.lock(sql, await wallets.accounts(sql, [accountNames.wallet(id)]));
      await rows(
        sql,
        `UPDATE spending_limit SET raise_gift_at = raise_gift_at - interval '24 hours', raise_day_at = raise_day_at - interval '24 hours',
             raise_month_at = raise_month_at - interval '24 hours' WHERE viewer_id = $1`,
        [id],
      );
    }),
  perform: async (world, { creator, place }) => {
    const reactionId = await reactionOf(world, creator, place);
    if (reactionId) await world.services.reactions.perform(world.creators[creator]!.actor, reactionId);
  },
  performNext: ({ services, creators }, { creator }) => {
    const { actor, streamId } = creators[creator]!;
    return services.reactions.performNext(actor, { streamId, idempotencyKey: randomUUID() });
  },
  skip: async (world, { creator, place }) => {
    const reactionId = await reactionOf(world, creator, place);
    if (reactionId) await world.services.reactions.skip(world.creators[creator]!.actor, reactionId);
  },
  auto: ({ services, creators }, { creator, enabled }) =>
    services.reactions.setAutoPerform(creators[creator]!.actor, enabled),
  goal: ({ services, creators, gifts }, { creator, kind, target }) => {
    const { actor, streamId } = creators[creator]!;
    const giftId = kind === 'GIFTS' ? gifts.get('Rose')! : null;
    const draft = { streamId, kind, title: 'A song', giftId, target, idempotencyKey: randomUUID() };
    return services.goals.startGoal(actor, draft);
  },
  endGoal: async (world, { creator, place }) => {
    const { actor, streamId } = world.creators[creator]!;
    const id = await pick(world, 'SELECT id FROM goal WHERE stream_id = $1', streamId, place);
    if (id) await world.services.goals.endGoal(actor, id);
  },
  box: ({ services, viewers, creators }, { viewer, creator, coins, shares }) => {
    const order = { coins: BigInt(coins), shares, opensInSeconds: 1_800, idempotencyKey: randomUUID() };
    return services.boxes.fund(viewers[viewer]!, { streamId: creators[creator]!.streamId, ...order });
  },
  claim: async (world, { viewer, place }) => {
    const boxId = await boxOf(world, place);
    if (!boxId) return;
    await world.pool.query(
      `UPDATE treasure_box SET opens_at = clock_timestamp(), closes_at = clock_timestamp() + interval '1 minute', due_at = clock_timestamp()
        WHERE id = $1 AND state = 'FUNDED'`,
      [boxId],
    );
    await world.services.boxes.claim(world.viewers[viewer]!, boxId);
  },
  closeBox: async (world, { place }) => {
    const boxId = await boxOf(world, place);
    await world.pool.query(
      `UPDATE treasure_box SET opens_at = least(opens_at, clock_timestamp()), closes_at = clock_timestamp(), due_at = clock_timestamp()
        WHERE id = $1 AND state <> 'CLOSED'`,
      [boxId],
    );
  },
  buy: (world, { viewer, token }) => buy(world, viewer, 700, token),
  bank: async ({ services, viewers }, { viewer, place, news }) => {
    const { purchases } = viewers[viewer]!;
    await services.payments.dispute(purchases[place % purchases.length]!, { state: news, reason: 'any' });
  },
  chat: ({ services, viewers, creators }, { viewer, creator }) =>
    services.streams.chat(viewers[viewer]!, {
      streamId: creators[creator]!.streamId,
      text: 'hello',
      idempotencyKey: randomUUID(),
    }),
  invite: ({ services, creators }, { creator }) => {
    const [own, other] = [creators[creator]!, creators[1 - creator]!];
    return services.battles.invite(own.actor, {
      streamId: own.streamId,
      opponentStreamId: other.streamId,
      durationSeconds: 30,
    });
  },
  accept: async ({ services, creators, pool }, { creator }) => {
    const { actor, streamId } = creators[creator]!;
    const { rows } = await pool.query(
      `SELECT id FROM battle WHERE opponent_stream_id = $1 AND state = 'INVITED' ORDER BY id DESC LIMIT 1`,
      [streamId],
    );
    if (rows[0]) await services.battles.accept(actor, BigInt(rows[0].id));
  },
  hasten: async (world, { place, msLeft }) => {
    const ids = world.creators.map(({ streamId }) => streamId);
    const id = await pick(world, `SELECT id FROM battle WHERE state = 'RUNNING' AND stream_id = ANY($1)`, ids, place);
    await world.pool.query(
      `UPDATE battle b SET ends_at = ends_at - m.by, started_at = started_at - m.by,
           factor_at = ARRAY(SELECT at - m.by FROM unnest(factor_at) at)
         FROM (SELECT ends_at - clock_timestamp() - make_interval(secs => $2::float8 / 1000) AS by FROM battle WHERE id = $1) m
        WHERE b.id = $1 AND b.state = 'RUNNING' AND m.by > interval '0'`,
      [id, msLeft],
    );
  },
  restart: async ({ services, creators }, { creator }) => {
    const own = creators[creator]!;
    await services.streams.end(own.actor, own.streamId);
    own.streamId = await services.streams.start(own.actor, 'Next');
  },
  mute: ({ services, viewers, creators }, { creator, on }) => {
    const { actor, streamId } = creators[creator]!;
    const measure = { streamId, viewerId: viewers[MUTED]!.id };
    const { moderation } = services;
    return on ? moderation.mute(actor, { ...measure, seconds: 600 }) : moderation.unmute(actor, measure);
  },
  payout: ({ services, creators }, { creator, diamonds }) =>
    services.payouts.flow.request(creators[creator]!.actor, {
      diamonds: BigInt(diamonds),
      idempotencyKey: randomUUID(),
    }),
};

async function buy({ services, viewers }: World, viewer: number, coins: number, paymentToken: string): Promise<void> {
  const pack = (await services.payments.coinPacks()).find((one) => one.coins === BigInt(coins))!;
  const order = { packId: pack.id, paymentToken, idempotencyKey: randomUUID() };
  const { purchase } = await services.payments.buyCoins(viewers[viewer]!, order);
  viewers[viewer]!.purchases.push(purchase.id);
}

/** One of the newest rows of a query; undefined when there is none. */
async function pick({ pool }: World, sql: string, of: unknown, place: number): Promise<bigint | undefined> {
  const { rows } = await pool.query<{ id: string }>(`${sql} ORDER BY id DESC LIMIT ${PICKED_FROM}`, [of]);
  return rows.length > 0 ? BigInt(rows[place % rows.length]!.id) : undefined;
}

function reactionOf(world: World, creator: number, place: number): Promise<bigint | undefined> {
  return pick(world, 'SELECT id FROM reaction WHERE stream_id = $1', world.creators[creator]!.streamId, place);
}

function boxOf(world: World, place: number): Promise<bigint | undefined> {
  const ids = world.creators.map(({ streamId }) => streamId);
  return pick(world, 'SELECT id FROM treasure_box WHERE stream_id = ANY($1)', ids, place);
}
