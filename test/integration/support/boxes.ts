/** Treasure boxes: funding and claiming them, and moving their times. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { type Actor, mutate, type Outcome, type Wallet } from '../../support/operations.ts';
import { rowOf } from './ids.ts';

/** A treasure box as the API shows it. */
export type Box = {
  id: string;
  funder: { id: string; handle: string };
  coins: number;
  shares: number;
  shareCoins: number;
  remaining: number;
  state: string;
  opensAt: string;
  closesAt: string;
  closedAt: string | null;
  returnedCoins: number | null;
  myShare: number | null;
};

/** Funds a box; 100 coins for 10 watchers unless said otherwise. It opens in half an hour, or when a test says so. */
export function fundBox(
  viewer: Actor,
  streamId: string,
  options: { coins?: number; shares?: number; opensInSeconds?: number; idempotencyKey?: string } = {},
): Promise<Outcome<{ box: Box; wallet: Wallet; replayed: boolean }>> {
  const { coins = 100, shares = 10, opensInSeconds = 1_800, idempotencyKey = randomUUID() } = options;
  return mutate(viewer.api, 'fundTreasureBox', { streamId, coins, shares, opensInSeconds, idempotencyKey });
}

/** Claims a share. */
export function claimBox(
  viewer: Actor,
  boxId: string,
): Promise<Outcome<{ box: Box; coins: number; wallet: Wallet; replayed: boolean }>> {
  return mutate(viewer.api, 'claimTreasureBox', { boxId });
}

/** Lets the time come at which a box opens: it can be claimed for another minute. */
export async function reachOpening(pool: Pool, boxId: string): Promise<void> {
  await pool.query(
    `UPDATE treasure_box SET opens_at = clock_timestamp(), closes_at = clock_timestamp() + interval '1 minute', due_at = clock_timestamp()
      WHERE id = $1 AND state <> 'CLOSED'`,
    [rowOf(boxId)],
  );
}

/** Lets the time come at which a box can be claimed no longer. */
export async function reachEnd(pool: Pool, boxId: string): Promise<void> {
  await pool.query(
    `UPDATE treasure_box SET opens_at = least(opens_at, clock_timestamp()), closes_at = clock_timestamp(), due_at = clock_timestamp()
      WHERE id = $1 AND state <> 'CLOSED'`,
    [rowOf(boxId)],
  );
}

/** Has a viewer owe coins. */
export async function owe(pool: Pool, viewerRow: string, coins: number): Promise<void> {
  await pool.query(
    `WITH debt AS (
       INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES ('VIEWER', $1, 'COIN', 'DEBT') RETURNING id
     ) SELECT id FROM debt`,
    [viewerRow],
  );
  await pool.query(
    `SELECT wallet_post(ARRAY[d.id], ARRAY[i.id], ARRAY['COIN'], ARRAY[$2::bigint], ARRAY['COINS_CHARGED_BACK'], ARRAY[0::bigint], now())
       FROM ledger_account d, ledger_account i
      WHERE d.owner_type = 'VIEWER' AND d.owner_id = $1 AND d.kind = 'DEBT' AND i.owner_type = 'PLATFORM' AND i.unit = 'COIN' AND i.kind = 'ISSUANCE'`,
    [viewerRow, coins],
  );
}
