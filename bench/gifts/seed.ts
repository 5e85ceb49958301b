import type { Logger } from 'pino';
import { seedCatalogue } from '../../prisma/seed.ts';
import { rows } from '../../src/db/database.ts';
import { applyMigrations } from '../../src/db/migrations.ts';
import { accountNames } from '../../src/domains/wallet/wallet.api.ts';
import { asActor, openServices } from '../lib/services.ts';

/** What a seeded database holds. Viewers are numbered from 1 on; `streamId` is the first, and hottest, of the streams. */
export type Seeded = { streamId: bigint; streamIds: bigint[]; giftIds: bigint[]; viewers: number };

/** Coins of a viewer: enough for every round. */
const COINS = 1_000_000;
/** One viewer in so many is poor, and its coins do not pay for most gifts. */
const POOR_EVERY = 50;
const POOR_COINS = 30;
/** Only the cheaper gifts are sent, so that nobody but the poor is ever refused. */
const GIFT_COINS_MAX = 200;

/** Brings an empty database to one live stream and its audience, with funded wallets and balanced books. */
export function seedHotStream(databaseUrl: string, viewers: number, log: Logger): Promise<Seeded> {
  return seedStreams(databaseUrl, { viewers, streams: 1 }, log);
}

/** The same with as many live streams as wanted, each of another viewer, and partitions of past months. */
export async function seedStreams(
  databaseUrl: string,
  { viewers, streams: streamCount, pastMonths = 0 }: { viewers: number; streams: number; pastMonths?: number },
  log: Logger,
): Promise<Seeded> {
  await applyMigrations(databaseUrl);
  const services = openServices(databaseUrl, log);
  const { db, wallets, streams } = services;
  try {
    await seedCatalogue(db);
    await rows(
      db.pool,
      'SELECT month_make(m) FROM generate_series(month_of(clock_timestamp()) - $1::int, month_of(clock_timestamp()) - 1) m',
      [pastMonths],
    );
    await db.inTransaction(async (sql) => {
      await rows(
        sql,
        `WITH wallet AS (
           INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
             SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1) RETURNING id, owner_id
         ) INSERT INTO viewer (id, subject, handle, display_name, wallet_id, birth_date)
             SELECT owner_id, 'bench:' || owner_id, 'viewer' || owner_id, 'Viewer ' || owner_id, id, '1990-01-01' FROM wallet`,
        [viewers],
      );
      const [issuance] = await wallets.accounts(sql, [accountNames.coinIssuance()]);
      await rows(
        sql,
        `SELECT wallet_post(array_agg($1::bigint), array_agg(v.wallet_id), array_agg('COIN'::text),
             array_agg(CASE WHEN v.id % $2 = 0 THEN $3::bigint ELSE $4::bigint END), array_agg('DEMO_GRANT'::text),
             array_agg(v.id), clock_timestamp()) FROM viewer v`,
        [issuance, POOR_EVERY, POOR_COINS, COINS],
      );
    });
    const creators = await db.prisma.viewer.findMany({ orderBy: { id: 'asc' }, take: streamCount });
    const streamIds: bigint[] = [];
    for (const creator of creators)
      streamIds.push(await streams.start(asActor(creator), `Stream of ${creator.handle}`));
    const gifts = await rows<{ id: bigint }>(db.pool, 'SELECT id FROM gift WHERE coins <= $1 ORDER BY id', [
      GIFT_COINS_MAX,
    ]);
    // The tables that gifts fill too, while they are empty: a plan made now must still be right when they are full.
    await db.pool.query('VACUUM ANALYZE');
    return { streamId: streamIds[0]!, streamIds, giftIds: gifts.map(({ id }) => id), viewers };
  } finally {
    await services.close();
  }
}
