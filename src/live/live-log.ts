import { type Queryable, rows, type SqlTransaction, statement } from '../db/database.ts';
import { NotFoundError } from '../kernel/errors.ts';
import { decodeCursor, InvalidCursorError } from './cursor.ts';
import { type LiveEvent, type LiveEventDraft, withResync } from './live-event.ts';

const LOCK = statement(
  'live.lock',
  'SELECT 1 FROM live_log WHERE stream_id = ANY($1) ORDER BY stream_id FOR NO KEY UPDATE',
);
const APPEND = statement(
  'live.append',
  `SELECT live_append($1, $2, $3::jsonb[], at)::text[] AS seqs, at
       FROM (SELECT clock_timestamp()::timestamptz(3) AS at) now`,
);

/** Where a stream's log stands. */
export type LogHead = { epoch: string; lastSeq: bigint };

/**
 * Begins the log of a new stream, in the transaction that creates the stream.
 * The epoch is random: cursors of another log, or of a database that was set up anew, are recognised.
 */
export async function beginLog(sql: SqlTransaction, streamId: bigint): Promise<void> {
  await rows(
    sql,
    `/* live.begin */ INSERT INTO live_log (stream_id, epoch) VALUES ($1, left(md5(gen_random_uuid()::text), 8))`,
    [streamId],
  );
}

/**
 * Locks the log of a stream until the transaction ends: nothing else can happen in the stream meanwhile. Last in the lock order.
 * @returns false when there is no such stream
 */
export async function lockLog(sql: SqlTransaction, streamId: bigint): Promise<boolean> {
  return (await lockLogs(sql, [streamId])) > 0;
}

