/** Battles, as functions. */
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { BATTLE_FIELDS } from '../../support/documents.ts';
import { type Actor, type LiveEvent, mutate, type Outcome, query } from '../../support/operations.ts';
import { replayBattle } from '../../support/replay-battle.ts';
import { rowOf } from './ids.ts';
import { readEvents } from './log.ts';

/** A battle, with all its fields. */
export type Battle = {
  id: string;
  state: string;
  sides: { streamId: string; creator: { handle: string }; score: number }[];
  durationSeconds: number;
  endsAt: string | null;
  startedAt: string | null;
  endedAt: string | null;
  factor: number;
  multipliers: { factor: number; startsAt: string }[];
  extended: boolean;
  outcome: string | null;
  winner: { streamId: string; score: number } | null;
};
type Changed = Outcome<{ battle: Battle; replayed: boolean }>;

/** Invites to a battle of two minutes, unless said otherwise. */
export function invite(
  creator: Pick<Actor, 'api'>,
  streamId: string,
  opponentStreamId: string,
  durationSeconds = 120,
): Promise<Changed> {
  return mutate(creator.api, 'inviteToBattle', { streamId, opponentStreamId, durationSeconds });
}

/** Accepts an invitation. */
export function accept(creator: Pick<Actor, 'api'>, battleId: string): Promise<Changed> {
  return mutate(creator.api, 'acceptBattle', { battleId });
}

/** Declines an invitation. */
export function decline(creator: Pick<Actor, 'api'>, battleId: string): Promise<Changed> {
  return mutate(creator.api, 'declineBattle', { battleId });
}

/** The battle that a stream shows. */
export async function battleOf(viewer: Pick<Actor, 'api'>, streamId: string): Promise<Battle | null> {
  const document = `query Battle($id: ID!) { liveStream(id: $id) { battle { ${BATTLE_FIELDS} } } }`;
  return (await query<{ liveStream: { battle: Battle | null } }>(viewer.api, document, { id: streamId })).liveStream
    .battle;
}

/** As if a running battle had gone on until so many milliseconds before its end. */
export async function moveTo(pool: Pool, battleId: string, msBeforeEnd: number): Promise<void> {
  const { rowCount } = await pool.query(
    `UPDATE battle b SET ends_at = ends_at - m.by, started_at = started_at - m.by,
         factor_at = ARRAY(SELECT at - m.by FROM unnest(factor_at) at)
       FROM (SELECT ends_at - clock_timestamp() - make_interval(secs => $2::float8 / 1000) AS by FROM battle WHERE id = $1) m
      WHERE b.id = $1 AND b.state = 'RUNNING'`,
    [rowOf(battleId), msBeforeEnd],
  );
  expect(rowCount).toBe(1);
}

/** The log of a stream once it has so many events of a type. */
export async function eventsWith(
  viewer: Pick<Actor, 'api'>,
  streamId: string,
  type: string,
  count = 1,
): Promise<LiveEvent[]> {
  const read = () => readEvents(viewer, streamId);
  await expect.poll(async () => (await read()).filter((event) => event.type === type).length).toBe(count);
  return read();
}

/** Counts an ended battle from both logs, and expects of both what the row and each event say. Returns the battle. */
export async function expectReplayed(viewer: Pick<Actor, 'api'>, streamIds: readonly string[]): Promise<Battle> {
  const battle = (await battleOf(viewer, streamIds[0]!))!;
  const told = [];
  for (const streamId of streamIds) {
    const events = await readEvents(viewer, streamId);
    const { score } = battle.sides.find((side) => side.streamId === streamId)!;
    expect(replayBattle(events, battle.id, streamId)).toEqual({ score, isOver: true, wrong: [] });
    told.push(events.filter(({ battleId }) => battleId === battle.id).map(({ seq: _seq, ...event }) => event));
  }
  expect(told[1], 'both logs tell the same').toEqual(told[0]);
  return battle;
}
