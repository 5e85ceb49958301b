/** What a gift earns: diamonds for the creator, a place on the board for the sender. */
import { expect } from 'vitest';
import type { HttpClient } from '../support/client.ts';
import { expectBooksBalanced } from '../support/ledger.ts';
import {
  type Actor,
  buyCoins,
  endStream,
  giftId,
  query,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { atOnce, inWaves } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

type Earnings = { pendingDiamonds: number; availableDiamonds: number; lifetimeDiamonds: number };
type Place = { rank: number; coins: number; profile: { id: string; handle: string } };

async function earningsOf({ handle }: Pick<Actor, 'handle'>, reader: HttpClient): Promise<Earnings | null> {
  const document = `query Earnings($handle: String!) {
    creator(handle: $handle) { earnings { pendingDiamonds availableDiamonds lifetimeDiamonds } } }`;
  const { creator } = await query<{ creator: { earnings: Earnings | null } }>(reader, document, {
    handle,
  });
  return creator.earnings;
}

async function boardOf(streamId: string, reader: HttpClient, first?: number): Promise<Place[]> {
  const document = `query Board($id: ID!, $first: Int) {
    liveStream(id: $id) { topGifters(first: $first) { rank coins profile { id handle } } } }`;
  type Board = { liveStream: { topGifters: Place[] } };
  return (await query<Board>(reader, document, { id: streamId, first })).liveStream.topGifters;
}

test('two coins earn a diamond, which waits for the settlement', async ({ db, funded, live }) => {
  expect(await earningsOf(live.creator, live.creator.api)).toEqual({
    pendingDiamonds: 0,
    availableDiamonds: 0,
    lifetimeDiamonds: 0,
  });
  await sendGift(funded, live.streamId, { gift: 'Heart', quantity: 2 });
  expect(await earningsOf(live.creator, live.creator.api)).toEqual({
    pendingDiamonds: 50,
    availableDiamonds: 0,
    lifetimeDiamonds: 50,
  });
  await expectBooksBalanced(db.pool);
});

test('gifts of one coin lose nothing: diamonds are rounded on what the stream has taken', async ({
  db,
  funded,
  live,
}) => {
  const earned: number[] = [];
  for (let gift = 1; gift <= 5; gift++) {
    await sendGift(funded, live.streamId);
    earned.push((await earningsOf(live.creator, live.creator.api))!.lifetimeDiamonds);
  }
  expect(earned).toEqual([0, 1, 1, 2, 2]);
  await expectBooksBalanced(db.pool);
});

test('101 gifts of one coin at once earn 50 diamonds', async ({ db, funded, live }) => {
  const rose = await giftId(funded.api, 'Rose');
  await atOnce(101, async () => succeed(await sendGift(funded, live.streamId, { giftId: rose })));
  expect((await earningsOf(live.creator, live.creator.api))!.lifetimeDiamonds).toBe(50);
  await expectBooksBalanced(db.pool);
});

test('the earnings of all streams of a creator add up', async ({ db, funded, live }) => {
  await sendGift(funded, live.streamId, { quantity: 3 });
  await endStream(live.creator, live.streamId);
  const next = await startStream(live.creator);
  await sendGift(funded, next.id, { quantity: 3 });
  expect((await earningsOf(live.creator, live.creator.api))!.lifetimeDiamonds).toBe(2);
  await expectBooksBalanced(db.pool);
});

test('earnings are null to everybody but their creator', async ({ server, funded, live }) => {
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  expect(await earningsOf(live.creator, funded.api)).toBeNull();
  expect(await earningsOf(live.creator, server.http())).toBeNull();
  const document = '{ creators(first: 100) { edges { node { handle earnings { lifetimeDiamonds } } } } }';
  type List = { creators: { edges: { node: { handle: string; earnings: unknown } }[] } };
  const { creators } = await query<List>(live.creator.api, document);
  const shown = creators.edges.filter(({ node }) => node.earnings).map(({ node }) => node.handle);
  expect(shown).toEqual([live.creator.handle]);
});

test('the board ranks who gave most, and adds up what one gave', async ({ server, funded, live }) => {
  const [second, third] = [await signIn(server), await signIn(server)];
  for (const viewer of [second, third]) await buyCoins(viewer, { coins: 70 });
  await sendGift(funded, live.streamId, { gift: 'Rose' });
  await sendGift(second, live.streamId, { gift: 'Ice Cream', quantity: 2 });
  await sendGift(third, live.streamId, { gift: 'Heart' });
  await sendGift(funded, live.streamId, { gift: 'Heart' });
  const place = (rank: number, coins: number, { id, handle }: Actor) => ({ rank, coins, profile: { id, handle } });
  const board = [place(1, 51, funded), place(2, 50, third), place(3, 20, second)];
  expect(await boardOf(live.streamId, server.http())).toEqual(board);
  expect(await boardOf(live.streamId, server.http(), 2)).toEqual(board.slice(0, 2));
  await endStream(live.creator, live.streamId);
  expect(await boardOf(live.streamId, server.http()), 'also after the end').toEqual(board);
});

test('who gave the same stands in the order of joining, each with a rank of their own', async ({ server, live }) => {
  const viewers = [await signIn(server), await signIn(server), await signIn(server)];
  for (const viewer of [...viewers].reverse()) {
    await buyCoins(viewer, { coins: 70 });
    await sendGift(viewer, live.streamId, { gift: 'Ice Cream' });
  }
  const board = await boardOf(live.streamId, server.http());
  expect(board.map(({ profile }) => profile.handle)).toEqual(viewers.map(({ handle }) => handle));
  expect(board.map(({ rank }) => rank)).toEqual([1, 2, 3]);
});

test('the board has 10 places if nobody says how many, and nobody gets more than 100', async ({ server, live }) => {
  const rose = await giftId(server.http(), 'Rose');
  await inWaves(101, async () => {
    const viewer = await signIn(server);
    succeed(await buyCoins(viewer, { coins: 1 }));
    succeed(await sendGift(viewer, live.streamId, { giftId: rose }));
  });
  expect(await boardOf(live.streamId, server.http())).toHaveLength(10);
  expect(await boardOf(live.streamId, server.http(), 0)).toHaveLength(0);
  expect(await boardOf(live.streamId, server.http(), 1_000_000)).toHaveLength(100);
});

test('a stream without gifts has an empty board', async ({ server, live }) => {
  expect(await boardOf(live.streamId, server.http())).toEqual([]);
});
