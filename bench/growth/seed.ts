/** Rows by the million, set-based: as the services would have written them, but for triggers, which are checked instead. */
import pg from 'pg';

/** Coins of each wallet; more than it ever sends. */
const COINS = 1_000_000;
/** Gifts in one statement. */
const GIFTS_PER_STATEMENT = 500_000;
/** Every gift of the history: two roses, at 2 coins to 1 diamond. */
const GIFT = { quantity: 2, coins: 2, diamonds: 1 };

/** Each query finds the rows that the seed got wrong. */
const CHECKS: Readonly<Record<string, string>> = {
  'balances are what came in less what went out': `
    SELECT a.id FROM ledger_account a LEFT JOIN (
      SELECT id, sum(amount) AS total FROM (
        SELECT credit_account_id AS id, amount FROM transfer UNION ALL SELECT debit_account_id, -amount FROM transfer
      ) leg GROUP BY id) t USING (id)
    WHERE a.balance <> coalesce(t.total, 0)`,
  'logs have no gaps': `
    SELECT l.stream_id FROM live_log l JOIN live_event e USING (stream_id) GROUP BY l.stream_id, l.last_seq
    HAVING count(*) <> l.last_seq OR max(e.seq) <> l.last_seq`,
  'gifters gave what they sent': `
    SELECT FROM stream_gifter r FULL JOIN (SELECT stream_id, viewer_id, sum(coins) AS coins FROM gift_sent GROUP BY 1, 2) g
      USING (stream_id, viewer_id) WHERE r.coins IS DISTINCT FROM g.coins`,
};

/** Runs work on one connection without triggers and foreign keys: they cost more than all rows together. */
async function withoutTriggers<T>(databaseUrl: string, work: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client({ connectionString: databaseUrl });
  await sql.connect();
  try {
    await sql.query('SET session_replication_role = replica');
    return await work(sql);
  } finally {
    await sql.end();
  }
}

/** Adds viewers, each with a funded wallet. */
export async function addWallets(databaseUrl: string, wallets: number): Promise<void> {
  await withoutTriggers(databaseUrl, async (sql) => {
    await sql.query(
      `WITH wallet AS (
         INSERT INTO ledger_account (owner_type, owner_id, unit, kind, balance, version)
           SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET', ${COINS}, 1 FROM generate_series(1, ${wallets})
           RETURNING id, owner_id
       ), new_viewer AS (
         INSERT INTO viewer (id, subject, handle, display_name, wallet_id, birth_date)
           SELECT owner_id, 'bench:' || owner_id, 'viewer' || owner_id, 'Viewer ' || owner_id, id, '1990-01-01' FROM wallet
       ), issuance AS (
         INSERT INTO ledger_account (owner_type, owner_id, unit, kind, balance)
           VALUES ('PLATFORM', 0, 'COIN', 'ISSUANCE', ${-COINS} * ${wallets}::bigint)
           ON CONFLICT (owner_type, owner_id, unit, kind)
             DO UPDATE SET balance = ledger_account.balance + excluded.balance, version = ledger_account.version + 1
           RETURNING id
       ) INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id)
           SELECT issuance.id, wallet.id, 'COIN', ${COINS}, 'DEMO_GRANT', wallet.owner_id FROM wallet, issuance`,
    );
    await settle(sql);
  });
}

/** Leaves Postgres nothing to do later, while something is measured. */
async function settle(sql: pg.Client): Promise<void> {
  await sql.query('VACUUM ANALYZE');
  await sql.query('CHECKPOINT');
}

/**
 * Adds gifts of the past, spread evenly over streams and viewers, with transfers, events and the leaderboard.
 * (Their streaks are left out.)
 */
export async function addGifts(databaseUrl: string, streamIds: readonly bigint[], gifts: number): Promise<void> {
  await withoutTriggers(databaseUrl, async (sql) => {
    for (let added = 0; added < gifts; added += GIFTS_PER_STATEMENT) {
      await sql.query(ADD_GIFTS, [streamIds, Math.min(GIFTS_PER_STATEMENT, gifts - added)]);
    }
    await settle(sql);
    for (const [rule, text] of Object.entries(CHECKS)) {
      const { rowCount } = await sql.query(`${text} LIMIT 1`);
      if (rowCount !== 0) throw new Error(`The seed is wrong: ${rule}`);
    }
  });
}

