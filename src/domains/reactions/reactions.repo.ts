import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import { groupBy } from '../../kernel/group-by.ts';
import type { DoneReaction } from './reactions.events.ts';
import type { ReactionState } from './reactions.state.ts';

/** A reaction as everybody sees it. */
export type ReactionRow = {
  id: bigint;
  streamId: bigint;
  phrase: string;
  animation: string | null;
  sound: string | null;
  priority: number;
  durationMs: number;
  state: ReactionState;
  queuedAt: Date;
  doneAt: Date | null;
  giftSeq: bigint;
  senderId: bigint;
  handle: string;
  displayName: string;
  /** While it waits: 1 is performed next, and so many milliseconds from now, if nothing comes in between. */
  position: number | null;
  etaMs: number | null;
};

const COLUMNS = `r.id, r.stream_id AS "streamId", r.phrase, r.animation, r.sound, r.priority, r.duration_ms AS "durationMs", r.state,
  r.queued_at AS "queuedAt", r.done_at AS "doneAt", g.seq AS "giftSeq", v.id AS "senderId", v.handle, v.display_name AS "displayName"`;
// For what is prepared: planned once for all months, it reads those that it needs.
const GIFT = 'JOIN LATERAL (SELECT * FROM gift_sent WHERE id = r.gift_sent_id LIMIT 1) g ON true';
/** For what is planned each time: to plan a join is to plan it for all months. */
const giftsOf = (reactions: string) =>
  `gifts AS MATERIALIZED (SELECT * FROM gifts_at(ARRAY(SELECT gift_sent_id FROM ${reactions})))`;
const GIFT_OF_MANY = 'JOIN gifts g ON g.id = r.gift_sent_id';
const JOINED = `JOIN viewer v ON v.id = r.viewer_id
  JOIN stream s ON s.id = r.stream_id LEFT JOIN reaction_clock c ON c.creator_id = s.creator_id`;
/** Rounded as what is stored is: otherwise a performance could seem to begin in the future, for half a millisecond. */
const NOW = 'clock_timestamp()::timestamptz(3)';
/** Whether the creator is performing. False before the beginning, too: then the database's clock was set back. */
const IS_BUSY = `coalesce(${NOW} >= c.busy_from AND ${NOW} < c.busy_until, false)`;
const BUSY_MS = `CASE WHEN ${IS_BUSY} THEN extract(epoch FROM c.busy_until - ${NOW}) * 1000 ELSE 0 END`;
/** The order in which the queue is performed. */
const QUEUE_ORDER = 'r.priority DESC, r.id';

const BY_ID = lookUpStatements(
  'reactions.byId',
  (equals) => `SELECT ${COLUMNS}, CASE WHEN r.state = 'QUEUED' THEN ahead.count + 1 END AS position,
          CASE WHEN r.state = 'QUEUED' THEN greatest(${BUSY_MS} + ahead.ms, 0)::int END AS "etaMs"
     FROM reaction r ${GIFT} ${JOINED} CROSS JOIN LATERAL (
       SELECT count(*)::int AS count, coalesce(sum(a.duration_ms), 0) AS ms FROM reaction a
        WHERE a.stream_id = r.stream_id AND a.state = 'QUEUED' AND r.state = 'QUEUED'
          AND (a.priority > r.priority OR (a.priority = r.priority AND a.id < r.id))
     ) ahead WHERE r.id ${equals}`,
);
// What follows is not prepared. It is not sent for every viewer or event, and a plan that was made while the queues were empty would
// read all of them for each stream when they are full (measured: 7 seconds a look of the clock, instead of 30 ms).

const QUEUES = `/* reactions.queues */ WITH queued AS MATERIALIZED (
       SELECT q.request::int, r.* FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY q(stream_id, places, request) CROSS JOIN LATERAL (
       SELECT r.*, (row_number() OVER w)::int AS position, sum(r.duration_ms) OVER w - r.duration_ms AS ms_ahead
         FROM reaction r WHERE r.stream_id = q.stream_id AND r.state = 'QUEUED'
       WINDOW w AS (ORDER BY ${QUEUE_ORDER} ROWS UNBOUNDED PRECEDING) ORDER BY ${QUEUE_ORDER} LIMIT q.places
       ) r
     ), ${giftsOf('queued')}
     SELECT r.request, ${COLUMNS}, r.position, greatest(${BUSY_MS} + r.ms_ahead, 0)::int AS "etaMs"
       FROM queued r ${GIFT_OF_MANY} ${JOINED} ORDER BY r.request, r.position`;

