/** Every diamond is followed to its gift: from each account of a creator, page by page. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { type Actor, endStream, mutate, query, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { globalId, rowOf } from './support/ids.ts';
import {
  bucketsOf,
  creatorRow,
  diamondsOf,
  earner,
  endHolds,
  grantCoins,
  requestPayout,
  takeBack,
} from './support/payouts.ts';
import { test } from './support/shared-server.ts';

const MOVE = `kind diamonds explanation
  gift { gift { name coins } sender { handle } quantity coins diamonds seq stream { id } }
  bucket { id stream { id } seqFrom seqTo diamonds reversedDiamonds } payout { id state } hold { reason }`;
const HISTORY = `query History($handle: String!, $account: DiamondAccount!, $first: Int, $after: String) {
  creator(handle: $handle) { earnings { history(account: $account, first: $first, after: $after) {
    totalCount edges { cursor node { ${MOVE} } } pageInfo { hasNextPage hasPreviousPage endCursor } } } } }`;
const BUCKET = `query Bucket($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on EarningBucket {
  state seqFrom seqTo diamonds reversedDiamonds gifts(first: $first, after: $after) {
    edges { node { diamonds gift { seq sender { handle } } } } pageInfo { hasNextPage endCursor } } } } }`;

type Gift = { seq: number; diamonds: number; quantity: number; sender: { handle: string }; stream: { id: string } };
type Move = {
  kind: string;
  diamonds: number;
  explanation: string;
  gift: Gift | null;
  bucket: { id: string } | null;
  payout: { id: string; state: string } | null;
  hold: { reason: string } | null;
};
type Page = {
  totalCount: number;
  edges: { cursor: string; node: Move }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null };
};

async function page(creator: Actor, account: string, first = 50, after?: string): Promise<Page> {
  type Data = { creator: { earnings: { history: Page } } };
  const data = await query<Data>(creator.api, HISTORY, { handle: creator.handle, account, first, after });
  return data.creator.earnings.history;
}

/** The whole history of an account, in pages of two. */
async function history(creator: Actor, account: string): Promise<Move[]> {
  const moves: Move[] = [];
  for (let after: string | undefined; ; ) {
    const { edges, pageInfo, totalCount } = await page(creator, account, 2, after);
    moves.push(...edges.map(({ node }) => node));
    if (pageInfo.hasNextPage) after = pageInfo.endCursor!;
    else {
      expect(moves).toHaveLength(totalCount);
      return moves;
    }
  }
}

async function giftsOf(creator: Actor, bucketId: string, first = 2): Promise<number[]> {
  const seqs: number[] = [];
  for (let after: string | undefined; ; ) {
    type Bucket = {
      node: {
        gifts: {
          edges: { node: { gift: { seq: number } } }[];
          pageInfo: { hasNextPage: boolean; endCursor: string };
        };
      };
    };
    const { gifts } = (await query<Bucket>(creator.api, BUCKET, { id: bucketId, first, after })).node;
    seqs.push(...gifts.edges.map(({ node }) => node.gift.seq));
    if (!gifts.pageInfo.hasNextPage) return seqs;
    after = gifts.pageInfo.endCursor;
  }
}

/** Sends so many gifts of one Ice Cream each; their numbers, newest first. */
async function send(pool: Pool, fan: Actor, streamId: string, times: number): Promise<number[]> {
  await grantCoins(pool, fan, times * 10);
  const seqs: number[] = [];
  for (let n = 0; n < times; n++) {
    seqs.unshift(succeed(await sendGift(fan, streamId, { gift: 'Ice Cream' })).giftSent.seq);
  }
  return seqs;
}

test('pending diamonds: each row names its gift, its sender and its place in the log', async ({ db, funded, live }) => {
  const { seq } = succeed(await sendGift(funded, live.streamId, { gift: 'Heart', quantity: 2 })).giftSent;
  expect(await history(live.creator, 'PENDING')).toEqual([
    {
      kind: 'GIFT_EARNED',
      diamonds: 50,
      explanation: expect.stringMatching(/^50 diamonds for 2 × Heart from .+ \(100 coins\)$/),
      gift: {
        gift: { name: 'Heart', coins: 50 },
        sender: { handle: funded.handle },
        quantity: 2,
        coins: 100,
        diamonds: 50,
        seq,
        stream: { id: live.streamId },
      },
      bucket: null,
      payout: null,
      hold: null,
    },
  ]);
  expect(await diamondsOf(db.pool, live.creator)).toMatchObject({ PENDING: 50n });
});

