/** A bank takes the money for coins back: the coins go, wherever they are, and the books stay balanced. */
import { describe, expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  type LiveEventEdge,
  query,
  readLog,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { fundBox } from './support/boxes.ts';
import {
  boardOf,
  type CoinDispute,
  diamondsOf,
  giftsOf,
  moveDiamonds,
  type News,
  purchase,
  tell,
  walletOf,
} from './support/disputes.ts';
import { globalId, rowOf } from './support/ids.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { connectReverser } from './support/reversals.ts';
import { QUIET, testOn } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** Small, so that most reversals take several SQL transactions. */
const GIFTS_PER_STEP = 3;
const OPTIONS = {
  overrides: {
    ...QUIET.overrides,
    payments: {
      ...QUIET.overrides.payments,
      disputes: { ...QUIET.overrides.payments.disputes, giftsPerStepMax: GIFTS_PER_STEP },
    },
  },
};

const test = testOn(OPTIONS)
  .extend('operator', { scope: 'file' }, ({ server }) => signIn(server, 'operator'))
  .extend('reverser', { scope: 'file' }, ({ db }, { onCleanup }) => {
    const reverser = connectReverser(db.url);
    onCleanup(() => reverser.close());
    return reverser;
  });

/** Says it, and returns the dispute. */
async function told(operator: Actor, purchaseId: string, news: News = 'OPEN'): Promise<CoinDispute> {
  return succeed(await tell(operator, purchaseId, news)).dispute;
}

async function sendMany(viewer: Actor, streamId: string, gift: string, times: number): Promise<void> {
  for (let sent = 0; sent < times; sent++) succeed(await sendGift(viewer, streamId, { gift }));
}

test('coins that are unspent leave the wallet, and the money the sales', async ({ db, viewer, operator }) => {
  const id = await purchase(viewer, 700);
  const sales = async () =>
    (await db.pool.query(`SELECT balance::int FROM ledger_account WHERE kind = 'SALES' AND unit = 'USD'`)).rows[0]
      .balance;
  const before = await sales();
  expect(await told(operator, id)).toMatchObject({
    state: 'REVERSED',
    reason: 'fraudulent',
    coinsLeft: 0,
    coinsUnspent: 700,
    coinsGifted: 0,
    coinsOwed: 0,
    giftsReversed: 0,
    reversedAt: expect.any(String),
    decidedAt: null,
  });
  expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
  expect(await sales()).toBe(before - 999);
  await expectBooksBalanced(db.pool);
});

test('coins that are unspent go first, other purchases stay', async ({ db, viewer, operator, live }) => {
  const id = await purchase(viewer, 70);
  await purchase(viewer, 350);
  await sendGift(viewer, live.streamId, { gift: 'Heart' });
  expect(await told(operator, id)).toMatchObject({ state: 'REVERSED', coinsUnspent: 70, giftsReversed: 0 });
  expect(await walletOf(viewer)).toEqual({ coins: 300, debt: 0 });
  await expectBooksBalanced(db.pool);
});

test('coins that are spent come from the newest gifts, whole: what is over stays in the wallet', async ({
  db,
  viewer,
  operator,
  live,
}) => {
  await purchase(viewer, 70);
  const id = await purchase(viewer, 70);
  await sendMany(viewer, live.streamId, 'Heart', 2);
  await sendMany(viewer, live.streamId, 'Ice Cream', 4);
  expect(await told(operator, id)).toMatchObject({
    state: 'REVERSED',
    coinsUnspent: 0,
    coinsGifted: 70,
    giftsReversed: 5,
  });
  expect(await walletOf(viewer), '4 × 10 and a Heart of 50 are 90').toEqual({ coins: 20, debt: 0 });
  expect(await boardOf(viewer, live.streamId)).toEqual([[viewer.handle, 50]]);
  expect(await diamondsOf(db.pool, live.creator)).toEqual({ ISSUANCE: -25, PENDING: 25 });
  await expectBooksBalanced(db.pool);
});

test('coins of several creators and streams, ended ones too; watchers see it in order', async ({
  db,
  server,
  viewer,
  operator,
  live,
}) => {
  const id = await purchase(viewer, 350);
  const other = await signIn(server);
  const ended = await startStream(other);
  await sendMany(viewer, ended.id, 'Heart', 3);
  await endStream(other, ended.id);
  const again = await startStream(other);
  await sendMany(viewer, live.streamId, 'Heart', 2);
  await sendMany(viewer, again.id, 'Heart', 2);
  const socket = await server.ws();
  const feed = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: ended.id, after: '' });
  expect(await told(operator, id)).toMatchObject({ state: 'REVERSED', coinsGifted: 350, giftsReversed: 7 });
  const reversals = await feed.until(({ liveEvents: { node } }) => node.type === 'GIFT_REVERSED' && node.giftSeq === 2);
  expect(reversals.map(({ liveEvents: { node } }) => node.seq)).toEqual(reversals.map((_, index) => index + 1));
  for (const [streamId, gifts] of [
    [ended.id, 3],
    [live.streamId, 2],
    [again.id, 2],
  ] as const) {
    const log = (await readLog(viewer.api, streamId)).map(({ node }) => node);
    const sent = log.filter(({ type }) => type === 'GIFT_SENT').map(({ seq }) => seq);
    const reversed = log.filter(({ type }) => type === 'GIFT_REVERSED');
    expect(sent).toHaveLength(gifts);
    expect(
      reversed.map(({ giftSeq }) => giftSeq),
      'newest first',
    ).toEqual(sent.reverse());
    expect(reversed.every(({ reason }) => reason === 'CHARGEBACK')).toBe(true);
    expect(await boardOf(viewer, streamId)).toEqual([]);
  }
  expect(await diamondsOf(db.pool, other)).toEqual({});
  expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
  await expectBooksBalanced(db.pool);
});

