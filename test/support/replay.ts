/**
 * Replays logs: folds the events of streams into the counters, states and boards that they stand for, and reads the same from where the
 * database keeps them. Both are plain values, so that a test compares them whole. May be asked while everything runs: all is read
 * from one snapshot, and every counter is written in the SQL transaction of its event; boards, which follow, go by their cursors.
 */
import type { Pool, PoolClient } from 'pg';

/** An event as the log has it. */
export type LoggedEvent = {
  streamId: string;
  seq: number;
  type: string;
  occurredAt: Date;
  // biome-ignore lint/suspicious/noExplicitAny: each type of event has a payload of its own
  payload: any;
};

/** Whose stream it is: not in the log. */
export type Owner = { creatorId: string; viewerId: string };

/** What is known of a stream from its log. */
export type StreamState = {
  status: string;
  /** All coins that were given; what was taken back does not lower it. */
  giftCoins: number;
  /** Coins by viewer, less what was taken back. */
  gifters: Record<string, number>;
  /** Open streaks by viewer: kind of gift, gifts, coins. */
  streaks: Record<string, [giftId: number, total: number, coins: number]>;
  /** Reactions by id, and how many of them wait. */
  reactions: Record<string, string>;
  reactionsQueued: number;
  /** Goals by id: state and progress. */
  goals: Record<string, [state: string, progress: number]>;
  /** The level of the run that is under way; 0 without one. */
  level: number;
};

/** What is known of a treasure box. */
export type BoxRecord = {
  coins: number;
  shares: number;
  claimed: number;
  state: string;
  returned: number | null;
  /** Who had a share, and how much. */
  claims: Record<string, number>;
};

/** Everything that logs rebuild. */
export type World = {
  streams: Record<string, StreamState>;
  boxes: Record<string, BoxRecord>;
  boards: Record<string, string>;
};

type Goal = { kind: string; giftId: number | undefined; coinsFrom: number };
type Folding = StreamState & { open: Map<string, Goal>; gifts: { seq: number; coins: number }[] };
type Sums = Map<string, { coins: number; messages: number }>;

/** Folds the events of logs, each in its order, into what they stand for. Throws where an event contradicts those before it. */
export function replay(
  events: Iterable<LoggedEvent>,
  owners: ReadonlyMap<string, Owner>,
  counted: ReadonlyMap<string, number>,
): World {
  const streams = new Map<string, Folding>();
  const boxes: Record<string, BoxRecord> = {};
  const sums: Sums = new Map();
  const days = new Map<string, string>();
  for (const event of events) {
    const stream = streams.get(event.streamId) ?? blank();
    streams.set(event.streamId, stream);
    FOLDS[event.type]?.(stream, event);
    foldBox(boxes, event);
    if (event.type === 'GIFT_SENT') days.set(`${event.streamId}:${event.seq}`, dayOf(event));
    if (event.seq <= (counted.get(event.streamId) ?? 0)) foldBoards(sums, event, owners.get(event.streamId)!, days);
  }
  return {
    streams: Object.fromEntries(
      [...streams].map(([id, { open, gifts: _gifts, ...stream }]) => [id, withOpenGoals(stream, open)]),
    ),
    boxes,
    boards: toBoards(sums),
  };
}

function blank(): Folding {
  return {
    status: 'NONE',
    giftCoins: 0,
    gifters: {},
    streaks: {},
    reactions: {},
    reactionsQueued: 0,
    goals: {},
    level: 0,
    open: new Map(),
    gifts: [],
  };
}

function check(condition: boolean, what: string, event: LoggedEvent): asserts condition {
  if (!condition)
    throw new Error(`${event.streamId}:${event.seq} ${event.type}: ${what}: ${JSON.stringify(event.payload)}`);
}

type Fold = (stream: Folding, event: LoggedEvent) => void;

