/** The history of a wallet: every movement of its coins, and what explains it. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { describe, expect } from 'vitest';
import { type Actor, buyCoins, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { fundBox, reachOpening } from './support/boxes.ts';
import { globalId, rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

type Entry = {
  id: string;
  kind: string;
  amount: number;
  balance: number;
  occurredAt: string;
  text: string;
  gift: Record<string, unknown> | null;
  purchase: { coins: number; price: { minorUnits: number; currency: string } } | null;
  box: Record<string, unknown> | null;
  reverses: string | null;
};
type Page = {
  totalCount: number;
  edges: { cursor: string; node: Entry }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; endCursor: string | null };
};

const ENTRY = `id kind amount balance occurredAt text reverses purchase { coins price { minorUnits currency } }
  box { boxId funder { handle } streamId streamTitle }
  gift { giftId name quantity coins creator { handle } streamId streamTitle seq }`;
const HISTORY = `query History($first: Int, $after: String) { me { wallet { history(first: $first, after: $after) {
  totalCount edges { cursor node { ${ENTRY} } } pageInfo { hasNextPage hasPreviousPage endCursor } } } } }`;

async function pageOf(viewer: Pick<Actor, 'api'>, first?: number, after?: string | null): Promise<Page> {
  const { me } = await query<{ me: { wallet: { history: Page } } }>(viewer.api, HISTORY, { first, after });
  return me.wallet.history;
}

/** All rows, page by page. */
async function historyOf(viewer: Actor, pageSize: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after: string | null = null; ; ) {
    const { edges, pageInfo }: Page = await pageOf(viewer, pageSize, after);
    entries.push(...edges.map(({ node }) => node));
    if (!pageInfo.hasNextPage) return entries;
    after = pageInfo.endCursor;
  }
}

/** Moves coins between a wallet and the platform, as other parts of the server do. */
async function post(pool: pg.Pool, viewer: Actor, kind: string, coins: number, causeId: number, reverses?: string) {
  await pool.query(
    `SELECT wallet_post(ARRAY[CASE WHEN $2 > 0 THEN p.id ELSE w.wallet_id END], ARRAY[CASE WHEN $2 > 0 THEN w.wallet_id ELSE p.id END],
                        ARRAY['COIN'], ARRAY[abs($2::bigint)], ARRAY[$3], ARRAY[$4::bigint], clock_timestamp(), ARRAY[$5::bigint])
       FROM viewer w, ledger_account p
      WHERE w.id = $1 AND p.owner_type = 'PLATFORM' AND p.unit = 'COIN' AND p.kind = 'ISSUANCE'`,
    [rowOf(viewer.id), coins, kind, causeId, reverses ?? null],
  );
}

test('an empty wallet has none', async ({ viewer }) => {
  expect(await pageOf(viewer, 5)).toEqual({
    totalCount: 0,
    edges: [],
    pageInfo: { hasNextPage: false, hasPreviousPage: false, endCursor: null },
  });
});

test('a purchase and a gift say what they were, newest first', async ({ viewer, live }) => {
  succeed(await buyCoins(viewer, { coins: 70 }));
  const { giftSent } = succeed(await sendGift(viewer, live.streamId, { gift: 'Ice Cream', quantity: 3 }));
  const { edges, totalCount } = await pageOf(viewer, 5);
  const title = `Live with ${live.creator.handle}`;
  expect(totalCount).toBe(2);
  expect(edges.map(({ node }) => node)).toEqual([
    {
      id: expect.stringMatching(/^\d+$/),
      kind: 'GIFT_SPENT',
      amount: -30,
      balance: 40,
      occurredAt: giftSent.occurredAt,
      text: expect.stringMatching(new RegExp(`^Sent 3 × Ice Cream to .* in “${title}”\\.$`)),
      gift: {
        giftId: expect.any(String),
        name: 'Ice Cream',
        quantity: 3,
        coins: 30,
        creator: { handle: live.creator.handle },
        streamId: live.streamId,
        streamTitle: title,
        seq: giftSent.seq,
      },
      purchase: null,
      box: null,
      reverses: null,
    },
    {
      id: expect.stringMatching(/^\d+$/),
      kind: 'COIN_PURCHASE',
      amount: 70,
      balance: 70,
      occurredAt: expect.any(String),
      text: 'Bought 70 coins for 0.99 USD.',
      gift: null,
      box: null,
      purchase: { coins: 70, price: { minorUnits: 99, currency: 'USD' } },
      reverses: null,
    },
  ]);
});

