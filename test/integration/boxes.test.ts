/** Treasure boxes: what funding one takes, and who has a share of it, each once. */
import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import { BOX_FIELDS } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  query,
  type Refusal,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import { type Box, claimBox, fundBox, owe, reachEnd, reachOpening } from './support/boxes.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test as base, QUIET } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** A second server on the same database. */
const test = base.extend('other', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<Server> => {
  const other = await startServer({ ...QUIET, databaseUrl: db.url });
  onCleanup(() => other.close());
  return other;
});

const BOXES = `query Boxes($id: ID!) { liveStream(id: $id) { boxes { ${BOX_FIELDS} } } }`;
const coinsOf = async (viewer: Actor): Promise<number> =>
  (await query<{ me: { wallet: { coins: number } } }>(viewer.api, '{ me { wallet { coins } } }')).me.wallet.coins;

// ---- funding -------------------------------------------------------------------------------------------------------

test('the coins leave the wallet, and everybody watching knows when it opens', async ({ server, db, funded, live }) => {
  const before = await coinsOf(funded);
  const { box, wallet, replayed } = succeed(await fundBox(funded, live.streamId, { coins: 103, opensInSeconds: 30 }));
  expect({ wallet: wallet.coins, replayed }).toEqual({ wallet: before - 103, replayed: false });
  expect(box).toMatchObject({
    funder: { id: funded.id, handle: funded.handle },
    coins: 103,
    shares: 10,
    shareCoins: 10,
    remaining: 10,
    state: 'FUNDED',
    closedAt: null,
    returnedCoins: null,
    stream: { id: live.streamId },
    myShare: null,
  });
  const waits = Date.parse(box.opensAt) - Date.parse((box as unknown as { fundedAt: string }).fundedAt);
  expect(waits).toBe(30_000);
  expect(Date.parse(box.closesAt) - Date.parse(box.opensAt)).toBe(60_000);
  const { stream: _stream, myShare: _share, ...shown } = box as Box & { stream: unknown };
  const [, told, ...more] = await readEvents({ api: server.http() }, live.streamId);
  expect(told).toMatchObject({ __typename: 'BoxFunded', type: 'BOX_FUNDED', box: shown });
  expect(more).toEqual([]);
  expect(await query(server.http(), BOXES, { id: live.streamId })).toEqual({ liveStream: { boxes: [shown] } });
  for (const field of ['treasureBox', 'node']) {
    const document = `query Box($id: ID!) { ${field}(id: $id) { ... on TreasureBox { ${BOX_FIELDS} } } }`;
    expect(await query(server.http(), document, { id: box.id })).toEqual({ [field]: shown });
  }
  const { rows } = await db.pool.query(
    `SELECT t.kind, t.amount::int, c.owner_type, c.kind AS account FROM transfer t JOIN ledger_account c ON c.id = t.credit_account_id
      WHERE t.kind LIKE 'BOX%' AND t.cause_id = $1`,
    [rowOf(box.id)],
  );
  expect(rows).toEqual([{ kind: 'BOX_FUNDED', amount: 103, owner_type: 'PLATFORM', account: 'BOXES' }]);
  await expectBooksBalanced(db.pool);
});

test('a key funds one box, however often and however much at once, also when the wallet holds no more', async ({
  viewer,
  live,
  other,
}) => {
  const coins = succeed(await buyCoins(viewer, { coins: 50 })).wallet.coins;
  const elsewhere = await signIn(other, viewer.handle);
  const idempotencyKey = randomUUID();
  const outcomes = await atOnce(20, (n) =>
    fundBox(n % 2 ? viewer : elsewhere, live.streamId, { coins, idempotencyKey }),
  );
  expect(tally(outcomes)).toEqual({ FundTreasureBoxSuccess: 20 });
  expect(new Set(successes(outcomes).map(({ box }) => box.id)).size).toBe(1);
  expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(await coinsOf(viewer)).toBe(0);
  const conflict = await fundBox(viewer, live.streamId, { coins, idempotencyKey, shares: 9 });
  expect(conflict).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
});