/** What each type of event does to its stream. A type without an entry changes nothing of it. */
const FOLDS: Record<string, Fold> = {
  STREAM_STARTED: (stream) => {
    stream.status = 'LIVE';
  },
  STREAM_ENDED: (stream, event) => {
    check(Object.keys(stream.streaks).length === 0, 'streaks are closed', event);
    check(stream.open.size === 0, 'goals are over', event);
    check(stream.reactionsQueued === 0, 'no reaction waits', event);
    check(stream.level === 0, 'no run is under way', event);
    stream.status = 'ENDED';
  },
  GIFT_SENT: (stream, event) => {
    const { sender, gift, quantity, coins, streak } = event.payload;
    check(stream.status === 'LIVE', 'the stream is live', event);
    stream.giftCoins += coins;
    stream.gifters[sender.id] = (stream.gifters[sender.id] ?? 0) + coins;
    stream.gifts.push({ seq: event.seq, coins });
    const [giftId, total, spent] = stream.streaks[sender.id] ?? [gift.id, 0, 0];
    check(giftId === gift.id && total + quantity === streak, 'the streak goes on', event);
    stream.streaks[sender.id] = [gift.id, streak, spent + coins];
    for (const [id, goal] of stream.open)
      if (goal.kind === 'GIFTS' && goal.giftId === gift.id) stream.goals[id]![1] += quantity;
  },
  STREAK_ENDED: (stream, event) => {
    const { sender, gift, total, coins } = event.payload;
    check(String(stream.streaks[sender.id]) === String([gift.id, total, coins]), 'the streak is what it was', event);
    delete stream.streaks[sender.id];
  },
  GIFT_REVERSED: (stream, { payload: { sender, coins } }) => {
    stream.gifters[sender.id]! -= coins;
  },
  REACTION_QUEUED: (stream, event) => {
    stream.reactionsQueued++;
    stream.reactions[event.payload.reactionId] = 'QUEUED';
  },
  REACTION_PERFORMED: (stream, event) => endReaction(stream, event, 'PERFORMED'),
  REACTION_SKIPPED: (stream, event) => endReaction(stream, event, 'SKIPPED'),
  GOAL_STARTED: (stream, { payload: { goal } }) => {
    stream.goals[goal.id] = ['OPEN', 0];
    stream.open.set(String(goal.id), { kind: goal.kind, giftId: goal.gift?.id, coinsFrom: stream.giftCoins });
  },
  GOAL_REACHED: (stream, event) => endGoal(stream, event, 'REACHED'),
  GOAL_ENDED: (stream, event) => endGoal(stream, event, 'ENDED'),
  LEVEL_STARTED: raiseLevel,
  LEVEL_RAISED: raiseLevel,
  LEVEL_ENDED: (stream, event) => {
    const { level, coins, firstSeq, lastSeq } = event.payload;
    check(level === stream.level, 'the run ends at its level', event);
    check(coinsBetween(stream, firstSeq, lastSeq) === coins, 'the coins of the run are those of its gifts', event);
    stream.level = 0;
  },
  PRODUCT_PURCHASED: (stream) => {
    for (const [id, goal] of stream.open) if (goal.kind === 'ORDERS') stream.goals[id]![1]++;
  },
};

function endReaction(stream: Folding, event: LoggedEvent, state: string): void {
  check(stream.reactions[event.payload.reactionId] === 'QUEUED', 'the reaction waits', event);
  stream.reactions[event.payload.reactionId] = state;
  stream.reactionsQueued--;
}

function endGoal(stream: Folding, event: LoggedEvent, state: string): void {
  const { id, progress, target } = event.payload.goal;
  const goal = stream.open.get(String(id));
  check(goal !== undefined, 'the goal is open', event);
  const reached = goal.kind === 'COINS' ? stream.giftCoins - goal.coinsFrom : stream.goals[id]![1];
  check(reached === progress && (state === 'ENDED' || progress >= target), `the goal is at ${reached}`, event);
  stream.goals[id] = [state, reached];
  stream.open.delete(String(id));
}

function raiseLevel(stream: Folding, event: LoggedEvent): void {
  const { level, coins, firstSeq } = event.payload;
  check(level === stream.level + 1, 'levels come one by one', event);
  check(coinsBetween(stream, firstSeq, event.seq) === coins, 'the coins of the run are those of its gifts', event);
  stream.level = level;
}

function coinsBetween({ gifts }: Folding, firstSeq: number, lastSeq: number): number {
  return gifts.reduce((sum, { seq, coins }) => (seq >= firstSeq && seq <= lastSeq ? sum + coins : sum), 0);
}

function withOpenGoals(stream: StreamState, open: ReadonlyMap<string, Goal>): StreamState {
  for (const [id, { kind, coinsFrom }] of open)
    if (kind === 'COINS') stream.goals[id]![1] = stream.giftCoins - coinsFrom;
  return stream;
}

// ---- boxes -------------------------------------------------------------------------------------------------------------

function foldBox(boxes: Record<string, BoxRecord>, event: LoggedEvent): void {
  const { payload } = event;
  if (event.type === 'BOX_FUNDED') {
    const { id, coins, shares } = payload.box;
    boxes[id] = { coins, shares, claimed: 0, state: 'FUNDED', returned: null, claims: {} };
  }
  const box = boxes[payload.boxId];
  if (!box) return;
  if (event.type === 'BOX_OPENED') {
    check(box.state === 'FUNDED', 'a box opens once', event);
    box.state = 'OPEN';
  }
  if (event.type === 'BOX_CLAIMED') {
    check(box.state === 'OPEN', 'the box is open', event);
    for (const { id } of payload.viewers) {
      check(box.claims[id] === undefined, 'each viewer has one share', event);
      box.claims[id] = payload.shareCoins;
      box.claimed++;
    }
    check(box.shares - box.claimed === payload.remaining, `${box.claimed} were claimed`, event);
  }
  if (event.type === 'BOX_CLOSED') {
    check(box.state !== 'CLOSED' && box.claimed === payload.claimed, 'a box closes once', event);
    box.state = 'CLOSED';
    box.returned = payload.returned;
    const shared = Object.values(box.claims).reduce((sum, coins) => sum + coins, 0);
    check(shared + payload.returned === box.coins, 'no coin is lost', event);
  }
}

// ---- boards ------------------------------------------------------------------------------------------------------------

const MS_PER_DAY = 86_400_000;