test('through settlement, hold, payout, return and debt every account adds up row by row', async ({ db, server }) => {
  const { creator, streamId, seq } = await earner(server, db.pool, 5_000, 'acct_fails');
  const operator = await signIn(server, 'operator');
  const creatorId = globalId('Creator', await creatorRow(db.pool, creator));
  const input = { creatorId, diamonds: 500, reason: 'A dispute', idempotencyKey: creator.handle };
  type Hold = { hold: { id: string } };
  const { hold } = succeed(await mutate<Hold>(operator.api, 'holdEarnings', input));
  expect((await requestPayout(creator, 2_000)).__typename).toBe('PayoutRefusedError');
  succeed(await mutate(creator.api, 'submitIdentity', { accountToken: 'acct_ok' }));
  const { payout } = succeed(await requestPayout(creator, 2_000));
  await takeBack(server, db.pool, { streamId }, seq);
  succeed(await mutate(operator.api, 'releaseEarnings', { holdId: hold.id }));

  const balances = await diamondsOf(db.pool, creator);
  const all: Record<string, Move[]> = {};
  for (const account of ['PENDING', 'AVAILABLE', 'HELD', 'PAID', 'DEBT']) {
    all[account] = await history(creator, account);
    const sum = all[account].reduce((total, { diamonds }) => total + diamonds, 0);
    expect(BigInt(sum), account).toBe(balances[account]);
  }
  const short = (account: string) => all[account]!.map(({ kind, diamonds }) => `${kind} ${diamonds}`);
  expect(short('AVAILABLE')).toEqual([
    'DIAMOND_DEBT_PAID -500',
    'DIAMONDS_RELEASED 500',
    'GIFT_UNEARNED -2500',
    'PAYOUT_REQUESTED -2000',
    'PAYOUT_RETURNED 2000',
    'PAYOUT_REQUESTED -2000',
    'DIAMONDS_HELD -500',
    'DIAMONDS_SETTLED 5000',
  ]);
  expect(short('DEBT')).toEqual(['DIAMOND_DEBT_PAID 500', 'GIFT_UNEARNED -2500']);
  expect(all.PAID).toMatchObject([{ kind: 'PAYOUT_PAID', diamonds: 2_000, payout: { id: payout.id, state: 'PAID' } }]);
  expect(all.AVAILABLE![1]).toMatchObject({ hold: { reason: 'A dispute' } });
  expect(all.AVAILABLE![2]).toMatchObject({ gift: { seq, diamonds: 5_000 } });
  expect(all.PENDING!.map(({ explanation }) => explanation)[0]).toBe('5000 diamonds left the settlement hold');
  const { bucket } = all.AVAILABLE!.at(-1)!;
  expect(await giftsOf(creator, bucket!.id), 'from available diamonds back to the gift').toEqual([seq]);
});

test('a bucket knows its gifts, and no others, also where gifts were taken back and buckets were settled between', async ({
  db,
  server,
  funded,
  live,
}) => {
  const { creator, streamId } = live;
  const first = await send(db.pool, funded, streamId, 3);
  await endStream(creator, streamId);
  const { id } = await startStream(creator);
  const second = await send(db.pool, funded, id, 2);
  await takeBack(server, db.pool, { streamId }, first[1]!);
  await endHolds(db.pool, creator);
  await server.app.services.payouts.earnings.settle();
  second.unshift(...(await send(db.pool, funded, id, 2)));
  await db.pool.query(`UPDATE stream SET started_at = started_at - interval '1 day' WHERE id = $1`, [rowOf(id)]);
  await server.app.services.payouts.earnings.cut();
  const third = await send(db.pool, funded, id, 3);
  await endStream(creator, id);
  const buckets = [...(await bucketsOf(db.pool, streamId)), ...(await bucketsOf(db.pool, id))];
  expect(buckets).toHaveLength(3);
  for (const [index, seqs] of [first, second, third].entries()) {
    const bucketId = globalId('EarningBucket', buckets[index]!.id);
    expect(await giftsOf(creator, bucketId, 2), `bucket ${index}`).toEqual(seqs);
    expect(await giftsOf(creator, bucketId, 100), `bucket ${index}`).toEqual(seqs);
    expect(await query(funded.api, BUCKET, { id: bucketId }), 'only for its creator').toEqual({ node: null });
  }
});

test('a page costs the same number of statements, however many rows it has', async ({ db, server, funded, live }) => {
  await send(db.pool, funded, live.streamId, 12);
  const two = await countSql(server.app, () => page(live.creator, 'PENDING', 2));
  const all = await countSql(server.app, () => page(live.creator, 'PENDING', 12));
  expect(all.result.edges).toHaveLength(12);
  expect(all.count).toBe(two.count);
});

test('a cursor of another account, or of another creator, is no cursor of this list', async ({
  db,
  server,
  live,
  funded,
}) => {
  await send(db.pool, funded, live.streamId, 2);
  const [newest] = (await page(live.creator, 'PENDING')).edges;
  const other = await earner(server, db.pool, 500);
  const [foreign] = (await page(other.creator, 'PENDING')).edges;
  for (const [creator, account, cursor] of [
    [live.creator, 'AVAILABLE', newest!.cursor],
    [live.creator, 'PENDING', foreign!.cursor],
    [live.creator, 'PENDING', Buffer.from('GPC:I:999999999').toString('base64')],
  ] as const) {
    await expect(page(creator, account, 5, cursor)).rejects.toThrow('INVALID_INPUT');
  }
  await expect(page(live.creator, 'PENDING', 5, 'nonsense')).rejects.toThrow('Is not a cursor');
  expect((await page(live.creator, 'PENDING', 1, newest!.cursor)).pageInfo).toMatchObject({ hasPreviousPage: true });
});

test('who has no diamonds has no history', async ({ live }) => {
  for (const account of ['PENDING', 'AVAILABLE', 'HELD', 'PAID', 'DEBT']) {
    expect(await page(live.creator, account)).toMatchObject({ totalCount: 0, edges: [] });
  }
});
