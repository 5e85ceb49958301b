/** What holds of the books of treasure boxes, in the manner of `ledger.ts`: each query finds the rows that break a rule. */
export const BOX_RULES: Record<string, string> = {
  'the coins of all boxes lie in their account': `
    SELECT a.balance, b.coins FROM (SELECT coalesce(sum(balance), 0) AS balance FROM ledger_account WHERE kind = 'BOXES') a,
           (SELECT coalesce(sum(coins - claimed * share_coins), 0) AS coins FROM treasure_box WHERE state <> 'CLOSED') b
     WHERE a.balance <> b.coins`,
  'a box was funded once, and what came out of it is what its claims and its end say': `
    SELECT b.*, t.* FROM treasure_box b CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE kind = 'BOX_FUNDED') AS funded, sum(amount) FILTER (WHERE kind = 'BOX_FUNDED') AS funded_coins,
             count(*) FILTER (WHERE kind = 'BOX_CLAIMED') AS claimed,
             coalesce(sum(amount) FILTER (WHERE kind = 'BOX_CLAIMED'), 0) AS claimed_coins,
             coalesce(sum(amount) FILTER (WHERE kind = 'BOX_RETURNED'), 0) AS returned_coins
        FROM transfer WHERE cause_id = b.id AND kind LIKE 'BOX\\_%') t
     WHERE t.funded <> 1 OR t.funded_coins <> b.coins OR t.claimed <> b.claimed OR t.claimed_coins <> b.claimed * b.share_coins
        OR t.returned_coins <> coalesce(b.returned, 0)`,
  'each claim of a box was paid to its viewer': `
    SELECT c.*, t.amount FROM box_claim c JOIN viewer v ON v.id = c.viewer_id
      LEFT JOIN transfer t ON t.kind = 'BOX_CLAIMED' AND t.cause_id = c.box_id AND t.credit_account_id = v.wallet_id
     WHERE t.amount IS DISTINCT FROM c.coins`,
  'a box says how many have claimed it': `
    SELECT b.id, b.claimed, count(c.viewer_id) FROM treasure_box b LEFT JOIN box_claim c ON c.box_id = b.id
     GROUP BY b.id HAVING b.claimed <> count(c.viewer_id)`,
};
