/** Public answers are kept for people who are not signed in, until what they show changes; and for nobody else. */
import type { Pool, PoolClient } from 'pg';
import { expect } from 'vitest';
import { test as nodesTest, POLL_INTERVAL_MS } from '../realtime/support/nodes.ts';
import type { HttpClient } from '../support/client.ts';
import { type Actor, endStream, query, signIn, startStream } from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import type { Variables } from '../support/wire.ts';
import { globalId } from './support/ids.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const HOUR_MS = 3_600_000;
/** Only a change ends what is kept. */
const KEPT = { overrides: { ...QUIET.overrides, responseCache: { ttlMs: HOUR_MS } } };
const test = testOn(KEPT);

const ON_AIR = '{ liveStreams(first: 100) { totalCount edges { node { id title creator { handle } } } } }';
const STREAM = 'query Stream($id: ID!) { liveStream(id: $id) { id title status endedAt } }';
const CREATOR = 'query Creator($handle: String!) { creator(handle: $handle) { displayName currentStream { id } } }';
const EARNINGS =
  'query Earnings($handle: String!) { creator(handle: $handle) { handle earnings { lifetimeDiamonds } } }';

/** The statements of the queries below. The server has others, which it runs by itself. */
const READS =
  /\/\* (streams\.livePage|streams\.byId|creators\.|gifts\.list|gifts\.top|payments\.coinPacks|live\.pages)/;

type OnAir = { liveStreams: { totalCount: number; edges: { node: { id: string } }[] } };

/** Whether an answer was read from the database, or had been kept. */
async function isRead(server: Server, api: HttpClient, document: string, variables?: Variables): Promise<boolean> {
  const { statements } = await countSql(server.app, () => query(api, document, variables));
  return statements.some((sql) => READS.test(sql));
}

async function idsOnAir(api: HttpClient): Promise<string[]> {
  const { liveStreams } = await query<OnAir>(api, ON_AIR);
  return liveStreams.edges.map(({ node }) => node.id);
}

test('a public answer is read once, and to the client it looks the same each time', async ({ server, live }) => {
  const body = JSON.stringify({ query: STREAM, variables: { id: live.streamId } });
  const send = async () => {
    let shown: unknown;
    const { statements } = await countSql(server.app, async () => {
      const response = await fetch(server.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      // The request's own name is its own.
      const { date: _date, 'x-request-id': _id, ...headers } = Object.fromEntries(response.headers);
      shown = { status: response.status, headers, text: await response.text() };
    });
    return { shown, isRead: statements.some((sql) => READS.test(sql)) };
  };
  const first = await send();
  const second = await send();
  expect([first.isRead, second.isRead]).toEqual([true, false]);
  expect(second.shown).toEqual(first.shown);
  for (const header of ['etag', 'last-modified', 'age']) {
    expect(first.shown).not.toHaveProperty(['headers', header]);
  }
  expect(first.shown, 'kept here, and nowhere else').toHaveProperty(['headers', 'cache-control'], 'no-store');
});

test('the same document with other variables, or another operation of it, has an answer of its own', async ({
  server,
  live,
}) => {
  const other = await startStream(await signIn(server), 'Another');
  const titles = [];
  for (const id of [live.streamId, other.id, live.streamId]) {
    titles.push((await query<{ liveStream: { id: string } }>(server.http(), STREAM, { id })).liveStream.id);
  }
  expect(titles).toEqual([live.streamId, other.id, live.streamId]);
  const both = 'query Gifts { gifts { name } } query Packs { coinPacks { coins } }';
  const run = async (operationName: string) => {
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: both, operationName }),
    });
    return Object.keys(((await response.json()) as { data: object }).data);
  };
  expect([await run('Gifts'), await run('Packs'), await run('Gifts')]).toEqual([['gifts'], ['coinPacks'], ['gifts']]);
});