/** Reactions by id, waiting or not, in one statement, in any order. */
export function findReactions(sql: Queryable, ids: readonly bigint[]): Promise<ReactionRow[]> {
  return lookUp<ReactionRow>(sql, BY_ID, ids);
}

/** What waits in streams, in the order in which it will be performed, in one statement; in the order of the requests. */
export async function readQueues(
  sql: Queryable,
  requests: readonly { streamId: bigint; limit: number }[],
): Promise<ReactionRow[][]> {
  const found = await rows<ReactionRow & { request: number }>(sql, QUEUES, [
    requests.map(({ streamId }) => streamId),
    requests.map(({ limit }) => limit),
  ]);
  const queues = groupBy(found, ({ request }) => request);
  return requests.map((_request, index) => queues.get(index + 1) ?? []);
}

/** A reaction as the rules need it: where it stands, its gift, and whose stream it is. */
export type OwnedReaction = {
  id: bigint;
  streamId: bigint;
  giftSentId: bigint;
  state: ReactionState;
  viewerId: bigint;
};

const FIND_OWNED = `/* reactions.owned */ SELECT r.id, r.stream_id AS "streamId", r.gift_sent_id AS "giftSentId", r.state, c.viewer_id AS "viewerId"
     FROM reaction r JOIN stream s ON s.id = r.stream_id JOIN creator c ON c.id = s.creator_id WHERE r.id = $1`;

/** A reaction, and the viewer whose stream it is in. */
export async function findOwned(sql: Queryable, reactionId: bigint): Promise<OwnedReaction | undefined> {
  const [reaction] = await rows<OwnedReaction>(sql, FIND_OWNED, [reactionId]);
  return reaction;
}

/** A stream, and the viewer that it belongs to. */
export async function findStreamOwner(
  sql: Queryable,
  streamId: bigint,
): Promise<{ viewerId: bigint; isLive: boolean } | undefined> {
  const [stream] = await rows<{ viewerId: bigint; isLive: boolean }>(
    sql,
    `/* reactions.streamOwner */ SELECT c.viewer_id AS "viewerId", s.status = 'LIVE' AS "isLive"
       FROM stream s JOIN creator c ON c.id = s.creator_id WHERE s.id = $1`,
    [streamId],
  );
  return stream;
}

const HEADS = `/* reactions.heads */ SELECT h.id FROM unnest($1::bigint[]) q(stream_id) CROSS JOIN LATERAL (
       SELECT r.id FROM reaction r WHERE r.stream_id = q.stream_id AND r.state = 'QUEUED' ORDER BY ${QUEUE_ORDER} LIMIT 1
     ) h`;

/** What is next in each of these streams, whose logs the caller has locked; nothing of one in which nothing waits. */
export async function readHeads(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, HEADS, [streamIds])).map(({ id }) => id);
}

/** A reaction that waits, its gift, and who sent it. */
export type WaitingReaction = { id: bigint; giftSentId: bigint; viewerId: bigint };

const WAITING = `/* reactions.waiting */ SELECT r.id, r.gift_sent_id AS "giftSentId", r.viewer_id AS "viewerId" FROM reaction r
    WHERE r.stream_id = $1 AND r.state = 'QUEUED' ORDER BY ${QUEUE_ORDER}`;

/** What waits in a stream, in the order of the queue. */
export function readWaiting(sql: SqlTransaction, streamId: bigint): Promise<WaitingReaction[]> {
  return rows<WaitingReaction>(sql, WAITING, [streamId]);
}

/** Whether a stream is live, and the account that each of its gifts locks. */
export async function readWaitingStream(
  sql: SqlTransaction,
  streamId: bigint,
): Promise<{ isLive: boolean; giftsAccountId: bigint } | undefined> {
  const [stream] = await rows<{ isLive: boolean; giftsAccountId: bigint }>(
    sql,
    `/* reactions.stream */ SELECT status = 'LIVE' AS "isLive", gifts_account_id AS "giftsAccountId" FROM stream WHERE id = $1`,
    [streamId],
  );
  return stream;
}

