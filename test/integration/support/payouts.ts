/** Diamonds and buckets, as rows: for tests of earnings and payouts. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { unearn } from '../../../src/domains/payouts/payouts.api.ts';
import { accountNames, type Transfer } from '../../../src/domains/wallet/wallet.api.ts';
import { lockLogs } from '../../../src/live/live-log.ts';
import type { Live } from '../../support/fixtures.ts';
import { brokenRules } from '../../support/ledger.ts';
import type { Actor } from '../../support/operations.ts';
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

/** Takes the diamonds of a gift back, as the reversals do: locks, asks where they are, posts. */
export async function takeBack(server: Server, pool: Pool, { streamId }: Pick<Live, 'streamId'>, seq: number) {
  const { rows } = await pool.query(
    `SELECT g.id, g.diamonds, s.creator_id, t.id AS earned FROM gift_sent g JOIN stream s ON s.id = g.stream_id
       LEFT JOIN transfer t ON t.cause_id = g.id AND t.kind = 'GIFT_EARNED' WHERE g.stream_id = $1 AND g.seq = $2`,
    [rowOf(streamId), seq],
  );
  const gift = rows[0];
  const { db, wallets } = server.app.services;
  const creatorId = BigInt(gift.creator_id);
  return db.inTransaction(async (sql) => {
    const ids = await wallets.accounts(
      sql,
      (['ISSUANCE', 'PENDING', 'AVAILABLE', 'DEBT'] as const).map((kind) => accountNames.diamonds(creatorId, kind)),
    );
    const [issuance, pending, available, debt] = ids as [bigint, bigint, bigint, bigint];
    await wallets.lock(sql, ids);
    const id = BigInt(rowOf(streamId));
    await lockLogs(sql, [id]);
    const diamonds: bigint = BigInt(gift.diamonds);
    const where = await unearn(sql, [
      { giftSentId: BigInt(gift.id), creatorId, streamId: id, seq: BigInt(seq), diamonds },
    ]);
    const { rows: balances } = await sql.query('SELECT balance FROM ledger_account WHERE id = $1', [available]);
    const there: bigint = where[0] === 'PENDING' ? 0n : BigInt(balances[0].balance);
    const short = there < diamonds ? diamonds - there : 0n;
    const base = { credit: issuance, unit: 'DIAMOND', kind: 'GIFT_UNEARNED', causeId: BigInt(gift.id) } as const;
    const parts: Transfer[] =
      where[0] === 'PENDING'
        ? [{ ...base, debit: pending, amount: diamonds }]
        : [
            { ...base, debit: available, amount: diamonds - short },
            { ...base, debit: debt, amount: short },
          ];
    const transfers = parts.filter(({ amount }) => amount > 0n);
    if (transfers.length > 0) await wallets.post(sql, transfers);
    return where;
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
        SELECT coalesce(sum(CASE WHEN reverses IS NULL THEN amount ELSE -amount END) FILTER (WHERE kind = 'PAYOUT_PAID'), 0) AS diamonds,
               coalesce(sum(CASE WHEN reverses IS NULL THEN amount ELSE -amount END) FILTER (WHERE kind = 'PAYOUT_MONEY'), 0) AS money,
               coalesce(sum(amount) FILTER (WHERE kind = 'PAYOUT_RETURNED'), 0) AS returned
          FROM transfer WHERE cause_id = p.id AND kind IN ('PAYOUT_PAID', 'PAYOUT_MONEY', 'PAYOUT_RETURNED')) t
     WHERE (t.diamonds, t.money, t.returned) <> CASE p.state WHEN 'PAID' THEN ROW(p.diamonds, p.amount_minor, 0)
            WHEN 'FAILED' THEN ROW(0, 0, p.diamonds) ELSE ROW(0, 0, 0) END`,
};

/** Asserts that buckets, payouts and holds agree with the ledger, and the ledger with itself. Nothing may write meanwhile. */
export async function expectEarningsBalanced(pool: Pool): Promise<void> {
  const broken: Record<string, unknown[]> = await brokenRules(pool);
  for (const [rule, sql] of Object.entries(RULES)) {
    const { rows } = await pool.query(`${sql} LIMIT 5`);
    if (rows.length > 0) broken[rule] = rows;
  }
  expect(broken).toEqual({});
}
