import { type Queryable, rows, type Statement, statement } from '../../db/database.ts';
import { groupBy } from '../../kernel/group-by.ts';

/** What a board ranks by. */
export type BoardMetric = 'MIXED' | 'COINS' | 'CHAT' | 'WATCH_TIME';

/** A board: of a stream, of a creator, of a day (days since 1970, in UTC) or of all time. */
export type BoardKey = { board: 'STREAM' | 'CREATOR' | 'DAY' | 'ALL'; ownerId: bigint };

/** A place on a board. */
export type BoardPlace = {
  viewerId: bigint;
  handle: string;
  displayName: string;
  /** Whether they want to be named. */
  isNamed: boolean;
  coins: bigint;
  messages: bigint;
  watchedMs: bigint;
  score: number;
  rank: number;
};

const SCORE = 'board_mixed(s.coins, s.messages, s.watched_ms)';
/** What each ranking is by. Equal places: by who joined first. */
const BY: Record<BoardMetric, string> = {
  MIXED: SCORE,
  COINS: 's.coins',
  CHAT: 's.messages',
  WATCH_TIME: 's.watched_ms',
};

const COLUMNS = `v.id AS "viewerId", v.handle, v.display_name AS "displayName", v.named_on_boards AS "isNamed",
  t.coins, t.messages, t.watched_ms AS "watchedMs", t.score`;

const metrics = Object.keys(BY) as BoardMetric[];
const statements = (name: string, text: (metric: BoardMetric) => string): Record<BoardMetric, Statement> =>
  Object.fromEntries(
    metrics.map((metric) => [metric, statement(`leaderboards.${name}.${metric}`, text(metric))]),
  ) as Record<BoardMetric, Statement>;

const TOP = statements(
  'top',
  (metric) => `SELECT r.request::int, ${COLUMNS}, t.rank
     FROM unnest($1::text[], $2::bigint[], $3::int[]) WITH ORDINALITY r(board, owner_id, places, request)
     CROSS JOIN LATERAL (
       SELECT s.viewer_id, s.coins, s.messages, s.watched_ms, ${SCORE} AS score,
              (row_number() OVER (ORDER BY ${BY[metric]} DESC, s.viewer_id))::int AS rank
         FROM board_score s WHERE s.board = r.board AND s.owner_id = r.owner_id AND ${BY[metric]} > 0
        ORDER BY ${BY[metric]} DESC, s.viewer_id LIMIT r.places
     ) t JOIN LATERAL (SELECT * FROM viewer WHERE id = t.viewer_id LIMIT 1) v ON true ORDER BY r.request, t.rank`,
);

/** Counting who is better stops here: nobody needs to know whether they are the 20,000th. */
export const RANK_MAX = 10_000;
const OWN = statements(
  'own',
  (metric) => `SELECT r.request::int, ${COLUMNS}, (
       SELECT count(*)::int + 1 FROM (
         SELECT FROM board_score s WHERE s.board = r.board AND s.owner_id = r.owner_id
            AND (${BY[metric]} > t.by OR (${BY[metric]} = t.by AND s.viewer_id < r.viewer_id)) LIMIT ${RANK_MAX}
       ) better) AS rank
     FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY r(board, owner_id, viewer_id, request)
     CROSS JOIN LATERAL (
       SELECT s.coins, s.messages, s.watched_ms, ${SCORE} AS score, ${BY[metric]} AS by FROM board_score s
        WHERE s.board = r.board AND s.owner_id = r.owner_id AND s.viewer_id = r.viewer_id AND ${BY[metric]} > 0 LIMIT 1
     ) t JOIN LATERAL (SELECT * FROM viewer WHERE id = r.viewer_id LIMIT 1) v ON true`,
);

/** A board that is asked for. */
export type BoardRequest = BoardKey & { by: BoardMetric; places: number };
/** Somebody's place that is asked for. */
export type PlaceRequest = BoardKey & { by: BoardMetric; viewerId: bigint };

/** The first places of boards, in one statement for each ranking, in the order of the requests. */
export async function readTop(sql: Queryable, requests: readonly BoardRequest[]): Promise<BoardPlace[][]> {
  return readEach(sql, TOP, requests, (each) => each.map(({ places }) => places));
}

/** Places of viewers, in one statement for each ranking, in the order of the requests; none where they do not stand on the board. */
export async function readOwn(sql: Queryable, requests: readonly PlaceRequest[]): Promise<(BoardPlace | null)[]> {
  const found = await readEach(sql, OWN, requests, (each) => each.map(({ viewerId }) => viewerId));
  return found.map(([place]) => place ?? null);
}

async function readEach<Request extends BoardKey & { by: BoardMetric }>(
  sql: Queryable,
  by: Record<BoardMetric, Statement>,
  requests: readonly Request[],
  last: (requests: readonly Request[]) => readonly unknown[],
): Promise<BoardPlace[][]> {
  const answers = new Map<Request, BoardPlace[]>();
  for (const [metric, each] of groupBy(requests, (request) => request.by)) {
    const values = [each.map(({ board }) => board), each.map(({ ownerId }) => ownerId), last(each)];
    const found = await rows<BoardPlace & { request: number }>(sql, by[metric], values);
    for (const { request, ...place } of found) {
      const key = each[request - 1]!;
      answers.set(key, [...(answers.get(key) ?? []), place]);
    }
  }
  return requests.map((request) => answers.get(request) ?? []);
}

/** Finds a row when something in a log is not counted. LATERAL: whatever the statistics say, logs are looked up, never read whole. */
export const HAS_NEWS = `SELECT FROM board_cursor c, LATERAL (SELECT last_seq FROM live_log WHERE stream_id = c.stream_id LIMIT 1) l
  WHERE NOT c.done AND l.last_seq > c.seq`;
const FOLD = statement(
  'leaderboards.fold',
  'SELECT last_stream AS last, has_more AS "hasMore" FROM boards_fold($1, $2, $3)',
);
const WATCHED = statement('leaderboards.watched', 'SELECT boards_watched($1, $2, $3)');
const SET_NAMED = statement(
  'leaderboards.setNamed',
  'UPDATE viewer SET named_on_boards = $2 WHERE id = $1 AND named_on_boards <> $2 RETURNING id',
);

/**
 * Counts what is new in the logs of some streams behind `after`, by id; the statement is the transaction.
 * @returns the last stream, null when none has news, and whether one of them has more than was counted
 */
export async function foldLogs(
  sql: Queryable,
  limits: { after: bigint; streams: number; events: number },
): Promise<{ last: bigint | null; hasMore: boolean | null }> {
  const [folded] = await rows<{ last: bigint | null; hasMore: boolean | null }>(sql, FOLD, [
    limits.after,
    limits.streams,
    limits.events,
  ]);
  return folded!;
}

/** For how long somebody has watched a stream. */
export type Watched = { streamId: bigint; viewerId: bigint; ms: number };

/** Adds watch time; the statement is the transaction. */
export async function addWatched(sql: Queryable, watched: readonly Watched[]): Promise<void> {
  await rows(sql, WATCHED, [
    watched.map(({ streamId }) => streamId),
    watched.map(({ viewerId }) => viewerId),
    watched.map(({ ms }) => ms),
  ]);
}

/** Whether boards show somebody's name from now on. Returns whether that is a change. */
export async function setNamed(sql: Queryable, viewerId: bigint, named: boolean): Promise<boolean> {
  return (await rows(sql, SET_NAMED, [viewerId, named])).length > 0;
}
