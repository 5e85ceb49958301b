import { type Queryable, rows, type SqlTransaction } from '../../db/database.ts';
import { groupBy } from '../../kernel/group-by.ts';
import type { LiveEvent, LiveEventDraft } from '../../live/live-event.ts';
import type { WalletState } from '../wallet/wallet.api.ts';
import type { CapPeriod } from '../wallet/wallet.errors.ts';
import { type GiftSentEvent, streakEnded } from './gifts.events.ts';

/** A kind of gift. */
export type GiftRow = { id: bigint; name: string; coins: bigint };

/** One gift to be sent. */
export type GiftOrder = {
  viewerId: bigint;
  idempotencyKey: string;
  streamId: bigint;
  giftId: bigint;
  quantity: number;
};

/** What became of one gift. Every outcome but the first two has written nothing. */
export type GiftOutcome =
  | { kind: 'SENT' | 'REPLAYED'; event: GiftSentEvent; wallet: WalletState }
  | { kind: 'INSUFFICIENT_COINS'; available: bigint; required: bigint }
  | { kind: 'SPENDING_CAP'; remaining: bigint; period: CapPeriod; resetsAt: Date }
  | { kind: 'MUTED' | 'BANNED'; until: Date | null }
  | { kind: 'NOT_ALLOWED'; allowedFrom: Date | null; giftsAllowed: boolean }
  | { kind: 'CONFLICT' | 'UNKNOWN_STREAM' | 'UNKNOWN_GIFT' | 'STREAM_NOT_LIVE' | 'REACTION_QUEUE_FULL' };

/** A committed batch: an outcome per gift, and what others are to be told. */
export type CommittedBatch = { outcomes: GiftOutcome[]; events: LiveEvent[]; wallets: WalletState[] };

/** What gifts_send_batch returns, see the migration that made it. Positions start at 1. */
type BatchResult = {
  at: string;
  outcomes: GiftOutcome['kind'][];
  refused: [position: number, available: number, required: number][];
  capped: [position: number, remaining: number, period: CapPeriod, resetsAt: string][];
  /** `at`: until when they are muted or banned, or from when they may send gifts. */
  keptOut: [position: number, at: string | null, giftsAllowed: boolean][];
  replays: [position: number, seq: number, occurredAt: string, payload: GiftSentEvent['payload']][];
  events: [streamId: number, seq: number, type: string, payload: unknown][];
  wallets: [viewerId: number, coins: number, version: number][];
};

/** Sends gifts in one SQL transaction: the statement is the transaction. */
export async function sendBatch(
  sql: Queryable,
  batch: readonly GiftOrder[],
  streakWindowMs: number,
): Promise<CommittedBatch> {
  const { rows: found } = await sql.query<[string]>({
    name: 'gifts.sendBatch',
    text: `/* gifts.sendBatch */ SELECT gifts_send_batch($1, $2, $3, $4, $5, make_interval(secs => $6::float8 / 1000))`,
    values: [
      numbers(batch.map((order) => order.viewerId)),
      batch.map((order) => order.idempotencyKey),
      numbers(batch.map((order) => order.streamId)),
      numbers(batch.map((order) => order.giftId)),
      numbers(batch.map((order) => order.quantity)),
      streakWindowMs,
    ],
    rowMode: 'array',
  });
  return toCommittedBatch(batch, JSON.parse(found[0]![0]) as BatchResult);
}

/** An array of numbers as Postgres reads it. `pg` would quote and escape each of them, as it must with text. */
function numbers(values: readonly (bigint | number)[]): string {
  return `{${values.join(',')}}`;
}

function toCommittedBatch(batch: readonly GiftOrder[], result: BatchResult): CommittedBatch {
  const occurredAt = new Date(result.at);
  const walletOf = new Map<bigint, WalletState>();
  for (const [id, coins, version] of result.wallets) {
    const viewerId = BigInt(id);
    walletOf.set(viewerId, { viewerId, coins: BigInt(coins), version: BigInt(version) });
  }
  const events = result.events.map(([streamId, seq, type, payload]): LiveEvent => {
    return { streamId: BigInt(streamId), seq: BigInt(seq), type, occurredAt, payload };
  });
  const known = toRefusals(result);
  for (const [position, seq, at, payload] of result.replays) {
    const { streamId, viewerId } = batch[position - 1]!;
    const event = { streamId, seq: BigInt(seq), type: 'GIFT_SENT' as const, occurredAt: new Date(at), payload };
    known.set(position, { kind: 'REPLAYED', event, wallet: walletOf.get(viewerId)! });
  }
  // The gifts among the events stand in the order of the batch.
  const gifts = events.filter((event) => event.type === 'GIFT_SENT') as GiftSentEvent[];
  let next = 0;
  const outcomes = result.outcomes.map((kind, index): GiftOutcome => {
    if (kind === 'SENT') return { kind, event: gifts[next++]!, wallet: walletOf.get(batch[index]!.viewerId)! };
    return known.get(index + 1) ?? ({ kind } as GiftOutcome);
  });
  return { outcomes, events, wallets: [...walletOf.values()] };
}

