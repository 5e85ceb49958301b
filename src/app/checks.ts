import type { Queryable } from '../db/database.ts';
import { createMigrationCheck } from '../db/migrations.ts';
import type { Bus } from '../live/bus.ts';
import { channels } from '../live/channels.ts';
import type { Check } from '../server/readiness.ts';

/**
 * What `/ready` looks at (docs/operations.md).
 * - Postgres: without it nothing works.
 * - Migrations: one that is missing, and the code would fail. One that is unknown is a newer server's, in the middle of an
 *   upgrade: the older ones go on until they are replaced, else the first new one would take all others out at once.
 * - Redis: without it the feed polls Postgres, and what moves money is refused. All servers see that at once, so to be "not ready"
 *   would help nobody and take the rest of the service away, too.
 */
export async function createChecks(probe: Queryable, bus: Bus): Promise<Record<string, Check>> {
  const readMigrations = await createMigrationCheck();
  const checks: Record<string, Check> = {
    postgres: async () => {
      await probe.query('/* ready.postgres */ SELECT 1');
      return { state: 'ok' };
    },
    migrations: async () => {
      const { pending, unknown } = await readMigrations(probe);
      if (pending.length > 0) return { state: 'failed', note: `${pending.length} not applied` };
      return unknown.length > 0 ? { state: 'degraded', note: `${unknown.length} of a newer version` } : { state: 'ok' };
    },
  };
  if (!bus.isLocal) checks.redis = () => checkRedis(bus);
  return checks;
}

/** Says something that nobody listens to: the same way as every event takes. */
async function checkRedis(bus: Bus): Promise<{ state: 'ok' | 'degraded'; note?: string }> {
  const degraded = { state: 'degraded', note: 'the feed polls Postgres, and what moves money is refused' } as const;
  if (!bus.isUp()) return degraded;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), REDIS_MS_MAX);
  });
  const answered = bus.publish(channels.probe(), '').then(
    () => true,
    () => false,
  );
  const isUp = await Promise.race([answered, late]);
  clearTimeout(timer);
  return isUp ? { state: 'ok' } : degraded;
}

/** Less than a check may take, so that a Redis that hangs is degraded and not a failure. */
const REDIS_MS_MAX = 500;
