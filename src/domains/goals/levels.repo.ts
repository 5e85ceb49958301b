import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { LiveEvent } from '../../live/live-event.ts';
import type { LevelEndedPayload } from './goals.events.ts';
import { toEvents } from './goals.repo.ts';

/** The rules of levels, see `goals.service.ts`. */
export type LevelRules = { steps: readonly number[]; windowMs: number; levelMs: number; cooldownMs: number };

/** How a stream's crowd stands. */
export type LevelRow = {
  streamId: bigint;
  level: number;
  /** Coins of the run, or of the window. */
  coins: bigint;
  /** Coins towards the next level, and how many it takes; null at the highest, and during a cooldown. */
  progress: bigint;
  target: bigint | null;
  expiresAt: Date | null;
  cooldownUntil: Date | null;
};

/** A run that is over and of which it is not told yet. */
export type EndingLevel = { streamId: bigint; level: number; coins: bigint; seqFrom: bigint; endSeq: bigint };

const BY_STREAM = lookUpStatements(
  'levels.byStream',
  (equals) => `SELECT c.stream_id AS "streamId", c.level,
      CASE WHEN c.state = 'COOLDOWN' THEN 0 ELSE coalesce(c.end_coins, s.gift_coins) - c.coins_from END AS coins,
      CASE WHEN c.state = 'COOLDOWN' THEN 0 ELSE coalesce(c.end_coins, s.gift_coins) - c.level_from END AS progress,
      c.target - c.level_from AS target,
      CASE WHEN c.state = 'RUNNING' THEN c.until END AS "expiresAt",
      CASE WHEN c.state = 'COOLDOWN' THEN c.until END AS "cooldownUntil"
     FROM crowd_level c JOIN stream s ON s.id = c.stream_id WHERE c.stream_id ${equals}`,
);
const DUE = `stream s LEFT JOIN crowd_level c ON c.stream_id = s.id
    WHERE s.status = 'LIVE' AND (c.stream_id IS NULL OR c.until <= clock_timestamp()
       OR (c.state = 'WAITING' AND c.until IS NULL AND c.coins_from < s.gift_coins))`;
const ENDING = `crowd_level WHERE state = 'ENDING'`;
/** Finds a row when there is a level to move on, or to sum up. */
export const HAS_DUE = `SELECT FROM ${DUE} UNION ALL SELECT FROM ${ENDING}`;
const FIND_DUE = statement('levels.findDue', `SELECT s.id FROM ${DUE} ORDER BY s.id LIMIT $1`);
const FIND_ENDING = statement(
  'levels.findEnding',
  `SELECT stream_id AS "streamId", level, end_coins - coins_from AS coins, seq_from AS "seqFrom", end_seq AS "endSeq"
     FROM ${ENDING} ORDER BY stream_id LIMIT $1`,
);

/** The levels of streams on air, in one statement. */
export async function findLevels(sql: Queryable, streamIds: readonly bigint[]): Promise<LevelRow[]> {
  return lookUp<LevelRow>(sql, BY_STREAM, streamIds);
}

/** Streams on air in which a window, a run or a cooldown is to begin or is over. */
export async function findDueLevels(sql: Queryable, limit: number): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, FIND_DUE, [limit])).map(({ id }) => id);
}

/** Begins and ends windows, runs and cooldowns of streams, whose logs the caller has locked. Returns the events that follow. */
export async function turnLevels(
  sql: SqlTransaction,
  streamIds: readonly bigint[],
  { steps, windowMs, levelMs, cooldownMs }: LevelRules,
): Promise<LiveEvent[]> {
  const [turned] = await rows<{ events: string; at: Date }>(
    sql,
    '/* levels.turn */ SELECT levels_turn($1, $2, $3, $4, $5) AS events, clock_timestamp()::timestamptz(3) AS at',
    [streamIds, steps, windowMs, levelMs, cooldownMs],
  );
  return toEvents(turned!.events, turned!.at);
}

/** Runs that are over and of which it is not told yet. */
export async function findEndingLevels(sql: Queryable, limit: number): Promise<EndingLevel[]> {
  return rows<EndingLevel>(sql, FIND_ENDING, [limit]);
}

/** Who has given in a part of a log, which does not change any more: how many, and those who gave most. */
export async function readContributors(
  sql: Queryable,
  { streamId, seqFrom, endSeq }: EndingLevel,
  places: number,
): Promise<Pick<LevelEndedPayload, 'contributors' | 'top'>> {
  const found = await rows<{ contributors: number; top: LevelEndedPayload['top'] }>(
    sql,
    `/* levels.contributors */ WITH given AS MATERIALIZED (
       SELECT (payload->'sender'->>'id')::bigint AS id, sum((payload->>'coins')::bigint)::bigint AS coins FROM live_event
        WHERE stream_id = $1 AND seq > $2 AND seq <= $3 AND type = 'GIFT_SENT' GROUP BY 1
     ) SELECT (SELECT count(*)::int FROM given) AS contributors, coalesce((
         SELECT jsonb_agg(jsonb_build_object('coins', t.coins, 'profile', CASE WHEN v.named_on_boards THEN
                  jsonb_build_object('id', v.id, 'handle', v.handle, 'displayName', v.display_name) END) ORDER BY t.coins DESC, t.id)
           FROM (SELECT id, coins FROM given ORDER BY coins DESC, id LIMIT $4) t JOIN viewer v ON v.id = t.id
       ), '[]') AS top`,
    [streamId, seqFrom, endSeq, places],
  );
  return found[0]!;
}

/**
 * Begins the cooldown after a run that is over; the caller has locked the log.
 * @returns when it ends, or undefined when it is told of that run already
 */
export async function beginCooldown(sql: SqlTransaction, { streamId, endSeq }: EndingLevel): Promise<Date | undefined> {
  const [begun] = await rows<{ until: Date }>(
    sql,
    `/* levels.coolDown */ UPDATE crowd_level SET state = 'COOLDOWN', level = 0, end_coins = NULL, end_seq = NULL,
         until = clock_timestamp() + make_interval(secs => cooldown_ms::float8 / 1000)
       WHERE stream_id = $1 AND state = 'ENDING' AND end_seq = $2 RETURNING until`,
    [streamId, endSeq],
  );
  return begun?.until;
}

/** Takes the level of a stream that ends, whose log the caller has locked; the run that is under way, or of which it is not told yet. */
export async function takeLevel(sql: SqlTransaction, streamId: bigint): Promise<EndingLevel | undefined> {
  const [taken] = await rows<EndingLevel>(
    sql,
    `/* levels.take */ WITH taken AS (DELETE FROM crowd_level WHERE stream_id = $1 RETURNING *)
     SELECT t.stream_id AS "streamId", t.level, coalesce(t.end_coins, s.gift_coins) - t.coins_from AS coins,
            t.seq_from AS "seqFrom", coalesce(t.end_seq, l.last_seq) AS "endSeq"
       FROM taken t JOIN stream s ON s.id = t.stream_id JOIN live_log l ON l.stream_id = t.stream_id WHERE t.level > 0`,
    [streamId],
  );
  return taken;
}
