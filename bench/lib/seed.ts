import type { Logger } from 'pino';
import { seedCatalogue } from '../../prisma/seed.ts';
import { rows } from '../../src/db/database.ts';
import { applyMigrations } from '../../src/db/migrations.ts';
import { asActor, openServices } from './services.ts';

/** Streams that are being started at once. */
const STARTING_MAX = 8;

/** Brings an empty database to so many live streams, each of a creator of its own. Returns their ids. */
export async function seedStreams(databaseUrl: string, streams: number, log: Logger): Promise<bigint[]> {
  await applyMigrations(databaseUrl);
  const services = openServices(databaseUrl, log);
  try {
    await seedCatalogue(services.db);
    const viewers = await rows<{ id: bigint; handle: string; displayName: string }>(
      services.db.pool,
      `WITH wallet AS (
         INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
           SELECT 'VIEWER', nextval('viewer_id_seq'), 'COIN', 'WALLET' FROM generate_series(1, $1) RETURNING id, owner_id
       ) INSERT INTO viewer (id, subject, handle, display_name, wallet_id, birth_date)
           SELECT owner_id, 'bench:' || owner_id, 'viewer' || owner_id, 'Viewer ' || owner_id, id, '1990-01-01' FROM wallet
           RETURNING id, handle, display_name AS "displayName"`,
      [streams],
    );
    const ids: bigint[] = [];
    const startNext = async (): Promise<void> => {
      for (let viewer = viewers.pop(); viewer; viewer = viewers.pop()) {
        ids.push(await services.streams.start(asActor(viewer), `Stream of ${viewer.handle}`));
      }
    };
    await Promise.all(Array.from({ length: STARTING_MAX }, startNext));
    await services.db.pool.query('VACUUM ANALYZE');
    return ids;
  } finally {
    await services.close();
  }
}
