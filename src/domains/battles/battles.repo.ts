import { type Queryable, rows, type SqlTransaction, statement } from '../../db/database.ts';
import { lookUp, lookUpStatements } from '../../db/look-up.ts';
import type { BattleEnd, RunningBattle, Side, Turn } from './battles.rules.ts';
import type { BattleOutcome, BattleState } from './battles.state.ts';

/** A battle, or an invitation to one. */
export type BattleRow = Omit<RunningBattle, 'sides' | 'endsAt' | 'toldAt'> & {
  state: BattleState;
  /** First the one that has invited, each with the viewer whose stream it is. */
  sides: readonly [Side, Side];
  durationMs: number;
  inviteUntil: Date;
  startedAt: Date | null;
  endsAt: Date | null;
  endedAt: Date | null;
  toldAt: Date | null;
  outcome: BattleOutcome | null;
  winnerStreamId: bigint | null;
};

/** The rules that a battle begins with, see `battles.service.ts`. */
export type BattleRules = {
  multipliers: readonly { factor: number; lastMs: number }[];
  extensionMs: number;
  closePerMille: number;
};

const side = (id: string, columns: { from: string; kept: string; told: string }) =>
  `(SELECT jsonb_build_object('streamId', s.id, 'from', b.${columns.from},
      'coins', CASE b.state WHEN 'RUNNING' THEN s.gift_coins ELSE b.${columns.from} END, 'kept', b.${columns.kept}, 'told', b.${columns.told},
      'creator', jsonb_build_object('id', v.id, 'handle', v.handle, 'displayName', v.display_name))
     FROM stream s JOIN creator c ON c.id = s.creator_id JOIN viewer v ON v.id = c.viewer_id WHERE s.id = b.${id})`;
/** Of a battle `b`. */
const COLUMNS = `b.id::float8 AS id, b.state, b.duration_ms AS "durationMs", b.invite_until AS "inviteUntil", b.started_at AS "startedAt",
  b.ends_at AS "endsAt", b.ended_at AS "endedAt", b.told_at AS "toldAt", b.factor, b.factors, b.factor_at AS "factorAt",
  b.factors_done AS "factorsDone", b.extended, b.extension_ms AS "extensionMs", b.close_per_mille AS "closePerMille",
  b.outcome, b.winner_stream_id AS "winnerStreamId", jsonb_build_array(
    ${side('stream_id', { from: 'coins_from', kept: 'score', told: 'told_score' })},
    ${side('opponent_stream_id', { from: 'opponent_coins_from', kept: 'opponent_score', told: 'opponent_told_score' })}
  ) AS sides`;

const BY_ID = lookUpStatements('battles.byId', (equals) => `SELECT ${COLUMNS} FROM battle b WHERE b.id ${equals}`);
/** Of each stream the battle that runs, else the one that ended last. */
const SHOWN = statement(
  'battles.shown',
  `SELECT i.id AS "ofStream", ${COLUMNS} FROM unnest($1::bigint[]) i(id) JOIN LATERAL (
     SELECT * FROM (
       (SELECT * FROM battle WHERE stream_id = i.id AND state IN ('RUNNING', 'ENDED') ORDER BY id DESC LIMIT 1)
       UNION ALL
       (SELECT * FROM battle WHERE opponent_stream_id = i.id AND state IN ('RUNNING', 'ENDED') ORDER BY id DESC LIMIT 1)
     ) newest ORDER BY started_at DESC, id DESC LIMIT 1
   ) b ON true`,
);
const INVITES = statement(
  'battles.invites',
  `SELECT i.id AS "ofStream", ${COLUMNS} FROM unnest($1::bigint[]) i(id) JOIN LATERAL (
     SELECT * FROM battle WHERE (stream_id = i.id OR opponent_stream_id = i.id) AND state = 'INVITED'
        AND invite_until > clock_timestamp() ORDER BY id LIMIT $2
   ) b ON true ORDER BY i.id, b.id`,
);
const due = (scoredEveryMs: string) => `battle b, LATERAL (
       SELECT (SELECT gift_coins FROM stream WHERE id = b.stream_id) AS coins,
              (SELECT gift_coins FROM stream WHERE id = b.opponent_stream_id) AS opponent_coins, clock_timestamp() AS at
     ) now
    WHERE b.state = 'RUNNING' AND (b.ends_at <= now.at OR b.factor_at[b.factors_done + 1] <= now.at
       OR (b.told_at <= now.at - make_interval(secs => ${scoredEveryMs}::float8 / 1000)
         AND (b.score + b.factor * (now.coins - b.coins_from), b.opponent_score + b.factor * (now.opponent_coins - b.opponent_coins_from))
           <> (b.told_score, b.opponent_told_score)))`;
