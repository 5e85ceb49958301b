/** What the contract promises and later issues bring. The contract test keeps this list exact: it shrinks to nothing. */
export const CONTRACT_MISSING: readonly string[] = [];
