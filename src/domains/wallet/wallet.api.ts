import type { Queryable, SqlTransaction } from '../../db/database.ts';
import type { AccountName } from './wallet.accounts.ts';
import type { RateCard, Transfer, WalletState } from './wallet.repo.ts';

export { accountNames, type DiamondKind } from './wallet.accounts.ts';
export type { RateCard, Transfer, WalletState } from './wallet.repo.ts';

/** A creator's diamonds. `debt` is what is owed, above zero. */
export type Earnings = {
  creatorId: bigint;
  pending: bigint;
  available: bigint;
  held: bigint;
  paid: bigint;
  debt: bigint;
  lifetime: bigint;
};

/** The accounts that a stream's gifts move, and the rate that they are earned at. */
export type StreamTerms = {
  rateCardId: bigint;
  rateCoins: number;
  rateDiamonds: number;
  giftsAccountId: bigint;
  issuanceAccountId: bigint;
  pendingAccountId: bigint;
};

/** The ledger, as other domains may use it. */
export type Wallets = {
  /** Opens a viewer's wallet, empty. Returns the account's id. */
  open: (sql: SqlTransaction, viewerId: bigint) => Promise<bigint>;
  /** Opens what a creator's stream needs and freezes today's rate card. */
  termsOf: (sql: SqlTransaction, creatorId: bigint) => Promise<StreamTerms>;
  /** Ids of accounts, opened if need be. */
  accounts: (sql: Queryable, names: readonly AccountName[]) => Promise<bigint[]>;
  /** Writes transfers, all or nothing, in the caller's transaction; locks the accounts by id. */
  post: (sql: SqlTransaction, transfers: readonly Transfer[]) => Promise<void>;
  /** Locks accounts, by id, before something is locked that stands behind them in the lock order (a log, say). */
  lock: (sql: SqlTransaction, accountIds: readonly bigint[]) => Promise<void>;
  read: (sql: Queryable, viewerId: bigint) => Promise<WalletState>;
  /** Tells the watchers of wallets of committed changes. */
  announce: (wallets: readonly WalletState[]) => void;
  /** The wallet now, and each newer state. */
  watch: (viewerId: bigint) => AsyncIterableIterator<{ coins: number; version: number }>;
  earnings: (creatorId: bigint) => Promise<Earnings>;
  /** The rate card that new streams freeze. */
  rateCard: (sql: Queryable) => Promise<RateCard>;
  /** Publishes a rate card; streams that are live keep theirs. */
  publishRateCard: (sql: SqlTransaction, card: Pick<RateCard, 'coins' | 'diamonds'>) => Promise<RateCard>;
  close: () => Promise<void>;
};