test('every other kind explains itself, too', async ({ db, viewer, live }) => {
  succeed(await buyCoins(viewer, { coins: 70 }));
  succeed(await sendGift(viewer, live.streamId, { gift: 'Rose', quantity: 2 }));
  const [gift, purchase] = (await pageOf(viewer, 2)).edges.map(({ node }) => node);
  const { rows } = await db.pool.query<{ cause: string; kind: string }>(
    'SELECT cause_id AS cause, kind FROM transfer WHERE id = ANY($1) ORDER BY id DESC',
    [[gift!.id, purchase!.id]],
  );
  const [giftId, purchaseId] = rows.map(({ cause }) => Number(cause));
  const today = gift!.occurredAt.slice(0, 10);
  const sentence = gift!.text.slice('Sent '.length, -1);
  const kinds: [kind: string, coins: number, cause: number, text: string, shown?: string][] = [
    ['GIFT_REFUNDED', 2, giftId!, `Refunded: ${sentence}, sent on ${today}.`],
    [
      'COINS_CHARGED_BACK',
      -20,
      purchaseId!,
      'Your bank took back 0.99 USD: 20 coins of that purchase left the wallet.',
    ],
    ['COINS_CHARGED_BACK', 20, purchaseId!, 'The chargeback of 0.99 USD was withdrawn: 20 coins are back.'],
    ['COIN_DEBT_PAID', -5, 1, '5 coins paid what was owed after a chargeback.'],
    ['BOX_FUNDED', -10, 7, 'Put 10 coins into treasure box 7.'],
    ['BOX_CLAIMED', 1, 8, 'Had a share of 1 coin of treasure box 8.'],
    ['BOX_RETURNED', 4, 7, '4 coins of treasure box 7 came back: nobody had claimed them.'],
    ['DEMO_GRANT', 100, 1, '100 coins to play with in the demo.'],
    ['SOMETHING_NEW', -3, 5, '3 coins went out (SOMETHING_NEW, 5).', 'OTHER'],
  ];
  for (const [kind, coins, cause] of kinds) {
    await post(db.pool, viewer, kind, coins, cause, kind === 'GIFT_REFUNDED' ? gift!.id : undefined);
  }
  const entries = (await pageOf(viewer, 50)).edges
    .map(({ node }) => node)
    .reverse()
    .slice(2);
  let balance = 68;
  expect(entries.map(({ kind, amount, balance, text }) => ({ kind, amount, balance, text }))).toEqual(
    kinds.map(([kind, amount, , text, shown = kind]) => {
      balance += amount;
      return { kind: shown, amount, balance, text };
    }),
  );
  expect(entries[0]).toMatchObject({ reverses: gift!.id, gift: { name: 'Rose', quantity: 2 } });
  expect(entries[1]).toMatchObject({ reverses: null, purchase: purchase!.purchase });
});

test('a treasure box says in which stream it was, and from whom', async ({ db, server, viewer, live }) => {
  succeed(await buyCoins(viewer, { coins: 350 }));
  const { box } = succeed(await fundBox(viewer, live.streamId, { coins: 30, shares: 3 }));
  await reachOpening(db.pool, box.id);
  const claimer = await signIn(server);
  const title = `Live with ${live.creator.handle}`;
  const details = { boxId: box.id, funder: { handle: viewer.handle }, streamId: live.streamId, streamTitle: title };
  const [funded] = (await pageOf(viewer, 1)).edges;
  expect(funded!.node).toMatchObject({
    kind: 'BOX_FUNDED',
    amount: -30,
    text: `Put 30 coins into treasure box ${rowOf(box.id)} in “${title}”.`,
    box: details,
  });
  await post(db.pool, claimer, 'BOX_CLAIMED', 10, Number(rowOf(box.id)));
  const [claimed] = (await pageOf(claimer, 1)).edges;
  expect(claimed!.node).toMatchObject({
    kind: 'BOX_CLAIMED',
    amount: 10,
    text: expect.stringMatching(/^Had a share of 10 coins of treasure box \d+ in “.*”, from .+\.$/),
    box: details,
  });
});

