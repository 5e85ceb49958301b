import pg from 'pg';

/** Each query finds the rows that break one rule; a rule holds when it finds none. */
export type Rules = Readonly<Record<string, string>>;

/** What holds of the ledger and the log after anything. */
export const BOOKS: Rules = {
  'a balance is what came in less what went out': `
    SELECT a.id, a.balance, coalesce(t.total, 0) FROM ledger_account a LEFT JOIN (
        SELECT id, sum(amount) AS total FROM (
          SELECT credit_account_id AS id, amount FROM transfer UNION ALL SELECT debit_account_id, -amount FROM transfer
        ) leg GROUP BY id
      ) t USING (id) WHERE a.balance <> coalesce(t.total, 0)`,
  'all balances of a unit sum to zero': 'SELECT unit FROM ledger_account GROUP BY unit HAVING sum(balance) <> 0',
  'the log counts from 1 without gaps to its head': `
    SELECT l.stream_id FROM live_log l JOIN live_event e USING (stream_id) GROUP BY l.stream_id, l.last_seq
    HAVING count(*) <> l.last_seq OR max(e.seq) <> l.last_seq OR min(e.seq) <> 1`,
};

/**
 * Checks a database when nobody writes any more.
 * @throws when a rule is broken, with rows that break it
 */
export async function checkRules(client: pg.Client, rules: Rules): Promise<void> {
  for (const [rule, text] of Object.entries(rules)) {
    const { rows } = await client.query(`${text} LIMIT 5`);
    if (rows.length > 0) throw new Error(`Broken after the round: ${rule}: ${JSON.stringify(rows)}`);
  }
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
