/** What holds of gifts that were taken back and of purchases that a bank contests. Each query finds the rows that break one rule. */

/** A rule with the name of one of the ledger's takes its place. */
export const REVERSAL_RULES: Record<string, string> = {
  "a gifter's coins are those of the gifts": `
    SELECT stream_id, viewer_id, r.coins AS recorded, g.coins AS sent FROM stream_gifter r
      FULL JOIN (
        SELECT g.stream_id, g.viewer_id, sum(CASE WHEN v.gift_sent_id IS NULL THEN g.coins ELSE 0 END) AS coins
          FROM gift_sent g LEFT JOIN gift_reversal v ON v.gift_sent_id = g.id GROUP BY 1, 2
      ) g USING (stream_id, viewer_id)
     WHERE r.coins IS DISTINCT FROM g.coins`,
  'a gift that was taken back has paid its coins back, once, and no other has': `
    SELECT g.id, g.coins, v.coins AS reversed, count(t.id), sum(t.amount) FROM gift_sent g
      LEFT JOIN gift_reversal v ON v.gift_sent_id = g.id
      LEFT JOIN transfer t ON t.kind = 'GIFT_REFUNDED' AND t.cause_id = g.id AND t.unit = 'COIN'
      LEFT JOIN transfer o ON o.id = t.reverses AND o.kind = 'GIFT_SPENT' AND o.cause_id = g.id
     GROUP BY g.id, v.gift_sent_id
    HAVING count(t.id) <> count(v.gift_sent_id) OR coalesce(sum(t.amount), 0) <> coalesce(v.coins, 0)
        OR v.coins <> g.coins OR count(o.id) <> count(t.id)`,
  'a gift that was taken back has earned nothing': `
    SELECT g.id, g.diamonds, v.diamonds AS reversed, sum(t.amount), sum(t.amount) FILTER (WHERE d.kind = 'DEBT') AS owed
      FROM gift_sent g LEFT JOIN gift_reversal v ON v.gift_sent_id = g.id
      LEFT JOIN transfer t ON t.kind = 'GIFT_UNEARNED' AND t.cause_id = g.id AND t.unit = 'DIAMOND'
      LEFT JOIN ledger_account d ON d.id = t.debit_account_id
      LEFT JOIN transfer o ON o.id = t.reverses AND o.kind = 'GIFT_EARNED' AND o.cause_id = g.id
     GROUP BY g.id, v.gift_sent_id
    HAVING coalesce(sum(t.amount), 0) <> coalesce(v.diamonds, 0) OR v.diamonds <> g.diamonds
        OR count(o.id) <> (coalesce(v.diamonds, 0) > 0)::int
        OR coalesce(sum(t.amount) FILTER (WHERE d.kind = 'DEBT'), 0) <> coalesce(v.diamonds_owed, 0)`,
  'every event of a gift that was taken back has its gift, before it': `
    SELECT e.stream_id, e.seq, e.payload, g.id FROM live_event e
      LEFT JOIN gift_sent g ON g.stream_id = e.stream_id AND g.seq = (e.payload->>'giftSeq')::bigint
      LEFT JOIN gift_reversal v ON v.gift_sent_id = g.id
     WHERE e.type = 'GIFT_REVERSED' AND (
       v.gift_sent_id IS NULL OR e.seq <= g.seq OR (e.payload->>'coins')::bigint <> g.coins OR e.payload->>'reason' <> v.reason)`,
  'every gift that was taken back has one event': `
    SELECT v.gift_sent_id, count(e.seq) FROM gift_reversal v JOIN gift_sent g ON g.id = v.gift_sent_id
      LEFT JOIN live_event e ON e.stream_id = g.stream_id AND e.type = 'GIFT_REVERSED' AND (e.payload->>'giftSeq')::bigint = g.seq
     GROUP BY v.gift_sent_id HAVING count(e.seq) <> 1`,
  'a purchase has lost what its disputes say, and has back what the won ones had taken': `
    SELECT p.id, p.coins, d.*, t.* FROM coin_purchase p
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(coins_unspent + coins_gifted + coins_owed), 0) AS took,
              coalesce(sum(coins_unspent + coins_gifted + coins_owed) FILTER (WHERE state = 'WON'), 0) AS gave,
              count(sale_transfer_id) AS sales, count(sale_transfer_id) FILTER (WHERE state = 'WON') AS sales_won,
              bool_or(coins_left + coins_unspent + coins_gifted + coins_owed <> p.coins) AS is_off,
              bool_or(state = 'OPEN' AND (coins_left <> p.coins OR sale_transfer_id IS NOT NULL)) AS is_early
         FROM coin_dispute WHERE purchase_id = p.id) d
     CROSS JOIN LATERAL (
       SELECT coalesce(sum(amount) FILTER (WHERE kind = 'COINS_CHARGED_BACK'), 0) AS taken,
              coalesce(sum(amount) FILTER (WHERE kind = 'COINS_RETURNED'), 0) AS given,
              coalesce(sum(amount) FILTER (WHERE kind = 'COIN_SALE_CHARGED_BACK'), 0) AS money,
              coalesce(sum(amount) FILTER (WHERE kind = 'COIN_SALE_RETURNED'), 0) AS money_given
         FROM transfer WHERE cause_id = p.id) t
     WHERE taken <> took OR given <> gave OR money <> sales * p.price_minor OR money_given <> sales_won * p.price_minor
        OR is_off OR is_early`,
  'coins that gifts gave back for a dispute are those of its reversed gifts, less what was left over': `
    SELECT d.id, d.coins_gifted, d.gifts_reversed, count(v.gift_sent_id), sum(v.coins) FROM coin_dispute d
      LEFT JOIN gift_reversal v ON v.reason = 'CHARGEBACK' AND v.cause_id = d.id
     GROUP BY d.id HAVING count(v.gift_sent_id) <> d.gifts_reversed OR coalesce(sum(v.coins), 0) < d.coins_gifted`,
};
