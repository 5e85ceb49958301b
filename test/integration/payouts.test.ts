/** Diamonds for money: what is paid, what is refused, and what is never paid twice. */
import { describe, expect } from 'vitest';
import {
  endStream,
  freshHandle,
  mutate,
  query,
  type Refusal,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { globalId, wrongIds } from './support/ids.ts';
import { atOnce, tally } from './support/outcomes.ts';
import {
  creatorRow,
  diamondsOf,
  earner as earnerOf,
  expectEarningsBalanced,
  grantCoins,
  type Payout,
  requestPayout,
  takeBack,
} from './support/payouts.ts';
import { test as base } from './support/shared-server.ts';

const test = base
  .extend(
    'earner',
    ({ server, db }) =>
      (diamonds: number, account?: string) =>
        earnerOf(server, db.pool, diamonds, account),
  )
  .extend('operator', ({ server }) => signIn(server, 'operator'));

/** As if all payouts of the creator were asked for on another UTC day. */
const MOVE_DAYS = 'UPDATE payout SET day = day + $2::int WHERE creator_id = $1';

describe('a payout', () => {
  test('pays available diamonds at the rate, in whole cents, and follows them', async ({ db, earner }) => {
    const { creator } = await earner(5_000);
    const { payout, replayed } = succeed(await requestPayout(creator, 2_001));
    expect(replayed).toBe(false);
    expect(payout).toMatchObject({
      state: 'PAID',
      nextStates: ['FAILED'],
      requestedDiamonds: 2_001,
      diamonds: 2_000,
      amount: { minorUnits: 1_000, currency: 'USD' },
      rateDiamonds: 200,
      failure: null,
    });
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 3_000n, HELD: 0n, PAID: 2_000n });
    const document = `query Mine($handle: String!, $id: ID!) {
      node(id: $id) { ... on Payout { state } }
      creator(handle: $handle) { earnings { availableDiamonds heldDiamonds paidDiamonds debtDiamonds lifetimeDiamonds
        identity { status } payouts(first: 1) { totalCount edges { node { id state } } } } } }`;
    const variables = { handle: creator.handle, id: payout.id };
    expect(await query(creator.api, document, variables)).toEqual({
      node: { state: 'PAID' },
      creator: {
        earnings: {
          availableDiamonds: 3_000,
          heldDiamonds: 0,
          paidDiamonds: 2_000,
          debtDiamonds: 0,
          lifetimeDiamonds: 5_000,
          identity: { status: 'VERIFIED' },
          payouts: { totalCount: 1, edges: [{ node: { id: payout.id, state: 'PAID' } }] },
        },
      },
    });
    const { fan } = await earner(500);
    expect(await query(fan.api, document, variables)).toEqual({ node: null, creator: { earnings: null } });
    await expectEarningsBalanced(db.pool);
  });

  test('is one, however often and at once its key is sent; the key of another input is refused', async ({
    db,
    earner,
  }) => {
    const { creator } = await earner(4_000);
    const outcomes = await atOnce(30, () => requestPayout(creator, 4_000, 'once'));
    expect(tally(outcomes)).toEqual({ RequestPayoutSuccess: 30 });
    const payouts = outcomes.map((outcome) => succeed(outcome));
    expect(new Set(payouts.map(({ payout }) => payout.id)).size).toBe(1);
    expect(payouts.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect((await requestPayout(creator, 3_000, 'once')).__typename).toBe('IdempotencyConflictError');
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 0n, PAID: 4_000n });
    await expectEarningsBalanced(db.pool);
  });

  test('of more than is available is refused; of several at once those are made that it covers', async ({
    db,
    earner,
  }) => {
    const { creator } = await earner(10_000);
    expect(await requestPayout(creator, 10_001)).toMatchObject({
      __typename: 'InsufficientDiamondsError',
      required: 10_001,
      available: 10_000,
    });
    const outcomes = await atOnce(10, () => requestPayout(creator, 3_000));
    expect(tally(outcomes)).toEqual({ RequestPayoutSuccess: 3, InsufficientDiamondsError: 7 });
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 1_000n, HELD: 0n, PAID: 9_000n });
    await expectEarningsBalanced(db.pool);
  });
});

