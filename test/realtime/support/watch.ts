/** Watching and filling streams, as realtime tests do again and again. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import { rowId } from '../../../src/graphql/global-id.ts';
import { LIVE_EVENTS } from '../../support/documents.ts';
import type { Endpoint } from '../../support/endpoint.ts';
import type { Feed } from '../../support/feed.ts';
import {
  type Actor,
  buyCoins,
  type LiveEventEdge,
  sendChatMessage,
  sendGift,
  signIn,
  succeed,
} from '../../support/operations.ts';

/** What a subscription to liveEvents delivers. */
export type Delivery = { liveEvents: LiveEventEdge };

/** How a test watches: from the beginning over a WebSocket of its own, unless said otherwise. */
export type WatchOptions = {
  /** undefined: from the beginning; null: from now on. */
  after?: string | null;
  types?: string[];
  over?: 'ws' | 'sse';
};

/** Watches a stream on a connection of its own. */
export async function watch(endpoint: Endpoint, streamId: string, options: WatchOptions = {}): Promise<Feed<Delivery>> {
  const { after = '', types, over = 'ws' } = options;
  const variables = { streamId, after, types };
  if (over === 'sse') return endpoint.sse<Delivery>(LIVE_EVENTS, variables);
  return (await endpoint.ws()).subscribe<Delivery>(LIVE_EVENTS, variables);
}

/** Watches a stream many times, every other connection over SSE. */
export function watchAll(endpoint: Endpoint, streamId: string, count: number): Promise<Feed<Delivery>[]> {
  return Promise.all(
    Array.from({ length: count }, (_, n) => watch(endpoint, streamId, { over: n % 2 === 0 ? 'ws' : 'sse' })),
  );
}

/** Everything that a watcher has received, taken or not. */
export function edgesOf(feed: Feed<Delivery>): LiveEventEdge[] {
  return feed.received.map(({ liveEvents }) => liveEvents);
}

/** The numbers of everything that a watcher has received. */
export function seqsOf(feed: Feed<Delivery>): number[] {
  return edgesOf(feed).map(({ node }) => node.seq);
}

/** first, first + 1, …, last. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, n) => first + n);
}

/** Waits until a watcher has received the event with this number. */
export async function seen(feed: Feed<Delivery>, seq: number, limitMs?: number): Promise<void> {
  // It may have been taken before, and others may have come since: a streak ends by itself.
  if (!seqsOf(feed).includes(seq)) await feed.until(({ liveEvents }) => liveEvents.node.seq === seq, limitMs);
}

/** Asserts that each watcher receives exactly this log: same events, same cursors, same order, nothing else. */
export async function expectAllReceive(
  feeds: readonly Feed<Delivery>[],
  log: readonly LiveEventEdge[],
  limitMs?: number,
): Promise<void> {
  const last = log.at(-1)!.node.seq;
  await Promise.all(feeds.map((feed) => seen(feed, last, limitMs)));
  for (const feed of feeds) expect(edgesOf(feed)).toEqual(log);
}

/** Says something, and returns the event's number. */
export async function say(viewer: Actor, streamId: string, text = 'hello'): Promise<number> {
  return succeed(await sendChatMessage(viewer, streamId, text)).chatMessage.seq;
}

/** Says many things, one after the other; returns the last number. */
export async function chatter(viewer: Actor, streamId: string, count: number, text = 'hello'): Promise<number> {
  let seq = 0;
  for (let n = 1; n <= count; n++) seq = await say(viewer, streamId, `${text} ${n}`);
  return seq;
}

/** Sends gifts one after the other, of the kinds in turn: every change of kind ends a streak. */
export async function shower(viewer: Actor, streamId: string, kinds: readonly string[], count: number): Promise<void> {
  for (let n = 0; n < count; n++) succeed(await sendGift(viewer, streamId, { giftId: kinds[n % kinds.length]! }));
}

/** New viewers with coins. */
export function crowd(endpoint: Endpoint, count: number): Promise<Actor[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const viewer = await signIn(endpoint);
      succeed(await buyCoins(viewer, { coins: 7_000 }));
      return viewer;
    }),
  );
}

/**
 * Commits chat messages straight into the log and tells nobody: what a server leaves behind that was killed between commit and
 * announcement, or whose announcement was lost. Returns the last number.
 */
export async function commitUnannounced(
  pool: Pool,
  streamId: string,
  count: number,
  text: string = randomUUID(),
): Promise<number> {
  const { rows } = await pool.query<{ last: string }>(
    `SELECT (live_append(array_fill($1::bigint, ARRAY[$2::int]), array_fill('CHAT_MESSAGE'::text, ARRAY[$2::int]),
       array_fill(jsonb_build_object('sender', jsonb_build_object('id', 1, 'handle', 'layla', 'displayName', 'Layla'), 'text', $3::text),
         ARRAY[$2::int]), clock_timestamp()))[$2::int] AS last`,
    [streamRow(streamId), count, text],
  );
  return Number(rows[0]!.last);
}

/** The row id of a stream. */
export function streamRow(streamId: string): bigint {
  return rowId('LiveStream', streamId)!;
}
