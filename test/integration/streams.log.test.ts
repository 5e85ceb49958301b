/** The log of a stream as pages: the same events and cursors as its feed. */
import { expect } from 'vitest';
import { LIVE_EVENTS } from '../support/documents.ts';
import {
  endStream,
  type LiveEventEdge,
  query,
  readLog,
  sendChatMessage,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { expectClearErrors } from './support/clear-errors.ts';
import { atOnce } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

type Page = {
  totalCount: number;
  edges: { cursor: string; node: { seq: number } }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
};
type PageArgs = { first?: number; after?: string | null; last?: number | null };

const EVENTS = `query Events($id: ID!, $first: Int, $after: String, $last: Int) { liveStream(id: $id) {
  events(first: $first, after: $after, last: $last) { totalCount edges { cursor node { seq } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`;

/** Someone who is live, with so many events in the log. */
async function streamWith(server: Parameters<typeof signIn>[0], events: number) {
  const creator = await signIn(server);
  const { id } = await startStream(creator);
  await atOnce(events - 1, async (index) => succeed(await sendChatMessage(creator, id, `No ${index}`)));
  const page = async (args: PageArgs) => {
    const { liveStream } = await query<{ liveStream: { events: Page } }>(creator.api, EVENTS, { id, ...args });
    return { ...liveStream.events, seqs: liveStream.events.edges.map(({ node }) => node.seq) };
  };
  return { creator, id, page };
}

test('pages follow each other without a gap, and tell where they stand', async ({ server }) => {
  const { page } = await streamWith(server, 6);
  const first = await page({ first: 3 });
  expect(first).toMatchObject({ seqs: [1, 2, 3], totalCount: 6 });
  expect(first.pageInfo).toEqual({
    hasNextPage: true,
    hasPreviousPage: false,
    startCursor: first.edges[0]!.cursor,
    endCursor: first.edges[2]!.cursor,
  });
  const second = await page({ first: 3, after: first.pageInfo.endCursor });
  expect(second).toMatchObject({ seqs: [4, 5, 6], pageInfo: { hasNextPage: false, hasPreviousPage: true } });
  const behind = await page({ first: 3, after: second.pageInfo.endCursor });
  expect(behind).toMatchObject({ seqs: [], totalCount: 6 });
  expect(behind.pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: true, startCursor: null, endCursor: null });
});

test('the newest events are a page of their own, behind which the feed goes on', async ({ server }) => {
  const { id, page } = await streamWith(server, 6);
  const newest = await page({ last: 2 });
  expect(newest).toMatchObject({
    seqs: [5, 6],
    totalCount: 6,
    pageInfo: { hasNextPage: false, hasPreviousPage: true },
  });
  expect((await page({ after: newest.pageInfo.startCursor })).seqs).toEqual([6]);
  expect(await page({ last: 100 })).toMatchObject({ seqs: [1, 2, 3, 4, 5, 6], pageInfo: { hasPreviousPage: false } });
  expect((await page({ last: 2, first: 1, after: newest.pageInfo.endCursor })).seqs).toEqual([5, 6]);
  expect((await page({ last: null, first: 1 })).seqs).toEqual([1]);
  expect((await page({ last: 0 })).seqs).toEqual([]);
  const feed = (await server.ws()).subscribe(LIVE_EVENTS, { streamId: id, after: newest.edges[0]!.cursor });
  expect(await feed.next()).toMatchObject({ liveEvents: { node: { seq: 6 } } });
});

test('an absent and an empty cursor are the beginning', async ({ server }) => {
  const { page } = await streamWith(server, 3);
  for (const after of [undefined, null, '']) expect((await page({ after })).seqs).toEqual([1, 2, 3]);
});

test('a page holds 20 events if nobody says how many, and never more than 100', async ({ server }) => {
  const { page } = await streamWith(server, 105);
  expect((await page({})).seqs).toHaveLength(20);
  expect(await page({ first: 1_000_000 })).toMatchObject({ totalCount: 105, pageInfo: { hasNextPage: true } });
  expect((await page({ first: 1_000_000 })).seqs).toHaveLength(100);
  expect(await page({ first: 0 })).toMatchObject({ seqs: [], pageInfo: { hasNextPage: true } });
});

test('a negative page size is refused clearly', async ({ server, live }) => {
  for (const field of ['events(first: -1) { totalCount }', 'topGifters(first: -1) { rank }']) {
    const document = `query Negative($id: ID!) { liveStream(id: $id) { ${field} } }`;
    const { errors } = await server.http().request(document, { id: live.streamId });
    expectClearErrors(errors, /first/);
  }
});

test('the pages and the feed are the same events with the same cursors, and a page’s cursor resumes the feed', async ({
  server,
}) => {
  const { creator, id } = await streamWith(server, 8);
  await endStream(creator, id);
  const log = await readLog(server.http(), id, 3);
  const whole = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: id, after: '' });
  expect((await whole.take(9)).map(({ liveEvents }) => liveEvents)).toEqual(log);
  const rest = server.sse<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: id, after: log[4]!.cursor });
  expect((await rest.take(4)).map(({ liveEvents }) => liveEvents)).toEqual(log.slice(5));
});

test('cursors that are damaged, of another log or ahead of it are refused, by pages and by the feed', async ({
  server,
  live,
}) => {
  const other = (await streamWith(server, 3)).id;
  const foreign = (await readLog(server.http(), other))[0]!.cursor;
  const own = (await readLog(server.http(), live.streamId))[0]!.cursor;
  const epoch = Buffer.from(own, 'base64url').toString().split(':')[0];
  const cursor = (text: string) => Buffer.from(text).toString('base64url');
  const bad = [
    ['of another log', foreign],
    ['ahead of the log', cursor(`${epoch}:2`)],
    ['far ahead of the log', cursor(`${epoch}:${'9'.repeat(16)}`)],
    ['beyond all numbers', cursor(`${epoch}:${'9'.repeat(40)}`)],
    ['negative', cursor(`${epoch}:-1`)],
    ['a fraction', cursor(`${epoch}:1.5`)],
    ['without a number', cursor(`${epoch}:`)],
    ['without an epoch', cursor(':1')],
    ['garbage', 'garbage'],
    ['NUL', '\0'],
    ['of a list of creators', Buffer.from('GPC:N:1').toString('base64')],
    ['cut off', own.slice(0, -2)],
    ['very long', 'x'.repeat(10_000)],
  ] as const;
  const socket = await server.ws();
  for (const [what, after] of bad) {
    const page = await server.http().request(EVENTS, { id: live.streamId, after });
    expect(page.errors, what).toMatchObject([{ extensions: { code: 'INVALID_CURSOR' } }]);
    const feed = await socket.subscribe(LIVE_EVENTS, { streamId: live.streamId, after }).untilClosed();
    expect(feed.errors, what).toMatchObject([{ extensions: { code: 'INVALID_CURSOR' } }]);
    expectClearErrors(page.errors);
    expectClearErrors(feed.errors);
  }
  const fine = socket.subscribe<{ liveEvents: LiveEventEdge }>(LIVE_EVENTS, { streamId: live.streamId, after: '' });
  expect((await fine.next()).liveEvents.cursor).toBe(own);
});
