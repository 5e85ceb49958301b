import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import type { GoalView } from './goals.events.ts';
import type { GoalKind } from './goals.state.ts';

/** A goal that is to begin. */
export type GoalDraft = { streamId: bigint; kind: GoalKind; giftId: bigint | null; title: string; target: number };

const BY_ID = lookUpStatements(
  'goals.byId',
  (equals) =>
    `SELECT goal_view(g, s.gift_coins) AS goal FROM goal g JOIN stream s ON s.id = g.stream_id WHERE g.id ${equals}`,
);
const OF_STREAMS = statement(
  'goals.ofStreams',
  `SELECT goal_view(g, s.gift_coins) AS goal FROM stream s JOIN LATERAL (
     SELECT * FROM goal WHERE stream_id = s.id ORDER BY state = 'OPEN' DESC, id DESC LIMIT $2
   ) g ON true WHERE s.id = ANY($1) ORDER BY s.id, g.state = 'OPEN' DESC, g.id DESC`,
);
const AFTER_ORDERS = statement(
  'goals.afterOrders',
  'SELECT goals_after_orders($1::bigint[], $2::int[], $3::timestamptz) AS events',
);

/** Goals by id, open or not, in one statement, in any order. */
export async function findGoals(sql: Queryable, ids: readonly bigint[]): Promise<GoalView[]> {
  return (await lookUp<{ goal: GoalView }>(sql, BY_ID, ids)).map(({ goal }) => goal);
}

/** The goals of streams, in one statement: of each so many at the most, first the open ones, the newest first. */
export async function findGoalsOf(sql: Queryable, streamIds: readonly bigint[], limit: number): Promise<GoalView[]> {
  return (await rows<{ goal: GoalView }>(sql, OF_STREAMS, [streamIds, limit])).map(({ goal }) => goal);
}

/** How many goals of a stream are open. */
export async function countOpenGoals(sql: Queryable, streamId: bigint): Promise<number> {
  const [counted] = await rows<{ count: number }>(
    sql,
    "/* goals.countOpen */ SELECT count(*)::int AS count FROM goal WHERE stream_id = $1 AND state = 'OPEN'",
    [streamId],
  );
  return counted!.count;
}

/** Whether there is such a kind of gift on sale. */
export async function isGiftOnSale(sql: Queryable, giftId: bigint): Promise<boolean> {
  const found = await rows(sql, '/* goals.gift */ SELECT 1 FROM gift WHERE id = $1 AND active', [giftId]);
  return found.length > 0;
}

/** Inserts a goal that begins now. The caller has locked the log. */
export async function insertGoal(sql: SqlTransaction, goal: GoalDraft): Promise<GoalView> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* goals.insert */ INSERT INTO goal (stream_id, kind, gift_id, title, target, coins_from, started_at)
     SELECT s.id, $2, $3, $4, $5, CASE WHEN $2 = 'COINS' THEN s.gift_coins END, clock_timestamp() FROM stream s WHERE s.id = $1
     RETURNING id`,
    [goal.streamId, goal.kind, goal.giftId, goal.title, goal.target],
  );
  await markStreams(sql, [goal.streamId]);
  return (await findGoals(sql, [inserted!.id]))[0]!;
}

/**
 * Ends open goals of a stream, whose log the caller has locked.
 * @param goalId only this one; null: all of them
 */
export async function endOpenGoals(sql: SqlTransaction, streamId: bigint, goalId: bigint | null): Promise<GoalView[]> {
  const ended = await rows<{ id: bigint; goal: GoalView }>(
    sql,
    `/* goals.end */ UPDATE goal g SET state = 'ENDED', done_at = clock_timestamp(),
         progress = CASE g.kind WHEN 'COINS' THEN s.gift_coins - g.coins_from ELSE g.progress END
       FROM stream s WHERE s.id = $1 AND g.stream_id = s.id AND g.state = 'OPEN' AND g.id = coalesce($2, g.id)
       RETURNING g.id, goal_view(g, s.gift_coins) AS goal`,
    [streamId, goalId],
  );
  if (ended.length > 0) await markStreams(sql, [streamId]);
  return ended.sort((a, b) => Number(a.id - b.id)).map(({ goal }) => goal);
}

/** Tells gifts what to look for, after goals or levels of streams have changed. The caller has locked the logs. */
export async function markStreams(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<void> {
  await rows(sql, '/* goals.mark */ SELECT goals_mark($1)', [streamIds]);
}

/** Counts purchases that feeds show, so many in each stream; the caller has locked the logs. Returns the events that follow. */
export async function countOrders(
  sql: SqlTransaction,
  orders: ReadonlyMap<bigint, number>,
  at: Date,
): Promise<LiveEvent[]> {
  const [counted] = await rows<{ events: string }>(sql, AFTER_ORDERS, [[...orders.keys()], [...orders.values()], at]);
  return toEvents(counted!.events, at);
}

/** The events in what the SQL functions of this domain return. */
export function toEvents(text: string, occurredAt: Date): LiveEvent[] {
  const events = JSON.parse(`[${text}]`) as [streamId: number, seq: number, type: string, payload: unknown][];
  return events.map(([streamId, seq, type, payload]) => ({
    streamId: BigInt(streamId),
    seq: BigInt(seq),
    type,
    occurredAt,
    payload,
  }));
}
