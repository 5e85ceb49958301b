import type { SqlTransaction } from '../../db/database.ts';
import { accountNames, type DiamondKind, type Transfer, type Wallets } from '../wallet/wallet.api.ts';
import { readBalances } from './payouts.repo.ts';

/** All that a creator's diamonds can be in; they are locked together, so that whoever has them owns what becomes of the diamonds. */
const KINDS = ['PENDING', 'AVAILABLE', 'HELD', 'PAID', 'DEBT'] as const satisfies readonly DiamondKind[];
type Kind = (typeof KINDS)[number];

/** A creator's accounts, locked, and what was in them then. */
export type LockedDiamonds = { creatorId: bigint; accounts: Record<Kind, bigint>; balances: Record<Kind, bigint> };

/** Diamonds that move from one account of a creator's to another. */
export type Move = {
  from: Kind;
  to: Kind;
  amount: bigint;
  kind: Transfer['kind'];
  causeId: bigint;
  reverses?: bigint | undefined;
};

/**
 * Locks all of a creator's diamonds. Stands before the logs in the lock order.
 * @param others more accounts that the transaction moves, locked with them
 */
export async function lockDiamonds(
  sql: SqlTransaction,
  wallets: Wallets,
  creatorId: bigint,
  others: readonly bigint[] = [],
): Promise<LockedDiamonds> {
  const ids = await wallets.accounts(
    sql,
    KINDS.map((kind) => accountNames.diamonds(creatorId, kind)),
  );
  await wallets.lock(sql, [...ids, ...others]);
  const balances = await readBalances(sql, ids);
  const byKind = (values: readonly bigint[]) =>
    Object.fromEntries(KINDS.map((kind, index) => [kind, values[index]!])) as Record<Kind, bigint>;
  return { creatorId, accounts: byKind(ids), balances: byKind(balances) };
}

/**
 * Moves diamonds of a creator whose accounts are locked. What becomes available pays the debt first, as far as it goes: nobody has
 * diamonds to spend and a debt at once.
 */
export async function moveDiamonds(
  sql: SqlTransaction,
  wallets: Wallets,
  { creatorId, accounts, balances }: LockedDiamonds,
  moves: readonly Move[],
): Promise<void> {
  const transfers = moves
    .filter(({ amount }) => amount > 0n)
    .map(
      ({ from, to, amount, kind, causeId, reverses }): Transfer => ({
        debit: accounts[from],
        credit: accounts[to],
        unit: 'DIAMOND',
        amount,
        kind,
        causeId,
        ...(reverses === undefined ? {} : { reverses }),
      }),
    );
  const arriving = moves.reduce((sum, { to, amount }) => (to === 'AVAILABLE' ? sum + amount : sum), 0n);
  const owed = -balances.DEBT;
  const paid = least(arriving, owed);
  if (paid > 0n) {
    const { AVAILABLE, DEBT } = accounts;
    const rest = { unit: 'DIAMOND', amount: paid, kind: 'DIAMOND_DEBT_PAID', causeId: creatorId } as const;
    transfers.push({ debit: AVAILABLE, credit: DEBT, ...rest });
  }
  if (transfers.length > 0) await wallets.post(sql, transfers);
}

/** The smaller one; Math.min knows no bigints. */
function least(one: bigint, other: bigint): bigint {
  if (one < other) return one;
  return other;
}