describe('a payout that is not made', () => {
  test('because it fails gives the diamonds back, once, and frees its key', async ({ db, earner }) => {
    const { creator } = await earner(4_000, 'acct_fails');
    expect(await requestPayout(creator, 4_000, 'key')).toMatchObject({
      __typename: 'PayoutRefusedError',
      failure: 'REFUSED',
    });
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 4_000n, HELD: 0n, PAID: 0n });
    succeed(await mutate(creator.api, 'submitIdentity', { accountToken: 'acct_ok' }));
    expect(succeed(await requestPayout(creator, 4_000, 'key'))).toMatchObject({
      replayed: false,
      payout: { state: 'PAID' },
    });
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 0n, HELD: 0n, PAID: 4_000n });
    await expectEarningsBalanced(db.pool);
  });

  test('because nobody is signed in, or is no creator', async ({ server, viewer }) => {
    expect((await requestPayout({ api: server.http() }, 2_000)).__typename).toBe('NotSignedInError');
    expect((await requestPayout(viewer, 2_000)).__typename).toBe('ForbiddenError');
    expect((await mutate(viewer.api, 'submitIdentity', { accountToken: 'acct_ok' })).__typename).toBe('ForbiddenError');
  });

  test.for([0, -1, 2 ** 53 - 1])('because it is of %s diamonds', async (diamonds, { earner }) => {
    const { creator } = await earner(500);
    const outcome = await requestPayout(creator, diamonds);
    expect(outcome.__typename).toBe(diamonds > 0 ? 'InsufficientDiamondsError' : 'InvalidInputError');
  });
});

describe('limits', () => {
  test('a payout is 10 dollars at least', async ({ earner }) => {
    const { creator } = await earner(2_000);
    expect(await requestPayout(creator, 1_999)).toMatchObject({
      __typename: 'PayoutLimitError',
      minimum: { minorUnits: 1_000 },
      remaining: { minorUnits: 100_000 },
    });
    succeed(await requestPayout(creator, 2_000));
  });

  test('all of a UTC day are 1,000 dollars at the most, also at once; what failed does not count', async ({
    db,
    earner,
  }) => {
    const { creator } = await earner(300_000, 'acct_fails');
    expect((await requestPayout(creator, 200_000)).__typename).toBe('PayoutRefusedError');
    succeed(await mutate(creator.api, 'submitIdentity', { accountToken: 'acct_ok' }));
    expect((await requestPayout(creator, 200_200)).__typename).toBe('PayoutLimitError');
    const outcomes = await atOnce(8, () => requestPayout(creator, 60_000));
    expect(tally(outcomes)).toEqual({ RequestPayoutSuccess: 3, PayoutLimitError: 5 });
    const refused = (await requestPayout(creator, 30_000)) as Refusal;
    expect(refused).toMatchObject({ __typename: 'PayoutLimitError', remaining: { minorUnits: 10_000 } });
    expect(new Date(refused.resetsAt as string).toISOString()).toMatch(/T00:00:00\.000Z$/);
    expect(Date.parse(refused.resetsAt as string)).toBeGreaterThan(Date.now());
    await db.pool.query(MOVE_DAYS, [await creatorRow(db.pool, creator), -1]);
    expect((await requestPayout(creator, 30_000)).__typename, 'another day').toBe('RequestPayoutSuccess');
    await expectEarningsBalanced(db.pool);
  });

  test('a clock that jumps back opens no day anew', async ({ db, earner }) => {
    const { creator } = await earner(250_000);
    succeed(await requestPayout(creator, 200_000));
    await db.pool.query(MOVE_DAYS, [await creatorRow(db.pool, creator), 3]);
    expect((await requestPayout(creator, 20_000)).__typename).toBe('PayoutLimitError');
  });
});

