/** What the contract promises and later issues bring. The contract test keeps this list exact: it shrinks to nothing. */
export const CONTRACT_MISSING: readonly string[] = [
  // Spending caps.
  'Mutation.setSpendingCap',
  'Wallet.spendingCaps',
  'SpendingCapReachedError',
  'SetSpendingCapInput',
  'CapPeriod',
  'SpendingCap',
  // Creator tools: reactions and reversed gifts.
  'GiftReversed',
  'ReactionQueued',
  'ReactionPerformed',
];