const FIND_DUE = statement('battles.findDue', `SELECT b.id FROM ${due('$2')} ORDER BY b.ends_at LIMIT $1`);
const EXPIRED_INVITES = `battle WHERE state = 'INVITED' AND invite_until <= clock_timestamp()`;

/** A query that finds a row when there is a battle to move on, or an invitation to close. */
export function hasDue(scoredEveryMs: number): string {
  return `SELECT FROM ${due(String(scoredEveryMs))} UNION ALL SELECT FROM ${EXPIRED_INVITES}`;
}

const LOCK_FREE = statement(
  'battles.lockFree',
  `SELECT id, stream_id AS "streamId", opponent_stream_id AS "opponentStreamId" FROM battle
    WHERE id = ANY($1) AND state = 'RUNNING' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED`,
);

/** The streams of a battle. */
export type BattleStreams = { id: bigint; streamId: bigint; opponentStreamId: bigint };

/** Battles by id, in one statement, in any order. */
export async function findBattles(sql: Queryable, ids: readonly bigint[]): Promise<BattleRow[]> {
  return lookUp<BattleRow>(sql, BY_ID, ids);
}

/** What streams show, in one statement: the battle that runs, else the one that ended last. */
export async function findShownBattles(
  sql: Queryable,
  streamIds: readonly bigint[],
): Promise<(BattleRow & { ofStream: bigint })[]> {
  return rows(sql, SHOWN, [streamIds]);
}

/** The open invitations from streams and to them, in one statement, oldest first. */
export async function findInvites(
  sql: Queryable,
  streamIds: readonly bigint[],
  limit: number,
): Promise<(BattleRow & { ofStream: bigint })[]> {
  return rows(sql, INVITES, [streamIds, limit]);
}

