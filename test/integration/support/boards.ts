/** Leaderboards as viewers see them, and logs written by hand. */
import type { Pool } from 'pg';
import { type Actor, query } from '../../support/operations.ts';
import { rowOf } from './ids.ts';

/** A place on a leaderboard. */
export type Place = {
  rank: number;
  profile: { id: string; handle: string; displayName: string } | null;
  isYou: boolean;
  coins: number;
  messages: number;
  watchSeconds: number;
  score: number;
};
/** A leaderboard. */
export type Board = { places: Place[]; you: Place | null };

const PLACE = 'rank profile { id handle displayName } isYou coins messages watchSeconds score';
const BOARD = `{ places { ${PLACE} } you { ${PLACE} } }`;

/** The boards that a stream's gifts and chat count on: of the stream, its creator, today and all time. */
export async function readBoards(
  viewer: Pick<Actor, 'api'>,
  streamId: string,
  options: { by?: string; first?: number; day?: string } = {},
): Promise<{ stream: Board; creator: Board; day: Board; all: Board }> {
  type Data = { liveStream: { leaderboard: Board; creator: { leaderboard: Board } }; day: Board; all: Board };
  const { by = 'MIXED', first, day = new Date().toISOString().slice(0, 10) } = options;
  const document = `query Boards($id: ID!, $by: LeaderboardMetric!, $first: Int, $day: Date) {
    liveStream(id: $id) { leaderboard(by: $by, first: $first) ${BOARD} creator { leaderboard(by: $by, first: $first) ${BOARD} } }
    day: leaderboard(day: $day, by: $by, first: $first) ${BOARD} all: leaderboard(by: $by, first: $first) ${BOARD} }`;
  const data = await query<Data>(viewer.api, document, { id: streamId, by, first, day });
  const { leaderboard, creator } = data.liveStream;
  return { stream: leaderboard, creator: creator.leaderboard, day: data.day, all: data.all };
}

/** A board in short: whose place, with coins and messages. */
export function lines({ places }: Board): string[] {
  return places.map(({ profile, coins, messages }) => `${profile?.handle ?? '?'} ${coins} ${messages}`);
}

/** The boards of a database as rows, watch time left out: what is rebuilt from the logs. */
export async function boardRows(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `SELECT concat_ws(' ', board, owner_id, viewer_id, coins, messages) AS line FROM board_score
      WHERE coins > 0 OR messages > 0 ORDER BY board, owner_id, viewer_id`,
  );
  return rows.map(({ line }) => line);
}

/** Logs that the boards have not counted to their heads. */
export async function uncounted(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM live_log l JOIN board_cursor c USING (stream_id) WHERE l.last_seq <> c.seq',
  );
  return rows[0]!.count;
}

/** Appends a gift to a log by hand, so many days ago. Returns its number. */
export async function appendGift(
  pool: Pool,
  streamId: string,
  sender: Actor,
  options: { coins: number; daysAgo?: number },
): Promise<number> {
  return append(pool, streamId, 'GIFT_SENT', { sender, coins: options.coins }, options.daysAgo ?? 0);
}

/** Appends to a log by hand that a gift was taken back. */
export async function appendReversal(
  pool: Pool,
  streamId: string,
  sender: Actor,
  gift: { giftSeq: number; coins: number },
): Promise<void> {
  await append(pool, streamId, 'GIFT_REVERSED', { sender, ...gift }, 0);
}

async function append(
  pool: Pool,
  streamId: string,
  type: string,
  { sender, ...payload }: { sender: Actor } & Record<string, unknown>,
  daysAgo: number,
): Promise<number> {
  const { rows } = await pool.query<{ seq: string }>(
    `SELECT (live_append(ARRAY[$1::bigint], ARRAY[$2::text], ARRAY[$3::jsonb], now() - make_interval(days => $4)))[1] AS seq`,
    [
      rowOf(streamId),
      type,
      JSON.stringify({ ...payload, sender: { id: Number(rowOf(sender.id)), handle: sender.handle } }),
      daysAgo,
    ],
  );
  return Number(rows[0]!.seq);
}
