/** Reactions that are not performed: the gift is paid back, once, whatever happens at once. */
import { describe, expect } from 'vitest';
import { WALLET_UPDATES } from '../support/documents.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  mutate,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { boardOf, diamondsOf, walletOf } from './support/disputes.ts';
import { rowOf, wrongIds } from './support/ids.ts';
import { readEvents } from './support/log.ts';
import { atOnce, tally } from './support/outcomes.ts';
import { addRule, earn, expectQueuesCounted, perform, performNext, readQueue, skip } from './support/reactions.ts';
import { connectReverser } from './support/reversals.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

async function typesOf(viewer: Pick<Actor, 'api'>, streamId: string): Promise<string[]> {
  return (await readEvents(viewer, streamId)).map(({ type }) => type);
}

describe('skipping', () => {
  test('pays the gift back, and everybody sees it', async ({ db, server, funded, live }) => {
    const rule = await addRule(live.creator, { gift: 'Ice Cream', phrase: 'Ice cream so good!', sound: 'mmm' });
    const before = (await walletOf(funded)).coins;
    const first = await earn(funded, live.streamId, rule, { quantity: 3 });
    const second = await earn(funded, live.streamId, rule);
    const wallet = server.sse<{ walletUpdates: { coins: number } }>(WALLET_UPDATES, {}, funded.token);
    expect((await wallet.next()).walletUpdates.coins).toBe(before - 40);
    const { reaction, replayed } = succeed(await skip(live.creator, first));
    expect(replayed).toBe(false);
    expect(reaction).toMatchObject({ id: first, state: 'SKIPPED', position: null, etaMs: null });
    expect((await wallet.next()).walletUpdates.coins).toBe(before - 10);
    await wallet.close();
    expect((await walletOf(funded)).coins).toBe(before - 10);
    expect(await diamondsOf(db.pool, live.creator)).toEqual({ ISSUANCE: -5, PENDING: 5 });
    expect(await boardOf(funded, live.streamId)).toEqual([[funded.handle, 10]]);
    const events = await readEvents(funded, live.streamId);
    const giftSeq = events.find(({ type, quantity }) => type === 'GIFT_SENT' && quantity === 3)!.seq;
    expect(events.slice(-2)).toMatchObject([
      {
        __typename: 'ReactionSkipped',
        reactionId: first,
        reaction: 'Ice cream so good!',
        animation: null,
        sound: 'mmm',
        sender: { id: funded.id, handle: funded.handle },
        giftSeq,
        coins: 30,
      },
      { __typename: 'GiftReversed', giftSeq, coins: 30 },
    ]);
    expect((await readQueue(funded, live.streamId)).map(({ id, position }) => [id, position])).toEqual([[second, 1]]);
  });

  test('twice, and by many at once, pays back once', async ({ funded, live }) => {
    const rule = await addRule(live.creator, { gift: 'Heart' });
    const before = (await walletOf(funded)).coins;
    const reactionId = await earn(funded, live.streamId, rule);
    const skips = await atOnce(8, () => skip(live.creator, reactionId));
    expect(tally(skips)).toEqual({ SkipReactionSuccess: 8 });
    expect(skips.filter((outcome) => succeed(outcome).replayed)).toHaveLength(7);
    expect(succeed(await skip(live.creator, reactionId)).replayed).toBe(true);
    expect((await walletOf(funded)).coins).toBe(before);
    const types = await typesOf(funded, live.streamId);
    expect(types.filter((type) => type === 'REACTION_SKIPPED' || type === 'GIFT_REVERSED')).toHaveLength(2);
  });

  test('what is performed, and performing what is skipped, is refused', async ({ db, funded, live }) => {
    const rule = await addRule(live.creator);
    const performed = await earn(funded, live.streamId, rule);
    const skipped = await earn(funded, live.streamId, rule);
    succeed(await perform(live.creator, performed));
    succeed(await skip(live.creator, skipped));
    await expectNothingWritten(db.pool, async () => {
      expect(await skip(live.creator, performed)).toMatchObject({
        __typename: 'ReactionStateError',
        code: 'REACTION_STATE',
        state: 'PERFORMED',
      });
      expect(await perform(live.creator, skipped)).toMatchObject({ code: 'REACTION_STATE', state: 'SKIPPED' });
    });
  });

  test('and performing at once: one of them happens', async ({ funded, live }) => {
    const rule = await addRule(live.creator);
    const before = (await walletOf(funded)).coins;
    let skips = 0;
    for (let round = 0; round < 8; round++) {
      const reactionId = await earn(funded, live.streamId, rule);
      const [skipped, performed] = await Promise.all([
        skip(live.creator, reactionId),
        perform(live.creator, reactionId),
      ]);
      const outcomes = tally([skipped, performed]);
      expect(outcomes.ReactionStateError).toBe(1);
      skips += outcomes.SkipReactionSuccess ?? 0;
    }
    expect((await walletOf(funded)).coins).toBe(before - (8 - skips));
  });
});