test('coins of a gift whose reaction was skipped are in the wallet already', async ({
  db,
  viewer,
  operator,
  live,
  reverser,
}) => {
  const id = await purchase(viewer, 70);
  await sendMany(viewer, live.streamId, 'Ice Cream', 7);
  const gifts = await giftsOf(db.pool, viewer);
  await reverser.reverse([gifts[6]!, gifts[2]!]);
  expect(await told(operator, id)).toMatchObject({ coinsUnspent: 20, coinsGifted: 50, giftsReversed: 5 });
  expect(await reverser.reverse(gifts), 'nothing is left to skip').toBe(0);
  await expectBooksBalanced(db.pool);
});

test('coins in a treasure box are owed, and the next coins pay the debt first', async ({
  db,
  viewer,
  operator,
  live,
}) => {
  const id = await purchase(viewer, 350);
  succeed(await fundBox(viewer, live.streamId, { coins: 300, shares: 1 }));
  expect(await told(operator, id)).toMatchObject({ state: 'REVERSED', coinsUnspent: 50, coinsOwed: 300 });
  expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 300 });
  await purchase(viewer, 70);
  expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 230 });
  const bought = succeed(await buyCoins(viewer, { coins: 350 }));
  expect(bought.wallet.coins).toBe(120);
  expect(await walletOf(viewer)).toEqual({ coins: 120, debt: 0 });
  await expectBooksBalanced(db.pool);
});

test('coins that come back out of a treasure box pay a debt, too', async ({ db, viewer, operator, live }) => {
  const id = await purchase(viewer, 350);
  succeed(await fundBox(viewer, live.streamId, { coins: 300, shares: 1 }));
  expect(await told(operator, id)).toMatchObject({ coinsOwed: 300 });
  await purchase(viewer, 70);
  await endStream(live.creator, live.streamId);
  expect(await walletOf(viewer)).toEqual({ coins: 70, debt: 0 });
  await expectBooksBalanced(db.pool);
});

test('coins of a refund pay a debt, too', async ({ db, viewer, operator, live, reverser }) => {
  const id = await purchase(viewer, 70);
  await purchase(viewer, 70);
  await sendMany(viewer, live.streamId, 'Ice Cream', 1);
  succeed(await fundBox(viewer, live.streamId, { coins: 130, shares: 1 }));
  // The debt is there before the refund: the gift is not the viewer's to give back while a skip holds it.
  expect(await told(operator, id)).toMatchObject({ coinsGifted: 10, coinsOwed: 60 });
  await purchase(viewer, 70);
  await sendMany(viewer, live.streamId, 'Ice Cream', 1);
  await db.pool.query(
    `SELECT wallet_post(ARRAY[d.id], ARRAY[i.id], ARRAY['COIN'], ARRAY[25::bigint], ARRAY['TEST'], ARRAY[0::bigint], now())
       FROM ledger_account d, ledger_account i WHERE d.owner_type = 'VIEWER' AND d.owner_id = $1 AND d.kind = 'DEBT'
        AND i.owner_type = 'PLATFORM' AND i.unit = 'COIN' AND i.kind = 'ISSUANCE'`,
    [rowOf(viewer.id)],
  );
  await reverser.reverse((await giftsOf(db.pool, viewer)).slice(-1));
  expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 15 });
  await expectBooksBalanced(db.pool);
});

