import type { SqlTransaction } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import { least } from '../../kernel/money.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { lockLogs } from '../../live/live-log.ts';
import { type DiamondsOf, unearn } from '../payouts/payouts.api.ts';
import { accountNames, type Transfer, type WalletState, type Wallets } from '../wallet/wallet.api.ts';
import { type GiftReversedPayload, giftReversed, type ReversalReason } from './gifts.events.ts';
import {
  findReversed,
  findSentGifts,
  insertReversals,
  lowerGifters,
  type SentGiftRow,
  uncountSpending,
} from './reversals.repo.ts';

/** A gift that can be taken back: its transfers, and the accounts that a reversal moves, which are locked. */
export type ReversibleGift = SentGiftRow & { spentId: bigint; earnedId: bigint | undefined; accounts: Accounts };

/** What a reversal has done, for its caller to finish. */
export type Reversed = {
  /** GIFT_REVERSED events: append them in the same transaction, to logs of streams that have ended, too. */
  drafts: LiveEventDraft<'GIFT_REVERSED', GiftReversedPayload>[];
  /** Announce them once the transaction is committed. */
  wallets: WalletState[];
  /** The gifts that were taken back now; who was before is not among them. */
  reversed: ReversibleGift[];
};

type Accounts = {
  wallet: bigint;
  gifts: bigint;
  issuance: bigint;
  pending: bigint;
  available: bigint;
  debt: bigint;
};

/**
 * Locks what a reversal of gifts touches, in the lock order: the ledger accounts, by id, then the streams' logs, by id. Nothing
 * that stands before accounts in the order may be locked afterwards.
 * @param others ledger accounts that the caller moves besides
 * @returns the gifts in the order of the ids, for {@link reverseGifts}; ids of no gift are left out
 */
export async function lockForReversal(
  sql: SqlTransaction,
  wallets: Wallets,
  giftSentIds: readonly bigint[],
  others: readonly bigint[] = [],
): Promise<ReversibleGift[]> {
  const gifts = await lockAccountsForReversal(sql, wallets, giftSentIds, others);
  await lockLogs(sql, [...new Set(gifts.map(({ streamId }) => streamId))]);
  return gifts;
}

/** The first half of {@link lockForReversal}, for who has more to lock before the logs: the accounts only. */
export async function lockAccountsForReversal(
  sql: SqlTransaction,
  wallets: Wallets,
  giftSentIds: readonly bigint[],
  others: readonly bigint[] = [],
): Promise<ReversibleGift[]> {
  const gifts = giftSentIds.length === 0 ? [] : await findSentGifts(sql, [...new Set(giftSentIds)]);
  const originals = await wallets.transfersOf(
    sql,
    gifts.flatMap(({ id: causeId, createdAt: at }) => [
      { kind: 'GIFT_SPENT' as const, causeId, at },
      { kind: 'GIFT_EARNED' as const, causeId, at },
    ]),
  );
  const accounts = await accountsOf(sql, wallets, gifts);
  await wallets.lock(sql, [...new Set([...others, ...gifts.flatMap((gift) => Object.values(accounts(gift)))])]);
  return gifts.map((gift) => {
    const spentId = originals.get(`GIFT_SPENT:${gift.id}`);
    const earnedId = originals.get(`GIFT_EARNED:${gift.id}`);
    assert(spentId !== undefined, 'every gift was paid');
    assert((earnedId !== undefined) === gift.diamonds > 0n, 'a gift with diamonds has earned them');
    return { ...gift, spentId, earnedId, accounts: accounts(gift) };
  });
}

/**
 * Takes gifts back, each once, in the caller's transaction, which holds the locks of {@link lockForReversal}: the coins go back
 * to who sent it, the diamonds leave the creator, and the sender's place in the stream sinks. What a stream has reached by it
 * (goals, levels, battles, the running count of a streak) stands.
 *
 * The coins of a skipped reaction were not spent, as far as the sender's caps go, and pay the sender's debt first. Those of a
 * chargeback were spent, and are the caller's to take out of the wallet.
 * @param causeId what it is done for, in the table that the reason names
 */
