/** What must be as if nothing had happened: money, the log, what everybody saw, stock and orders. */
import type { Pool } from 'pg';
import { auditLedger } from '../../src/domains/wallet/audit/audit-ledger.ts';
import { brokenRules } from '../support/ledger.ts';
import { until } from './faults.ts';
import type { Intent } from './load.ts';
import type { Stage } from './stage.ts';
import type { Watcher } from './watcher.ts';
import { headOf, type World } from './world.ts';

/** How long purchases may take to be settled once nobody buys any more: a hold, and the sweep behind it. */
const SETTLE_MS_MAX = 60_000;
/** How long watchers may take to have everything. */
const CATCH_UP_MS_MAX = 30_000;

/** Everything here must be zero, and the lists empty. */
export type Verdict = {
  /** Rules of the books that are broken, and differences that the audit of hashes and chains found. */
  ledgerViolations: string[];
  /** Over all watchers: numbers that never came, and that came again. */
  lostEvents: number;
  doubledEvents: number;
  /** Gifts, purchases and messages that were acknowledged and are not there once, or are there and were not acknowledged. */
  lostOrDoubledEffects: string[];
  /** Units sold beyond an offer's quantity or the stock. */
  oversold: number;
  /** Purchases that are neither paid nor given up. */
  stuckOrders: number;
  /** Subscriptions that ended with an error. */
  feedErrors: string[];
};

/** Whether a verdict is clean. */
export function isClean(verdict: Verdict): boolean {
  return Object.values(verdict).every((value) => (Array.isArray(value) ? value.length === 0 : value === 0));
}

/** Waits until all purchases are settled and every watcher has everything. The servers are still up; nobody sends any more. */
export async function settle(world: World, stage: Stage, watchers: readonly Watcher[]): Promise<void> {
  await until(performance.now(), async () => (await stuckOrders(world.pool)) === 0, SETTLE_MS_MAX);
  // Streaks close and holds expire by events of their own: the heads may move until then.
  await until(performance.now(), () => everybodyHasEverything(world, stage, watchers), CATCH_UP_MS_MAX);
}

/** Judges, once the servers have stopped. */
export async function judge(
  world: World,
  stage: Stage,
  watchers: readonly Watcher[],
  intents: readonly Intent[],
): Promise<Verdict> {
  const { pool } = world;
  const heads = new Map(await Promise.all(stage.streamIds.map(async (id) => [id, await headOf(pool, id)] as const)));
  const missing = watchers.map((watcher) => heads.get(watcher.streamId)! - watcher.seq);
  return {
    ledgerViolations: [...Object.keys(await brokenRules(pool)), ...(await auditDifferences(pool))],
    lostEvents: sum(watchers.map(({ lost }) => lost)) + sum(missing),
    doubledEvents: sum(watchers.map(({ doubled }) => doubled)),
    lostOrDoubledEffects: await wrongEffects(pool, intents),
    oversold: await oversold(pool, stage),
    stuckOrders: await stuckOrders(pool),
    feedErrors: watchers.flatMap(({ errors }) => errors),
  };
}

async function everybodyHasEverything(world: World, stage: Stage, watchers: readonly Watcher[]): Promise<boolean> {
  const heads = new Map(
    await Promise.all(stage.streamIds.map(async (id) => [id, await headOf(world.pool, id)] as const)),
  );
  const { rows } = await world.pool.query('SELECT count(*)::int AS open FROM gift_streak');
  return rows[0].open === 0 && watchers.every((watcher) => watcher.seq === heads.get(watcher.streamId));
}

async function auditDifferences(pool: Pool): Promise<string[]> {
  const client = await pool.connect();
  const differences: string[] = [];
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await auditLedger(client, { onDifference: (difference) => differences.push(JSON.stringify(difference)) });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
  return differences;
}

/** Compares what clients were told with what there is, by their keys. */
async function wrongEffects(pool: Pool, intents: readonly Intent[]): Promise<string[]> {
  const told = (kind: Intent['kind']) =>
    new Set(intents.filter((i) => i.kind === kind && i.outcome.__typename.endsWith('Success')).map(({ key }) => key));
  const stored = async (sql: string) => (await pool.query<{ key: string }>(sql)).rows.map(({ key }) => key);
  const gifts = await stored('SELECT idempotency_key AS key FROM gift_sent');
  const chats = await stored("SELECT key FROM idempotency_key WHERE operation = 'sendChatMessage'");
  // One purchase was made to set the stage.
  const orders = await stored(
    "SELECT idempotency_key AS key FROM checkout WHERE state = 'PAID' AND idempotency_key IS NOT NULL ORDER BY id OFFSET 1",
  );
  return [
    ...compare('gift', told('gift'), gifts),
    ...compare('message', told('chat'), chats),
    ...compare('order', told('buy'), orders),
  ];
}

function compare(what: string, told: ReadonlySet<string>, stored: readonly string[]): string[] {
  const there = new Set(stored);
  return [
    ...[...told].filter((key) => !there.has(key)).map((key) => `${what} ${key} was acknowledged and is not there`),
    ...stored.filter((key) => !told.has(key)).map((key) => `${what} ${key} is there and was never acknowledged`),
    ...(there.size < stored.length ? [`${stored.length - there.size} of ${what}s are there twice`] : []),
  ];
}

async function oversold(pool: Pool, stage: Stage): Promise<number> {
  const { rows } = await pool.query(
    `WITH line AS (
       SELECT l.* FROM order_line l JOIN shop_order o ON o.id = l.order_id JOIN checkout c ON c.id = o.checkout_id
        WHERE c.state = 'PAID')
     SELECT (SELECT coalesce(sum(greatest(0, s.sold - f.quantity)), 0) FROM offer f
               JOIN (SELECT offer_id, sum(quantity) AS sold FROM line GROUP BY 1) s ON s.offer_id = f.id)
          + (SELECT coalesce(sum(abs($2 - i.on_hand - (SELECT coalesce(sum(quantity), 0) FROM line WHERE item_id = i.item_id))), 0)
               FROM inventory i JOIN product_variant v ON v.item_id = i.item_id WHERE v.sku = $1) AS units`,
    [stage.sku, stage.stock],
  );
  return Number(rows[0].units);
}

async function stuckOrders(pool: Pool): Promise<number> {
  const { rows } = await pool.query(
    `SELECT (SELECT count(*) FROM checkout WHERE state = 'HELD') + (SELECT count(*) FROM refund WHERE state = 'PENDING')
          + (SELECT count(*) FROM coin_purchase WHERE state = 'PENDING') AS stuck`,
  );
  return Number(rows[0].stuck);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
