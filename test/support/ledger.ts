/** The books of a whole database, checked row by row. */
import type { ClientBase } from 'pg';
import { expect } from 'vitest';
import { BOX_RULES } from './box-ledger.ts';
import { REVERSAL_RULES } from './reversal-ledger.ts';
import { SHOP_RULES } from './shop-ledger.ts';

/** A pool, or one connection to look from inside its SQL transaction. */
type Queryable = Pick<ClientBase, 'query'>;

/** Each query finds the rows that break one rule; a rule holds when it finds none. */
const RULES: Record<string, string> = {
  'a balance is what came in less what went out': `
    SELECT a.id, a.owner_type, a.owner_id, a.unit, a.kind, a.balance, t.total
      FROM ledger_account a CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN credit_account_id = a.id THEN amount ELSE -amount END), 0) AS total
          FROM transfer WHERE credit_account_id = a.id OR debit_account_id = a.id) t
     WHERE a.balance <> t.total`,
  'all balances of a unit sum to zero': `
    SELECT unit, sum(balance) FROM ledger_account GROUP BY unit HAVING sum(balance) <> 0`,
  'only issuance, clearing and debts go below zero': `
    SELECT * FROM ledger_account WHERE balance < 0 AND kind NOT IN ('ISSUANCE', 'CLEARING', 'DEBT')`,
  'a transfer moves a positive amount between two accounts of its unit': `
    SELECT t.* FROM transfer t
      JOIN ledger_account d ON d.id = t.debit_account_id JOIN ledger_account c ON c.id = t.credit_account_id
     WHERE t.amount <= 0 OR d.id = c.id OR d.unit <> t.unit OR c.unit <> t.unit`,
  'the log of a stream counts from 1 without gaps to its head': `
    SELECT l.stream_id, l.last_seq, count(e.seq), min(e.seq), max(e.seq)
      FROM live_log l LEFT JOIN live_event e USING (stream_id)
     GROUP BY l.stream_id, l.last_seq
    HAVING count(e.seq) <> l.last_seq OR coalesce(max(e.seq), 0) <> l.last_seq OR coalesce(min(e.seq), 1) <> 1`,
  'every gift has its event': `
    SELECT g.id, g.seq, g.coins, e.type, e.payload FROM gift_sent g
      LEFT JOIN live_event e ON e.stream_id = g.stream_id AND e.seq = g.seq
     WHERE e.type IS DISTINCT FROM 'GIFT_SENT' OR (e.payload->>'coins')::bigint IS DISTINCT FROM g.coins`,
  'every gift event has its gift': `
    SELECT e.stream_id, e.seq FROM live_event e
      LEFT JOIN gift_sent g ON g.stream_id = e.stream_id AND g.seq = e.seq
     WHERE e.type = 'GIFT_SENT' AND g.id IS NULL`,
  'every gift is paid once, in coins': `
    SELECT g.id, g.coins, count(t.id), sum(t.amount) FROM gift_sent g
      LEFT JOIN transfer t ON t.kind = 'GIFT_SPENT' AND t.cause_id = g.id AND t.unit = 'COIN'
     GROUP BY g.id, g.coins HAVING count(t.id) <> 1 OR sum(t.amount) <> g.coins`,
  'every gift earns its diamonds once': `
    SELECT g.id, g.diamonds, count(t.id), sum(t.amount) FROM gift_sent g
      LEFT JOIN transfer t ON t.kind = 'GIFT_EARNED' AND t.cause_id = g.id AND t.unit = 'DIAMOND'
     GROUP BY g.id, g.diamonds
    HAVING count(t.id) <> (g.diamonds > 0)::int OR coalesce(sum(t.amount), 0) <> g.diamonds`,
  'every gift transfer has its gift': `
    SELECT t.* FROM transfer t LEFT JOIN gift_sent g ON g.id = t.cause_id
     WHERE t.kind IN ('GIFT_SPENT', 'GIFT_EARNED') AND g.id IS NULL`,
  "a stream's diamonds are its coins at its rate, rounded down once": `
    SELECT s.id, s.rate_coins, s.rate_diamonds, sum(g.coins), sum(g.diamonds) FROM stream s JOIN gift_sent g ON g.stream_id = s.id
     GROUP BY s.id HAVING sum(g.diamonds) <> div(sum(g.coins) * s.rate_diamonds, s.rate_coins)`,
  "a stream's coins are those of its gifts": `
    SELECT s.id, s.gift_coins, sum(g.coins) FROM stream s LEFT JOIN gift_sent g ON g.stream_id = s.id
     GROUP BY s.id, s.gift_coins HAVING s.gift_coins <> coalesce(sum(g.coins), 0)`,
  "a gifter's coins are those of the gifts": `
    SELECT stream_id, viewer_id, r.coins AS recorded, g.coins AS sent FROM stream_gifter r
      FULL JOIN (SELECT stream_id, viewer_id, sum(coins) AS coins FROM gift_sent GROUP BY 1, 2) g
      USING (stream_id, viewer_id)
     WHERE r.coins IS DISTINCT FROM g.coins`,
};

/** The rules that are broken, with some of the rows that break them. */
export async function brokenRules(pool: Queryable): Promise<Record<string, unknown[]>> {
  const broken: Record<string, unknown[]> = {};
  // A database that is not migrated yet has no shop, or takes nothing back.
  const has = async (table: string) => (await pool.query('SELECT to_regclass($1) AS it', [table])).rows[0].it !== null;
  const shop = (await has('shop_order')) ? SHOP_RULES : {};
  const reversals = (await has('gift_reversal')) ? REVERSAL_RULES : {};
  const boxes = (await has('treasure_box')) ? BOX_RULES : {};
  for (const [rule, sql] of Object.entries({ ...RULES, ...shop, ...reversals, ...boxes })) {
    const { rows } = await pool.query(`${sql} LIMIT 5`);
    if (rows.length > 0) broken[rule] = rows;
  }
  return broken;
}

/** Asserts that money, gifts and logs agree with each other down to the last row. Nothing may write meanwhile. */
export async function expectBooksBalanced(pool: Queryable): Promise<void> {
  expect(await brokenRules(pool)).toEqual({});
}