test.for([
  ['no coins', { coins: 0 }, 'input.coins'],
  ['less than a coin a share', { coins: 9 }, 'input.coins'],
  ['too many coins', { coins: 1_000_001 }, 'input.coins'],
  ['no share', { shares: 0 }, 'input.shares'],
  ['too many shares', { coins: 20_000, shares: 10_001 }, 'input.shares'],
  ['sooner than anybody can gather', { opensInSeconds: 9 }, 'input.opensInSeconds'],
  ['later than anybody waits', { opensInSeconds: 1_801 }, 'input.opensInSeconds'],
  ['an empty key', { idempotencyKey: '' }, 'input.idempotencyKey'],
] as const)('is refused with %s', async ([, terms, path], { db, funded, live }) => {
  const outcome = await expectNothingWritten(db.pool, () => fundBox(funded, live.streamId, terms));
  expect(outcome).toMatchObject({ __typename: 'InvalidInputError', issues: [{ path }] });
});

test('is refused without the coins, a live stream, or a token', async ({ db, server, funded, viewer, live }) => {
  const ended = await signIn(server);
  const { id: over } = await startStream(ended);
  await endStream(ended, over);
  const poor = await signIn(server);
  await fundBox(poor, live.streamId); // opens the account of the boxes
  const outcomes = await expectNothingWritten(db.pool, () =>
    Promise.all([
      fundBox(poor, live.streamId),
      fundBox(funded, over),
      fundBox({ ...viewer, api: server.http() }, live.streamId),
      ...wrongIds('LiveStream').map(([, id]) => fundBox(funded, id)),
    ]),
  );
  expect(outcomes.slice(0, 3)).toMatchObject([
    { code: 'INSUFFICIENT_COINS', required: 100, available: 0 },
    { code: 'STREAM_NOT_LIVE' },
    { code: 'NOT_SIGNED_IN' },
  ]);
  expect(new Set(outcomes.slice(3).map((outcome) => (outcome as Refusal).code))).toEqual(new Set(['NOT_FOUND']));
});

test('is refused to the young, to the muted, to the banned, and where gifts are not allowed', async ({
  db,
  funded,
  live,
}) => {
  const id = rowOf(funded.id);
  const creatorRow = `(SELECT creator_id FROM stream WHERE id = ${rowOf(live.streamId)})`;
  const expectRefusal = async (refusal: Record<string, unknown>) =>
    expect(await expectNothingWritten(db.pool, () => fundBox(funded, live.streamId))).toMatchObject(refusal);
  await db.pool.query(`UPDATE viewer SET birth_date = current_date - interval '17 years' WHERE id = $1`, [id]);
  await expectRefusal({ __typename: 'AgeRestrictedError', code: 'AGE_RESTRICTED' });
  await db.pool.query(`INSERT INTO region_rule VALUES ('QQ', 18, false)`);
  await db.pool.query(`UPDATE viewer SET birth_date = '1990-01-01', region = 'QQ' WHERE id = $1`, [id]);
  await expectRefusal({ __typename: 'RegionRestrictedError', code: 'REGION_RESTRICTED' });
  await db.pool.query(`UPDATE viewer SET region = NULL WHERE id = $1`, [id]);
  for (const creator of ['0', creatorRow]) {
    await db.pool.query(
      `INSERT INTO restriction (viewer_id, creator_id, muted_until, gifts_until)
       VALUES ($1, ${creator}, '2999-01-01', '2999-02-01')`,
      [id],
    );
    await expectRefusal({ __typename: 'MutedError', code: 'MUTED', until: '2999-02-01T00:00:00.000Z' });
    await db.pool.query(`UPDATE restriction SET banned_until = 'infinity' WHERE viewer_id = $1`, [id]);
    await expectRefusal({ __typename: 'BannedError', code: 'BANNED', until: null });
    await db.pool.query('DELETE FROM restriction WHERE viewer_id = $1', [id]);
  }
  succeed(await fundBox(funded, live.streamId));
});

