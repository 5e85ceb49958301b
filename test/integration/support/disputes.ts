/** Contested coin purchases: what a bank says, what became of the coins, and what tests ask of the ledger. */
import type { Pool } from 'pg';
import { type Actor, buyCoins, mutate, type Outcome, query, succeed } from '../../support/operations.ts';
import { rowOf } from './ids.ts';

/** What is to be seen of a dispute. */
export type CoinDispute = {
  state: 'OPEN' | 'REVERSING' | 'REVERSED' | 'WON';
  reason: string;
  coinsLeft: number;
  coinsUnspent: number;
  coinsGifted: number;
  coinsOwed: number;
  giftsReversed: number;
  reversedAt: string | null;
  decidedAt: string | null;
};

/** What a bank can say. */
export type News = 'OPEN' | 'WON' | 'LOST';

type Heard = { dispute: CoinDispute; purchase: { id: string }; replayed: boolean };

/** Buys exactly this many coins, as there is a pack of them. Returns the id of the purchase. */
export async function purchase(viewer: Actor, coins: number): Promise<string> {
  return succeed(await buyCoins(viewer, { coins })).purchase.id;
}

/** An operator says what a bank has said. */
export function tell(operator: Actor, purchaseId: string, news: News = 'OPEN'): Promise<Outcome<Heard>> {
  return mutate(operator.api, 'disputeCoinPurchase', { purchaseId, news, reason: 'fraudulent' });
}

/** What a viewer has, and owes. */
export async function walletOf(viewer: Actor): Promise<{ coins: number; debt: number }> {
  type Me = { me: { wallet: { coins: number; debt: number } } };
  return (await query<Me>(viewer.api, '{ me { wallet { coins debt } } }')).me.wallet;
}

/** A stream's leaderboard: who, and how many coins. */
export async function boardOf(viewer: Pick<Actor, 'api'>, streamId: string): Promise<[string, number][]> {
  const document = 'query Board($id: ID!) { liveStream(id: $id) { topGifters { coins profile { handle } } } }';
  type Board = { liveStream: { topGifters: { coins: number; profile: { handle: string } }[] } };
  const { liveStream } = await query<Board>(viewer.api, document, { id: streamId });
  return liveStream.topGifters.map(({ coins, profile }) => [profile.handle, coins]);
}

/** A creator's balances in diamonds, by kind, without those of zero. */
export async function diamondsOf(pool: Pool, creator: Actor): Promise<Record<string, number>> {
  const { rows } = await pool.query(
    `SELECT a.kind, a.balance::int FROM ledger_account a JOIN creator c ON c.id = a.owner_id
      WHERE c.viewer_id = $1 AND a.owner_type = 'CREATOR' AND a.unit = 'DIAMOND' AND a.balance <> 0`,
    [rowOf(creator.id)],
  );
  return Object.fromEntries(rows.map(({ kind, balance }) => [kind, balance]));
}

/** Moves a creator's diamonds from one account to another, as settlement and payouts do. */
export async function moveDiamonds(pool: Pool, creator: Actor, [from, to]: [string, string], amount: number) {
  if (amount === 0) return;
  await pool.query(
    `INSERT INTO ledger_account (owner_type, owner_id, unit, kind)
     SELECT 'CREATOR', id, 'DIAMOND', $2 FROM creator WHERE viewer_id = $1 ON CONFLICT DO NOTHING`,
    [rowOf(creator.id), to],
  );
  await pool.query(
    `SELECT wallet_post(ARRAY[f.id], ARRAY[t.id], ARRAY['DIAMOND'], ARRAY[$4::bigint], ARRAY['DIAMONDS_SETTLED'], ARRAY[0::bigint], now())
       FROM creator c
       JOIN ledger_account f ON f.owner_type = 'CREATOR' AND f.owner_id = c.id AND f.unit = 'DIAMOND' AND f.kind = $2
       JOIN ledger_account t ON t.owner_type = 'CREATOR' AND t.owner_id = c.id AND t.unit = 'DIAMOND' AND t.kind = $3
      WHERE c.viewer_id = $1`,
    [rowOf(creator.id), from, to, amount],
  );
}

/** Moves a viewer's coins between the wallet and the platform's treasure boxes. */
export async function moveToBoxes(pool: Pool, viewer: Actor, amount: number): Promise<void> {
  await pool.query(
    `INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES ('PLATFORM', 0, 'COIN', 'BOXES') ON CONFLICT DO NOTHING`,
  );
  await pool.query(
    `SELECT wallet_post(ARRAY[v.wallet_id], ARRAY[b.id], ARRAY['COIN'], ARRAY[$2::bigint], ARRAY['BOX_FUNDED'], ARRAY[0::bigint], now())
       FROM viewer v, ledger_account b WHERE v.id = $1 AND b.owner_type = 'PLATFORM' AND b.kind = 'BOXES' AND b.unit = 'COIN'`,
    [rowOf(viewer.id), amount],
  );
}

/** The rows of a viewer's gifts, oldest first. */
export async function giftsOf(pool: Pool, viewer: Actor): Promise<bigint[]> {
  const { rows } = await pool.query('SELECT id FROM gift_sent WHERE viewer_id = $1 ORDER BY id', [rowOf(viewer.id)]);
  return rows.map(({ id }) => BigInt(id));
}
