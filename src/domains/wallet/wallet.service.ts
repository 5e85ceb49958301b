import type { Logger } from 'pino';
import type { Database, Queryable, SqlTransaction } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import { least } from '../../kernel/money.ts';
import type { Bus } from '../../live/bus.ts';
import { LatestValues } from '../../live/latest.ts';
import { SpendingCaps } from './caps/caps.ts';
import { accountNames } from './wallet.accounts.ts';
import type { Wallets } from './wallet.api.ts';
import {
  ensureAccounts,
  findTransfers,
  lockAccounts,
  postTransfers,
  readBalances,
  readCoinDebts,
  readDiamonds,
  readLastTransfers,
  readRateCard,
  readWallets,
  type WalletState,
} from './wallet.repo.ts';

/** Builds the wallet domain. */
export function createWallets(deps: { db: Database; bus: Bus; log: Logger }): Wallets {
  const toValue = (wallet: WalletState) =>
    [wallet.viewerId, { coins: Number(wallet.coins), version: Number(wallet.version) }] as const;
  const latest = new LatestValues<{ coins: number; version: number }>(
    'wallets',
    async (viewerIds) => new Map((await readWallets(deps.db.pool, viewerIds)).map(toValue)),
    deps,
  );
  const walletOf = async (sql: Queryable, viewerId: bigint) =>
    (await ensureAccounts(sql, [accountNames.wallet(viewerId)]))[0]!;
  const announce = (wallets: readonly WalletState[]) => latest.announce(new Map(wallets.map(toValue)));
  const read = async (sql: Queryable, viewerId: bigint) => {
    const [wallet] = await readWallets(sql, [viewerId]);
    assert(wallet, 'every viewer has a wallet');
    return wallet;
  };
  return {
    open: walletOf,
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
    lock: lockAccounts,
    balances: readBalances,
    lastTransfers: readLastTransfers,
    transfersOf: findTransfers,
    payDebts,
    debtOf: async (viewerId) => (await readCoinDebts(deps.db.pool, [viewerId])).get(viewerId) ?? 0n,
    read,
    readAll: readWallets,
    announce,
    watch: (viewerId) => latest.watch(viewerId),
    earnings: async (creatorId) => {
      const diamonds = await readDiamonds(deps.db.pool, creatorId);
      return {
        pending: diamonds.get('PENDING') ?? 0n,
        available: diamonds.get('AVAILABLE') ?? 0n,
        lifetime: -(diamonds.get('ISSUANCE') ?? 0n),
      };
    },
    caps: new SpendingCaps({ db: deps.db, walletOf, read, announce }),
    close: () => latest.close(),
  };
}

/**
 * Pays debts out of wallets. A viewer's DEBT account is locked behind the wallet, whatever its id: nobody touches it who does not
 * hold the wallet, so nobody ever waits for it.
 */
async function payDebts(sql: SqlTransaction, viewerIds: readonly bigint[]): Promise<void> {
  const debts = await readCoinDebts(sql, viewerIds);
  if (debts.size === 0) return;
  const paying = (await readWallets(sql, [...debts.keys()])).filter(({ coins }) => coins > 0n);
  if (paying.length === 0) return;
  const names = paying.flatMap(({ viewerId }) => [accountNames.wallet(viewerId), accountNames.coinDebt(viewerId)]);
  const accounts = await ensureAccounts(sql, names);
  await postTransfers(
    sql,
    paying.map(({ viewerId, coins }, index) => {
      const owed = debts.get(viewerId)!;
      return {
        debit: accounts[2 * index]!,
        credit: accounts[2 * index + 1]!,
        unit: 'COIN',
        amount: least(coins, owed),
        kind: 'COIN_DEBT_PAID',
        causeId: viewerId,
      };
    }),
  );
}
