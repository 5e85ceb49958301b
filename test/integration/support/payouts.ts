/** Diamonds and buckets, as rows: for tests of earnings and payouts. */
import { randomUUID } from 'node:crypto';
import type { ClientBase, Pool } from 'pg';
import { expect } from 'vitest';
import { lockForReversal, reverseGifts } from '../../../src/domains/gifts/gifts.api.ts';
import { appendEvents } from '../../../src/live/live-log.ts';
import type { Live } from '../../support/fixtures.ts';
import { brokenRules } from '../../support/ledger.ts';
import {
  type Actor,
  endStream,
  freshHandle,
  mutate,
  type Outcome,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../../support/operations.ts';
import type { Server } from '../../support/server.ts';
import { rowOf } from './ids.ts';

/** The creator that somebody is. */
export async function creatorRow(pool: Pool, creator: Pick<Actor, 'id'>): Promise<bigint> {
  const { rows } = await pool.query('SELECT id FROM creator WHERE viewer_id = $1', [rowOf(creator.id)]);
  return BigInt(rows[0].id);
}

/** A creator's balances in diamonds, by kind. */
export async function diamondsOf(pool: Pool, creator: Pick<Actor, 'id'>): Promise<Record<string, bigint>> {
  const { rows } = await pool.query(
    `SELECT kind, balance FROM ledger_account WHERE owner_type = 'CREATOR' AND owner_id = $1 AND unit = 'DIAMOND'`,
    [await creatorRow(pool, creator)],
  );
  return Object.fromEntries(rows.map(({ kind, balance }) => [kind, BigInt(balance)]));
}

/** The buckets of a stream, oldest first. */
export async function bucketsOf(pool: Pool, streamId: string) {
  const { rows } = await pool.query(
    `SELECT id, state, seq_from, seq_to, diamonds, reversed FROM earning WHERE stream_id = $1 ORDER BY seq_from`,
    [rowOf(streamId)],
  );
  return rows.map((row) => ({
    id: BigInt(row.id),
    state: row.state as string,
    seqFrom: BigInt(row.seq_from),
    seqTo: row.seq_to === null ? null : BigInt(row.seq_to),
    diamonds: BigInt(row.diamonds),
    reversed: BigInt(row.reversed),
  }));
}

/** Lets the holds of all buckets of a creator be over. */
export async function endHolds(pool: Pool, creator: Pick<Actor, 'id'>): Promise<void> {
  await pool.query(
    `UPDATE earning SET settles_at = clock_timestamp() - interval '1 second' WHERE creator_id = $1 AND state = 'PENDING'`,
    [await creatorRow(pool, creator)],
  );
}

/** Gives somebody coins, as if they had bought them. */
export async function grantCoins(pool: Pool, viewer: Pick<Actor, 'id'>, coins: bigint | number): Promise<void> {
  await pool.query(
    `SELECT wallet_post(ARRAY[i.id], ARRAY[v.wallet_id], ARRAY['COIN'], ARRAY[$2::bigint], ARRAY['DEMO_GRANT'], ARRAY[v.id], clock_timestamp())
       FROM viewer v, ledger_account i WHERE v.id = $1 AND i.owner_type = 'PLATFORM' AND i.unit = 'COIN' AND i.kind = 'ISSUANCE'`,
    [rowOf(viewer.id), coins],
  );
}

/** Gives a creator a settled stream that has earned so many diamonds (a multiple of 500), from one gift. */
export async function earnSettled(server: Server, pool: Pool, creator: Actor, diamonds: number) {
  const fan = await signIn(server);
  await openPlatform(pool);
  await grantCoins(pool, fan, diamonds * 2);
  const { id: streamId } = await startStream(creator);
  const gift = { gift: 'Galaxy', quantity: diamonds / 500 };
  const { seq } = succeed(await sendGift(fan, streamId, gift)).giftSent;
  succeed(await endStream(creator, streamId));
  await endHolds(pool, creator);
  await server.app.services.payouts.earnings.settle();
  return { fan, streamId, seq };
}

/** Opens the account that coins are issued from, as the first purchase does. */
async function openPlatform(pool: Pool): Promise<void> {
  await pool.query(
    `INSERT INTO ledger_account (owner_type, owner_id, unit, kind) VALUES ('PLATFORM', 0, 'COIN', 'ISSUANCE') ON CONFLICT DO NOTHING`,
  );
}

/** A creator whose gifts are settled, and who is verified unless the account says otherwise. */
export type Earner = Live & { /** Who sent the gift, and where it stands in the log. */ fan: Actor; seq: number };

/** Makes a creator with so many diamonds available (a multiple of 500), from one gift in a stream that has ended. */
export async function earner(server: Server, pool: Pool, diamonds: number, account = 'acct_ok'): Promise<Earner> {
  const creator = await signIn(server, freshHandle('creator'));
  const { fan, streamId, seq } = await earnSettled(server, pool, creator, diamonds);
  succeed(await mutate(creator.api, 'submitIdentity', { accountToken: account }));
  return { creator, streamId, fan, seq };
}

/** What tests look at of a payout. */
export type Payout = {
  id: string;
  state: string;
  nextStates: string[];
  requestedDiamonds: number;
  diamonds: number;
  amount: { minorUnits: number; currency: string };
  rateDiamonds: number;
  failure: string | null;
};

/** Asks for a payout. */
export function requestPayout(
  creator: Pick<Actor, 'api'>,
  diamonds: number,
  idempotencyKey: string = randomUUID(),
): Promise<Outcome<{ payout: Payout; replayed: boolean }>> {
  return mutate(creator.api, 'requestPayout', { diamonds, idempotencyKey });
}

/** Takes a gift back, as a skipped reaction does. Returns where its diamonds were. */
export async function takeBack(server: Server, pool: Pool, { streamId }: Pick<Live, 'streamId'>, seq: number) {
  const { rows } = await pool.query('SELECT id FROM gift_sent WHERE stream_id = $1 AND seq = $2', [
    rowOf(streamId),
    seq,
  ]);
  const { db, wallets } = server.app.services;
  return db.inTransaction(async (sql) => {
    const gifts = await lockForReversal(sql, wallets, [BigInt(rows[0].id)]);
    const { drafts } = await reverseGifts(sql, wallets, gifts, 'REACTION_SKIPPED');
    await appendEvents(sql, drafts);
    const pended = await sql.query(
      `SELECT FROM transfer t JOIN ledger_account a ON a.id = t.debit_account_id
        WHERE t.kind = 'GIFT_UNEARNED' AND t.cause_id = $1 AND a.kind = 'PENDING'`,
      [rows[0].id],
    );
    return [pended.rowCount ? 'PENDING' : 'SETTLED'];
  });
}

/** Each query finds the rows that break one rule of earnings and payouts. */
const RULES: Record<string, string> = {
  'what pends is in a bucket that is not settled, or in the open stretch of a stream': `
    SELECT a.owner_id, a.balance, p.pending FROM ledger_account a CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN e.state = 'PENDING' THEN e.diamonds - e.reversed WHEN e.state = 'OPEN' THEN -e.reversed ELSE 0 END), 0)
             + (SELECT coalesce(sum(diamonds_for(s.gift_coins, s.rate_coins, s.rate_diamonds) - coalesce(
                    (SELECT sum(c.diamonds) FROM earning c WHERE c.stream_id = s.id AND c.state <> 'OPEN'), 0)), 0)
                  FROM stream s WHERE s.creator_id = a.owner_id) AS pending
          FROM earning e WHERE e.creator_id = a.owner_id) p
     WHERE a.owner_type = 'CREATOR' AND a.unit = 'DIAMOND' AND a.kind = 'PENDING' AND a.balance <> p.pending`,
  'a bucket holds the diamonds of its gifts': `
    SELECT e.id, e.diamonds, sum(g.diamonds) FROM earning e
      JOIN gift_sent g ON g.stream_id = e.stream_id AND g.seq > e.seq_from AND g.seq <= e.seq_to
     GROUP BY e.id HAVING sum(g.diamonds) <> e.diamonds`,
  'a bucket is settled once, with what was left of it': `
    SELECT e.id, e.state, count(t.id), sum(t.amount) FROM earning e LEFT JOIN transfer t ON t.kind = 'DIAMONDS_SETTLED' AND t.cause_id = e.id
     GROUP BY e.id HAVING coalesce(sum(t.amount), 0) <> CASE e.state WHEN 'SETTLED' THEN e.diamonds - e.reversed ELSE 0 END OR count(t.id) > 1`,
  'nobody has diamonds to spend and a debt at once': `
    SELECT a.owner_id FROM ledger_account a JOIN ledger_account d USING (owner_type, owner_id, unit)
     WHERE a.unit = 'DIAMOND' AND a.kind = 'AVAILABLE' AND d.kind = 'DEBT' AND a.balance > 0 AND d.balance < 0`,
  'what is held is for a payout under way, or held by an operator': `
    SELECT a.owner_id, a.balance FROM ledger_account a
     WHERE a.unit = 'DIAMOND' AND a.kind = 'HELD' AND a.balance <> (
        SELECT coalesce(sum(diamonds), 0) FROM payout WHERE creator_id = a.owner_id AND state IN ('REQUESTED', 'SENT'))
      + (SELECT coalesce(sum(diamonds), 0) FROM earnings_hold WHERE creator_id = a.owner_id AND released_at IS NULL)`,
  'a payout is paid in diamonds and in money, once, and what failed is not': `
    SELECT p.id, p.state FROM payout p CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN reverses IS NULL THEN amount ELSE -amount END) FILTER (WHERE kind = 'PAYOUT_PAID'), 0)::bigint AS diamonds,
               coalesce(sum(CASE WHEN reverses IS NULL THEN amount ELSE -amount END) FILTER (WHERE kind = 'PAYOUT_MONEY'), 0)::bigint AS money,
               coalesce(sum(amount) FILTER (WHERE kind = 'PAYOUT_RETURNED'), 0)::bigint AS returned
          FROM transfer WHERE cause_id = p.id AND kind IN ('PAYOUT_PAID', 'PAYOUT_MONEY', 'PAYOUT_RETURNED')) t
     WHERE (t.diamonds, t.money, t.returned) <> CASE p.state WHEN 'PAID' THEN ROW(p.diamonds, p.amount_minor, 0::bigint)
            WHEN 'FAILED' THEN ROW(0::bigint, 0::bigint, p.diamonds) ELSE ROW(0::bigint, 0::bigint, 0::bigint) END`,
};

/** Asserts that buckets, payouts and holds agree with the ledger, and the ledger with itself. Nothing may write meanwhile. */
export async function expectEarningsBalanced(pool: Pick<ClientBase, 'query'>): Promise<void> {
  const broken: Record<string, unknown[]> = await brokenRules(pool);
  for (const [rule, sql] of Object.entries(RULES)) {
    const { rows } = await pool.query(`${sql} LIMIT 5`);
    if (rows.length > 0) broken[rule] = rows;
  }
  expect(broken).toEqual({});
}
