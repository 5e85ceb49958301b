import { BOOKS, checkRules, type Rules, withClient } from '../lib/books.ts';
import type { Acknowledged } from './workload.ts';

const RULES: Rules = {
  ...BOOKS,
  'no wallet is below zero': "SELECT id, balance FROM ledger_account WHERE balance < 0 AND kind <> 'ISSUANCE'",
  'every gift has its event, every gift event its gift': `
    SELECT g.id, e.seq FROM gift_sent g FULL JOIN (SELECT * FROM live_event WHERE type = 'GIFT_SENT') e
      ON e.stream_id = g.stream_id AND e.seq = g.seq WHERE (e.payload->>'coins')::bigint IS DISTINCT FROM g.coins`,
  'every gift is paid once, in coins': `
    SELECT g.id, t.id FROM gift_sent g FULL JOIN (SELECT * FROM transfer WHERE kind = 'GIFT_SPENT') t ON t.cause_id = g.id
     WHERE g.coins IS DISTINCT FROM t.amount OR t.unit IS DISTINCT FROM 'COIN'`,
  'every gift earns its diamonds once': `
    SELECT g.id, t.id FROM gift_sent g FULL JOIN (SELECT * FROM transfer WHERE kind = 'GIFT_EARNED') t ON t.cause_id = g.id
     WHERE g.diamonds IS DISTINCT FROM coalesce(t.amount, 0)`,
  "a stream's diamonds are its coins at its rate, rounded down once": `
    SELECT s.id FROM stream s JOIN gift_sent g ON g.stream_id = s.id GROUP BY s.id
    HAVING sum(g.diamonds) <> div(sum(g.coins) * s.rate_diamonds, s.rate_coins) OR sum(g.coins) <> s.gift_coins`,
  "a gifter's coins are those of the gifts": `
    SELECT stream_id, viewer_id FROM stream_gifter r
      FULL JOIN (SELECT stream_id, viewer_id, sum(coins) AS coins FROM gift_sent GROUP BY 1, 2) g USING (stream_id, viewer_id)
     WHERE r.coins IS DISTINCT FROM g.coins`,
  // A streak is every gift since the last StreakEnded, so that both together are all gifts.
  'every gift is in one streak': `
    SELECT FROM (
      SELECT (SELECT coalesce(sum(quantity), 0) FROM gift_sent) AS sent,
             (SELECT coalesce(sum(total), 0) FROM gift_streak) AS open,
             (SELECT coalesce(sum((payload->>'total')::bigint), 0) FROM live_event WHERE type = 'STREAK_ENDED') AS ended
    ) s WHERE sent <> open + ended`,
};

/**
 * Checks a database after a round, when nobody writes any more: books, log and gifts agree down to the last row, and the
 * gifts in it are those that the callers were told of.
 * @throws when they do not
 */
export async function checkRound(databaseUrl: string, acknowledged: readonly Acknowledged[]): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await checkRules(client, RULES);
    const { rows } = await client.query<{ sent: string; known: string }>(
      `SELECT (SELECT count(*) FROM gift_sent) AS sent,
              (SELECT count(*) FROM gift_sent g JOIN unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::int[])
                 a(viewer_id, idempotency_key, seq, gift_id, quantity)
                 USING (viewer_id, idempotency_key, seq, gift_id, quantity)) AS known`,
      [
        acknowledged.map(({ order }) => order.viewerId),
        acknowledged.map(({ order }) => order.idempotencyKey),
        acknowledged.map(({ seq }) => seq),
        acknowledged.map(({ order }) => order.giftId),
        acknowledged.map(({ order }) => order.quantity),
      ],
    );
    const { sent, known } = rows[0]!;
    if (Number(sent) !== acknowledged.length || Number(known) !== acknowledged.length) {
      throw new Error(`${acknowledged.length} gifts were acknowledged, ${sent} are stored, ${known} of them the same`);
    }
  });
}