test('a stream that starts or ends is on the next answer, and off it', async ({ server }) => {
  const creator = await signIn(server);
  const shown = async () => ({
    list: await idsOnAir(server.http()),
    current: await query(server.http(), CREATOR, { handle: creator.handle }),
  });
  await shown();
  const { id } = await startStream(creator);
  const whileLive = await shown();
  expect(whileLive.list[0]).toBe(id);
  expect(whileLive.current).toMatchObject({ creator: { currentStream: { id } } });
  expect(await query(server.http(), STREAM, { id })).toMatchObject({ liveStream: { status: 'LIVE' } });
  await endStream(creator, id);
  const afterwards = await shown();
  expect(afterwards.list).not.toContain(id);
  expect(afterwards.current).toMatchObject({ creator: { currentStream: null } });
  expect(await query(server.http(), STREAM, { id })).toMatchObject({ liveStream: { status: 'ENDED' } });
});

test('a count alone changes with the list, and the list of creators with its first stream', async ({ server }) => {
  const count = async (field: string) =>
    Object.values(await query<Record<string, { totalCount: number }>>(server.http(), `{ ${field} { totalCount } }`))[0]!
      .totalCount;
  const before = [await count('liveStreams'), await count('creators')];
  const creator = await signIn(server);
  const first = await startStream(creator);
  expect([await count('liveStreams'), await count('creators')]).toEqual(before.map((value) => value + 1));
  await endStream(creator, first.id);
  expect([await count('liveStreams'), await count('creators')]).toEqual([before[0], before[1]! + 1]);
});

test('nothing is shown of a stream that is not there, until it is', async ({ server, live }) => {
  const number = Number(Buffer.from(live.streamId, 'base64').toString().split(':')[1]);
  const id = globalId('LiveStream', number + 1);
  expect(await query(server.http(), STREAM, { id })).toEqual({ liveStream: null });
  expect(await startStream(await signIn(server))).toEqual(expect.objectContaining({ id }));
  expect(await query(server.http(), STREAM, { id })).toMatchObject({ liveStream: { id } });
});

test('a change ends the answers that show it, and no others', async ({ server, live }) => {
  const other = await signIn(server);
  const { id } = await startStream(other);
  const api = server.http();
  const documents: [string, Record<string, unknown>?][] = [
    [STREAM, { id: live.streamId }],
    [CREATOR, { handle: live.creator.handle }],
    ['{ gifts { id name coins } coinPacks { coins price { amount currency } } }'],
    ['{ creators(first: 2) { edges { node { handle currentStream { title } } } } }'],
  ];
  for (const [document, variables] of documents) await query(api, document, variables);
  await endStream(other, id);
  for (const [document, variables] of documents) {
    expect(await isRead(server, api, document, variables), document).toBe(false);
  }
});

test('whoever is signed in is not served from what is kept, and leaves nothing there', async ({ server, viewer }) => {
  const document = (name: string) => `query ${name} { liveStreams(first: 3) { edges { node { title } } } }`;
  await query(server.http(), document('Anonymous'));
  expect(await isRead(server, viewer.api, document('Anonymous'))).toBe(true);
  await query(viewer.api, document('SignedIn'));
  expect(await isRead(server, server.http(), document('SignedIn'))).toBe(true);
  expect(await isRead(server, server.http(), document('SignedIn'))).toBe(false);
});

test('a token that does not hold is no better than a good one', async ({ server }) => {
  const document = 'query NoToken { liveStreams(first: 2) { edges { node { title } } } }';
  await query(server.http('nonsense'), document);
  expect(await isRead(server, server.http(), document)).toBe(true);
  expect(await isRead(server, server.http('nonsense'), document)).toBe(true);
});

test('what a creator earns is shown to nobody else, in whatever order they ask', async ({ server, live, viewer }) => {
  const { handle } = live.creator;
  const earnings = async (api: HttpClient) =>
    (await query<{ creator: { earnings: unknown } }>(api, EARNINGS, { handle })).creator.earnings;
  const everybody: [HttpClient, unknown][] = [
    [server.http(), null],
    [live.creator.api, { lifetimeDiamonds: 0 }],
    [server.http(), null],
    [viewer.api, null],
    [live.creator.api, { lifetimeDiamonds: 0 }],
  ];
  for (const [api, seen] of everybody) expect(await earnings(api)).toEqual(seen);
});

