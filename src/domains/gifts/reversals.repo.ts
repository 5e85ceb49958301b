import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import type { ReversalReason } from './gifts.events.ts';

/** A gift that was sent, with what a reversal of it needs. None of it changes but the sender's names. */
export type SentGiftRow = {
  id: bigint;
  viewerId: bigint;
  streamId: bigint;
  creatorId: bigint;
  seq: bigint;
  quantity: number;
  coins: bigint;
  diamonds: bigint;
  /** Also the time of its transfers. */
  createdAt: Date;
  giftId: bigint;
  giftName: string;
  handle: string;
  displayName: string;
};

/** Gifts by id, in one statement, in the order of the ids; what does not exist is left out. */
export async function findSentGifts(sql: Queryable, ids: readonly bigint[]): Promise<SentGiftRow[]> {
  return rows<SentGiftRow>(
    sql,
    `/* gifts.sent */ SELECT g.id, g.viewer_id AS "viewerId", g.stream_id AS "streamId", s.creator_id AS "creatorId", g.seq,
            g.quantity, g.coins, g.diamonds, g.created_at AS "createdAt", k.id AS "giftId", k.name AS "giftName",
            v.handle, v.display_name AS "displayName"
       FROM unnest($1::bigint[]) WITH ORDINALITY i(id, position)
       JOIN gifts_at($1) g ON g.id = i.id
       JOIN stream s ON s.id = g.stream_id JOIN gift k ON k.id = g.gift_id JOIN viewer v ON v.id = g.viewer_id
      ORDER BY i.position`,
    [ids],
  );
}

// Found by the viewer's keys; each is then read in the one partition that has it. Prepared: to plan it is to plan it for all months.
const STANDING = statement(
  'gifts.standing',
  `SELECT g.id, g.coins FROM (
       SELECT gift_sent_id AS id FROM gift_key WHERE viewer_id = $1 ORDER BY gift_sent_id DESC OFFSET 0
     ) k CROSS JOIN LATERAL (SELECT id, coins FROM gift_sent WHERE id = k.id LIMIT 1) g WHERE (SELECT true FROM gift_reversal r WHERE r.gift_sent_id = g.id LIMIT 1) IS NULL ORDER BY k.id DESC LIMIT $2`,
);

/** A viewer's gifts that nobody has taken back, newest first: of those whose keys are kept (docs/retention.md). */
export async function findStandingGifts(
  sql: Queryable,
  viewerId: bigint,
  limit: number,
): Promise<{ id: bigint; coins: bigint }[]> {
  return rows(sql, STANDING, [viewerId, limit]);
}

/** Which of these gifts were taken back already. */
export async function findReversed(sql: Queryable, ids: readonly bigint[]): Promise<Set<bigint>> {
  const found = await rows<{ id: bigint }>(
    sql,
    '/* gifts.reversed */ SELECT gift_sent_id AS id FROM gift_reversal WHERE gift_sent_id = ANY($1)',
    [ids],
  );
  return new Set(found.map(({ id }) => id));
}

/** Notes that gifts are taken back. The caller holds their senders' wallets. */
export async function insertReversals(
  sql: SqlTransaction,
  gifts: readonly { id: bigint; coins: bigint; diamonds: bigint; diamondsOwed: bigint }[],
  { reason, causeId }: { reason: ReversalReason; causeId: bigint | undefined },
): Promise<void> {
  await rows(
    sql,
    `/* gifts.reverse */ INSERT INTO gift_reversal (gift_sent_id, reason, cause_id, coins, diamonds, diamonds_owed, at)
     SELECT g.*, clock_timestamp() FROM (
       SELECT id, $5::text, $6::bigint, coins, diamonds, owed FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])
         g(id, coins, diamonds, owed)
     ) g`,
    [
      gifts.map(({ id }) => id),
      gifts.map(({ coins }) => coins),
      gifts.map(({ diamonds }) => diamonds),
      gifts.map(({ diamondsOwed }) => diamondsOwed),
      reason,
      causeId ?? null,
    ],
  );
}

/** Lowers what viewers have given in streams, whose logs the caller has locked. */
export async function lowerGifters(
  sql: SqlTransaction,
  gifts: readonly { streamId: bigint; viewerId: bigint; coins: bigint }[],
): Promise<void> {
  await rows(
    sql,
    `/* gifts.lowerGifters */ UPDATE stream_gifter t SET coins = t.coins - g.coins FROM (
       SELECT stream_id, viewer_id, sum(coins)::bigint AS coins
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) g(stream_id, viewer_id, coins) GROUP BY 1, 2
     ) g WHERE t.stream_id = g.stream_id AND t.viewer_id = g.viewer_id`,
    [gifts.map(({ streamId }) => streamId), gifts.map(({ viewerId }) => viewerId), gifts.map(({ coins }) => coins)],
  );
}

/**
 * Coins that were spent in the day, and in the month, that a viewer's caps count now do not count any longer. The caller holds the
 * wallets. A gift that the limits do not know of, because they are newer than it, cannot bring them below zero.
 */
export async function uncountSpending(
  sql: SqlTransaction,
  gifts: readonly { viewerId: bigint; coins: bigint; createdAt: Date }[],
): Promise<void> {
  await rows(
    sql,
    `/* gifts.uncountSpending */ UPDATE spending_limit l SET
         day_coins = greatest(l.day_coins - g.day_coins, 0), month_coins = greatest(l.month_coins - g.month_coins, 0)
       FROM (
         SELECT l.viewer_id, coalesce(sum(g.coins) FILTER (WHERE g.day = l.day), 0)::bigint AS day_coins,
                coalesce(sum(g.coins) FILTER (WHERE date_trunc('month', g.day::timestamp) = l.month), 0)::bigint AS month_coins
           FROM (SELECT viewer_id, coins, (at AT TIME ZONE 'UTC')::date AS day
                   FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) g(viewer_id, coins, at)) g
           JOIN spending_limit l ON l.viewer_id = g.viewer_id GROUP BY l.viewer_id
       ) g WHERE l.viewer_id = g.viewer_id`,
    [
      gifts.map(({ viewerId }) => viewerId),
      gifts.map(({ coins }) => coins),
      gifts.map(({ createdAt }) => createdAt.toISOString()),
    ],
  );
}
