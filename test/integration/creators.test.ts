/** Creators: the list, the search, and whether they are on air. */
import { expect } from 'vitest';
import type { HttpClient } from '../support/client.ts';
import { test as ownTest } from '../support/fixtures.ts';
import { endStream, freshHandle, query, signIn, startStream } from '../support/operations.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { globalId } from './support/ids.ts';
import { inWaves } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

type Page = {
  creators: {
    totalCount: number;
    edges: { cursor: string; node: { handle: string } }[];
    pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  };
};
type PageArgs = { first?: number; after?: string; last?: number; before?: string; search?: string };

const CREATORS = `query Creators($first: Int, $after: String, $last: Int, $before: String, $search: String) {
  creators(first: $first, after: $after, last: $last, before: $before, search: $search) {
    totalCount edges { cursor node { handle } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;
const CREATOR = `query Creator($handle: String!) {
  creator(handle: $handle) { id handle displayName currentStream { id title status creator { handle } } } }`;

async function page(reader: HttpClient, args: PageArgs): Promise<Page['creators'] & { handles: string[] }> {
  const { creators } = await query<Page>(reader, CREATORS, args);
  return { ...creators, handles: creators.edges.map(({ node }) => node.handle) };
}

ownTest('creators are listed oldest first, page by page in both directions', async ({ server }) => {
  const handles = ['pinkydoll', 'souq'];
  for (let count = 0; count < 5; count++) {
    const creator = await signIn(server, freshHandle('creator'));
    await startStream(creator);
    handles.push(creator.handle);
  }
  const api = server.http();
  expect((await page(api, {})).handles).toEqual(handles);
  const first = await page(api, { first: 3 });
  expect(first).toMatchObject({ handles: handles.slice(0, 3), totalCount: 7 });
  expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  const second = await page(api, { first: 3, after: first.pageInfo.endCursor! });
  expect(second).toMatchObject({ handles: handles.slice(3, 6), totalCount: 7, pageInfo: { hasNextPage: true } });
  const third = await page(api, { first: 3, after: second.pageInfo.endCursor! });
  expect(third).toMatchObject({ handles: handles.slice(6), totalCount: 7, pageInfo: { hasNextPage: false } });
  const back = await page(api, { last: 3, before: third.pageInfo.startCursor! });
  expect(back.handles).toEqual(handles.slice(3, 6));
  expect(await page(api, { first: 0 })).toMatchObject({ handles: [], totalCount: 7 });
});

ownTest('a page holds 20 creators if nobody says how many, and never more than 100', async ({ server }) => {
  await inWaves(101, async () => startStream(await signIn(server)));
  expect((await page(server.http(), {})).handles).toHaveLength(20);
  const largest = await page(server.http(), { first: 1_000_000 });
  expect(largest.handles).toHaveLength(100);
  expect(largest).toMatchObject({ totalCount: 103, pageInfo: { hasNextPage: true } });
  const rest = await page(server.http(), { first: 1_000_000, after: largest.pageInfo.endCursor! });
  expect(rest.handles).toHaveLength(3);
});

test('the search finds handles and names, without regard to case, and counts what it finds', async ({ server }) => {
  const creator = await signIn(server, 'mona_lisa.live');
  await startStream(creator);
  for (const search of ['mona_lisa', 'LISA.L', 'Mona', ' mona_lisa.live ']) {
    expect(await page(server.http(), { search }), search).toMatchObject({ handles: [creator.handle], totalCount: 1 });
  }
  const nobody = await page(server.http(), { search: 'nobody at all' });
  expect(nobody).toMatchObject({ handles: [], totalCount: 0 });
});

test('an empty search finds everybody', async ({ server }) => {
  const all = await page(server.http(), {});
  for (const search of ['', '   ']) expect((await page(server.http(), { search })).totalCount).toBe(all.totalCount);
});

test('the search takes text as it is: no character stands for others', async ({ server }) => {
  await startStream(await signIn(server, 'a_wild_card'));
  await startStream(await signIn(server, 'a.wild.card'));
  expect((await page(server.http(), { search: 'a_wild_card' })).handles).toEqual(['a_wild_card']);
  for (const search of ['%', 'a%d', '\\', "' OR 1=1 --"]) {
    expect((await page(server.http(), { search })).handles, search).toEqual([]);
  }
});

test('a search or a handle that is no proper text is refused, or finds nobody', async ({ server }) => {
  for (const text of ['\0', 'a\0b', '\ud800']) {
    const found = await server.http().request<Page>(CREATORS, { search: text });
    if (found.errors) expectClearErrors(found.errors);
    else expect(found.data!.creators.edges).toEqual([]);
    const one = await server.http().request(CREATOR, { handle: text });
    if (one.errors) expectClearErrors(one.errors);
    else expect(one.data).toEqual({ creator: null });
  }
});

test('a search or a handle in Arabic, emoji, or as long as it likes finds nobody', async ({ server }) => {
  for (const text of ['ليلى', '🌹', 'x'.repeat(10_000)]) {
    expect((await page(server.http(), { search: text })).handles, JSON.stringify(text)).toEqual([]);
    expect(await query(server.http(), CREATOR, { handle: text }), JSON.stringify(text)).toEqual({ creator: null });
  }
});

test('a creator is found by the handle, and shows the stream that they are live with', async ({ server, live }) => {
  const { handle } = live.creator;
  const find = () => query<{ creator: { currentStream: unknown } }>(server.http(), CREATOR, { handle });
  const onAir = { id: live.streamId, title: `Live with ${handle}`, status: 'LIVE', creator: { handle } };
  expect(await find()).toMatchObject({ creator: { handle, currentStream: onAir } });
  expect(await query(server.http(), CREATOR, { handle: handle.toUpperCase() })).toMatchObject({ creator: { handle } });
  await endStream(live.creator, live.streamId);
  expect((await find()).creator.currentStream).toBeNull();
  const next = await startStream(live.creator, 'Back again');
  expect((await find()).creator.currentStream).toMatchObject({ id: next.id, title: 'Back again' });
});

test('a viewer who was never live is no creator', async ({ server, viewer }) => {
  expect(await query(server.http(), CREATOR, { handle: viewer.handle })).toEqual({ creator: null });
});

test.for([
  ['garbage', 'garbage'],
  ['text in base64', Buffer.from('no cursor').toString('base64')],
  ['a word for a number', Buffer.from('GPC:N:many').toString('base64')],
  ['a text for a number', Buffer.from('GPC:S:many').toString('base64')],
  ['a fraction', Buffer.from('GPC:N:1.5').toString('base64')],
  ['a number beyond what the database holds', Buffer.from(`GPC:N:${'9'.repeat(30)}`).toString('base64')],
  ['a bigint beyond what the database holds', Buffer.from(`GPC:I:${'9'.repeat(30)}`).toString('base64')],
  ['a bigint that is none', Buffer.from('GPC:I:x').toString('base64')],
  ['a date', Buffer.from('GPC:D:1').toString('base64')],
  ['broken JSON', Buffer.from('GPC:J:[').toString('base64')],
  ['an object', Buffer.from('GPC:J:{"id":{"gt":0}}').toString('base64')],
  ['an id of a node', globalId('Creator', 1)],
  ['NUL', '\0'],
] as const)('a cursor that is %s is refused clearly', async ([, cursor], { server }) => {
  for (const args of [{ after: cursor }, { before: cursor }, { first: 5, after: cursor }]) {
    const { errors } = await server.http().request(CREATORS, args);
    expectClearErrors(errors);
  }
});

test.for([
  ['a negative first', { first: -1 }],
  ['a negative last', { last: -1 }],
])('%s is refused clearly', async ([, args], { server }) => {
  const { errors } = await server.http().request(CREATORS, args as PageArgs);
  expectClearErrors(errors, /negative|at least 0/);
});