test('diamonds that are pending go first, then available ones; those that were paid out are owed by the creator', async ({
  db,
  viewer,
  operator,
  live,
}) => {
  const id = await purchase(viewer, 700);
  await sendMany(viewer, live.streamId, 'Fireworks', 3);
  await moveDiamonds(db.pool, live.creator, ['PENDING', 'AVAILABLE'], 250);
  await moveDiamonds(db.pool, live.creator, ['AVAILABLE', 'PAID'], 200);
  expect(await told(operator, id)).toMatchObject({ coinsUnspent: 100, coinsGifted: 600, giftsReversed: 3 });
  expect(await diamondsOf(db.pool, live.creator)).toEqual({ PAID: 200, DEBT: -200 });
  await expectBooksBalanced(db.pool);
});

describe('a bank', () => {
  test('that repeats itself, also ten times at once, is heard once', async ({ db, viewer, operator, live }) => {
    const id = await purchase(viewer, 70);
    await sendMany(viewer, live.streamId, 'Ice Cream', 7);
    const outcomes = await atOnce(10, () => tell(operator, id));
    expect(tally(outcomes)).toEqual({ DisputeCoinPurchaseSuccess: 10 });
    expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1);
    await expectNothingWritten(db.pool, () => tell(operator, id));
    expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
    expect(await told(operator, id, 'LOST')).toMatchObject({ state: 'REVERSED', decidedAt: expect.any(String) });
    expect(await expectNothingWritten(db.pool, () => tell(operator, id, 'LOST'))).toMatchObject({ replayed: true });
    expect(await expectNothingWritten(db.pool, () => tell(operator, id))).toMatchObject({ replayed: true });
    await expectBooksBalanced(db.pool);
  });

  test('of which we hear the verdict first', async ({ db, viewer, operator }) => {
    const [lost, won] = [await purchase(viewer, 70), await purchase(viewer, 350)];
    expect(await told(operator, lost, 'LOST')).toMatchObject({ state: 'REVERSED', coinsUnspent: 70 });
    expect(await told(operator, won, 'WON')).toMatchObject({ state: 'WON', coinsUnspent: 0 });
    for (const news of ['OPEN', 'LOST', 'WON'] as const) {
      expect(await expectNothingWritten(db.pool, () => tell(operator, won, news))).toMatchObject({ replayed: true });
    }
    expect(await walletOf(viewer)).toEqual({ coins: 350, debt: 0 });
    await expectBooksBalanced(db.pool);
  });

  test('that decides for us gives the coins back, once, as new ones; gifts stay reversed', async ({
    db,
    viewer,
    operator,
    live,
  }) => {
    const id = await purchase(viewer, 350);
    await sendMany(viewer, live.streamId, 'Heart', 2);
    succeed(await fundBox(viewer, live.streamId, { coins: 200, shares: 1 }));
    expect(await told(operator, id)).toMatchObject({ coinsUnspent: 50, coinsGifted: 100, coinsOwed: 200 });
    const outcomes = await atOnce(5, () => tell(operator, id, 'WON'));
    expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1);
    expect(await walletOf(viewer), 'the debt is paid out of them').toEqual({ coins: 150, debt: 0 });
    expect(await boardOf(viewer, live.streamId)).toEqual([]);
    expect(await expectNothingWritten(db.pool, () => tell(operator, id))).toMatchObject({ replayed: true });
    await expectBooksBalanced(db.pool);
  });

  test('is heard of a purchase that was charged, and not heard of yet', async ({ db, viewer, operator }) => {
    const pending = await buyCoins(viewer, { coins: 70, paymentToken: 'tok_timeout' });
    expect(pending.__typename).toBe('PaymentPendingError');
    const { rows } = await db.pool.query('SELECT id FROM coin_purchase WHERE viewer_id = $1', [rowOf(viewer.id)]);
    const id = globalId('CoinPurchase', rows[0].id);
    expect(await told(operator, id)).toMatchObject({ state: 'REVERSED', coinsUnspent: 70 });
    expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
    await expectBooksBalanced(db.pool);
  });

  test('has nothing to say of what was never charged', async ({ db, viewer, operator }) => {
    await buyCoins(viewer, { coins: 70, paymentToken: 'tok_declined' });
    const { rows } = await db.pool.query('SELECT id FROM coin_purchase WHERE viewer_id = $1', [rowOf(viewer.id)]);
    for (const id of [globalId('CoinPurchase', rows[0].id), globalId('CoinPurchase', 999_999_999), 'garbage']) {
      expect(await expectNothingWritten(db.pool, () => tell(operator, id))).toMatchObject({ code: 'NOT_FOUND' });
    }
  });
});

