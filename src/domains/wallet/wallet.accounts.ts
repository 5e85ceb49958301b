/**
 * What ledger accounts exist. Only ISSUANCE and CLEARING may go below zero: their (negative) balance is what was issued, or
 * what a provider owes us. A DEBT is zero or below: what its owner should have given back and could not.
 *
 * | owner    | unit    | kind     | holds                                             |
 * | VIEWER   | COIN    | WALLET   | coins to spend                                    |
 * | VIEWER   | COIN    | DEBT     | minus coins that the bank took back and that were spent for good |
 * | CREATOR  | COIN    | GIFTS    | coins received as gifts; they never move on       |
 * | CREATOR  | DIAMOND | ISSUANCE | minus all diamonds ever earned                    |
 * | CREATOR  | DIAMOND | PENDING  | diamonds before the settlement hold is over       |
 * | CREATOR  | DIAMOND | AVAILABLE| diamonds that can be paid out                     |
 * | CREATOR  | DIAMOND | HELD     | diamonds set aside: for a payout under way, or by an operator |
 * | CREATOR  | DIAMOND | PAID     | diamonds that were paid out                       |
 * | CREATOR  | DIAMOND | DEBT     | minus diamonds of reversed gifts that were paid out already |
 * | CREATOR  | fiat    | CLEARING | minus the money that was paid out to the creator  |
 * | PLATFORM | COIN    | ISSUANCE | minus all coins ever issued                       |
 * | PLATFORM | COIN    | BOXES    | coins in treasure boxes                           |
 * | PLATFORM | fiat    | CLEARING | minus what providers have charged for us          |
 * | PLATFORM | fiat    | SALES    | what coin packs have brought in                   |
 * | PLATFORM | fiat    | REFUNDS  | what we owe to buyers until the provider has paid |
 * | MERCHANT | fiat    | ESCROW   | paid by buyers, not delivered for long enough yet |
 * | MERCHANT | fiat    | BALANCE  | the merchant's money                              |
 */
export type AccountName = {
  ownerType: 'VIEWER' | 'CREATOR' | 'MERCHANT' | 'PLATFORM';
  /** 0 for the platform. */
  ownerId: bigint;
  /** COIN, DIAMOND or an ISO 4217 currency. */
  unit: string;
  kind:
    | 'WALLET'
    | 'GIFTS'
    | 'ISSUANCE'
    | 'PENDING'
    | 'AVAILABLE'
    | 'HELD'
    | 'PAID'
    | 'DEBT'
    | 'BOXES'
    | 'CLEARING'
    | 'SALES'
    | 'REFUNDS'
    | 'ESCROW'
    | 'BALANCE';
};

/** What a creator's diamonds can be in. */
export type DiamondKind = 'ISSUANCE' | 'PENDING' | 'AVAILABLE' | 'HELD' | 'PAID' | 'DEBT';

/** The names of all accounts that the code uses, made in one place. */
export const accountNames = {
  wallet: (viewerId: bigint): AccountName => ({ ownerType: 'VIEWER', ownerId: viewerId, unit: 'COIN', kind: 'WALLET' }),
  gifts: (creatorId: bigint): AccountName => ({
    ownerType: 'CREATOR',
    ownerId: creatorId,
    unit: 'COIN',
    kind: 'GIFTS',
  }),
  coinDebt: (viewerId: bigint): AccountName => ({ ownerType: 'VIEWER', ownerId: viewerId, unit: 'COIN', kind: 'DEBT' }),
  boxes: (): AccountName => ({ ownerType: 'PLATFORM', ownerId: 0n, unit: 'COIN', kind: 'BOXES' }),
  paidOut: (creatorId: bigint, currency: string): AccountName => ({
    ownerType: 'CREATOR',
    ownerId: creatorId,
    unit: currency,
    kind: 'CLEARING',
  }),
  diamonds: (creatorId: bigint, kind: DiamondKind): AccountName => ({
    ownerType: 'CREATOR',
    ownerId: creatorId,
    unit: 'DIAMOND',
    kind,
  }),
  coinIssuance: (): AccountName => ({ ownerType: 'PLATFORM', ownerId: 0n, unit: 'COIN', kind: 'ISSUANCE' }),
  clearing: (currency: string): AccountName => ({
    ownerType: 'PLATFORM',
    ownerId: 0n,
    unit: currency,
    kind: 'CLEARING',
  }),
  sales: (currency: string): AccountName => ({ ownerType: 'PLATFORM', ownerId: 0n, unit: currency, kind: 'SALES' }),
  refunds: (currency: string): AccountName => ({ ownerType: 'PLATFORM', ownerId: 0n, unit: currency, kind: 'REFUNDS' }),
  merchant: (merchantId: bigint, currency: string, kind: 'ESCROW' | 'BALANCE'): AccountName => ({
    ownerType: 'MERCHANT',
    ownerId: merchantId,
    unit: currency,
    kind,
  }),
};

/** Why a transfer was made; `causeId` is a row of the table named here. GIFT_* are written by the SQL function of the gifts. */
export type TransferKind =
  | 'COIN_PURCHASE' // coin_purchase: coins issued to the wallet
  | 'COIN_SALE' // coin_purchase: the money for them
  | 'GIFT_SPENT' // gift_sent: coins from the wallet to the creator
  | 'GIFT_EARNED' // gift_sent: diamonds issued to the creator
  | 'GIFT_REFUNDED' // gift_sent: a GIFT_SPENT reversed, the coins are the viewer's again
  | 'GIFT_UNEARNED' // gift_sent: a GIFT_EARNED reversed, out of what the creator has
  | 'COINS_CHARGED_BACK' // coin_purchase: coins out of the wallet, or out of the debt, as the bank took the money back
  | 'COIN_SALE_CHARGED_BACK' // coin_purchase: the money for them
  | 'COINS_RETURNED' // coin_purchase: the bank decided for us, coins that were charged back are issued anew
  | 'COIN_SALE_RETURNED' // coin_purchase: the money for them
  | 'COIN_DEBT_PAID' // viewer: coins from the wallet against the debt
  | 'BOX_FUNDED' // treasure_box: coins from the wallet into a box
  | 'BOX_CLAIMED' // treasure_box: a share of it to a watcher
  | 'BOX_RETURNED' // treasure_box: what nobody had, to who funded it
  | 'DIAMONDS_SETTLED' // earning: pending diamonds can be paid out
  | 'DIAMOND_DEBT_PAID' // creator: diamonds that became available, against the debt
  | 'DIAMONDS_HELD' // earnings_hold: set aside by an operator
  | 'DIAMONDS_RELEASED' // earnings_hold: the hold is lifted
  | 'PAYOUT_REQUESTED' // payout: diamonds set aside
  | 'PAYOUT_PAID' // payout: they are paid
  | 'PAYOUT_RETURNED' // payout: it failed, they are back
  | 'PAYOUT_MONEY' // payout: what the provider has paid for us
  | 'ORDER_PAID' // shop_order: from the provider into the seller's escrow
  | 'ORDER_RELEASED' // shop_order: from escrow to whom it is due, after delivery
  | 'ORDER_REFUNDED' // shop_order: set aside for the buyer, out of escrow or the merchant's balance
  | 'REFUND_PAID' // refund: to the buyer, by the provider
  | 'ORDER_CHARGED_BACK' // shop_order: the buyer's bank has taken it back
  | 'DEMO_GRANT'; // viewer: play coins of the demo data