/** What there is to say of the gifts that were refused, by position. */
function toRefusals(result: BatchResult): Map<number, GiftOutcome> {
  const refusals = new Map<number, GiftOutcome>();
  for (const [position, available, required] of result.refused) {
    refusals.set(position, {
      kind: 'INSUFFICIENT_COINS',
      available: BigInt(available),
      required: BigInt(required),
    });
  }
  for (const [position, remaining, period, resetsAt] of result.capped) {
    refusals.set(position, {
      kind: 'SPENDING_CAP',
      remaining: BigInt(remaining),
      period,
      resetsAt: new Date(resetsAt),
    });
  }
  for (const [position, time, giftsAllowed] of result.keptOut) {
    const kind = result.outcomes[position - 1] as 'MUTED' | 'BANNED' | 'NOT_ALLOWED';
    const date = time === null || time === 'infinity' ? null : new Date(time);
    refusals.set(position, kind === 'NOT_ALLOWED' ? { kind, allowedFrom: date, giftsAllowed } : { kind, until: date });
  }
  return refusals;
}

/** All kinds of gift on sale, cheapest first. */
export async function listGifts(sql: Queryable): Promise<GiftRow[]> {
  return rows<GiftRow>(sql, '/* gifts.list */ SELECT id, name, coins FROM gift WHERE active ORDER BY coins, id');
}

/** Kinds of gift by id, on sale or not, in one statement. */
export async function findGifts(sql: Queryable, ids: readonly bigint[]): Promise<GiftRow[]> {
  return rows<GiftRow>(sql, '/* gifts.find */ SELECT id, name, coins FROM gift WHERE id = ANY($1)', [ids]);
}

/** A place on a stream's leaderboard. */
export type TopGifterRow = {
  viewerId: bigint;
  handle: string;
  displayName: string;
  /** Whether they want to be named. */
  isNamed: boolean;
  coins: bigint;
  rank: number;
};

/** Who gave most in streams, in one statement, in the order of the requests; equal sums by who joined first. */
export async function listTopGifters(
  sql: Queryable,
  requests: readonly { streamId: bigint; limit: number }[],
): Promise<TopGifterRow[][]> {
  const found = await rows<TopGifterRow & { request: number }>(
    sql,
    `/* gifts.top */ SELECT r.request::int, t.viewer_id AS "viewerId", v.handle, v.display_name AS "displayName", v.named_on_boards AS "isNamed", t.coins, t.rank
       FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY r(stream_id, places, request)
       CROSS JOIN LATERAL (
         SELECT viewer_id, coins, (row_number() OVER (ORDER BY coins DESC, viewer_id))::int AS rank FROM stream_gifter
          WHERE stream_id = r.stream_id AND coins > 0 ORDER BY coins DESC, viewer_id LIMIT r.places
       ) t JOIN viewer v ON v.id = t.viewer_id ORDER BY r.request, t.rank`,
    [requests.map((request) => request.streamId), requests.map((request) => request.limit)],
  );
  const boards = groupBy(found, (row) => row.request);
  return requests.map((_request, index) => boards.get(index + 1) ?? []);
}

const EXPIRED_STREAKS = 'gift_streak WHERE expires_at < clock_timestamp()';
/** Finds a row when some streak's window has passed. */
export const HAS_EXPIRED_STREAKS = `SELECT FROM ${EXPIRED_STREAKS}`;

/** Streams in which some streak's window has passed. */
export async function findStreamsWithExpiredStreaks(sql: Queryable, limit: number): Promise<bigint[]> {
  const found = await rows<{ stream_id: bigint }>(
    sql,
    `/* gifts.expiredStreaks */ SELECT DISTINCT stream_id FROM ${EXPIRED_STREAKS}
      ORDER BY stream_id LIMIT $1`,
    [limit],
  );
  return found.map((row) => row.stream_id);
}

/**
 * Deletes streaks of streams, whose logs the caller has locked.
 * @param which all of them, or so many at the most of those whose window has passed, oldest first
 * @returns the events that close them, oldest first, to be appended in the same transaction
 */
export async function takeStreaks(
  sql: SqlTransaction,
  streamIds: readonly bigint[],
  which: 'all' | { expired: number },
): Promise<LiveEventDraft[]> {
  type Taken = {
    streamId: bigint;
    senderId: bigint;
    handle: string;
    displayName: string;
    giftId: bigint;
    name: string;
    price: bigint;
    total: number;
    coins: bigint;
  };
  const taken = await rows<Taken>(
    sql,
    `/* gifts.takeStreaks */ WITH chosen AS (
       SELECT stream_id, viewer_id FROM gift_streak WHERE stream_id = ANY($1) AND ($2 OR expires_at < clock_timestamp())
        ORDER BY expires_at, viewer_id LIMIT $3
     ), taken AS (
       DELETE FROM gift_streak s USING chosen c WHERE s.stream_id = c.stream_id AND s.viewer_id = c.viewer_id RETURNING s.*
     ) SELECT t.stream_id AS "streamId", v.id AS "senderId", v.handle, v.display_name AS "displayName",
              g.id AS "giftId", g.name, g.coins AS price, t.total, t.coins
         FROM taken t JOIN viewer v ON v.id = t.viewer_id JOIN gift g ON g.id = t.gift_id ORDER BY t.expires_at, t.viewer_id`,
    [streamIds, which === 'all', which === 'all' ? null : which.expired],
  );
  return taken.map((row) =>
    streakEnded(row.streamId, {
      sender: { id: Number(row.senderId), handle: row.handle, displayName: row.displayName },
      gift: { id: Number(row.giftId), name: row.name, coins: Number(row.price) },
      total: row.total,
      coins: Number(row.coins),
    }),
  );
}
