/** A ledger of millions of transfers, written by the function that the server writes it with: the chain is real. */
import { applyMigrations } from '../../src/db/migrations.ts';
import { withClient } from '../lib/books.ts';
import { print } from '../lib/output.ts';

/** What the ledger is of: coins from viewers to creators, and the diamonds that these earn. */
export type LedgerSize = { viewers: number; creators: number; transfers: number };

/** Transfers of one statement. */
const BATCH = 2_000;
/** Coins of each wallet; more than it ever sends. */
const COINS = 100_000_000;
const PROGRESS_EVERY = 500_000;

const ACCOUNTS = `
  INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
    SELECT 'PLATFORM', 0, 'COIN', 'ISSUANCE' UNION ALL
    SELECT 'VIEWER', n, 'COIN', 'WALLET' FROM generate_series(1, $1::int) n UNION ALL
    SELECT 'CREATOR', n, k.unit, k.kind FROM generate_series(1, $2::int) n,
      (VALUES ('COIN', 'GIFTS'), ('DIAMOND', 'ISSUANCE'), ('DIAMOND', 'PENDING')) k(unit, kind)
    ON CONFLICT DO NOTHING`;

const GRANTS = `
  SELECT wallet_post(array_agg(i.id), array_agg(w.id), array_agg('COIN'::text), array_agg(${COINS}::bigint), array_agg('DEMO_GRANT'::text),
                     array_agg(w.owner_id), clock_timestamp())
    FROM ledger_account w, ledger_account i
   WHERE w.owner_type = 'VIEWER' AND w.owner_id BETWEEN $1 AND $2 AND i.owner_type = 'PLATFORM' AND i.unit = 'COIN' AND i.kind = 'ISSUANCE'`;

// $1: the first gift, $2: how many; each is a transfer of coins and one of diamonds. Viewers and creators by a step that is prime to them.
const GIFTS = `
  WITH gift AS (
    SELECT n, w.id AS wallet, g.id AS gifts, i.id AS issuance, p.id AS pending
      FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n
        JOIN ledger_account w ON w.owner_type = 'VIEWER' AND w.owner_id = 1 + (n * 7919) % $3::bigint AND w.unit = 'COIN' AND w.kind = 'WALLET'
        JOIN ledger_account g ON g.owner_type = 'CREATOR' AND g.owner_id = 1 + (n * 104729) % $4::bigint AND g.unit = 'COIN' AND g.kind = 'GIFTS'
        JOIN ledger_account i ON i.owner_type = 'CREATOR' AND i.owner_id = g.owner_id AND i.unit = 'DIAMOND' AND i.kind = 'ISSUANCE'
        JOIN ledger_account p ON p.owner_type = 'CREATOR' AND p.owner_id = g.owner_id AND p.unit = 'DIAMOND' AND p.kind = 'PENDING'
     ORDER BY n
  ), leg AS (
    SELECT n, 1 AS k, wallet AS debit, gifts AS credit, 'COIN' AS unit, 2 + n % 100 AS amount, 'GIFT_SPENT' AS kind FROM gift
    UNION ALL
    SELECT n, 2, issuance, pending, 'DIAMOND', 1 + n % 50, 'GIFT_EARNED' FROM gift ORDER BY n, k
  )
  SELECT wallet_post(array_agg(debit), array_agg(credit), array_agg(unit), array_agg(amount), array_agg(kind), array_agg(n), clock_timestamp()) FROM leg`;

/** Fills an empty database. Returns how many transfers there are. */
export async function seedLedger(databaseUrl: string, size: LedgerSize, signal: AbortSignal): Promise<number> {
  await applyMigrations(databaseUrl);
  return withClient(databaseUrl, async (sql) => {
    // What a crash would lose is made again.
    await sql.query('SET synchronous_commit = off');
    await sql.query(ACCOUNTS, [size.viewers, size.creators]);
    await sql.query('ANALYZE ledger_account');
    for (let first = 1; first <= size.viewers; first += BATCH) {
      await sql.query(GRANTS, [first, Math.min(first + BATCH - 1, size.viewers)]);
    }
    const gifts = Math.ceil((size.transfers - size.viewers) / 2);
    for (let sent = 0; sent < gifts; sent += BATCH / 2) {
      signal.throwIfAborted();
      await sql.query(GIFTS, [sent + 1, Math.min(BATCH / 2, gifts - sent), size.viewers, size.creators]);
      if (sent > 0 && (2 * sent) % PROGRESS_EVERY === 0) print(`${2 * sent} transfers`);
    }
    await sql.query('VACUUM ANALYZE');
    await sql.query('CHECKPOINT');
    const { rows } = await sql.query<{ count: string }>('SELECT count(*) FROM transfer');
    return Number(rows[0]!.count);
  });
}