test('counts against the caps like a gift, and the tightest one is told', async ({ db, funded, live }) => {
  const setCaps = (gift: number | null, day: number | null, month: number | null) =>
    db.pool.query(
      `INSERT INTO spending_limit (viewer_id, gift_cap, day_cap, month_cap, day, month)
       VALUES ($1, $2, $3, $4, (now() AT TIME ZONE 'UTC')::date, date_trunc('month', now() AT TIME ZONE 'UTC')::date)
       ON CONFLICT (viewer_id) DO UPDATE SET gift_cap = $2, day_cap = $3, month_cap = $4`,
      [rowOf(funded.id), gift, day, month],
    );
  await setCaps(99, null, null);
  expect(await fundBox(funded, live.streamId)).toMatchObject({
    code: 'SPENDING_CAP_REACHED',
    period: 'GIFT',
    remaining: 99,
  });
  await setCaps(100, 150, null);
  succeed(await fundBox(funded, live.streamId));
  const outcome = await expectNothingWritten(db.pool, () => fundBox(funded, live.streamId));
  expect(outcome).toMatchObject({ __typename: 'SpendingCapReachedError', period: 'DAY', remaining: 50 });
  const tomorrow = new Date();
  tomorrow.setUTCHours(24, 0, 0, 0);
  expect(outcome).toMatchObject({ resetsAt: tomorrow.toISOString() });
  await setCaps(null, 150, 120);
  const { remaining, resetsAt } = (await fundBox(funded, live.streamId)) as unknown as Record<string, string>;
  const now = new Date();
  expect({ remaining, resetsAt }).toEqual({
    remaining: 20,
    resetsAt: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)).toISOString(),
  });
  // 20 calls at once find room for three.
  await setCaps(null, 400, null);
  expect(tally(await atOnce(20, () => fundBox(funded, live.streamId)))).toEqual({
    FundTreasureBoxSuccess: 3,
    SpendingCapReachedError: 17,
  });
});

test('a stream has 20 boxes at the most', async ({ db, funded, live }) => {
  const outcomes = await atOnce(20, () => fundBox(funded, live.streamId, { coins: 1, shares: 1 }));
  expect(tally(outcomes)).toEqual({ FundTreasureBoxSuccess: 20 });
  const outcome = await expectNothingWritten(db.pool, () => fundBox(funded, live.streamId));
  expect(outcome).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: 'input.streamId' }] });
});

// ---- claiming ------------------------------------------------------------------------------------------------------

/** A box of 100 coins for 3 that has just opened. */
const open = test.extend('box', async ({ db, funded, live }) => {
  const { box } = succeed(await fundBox(funded, live.streamId, { shares: 3 }));
  await reachOpening(db.pool, box.id);
  return box;
});

open('a share is in the wallet at once, and told in one event with who is left', async ({ db, server, live, box }) => {
  const [one, two] = [await signIn(server), await signIn(server)];
  const { coins, wallet, replayed, box: after } = succeed(await claimBox(one, box.id));
  expect({ coins, wallet, replayed }).toEqual({ coins: 33, wallet: { coins: 33 }, replayed: false });
  expect(after).toMatchObject({ state: 'OPEN', remaining: 2, myShare: 33 });
  succeed(await claimBox(two, box.id));
  const events = (await readEvents(one, live.streamId)).slice(2);
  const profile = (viewer: Actor) => expect.objectContaining({ id: viewer.id, handle: viewer.handle });
  expect(events).toMatchObject([
    { __typename: 'BoxOpened', boxId: box.id },
    { __typename: 'BoxClaimed', boxId: box.id, viewers: [profile(one)], shareCoins: 33, remaining: 2 },
    { __typename: 'BoxClaimed', boxId: box.id, viewers: [profile(two)], shareCoins: 33, remaining: 1 },
  ]);
  await expectBooksBalanced(db.pool);
});

open(
  'twice, and from two devices at once on two servers, is the same share once',
  async ({ db, server, other, box }) => {
    const viewer = await signIn(server);
    const device = await signIn(other, viewer.handle);
    const outcomes = await atOnce(20, (n) => claimBox(n % 2 ? viewer : device, box.id));
    expect(tally(outcomes)).toEqual({ ClaimTreasureBoxSuccess: 20 });
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(successes(outcomes).map(({ coins }) => coins))).toEqual(new Set([33]));
    expect(succeed(await claimBox(device, box.id))).toMatchObject({
      replayed: true,
      coins: 33,
      wallet: { coins: 33 },
    });
    expect(await coinsOf(viewer)).toBe(33);
    await expectBooksBalanced(db.pool);
  },
);