test.for([
  ['a field that is not marked public', EARNINGS],
  [
    'the same, deep in fragments',
    'query Q($handle: String!) { ...A } fragment A on Query { creator(handle: $handle) { ...B } } fragment B on Creator { handle ... on Creator { earnings { lifetimeDiamonds } } }',
  ],
  ['the signed-in viewer', 'query Q($handle: String!) { me { id } creator(handle: $handle) { handle } }'],
  [
    'a log, which grows',
    'query Q($handle: String!) { creator(handle: $handle) { currentStream { events { totalCount } } } }',
  ],
  [
    'a leaderboard, which changes with each gift',
    'query Q($handle: String!) { creator(handle: $handle) { currentStream { topGifters { rank } } } }',
  ],
] as const)('an answer with %s is never kept', async ([, document], { server, live }) => {
  const variables = { handle: live.creator.handle };
  await query(server.http(), document, variables);
  expect(await isRead(server, server.http(), document, variables)).toBe(true);
});

test('an answer with an error is not kept', async ({ server, db }) => {
  const document = 'query Failing { gifts { name } coinPacks { coins } }';
  await db.pool.query('ALTER TABLE coin_pack RENAME TO coin_pack_away');
  const { errors } = await server.http().request(document);
  await db.pool.query('ALTER TABLE coin_pack_away RENAME TO coin_pack');
  expect(errors).toMatchObject([{ message: 'Unexpected error.' }]);
  expect(await query(server.http(), document)).toMatchObject({ coinPacks: expect.any(Array) });
});

test('an answer that was read before a change and is finished after it is not kept', async ({ server, db }) => {
  const creator = await signIn(server);
  const document = 'query Slow { liveStreams(first: 100) { edges { node { id } } } coinPacks { coins } }';
  const blocker = await db.pool.connect();
  let slow: Promise<OnAir>;
  let started: { id: string };
  try {
    await blocker.query('BEGIN; LOCK TABLE coin_pack');
    slow = query<OnAir>(server.http(), document);
    await expect.poll(() => progressOf(db.pool, blocker)).toEqual({ listsRead: 1, waiting: 1 });
    started = await startStream(creator);
  } finally {
    await blocker.query('ROLLBACK');
    blocker.release();
  }
  const ids = ({ liveStreams }: OnAir) => liveStreams.edges.map(({ node }) => node.id);
  expect(ids(await slow)).not.toContain(started.id);
  expect(ids(await query<OnAir>(server.http(), document))).toContain(started.id);
});

const expiring = testOn({ overrides: { ...QUIET.overrides, responseCache: { ttlMs: 300 } } });

expiring('a change that nobody hears of is shown all the same, a little later', async ({ server, db, live }) => {
  const title = async () =>
    (await query<{ liveStream: { title: string } }>(server.http(), STREAM, { id: live.streamId })).liveStream.title;
  await title();
  await db.pool.query("UPDATE stream SET title = 'Changed by hand' WHERE status = 'LIVE'");
  await expect.poll(title).toBe('Changed by hand');
});

const twoNodes = nodesTest.extend('nodeSettings', ({ db, redis }) => ({
  overrides: { hub: { pollIntervalMs: POLL_INTERVAL_MS }, pulseIntervalMs: 50, ...KEPT.overrides },
  databaseUrl: db.url,
  redis: redis.url,
}));

twoNodes('a stream that starts or ends on one server is on the answers of the other', async ({ nodes }) => {
  const { a, b } = nodes;
  const creator: Actor = await signIn(a);
  const before = await idsOnAir(b.http());
  expect(await isRead(b, b.http(), ON_AIR)).toBe(false);
  const { id } = await startStream(creator);
  expect((await idsOnAir(a.http()))[0]).toBe(id);
  await expect.poll(() => idsOnAir(b.http())).toEqual([id, ...before]);
  await endStream(creator, id);
  expect(await idsOnAir(a.http())).not.toContain(id);
  await expect.poll(() => idsOnAir(b.http())).toEqual(before);
});

/** Since the blocker's transaction began: lists that were read, and statements that wait for its lock. */
async function progressOf(pool: Pool, blocker: PoolClient): Promise<unknown> {
  const { rows: began } = await blocker.query<{ at: Date }>('SELECT now() AS at');
  const { rows } = await pool.query(
    `SELECT count(*) FILTER (WHERE state = 'idle' AND query LIKE '%streams.livePage%' AND query_start > $1)::int AS "listsRead",
            count(*) FILTER (WHERE wait_event_type = 'Lock')::int AS waiting
       FROM pg_stat_activity WHERE datname = current_database()`,
    [began[0]!.at],
  );
  return rows[0];
}
