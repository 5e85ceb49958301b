/** Earning, cutting, settling, holding, paying out, failing and taking back, all at once: whatever the order, no diamond is lost or doubled. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Actor } from '../../src/domains/accounts/accounts.api.ts';
import type { Services } from '../../src/graphql/context.ts';
import { DomainError, type ErrorCode } from '../../src/kernel/errors.ts';
import { globalId } from '../integration/support/ids.ts';
import { expectEarningsBalanced, grantCoins, takeBack } from '../integration/support/payouts.ts';
import { QUIET } from '../integration/support/shared-server.ts';
import { testWith } from '../support/fixtures.ts';
import { freshHandle } from '../support/operations.ts';
import type { Server } from '../support/server.ts';

const NUM_RUNS = 15;
const CREATORS = 2;
const KEYS = 4;
const COINS = 400_000n;
const ACCOUNTS = [
  'acct_ok',
  'acct_ok',
  'acct_fails',
  'acct_timeout',
  'acct_timeout_fails',
  'acct_unreachable',
] as const;

// Nothing happens by itself: what settles, cuts and recovers are the actions.
const test = testWith(QUIET);

const of = { creator: fc.nat({ max: CREATORS - 1 }), key: fc.nat({ max: KEYS - 1 }) };
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('gift'),
      ...of,
      kind: fc.nat({ max: 2 }),
      quantity: fc.integer({ min: 1, max: 25 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('restart', 'cut', 'settle'), ...of }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('takeBack'), ...of, which: fc.nat() }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('payout'), ...of, diamonds: fc.constantFrom(2_000, 2_001, 3_000, 10_000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('account'), ...of, account: fc.constantFrom(...ACCOUNTS) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('recover', 'takenBackByProvider'), ...of }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hold'), ...of, diamonds: fc.constantFrom(1, 500, 2_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release'), ...of, which: fc.nat() }) },
);
type Action = {
  do: string;
  creator: number;
  key: number;
  kind?: number;
  quantity?: number;
  which?: number;
  diamonds?: number;
  account?: string;
};

type Creator = { actor: Actor; id: bigint; streamId: bigint };
type World = { server: Server; pool: Parameters<typeof takeBack>[1]; fan: Actor; operator: Actor; creators: Creator[] };

/** The refusals that each action may meet. */
const EXPECTED: Record<string, ErrorCode[]> = {
  gift: ['STREAM_NOT_LIVE', 'INSUFFICIENT_COINS'],
  restart: ['STREAM_ALREADY_LIVE'],
  payout: ['IDEMPOTENCY_CONFLICT', 'INSUFFICIENT_DIAMONDS', 'IDENTITY_REQUIRED', 'PAYOUT_LIMIT', 'PAYOUT_REFUSED'],
  hold: ['IDEMPOTENCY_CONFLICT', 'INSUFFICIENT_DIAMONDS'],
};

test('any of it, all at once, wave after wave', async ({ server, db }) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(action, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 }),
      async (waves) => {
        const world = await newWorld(server, db.pool);
        for (const wave of waves) {
          const errors = await Promise.all(wave.map((one) => perform(world, one)));
          for (const [index, error] of errors.entries()) {
            if (error) expect(EXPECTED[wave[index]!.do] ?? [], `${wave[index]!.do}: ${error}`).toContain(error.code);
          }
          await expectEarningsBalanced(db.pool);
        }
      },
    ),
    { numRuns: NUM_RUNS },
  );
}, 240_000);

async function newWorld(server: Server, pool: World['pool']): Promise<World> {
  const { services } = server.app;
  const person = async (handle: string) => (await services.accounts.signIn(handle)).viewer;
  const fan = await person(freshHandle());
  await pool.query(
    `INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES ('PLATFORM', 0, 'COIN', 'ISSUANCE') ON CONFLICT DO NOTHING`,
  );
  await grantCoins(pool, { id: globalId('Viewer', fan.id) }, COINS);
  const creators: Creator[] = [];
  for (let n = 0; n < CREATORS; n++) {
    const actor = await person(freshHandle('creator'));
    const streamId = await services.streams.start(actor, 'One');
    const { rows } = await pool.query('SELECT creator_id FROM stream WHERE id = $1', [streamId]);
    await services.payouts.identities.submit(actor, 'acct_ok');
    creators.push({ actor, id: BigInt(rows[0].creator_id), streamId });
  }
  const world = { server, pool, fan, operator: await person('operator'), creators };
  // Something to pay out from the beginning.
  for (const [n, creator] of creators.entries()) {
    await ACTIONS.gift!(world, creator, { do: 'gift', creator: n, key: 0, kind: 2, quantity: 10 });
    await ACTIONS.restart!(world, creator, { do: 'restart', creator: n, key: 0 });
    await ACTIONS.settle!(world, creator, { do: 'settle', creator: n, key: 0 });
  }
  return world;
}