open('in one batch the first ones have a share, and a repeat is a repeat', async ({ db, server, live, box }) => {
  const viewers = await atOnce(5, () => signIn(server));
  // Calls of the same turn of the event loop are one batch.
  const order = [0, 1, 0, 2, 3, 3, 4, 1];
  const claims = order.map((n) =>
    server.app.services.boxes.claim({ id: BigInt(rowOf(viewers[n]!.id)) } as never, BigInt(rowOf(box.id))).then(
      ({ replayed }) => (replayed ? 'again' : 'share'),
      ({ code }: { code: string }) => code,
    ),
  );
  expect(await Promise.all(claims)).toEqual([
    'share',
    'share',
    'again',
    'share',
    'BOX_EMPTY',
    'BOX_EMPTY',
    'BOX_EMPTY',
    'again',
  ]);
  const claimed = (await readEvents(viewers[0]!, live.streamId)).filter(({ type }) => type === 'BOX_CLAIMED');
  expect(claimed).toMatchObject([{ viewers: viewers.slice(0, 3).map(({ id }) => ({ id })), remaining: 0 }]);
  await expectBooksBalanced(db.pool);
});

open(
  '80 viewers of two servers have 3 shares, each one, and the others are told',
  async ({ db, server, other, live, box }) => {
    const viewers = await atOnce(80, (n) => signIn(n % 2 ? server : other));
    const outcomes = await Promise.all(viewers.map((viewer) => claimBox(viewer, box.id)));
    expect(tally(outcomes)).toEqual({ ClaimTreasureBoxSuccess: 3, BoxEmptyError: 77 });
    expect(await coinsOf(viewers[outcomes.findIndex(({ __typename }) => __typename === 'BoxEmptyError')]!)).toBe(0);
    const claims = (await readEvents(viewers[0]!, live.streamId)).filter(({ type }) => type === 'BOX_CLAIMED');
    const told = claims.flatMap(({ viewers }) => (viewers as { id: string }[]).map(({ id }) => id));
    const had = viewers.filter((_, n) => outcomes[n]!.__typename === 'ClaimTreasureBoxSuccess').map(({ id }) => id);
    expect(told.toSorted()).toEqual(had.toSorted());
    expect(claims.at(-1)).toMatchObject({ remaining: 0 });
    await expectBooksBalanced(db.pool);
  },
);

test('before it opens it says when it does', async ({ db, server, funded, live }) => {
  const { box } = succeed(await fundBox(funded, live.streamId));
  const viewer = await signIn(server);
  const outcome = await expectNothingWritten(db.pool, () => claimBox(viewer, box.id));
  expect(outcome).toMatchObject({ code: 'BOX_STATE', boxState: 'FUNDED', opensAt: box.opensAt });
});

open('a share pays a debt first', async ({ db, server, box }) => {
  const viewer = await signIn(server);
  const id = rowOf(viewer.id);
  await owe(db.pool, id, 20);
  const { coins, wallet } = succeed(await claimBox(viewer, box.id));
  expect({ coins, wallet }).toEqual({ coins: 33, wallet: { coins: 13 } });
  expect(await coinsOf(viewer)).toBe(13);
  await expectBooksBalanced(db.pool);
});

open('after its time it is closed, whether or not the sweep was there', async ({ db, server, box }) => {
  const [early, late] = [await signIn(server), await signIn(server)];
  succeed(await claimBox(early, box.id));
  await reachEnd(db.pool, box.id);
  const outcome = await expectNothingWritten(db.pool, () => claimBox(late, box.id));
  expect(outcome).toMatchObject({ __typename: 'BoxStateError', code: 'BOX_STATE', boxState: 'CLOSED' });
  expect(succeed(await claimBox(early, box.id))).toMatchObject({ replayed: true, coins: 33 });
});

open('an open box stays open when the clock goes back', async ({ db, server, box }) => {
  succeed(await claimBox(await signIn(server), box.id));
  await db.pool.query(`UPDATE treasure_box SET opens_at = opens_at + interval '30 seconds' WHERE id = $1`, [
    rowOf(box.id),
  ]);
  succeed(await claimBox(await signIn(server), box.id));
});