describe('to skip', () => {
  test('is for the creator alone, and for what there is', async ({ db, server, funded, live }) => {
    const rule = await addRule(live.creator);
    const reactionId = await earn(funded, live.streamId, rule);
    const other = await signIn(server);
    await startStream(other);
    await expectNothingWritten(db.pool, async () => {
      for (const stranger of [funded, other]) {
        expect(await skip(stranger, reactionId)).toMatchObject({ __typename: 'ForbiddenError', code: 'FORBIDDEN' });
      }
      expect(await mutate(server.http(), 'skipReaction', { reactionId })).toMatchObject({ code: 'NOT_SIGNED_IN' });
      for (const [what, id] of wrongIds('Reaction')) {
        expect(await skip(live.creator, id), what).toMatchObject({ code: 'NOT_FOUND' });
      }
    });
  });

  test('while gifts of the same viewer come in loses nothing', async ({ db, funded, live }) => {
    const rule = await addRule(live.creator);
    const before = (await walletOf(funded)).coins;
    const ids = [];
    for (let n = 0; n < 10; n++) ids.push(await earn(funded, live.streamId, rule));
    const outcomes = await Promise.all([
      ...ids.map((id) => skip(live.creator, id)),
      ...Array.from({ length: 10 }, () => sendGift(funded, live.streamId)),
      performNext(live.creator, live.streamId),
    ]);
    const refused = tally(outcomes).ReactionStateError ?? 0;
    expect(tally(outcomes).SendGiftSuccess).toBe(10);
    expect((await walletOf(funded)).coins).toBe(before - 10 - refused);
    await expectQueuesCounted(db.pool);
  });
});

describe('a gift that the bank takes back', () => {
  test('takes its reaction out of the queue; skipping it later pays nothing', async ({ db, funded, live }) => {
    const rule = await addRule(live.creator);
    const taken = await earn(funded, live.streamId, rule);
    const other = await earn(funded, live.streamId, rule);
    const coins = (await walletOf(funded)).coins;
    const reverser = connectReverser(db.url);
    try {
      const { rows } = await db.pool.query<{ id: string }>('SELECT gift_sent_id AS id FROM reaction WHERE id = $1', [
        rowOf(taken),
      ]);
      expect(await reverser.reverse([BigInt(rows[0]!.id)], 'CHARGEBACK')).toBe(1);
    } finally {
      await reverser.close();
    }
    expect((await readEvents(funded, live.streamId)).slice(-2)).toMatchObject([
      { type: 'GIFT_REVERSED', coins: 1 },
      { type: 'REACTION_SKIPPED', reactionId: taken, coins: 0 },
    ]);
    expect((await readQueue(funded, live.streamId)).map(({ id }) => id)).toEqual([other]);
    expect(await skip(live.creator, taken)).toMatchObject({ replayed: true });
    expect(await perform(live.creator, taken)).toMatchObject({ code: 'REACTION_STATE', state: 'SKIPPED' });
    expect((await walletOf(funded)).coins, 'the one refund').toBe(coins + 1);
  });
});