/** Does one thing. Returns the refusal, if it was refused. */
async function perform(world: World, one: Action): Promise<DomainError | undefined> {
  try {
    await ACTIONS[one.do]!(world, world.creators[one.creator]!, one);
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

const services = (world: World): Services => world.server.app.services;

/** Changes rows beside the services, in no order that they know of: what loses in a deadlock is tried again, as theirs is. */
const update = (world: World, sql: string, id: bigint) =>
  services(world).db.inTransaction((transaction) => transaction.query(sql, [id]));
const KINDS = ['Rose', 'Ice Cream', 'Galaxy'];

const ACTIONS: Record<string, (world: World, creator: Creator, one: Action) => Promise<unknown>> = {
  gift: async (world, { streamId }, { kind, quantity }) => {
    const kinds = await services(world).gifts.list();
    const giftId = kinds.find(({ name }) => name === KINDS[kind!])!.id;
    const idempotencyKey = freshHandle();
    return services(world).gifts.send(world.fan, { streamId, giftId, quantity: quantity!, idempotencyKey });
  },
  restart: async (world, creator) => {
    await services(world).streams.end(creator.actor, creator.streamId);
    creator.streamId = await services(world).streams.start(creator.actor, 'Next');
  },
  cut: async (world, { streamId }) => {
    await update(world, `UPDATE stream SET started_at = started_at - interval '1 day' WHERE id = $1`, streamId);
    await update(world, `UPDATE earning SET closed_at = closed_at - interval '1 day' WHERE stream_id = $1`, streamId);
    await services(world).payouts.earnings.cut();
  },
  settle: async (world, { id }) => {
    await update(world, `UPDATE earning SET settles_at = now() WHERE creator_id = $1 AND state = 'PENDING'`, id);
    await services(world).payouts.earnings.settle();
  },
  takeBack: async (world, { id }, { which }) => {
    const { rows } = await world.pool.query(
      `SELECT g.stream_id, g.seq FROM gift_sent g JOIN stream s ON s.id = g.stream_id WHERE s.creator_id = $1 AND g.diamonds > 0 ORDER BY g.id`,
      [id],
    );
    const gift = rows[which! % Math.max(rows.length, 1)];
    if (gift)
      await takeBack(world.server, world.pool, { streamId: globalId('LiveStream', gift.stream_id) }, Number(gift.seq));
  },
  payout: (world, { actor }, { diamonds, key }) =>
    services(world).payouts.flow.request(actor, { diamonds: BigInt(diamonds!), idempotencyKey: `key ${key}` }),
  account: (world, { actor }, { account }) => services(world).payouts.identities.submit(actor, account!),
  recover: (world) => services(world).payouts.flow.recover(),
  takenBackByProvider: async (world, { id }) => {
    const { rows } = await world.pool.query(`SELECT id FROM payout WHERE creator_id = $1 ORDER BY id LIMIT 1`, [id]);
    if (rows[0]) await services(world).payouts.flow.takeBack(BigInt(rows[0].id));
  },
  hold: (world, { id }, { diamonds, key }) =>
    services(world).payouts.holds.hold(world.operator, {
      creatorId: id,
      diamonds: BigInt(diamonds!),
      reason: 'x',
      idempotencyKey: `${id} ${key}`,
    }),
  release: async (world, { id }, { which }) => {
    const { rows } = await world.pool.query('SELECT id FROM earnings_hold WHERE creator_id = $1 ORDER BY id', [id]);
    const hold = rows[which! % Math.max(rows.length, 1)];
    if (hold) await services(world).payouts.holds.release(world.operator, BigInt(hold.id));
  },
};
