import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { withClient } from '../lib/books.ts';
import { formatNumber } from '../lib/output.ts';
import type { BenchServer } from '../lib/server.ts';
import { median } from '../lib/stats.ts';
import { type GiftsWorkload, WORKLOADS } from './bench-gifts.ts';
import { openOurs } from './ours.ts';
import { type Round, type RoundContext, runRound } from './rounds.ts';
import { seedStreams } from './seed.ts';
import type { GiftVariant } from './variant.ts';

/** What is compared: the same service over the functions of an earlier migration, with nothing to obey, and with everything. */
export const RULE_VARIANTS = ['before rules and chain', 'bare', 'everything on'] as const;
/** The name of a variant. */
export type RuleVariant = (typeof RULE_VARIANTS)[number];

/** What was measured of one workload. Ratios are of the medians of gifts per second. */
export type RulesBenchResult = {
  workload: GiftsWorkload;
  rounds: Record<RuleVariant, Round[]>;
  ratios: { onToBare: number; onToBefore: number };
};

const VIEWERS = 10_000;
const WARM_UP_MS = 1_000;
const TEMPLATE = 'gift_rules_template';
/** How often creators play what waits, all of them together. */
const PERFORM_INTERVAL_MS = 1_000;
const EVERYTHING = new URL('everything-on.sql', import.meta.url);
const EARLIER = new URL('../../prisma/migrations/20261122000002_gift_speed/migration.sql', import.meta.url);

/** Measures gifts per second of each variant, in turns, each round on a database of its own that is checked afterwards. */
export async function benchRules(
  options: {
    server: BenchServer;
    log: Logger;
    rounds: number;
    seconds: number;
    quick: boolean;
    say: (line: string) => void;
  },
  signal: AbortSignal,
): Promise<RulesBenchResult[]> {
  const { server, log, rounds, seconds, say } = options;
  const results: RulesBenchResult[] = [];
  for (const workload of options.quick ? WORKLOADS.slice(0, 1) : WORKLOADS) {
    const { callers, streams } = workload;
    const seeded = await seedStreams(await server.createDatabase(TEMPLATE), { viewers: VIEWERS, streams }, log);
    const context: RoundContext = { server, template: TEMPLATE, seeded, callers, signal };
    const measured: Record<RuleVariant, Round[]> = { 'before rules and chain': [], bare: [], 'everything on': [] };
    try {
      for (let number = 1; number <= rounds; number++) {
        for (const name of RULE_VARIANTS) {
          const time = { warmUpMs: WARM_UP_MS, durationMs: seconds * 1000 };
          const round = await runRound(context, time, (url) => open(name, url, log));
          measured[name].push(round);
          say(`${workload.title}, round ${number}, ${name}: ${formatNumber(round.giftsPerSecond)} gifts/s, checked`);
          if (round.profile) say(`  ${round.profile}`);
        }
      }
    } finally {
      await server.dropDatabase(TEMPLATE);
    }
    const rateOf = (name: RuleVariant): number => median(measured[name].map(({ giftsPerSecond }) => giftsPerSecond));
    const on = rateOf('everything on');
    results.push({
      workload,
      rounds: measured,
      ratios: { onToBare: on / rateOf('bare'), onToBefore: on / rateOf('before rules and chain') },
    });
  }
  return results;
}

async function open(name: RuleVariant, databaseUrl: string, log: Logger): Promise<GiftVariant> {
  if (name === 'before rules and chain') await restoreEarlier(databaseUrl);
  if (name !== 'everything on') return openOurs(databaseUrl, log);
  await withClient(databaseUrl, async (client) => client.query(await readFile(EVERYTHING, 'utf8')));
  const variant = await openOurs(databaseUrl, log);
  const creators = performWhatWaits(databaseUrl);
  return {
    ...variant,
    close: async () => {
      await variant.close();
      await creators.stop();
    },
  };
}

/**
 * The functions as they were, in the words of that migration; the answer names what it does not know yet as empty. Their gifts carry
 * no month, so all lie in the first partition, which gets the index of their keys back.
 */
async function restoreEarlier(databaseUrl: string): Promise<void> {
  const migration = await readFile(EARLIER, 'utf8');
  const functionOf = (name: string): string => {
    const [text] = new RegExp(`CREATE (OR REPLACE )?FUNCTION ${name}\\([\\s\\S]*?\\nEND \\$\\$;`).exec(migration) ?? [];
    if (!text) throw new Error(`the migration has no function ${name}`);
    return text;
  };
  await withClient(databaseUrl, async (client) => {
    await client.query(`
      DROP FUNCTION gifts_send_batch(bigint[], text[], bigint[], bigint[], integer[], interval);
      DROP FUNCTION wallet_move(bigint[], bigint[], text[], bigint[], text[], bigint[], timestamptz, bigint[]);
      CREATE UNIQUE INDEX ON gift_sent_before (viewer_id, idempotency_key)`);
    await client.query(functionOf('gift_sent_references').replace('CREATE', 'CREATE OR REPLACE'));
    await client.query(functionOf('wallet_move'));
    await client.query(
      functionOf('gifts_send_batch')
        .replace(`,"refused":'`, `,"capped":[],"keptOut":[],"refused":'`)
        .replaceAll('SELECT * FROM gift_sent WHERE viewer_id', 'SELECT * FROM gift_sent_before WHERE viewer_id'),
    );
  });
}

/** Plays every reaction that waits, again and again, so that no queue fills up: as creators do, only quicker. */
function performWhatWaits(databaseUrl: string): { stop: () => Promise<void> } {
  let stopping = false;
  const done = withClient(databaseUrl, async (client) => {
    while (!stopping) {
      await client.query(`
        /* bench.perform */ WITH heads AS (
          SELECT l.stream_id FROM live_log l JOIN stream s ON s.id = l.stream_id WHERE s.reactions_queued > 0
           ORDER BY l.stream_id FOR NO KEY UPDATE OF l SKIP LOCKED
        ), played AS (
          UPDATE reaction SET state = 'PERFORMED', done_at = clock_timestamp()
           WHERE state = 'QUEUED' AND stream_id IN (SELECT stream_id FROM heads) RETURNING stream_id, duration_ms
        ) UPDATE stream s SET reactions_queued = reactions_queued - p.count, reactions_ms = reactions_ms - p.ms
            FROM (SELECT stream_id, count(*)::int AS count, sum(duration_ms) AS ms FROM played GROUP BY 1) p WHERE s.id = p.stream_id`);
      await new Promise((resolve) => setTimeout(resolve, PERFORM_INTERVAL_MS));
    }
  });
  return {
    stop: async () => {
      stopping = true;
      await done;
    },
  };
}
