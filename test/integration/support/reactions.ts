/** What creators do with rules and reactions, as functions, and gifts that earn one. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import type { HttpClient } from '../../support/client.ts';
import { REACTION_FIELDS } from '../../support/documents.ts';
import { type Actor, giftId, mutate, type Outcome, query, sendGift, succeed } from '../../support/operations.ts';
import { readEvents } from './log.ts';

/** A rule, as the API shows it. */
export type Rule = {
  id: string;
  gift: { id: string; name: string; coins: number };
  phrase: string;
  active: boolean;
} & Record<string, unknown>;

/** A reaction, as the API shows it. */
export type Reaction = {
  id: string;
  phrase: string;
  state: string;
  position: number | null;
  etaMs: number | null;
  doneAt: string | null;
} & Record<string, unknown>;

/** Makes a rule; for a Rose, unless said otherwise. */
export async function createRule(
  creator: Actor,
  rule: Record<string, unknown> = {},
): Promise<Outcome<{ rule: Rule; replayed: boolean }>> {
  const { gift = 'Rose', ...rest } = rule;
  const id = rest.giftId ?? (await giftId(creator.api, gift as string));
  return mutate(creator.api, 'createReactionRule', {
    giftId: id,
    phrase: 'Thank you for the rose!',
    idempotencyKey: randomUUID(),
    ...rest,
  });
}

/** Makes a rule that must be fine. */
export async function addRule(creator: Actor, rule: Record<string, unknown> = {}): Promise<Rule> {
  return succeed(await createRule(creator, rule)).rule;
}

/** The rules of a creator, as everybody sees them. */
export async function rulesOf(api: HttpClient, handle: string): Promise<{ autoPerforms: boolean; phrases: string[] }> {
  type Read = { creator: { autoPerforms: boolean; reactionRules: Rule[] } };
  const document =
    'query Rules($handle: String!) { creator(handle: $handle) { autoPerforms reactionRules { phrase } } }';
  const { creator } = await query<Read>(api, document, { handle });
  return { autoPerforms: creator.autoPerforms, phrases: creator.reactionRules.map(({ phrase }) => phrase) };
}

/** Sends a gift that earns a reaction, one unless said otherwise. Returns the reaction's id, as the feed tells it. */
export async function earn(
  viewer: Actor,
  streamId: string,
  { gift: { id } }: Rule,
  options: { quantity?: number } = {},
): Promise<string> {
  const { giftSent } = succeed(await sendGift(viewer, streamId, { giftId: id, ...options }));
  const queued = (await readEvents(viewer, streamId)).find(({ seq }) => seq === giftSent.seq + 1);
  expect(queued).toMatchObject({ type: 'REACTION_QUEUED', giftSeq: giftSent.seq });
  return queued!.reactionId as string;
}

/** What waits in a stream. */
export async function readQueue(viewer: Pick<Actor, 'api'>, streamId: string, first?: number): Promise<Reaction[]> {
  const document = `query Queue($streamId: ID!, $first: Int) {
    reactionQueue(streamId: $streamId, first: $first) { ${REACTION_FIELDS} } }`;
  return (await query<{ reactionQueue: Reaction[] }>(viewer.api, document, { streamId, first })).reactionQueue;
}

/** What becomes of a reaction that is to be performed, or skipped. */
export type Moved = Outcome<{ reaction: Reaction; replayed: boolean }>;

/** Performs a reaction. */
export function perform(creator: Actor, reactionId: string): Promise<Moved> {
  return mutate(creator.api, 'performReaction', { reactionId });
}

/** Performs what is next. */
export function performNext(creator: Actor, streamId: string, idempotencyKey: string = randomUUID()): Promise<Moved> {
  return mutate(creator.api, 'performNextReaction', { streamId, idempotencyKey });
}

/** Has reactions performed by the clock, or not. */
export function setAuto(
  creator: Actor,
  enabled: boolean,
): Promise<Outcome<{ creator: { id: string; autoPerforms: boolean }; replayed: boolean }>> {
  return mutate(creator.api, 'setAutoPerform', { enabled });
}

/** Asserts that streams count what waits in them as it is. Nothing may write meanwhile. */
export async function expectQueuesCounted(pool: Pool): Promise<void> {
  const { rows } = await pool.query(
    `SELECT s.id, s.reactions_queued, s.reactions_ms, q.count, q.ms FROM stream s CROSS JOIN LATERAL (
       SELECT count(*)::int AS count, coalesce(sum(duration_ms), 0)::bigint AS ms FROM reaction WHERE stream_id = s.id AND state = 'QUEUED'
     ) q WHERE (s.reactions_queued, s.reactions_ms) <> (q.count, q.ms)`,
  );
  expect(rows).toEqual([]);
}
