/** Goals and levels, as functions. */
import { randomUUID } from 'node:crypto';
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
