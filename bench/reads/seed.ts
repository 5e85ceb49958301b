import type { Logger } from 'pino';
import { seedCatalogue } from '../../prisma/seed.ts';
import { connectDatabase, rows } from '../../src/db/database.ts';
import { applyMigrations } from '../../src/db/migrations.ts';
import type { ReadsSize } from './pages.ts';

/** Brings an empty database to creators of whom some are live and all have streamed before. */
export async function seedReads(databaseUrl: string, size: ReadsSize, log: Logger): Promise<void> {
  await applyMigrations(databaseUrl);
  const db = connectDatabase(databaseUrl, log);
  try {
    await seedCatalogue(db);
    await db.inTransaction(async (sql) => {
      await rows(
        sql,
        `WITH wallet AS (
           INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
             SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1) RETURNING id, owner_id
         ), person AS (
           INSERT INTO viewer (id, subject, handle, display_name, wallet_id, birth_date)
             SELECT owner_id, 'bench:' || owner_id, 'creator' || owner_id, 'Creator number ' || owner_id, id, '1990-01-01' FROM wallet
             RETURNING id
         ) INSERT INTO creator (viewer_id) SELECT id FROM person ORDER BY id`,
        [size.creators],
      );
      await insertStreams(sql, 'ENDED', size.endedStreams, size.creators);
      await insertStreams(sql, 'LIVE', size.liveStreams, size.creators);
    });
    await db.pool.query('VACUUM ANALYZE');
  } finally {
    await db.close();
  }
}

/** Streams of creators in turn, the live ones of every so many so that they are spread over all pages of creators. */
async function insertStreams(
  sql: Parameters<typeof rows>[0],
  status: 'LIVE' | 'ENDED',
  count: number,
  creators: number,
): Promise<void> {
  await rows(
    sql,
    `INSERT INTO stream (creator_id, title, status, rate_card_id, rate_coins, rate_diamonds, gifts_account_id,
         issuance_account_id, pending_account_id, started_at, ended_at)
       SELECT c.id, CASE WHEN c.id % 2 = 0 THEN 'بث مباشر رقم ' ELSE 'Live session number ' END || n, $1, r.id, r.coins, r.diamonds,
              v.wallet_id, v.wallet_id, v.wallet_id, clock_timestamp(), CASE WHEN $1 = 'ENDED' THEN clock_timestamp() END
         FROM generate_series(1, $2::int) n
         JOIN creator c ON c.id = (SELECT min(id) FROM creator) + (n::bigint * greatest($3::int / $2::int, 1)) % $3::int
         JOIN viewer v ON v.id = c.viewer_id CROSS JOIN (SELECT * FROM rate_card ORDER BY id LIMIT 1) r ORDER BY n`,
    [status, count, creators],
  );
}
