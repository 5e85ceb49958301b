/** Lists, page by page: what a client that walks through them sees while streams start and end. */
import { expect } from 'vitest';
import type { HttpClient } from '../support/client.ts';
import { test } from '../support/fixtures.ts';
import { type Actor, endStream, query, signIn, startStream } from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { globalId } from './support/ids.ts';

type PageArgs = { first?: number; after?: string | null; last?: number; before?: string | null };
type Page = {
  edges: { cursor: string; node: { id: string; title: string } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
};

const LIVE = `query Live($first: Int, $after: String, $last: Int, $before: String) {
  liveStreams(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`;

async function page(api: HttpClient, args: PageArgs = {}): Promise<Page & { titles: string[] }> {
  const { liveStreams } = await query<{ liveStreams: Page }>(api, LIVE, args);
  return { ...liveStreams, titles: liveStreams.edges.map(({ node }) => node.title) };
}

/** Seven streams on air, titled 7 to 1 from the newest to the oldest; the demo's two are the oldest. */
async function sevenOnAir(server: Server): Promise<{ creator: Actor; id: string }[]> {
  for (const handle of ['pinkydoll', 'souq']) {
    const demo = await signIn(server, handle);
    const { creator } = await query<{ creator: { currentStream: { id: string } } }>(
      demo.api,
      `{ creator(handle: "${handle}") { currentStream { id } } }`,
    );
    await endStream(demo, creator.currentStream.id);
  }
  const streams = [];
  for (let number = 1; number <= 7; number++) {
    const creator = await signIn(server);
    streams.push({ creator, id: (await startStream(creator, String(number))).id });
  }
  return streams;
}

test('live streams are listed newest first, page by page in both directions', async ({ server }) => {
  await sevenOnAir(server);
  const api = server.http();
  const first = await page(api, { first: 3 });
  expect(first.titles).toEqual(['7', '6', '5']);
  expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  const second = await page(api, { first: 3, after: first.pageInfo.endCursor });
  expect(second).toMatchObject({ titles: ['4', '3', '2'], pageInfo: { hasNextPage: true, hasPreviousPage: true } });
  const third = await page(api, { first: 3, after: second.pageInfo.endCursor });
  expect(third).toMatchObject({ titles: ['1'], pageInfo: { hasNextPage: false, hasPreviousPage: true } });

  const last = await page(api, { last: 3 });
  expect(last).toMatchObject({ titles: ['3', '2', '1'], pageInfo: { hasNextPage: false, hasPreviousPage: true } });
  const before = await page(api, { last: 3, before: last.pageInfo.startCursor });
  expect(before).toMatchObject({ titles: ['6', '5', '4'], pageInfo: { hasNextPage: true, hasPreviousPage: true } });
  const start = await page(api, { last: 3, before: before.pageInfo.startCursor });
  expect(start).toMatchObject({ titles: ['7'], pageInfo: { hasNextPage: true, hasPreviousPage: false } });
  expect(await page(api, { before: third.pageInfo.startCursor })).toMatchObject({
    titles: ['7', '6', '5', '4', '3', '2'],
  });
});

test('a page of no items says where it stands, and nothing else', async ({ server }) => {
  await sevenOnAir(server);
  const empty = { edges: [], pageInfo: { startCursor: null, endCursor: null } };
  expect(await page(server.http(), { first: 0 })).toMatchObject({ ...empty, pageInfo: { hasNextPage: true } });
  expect(await page(server.http(), { last: 0 })).toMatchObject({ ...empty, pageInfo: { hasPreviousPage: true } });
});

test('behind the cursor of a stream that has ended meanwhile the list goes on without a gap', async ({ server }) => {
  const streams = await sevenOnAir(server);
  const api = server.http();
  const { pageInfo } = await page(api, { first: 3 });
  const fifth = streams[4]!;
  await endStream(fifth.creator, fifth.id);
  expect((await page(api, { first: 2, after: pageInfo.endCursor })).titles).toEqual(['4', '3']);
  expect((await page(api, { last: 2, before: pageInfo.endCursor })).titles).toEqual(['7', '6']);
});

test('cursors are those that were handed out before, and tell nothing but the place', async ({ server }) => {
  const streams = await sevenOnAir(server);
  const number = Buffer.from(streams[2]!.id, 'base64').toString().split(':')[1];
  const cursor = Buffer.from(`GPC:I:${number}`).toString('base64');
  const { edges } = await page(server.http(), {});
  expect(edges.find(({ node }) => node.title === '3')!.cursor).toBe(cursor);
  expect((await page(server.http(), { after: cursor })).titles).toEqual(['2', '1']);
});

test.for<[PageArgs, RegExp]>([
  [{ first: 1, last: 1, before: 'CURSOR' }, /"before" and "first"/],
  [{ after: 'CURSOR', before: 'CURSOR' }, /"before" and "after"/],
  [{ last: 1, after: 'CURSOR' }, /"after" and "last"/],
  [{ first: -1 }, /"first" must be a non-negative integer/],
  [{ last: -1 }, /"last" must be a non-negative integer/],
])('arguments that contradict each other are refused: %j', async ([args, message], { server }) => {
  const cursor = Buffer.from('GPC:I:1').toString('base64');
  const variables = JSON.parse(JSON.stringify(args).replaceAll('CURSOR', cursor));
  expectClearErrors((await server.http().request(LIVE, variables)).errors, message);
});

test('a search is walked through in both directions too', async ({ server }) => {
  for (let number = 1; number <= 5; number++) await startStream(await signIn(server, `walker_${number}`));
  await startStream(await signIn(server, 'somebody_else'));
  const handles = async (args: string) => {
    const { creators } = await query<{ creators: { edges: { cursor: string; node: { handle: string } }[] } }>(
      server.http(),
      `{ creators(search: "WALKER_", ${args}) { edges { cursor node { handle } } } }`,
    );
    return creators.edges.map(({ cursor, node }) => ({ cursor, number: node.handle.slice(-1) }));
  };
  const first = await handles('first: 2');
  expect(first.map(({ number }) => number)).toEqual(['1', '2']);
  const second = await handles(`first: 2, after: "${first[1]!.cursor}"`);
  expect(second.map(({ number }) => number)).toEqual(['3', '4']);
  expect((await handles('last: 2')).map(({ number }) => number)).toEqual(['4', '5']);
  expect((await handles(`last: 2, before: "${second[0]!.cursor}"`)).map(({ number }) => number)).toEqual(['1', '2']);
});

test('a stream and a creator are found by their global ids, and a stream that has ended shows what is on air', async ({
  server,
  live,
}) => {
  const { creator, streamId } = live;
  await endStream(creator, streamId);
  const next = await startStream(creator, 'The next one');
  const document = `query Node($id: ID!) { node(id: $id) { __typename id
    ... on LiveStream { status endedAt creator { id handle currentStream { id title status endedAt } } }
    ... on Creator { handle earnings { lifetimeDiamonds } currentStream { id creator { handle } } } } }`;
  type Node = { node: { creator: { id: string } } };
  const current = { id: next.id, title: 'The next one', status: 'LIVE', endedAt: null };
  const stream = await query<Node>(server.http(), document, { id: streamId });
  expect(stream).toMatchObject({
    node: { __typename: 'LiveStream', id: streamId, status: 'ENDED', creator: { currentStream: current } },
  });
  const { id } = stream.node.creator;
  const { handle } = creator;
  const shown = { __typename: 'Creator', id, handle, currentStream: { id: next.id, creator: { handle } } };
  expect(await query(server.http(), document, { id })).toMatchObject({ node: { ...shown, earnings: null } });
  expect(await query(creator.api, document, { id })).toMatchObject({
    node: { ...shown, earnings: { lifetimeDiamonds: 0 } },
  });
  for (const missing of [globalId('LiveStream', 999_999), globalId('Creator', 999_999), globalId('Creator', 0)]) {
    expect(await query(server.http(), document, { id: missing })).toEqual({ node: null });
  }
});
