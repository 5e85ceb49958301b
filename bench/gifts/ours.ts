import type { QueryConfig } from 'pg';
import type { Logger } from 'pino';
import type { Database } from '../../src/db/database.ts';
import type { Actor } from '../../src/domains/accounts/accounts.api.ts';
import { InsufficientCoinsError } from '../../src/domains/wallet/wallet.errors.ts';
import { asActor, openServices } from '../lib/services.ts';
import type { GiftVariant } from './variant.ts';

/** Gifts.send of the app, its sweep of streaks included, in this process. */
export async function openOurs(databaseUrl: string, log: Logger): Promise<GiftVariant> {
  const services = openServices(databaseUrl, log);
  const { db, gifts } = services;
  const profile = profileBatches(db);
  // As after a sign-in: the callers hold their actor.
  const viewers = await db.prisma.viewer.findMany({ select: { id: true, handle: true, displayName: true } });
  const actors = new Map<bigint, Actor>(viewers.map((viewer) => [viewer.id, asActor(viewer)]));
  gifts.start();
  return {
    send: async ({ viewerId, ...order }) => {
      try {
        const { event, replayed } = await gifts.send(actors.get(viewerId)!, order);
        return { kind: replayed ? 'REPLAYED' : 'SENT', seq: event.seq };
      } catch (error) {
        if (error instanceof InsufficientCoinsError) return { kind: 'REFUSED' };
        throw error;
      }
    },
    profile,
    close: services.close,
  };
}

/** Listens at the pool for the statement that sends a batch. */
function profileBatches(db: Database): () => string {
  let [batches, gifts, busyMs, sinceMs] = [0, 0, 0, performance.now()];
  const query = db.pool.query.bind(db.pool) as (config: QueryConfig, ...rest: unknown[]) => Promise<unknown>;
  const measuredQuery = async (config: QueryConfig, ...rest: unknown[]): Promise<unknown> => {
    if (config.name !== 'gifts.sendBatch') return query(config, ...rest);
    const startedMs = performance.now();
    const result = await query(config, ...rest);
    busyMs += performance.now() - startedMs;
    batches++;
    gifts += (config.values as [viewers: string, keys: string[]])[1].length;
    return result;
  };
  Object.assign(db.pool, { query: measuredQuery });
  return () => {
    const nowMs = performance.now();
    const line =
      `${batches} batches of ${(gifts / batches).toFixed(0)} gifts on average, ${(busyMs / batches).toFixed(2)} ms each ` +
      `(${((busyMs * 1000) / gifts).toFixed(1)} µs a gift), one under way ${((busyMs / (nowMs - sinceMs)) * 100).toFixed(0)} % of the time`;
    [batches, gifts, busyMs, sinceMs] = [0, 0, 0, nowMs];
    return line;
  };
}