describe('identity', () => {
  test('nothing is paid before it is verified; an operator decides what the provider leaves open', async ({
    db,
    earner,
    operator,
  }) => {
    const { creator } = await earner(4_000, 'acct_review');
    const creatorId = globalId('Creator', await creatorRow(db.pool, creator));
    expect(await requestPayout(creator, 4_000)).toMatchObject({
      __typename: 'IdentityRequiredError',
      status: 'PENDING',
    });
    const decide = (decision: string) => mutate(operator.api, 'decideIdentity', { creatorId, decision });
    expect(succeed(await decide('VERIFIED'))).toMatchObject({ identity: { status: 'VERIFIED' }, replayed: false });
    expect(succeed(await decide('VERIFIED'))).toMatchObject({ replayed: true });
    succeed(await requestPayout(creator, 2_000));
    expect(succeed(await decide('REJECTED'))).toMatchObject({ identity: { status: 'REJECTED' } });
    expect((await decide('VERIFIED')).__typename, 'rejected is rejected').toBe('ForbiddenError');
    expect(await requestPayout(creator, 2_000)).toMatchObject({ status: 'REJECTED' });
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 2_000n, PAID: 2_000n });
  });

  test('the same account again changes nothing, another one is checked anew', async ({ earner }) => {
    const { creator } = await earner(4_000, 'acct_rejected');
    const submit = (accountToken: string) => mutate(creator.api, 'submitIdentity', { accountToken });
    expect(succeed(await submit('acct_rejected'))).toMatchObject({ identity: { status: 'REJECTED' }, replayed: true });
    expect(await requestPayout(creator, 4_000)).toMatchObject({ status: 'REJECTED' });
    expect(succeed(await submit('acct_ok'))).toMatchObject({ identity: { status: 'VERIFIED' }, replayed: false });
    expect(succeed(await submit('acct_review'))).toMatchObject({ identity: { status: 'PENDING', decidedAt: null } });
    expect(succeed(await submit('__proto__'))).toMatchObject({ identity: { status: 'REJECTED' } });
    expect((await submit(' ')).__typename).toBe('InvalidInputError');
    expect((await submit('x'.repeat(201))).__typename).toBe('InvalidInputError');
  });

  test('who has not submitted one is told so', async ({ server, live }) => {
    expect(await requestPayout(live.creator, 2_000)).toMatchObject({
      __typename: 'IdentityRequiredError',
      status: 'UNVERIFIED',
    });
    const nobody = await mutate((await signIn(server, 'operator')).api, 'decideIdentity', {
      creatorId: globalId('Creator', 999_999),
      decision: 'VERIFIED',
    });
    expect(nobody.__typename).toBe('NotFoundError');
  });
});

describe('an operator', () => {
  test('holds diamonds and releases them, each once', async ({ db, earner, operator }) => {
    const { creator } = await earner(4_000);
    const creatorId = globalId('Creator', await creatorRow(db.pool, creator));
    const input = { creatorId, diamonds: 3_000, reason: 'A dispute', idempotencyKey: freshHandle() };
    type Hold = { hold: { id: string; releasedAt: string | null }; replayed: boolean };
    const outcomes = await atOnce(10, () => mutate<Hold>(operator.api, 'holdEarnings', input));
    expect(tally(outcomes)).toEqual({ HoldEarningsSuccess: 10 });
    const { hold } = succeed(outcomes[0]!);
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 1_000n, HELD: 3_000n });
    await expectEarningsBalanced(db.pool);
    expect((await mutate(operator.api, 'holdEarnings', { ...input, diamonds: 1 })).__typename).toBe(
      'IdempotencyConflictError',
    );
    expect(await mutate(operator.api, 'holdEarnings', { ...input, idempotencyKey: freshHandle() })).toMatchObject({
      __typename: 'InsufficientDiamondsError',
      required: 3_000,
      available: 1_000,
    });
    expect((await requestPayout(creator, 2_000)).__typename).toBe('InsufficientDiamondsError');
    const released = await atOnce(5, () => mutate<Hold>(operator.api, 'releaseEarnings', { holdId: hold.id }));
    expect(released.map((outcome) => succeed(outcome).replayed).filter((replayed) => !replayed)).toHaveLength(1);
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 4_000n, HELD: 0n });
    await expectEarningsBalanced(db.pool);
  });

  test('names who and what is not there', async ({ operator }) => {
    for (const [, id] of wrongIds('Creator')) {
      const input = { creatorId: id, diamonds: 1, reason: 'x', idempotencyKey: freshHandle() };
      expect((await mutate(operator.api, 'holdEarnings', input)).__typename).toBe('NotFoundError');
    }
    for (const [, id] of wrongIds('EarningsHold')) {
      expect((await mutate(operator.api, 'releaseEarnings', { holdId: id })).__typename).toBe('NotFoundError');
    }
  });
});

