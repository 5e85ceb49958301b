/** Purchases, gifts, skips and banks in any order, several at once: no coin and no diamond is lost, and nobody owes what they still have. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import type { Services } from '../../src/graphql/context.ts';
import { DomainError } from '../../src/kernel/errors.ts';
import { expectEarningsBalanced } from '../integration/support/payouts.ts';
import { connectReverser, type Reverser } from '../integration/support/reversals.ts';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { freshHandle } from '../support/operations.ts';

const NUM_RUNS = 15;
const VIEWERS = 2;
const STREAMS = 3;
/** Small, so that reversals take several SQL transactions. */
const GIFTS_PER_STEP = 2;

const test = testOn({
  overrides: {
    ...QUIET.overrides,
    payments: {
      ...QUIET.overrides.payments,
      disputes: { ...QUIET.overrides.payments.disputes, giftsPerStepMax: GIFTS_PER_STEP },
    },
  },
});

const viewer = fc.nat({ max: VIEWERS - 1 });
const place = fc.nat({ max: 1_000 });
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('buy' as const), viewer, coins: fc.constantFrom(70, 350) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      viewer,
      stream: fc.nat({ max: STREAMS - 1 }),
      kind: fc.constantFrom('Rose', 'Ice Cream', 'Heart'),
      quantity: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('box' as const),
      viewer,
      stream: fc.nat({ max: STREAMS - 1 }),
      coins: fc.integer({ min: 1, max: 100 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('skip' as const), viewer, place }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('bank' as const),
      viewer,
      place,
      news: fc.constantFrom('OPEN' as const, 'OPEN' as const, 'LOST' as const, 'WON' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const), stream: fc.nat({ max: STREAMS - 1 }) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

type World = { services: Services; pool: Pool; reverser: Reverser; viewers: Person[]; streams: Stream[] };
type Person = Awaited<ReturnType<Services['accounts']['signIn']>>['viewer'] & { purchases: bigint[] };
type Stream = { id: bigint; creator: Person };

async function makeWorld(services: Services, pool: Pool, reverser: Reverser): Promise<World> {
  const person = async (): Promise<Person> => ({
    ...(await services.accounts.signIn(freshHandle('p'))).viewer,
    purchases: [],
  });
  const streams: Stream[] = [];
  for (let index = 0; index < STREAMS; index++) {
    const creator = await person();
    streams.push({ id: await services.streams.start(creator, 'a stream'), creator });
  }
  return { services, pool, reverser, streams, viewers: [await person(), await person()] };
}

/** Does it; that something is refused is an outcome, too. */
async function perform(world: World, step: Action): Promise<void> {
  const { services, pool, reverser } = world;
  switch (step.do) {
    case 'buy': {
      const who = world.viewers[step.viewer]!;
      const pack = (await services.payments.coinPacks()).find(({ coins }) => coins === BigInt(step.coins))!;
      const order = { packId: pack.id, paymentToken: 'tok_ok', idempotencyKey: randomUUID() };
      who.purchases.push((await services.payments.buyCoins(who, order)).purchase.id);
      return;
    }
    case 'send': {
      const gift = (await services.gifts.list()).find(({ name }) => name === step.kind)!;
      const { id: streamId } = world.streams[step.stream]!;
      const order = { streamId, giftId: gift.id, quantity: step.quantity, idempotencyKey: randomUUID() };
      await services.gifts.send(world.viewers[step.viewer]!, order).catch(refused);
      return;
    }
    case 'box': {
      const { id: streamId } = world.streams[step.stream]!;
      const order = {
        streamId,
        coins: BigInt(step.coins),
        shares: 1,
        opensInSeconds: 1_800,
        idempotencyKey: randomUUID(),
      };
      await services.boxes.fund(world.viewers[step.viewer]!, order).catch(refused);
      return;
    }
    case 'skip': {
      const { rows } = await pool.query('SELECT id FROM gift_sent WHERE viewer_id = $1 ORDER BY id', [
        world.viewers[step.viewer]!.id,
      ]);
      if (rows.length > 0) await reverser.reverse([BigInt(rows[step.place % rows.length].id)]);
      return;
    }
    case 'bank': {
      const { purchases } = world.viewers[step.viewer]!;
      const id = purchases[step.place % purchases.length];
      if (id !== undefined) await services.payments.dispute(id, { state: step.news, reason: 'any' });
      return;
    }
    case 'settle': {
      const { id, creator } = world.streams[step.stream]!;
      await services.streams.end(creator, id);
      // As the services change rows: what loses in a deadlock is tried again.
      await services.db.inTransaction((sql) =>
        sql.query(`UPDATE earning SET settles_at = now() - interval '1 s' WHERE stream_id = $1 AND state = 'PENDING'`, [
          id,
        ]),
      );
      await services.payouts.earnings.settle();
    }
  }
}

function refused(error: unknown): void {
  if (!(error instanceof DomainError)) throw error;
}

/** What of each viewer is where. Nothing may be under way. */
async function expectTrue({ pool, viewers }: World): Promise<void> {
  const { rows } = await pool.query(
    `SELECT v.id,
       (SELECT balance FROM ledger_account WHERE id = v.wallet_id)::int AS wallet,
       coalesce((SELECT -balance FROM ledger_account WHERE owner_type = 'VIEWER' AND owner_id = v.id AND kind = 'DEBT'), 0)::int AS debt,
       coalesce((SELECT sum(coins) FROM gift_sent g WHERE g.viewer_id = v.id
          AND NOT EXISTS (SELECT 1 FROM gift_reversal r WHERE r.gift_sent_id = g.id)), 0)::int AS given,
       coalesce((SELECT sum(coins) FROM stream_gifter WHERE viewer_id = v.id), 0)::int AS board,
       coalesce((SELECT sum(CASE kind WHEN 'BOX_FUNDED' THEN amount ELSE -amount END) FROM transfer WHERE kind IN ('BOX_FUNDED', 'BOX_RETURNED')
          AND v.wallet_id IN (debit_account_id, credit_account_id)), 0)::int AS boxes,
       coalesce((SELECT sum(p.coins) FROM coin_purchase p WHERE p.viewer_id = v.id AND p.state = 'SUCCEEDED' AND NOT EXISTS (
          SELECT 1 FROM coin_dispute d WHERE d.purchase_id = p.id AND d.state <> 'WON')), 0)::int AS paid_for,
       (SELECT count(*) FROM coin_dispute d JOIN coin_purchase p ON p.id = d.purchase_id
         WHERE p.viewer_id = v.id AND d.state = 'REVERSING')::int AS unfinished
       FROM viewer v WHERE v.id = ANY($1)`,
    [viewers.map(({ id }) => id)],
  );
  for (const { wallet, debt, given, board, boxes, paid_for: paidFor, unfinished } of rows) {
    expect(wallet + given + boxes - debt, 'what was paid for is in the wallet, given, or in boxes').toBe(paidFor);
    expect(board).toBe(given);
    expect(unfinished).toBe(0);
    if (debt > 0) expect([wallet, given], 'who owes has nothing left that could be taken').toEqual([0, 0]);
  }
}

test('in any order, several at once', { timeout: 180_000 }, async ({ db, server }) => {
  const reverser = connectReverser(db.url);
  try {
    const run = async (rounds: Action[][]) => {
      const world = await makeWorld(server.app.services, db.pool, reverser);
      for (const round of rounds) {
        await Promise.all(round.map((step) => perform(world, step)));
        await expectTrue(world);
      }
    };
    const round = fc.array(action, { minLength: 1, maxLength: 5 });
    await fc.assert(fc.asyncProperty(fc.array(round, { minLength: 4, maxLength: 14 }), run), {
      numRuns: NUM_RUNS,
      endOnFailure: true,
    });
    await expectEarningsBalanced(db.pool);
  } finally {
    await reverser.close();
  }
});