describe('pages', () => {
  test('of any size give the same rows, and each balance follows from the one before', async ({ viewer, live }) => {
    succeed(await buyCoins(viewer, { coins: 70 }));
    for (const quantity of [1, 2, 3, 4, 5, 6]) succeed(await sendGift(viewer, live.streamId, { quantity }));
    const all = await historyOf(viewer, 100);
    expect(all.map(({ amount }) => amount)).toEqual([-6, -5, -4, -3, -2, -1, 70]);
    for (const size of [1, 2, 3, 7]) expect(await historyOf(viewer, size), String(size)).toEqual(all);
    const oldestFirst = [...all].reverse();
    let balance = 0;
    for (const entry of oldestFirst) {
      balance += entry.amount;
      expect(entry.balance).toBe(balance);
    }
  });

  test('go on where they were, whatever comes meanwhile', async ({ viewer, live }) => {
    succeed(await buyCoins(viewer, { coins: 70 }));
    for (let n = 0; n < 4; n++) succeed(await sendGift(viewer, live.streamId));
    const first = await pageOf(viewer, 2);
    await atOnce(10, () => sendGift(viewer, live.streamId));
    const second = await pageOf(viewer, 50, first.pageInfo.endCursor);
    expect(second.edges.map(({ node }) => node.balance)).toEqual([68, 69, 70]);
    expect(second.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    expect(second.totalCount).toBe(15);
    // Of those that came at once, too, each says what there was after it.
    expect((await pageOf(viewer, 11)).edges.map(({ node }) => node.balance)).toEqual(
      Array.from({ length: 11 }, (_, index) => 56 + index),
    );
  });

  test('cost the same number of statements, however long they are and wherever they stand', async ({
    server,
    viewer,
    live,
  }) => {
    succeed(await buyCoins(viewer, { coins: 70 }));
    for (let n = 0; n < 12; n++) succeed(await sendGift(viewer, live.streamId));
    const start = await pageOf(viewer, 3);
    const costs = [];
    for (const [first, after] of [
      [1, null],
      [10, null],
      [1, start.pageInfo.endCursor],
      [9, start.pageInfo.endCursor],
    ] as const) {
      const { statements } = await countSql(server.app, () => pageOf(viewer, first, after));
      costs.push(statements.filter((text) => text.includes('wallet.history')).length);
    }
    expect(costs).toEqual([2, 2, 2, 2]); // the page and the count
  });

  test('a cursor of somebody else’s wallet, of no wallet or of nothing is refused', async ({
    db,
    server,
    viewer,
    live,
  }) => {
    const other = await signIn(server);
    for (const someone of [viewer, other]) succeed(await buyCoins(someone, { coins: 70 }));
    succeed(await sendGift(other, live.streamId));
    const { endCursor } = (await pageOf(other, 1)).pageInfo;
    const { rows } = await db.pool.query(`SELECT max(id) AS id FROM transfer WHERE unit <> 'COIN'`);
    const cursor = (text: string) => Buffer.from(text).toString('base64');
    for (const after of [
      endCursor!,
      cursor(`GPC:K:70:${rows[0].id}`),
      cursor('GPC:K:70:999999999'),
      cursor('GPC:I:1'),
    ]) {
      await expect(pageOf(viewer, 5, after), after).rejects.toThrow(/INVALID_INPUT/);
    }
    await expect(pageOf(viewer, 5, 'garbage')).rejects.toThrow(/INVALID_INPUT/);
    await expect(pageOf(viewer, -1)).rejects.toThrow(/INVALID_INPUT/);
  });
});

test('nobody but the viewer sees it', async ({ server, viewer }) => {
  succeed(await buyCoins(viewer, { coins: 70, idempotencyKey: randomUUID() }));
  const stranger = await signIn(server);
  const document = `query Peek($id: ID!) { node(id: $id) { ... on Viewer { wallet { history { totalCount } } } } }`;
  for (const api of [stranger.api, server.http()]) {
    expect(await query(api, document, { id: viewer.id })).toEqual({ node: null });
  }
  expect(await query(viewer.api, document, { id: globalId('Viewer', rowOf(viewer.id)) })).toEqual({
    node: { wallet: { history: { totalCount: 1 } } },
  });
});