describe('rates', () => {
  test('a new rate card is for streams that begin, a new payout rate for payouts that are asked for', async ({
    db,
    server,
    earner,
    operator,
    funded,
    live,
  }) => {
    const { creator } = await earner(10_000);
    const before = succeed(await requestPayout(creator, 2_000));
    type Card = { replayed: boolean };
    const publish = (name: 'publishRateCard' | 'publishPayoutRate', input: Record<string, number>) =>
      mutate<Card>(operator.api, name, input);
    expect(succeed(await publish('publishRateCard', { coins: 5, diamonds: 4 })).replayed).toBe(false);
    expect(succeed(await publish('publishRateCard', { coins: 5, diamonds: 4 })).replayed).toBe(true);
    expect(succeed(await publish('publishPayoutRate', { diamonds: 3, amountMinor: 2 }))).toMatchObject({
      payoutRate: { diamonds: 3, amount: { minorUnits: 2, currency: 'USD' } },
    });
    try {
      await sendGift(funded, live.streamId, { gift: 'Ice Cream' });
      await endStream(live.creator, live.streamId);
      const next = await startStream(live.creator);
      await sendGift(funded, next.id, { gift: 'Ice Cream' });
      expect(await diamondsOf(db.pool, live.creator), 'a stream keeps its card').toMatchObject({ PENDING: 5n + 8n });
      const { payout } = succeed(await requestPayout(creator, 2_000));
      expect(payout, 'in whole cents, with the fewest diamonds').toMatchObject({
        diamonds: 2_000,
        amount: { minorUnits: 1_333 },
      });
      const document =
        'query Payout($id: ID!) { node(id: $id) { ... on Payout { amount { minorUnits } rateDiamonds } } }';
      expect(await query(creator.api, document, { id: before.payout.id }), 'a payout keeps its rate').toEqual({
        node: { amount: { minorUnits: 1_000 }, rateDiamonds: 200 },
      });
      const terms = `{ payoutTerms { rateCard { coins diamonds } payoutRate { diamonds } minimum { minorUnits }
        dailyMaximum { minorUnits } settlementHoldHours } }`;
      expect(await query(server.http(), terms)).toEqual({
        payoutTerms: {
          rateCard: { coins: 5, diamonds: 4 },
          payoutRate: { diamonds: 3 },
          minimum: { minorUnits: 1_000 },
          dailyMaximum: { minorUnits: 100_000 },
          settlementHoldHours: 336,
        },
      });
    } finally {
      succeed(await publish('publishRateCard', { coins: 2, diamonds: 1 }));
      succeed(await publish('publishPayoutRate', { diamonds: 200, amountMinor: 100 }));
    }
    await expectEarningsBalanced(db.pool);
  });

  test('are published by operators only, and so is all else that they do', async ({ server, viewer }) => {
    const inputs = [
      ['decideIdentity', { creatorId: globalId('Creator', 1), decision: 'VERIFIED' }],
      ['holdEarnings', { creatorId: globalId('Creator', 1), diamonds: 1, reason: 'x', idempotencyKey: 'x' }],
      ['releaseEarnings', { holdId: globalId('EarningsHold', 1) }],
      ['publishRateCard', { coins: 1, diamonds: 1 }],
      ['publishPayoutRate', { diamonds: 1, amountMinor: 1 }],
    ] as const;
    for (const [name, input] of inputs) {
      expect((await mutate(viewer.api, name, input)).__typename, name).toBe('ForbiddenError');
      expect((await mutate(server.http(), name, input)).__typename, name).toBe('NotSignedInError');
    }
  });
});