open('is not for the funder, the banned, and who is not signed in', async ({ db, server, funded, live, box }) => {
  const banned = await signIn(server);
  const elsewhere = await signIn(server);
  await db.pool.query(
    `INSERT INTO restriction (viewer_id, creator_id, banned_until)
     SELECT $1::bigint, creator_id, timestamptz '2999-01-01' FROM stream WHERE id = $3
     UNION ALL SELECT $2::bigint, creator_id + 1, timestamptz '2999-01-01' FROM stream WHERE id = $3`,
    [rowOf(banned.id), rowOf(elsewhere.id), rowOf(live.streamId)],
  );
  const outcomes = await expectNothingWritten(db.pool, () =>
    Promise.all([
      claimBox(funded, box.id),
      claimBox(banned, box.id),
      claimBox({ ...banned, api: server.http() }, box.id),
      ...wrongIds('TreasureBox').map(([, id]) => claimBox(banned, id)),
    ]),
  );
  expect(outcomes.slice(0, 3)).toMatchObject([
    { code: 'FORBIDDEN' },
    { code: 'BANNED', until: '2999-01-01T00:00:00.000Z' },
    { code: 'NOT_SIGNED_IN' },
  ]);
  expect(new Set(outcomes.slice(3).map((outcome) => (outcome as Refusal).code))).toEqual(new Set(['NOT_FOUND']));
  succeed(await claimBox(elsewhere, box.id));
});

open('costs a fixed number of statements, however many claim', async ({ server, box }) => {
  const viewers = await atOnce(10, () => signIn(server));
  const claim = (viewer: Actor) =>
    server.app.services.boxes.claim({ id: BigInt(rowOf(viewer.id)) } as never, BigInt(rowOf(box.id)));
  const { count } = await countSql(server.app, () => Promise.allSettled(viewers.map(claim)));
  expect(count).toBe(5);
});

describe('the end of a stream', () => {
  test('closes its boxes, and what nobody had goes back before the log ends', async ({ db, server, funded, live }) => {
    const before = await coinsOf(funded);
    const [waiting, open] = [
      succeed(await fundBox(funded, live.streamId, { coins: 40 })).box,
      succeed(await fundBox(funded, live.streamId, { coins: 103 })).box,
    ];
    await reachOpening(db.pool, open.id);
    const viewer = await signIn(server);
    succeed(await claimBox(viewer, open.id));
    await endStream(live.creator, live.streamId);
    expect(await coinsOf(funded)).toBe(before - 10);
    expect((await readEvents(viewer, live.streamId)).slice(-3)).toMatchObject([
      { __typename: 'BoxClosed', boxId: waiting.id, endReason: 'STREAM_ENDED', claimed: 0, returnedCoins: 40 },
      { __typename: 'BoxClosed', boxId: open.id, endReason: 'STREAM_ENDED', claimed: 1, returnedCoins: 93 },
      { __typename: 'StreamEnded' },
    ]);
    expect(await claimBox(await signIn(server), open.id)).toMatchObject({ code: 'BOX_STATE', boxState: 'CLOSED' });
    expect(succeed(await claimBox(viewer, open.id))).toMatchObject({ replayed: true, coins: 10 });
    await expectBooksBalanced(db.pool);
  });

  test('while boxes are funded and claimed leaves no coin in between', async ({ db, server, other, funded, live }) => {
    const boxes = successes(await atOnce(5, () => fundBox(funded, live.streamId, { shares: 10 }))).map(
      ({ box }) => box,
    );
    for (const box of boxes) await reachOpening(db.pool, box.id);
    const viewers = await atOnce(12, (n) => signIn(n % 2 ? server : other));
    await Promise.all([
      ...viewers.flatMap((viewer) => boxes.map((box) => claimBox(viewer, box.id))),
      ...Array.from({ length: 5 }, () => fundBox(funded, live.streamId, { coins: 10 })),
      endStream(live.creator, live.streamId),
    ]);
    const { rows } = await db.pool.query(
      `SELECT count(*) FILTER (WHERE state <> 'CLOSED')::int AS open, sum(coins - returned - claimed * share_coins)::int AS lost
         FROM treasure_box WHERE stream_id = $1`,
      [rowOf(live.streamId)],
    );
    expect(rows).toEqual([{ open: 0, lost: 0 }]);
    const types = (await readEvents(funded, live.streamId)).map(({ type }) => type);
    expect(types.at(-1)).toBe('STREAM_ENDED');
    await expectBooksBalanced(db.pool);
  });
});
