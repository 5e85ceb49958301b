import type { Logger } from 'pino';
import type { Database } from '../../db/database.ts';
import { assert } from '../../kernel/assert.ts';
import type { Bus } from '../../live/bus.ts';
import { LatestValues } from '../../live/latest.ts';
import { accountNames, type DiamondKind } from './wallet.accounts.ts';
import type { Wallets } from './wallet.api.ts';
import {
  ensureAccounts,
  insertRateCard,
  lockAccounts,
  postTransfers,
  readDiamonds,
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
    lock: lockAccounts,
    read: async (sql, viewerId) => {
      const [wallet] = await readWallets(sql, [viewerId]);
      assert(wallet, 'every viewer has a wallet');
      return wallet;
    },
    announce: (wallets) => latest.announce(new Map(wallets.map(toValue))),
    watch: (viewerId) => latest.watch(viewerId),
    earnings: async (creatorId) => {
      const diamonds = await readDiamonds(deps.db.pool, creatorId);
      const of = (kind: DiamondKind) => diamonds.get(kind) ?? 0n;
      return {
        creatorId,
        pending: of('PENDING'),
        available: of('AVAILABLE'),
        held: of('HELD'),
        paid: of('PAID'),
        debt: -of('DEBT'),
        lifetime: -of('ISSUANCE'),
      };
    },
    rateCard: readRateCard,
    publishRateCard: insertRateCard,
    close: () => latest.close(),
  };
}