describe('a gift that is taken back meanwhile', () => {
  test('takes what is available and makes a debt of the rest; the payout that is under way goes on', async ({
    db,
    server,
    earner,
  }) => {
    const { creator, streamId, seq } = await earner(5_000, 'acct_timeout');
    const { payout } = succeed(await requestPayout(creator, 4_000, 'key'));
    expect(payout.state).toBe('SENT');
    expect(await takeBack(server, db.pool, { streamId }, seq)).toEqual(['SETTLED']);
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 0n, HELD: 4_000n, DEBT: -4_000n });
    await expectEarningsBalanced(db.pool);
    expect(succeed(await requestPayout(creator, 4_000, 'key')).payout.state).toBe('PAID');
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ HELD: 0n, PAID: 4_000n, DEBT: -4_000n });
    await expectEarningsBalanced(db.pool);
  });

  test('a payout that comes back pays the debt first, and so does a hold that is lifted', async ({
    db,
    server,
    earner,
    operator,
  }) => {
    const { creator, streamId, seq } = await earner(5_000, 'acct_timeout_fails');
    const creatorId = globalId('Creator', await creatorRow(db.pool, creator));
    const held = await mutate<{ hold: { id: string } }>(operator.api, 'holdEarnings', {
      creatorId,
      diamonds: 1_000,
      reason: 'x',
      idempotencyKey: freshHandle(),
    });
    expect(succeed(await requestPayout(creator, 4_000, 'key')).payout.state).toBe('SENT');
    await takeBack(server, db.pool, { streamId }, seq);
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 0n, HELD: 5_000n, DEBT: -5_000n });
    expect((await requestPayout(creator, 4_000, 'key')).__typename).toBe('PayoutRefusedError');
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 0n, HELD: 1_000n, DEBT: -1_000n });
    await expectEarningsBalanced(db.pool);
    succeed(await mutate(operator.api, 'releaseEarnings', { holdId: succeed(held).hold.id }));
    expect(await diamondsOf(db.pool, creator)).toMatchObject({ AVAILABLE: 0n, HELD: 0n, DEBT: 0n, ISSUANCE: 0n });
    await expectEarningsBalanced(db.pool);
  });

  test('at the same moment: whoever has the accounts first, no balance is below zero and nothing is lost', async ({
    db,
    server,
    earner,
  }) => {
    for (let round = 0; round < 5; round++) {
      const { creator, streamId, seq } = await earner(4_000);
      const [outcome] = await Promise.all([
        requestPayout(creator, 4_000),
        takeBack(server, db.pool, { streamId }, seq),
      ]);
      const paid = outcome.__typename === 'RequestPayoutSuccess';
      if (!paid) expect(outcome.__typename).toBe('InsufficientDiamondsError');
      expect(await diamondsOf(db.pool, creator)).toMatchObject({
        AVAILABLE: 0n,
        PAID: paid ? 4_000n : 0n,
        DEBT: paid ? -4_000n : 0n,
      });
      await expectEarningsBalanced(db.pool);
    }
  });
});

test('the list of payouts is paged, newest first', async ({ db, earner }) => {
  const { creator, fan } = await earner(10_000);
  await grantCoins(db.pool, fan, 1);
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.unshift(succeed(await requestPayout(creator, 2_000)).payout.id);
  const document = `query Payouts($handle: String!, $after: String) { creator(handle: $handle) { earnings {
    payouts(first: 2, after: $after) { totalCount edges { cursor node { id } } pageInfo { hasNextPage } } } } }`;
  type Page = { edges: { cursor: string; node: Pick<Payout, 'id'> }[]; pageInfo: { hasNextPage: boolean } };
  const page = async (after?: string) =>
    (
      await query<{ creator: { earnings: { payouts: Page } } }>(creator.api, document, {
        handle: creator.handle,
        after,
      })
    ).creator.earnings.payouts;
  const first = await page();
  expect(first).toMatchObject({ totalCount: 3, pageInfo: { hasNextPage: true } });
  const second = await page(first.edges.at(-1)!.cursor);
  expect([...first.edges, ...second.edges].map(({ node }) => node.id)).toEqual(ids);
  expect(second.pageInfo.hasNextPage).toBe(false);
});