/** $1: streams, $2: how many gifts. */
const ADD_GIFTS = `
WITH shown AS (
  SELECT id, jsonb_build_object('id', id, 'name', name, 'coins', coins) AS gift FROM gift ORDER BY coins LIMIT 1
), gifter AS MATERIALIZED (
  SELECT id, row_number() OVER () - 1 AS position FROM viewer
   WHERE NOT EXISTS (SELECT FROM creator WHERE viewer_id = viewer.id)
), new_gift AS (
  INSERT INTO gift_sent (viewer_id, idempotency_key, stream_id, gift_id, quantity, coins, diamonds, seq, created_at)
    SELECT v.id, 'seed-' || s.last_seq || '-' || n, s.id, shown.id, ${GIFT.quantity}, ${GIFT.coins}, ${GIFT.diamonds},
           s.last_seq + 1 + (n - 1) / cardinality($1::bigint[]), now()
      FROM shown, generate_series(1, $2::int) n
      JOIN (SELECT l.last_seq, s.id, o.position - 1 AS position
              FROM unnest($1::bigint[]) WITH ORDINALITY o(id, position) JOIN stream s USING (id)
              JOIN live_log l ON l.stream_id = s.id) s ON s.position = (n - 1) % cardinality($1::bigint[])
      JOIN gifter v ON v.position = (n::bigint * 7919) % (SELECT count(*) FROM gifter)
    RETURNING id, viewer_id, stream_id, seq, created_at
), per_stream AS (
  SELECT stream_id, count(*) AS gifts, max(seq) AS last_seq FROM new_gift GROUP BY 1
), spent AS (
  INSERT INTO transfer (debit_account_id, credit_account_id, unit, amount, kind, cause_id, created_at)
    SELECT v.wallet_id, s.gifts_account_id, 'COIN', ${GIFT.coins}, 'GIFT_SPENT', g.id, g.created_at
      FROM new_gift g JOIN viewer v ON v.id = g.viewer_id JOIN stream s ON s.id = g.stream_id
    UNION ALL
    SELECT s.issuance_account_id, s.pending_account_id, 'DIAMOND', ${GIFT.diamonds}, 'GIFT_EARNED', g.id, g.created_at
      FROM new_gift g JOIN stream s ON s.id = g.stream_id
), moved AS (
  SELECT id, sum(amount) AS amount FROM (
    SELECT v.wallet_id AS id, -${GIFT.coins} AS amount FROM new_gift g JOIN viewer v ON v.id = g.viewer_id
    UNION ALL SELECT s.gifts_account_id, ${GIFT.coins} * gifts FROM per_stream p JOIN stream s ON s.id = p.stream_id
    UNION ALL SELECT s.issuance_account_id, -${GIFT.diamonds} * gifts FROM per_stream p JOIN stream s ON s.id = p.stream_id
    UNION ALL SELECT s.pending_account_id, ${GIFT.diamonds} * gifts FROM per_stream p JOIN stream s ON s.id = p.stream_id
  ) leg GROUP BY id
), balances AS (
  UPDATE ledger_account a SET balance = a.balance + moved.amount, version = a.version + 1 FROM moved WHERE a.id = moved.id
), totals AS (
  UPDATE stream s SET gift_coins = s.gift_coins + ${GIFT.coins} * p.gifts FROM per_stream p WHERE s.id = p.stream_id
), heads AS (
  UPDATE live_log l SET last_seq = p.last_seq FROM per_stream p WHERE l.stream_id = p.stream_id
), gifters AS (
  INSERT INTO stream_gifter (stream_id, viewer_id, coins)
    SELECT stream_id, viewer_id, ${GIFT.coins} * count(*) FROM new_gift GROUP BY 1, 2
    ON CONFLICT (stream_id, viewer_id) DO UPDATE SET coins = stream_gifter.coins + excluded.coins
) INSERT INTO live_event (stream_id, seq, type, payload, occurred_at)
    SELECT g.stream_id, g.seq, 'GIFT_SENT', jsonb_build_object(
             'sender', jsonb_build_object('id', v.id, 'handle', v.handle, 'displayName', v.display_name),
             'gift', shown.gift, 'quantity', ${GIFT.quantity}, 'coins', ${GIFT.coins}, 'streak', ${GIFT.quantity}), g.created_at
      FROM shown, new_gift g JOIN viewer v ON v.id = g.viewer_id`;