describe('at once', () => {
  test('two purchases of one viewer are contested', async ({ db, viewer, operator, live }) => {
    const [one, two] = [await purchase(viewer, 70), await purchase(viewer, 70)];
    await purchase(viewer, 70);
    await sendMany(viewer, live.streamId, 'Ice Cream', 20);
    const disputes = await Promise.all([told(operator, one), told(operator, two)]);
    for (const dispute of disputes) expect(dispute).toMatchObject({ state: 'REVERSED', coinsOwed: 0 });
    expect(disputes.reduce((sum, { giftsReversed }) => sum + giftsReversed, 0)).toBe(13);
    expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
    expect(await boardOf(viewer, live.streamId)).toEqual([[viewer.handle, 70]]);
    await expectBooksBalanced(db.pool);
  });

  test('the viewer is sending gifts', async ({ db, server, viewer, operator, live }) => {
    const id = await purchase(viewer, 700);
    await purchase(viewer, 70);
    const streams = [live.streamId, (await startStream(await signIn(server))).id];
    const sending = atOnce(60, (index) => sendGift(viewer, streams[index % 2]!, { gift: 'Ice Cream' }));
    const dispute = await told(operator, id);
    expect(dispute).toMatchObject({ state: 'REVERSED', coinsOwed: 0, coinsLeft: 0 });
    const sent = tally(await sending);
    expect((sent.SendGiftSuccess ?? 0) + (sent.InsufficientCoinsError ?? 0)).toBe(60);
    const { coins, debt } = await walletOf(viewer);
    const given = [...(await boardOf(viewer, streams[0]!)), ...(await boardOf(viewer, streams[1]!))];
    expect([coins + given.reduce((sum, [, each]) => sum + each, 0), debt]).toEqual([70, 0]);
    await expectBooksBalanced(db.pool);
  });

  test('the creator’s diamonds are settled and set aside for a payout', async ({ db, viewer, operator, live }) => {
    const id = await purchase(viewer, 350);
    await sendMany(viewer, live.streamId, 'Ice Cream', 35);
    const moving = async () => {
      for (let round = 0; round < 10; round++) {
        // What is gone already breaks the CHECK of the account, and nothing else.
        await moveDiamonds(db.pool, live.creator, ['PENDING', 'AVAILABLE'], 5).catch(expectOverdrawn);
        await moveDiamonds(db.pool, live.creator, ['AVAILABLE', 'HELD'], 5).catch(expectOverdrawn);
      }
    };
    const [dispute] = await Promise.all([told(operator, id), moving()]);
    expect(dispute).toMatchObject({ coinsGifted: 350, giftsReversed: 35 });
    const { HELD = 0, DEBT = 0, PENDING = 0, AVAILABLE = 0 } = await diamondsOf(db.pool, live.creator);
    expect(HELD + DEBT + PENDING + AVAILABLE).toBe(0);
    await expectBooksBalanced(db.pool);
  });

  function expectOverdrawn(error: unknown): void {
    expect(error).toMatchObject({ constraint: 'ledger_account_balance_check' });
  }
});