describe('the end of a stream', () => {
  test('skips what waits, and pays it back, before the stream ends', async ({ db, server, funded, live }) => {
    const rule = await addRule(live.creator, { gift: 'Ice Cream' });
    const other = await signIn(server);
    succeed(await buyCoins(other, { coins: 70 }));
    const before = (await walletOf(funded)).coins;
    const performed = await earn(funded, live.streamId, rule);
    const waiting = [await earn(other, live.streamId, rule), await earn(funded, live.streamId, rule)];
    succeed(await perform(live.creator, performed));
    succeed(await endStream(live.creator, live.streamId));
    expect((await walletOf(funded)).coins).toBe(before - 10);
    expect((await walletOf(other)).coins).toBe(70);
    const events = await readEvents(funded, live.streamId);
    const end = events.slice(events.findLastIndex(({ type }) => type === 'STREAK_ENDED') + 1);
    expect(end.map(({ type }) => type)).toEqual([
      'REACTION_SKIPPED',
      'GIFT_REVERSED',
      'REACTION_SKIPPED',
      'GIFT_REVERSED',
      'STREAM_ENDED',
    ]);
    expect([end[0], end[2]]).toMatchObject(waiting.map((reactionId) => ({ reactionId, coins: 10 })));
    expect(await readQueue(funded, live.streamId)).toEqual([]);
    await expectNothingWritten(db.pool, async () => {
      expect(await perform(live.creator, waiting[0]!)).toMatchObject({ code: 'REACTION_STATE', state: 'SKIPPED' });
      expect(await performNext(live.creator, live.streamId)).toMatchObject({ code: 'STREAM_NOT_LIVE' });
      expect(succeed(await skip(live.creator, waiting[0]!)).replayed).toBe(true);
      expect(succeed(await endStream(live.creator, live.streamId)).replayed).toBe(true);
    });
  });

  test('while gifts, skips and performances come in leaves no reaction and no coin behind', async ({
    db,
    server,
    live,
  }) => {
    const rule = await addRule(live.creator);
    const viewers = await atOnce(6, async () => {
      const viewer = await signIn(server);
      succeed(await buyCoins(viewer, { coins: 70 }));
      return viewer;
    });
    const early = await Promise.all(viewers.map((viewer) => sendGift(viewer, live.streamId, { giftId: rule.gift.id })));
    expect(tally(early)).toEqual({ SendGiftSuccess: 6 });
    const queue = await readQueue(live.creator, live.streamId);
    const [sent] = await Promise.all([
      Promise.all(
        viewers.flatMap((viewer) => [1, 2, 3, 4].map(() => sendGift(viewer, live.streamId, { giftId: rule.gift.id }))),
      ),
      skip(live.creator, queue[5]!.id),
      perform(live.creator, queue[0]!.id),
      endStream(live.creator, live.streamId).then(succeed),
    ]);
    const { SendGiftSuccess = 0, StreamNotLiveError = 0 } = tally(sent);
    expect(SendGiftSuccess + StreamNotLiveError).toBe(24);
    const events = await readEvents(live.creator, live.streamId);
    expect(events.at(-1)!.type).toBe('STREAM_ENDED');
    const counts = tally(events.map(({ type }) => ({ __typename: type }) as never));
    expect(counts.REACTION_QUEUED).toBe((counts.REACTION_PERFORMED ?? 0) + (counts.REACTION_SKIPPED ?? 0));
    expect(counts.GIFT_REVERSED).toBe(counts.REACTION_SKIPPED);
    const wallets = await Promise.all(viewers.map(walletOf));
    const spent = wallets.reduce((sum, { coins }) => sum + 70 - coins, 0);
    expect(spent, 'only what was performed is paid').toBe(counts.REACTION_PERFORMED ?? 0);
    await expectQueuesCounted(db.pool);
  });
});

test('after all of this the books are balanced, and the queues counted', async ({ db }) => {
  await expectQueuesCounted(db.pool);
  await expectBooksBalanced(db.pool);
});
