/** Following creators. */
import { expect } from 'vitest';
import { type Actor, mutate, type Outcome, query, signIn, startStream, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { wrongIds } from './support/ids.ts';
import { atOnce, successes, tally } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

type Followed = { creator: { id: string; isFollowed: boolean }; replayed: boolean };

const act =
  (name: 'followCreator' | 'unfollowCreator') =>
  (viewer: Actor, creatorId: string): Promise<Outcome<Followed>> =>
    mutate(viewer.api, name, { creatorId });
const follow = act('followCreator');
const unfollow = act('unfollowCreator');

async function creatorId(viewer: Pick<Actor, 'api'>, handle: string): Promise<string> {
  const document = 'query Creator($handle: String!) { creator(handle: $handle) { id } }';
  return (await query<{ creator: { id: string } }>(viewer.api, document, { handle })).creator.id;
}

const CREATOR = 'query Creator($handle: String!) { creator(handle: $handle) { isFollowed } }';

test('a viewer follows a creator, until they do not', async ({ server, viewer, live: { creator } }) => {
  const id = await creatorId(viewer, creator.handle);
  expect(succeed(await follow(viewer, id))).toMatchObject({ creator: { id, isFollowed: true }, replayed: false });
  const seenBy = (api: Actor['api']) => query(api, CREATOR, { handle: creator.handle });
  expect(await seenBy(viewer.api)).toEqual({ creator: { isFollowed: true } });
  expect(await seenBy((await signIn(server)).api)).toEqual({ creator: { isFollowed: false } });
  expect(await seenBy(server.http())).toEqual({ creator: { isFollowed: false } });
  expect(succeed(await unfollow(viewer, id))).toMatchObject({ creator: { id, isFollowed: false }, replayed: false });
  expect(await seenBy(viewer.api)).toEqual({ creator: { isFollowed: false } });
});

test('doing so again changes nothing; at once, once', async ({ db, viewer, live: { creator } }) => {
  const id = await creatorId(viewer, creator.handle);
  for (const [once, typename] of [
    [follow, 'FollowCreatorSuccess'],
    [unfollow, 'UnfollowCreatorSuccess'],
  ] as const) {
    const outcomes = await atOnce(20, () => once(viewer, id));
    expect(tally(outcomes)).toEqual({ [typename]: 20 });
    expect(successes(outcomes).filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(succeed(await expectNothingWritten(db.pool, () => once(viewer, id))).replayed).toBe(true);
  }
});

test('nobody follows themselves, somebody who is not there, or without signing in', async ({ db, server, live }) => {
  const { creator } = live;
  const id = await creatorId(creator, creator.handle);
  const [self, ...missing] = await expectNothingWritten(db.pool, () =>
    Promise.all([follow(creator, id), ...wrongIds('Creator').map(([, wrong]) => follow(creator, wrong))]),
  );
  expect(self).toMatchObject({ __typename: 'ForbiddenError', code: 'FORBIDDEN' });
  for (const outcome of missing) expect(outcome).toMatchObject({ __typename: 'NotFoundError', code: 'NOT_FOUND' });
  for (const once of [follow, unfollow]) {
    expect(await once({ ...creator, api: server.http() }, id)).toMatchObject({ code: 'NOT_SIGNED_IN' });
  }
});

test('a page of creators costs one statement more with isFollowed', async ({ server, viewer }) => {
  await atOnce(5, async () => startStream(await signIn(server)));
  const count = async (fields: string, first: number) => {
    const document = `query Page($first: Int) { creators(first: $first) { edges { node { ${fields} } } } }`;
    await query(viewer.api, document, { first });
    return (await countSql(server.app, () => query(viewer.api, document, { first }))).count;
  };
  const without = await count('handle', 5);
  expect(await count('handle isFollowed', 1)).toBe(without + 1);
  expect(await count('handle isFollowed', 5)).toBe(without + 1);
});
