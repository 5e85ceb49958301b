/** Payouts by Stripe Connect, through its package and over HTTP: who is paid once, what is never guessed, and what its events do. */
import type { Pool } from 'pg';
import { test as base, describe, expect } from 'vitest';
import { cloneDatabase } from '../support/database.ts';
import { freshHandle, mutate, signIn, startStream, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { deliver, STRIPE_SECRETS, type StripeStub, startStripeStub, stripeEvent } from '../support/stripe-stub.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import {
  creatorRow,
  diamondsOf,
  type Earner,
  earnSettled,
  expectEarningsBalanced,
  requestPayout,
} from './support/payouts.ts';
import { QUIET } from './support/shared-server.ts';

const TRANSFER = /^POST \/v1\/transfers$/;
const LIST = /^GET \/v1\/transfers$/;
const KEY = 'hadiya_key';
/** How long the servers wait for a stub that says nothing; one that answers does so sooner, also on a slow machine. */
const SILENCE_MS = 1_000;

type Paid = Pick<Earner, 'creator'> & { account: string };

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('stub', { scope: 'file' }, async ({}, { onCleanup }) => {
    const stub = await startStripeStub();
    onCleanup(() => stub.close());
    return stub;
  })
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  .extend('db', { scope: 'file' }, async ({}, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  .extend('servers', { scope: 'file' }, async ({ db, stub }, { onCleanup }) => {
    const start = () =>
      startServer({
        databaseUrl: db.url,
        config: { stripe: STRIPE_SECRETS },
        overrides: { ...QUIET.overrides, stripe: { ...stub.options, silenceMsMax: SILENCE_MS } },
      });
    const servers = await Promise.all([start(), start()]);
    onCleanup(async () => {
      await Promise.all(servers.map((server) => server.close()));
    });
    return servers;
  })
  .extend('server', ({ servers }) => servers[0])
  /** A creator with 4,000 diamonds available and an account at Stripe that is theirs. */
  .extend('paid', async ({ db, server, stub }): Promise<Paid> => {
    const creator = await signIn(server, freshHandle('creator'));
    await earnSettled(server, db.pool, creator, 4_000);
    const account = `acct_${rowOf(creator.id)}`;
    stub.books.open(account, { metadata: { [KEY]: `creator:${await creatorRow(db.pool, creator)}` } });
    expect(succeed(await mutate(creator.api, 'submitIdentity', { accountToken: account }))).toMatchObject({
      identity: { status: 'VERIFIED' },
    });
    return { creator, account };
  });

/** The transfers to an account, newest first. */
const transfersTo = (stub: StripeStub, account: string) =>
  stub.books.transfers.filter(({ destination }) => destination === account);

/** Where the payouts of a creator stand, oldest first. */
async function statesOf(pool: Pool, { creator }: Paid): Promise<string[]> {
  const { rows } = await pool.query('SELECT state FROM payout WHERE creator_id = $1 ORDER BY id', [
    await creatorRow(pool, creator),
  ]);
  return rows.map(({ state }) => state);
}

describe('a payout', () => {
  test('is one transfer to the connected account, named by its key and the deployment', async ({ db, stub, paid }) => {
    expect(succeed(await requestPayout(paid.creator, 4_000)).payout.state).toBe('PAID');
    const [transfer, ...others] = transfersTo(stub, paid.account);
    expect(others).toEqual([]);
    expect(transfer).toMatchObject({
      amount: 2_000,
      currency: 'usd',
      metadata: { [KEY]: expect.stringMatching(/^payout:\d+$/) },
    });
    expect(transfer!.transfer_group).toMatch(/^\w{12}:payout:\d+$/);
    const request = stub.requests.find(({ params }) => params.destination === paid.account);
    expect(request!.key).toBe(transfer!.transfer_group);
    expect(await diamondsOf(db.pool, paid.creator)).toMatchObject({ AVAILABLE: 0n, HELD: 0n, PAID: 4_000n });
  });

  test.for([
    ['before', 'break'],
    ['before', 'hang'],
    ['before', 503],
    ['before', 500],
    ['after', 'break'],
    ['after', 'hang'],
    ['after', 503],
    ['after', 500],
  ] as const)(
    'that goes wrong %s it is made (%s) is SENT or PAID, and in the end paid once',
    async ([when, how], { db, server, stub, paid }) => {
      stub.fail(TRANSFER, { when, how, times: how === 500 ? 1 : 2 });
      const { payout } = succeed(await requestPayout(paid.creator, 4_000));
      if (how !== 500) expect(payout.state).toBe('SENT');
      expect(await diamondsOf(db.pool, paid.creator)).toMatchObject({ AVAILABLE: 0n });
      stub.forgetKeys(); // As after a day.
      await server.app.services.payouts.flow.recover();
      expect(await statesOf(db.pool, paid)).toEqual(['PAID']);
      expect(transfersTo(stub, paid.account)).toHaveLength(1);
      await expectEarningsBalanced(db.pool);
    },
  );

  test('is one, however many ask for it on two servers at once', async ({ db, servers, stub, paid }) => {
    const outcomes = await atOnce(20, (index) =>
      requestPayout({ api: servers[index % 2]!.http(paid.creator.token) }, 4_000, 'once'),
    );
    for (const outcome of outcomes) expect(['SENT', 'PAID']).toContain(succeed(outcome).payout.state);
    await servers[0].app.services.payouts.flow.recover();
    expect(await statesOf(db.pool, paid)).toEqual(['PAID']);
    expect(transfersTo(stub, paid.account)).toHaveLength(1);
    await expectEarningsBalanced(db.pool);
  });

  test('that Stripe refuses has failed, and the diamonds are back', async ({ db, stub, paid }) => {
    stub.books.accounts.get(paid.account)!.capabilities = { transfers: 'inactive' };
    expect(await requestPayout(paid.creator, 4_000)).toMatchObject({
      __typename: 'PayoutRefusedError',
      failure: 'REFUSED',
    });
    expect(await diamondsOf(db.pool, paid.creator)).toMatchObject({ AVAILABLE: 4_000n, HELD: 0n });
    await expectEarningsBalanced(db.pool);
  });

  test('that our own balance does not cover waits until it does', async ({ db, server, stub, paid }) => {
    const { balance } = stub.books;
    stub.books.balance = 100;
    expect(succeed(await requestPayout(paid.creator, 4_000)).payout.state).toBe('SENT');
    await server.app.services.payouts.flow.recover();
    expect(await statesOf(db.pool, paid)).toEqual(['SENT']);
    stub.books.balance = balance;
    await server.app.services.payouts.flow.recover();
    expect(await statesOf(db.pool, paid)).toEqual(['PAID']);
    await expectEarningsBalanced(db.pool);
  });

  test('is not made while it cannot be told whether it was', async ({ db, server, stub, paid }) => {
    stub.fail(LIST, { when: 'before', how: 503, times: 4 });
    expect(succeed(await requestPayout(paid.creator, 4_000)).payout.state).toBe('SENT');
    await server.app.services.payouts.flow.recover();
    expect(transfersTo(stub, paid.account)).toEqual([]);
    await server.app.services.payouts.flow.recover();
    expect(await statesOf(db.pool, paid)).toEqual(['PAID']);
  });
});

describe('an event', () => {
  test('pays a payout whose answer was lost, once, however often it comes', async ({ db, server, stub, paid }) => {
    stub.fail(TRANSFER, { when: 'after', how: 'break', times: 2 });
    expect(succeed(await requestPayout(paid.creator, 4_000)).payout.state).toBe('SENT');
    const [transfer] = transfersTo(stub, paid.account);
    const event = stripeEvent('transfer.created', transfer!);
    const again = stripeEvent('transfer.updated', transfer!);
    expect(await atOnce(6, (index) => deliver(server.url, index % 2 ? event : again))).toEqual(Array(6).fill(200));
    expect(await statesOf(db.pool, paid)).toEqual(['PAID']);
    await expectEarningsBalanced(db.pool);
  });

  test.for([true, false])(
    'of a transfer that was taken back gives the diamonds back, once (answer heard: %s)',
    async (heard, { db, server, stub, paid }) => {
      if (!heard) stub.fail(TRANSFER, { when: 'after', how: 'break', times: 2 });
      expect(succeed(await requestPayout(paid.creator, 4_000)).payout.state).toBe(heard ? 'PAID' : 'SENT');
      const transfer = stub.books.reverse(transfersTo(stub, paid.account)[0]!.id);
      const events = [1, 2, 3].map(() => stripeEvent('transfer.reversed', transfer));
      expect(await Promise.all(events.map((event) => deliver(server.url, event)))).toEqual([200, 200, 200]);
      expect(await deliver(server.url, stripeEvent('transfer.created', transfer))).toBe(200);
      await server.app.services.payouts.flow.recover();
      expect(await statesOf(db.pool, paid)).toEqual(['FAILED']);
      expect(await diamondsOf(db.pool, paid.creator)).toMatchObject({ AVAILABLE: 4_000n, HELD: 0n, PAID: 0n });
      await expectEarningsBalanced(db.pool);
    },
  );

  test('of a part that was taken back changes nothing: somebody has to look', async ({ db, server, stub, paid }) => {
    succeed(await requestPayout(paid.creator, 4_000));
    const transfer = stub.books.reverse(transfersTo(stub, paid.account)[0]!.id, 500);
    expect(await deliver(server.url, stripeEvent('transfer.reversed', transfer))).toBe(200);
    expect(await statesOf(db.pool, paid)).toEqual(['PAID']);
  });

  test('of a transfer of somebody else is none of ours; one that is not there is sent again', async ({
    server,
    stub,
    paid,
  }) => {
    const params = { amount: '100', currency: 'usd', destination: paid.account };
    for (const more of [{}, { transfer_group: 'other:payout:1', 'metadata[hadiya_key]': 'payout:1' }]) {
      const foreign = stub.books.transfer({ ...params, ...more } as Record<string, string>);
      expect(await deliver(server.url, stripeEvent('transfer.reversed', foreign))).toBe(200);
    }
    expect(await deliver(server.url, stripeEvent('transfer.reversed', { id: 'tr_none' }))).toBe(500);
    expect(await deliver(server.url, stripeEvent('transfer.reversed', { id: 'tr_1' }), null)).toBe(400);
  });
});

describe('an account', () => {
  test.for([
    ['that is not there', undefined, 'REJECTED'],
    ['that Stripe has rejected', { requirements: { disabled_reason: 'rejected.fraud' } }, 'REJECTED'],
    ["that is another creator's", { metadata: { [KEY]: 'creator:999999' } }, 'REJECTED'],
    ['of nobody, as far as is written', { metadata: {} }, 'PENDING'],
    ['that cannot be paid yet', { capabilities: { transfers: 'pending' as const } }, 'PENDING'],
    ['that cannot pay out', { payouts_enabled: false }, 'PENDING'],
  ] as const)('%s', async ([, fields, status], { db, server, stub }) => {
    const creator = await signIn(server, freshHandle('creator'));
    await startStream(creator);
    const accountToken = `acct_${rowOf(creator.id)}`;
    const metadata = { [KEY]: `creator:${await creatorRow(db.pool, creator)}` };
    if (fields) stub.books.open(accountToken, { metadata, ...fields });
    const { identity } = succeed(
      await mutate<{ identity: { status: string } }>(creator.api, 'submitIdentity', { accountToken }),
    );
    expect(identity.status).toBe(status);
    if (status !== 'PENDING') return;
    stub.books.open(accountToken, { metadata });
    await server.app.services.payouts.identities.checkOpen();
    const { rows } = await db.pool.query('SELECT status FROM creator_identity WHERE account_token = $1', [
      accountToken,
    ]);
    expect(rows, 'it is asked again').toEqual([{ status: 'VERIFIED' }]);
  });

  test('whose name is none of Stripe’s is not asked about', async ({ server, stub }) => {
    const creator = await signIn(server, freshHandle('creator'));
    await startStream(creator);
    const asked = stub.requests.length;
    for (const accountToken of ['tok_ok', 'acct_1/../balance', 'acct_']) {
      expect(succeed(await mutate(creator.api, 'submitIdentity', { accountToken }))).toMatchObject({
        identity: { status: 'REJECTED' },
      });
    }
    expect(stub.requests).toHaveLength(asked);
  });

  test('that cannot be asked about now is asked about later', async ({ db, server, stub }) => {
    const creator = await signIn(server, freshHandle('creator'));
    await startStream(creator);
    const accountToken = `acct_${rowOf(creator.id)}`;
    stub.books.open(accountToken, { metadata: { [KEY]: `creator:${await creatorRow(db.pool, creator)}` } });
    stub.fail(/^GET \/v1\/accounts/, { when: 'before', how: 503, times: 2 });
    expect(succeed(await mutate(creator.api, 'submitIdentity', { accountToken }))).toMatchObject({
      identity: { status: 'PENDING' },
    });
    await server.app.services.payouts.identities.checkOpen();
    const { rows } = await db.pool.query('SELECT status FROM creator_identity WHERE account_token = $1', [
      accountToken,
    ]);
    expect(rows).toEqual([{ status: 'VERIFIED' }]);
  });
});
