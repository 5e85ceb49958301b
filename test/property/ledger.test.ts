/** The ledger's own rules, which no code above can break: they stand in the database. */
import fc from 'fast-check';
import { DatabaseError } from 'pg';
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import { buyCoins, sendGift, signIn, startStream, succeed } from '../support/operations.ts';

const AMOUNT_MAX = 2n ** 53n - 1n;
const NUM_RUNS = 80;
/** Postgres' code for what a trigger of ours refuses. */
const RESTRICT_VIOLATION = '23001';

/** The constraint or code with which Postgres refuses a statement; fails the test when it does not. */
async function refusal(
  pool: { query(sql: string, values?: unknown[]): Promise<unknown> },
  sql: string,
  values?: unknown[],
) {
  const error = await pool.query(sql, values).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof DatabaseError)) throw new Error(`not refused: ${sql} (${error})`);
  return error.constraint ?? error.code;
}

const POST = 'SELECT wallet_post($1, $2, $3, $4, $5, $6, clock_timestamp())';

/** Statements that would change what was written. */
const CHANGES = [
  'UPDATE transfer SET amount = amount + 1',
  'UPDATE transfer SET kind = kind',
  'DELETE FROM transfer',
  'TRUNCATE transfer',
  'TRUNCATE transfer, ledger_account CASCADE',
  'UPDATE gift_sent SET coins = 1',
  'DELETE FROM gift_sent',
  "UPDATE live_event SET payload = '{}'",
  'UPDATE rate_card SET diamonds = 0',
  'DELETE FROM rate_card',
];

test('what was written stays: transfers, gifts, events and rates cannot be changed or removed', async ({
  server,
  db,
}) => {
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  succeed(await buyCoins(viewer, { coins: 70 }));
  succeed(await sendGift(viewer, (await startStream(creator)).id));
  // TRUNCATE locks whole tables before it is refused: with what sweeps them it could end in a deadlock.
  await server.close();
  for (const change of CHANGES) expect(await refusal(db.pool, change), change).toBe(RESTRICT_VIOLATION);
  await expectBooksBalanced(db.pool);
});

test('no transfer mixes units, leaves the bounds, moves nothing, or moves between an account and itself', async ({
  db,
}) => {
  const account = async (unit: string, owner: number) => {
    const { rows } = await db.pool.query<{ id: string }>(
      "INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES ('PLATFORM', $1, $2, 'CLEARING') RETURNING id",
      [owner, unit],
    );
    return rows[0]!.id;
  };
  const [coins, others, diamonds] = [
    await account('COIN', 901),
    await account('COIN', 902),
    await account('DIAMOND', 903),
  ];
  const post = (debit: string, credit: string, unit: string, amount: bigint | string) =>
    refusal(db.pool, POST, [[debit], [credit], [unit], [amount], ['TEST'], [1]]);
  expect(await post(coins, diamonds, 'COIN', 1n)).toBe('transfer_credit_account_id_unit_fkey');
  expect(await post(diamonds, coins, 'COIN', 1n)).toBe('transfer_debit_account_id_unit_fkey');
  expect(await post(coins, others, 'DIAMOND', 1n)).toMatch(/^transfer_(debit|credit)_account_id_unit_fkey$/);
  expect(await post(coins, others, 'EUR', 1n)).toMatch(/^transfer_(debit|credit)_account_id_unit_fkey$/);
  for (const amount of [0n, -1n, AMOUNT_MAX + 1n])
    expect(await post(coins, others, 'COIN', amount)).toBe('transfer_amount_check');
  expect(await post(coins, coins, 'COIN', 1n)).toBe('transfer_check');
  await db.pool.query(POST, [[coins], [others], ['COIN'], [AMOUNT_MAX], ['TEST'], [1]]);
  // A balance stays within the same bounds, whichever account is the one that would leave them.
  expect(await post(coins, others, 'COIN', 1n)).toBe('ledger_account_balance_check');
  await expectBooksBalanced(db.pool);
});

test('an account cannot change its unit under its transfers', async ({ server, db }) => {
  succeed(await buyCoins(await signIn(server), { coins: 70 }));
  expect(await refusal(db.pool, "UPDATE ledger_account SET unit = 'EUR' WHERE balance > 0 AND unit = 'COIN'")).toMatch(
    /unit_fkey$/,
  );
});

test('a transfer is reversed once at the most', async ({ server, db }) => {
  succeed(await buyCoins(await signIn(server), { coins: 70 }));
  const reverse = `INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, reverses)
    SELECT credit_account_id, debit_account_id, unit, amount, 'REVERSAL', id, id FROM transfer
     WHERE id = (SELECT max(id) FROM transfer WHERE reverses IS NULL)`;
  await db.pool.query(reverse);
  expect(await refusal(db.pool, reverse)).toBe('transfer_reverses_once');
});

test('any posting moves all or nothing: wallets never go below zero, units sum to zero, balances are their transfers', async ({
  db,
}) => {
  const accounts = await db.pool.query<{ id: string; unit: string; kind: string }>(
    `INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
     SELECT 'PLATFORM', 800 + n, unit, CASE n WHEN 0 THEN 'ISSUANCE' ELSE 'WALLET' END
       FROM generate_series(0, 3) n, unnest(ARRAY['COIN', 'DIAMOND']) unit RETURNING id, unit, kind`,
  );
  const of = (unit: string) => accounts.rows.filter((account) => account.unit === unit);
  const balances = new Map(accounts.rows.map(({ id }) => [id, 0n]));
  const leg = fc.record({
    unit: fc.constantFrom('COIN', 'DIAMOND'),
    from: fc.nat({ max: 3 }),
    to: fc.nat({ max: 3 }),
    amount: fc.oneof(fc.bigInt({ min: 1n, max: 100n }), fc.bigInt({ min: 1n, max: 10_000n })),
  });
  const posting = fc.array(
    leg.filter(({ from, to }) => from !== to),
    { minLength: 1, maxLength: 6 },
  );
  const run = async (legs: { unit: string; from: number; to: number; amount: bigint }[]) => {
    const moves = legs.map(({ unit, from, to, amount }) => ({
      unit,
      amount,
      debit: of(unit)[from]!,
      credit: of(unit)[to]!,
    }));
    const after = new Map(balances);
    for (const { debit, credit, amount } of moves) {
      after.set(debit.id, after.get(debit.id)! - amount);
      after.set(credit.id, after.get(credit.id)! + amount);
    }
    const allowed = accounts.rows.every(({ id, kind }) => kind === 'ISSUANCE' || after.get(id)! >= 0n);
    const values = [
      moves.map(({ debit }) => debit.id),
      moves.map(({ credit }) => credit.id),
      moves.map(({ unit }) => unit),
      moves.map(({ amount }) => amount),
      moves.map(() => 'TEST'),
      moves.map(() => 1),
    ];
    if (allowed) {
      await db.pool.query(POST, values);
      for (const [id, balance] of after) balances.set(id, balance);
    } else {
      expect(await refusal(db.pool, POST, values)).toBe('ledger_account_balance_check');
    }
    const { rows } = await db.pool.query<{ id: string; balance: string }>(
      'SELECT id, balance FROM ledger_account WHERE id = ANY($1)',
      [[...balances.keys()]],
    );
    expect(new Map(rows.map(({ id, balance }) => [id, BigInt(balance)]))).toEqual(balances);
  };
  await fc.assert(fc.asyncProperty(posting, run), { numRuns: NUM_RUNS, endOnFailure: true });
  await expectBooksBalanced(db.pool);
});
