/**
 * What ledger accounts exist. Only ISSUANCE and CLEARING may go below zero: their (negative) balance is what was issued, or
 * what a provider owes us.
 *
 * | owner    | unit    | kind     | holds                                             |
 * | VIEWER   | COIN    | WALLET   | coins to spend                                    |
 * | CREATOR  | COIN    | GIFTS    | coins received as gifts; they never move on       |
 * | CREATOR  | DIAMOND | ISSUANCE | minus all diamonds ever earned                    |
 * | CREATOR  | DIAMOND | PENDING  | diamonds before the settlement hold is over       |
 * | CREATOR  | DIAMOND | AVAILABLE| diamonds that can be paid out                     |
 * | PLATFORM | COIN    | ISSUANCE | minus all coins ever issued                       |
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
    | 'CLEARING'
    | 'SALES'
    | 'REFUNDS'
    | 'ESCROW'
    | 'BALANCE';
};

/** The names of all accounts that the code uses, made in one place. */
export const accountNames = {
  wallet: (viewerId: bigint): AccountName => ({ ownerType: 'VIEWER', ownerId: viewerId, unit: 'COIN', kind: 'WALLET' }),
  gifts: (creatorId: bigint): AccountName => ({
    ownerType: 'CREATOR',
    ownerId: creatorId,
    unit: 'COIN',
    kind: 'GIFTS',
  }),
  diamonds: (creatorId: bigint, kind: 'ISSUANCE' | 'PENDING' | 'AVAILABLE'): AccountName => ({
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
  | 'ORDER_PAID' // shop_order: from the provider into the seller's escrow
  | 'ORDER_RELEASED' // shop_order: from escrow to whom it is due, after delivery
  | 'ORDER_REFUNDED' // shop_order: set aside for the buyer, out of escrow or the merchant's balance
  | 'REFUND_PAID' // refund: to the buyer, by the provider
  | 'ORDER_CHARGED_BACK' // shop_order: the buyer's bank has taken it back
  | 'DEMO_GRANT'; // viewer: play coins of the demo data