/** Locks many logs, by stream id, as {@link lockLog} does one. Returns how many there are. */
export async function lockLogs(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<number> {
  const locked = await rows(sql, LOCK, [streamIds]);
  return locked.length;
}

/** Locks those of these logs that nobody else holds, by stream id, without waiting. Returns their streams. */
export async function lockFreeLogs(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<bigint[]> {
  const locked = await rows<{ id: bigint }>(
    sql,
    `/* live.lockFree */ SELECT stream_id AS id FROM live_log WHERE stream_id = ANY($1)
      ORDER BY stream_id FOR NO KEY UPDATE SKIP LOCKED`,
    [streamIds],
  );
  return locked.map(({ id }) => id);
}

/** Has the transaction fail (`isLockTimeout`) rather than wait longer for a lock. */
export async function limitLockWait(sql: SqlTransaction, waitMsMax: number): Promise<void> {
  await rows(sql, `/* live.limitLockWait */ SELECT set_config('lock_timeout', $1, true)`, [`${waitMsMax}ms`]);
}

/**
 * Appends events to their streams' logs, in array order, in the caller's transaction. Takes the logs' locks, so it comes last.
 * @returns the events with their numbers; announce them once the transaction is committed
 */
export async function appendEvents<Draft extends LiveEventDraft>(
  sql: SqlTransaction,
  drafts: readonly Draft[],
): Promise<(Draft & LiveEvent)[]> {
  if (drafts.length === 0) return [];
  const [appended] = await rows<{ seqs: string[]; at: Date }>(sql, APPEND, [
    drafts.map((draft) => draft.streamId),
    drafts.map((draft) => draft.type),
    drafts.map((draft) => JSON.stringify(draft.payload)),
  ]);
  return drafts.map((draft, index) => ({ ...draft, seq: BigInt(appended!.seqs[index]!), occurredAt: appended!.at }));
}

/** The head of one log, or undefined when there is no such stream. */
export async function readHead(sql: Queryable, streamId: bigint): Promise<LogHead | undefined> {
  const [head] = await rows<{ epoch: string; last_seq: bigint }>(
    sql,
    '/* live.head */ SELECT epoch, last_seq FROM live_log WHERE stream_id = $1',
    [streamId],
  );
  return head && { epoch: head.epoch, lastSeq: head.last_seq };
}

/** The last numbers of many logs, in one statement. */
export async function readHeads(sql: Queryable, streamIds: readonly bigint[]): Promise<Map<bigint, bigint>> {
  const heads = await rows<{ stream_id: bigint; last_seq: bigint }>(
    sql,
    '/* live.heads */ SELECT stream_id, last_seq FROM live_log WHERE stream_id = ANY($1)',
    [streamIds],
  );
  return new Map(heads.map((head) => [head.stream_id, head.last_seq]));
}

/** Up to `limit` events of a stream behind `afterSeq`, in order. */
export async function readEvents(
  sql: Queryable,
  streamId: bigint,
  afterSeq: bigint,
  limit: number,
): Promise<LiveEvent[]> {
  const events = await rows<{ seq: bigint; type: string; payload: unknown; occurred_at: Date }>(
    sql,
    `/* live.events */ SELECT seq, type, payload, occurred_at FROM live_event
      WHERE stream_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
    [streamId, afterSeq, limit],
  );
  return events.map((event) => ({
    streamId,
    seq: event.seq,
    type: event.type,
    occurredAt: event.occurred_at,
    payload: event.payload,
  }));
}

/** Single events of many logs, in one statement, in the order of the places; undefined where it is pruned. */
export async function readEventsAt(
  sql: Queryable,
  places: readonly { streamId: bigint; seq: bigint }[],
): Promise<(LiveEvent | undefined)[]> {
  if (places.length === 0) return [];
  const found = await rows<LiveEvent & { position: number }>(
    sql,
    `/* live.eventsAt */ SELECT p.position::int, e.stream_id AS "streamId", e.seq, e.type, e.payload, e.occurred_at AS "occurredAt"
       FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY p(stream_id, seq, position)
       JOIN events_at($1, $2) e ON e.stream_id = p.stream_id AND e.seq = p.seq
      ORDER BY p.position`,
    [places.map(({ streamId }) => streamId), places.map(({ seq }) => seq)],
  );
  const byPosition = new Map(found.map(({ position, ...event }) => [position, event]));
  return places.map((_place, index) => byPosition.get(index + 1));
}

/** One page of one log, as {@link readPages} reads many. Without `after` it is the log's newest events. */
export type PageRequest = { streamId: bigint; after: string | undefined; limit: number };
/** A page, and where it stands in its log. */
export type Page = LogHead & { afterSeq: bigint; events: LiveEvent[] };

/**
 * Pages of many logs, in two statements, in the order of the requests. `after` is a cursor, '' the log's beginning. Of what is
 * pruned a page says so with its first event.
 * A request for no such stream, or with a cursor of another log, gets the error in its place.
 */
export async function readPages(sql: Queryable, requests: readonly PageRequest[]): Promise<(Page | Error)[]> {
  const heads = new Map((await readLogs(sql, requests)).map((log) => [log.streamId, log]));
  const located = requests.map((request) => locate(heads.get(request.streamId), request));
  const [request, page] = [requests[0], located[0]];
  if (requests.length === 1 && request && page && !(page instanceof Error)) {
    // Planned for the one partition that it is about.
    page.events = await readEvents(sql, request.streamId, page.afterSeq, request.limit);
  } else {
    await readManyPages(sql, requests, located);
  }
  return located.map((page, index) => {
    if (page instanceof Error) return page;
    const { streamId, limit } = requests[index]!;
    return { ...page, events: withResync(page.events, { streamId, ...page }).slice(0, limit) };
  });
}

// Prepared: its plan has the partitions of all months, which is what costs, and executes those of the logs alone.
const PAGES = statement(
  'live.pages',
  `SELECT r.request::int, e.seq, e.type, e.payload, e.occurred_at
     FROM unnest($1::bigint[], $2::bigint[], $3::int[]) WITH ORDINALITY r(stream_id, after_seq, page_limit, request)
     CROSS JOIN LATERAL (
       SELECT * FROM live_event WHERE stream_id = r.stream_id AND seq > r.after_seq ORDER BY seq LIMIT r.page_limit
     ) e ORDER BY r.request, e.seq`,
);

async function readManyPages(
  sql: Queryable,
  requests: readonly PageRequest[],
  located: readonly (Page | Error)[],
): Promise<void> {
  const found = await rows<{ request: number; seq: bigint; type: string; payload: unknown; occurred_at: Date }>(
    sql,
    PAGES,
    [
      requests.map((request) => request.streamId),
      located.map((page) => (page instanceof Error ? 0n : page.afterSeq)),
      requests.map((request, index) => (located[index] instanceof Error ? 0 : request.limit)),
    ],
  );
  for (const row of found) {
    const page = located[row.request - 1] as Page;
    const { streamId } = requests[row.request - 1]!;
    page.events.push({ streamId, seq: row.seq, type: row.type, occurredAt: row.occurred_at, payload: row.payload });
  }
}

function locate(head: LogHead | undefined, { after, limit }: PageRequest): Page | Error {
  if (!head) return new NotFoundError('stream');
  try {
    const afterSeq = after === undefined ? newest(head, limit) : decodeCursor(head.epoch, after);
    if (afterSeq > head.lastSeq) return new InvalidCursorError();
    return { epoch: head.epoch, lastSeq: head.lastSeq, afterSeq, events: [] };
  } catch (error) {
    if (error instanceof InvalidCursorError) return error;
    throw error;
  }
}

/** Behind which number the newest so many events begin: numbers have no gaps. */
function newest({ lastSeq }: LogHead, limit: number): bigint {
  const seq = lastSeq - BigInt(limit);
  return seq > 0n ? seq : 0n;
}

async function readLogs(sql: Queryable, requests: readonly PageRequest[]): Promise<(LogHead & { streamId: bigint })[]> {
  return rows(
    sql,
    `/* live.logs */ SELECT stream_id AS "streamId", epoch, last_seq AS "lastSeq" FROM live_log WHERE stream_id = ANY($1)`,
    [requests.map((request) => request.streamId)],
  );
}
