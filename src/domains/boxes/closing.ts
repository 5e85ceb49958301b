import type { SqlTransaction } from '../../db/database.ts';
import type { LiveEventDraft } from '../../live/live-event.ts';
import { accountNames, type Wallets } from '../wallet/wallet.api.ts';
import { boxEvents } from './boxes.events.ts';
import { type HeldBox, markClosed, markOpen } from './boxes.repo.ts';
import type { BoxEnd } from './boxes.state.ts';

/** Coins of a box that nobody has claimed, the remainder of the division too. */
function restOf(box: HeldBox): bigint {
  return box.coins - BigInt(box.claimed) * box.shareCoins;
}

/** Locks what closing these boxes moves: the wallets of their funders, and the account of the boxes. */
export async function lockFunders(sql: SqlTransaction, wallets: Wallets, boxes: readonly HeldBox[]): Promise<void> {
  if (boxes.length > 0) await wallets.lock(sql, await accountsOf(sql, wallets, boxes));
}

/**
 * Opens and closes boxes whose time has come, or closes all of them (`reason`). The caller has locked them, in this transaction:
 * whoever else looks finds them closed, so what is left goes back once.
 * @returns the events, to be appended in the same transaction, and the viewers whose wallets have changed
 */
export async function moveOn(
  sql: SqlTransaction,
  wallets: Wallets,
  boxes: readonly HeldBox[],
  reason?: BoxEnd,
): Promise<{ drafts: LiveEventDraft[]; viewerIds: bigint[] }> {
  const endOf = (box: HeldBox): BoxEnd | undefined => {
    if (reason) return reason;
    if (box.claimed === box.shares) return 'EMPTY';
    return box.isOver ? 'EXPIRED' : undefined;
  };
  const opening = boxes.filter((box) => !endOf(box) && box.state === 'FUNDED' && box.hasOpened);
  const closing = boxes.filter((box) => endOf(box));
  if (opening.length > 0) {
    await markOpen(
      sql,
      opening.map(({ id }) => id),
    );
  }
  if (closing.length > 0) {
    await markClosed(
      sql,
      closing.map(({ id }) => id),
    );
  }
  const returning = closing.filter((box) => restOf(box) > 0n);
  const viewerIds = [...new Set(returning.map(({ viewerId }) => viewerId))];
  if (returning.length > 0) {
    await giveBack(sql, wallets, returning);
    await wallets.payDebts(sql, viewerIds);
  }
  return {
    drafts: [
      ...opening.map(({ streamId, id }) => boxEvents.opened(streamId, id)),
      ...closing.map((box) =>
        boxEvents.closed(box.streamId, box.id, {
          reason: endOf(box)!,
          claimed: box.claimed,
          returned: restOf(box),
        }),
      ),
    ],
    viewerIds,
  };
}

async function giveBack(sql: SqlTransaction, wallets: Wallets, boxes: readonly HeldBox[]): Promise<void> {
  const [boxesAccount, ...walletIds] = await accountsOf(sql, wallets, boxes);
  await wallets.post(
    sql,
    boxes.map((box, index) => ({
      debit: boxesAccount!,
      credit: walletIds[index]!,
      unit: 'COIN',
      amount: restOf(box),
      kind: 'BOX_RETURNED',
      causeId: box.id,
    })),
  );
  await wallets.payDebts(sql, [...new Set(boxes.map(({ viewerId }) => viewerId))]);
}

/** The account of the boxes, and the wallet of each funder, in the order of the boxes. */
function accountsOf(sql: SqlTransaction, wallets: Wallets, boxes: readonly HeldBox[]): Promise<bigint[]> {
  return wallets.accounts(sql, [accountNames.boxes(), ...boxes.map(({ viewerId }) => accountNames.wallet(viewerId))]);
}
