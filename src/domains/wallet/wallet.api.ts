import type { Logger } from 'pino';
import type { Database, Queryable, SqlTransaction } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import type { Bus } from '../../live/bus.ts';
import { LatestValues } from '../../live/latest.ts';
import { type AccountName, accountNames } from './wallet.accounts.ts';
import {
  ensureAccounts,
  postTransfers,
  readDiamonds,
  readRateCard,
  readWallets,
  type Transfer,
  type WalletState,
} from './wallet.repo.ts';

export { accountNames } from './wallet.accounts.ts';
export type { Transfer, WalletState } from './wallet.repo.ts';

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
  read: (sql: Queryable, viewerId: bigint) => Promise<WalletState>;
  /** Tells the watchers of wallets of committed changes. */
  announce: (wallets: readonly WalletState[]) => void;
  /** The wallet now, and each newer state. */
  watch: (viewerId: bigint) => AsyncIterableIterator<{ coins: number; version: number }>;
  earnings: (creatorId: bigint) => Promise<Earnings>;
  close: () => Promise<void>;
};

/** Builds the wallet domain. */
export function createWallets(deps: { db: Database; bus: Bus; log: Logger }): Wallets {
  const toValue = (wallet: WalletState) =>
    [wallet.viewerId, { coins: Number(wallet.coins), version: Number(wallet.version) }] as const;
  const latest = new LatestValues<{ coins: number; version: number }>(
    'wallets',
    async (viewerIds) => new Map((await readWallets(deps.db.pool, viewerIds)).map(toValue)),
    deps,
  );
  return {
    open: async (sql, viewerId) => (await ensureAccounts(sql, [accountNames.wallet(viewerId)]))[0]!,
    termsOf: async (sql, creatorId) => {
      const card = await readRateCard(sql);
      const [giftsAccountId, issuanceAccountId, pendingAccountId] = await ensureAccounts(sql, [
        accountNames.gifts(creatorId),
        accountNames.diamonds(creatorId, 'ISSUANCE'),
        accountNames.diamonds(creatorId, 'PENDING'),
        accountNames.diamonds(creatorId, 'AVAILABLE'),
      ]);
      return {
        rateCardId: card.id,
        rateCoins: card.coins,
        rateDiamonds: card.diamonds,
        giftsAccountId: giftsAccountId!,
        issuanceAccountId: issuanceAccountId!,
        pendingAccountId: pendingAccountId!,
      };
    },
    accounts: ensureAccounts,
    post: postTransfers,
    read: async (sql, viewerId) => {
      const [wallet] = await readWallets(sql, [viewerId]);
      assert(wallet, 'every viewer has a wallet');
      return wallet;
    },
    announce: (wallets) => latest.announce(new Map(wallets.map(toValue))),
    watch: (viewerId) => latest.watch(viewerId),
    earnings: async (creatorId) => {
      const diamonds = await readDiamonds(deps.db.pool, creatorId);
      return {
        pending: diamonds.get('PENDING') ?? 0n,
        available: diamonds.get('AVAILABLE') ?? 0n,
        lifetime: -(diamonds.get('ISSUANCE') ?? 0n),
      };
    },
    close: () => latest.close(),
  };
}