/** Those reactions of these gifts that wait, whose streams' logs the caller has locked. */
export async function findWaitingOf(sql: SqlTransaction, giftSentIds: readonly bigint[]): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* reactions.waitingOf */ SELECT id FROM reaction WHERE gift_sent_id = ANY($1) AND state = 'QUEUED'`,
    [giftSentIds],
  );
  return found.map(({ id }) => id);
}

const FINISH = `/* reactions.finish */ WITH done AS (
       UPDATE reaction SET state = $2, done_at = clock_timestamp() WHERE id = ANY($1) AND state = 'QUEUED' RETURNING *
     ), counted AS (
       UPDATE stream s SET reactions_queued = s.reactions_queued - d.count, reactions_ms = s.reactions_ms - d.ms
         FROM (SELECT stream_id, count(*)::int AS count, sum(duration_ms)::bigint AS ms FROM done GROUP BY stream_id) d
        WHERE s.id = d.stream_id
     ), performing AS (
       INSERT INTO reaction_clock (creator_id, busy_from, busy_until)
         SELECT s.creator_id, d.done_at, d.done_at + make_interval(secs => d.duration_ms / 1000.0)
           FROM done d JOIN stream s ON s.id = d.stream_id WHERE $2 = 'PERFORMED' ORDER BY s.creator_id
       ON CONFLICT (creator_id) DO UPDATE SET busy_from = EXCLUDED.busy_from, busy_until = EXCLUDED.busy_until
     ), ${giftsOf('done')}
     SELECT r.id, r.stream_id AS "streamId", r.phrase, r.animation, r.sound, r.duration_ms AS "durationMs", g.id AS "giftSentId",
            g.seq AS "giftSeq", g.coins AS "giftCoins", v.id AS "senderId", v.handle, v.display_name AS "displayName"
       FROM done r ${GIFT_OF_MANY} JOIN viewer v ON v.id = r.viewer_id ORDER BY r.stream_id, ${QUEUE_ORDER}`;

/**
 * Takes reactions out of their queues: those of these that wait, whose streams' logs the caller has locked. One that is performed,
 * one a stream at the most, is what its creator does for as long as it takes.
 * @returns what was taken, in the order of the queues
 */
export function finishReactions(
  sql: SqlTransaction,
  ids: readonly bigint[],
  state: Exclude<ReactionState, 'QUEUED'>,
): Promise<DoneReaction[]> {
  return rows<DoneReaction>(sql, FINISH, [ids, state]);
}

// ---- the clock ---------------------------------------------------------------------------------------------------------

const DUE = `s.status = 'LIVE' AND s.reactions_queued > 0 AND c.auto_perform AND NOT ${IS_BUSY}`;
/** Finds a row when there is a reaction for the clock to perform. */
export const HAS_DUE = `SELECT FROM stream s JOIN reaction_clock c ON c.creator_id = s.creator_id WHERE ${DUE}`;
const FIND_DUE = `/* reactions.findDue */ SELECT s.id FROM stream s JOIN reaction_clock c ON c.creator_id = s.creator_id WHERE ${DUE}
    ORDER BY c.busy_until NULLS FIRST, s.id LIMIT $1`;
const LOCK_DUE = `/* reactions.lockDue */ SELECT s.id FROM stream s JOIN reaction_clock c ON c.creator_id = s.creator_id WHERE s.id = ANY($1) AND ${DUE}
    ORDER BY c.creator_id FOR NO KEY UPDATE OF c`;

/** Live streams in which the clock has something to perform, longest waiting first. */
export async function findDue(sql: Queryable, limit: number): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, FIND_DUE, [limit])).map(({ id }) => id);
}

/** Those of these streams, whose logs the caller has locked, for which that is still so; it stays so until the transaction ends. */
export async function lockDue(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, LOCK_DUE, [streamIds])).map(({ id }) => id);
}

/** Has a creator's reactions performed by the clock, or not. Returns whether that is new. */
export async function setAutoPerform(sql: SqlTransaction, creatorId: bigint, enabled: boolean): Promise<boolean> {
  const [changed] = await rows<{ isFirst: boolean }>(
    sql,
    `/* reactions.setAuto */ INSERT INTO reaction_clock AS c (creator_id, auto_perform) VALUES ($1, $2)
     ON CONFLICT (creator_id) DO UPDATE SET auto_perform = EXCLUDED.auto_perform
       WHERE c.auto_perform <> EXCLUDED.auto_perform RETURNING xmax = 0 AS "isFirst"`,
    [creatorId, enabled],
  );
  return changed !== undefined && (enabled || !changed.isFirst);
}

const AUTO = lookUpStatements(
  'reactions.auto',
  (equals) => `SELECT creator_id AS "creatorId" FROM reaction_clock WHERE creator_id ${equals} AND auto_perform`,
);

/** Those of these creators whose reactions are performed by the clock, in one statement. */
export function findAuto(sql: Queryable, creatorIds: readonly bigint[]): Promise<{ creatorId: bigint }[]> {
  return lookUp(sql, AUTO, creatorIds);
}