function dayOf({ occurredAt }: LoggedEvent): string {
  return String(Math.floor(occurredAt.getTime() / MS_PER_DAY));
}

function foldBoards(sums: Sums, event: LoggedEvent, owner: Owner, days: ReadonlyMap<string, string>): void {
  const { type, payload, streamId } = event;
  if (!['GIFT_SENT', 'GIFT_REVERSED', 'CHAT_MESSAGE'].includes(type) || String(payload.sender.id) === owner.viewerId)
    return;
  const day = type === 'GIFT_REVERSED' ? days.get(`${streamId}:${payload.giftSeq}`)! : dayOf(event);
  for (const board of [`STREAM ${streamId}`, `CREATOR ${owner.creatorId}`, `DAY ${day}`, 'ALL 0']) {
    const key = `${board} ${payload.sender.id}`;
    const sum = sums.get(key) ?? { coins: 0, messages: 0 };
    sums.set(key, sum);
    if (type === 'CHAT_MESSAGE') sum.messages++;
    else sum.coins += type === 'GIFT_SENT' ? payload.coins : -payload.coins;
  }
}

function toBoards(sums: Sums): Record<string, string> {
  const standing = [...sums].filter(([, { coins, messages }]) => coins > 0 || messages > 0);
  return Object.fromEntries(standing.map(([key, { coins, messages }]) => [key, `${coins} ${messages}`]));
}

// ---- what the database keeps -------------------------------------------------------------------------------------------

const STREAMS = `SELECT s.id::text AS id, json_build_object(
    'status', s.status, 'giftCoins', s.gift_coins, 'reactionsQueued', s.reactions_queued,
    'gifters', (SELECT coalesce(json_object_agg(viewer_id, coins), '{}') FROM stream_gifter WHERE stream_id = s.id),
    'streaks', (SELECT coalesce(json_object_agg(viewer_id, json_build_array(gift_id, total, coins)), '{}') FROM gift_streak WHERE stream_id = s.id),
    'reactions', (SELECT coalesce(json_object_agg(id, state), '{}') FROM reaction WHERE stream_id = s.id),
    'goals', (SELECT coalesce(json_object_agg(id, json_build_array(state,
       CASE WHEN kind = 'COINS' AND state = 'OPEN' THEN s.gift_coins - coins_from ELSE progress END)), '{}') FROM goal WHERE stream_id = s.id),
    'level', coalesce((SELECT level FROM crowd_level WHERE stream_id = s.id), 0)) AS state
  FROM stream s WHERE EXISTS (SELECT FROM live_event WHERE stream_id = s.id)`;
const BOXES = `SELECT b.id::text AS id, json_build_object('coins', coins, 'shares', shares, 'claimed', claimed, 'state', state, 'returned', returned,
    'claims', (SELECT coalesce(json_object_agg(viewer_id, c.coins), '{}') FROM box_claim c WHERE c.box_id = b.id)) AS box FROM treasure_box b`;
const BOARDS = `SELECT concat_ws(' ', board, owner_id, viewer_id) AS key, concat_ws(' ', coins, messages) AS sums FROM board_score
  WHERE coins > 0 OR messages > 0`;

async function readStored(sql: PoolClient): Promise<World> {
  const streams = await sql.query<{ id: string; state: StreamState }>(STREAMS);
  const boxes = await sql.query<{ id: string; box: BoxRecord }>(BOXES);
  const boards = await sql.query<{ key: string; sums: string }>(BOARDS);
  return {
    streams: Object.fromEntries(streams.rows.map(({ id, state }) => [id, state])),
    boxes: Object.fromEntries(boxes.rows.map(({ id, box }) => [id, box])),
    boards: Object.fromEntries(boards.rows.map(({ key, sums }) => [key, sums])),
  };
}

async function readLogs(sql: PoolClient): Promise<LoggedEvent[]> {
  const { rows } = await sql.query<LoggedEvent>(
    `SELECT stream_id::text AS "streamId", seq::int, type, payload, occurred_at AS "occurredAt" FROM live_event ORDER BY stream_id, seq`,
  );
  return rows;
}

/** What the logs of a database stand for, and what it keeps, both at one moment. */
export async function replayDatabase(pool: Pool): Promise<{ replayed: World; stored: World; events: number }> {
  const sql = await pool.connect();
  try {
    await sql.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const owners = await sql.query<Owner & { id: string }>(
      `SELECT s.id::text AS id, c.id::text AS "creatorId", c.viewer_id::text AS "viewerId" FROM stream s JOIN creator c ON c.id = s.creator_id`,
    );
    const cursors = await sql.query<{ id: string; seq: number }>(
      'SELECT stream_id::text AS id, seq::int FROM board_cursor',
    );
    const events = await readLogs(sql);
    const stored = await readStored(sql);
    await sql.query('COMMIT');
    const replayed = replay(
      events,
      new Map(owners.rows.map(({ id, ...owner }) => [id, owner])),
      new Map(cursors.rows.map(({ id, seq }) => [id, seq])),
    );
    return { replayed, stored, events: events.length };
  } finally {
    sql.release();
  }
}