export async function reverseGifts(
  sql: SqlTransaction,
  wallets: Wallets,
  gifts: readonly ReversibleGift[],
  reason: ReversalReason,
  causeId?: bigint,
): Promise<Reversed> {
  const known = await findReversed(
    sql,
    gifts.map(({ id }) => id),
  );
  const reversed = gifts.filter(({ id }) => !known.has(id));
  if (reversed.length === 0) return { drafts: [], wallets: [], reversed: [] };
  const where = await unearn(
    sql,
    reversed.map(({ id: giftSentId, ...gift }) => ({ giftSentId, ...gift })),
  );
  const taken = takeDiamonds(reversed, where, await wallets.balances(sql, diamondAccounts(reversed)));
  await insertReversals(sql, taken, { reason, causeId });
  await wallets.post(
    sql,
    taken.flatMap(({ transfers, ...gift }) => [refundOf(gift), ...transfers]),
  );
  await lowerGifters(sql, reversed);
  const viewerIds = [...new Set(reversed.map(({ viewerId }) => viewerId))];
  if (reason !== 'CHARGEBACK') {
    await uncountSpending(sql, reversed);
    await wallets.payDebts(sql, viewerIds);
  }
  return {
    drafts: reversed.map((gift) => giftReversed(gift.streamId, toPayload(gift, reason))),
    wallets: await wallets.readAll(sql, viewerIds),
    reversed,
  };
}

/** The accounts that a reversal moves, per gift; opened if need be, with one look-up for each person. */
async function accountsOf(
  sql: SqlTransaction,
  wallets: Wallets,
  gifts: readonly SentGiftRow[],
): Promise<(gift: SentGiftRow) => Accounts> {
  const viewerIds = [...new Set(gifts.map(({ viewerId }) => viewerId))];
  const creatorIds = [...new Set(gifts.map(({ creatorId }) => creatorId))];
  const ids = await wallets.accounts(sql, [
    ...viewerIds.map(accountNames.wallet),
    ...creatorIds.flatMap((id) => [
      accountNames.gifts(id),
      accountNames.diamonds(id, 'ISSUANCE'),
      accountNames.diamonds(id, 'PENDING'),
      accountNames.diamonds(id, 'AVAILABLE'),
      accountNames.diamonds(id, 'DEBT'),
    ]),
  ]);
  const walletOf = new Map(viewerIds.map((id, index) => [id, ids[index]!]));
  const creatorOf = new Map(
    creatorIds.map((id, index) => {
      const [gifts, issuance, pending, available, debt] = ids.slice(viewerIds.length + 5 * index);
      return [id, { gifts: gifts!, issuance: issuance!, pending: pending!, available: available!, debt: debt! }];
    }),
  );
  return ({ viewerId, creatorId }) => ({ wallet: walletOf.get(viewerId)!, ...creatorOf.get(creatorId)! });
}

function diamondAccounts(gifts: readonly ReversibleGift[]): bigint[] {
  return [...new Set(gifts.flatMap(({ accounts }) => [accounts.pending, accounts.available]))];
}

function refundOf({ id, coins, spentId, accounts }: ReversibleGift): Transfer {
  const { gifts: debit, wallet: credit } = accounts;
  return { debit, credit, unit: 'COIN', amount: coins, kind: 'GIFT_REFUNDED', causeId: id, reverses: spentId };
}

/**
 * Finds the diamonds of gifts, one gift after the other: what still pends, in PENDING; what is settled, in AVAILABLE, as far as
 * that goes. The rest is owed. (Of what pends, the accounts of old could lack some: then it is looked for there, too.)
 * @param where where the diamonds of each are
 * @param balances what the accounts hold; lowered as it is taken
 */
function takeDiamonds(gifts: readonly ReversibleGift[], where: readonly DiamondsOf[], balances: Map<bigint, bigint>) {
  return gifts.map((gift, index) => {
    const { id: causeId, accounts, earnedId } = gift;
    const transfers: Transfer[] = [];
    let left = gift.diamonds;
    const take = (debit: bigint, amount: bigint) => {
      if (amount === 0n) return;
      // A transfer is reversed once: the first of the legs says so, for all of them.
      const reverses = transfers.length === 0 ? earnedId : undefined;
      const leg = {
        debit,
        credit: accounts.issuance,
        unit: 'DIAMOND',
        amount,
        causeId,
        kind: 'GIFT_UNEARNED' as const,
      };
      transfers.push(reverses === undefined ? leg : { ...leg, reverses });
      left -= amount;
    };
    const sources = where[index] === 'SETTLED' ? [accounts.available] : [accounts.pending, accounts.available];
    for (const account of sources) {
      const balance = balances.get(account) ?? 0n;
      const amount = least(balance, left);
      balances.set(account, balance - amount);
      take(account, amount);
    }
    const diamondsOwed = left;
    take(accounts.debt, left);
    return { ...gift, transfers, diamondsOwed };
  });
}

function toPayload(gift: ReversibleGift, reason: ReversalReason): GiftReversedPayload {
  return {
    giftSeq: Number(gift.seq),
    sender: { id: Number(gift.viewerId), handle: gift.handle, displayName: gift.displayName },
    gift: { id: Number(gift.giftId), name: gift.giftName, coins: Number(gift.coins) / gift.quantity },
    quantity: gift.quantity,
    coins: Number(gift.coins),
    reason,
  };
}