describe('a server that fails in the middle', () => {
  /** Each dispute fails behind its second step, until `mend` is called. */
  const failing = test.extend('mend', async ({ db }, { onCleanup }) => {
    await db.pool.query(`
      CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken down'; END $$;
      CREATE TRIGGER break_down BEFORE UPDATE OF coins_left ON coin_dispute FOR EACH ROW
        WHEN (OLD.gifts_reversed >= ${2 * GIFTS_PER_STEP}) EXECUTE FUNCTION break_down()`);
    let broken = true;
    const mend = async () => {
      if (broken) await db.pool.query('DROP FUNCTION break_down CASCADE');
      broken = false;
    };
    onCleanup(mend);
    return mend;
  });

  async function breakDown(viewer: Actor, operator: Actor, streamId: string): Promise<string> {
    const id = await purchase(viewer, 350);
    await sendMany(viewer, streamId, 'Ice Cream', 35);
    await expect(tell(operator, id)).rejects.toThrow('INTERNAL');
    expect(await disputeOf(viewer, id)).toMatchObject({ state: 'REVERSING', coinsGifted: 60, coinsLeft: 290 });
    return id;
  }

  failing('another goes on where it stopped', async ({ db, viewer, operator, live, mend }) => {
    const id = await breakDown(viewer, operator, live.streamId);
    await expectBooksBalanced(db.pool);
    await mend();
    const disputes = { sweepIntervalMs: 20 };
    const overrides = { ...QUIET.overrides, payments: { ...QUIET.overrides.payments, disputes } };
    const other = await startServer({ databaseUrl: db.url, overrides });
    await expect.poll(async () => (await disputeOf(viewer, id)).state).toBe('REVERSED');
    await other.close();
    expect(await disputeOf(viewer, id)).toMatchObject({ coinsGifted: 350, giftsReversed: 35, coinsLeft: 0 });
    expect(await walletOf(viewer)).toEqual({ coins: 0, debt: 0 });
    await expectBooksBalanced(db.pool);
  });

  failing(
    'and the bank decides for us: what was taken by then is given back',
    async ({ db, viewer, operator, live, mend }) => {
      const id = await breakDown(viewer, operator, live.streamId);
      expect(await told(operator, id, 'WON')).toMatchObject({ state: 'WON', coinsGifted: 60, coinsLeft: 290 });
      await mend();
      await tell(operator, id);
      expect(await walletOf(viewer)).toEqual({ coins: 60, debt: 0 });
      expect(await boardOf(viewer, live.streamId)).toEqual([[viewer.handle, 290]]);
      await expectBooksBalanced(db.pool);
    },
  );
});

async function disputeOf(viewer: Actor, purchaseId: string): Promise<CoinDispute> {
  const document = `query Disputes($id: ID!) { node(id: $id) { ... on CoinPurchase {
    disputes { state coinsLeft coinsUnspent coinsGifted coinsOwed giftsReversed reversedAt decidedAt } } } }`;
  const { node } = await query<{ node: { disputes: CoinDispute[] } }>(viewer.api, document, { id: purchaseId });
  return node.disputes.at(-1)!;
}

describe('who may', () => {
  test('only operators say what a bank has said', async ({ db, server, viewer }) => {
    const id = await purchase(viewer, 70);
    expect(await expectNothingWritten(db.pool, () => tell(viewer, id))).toMatchObject({ code: 'FORBIDDEN' });
    const nobody = { api: server.http() } as Actor;
    expect(await expectNothingWritten(db.pool, () => tell(nobody, id))).toMatchObject({ code: 'NOT_SIGNED_IN' });
  });

  test('a purchase is its buyer’s to see, and the operators’', async ({ server, viewer, operator }) => {
    const id = await purchase(viewer, 70);
    const document = `query Purchase($id: ID!) { node(id: $id) { ... on CoinPurchase {
      id coins price { minorUnits currency } state disputes { state } } } }`;
    const seenBy = async (api: Actor['api']) => (await query<{ node: unknown }>(api, document, { id })).node;
    const shown = { id, coins: 70, price: { minorUnits: 99, currency: 'USD' }, state: 'SUCCEEDED', disputes: [] };
    expect(await seenBy(viewer.api)).toEqual(shown);
    expect(await seenBy(operator.api)).toEqual(shown);
    expect(await seenBy((await signIn(server)).api)).toBeNull();
    expect(await seenBy(server.http())).toBeNull();
  });
});
