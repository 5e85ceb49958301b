import type { Queryable, SqlTransaction } from '../../db/database.ts';
import type { SpendingCaps } from './caps/caps.ts';
import type { AccountName } from './wallet.accounts.ts';
import type { Transfer, TransferOf, WalletState } from './wallet.repo.ts';

export { type AccountName, accountNames, type DiamondKind } from './wallet.accounts.ts';
export type { Transfer, TransferOf, WalletState } from './wallet.repo.ts';

/** A creator's diamonds. */
export type Earnings = { pending: bigint; available: bigint; lifetime: bigint };

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
  /** Balances by account. They stay if the caller has locked the accounts. */
  balances: (sql: Queryable, accountIds: readonly bigint[]) => Promise<Map<bigint, bigint>>;
  /** The newest transfer of each account. For who has just posted one, and holds the accounts' locks. */
  lastTransfers: (sql: SqlTransaction, accountIds: readonly bigint[]) => Promise<Map<bigint, bigint>>;
  /** The ids of transfers by `<kind>:<cause>`. Transfers never change: look before anything is locked. */
  transfersOf: (sql: Queryable, wanted: readonly TransferOf[]) => Promise<Map<string, bigint>>;
  /**
   * Pays what viewers owe in coins out of their wallets, as far as the coins go. For whoever has put coins into wallets and holds
   * their locks; comes behind it, in the same transaction.
   */
  payDebts: (sql: SqlTransaction, viewerIds: readonly bigint[]) => Promise<void>;
  /** What a viewer owes in coins, a positive number. */
  debtOf: (viewerId: bigint) => Promise<bigint>;
  read: (sql: Queryable, viewerId: bigint) => Promise<WalletState>;
  /** Wallets of several viewers, in one statement, in any order. */
  readAll: (sql: Queryable, viewerIds: readonly bigint[]) => Promise<WalletState[]>;
  /** Tells the watchers of wallets of committed changes. */
  announce: (wallets: readonly WalletState[]) => void;
  /** The wallet now, and each newer state. */
  watch: (viewerId: bigint) => AsyncIterableIterator<{ coins: number; version: number }>;
  earnings: (creatorId: bigint) => Promise<Earnings>;
  /** What viewers allow themselves to spend. */
  caps: SpendingCaps;
  close: () => Promise<void>;
};
