/** Payouts that a crash or a silent provider left open: wherever that was, they end once, and failed ones give the diamonds back once. */
import type { Pool } from 'pg';
import { describe, expect } from 'vitest';
import { type PayoutProvider, payoutKey } from '../../src/domains/payouts/providers/provider.ts';
import { createSandboxPayouts } from '../../src/domains/payouts/providers/sandbox.ts';
import { mutate, signIn, succeed } from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { globalId, rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import {
  creatorRow,
  diamondsOf,
  type Earner,
  earner as earnerOf,
  expectEarningsBalanced,
  requestPayout,
} from './support/payouts.ts';
import { test as base, QUIET } from './support/shared-server.ts';

const test = base.extend(
  'earner',
  ({ server, db }) =>
    (account?: string) =>
      earnerOf(server, db.pool, 4_000, account),
);

/** Whatever a server does, this is what it stops at. */
class Crash extends Error {}

/** A server that dies at a step, as far as the payouts can tell: nothing behind it is done. */
async function crashing(url: string, step: 'before asking' | 'after asking'): Promise<Server> {
  let provider: PayoutProvider | undefined;
  const payoutProvider: PayoutProvider = {
    pay: async (request) => {
      provider ??= createSandboxPayouts(server.app.services.db);
      if (step === 'after asking') await provider.pay(request);
      throw new Crash();
    },
    check: async () => 'VERIFIED',
  };
  const { overrides } = QUIET;
  const community = { ...overrides.community, payoutProvider };
  const server = await startServer({ databaseUrl: url, overrides: { ...overrides, community } });
  return server;
}

/** The states of a creator's payouts, oldest first. */
async function statesOf(pool: Pool, { creator }: Pick<Earner, 'creator'>): Promise<string[]> {
  const { rows } = await pool.query('SELECT state FROM payout WHERE creator_id = $1 ORDER BY id', [
    await creatorRow(pool, creator),
  ]);
  return rows.map(({ state }) => state);
}

/** How often diamonds of a creator's moved for this reason. */
async function movesOf(pool: Pool, { creator }: Pick<Earner, 'creator'>, kind: string): Promise<number> {
  const { rows } = await pool.query(
    `SELECT count(*)::int AS count FROM transfer t JOIN payout p ON p.id = t.cause_id WHERE p.creator_id = $1 AND t.kind = $2`,
    [await creatorRow(pool, creator), kind],
  );
  return rows[0].count;
}

describe('a server that dies', () => {
  test.for([
    ['acct_ok', 'before asking', 'PAID'],
    ['acct_ok', 'after asking', 'PAID'],
    ['acct_fails', 'before asking', 'FAILED'],
    ['acct_fails', 'after asking', 'FAILED'],
  ] as const)(
    '(%s, %s the provider) leaves a payout that others finish, once: %s',
    async ([account, step, state], { db, server, earner }) => {
      const earned = await earner(account);
      const dying = await crashing(db.url, step);
      const other = await startServer({ ...QUIET, databaseUrl: db.url });
      try {
        const api = dying.http(earned.creator.token);
        await expect(requestPayout({ api }, 4_000)).rejects.toThrow('Unexpected error');
        expect(await statesOf(db.pool, earned)).toEqual(['SENT']);
        expect(await diamondsOf(db.pool, earned.creator)).toMatchObject({ AVAILABLE: 0n, HELD: 4_000n });
        await atOnce(6, (index) => (index % 2 ? server : other).app.services.payouts.flow.recover());
        expect(await statesOf(db.pool, earned)).toEqual([state]);
        const isPaid = state === 'PAID';
        expect(await diamondsOf(db.pool, earned.creator)).toMatchObject({
          AVAILABLE: isPaid ? 0n : 4_000n,
          HELD: 0n,
          PAID: isPaid ? 4_000n : 0n,
        });
        expect(await movesOf(db.pool, earned, isPaid ? 'PAYOUT_PAID' : 'PAYOUT_RETURNED')).toBe(1);
        await expectEarningsBalanced(db.pool);
      } finally {
        await Promise.all([dying.close(), other.close()]);
      }
    },
  );

  test('before it sends a payout leaves one that others send', async ({ db, server, earner }) => {
    const earned = await earner();
    succeed(await requestPayout(earned.creator, 2_000));
    // As the first SQL transaction of a payout leaves it.
    const { rows } = await db.pool.query(
      `INSERT INTO payout (creator_id, rate_id, requested, diamonds, amount_minor, currency, account_token, idempotency_key, day, try_at)
       SELECT creator_id, rate_id, requested, diamonds, amount_minor, currency, account_token, 'other', day, now() FROM payout
        WHERE creator_id = $1 RETURNING id`,
      [await creatorRow(db.pool, earned.creator)],
    );
    await db.pool.query(
      `SELECT wallet_post(ARRAY[a.id], ARRAY[h.id], ARRAY['DIAMOND'], ARRAY[2000::bigint], ARRAY['PAYOUT_REQUESTED'], ARRAY[$2::bigint], now())
         FROM ledger_account a, ledger_account h WHERE a.owner_id = $1 AND a.kind = 'AVAILABLE' AND h.owner_id = $1 AND h.kind = 'HELD'`,
      [await creatorRow(db.pool, earned.creator), rows[0].id],
    );
    await server.app.services.payouts.flow.recover();
    expect(await statesOf(db.pool, earned)).toEqual(['PAID', 'PAID']);
    expect(await diamondsOf(db.pool, earned.creator)).toMatchObject({ AVAILABLE: 0n, HELD: 0n, PAID: 4_000n });
    await expectEarningsBalanced(db.pool);
  });

  test('before it sends a payout whose account is not verified any more: the diamonds are back', async ({
    db,
    server,
    earner,
  }) => {
    const earned = await earner('acct_unreachable');
    expect(succeed(await requestPayout(earned.creator, 4_000)).payout.state).toBe('SENT');
    // As if it had died one step earlier.
    await db.pool.query(`UPDATE payout SET state = 'REQUESTED', sent_at = NULL WHERE creator_id = $1`, [
      await creatorRow(db.pool, earned.creator),
    ]);
    const operator = await signIn(server, 'operator');
    const creatorId = globalId('Creator', await creatorRow(db.pool, earned.creator));
    succeed(await mutate(operator.api, 'decideIdentity', { creatorId, decision: 'REJECTED' }));
    await atOnce(4, () => server.app.services.payouts.flow.recover());
    expect(await statesOf(db.pool, earned)).toEqual(['FAILED']);
    expect(await diamondsOf(db.pool, earned.creator)).toMatchObject({ AVAILABLE: 4_000n, HELD: 0n });
    await expectEarningsBalanced(db.pool);
  });
});

describe('a provider', () => {
  test('whose answer is lost is asked again with the same key, by whoever comes first', async ({
    db,
    server,
    earner,
  }) => {
    for (const [account, state] of [
      ['acct_timeout', 'PAID'],
      ['acct_timeout_fails', 'FAILED'],
    ] as const) {
      const earned = await earner(account);
      expect(succeed(await requestPayout(earned.creator, 4_000, 'key')).payout.state).toBe('SENT');
      await Promise.all([
        requestPayout(earned.creator, 4_000, 'key'),
        server.app.services.payouts.flow.recover(),
        requestPayout(earned.creator, 4_000, 'key'),
      ]);
      expect((await statesOf(db.pool, earned))[0]).toBe(state);
    }
  });

  test('that stays silent keeps a payout SENT and its diamonds held, however often it is asked', async ({
    db,
    server,
    earner,
  }) => {
    const earned = await earner('acct_unreachable');
    expect(succeed(await requestPayout(earned.creator, 4_000, 'key')).payout.state).toBe('SENT');
    for (let round = 0; round < 3; round++) await server.app.services.payouts.flow.recover();
    expect(succeed(await requestPayout(earned.creator, 4_000, 'key'))).toMatchObject({
      payout: { state: 'SENT', nextStates: ['PAID', 'FAILED'] },
      replayed: true,
    });
    expect(await diamondsOf(db.pool, earned.creator)).toMatchObject({ AVAILABLE: 0n, HELD: 4_000n });
    await expectEarningsBalanced(db.pool);
  });

  test('is asked about a payout by one server at a time', async ({ db, earner }) => {
    const earned = await earner('acct_unreachable');
    const asked: string[] = [];
    const payoutProvider: PayoutProvider = {
      pay: async ({ idempotencyKey }) => {
        asked.push(idempotencyKey);
        return { status: 'PAID', providerId: 'x' };
      },
      check: async () => 'VERIFIED',
    };
    const { overrides } = QUIET;
    const payouts = { ...overrides.community.payouts, tryAgainAfterMs: 3_600_000 };
    const patient = await startServer({
      databaseUrl: db.url,
      overrides: { ...overrides, community: { payoutProvider, payouts } },
    });
    try {
      // By a server that gives it back at once.
      const { payout } = succeed(await requestPayout(earned.creator, 4_000, 'key'));
      const times = () => asked.filter((key) => key === payoutKey(BigInt(rowOf(payout.id)))).length;
      const again = () => requestPayout({ api: patient.http(earned.creator.token) }, 4_000, 'key');
      await db.pool.query(`UPDATE payout SET try_at = now() + interval '1 hour' WHERE creator_id = $1`, [
        await creatorRow(db.pool, earned.creator),
      ]);
      await atOnce(5, again);
      await patient.app.services.payouts.flow.recover();
      expect(times(), 'somebody has it').toBe(0);
      await db.pool.query('UPDATE payout SET try_at = now() WHERE creator_id = $1', [
        await creatorRow(db.pool, earned.creator),
      ]);
      await atOnce(5, again);
      expect(times()).toBe(1);
    } finally {
      await patient.close();
    }
  });

  test('that tells of a failed payout that it was paid, or taken back, moves nothing', async ({
    db,
    server,
    earner,
  }) => {
    const earned = await earner('acct_fails');
    expect((await requestPayout(earned.creator, 4_000)).__typename).toBe('PayoutRefusedError');
    const { rows } = await db.pool.query('SELECT id FROM payout WHERE creator_id = $1', [
      await creatorRow(db.pool, earned.creator),
    ]);
    await server.app.services.payouts.flow.settle(BigInt(rows[0].id), { status: 'PAID', providerId: 'x' });
    await server.app.services.payouts.flow.takeBack(BigInt(rows[0].id));
    expect(await diamondsOf(db.pool, earned.creator)).toMatchObject({ AVAILABLE: 4_000n, PAID: 0n });
    await expectEarningsBalanced(db.pool);
  });
});

test('by itself a server settles what is due and finishes what is open', async ({ db }) => {
  const EVERY_MS = 20;
  const payouts = {
    settlementHoldMs: 0,
    cutIntervalMs: EVERY_MS,
    settleIntervalMs: EVERY_MS,
    recoveryIntervalMs: EVERY_MS,
    // Longer than a call takes on a slow machine: the answer that it loses is for the recovery to find.
    tryAgainAfterMs: 1_000,
    checkIdentityEveryMs: EVERY_MS,
  };
  const server = await startServer({ databaseUrl: db.url, overrides: { ...QUIET.overrides, community: { payouts } } });
  try {
    const { creator } = await earnerOf(server, db.pool, 4_000, 'acct_timeout');
    await expect.poll(() => diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 4_000n });
    expect(succeed(await requestPayout(creator, 4_000)).payout.state).toBe('SENT');
    await expect.poll(() => diamondsOf(db.pool, creator)).toMatchObject({ HELD: 0n, PAID: 4_000n });
  } finally {
    await server.close();
  }
  await expectEarningsBalanced(db.pool);
});
