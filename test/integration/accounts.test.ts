/** People: signing in on a demo server, and who sees what of whom. */
import { expect } from 'vitest';
import { freshHandle, mutate, query, signIn, succeed } from '../support/operations.ts';
import { globalId } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

const HOUR_MS = 3_600_000;
const ME = '{ me { id handle displayName wallet { coins } } }';
const NODE = `query Node($id: ID!) { node(id: $id) { __typename id
  ... on Viewer { handle wallet { coins } } ... on Creator { handle } ... on LiveStream { title }
  ... on Gift { name } ... on CoinPack { coins } } }`;

type SignIn = { token: string; expiresAt: string; viewer: { id: string; handle: string; displayName: string } };

test('the first sign-in makes the viewer, with an empty wallet, and its token works at once', async ({ server }) => {
  const handle = freshHandle();
  const { token, expiresAt, viewer } = succeed(await mutate<SignIn>(server.http(), 'signIn', { handle }));
  expect(viewer).toMatchObject({ handle, displayName: `V${handle.slice(1)}` });
  expect(Math.abs(Date.parse(expiresAt) - Date.now() - HOUR_MS)).toBeLessThan(60_000);
  expect(await query(server.http(token), ME)).toEqual({ me: { ...viewer, wallet: { coins: 0 } } });
});

test('a handle is one person, however it is written', async ({ server, db }) => {
  const handle = freshHandle();
  const first = await signIn(server, handle);
  await expectNothingWritten(db.pool, async () => {
    for (const spelling of [handle, `@${handle}`, handle.toUpperCase(), `  ${handle} `]) {
      expect((await signIn(server, spelling)).id, spelling).toBe(first.id);
    }
  });
});

test('50 first sign-ins at once make one viewer', async ({ server, db }) => {
  const handle = freshHandle();
  const viewers = await atOnce(50, () => signIn(server, handle));
  expect(new Set(viewers.map(({ id }) => id)).size).toBe(1);
  const { rows } = await db.pool.query('SELECT count(*)::int FROM viewer WHERE handle = $1', [handle]);
  expect(rows).toEqual([{ count: 1 }]);
});

test.for([
  ['empty', ''],
  ['blank', '   '],
  ['one character', 'a'],
  ['31 characters', 'x'.repeat(31)],
  ['a space', 'two words'],
  ['a leading dot', '.dot'],
  ['Arabic letters', 'ليلى'],
  ['an emoji', 'rose🌹'],
  ['a NUL', 'a\0b'],
  ['SQL', "x'; drop table viewer; --"],
])('a handle with %s is refused', async ([, handle], { server, db }) => {
  const outcome = await expectNothingWritten(db.pool, () => mutate(server.http(), 'signIn', { handle }));
  expect(outcome).toMatchObject({
    __typename: 'InvalidInputError',
    code: 'INVALID_INPUT',
    issues: [{ path: 'input.handle', message: expect.stringContaining('2 to 30 characters') }],
  });
});

test('without a token there is no me', async ({ server }) => {
  expect(await query(server.http(), ME)).toEqual({ me: null });
});

test('node loads every type of node by its global id', async ({ server, viewer, live }) => {
  type Ids = { gifts: { id: string }[]; coinPacks: { id: string }[]; creator: { id: string } };
  const document = `query Ids($handle: String!) { gifts { id } coinPacks { id } creator(handle: $handle) { id } }`;
  const ids = await query<Ids>(server.http(), document, { handle: live.creator.handle });
  const load = async (id: string) => (await query<{ node: unknown }>(viewer.api, NODE, { id })).node;
  expect(await load(viewer.id)).toEqual({
    __typename: 'Viewer',
    id: viewer.id,
    handle: viewer.handle,
    wallet: { coins: 0 },
  });
  expect(await load(live.streamId)).toMatchObject({ __typename: 'LiveStream', id: live.streamId });
  const { handle } = live.creator;
  expect(await load(ids.creator.id)).toEqual({ __typename: 'Creator', id: ids.creator.id, handle });
  expect(await load(ids.gifts[0]!.id)).toEqual({ __typename: 'Gift', id: ids.gifts[0]!.id, name: 'Rose' });
  expect(await load(ids.coinPacks[0]!.id)).toEqual({ __typename: 'CoinPack', id: ids.coinPacks[0]!.id, coins: 70 });
});

test('several nodes in one request come back each in its place', async ({ server }) => {
  const { gifts } = await query<{ gifts: { id: string }[] }>(server.http(), '{ gifts { id } }');
  const [a, b] = [gifts[3]!.id, gifts[1]!.id];
  const document = `{ a: node(id: "${a}") { id } none: node(id: "${globalId('Gift', 999)}") { id } b: node(id: "${b}") { id } }`;
  expect(await query(server.http(), document)).toEqual({ a: { id: a }, none: null, b: { id: b } });
});

test("another viewer's id finds nothing, signed in or not", async ({ server, viewer }) => {
  const other = await signIn(server);
  expect(await query(viewer.api, NODE, { id: other.id })).toEqual({ node: null });
  expect(await query(server.http(), NODE, { id: other.id })).toEqual({ node: null });
});

test('the profile that others see carries the id of me, and no wallet', async ({ viewer }) => {
  const { errors } = await viewer.api.request(
    '{ liveStreams { edges { node { topGifters { profile { wallet { coins } } } } } } }',
  );
  expect(errors?.[0]?.message).toContain('Cannot query field "wallet" on type "PublicProfile"');
});

test.for(
  ['Viewer', 'Creator', 'LiveStream', 'Gift', 'CoinPack'].flatMap((typename) =>
    [999_999_999, 0, -1, '1x', '01', 2n ** 63n, '9'.repeat(40), '\0', '1:2', "1' OR 1=1 --"].map((row) => [
      `${typename}:${String(row).replace('\0', 'NUL')}`,
      globalId(typename, row),
    ]),
  ),
)('node of %s is null', async ([, id], { viewer }) => {
  const { data, errors } = await viewer.api.request(NODE, { id });
  expect({ data, errors }).toEqual({ data: { node: null }, errors: undefined });
});

test.for([
  ['an unknown type', globalId('Nothing', 1)],
  ['a type that is no node', globalId('PublicProfile', 1)],
  ['a type of GraphQL itself', globalId('Query', 1)],
  ['an interface', globalId('Node', 1)],
  ['a type only', Buffer.from('Gift').toString('base64')],
  ['a type and no row', globalId('Gift', '')],
  ['no base64', '%%%'],
  ['nothing', ''],
  ['a word', 'garbage'],
  ['bytes', Buffer.from([0, 255, 254, 58, 1]).toString('base64')],
])('node of an id that is %s is null, with no more than a word about the id', async ([, id], { viewer }) => {
  const { data, errors } = await viewer.api.request(NODE, { id });
  expect(data).toEqual({ node: null });
  for (const { message } of errors ?? []) expect(message).toBe(`Invalid global ID: ${id}`);
});
