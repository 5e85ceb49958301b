import type { SqlTransaction } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { lockAccountsForReversal, type ReversibleGift, reverseGifts } from '../gifts/gifts.api.ts';
import type { StreamEnding } from '../streams/streams.api.ts';
import type { WalletState, Wallets } from '../wallet/wallet.api.ts';
import { reactionEvents } from './reactions.events.ts';
import { finishReactions, readWaiting, readWaitingStream, type WaitingReaction } from './reactions.repo.ts';

/** Times that the end of a stream looks for viewers whose reactions came while it waited for locks. */
const LOCK_ATTEMPTS_MAX = 10;

/** What skipping has done, for the caller to finish. */
export type Skipped = {
  /** To be appended in the same transaction; empty when none of the reactions waited. */
  drafts: LiveEventDraft[];
  /** To be announced once the transaction is committed. */
  wallets: WalletState[];
};

/**
 * Skips those of these reactions that wait, and pays their gifts back, in the caller's transaction, which holds the locks of
 * `lockForReversal`. A gift that was taken back before is not paid back again.
 * @param gifts what was locked: the gifts of these reactions
 */
export async function skipReactions(
  sql: SqlTransaction,
  wallets: Wallets,
  ids: readonly bigint[],
  gifts: readonly ReversibleGift[],
): Promise<Skipped> {
  const skipped = await finishReactions(sql, ids, 'SKIPPED');
  if (skipped.length === 0) return { drafts: [], wallets: [] };
  const giftIds = new Set(skipped.map(({ giftSentId }) => giftSentId));
  const taken = await reverseGifts(
    sql,
    wallets,
    gifts.filter(({ id }) => giftIds.has(id)),
    'REACTION_SKIPPED',
  );
  const reversalOf = new Map(taken.reversed.map(({ id }, index) => [id, taken.drafts[index]!]));
  const drafts = skipped.flatMap((reaction): LiveEventDraft[] => {
    const reversal = reversalOf.get(reaction.giftSentId);
    return reversal
      ? [reactionEvents.skipped(reaction, reaction.giftCoins), reversal]
      : [reactionEvents.skipped(reaction, 0n)];
  });
  return { drafts, wallets: taken.wallets };
}

/** What waits when its stream ends is never performed, and never paid for: it is skipped, in the transaction that ends the stream. */
export function createEnding(wallets: Wallets): StreamEnding {
  return {
    lock: async (sql, streamId) => {
      await lockWaiting(sql, wallets, streamId);
      return [];
    },
    end: async (sql, streamId) => {
      const waiting = await readWaiting(sql, streamId);
      // Locked already, but for who came with the last attempt.
      const gifts = await lockAccountsForReversal(sql, wallets, giftsOf(waiting));
      const skipped = await skipReactions(
        sql,
        wallets,
        waiting.map(({ id }) => id),
        gifts,
      );
      return { drafts: skipped.drafts, committed: () => wallets.announce(skipped.wallets) };
    },
  };
}

/**
 * Locks the ledger accounts that the end of a stream moves. While they are waited for, a gift may earn one more reaction, and its
 * sender's wallet cannot be locked after the creator's account: gifts lock them by id. So all are given back and locked again, with
 * that one. Who holds the creator's account keeps further gifts out, so what is found behind it is all there is. Ends soon: a
 * wallet is only missing when its viewer had nothing waiting, and the queue is bounded.
 */
async function lockWaiting(sql: SqlTransaction, wallets: Wallets, streamId: bigint): Promise<void> {
  const stream = await readWaitingStream(sql, streamId);
  if (!stream?.isLive) return;
  await sql.query('SAVEPOINT reactions');
  for (let attempt = 1; ; attempt++) {
    const waiting = await readWaiting(sql, streamId);
    await lockAccountsForReversal(sql, wallets, giftsOf(waiting), [stream.giftsAccountId]);
    const locked = new Set(waiting.map(({ viewerId }) => viewerId));
    const isWhole = (await readWaiting(sql, streamId)).every(({ viewerId }) => locked.has(viewerId));
    // Were it the last attempt, the rest is locked behind the log: Postgres may find a deadlock, and all of it is tried again.
    if (isWhole || attempt === LOCK_ATTEMPTS_MAX) return;
    await sql.query('ROLLBACK TO SAVEPOINT reactions');
  }
}

function giftsOf(waiting: readonly WaitingReaction[]): bigint[] {
  return waiting.map(({ giftSentId }) => giftSentId);
}