/** Locks a battle, before its logs. Returns its streams. */
export async function lockBattle(
  sql: SqlTransaction,
  id: bigint,
): Promise<(BattleStreams & { state: BattleState; isOpen: boolean }) | undefined> {
  const [battle] = await rows<BattleStreams & { state: BattleState; isOpen: boolean }>(
    sql,
    `/* battles.lock */ SELECT id, stream_id AS "streamId", opponent_stream_id AS "opponentStreamId", state,
        state = 'INVITED' AND invite_until > clock_timestamp() AS "isOpen" FROM battle WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  return battle;
}

/** Locks what runs in a stream, or may begin to, before its log. */
export async function lockBattlesOf(
  sql: SqlTransaction,
  streamId: bigint,
): Promise<(BattleStreams & { state: BattleState })[]> {
  return rows(
    sql,
    `/* battles.lockOf */ SELECT id, stream_id AS "streamId", opponent_stream_id AS "opponentStreamId", state FROM battle
      WHERE (stream_id = $1 OR opponent_stream_id = $1) AND state IN ('INVITED', 'RUNNING') ORDER BY id FOR NO KEY UPDATE`,
    [streamId],
  );
}

/** The battle that runs in a stream, whose log the caller has locked. */
export async function findRunning(sql: SqlTransaction, streamIds: readonly bigint[]): Promise<bigint[]> {
  const found = await rows<{ id: bigint }>(
    sql,
    `/* battles.running */ SELECT id FROM battle
      WHERE (stream_id = ANY($1) OR opponent_stream_id = ANY($1)) AND state = 'RUNNING'`,
    [streamIds],
  );
  return found.map(({ id }) => id);
}

/** Makes the transaction be tried again: a battle has begun in a stream since the caller looked. */
export async function tryAgain(sql: SqlTransaction): Promise<never> {
  await rows(sql, '/* battles.cameBetween */ SELECT battle_came_between()');
  throw new Error('battle_came_between returned');
}

/** The open invitation from one stream to another. */
export async function findInvite(
  sql: Queryable,
  streamId: bigint,
  opponentStreamId: bigint,
): Promise<{ id: bigint; durationMs: number } | undefined> {
  const [invite] = await rows<{ id: bigint; durationMs: number }>(
    sql,
    `/* battles.invite */ SELECT id, duration_ms AS "durationMs" FROM battle
      WHERE stream_id = $1 AND opponent_stream_id = $2 AND state = 'INVITED'`,
    [streamId, opponentStreamId],
  );
  return invite;
}

/** How many invitations from a stream are open. */
export async function countInvites(sql: Queryable, streamId: bigint): Promise<number> {
  const [counted] = await rows<{ count: number }>(
    sql,
    "/* battles.countInvites */ SELECT count(*)::int AS count FROM battle WHERE stream_id = $1 AND state = 'INVITED'",
    [streamId],
  );
  return counted!.count;
}

/** Inserts an invitation. */
export async function insertInvite(
  sql: SqlTransaction,
  invite: { streamId: bigint; opponentStreamId: bigint; durationMs: number; inviteMs: number },
): Promise<bigint> {
  const [inserted] = await rows<{ id: bigint }>(
    sql,
    `/* battles.insert */ INSERT INTO battle (stream_id, opponent_stream_id, duration_ms, invited_at, invite_until)
     SELECT $1, $2, $3, at, at + make_interval(secs => $4::float8 / 1000) FROM (SELECT clock_timestamp() AS at) now RETURNING id`,
    [invite.streamId, invite.opponentStreamId, invite.durationMs, invite.inviteMs],
  );
  return inserted!.id;
}

/** Closes invitations, which the caller has locked. */
export async function closeInvites(
  sql: SqlTransaction,
  ids: readonly bigint[],
  state: 'DECLINED' | 'EXPIRED',
): Promise<void> {
  await rows(sql, "/* battles.close */ UPDATE battle SET state = $2 WHERE id = ANY($1) AND state = 'INVITED'", [
    ids,
    state,
  ]);
}

/** Closes invitations whose time is over, so many at the most; those that somebody else has in hand are left to them. */
export async function expireInvites(sql: Queryable, streamId: bigint | null, limit: number): Promise<number> {
  const expired = await rows(
    sql,
    `/* battles.expire */ UPDATE battle SET state = 'EXPIRED' WHERE id IN (
       SELECT id FROM ${EXPIRED_INVITES} AND stream_id = coalesce($1, stream_id)
        ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
     ) RETURNING id`,
    [streamId, limit],
  );
  return expired.length;
}

/** Begins a battle, which the caller has locked with both logs: coins count from now on. */
export async function beginBattle(sql: SqlTransaction, id: bigint, rules: BattleRules): Promise<void> {
  await rows(
    sql,
    `/* battles.begin */ UPDATE battle b SET state = 'RUNNING', started_at = now.at, told_at = now.at,
         ends_at = now.at + make_interval(secs => b.duration_ms::float8 / 1000),
         factors = ARRAY(SELECT m.factor FROM unnest($2::int[], $3::int[]) m(factor, last_ms)
                          WHERE m.last_ms < b.duration_ms ORDER BY m.last_ms DESC),
         factor_at = ARRAY(SELECT now.at + make_interval(secs => (b.duration_ms - m.last_ms)::float8 / 1000)
                             FROM unnest($2::int[], $3::int[]) m(factor, last_ms)
                            WHERE m.last_ms < b.duration_ms ORDER BY m.last_ms DESC),
         extension_ms = $4, close_per_mille = $5, coins_from = s.gift_coins, opponent_coins_from = o.gift_coins
       FROM (SELECT clock_timestamp()::timestamptz(3) AS at) now, stream s, stream o
      WHERE b.id = $1 AND s.id = b.stream_id AND o.id = b.opponent_stream_id`,
    [
      id,
      rules.multipliers.map(({ factor }) => factor),
      rules.multipliers.map(({ lastMs }) => lastMs),
      rules.extensionMs,
      rules.closePerMille,
    ],
  );
}

/** Battles in which something is due, or which stand otherwise than the logs were told; the one that ends first, first. */
export async function findDueBattles(sql: Queryable, limit: number, scoredEveryMs: number): Promise<bigint[]> {
  return (await rows<{ id: bigint }>(sql, FIND_DUE, [limit, scoredEveryMs])).map(({ id }) => id);
}

/** Locks those of the battles that run and that nobody else has in hand. */
export async function lockFreeBattles(sql: SqlTransaction, ids: readonly bigint[]): Promise<BattleStreams[]> {
  return rows(sql, LOCK_FREE, [ids]);
}

/** Running battles as they are now, and the time; the caller has locked them and their logs. */
export async function readRunning(
  sql: SqlTransaction,
  ids: readonly bigint[],
): Promise<{ battles: RunningBattle[]; now: Date }> {
  const found = await rows<BattleRow & { now: Date }>(
    sql,
    `/* battles.readRunning */ SELECT clock_timestamp()::timestamptz(3) AS now, ${COLUMNS} FROM battle b
      WHERE b.id = ANY($1) AND b.state = 'RUNNING' ORDER BY b.id`,
    [ids],
  );
  return { battles: found as unknown as RunningBattle[], now: found[0]?.now ?? new Date(0) };
}

/** Writes what has become of running battles, in one statement; the caller has locked them and their logs. */
export async function writeTurns(sql: SqlTransaction, turns: readonly Turn[], now: Date): Promise<void> {
  if (turns.length === 0) return;
  const changes = turns.map(({ battle, end }) => {
    const [one, other] = battle.sides;
    return {
      id: battle.id,
      ...(end ? toEnded(end, now) : { state: 'RUNNING' }),
      factor: battle.factor,
      factors_done: battle.factorsDone,
      coins_from: one.from,
      opponent_coins_from: other.from,
      score: one.kept,
      opponent_score: other.kept,
      told_score: one.told,
      opponent_told_score: other.told,
      told_at: battle.toldAt,
      ends_at: battle.endsAt,
      extended: battle.extended,
    };
  });
  await rows(
    sql,
    `/* battles.write */ UPDATE battle b SET state = u.state, factor = u.factor, factors_done = u.factors_done,
         coins_from = u.coins_from, opponent_coins_from = u.opponent_coins_from, score = u.score, opponent_score = u.opponent_score,
         told_score = u.told_score, opponent_told_score = u.opponent_told_score, told_at = u.told_at, ends_at = u.ends_at,
         extended = u.extended, ended_at = u.ended_at, outcome = u.outcome, winner_stream_id = u.winner_stream_id
       FROM jsonb_to_recordset($1) AS u(id bigint, state text, factor int, factors_done int, coins_from bigint,
         opponent_coins_from bigint, score bigint, opponent_score bigint, told_score bigint, opponent_told_score bigint,
         told_at timestamptz, ends_at timestamptz, extended boolean, ended_at timestamptz, outcome text, winner_stream_id bigint)
      WHERE b.id = u.id`,
    [JSON.stringify(changes)],
  );
}

function toEnded({ outcome, winnerStreamId }: BattleEnd, now: Date) {
  return { state: 'ENDED', outcome, winner_stream_id: winnerStreamId, ended_at: now };
}
