/** Goals and levels, as functions. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { GOAL_FIELDS } from '../../support/documents.ts';
import { type Actor, mutate, type Outcome, query } from '../../support/operations.ts';

/** A goal, with all its fields. */
export type Goal = {
  id: string;
  kind: string;
  title: string;
  gift: { id: string; name: string; coins: number } | null;
  target: number;
  progress: number;
  state: string;
  startedAt: string;
  doneAt: string | null;
};

/** How a crowd stands. */
export type Level = {
  level: number;
  coins: number;
  progress: number;
  target: number | null;
  expiresAt: string | null;
  cooldownUntil: string | null;
};

/** Begins a goal; 10 coins, unless said otherwise. */
export function startGoal(
  creator: Pick<Actor, 'api'>,
  streamId: string,
  terms: Record<string, unknown> = {},
): Promise<Outcome<{ goal: Goal; replayed: boolean }>> {
  const usual = { kind: 'COINS', title: 'A song', target: 10, idempotencyKey: randomUUID() };
  return mutate(creator.api, 'startGoal', { streamId, ...usual, ...terms });
}

/** Ends a goal. */
export function endGoal(
  creator: Pick<Actor, 'api'>,
  goalId: string,
): Promise<Outcome<{ goal: Goal; replayed: boolean }>> {
  return mutate(creator.api, 'endGoal', { goalId });
}

/** The goals that a stream shows. */
export async function goalsOf(viewer: Pick<Actor, 'api'>, streamId: string): Promise<Goal[]> {
  const document = `query Goals($id: ID!) { liveStream(id: $id) { goals { ${GOAL_FIELDS} } } }`;
  return (await query<{ liveStream: { goals: Goal[] } }>(viewer.api, document, { id: streamId })).liveStream.goals;
}

/** How the crowd of a stream stands. */
export async function levelOf(viewer: Pick<Actor, 'api'>, streamId: string): Promise<Level | null> {
  const document = `query Level($id: ID!) { liveStream(id: $id) {
    level { level coins progress target expiresAt cooldownUntil } } }`;
  return (await query<{ liveStream: { level: Level | null } }>(viewer.api, document, { id: streamId })).liveStream
    .level;
}

/**
 * Until gifts_send_batch calls goals_after_gifts itself: a wrapper that does so around the one there is, as the batch would.
 */
export async function hookGoals(pool: Pool): Promise<void> {
  const { rows } = await pool.query(
    "SELECT pg_get_functiondef('gifts_send_batch'::regproc) LIKE '%goals_after_gifts%' AS hooked",
  );
  if (rows[0].hooked) return;
  const { rows: found } = await pool.query(
    "SELECT pg_get_function_arguments('gifts_send_batch'::regproc) AS arguments",
  );
  await pool.query(`
    ALTER FUNCTION gifts_send_batch RENAME TO gifts_send_batch_bare;
    CREATE FUNCTION gifts_send_batch(${found[0].arguments}) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
      answer jsonb := gifts_send_batch_bare(p_viewer, p_key, p_stream, p_gift, p_quantity, p_streak_window);
      sent int[];
      told text;
    BEGIN
      SELECT array_agg(n) INTO sent FROM generate_subscripts(p_stream, 1) n
        WHERE answer->'outcomes'->>(n - 1) = 'SENT' AND EXISTS (
          SELECT FROM stream s WHERE s.id = p_stream[n] AND (s.counts_gifts OR s.gift_coins >= s.coin_mark));
      IF sent IS NULL THEN RETURN answer; END IF;
      told := goals_after_gifts(ARRAY(SELECT p_stream[n] FROM unnest(sent) n), ARRAY(SELECT p_gift[n] FROM unnest(sent) n),
        ARRAY(SELECT p_quantity[n] FROM unnest(sent) n), (answer->>'at')::timestamptz);
      RETURN jsonb_set(answer, '{events}', (answer->'events') || concat('[', told, ']')::jsonb);
    END $$;`);
}
