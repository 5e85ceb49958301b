/** What a newcomer meets in the demo: an ice cream, and the creator reacts by herself. */
import { expect } from 'vitest';
import { seedDemo } from '../../prisma/seed.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import { testWith } from '../support/fixtures.ts';
import { type LiveEventEdge, mutate, query, sendGift, signIn, succeed } from '../support/operations.ts';
import { rulesOf } from './support/reactions.ts';

/** No streak ends while the clock is waited for. */
const test = testWith({ overrides: { gifts: { streakWindowMs: 3_600_000 } } });

const PHRASES = ['Ice cream so good!', 'Yes yes yes!', 'Gang gang!', 'You got me feeling like a cowgirl!'];

test('an ice cream is answered, by the clock', async ({ server }) => {
  const layla = await signIn(server, 'layla');
  type Read = { creator: { currentStream: { id: string } } };
  const { creator } = await query<Read>(layla.api, '{ creator(handle: "pinkydoll") { currentStream { id } } }');
  const streamId = creator.currentStream.id;
  const feed = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId, after: '' });
  const { giftSent } = succeed(await sendGift(layla, streamId, { gift: 'Ice Cream' }));
  const seen = await feed.until(({ liveEvents }) => liveEvents.node.type === 'REACTION_PERFORMED');
  await feed.close();
  const said = { reaction: 'Ice cream so good!', animation: 'ice_cream', sound: 'mmm', giftSeq: giftSent.seq };
  expect(seen.slice(-3).map(({ liveEvents }) => liveEvents.node)).toMatchObject([
    { type: 'GIFT_SENT', seq: giftSent.seq },
    { type: 'REACTION_QUEUED', position: 1, etaMs: 0, ...said },
    { type: 'REACTION_PERFORMED', sender: { handle: 'layla' }, ...said },
  ]);
});

test('the demo’s rules are made once, and what visitors change stays so', async ({ server }) => {
  const { app } = server;
  expect(await rulesOf(server.http(), 'pinkydoll')).toEqual({ autoPerforms: true, phrases: PHRASES });
  const pinkydoll = await signIn(server, 'pinkydoll');
  const document = '{ creator(handle: "pinkydoll") { reactionRules { id } } }';
  type Read = { creator: { reactionRules: { id: string }[] } };
  for (const { id } of (await query<Read>(pinkydoll.api, document)).creator.reactionRules) {
    succeed(await mutate(pinkydoll.api, 'deleteReactionRule', { ruleId: id }));
  }
  succeed(await mutate(pinkydoll.api, 'setAutoPerform', { enabled: false }));
  await Promise.all([seedDemo(app.services), seedDemo(app.services)]);
  expect(await rulesOf(server.http(), 'pinkydoll')).toEqual({ autoPerforms: false, phrases: [] });
});
