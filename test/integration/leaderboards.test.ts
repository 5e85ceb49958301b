/** Leaderboards: what counts on which, who stands where, and who is named. */
import { expect } from 'vitest';
import {
  type Actor,
  endStream,
  mutate,
  query,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import { type Server, startServer } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import { appendGift, appendReversal, type Board, boardRows, lines, readBoards, uncounted } from './support/boards.ts';
import { rowOf } from './support/ids.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET, testOn } from './support/shared-server.ts';

const FOLDING = {
  overrides: {
    ...QUIET.overrides,
    community: { ...QUIET.overrides.community, leaderboards: { foldIntervalMs: 20, watchIntervalMs: 3_600_000 } },
  },
};

/** Two servers that count at once. */
const test = testOn(FOLDING).extend('other', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<Server> => {
  const other = await startServer({ ...FOLDING, databaseUrl: db.url });
  onCleanup(() => other.close());
  return other;
});

const counted = (pool: Parameters<typeof uncounted>[0]) =>
  expect.poll(() => uncounted(pool), { timeout: 20_000 }).toBe(0);
const isNamed = (viewer: Actor, named: boolean) =>
  mutate<{ viewer: { namedOnBoards: boolean }; replayed: boolean }>(viewer.api, 'setNamedOnBoards', { named });

test('gifts and chat count on the boards of the stream, the creator, the day and all time', async ({
  db,
  server,
  funded,
  live,
}) => {
  const talker = await signIn(server);
  succeed(await sendGift(funded, live.streamId, { quantity: 7 }));
  for (const text of ['a', 'b', 'c']) succeed(await sendChatMessage(talker, live.streamId, text));
  await counted(db.pool);
  const second = await signIn(server);
  const { id: elsewhere } = await startStream(second);
  succeed(await sendGift(funded, elsewhere, { quantity: 5 }));
  await counted(db.pool);

  const coins = await readBoards(funded, live.streamId, { by: 'COINS' });
  expect(lines(coins.stream)).toEqual([`${funded.handle} 7 0`]);
  expect(lines(coins.creator)).toEqual([`${funded.handle} 7 0`]);
  expect(coins.stream.you).toMatchObject({ rank: 1, isYou: true, coins: 7 });
  for (const board of [coins.day, coins.all]) {
    expect(board.you).toMatchObject({ coins: 12, profile: { id: funded.id, handle: funded.handle } });
  }
  const chat = await readBoards(talker, live.streamId, { by: 'CHAT' });
  expect(lines(chat.stream)).toEqual([`${talker.handle} 0 3`]);
  const mixed = await readBoards(talker, live.streamId);
  expect(lines(mixed.stream)).toEqual([`${funded.handle} 7 0`, `${talker.handle} 0 3`]);
  expect(mixed.stream.places.map(({ score }) => score)).toEqual([3, 2]); // log2(1 + 7), log2(1 + 3)
  const never = await readBoards(talker, live.streamId, { day: '1999-12-31' });
  expect(never.day).toEqual({ places: [], you: null });
});

test('who only gives does not lead the mixed ranking, which is the default', async ({ db, server, live }) => {
  const [whale, friend] = [await signIn(server), await signIn(server)];
  await appendGift(db.pool, live.streamId, whale, { coins: 1_000 });
  await appendGift(db.pool, live.streamId, friend, { coins: 200 });
  for (const text of 'abcdefg') succeed(await sendChatMessage(friend, live.streamId, text));
  await counted(db.pool);
  const document = 'query ($id: ID!) { liveStream(id: $id) { leaderboard { by places { profile { handle } } } } }';
  expect(await query(server.http(), document, { id: live.streamId })).toEqual({
    liveStream: {
      leaderboard: {
        by: 'MIXED',
        places: [{ profile: { handle: friend.handle } }, { profile: { handle: whale.handle } }],
      },
    },
  });
});

test('creators do not stand on the boards of their own streams', async ({ db, live, viewer }) => {
  succeed(await sendChatMessage(live.creator, live.streamId, 'welcome'));
  succeed(await sendChatMessage(viewer, live.streamId, 'hello'));
  await counted(db.pool);
  const { stream, all } = await readBoards(live.creator, live.streamId, { by: 'CHAT' });
  expect(lines(stream)).toEqual([`${viewer.handle} 0 1`]);
  expect([stream.you, all.you]).toEqual([null, null]);
});

test('a gift that is taken back is taken off the boards that it stood on, those of its own day', async ({
  db,
  live,
  viewer,
}) => {
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const old = await appendGift(db.pool, live.streamId, viewer, { coins: 50, daysAgo: 1 });
  await appendGift(db.pool, live.streamId, viewer, { coins: 8, daysAgo: 1 });
  await appendGift(db.pool, live.streamId, viewer, { coins: 30 });
  await counted(db.pool);
  expect((await readBoards(viewer, live.streamId, { day: yesterday })).day.you?.coins).toBe(58);
  await appendReversal(db.pool, live.streamId, viewer, { giftSeq: old, coins: 50 });
  await counted(db.pool);
  const after = await readBoards(viewer, live.streamId, { day: yesterday, by: 'COINS' });
  const today = await readBoards(viewer, live.streamId, { by: 'COINS' });
  expect([after.day.you?.coins, today.day.you?.coins]).toEqual([8, 30]);
  expect([after.stream.you?.coins, after.creator.you?.coins, after.all.you?.coins]).toEqual([38, 38, 38]);
});

test('also behind the end of a stream, whose log is counted to its end', async ({ db, live, viewer }) => {
  const giftSeq = await appendGift(db.pool, live.streamId, viewer, { coins: 20 });
  await endStream(live.creator, live.streamId);
  await counted(db.pool);
  const isDone = async () =>
    (await db.pool.query('SELECT done FROM board_cursor WHERE stream_id = $1', [rowOf(live.streamId)])).rows[0].done;
  await expect.poll(isDone).toBe(true);
  await appendReversal(db.pool, live.streamId, viewer, { giftSeq, coins: 20 });
  await counted(db.pool);
  await expect.poll(isDone).toBe(true);
  expect((await readBoards(viewer, live.streamId, { by: 'COINS' })).stream).toEqual({ places: [], you: null });
});

test('each event counts once, however many servers count while it is written', async ({ db, server, other, live }) => {
  const streams = [live.streamId, ...(await atOnce(3, async () => (await startStream(await signIn(server))).id))];
  const viewers = await atOnce(6, (n) => signIn(n % 2 ? server : other));
  const gift = (n: number) =>
    appendGift(db.pool, streams[n % streams.length]!, viewers[n % viewers.length]!, { coins: 1 + (n % 5) });
  const sent = await atOnce(240, gift);
  await Promise.all(
    sent.map((giftSeq, n) =>
      n % 3 === 0
        ? appendReversal(db.pool, streams[n % streams.length]!, viewers[n % viewers.length]!, {
            giftSeq,
            coins: 1 + (n % 5),
          })
        : sendChatMessage(viewers[n % viewers.length]!, streams[n % streams.length]!, `message ${n}`),
    ),
  );
  await counted(db.pool);
  const { rows } = await db.pool.query(
    `SELECT s.stream_id::text AS stream, s.viewer_id::text AS viewer, b.coins::int, s.coins::int AS sent, b.messages::int, s.messages::int AS said
       FROM (SELECT stream_id, (payload->'sender'->>'id')::bigint AS viewer_id,
                    sum(CASE type WHEN 'GIFT_SENT' THEN 1 WHEN 'GIFT_REVERSED' THEN -1 ELSE 0 END * coalesce((payload->>'coins')::int, 0)) AS coins,
                    count(*) FILTER (WHERE type = 'CHAT_MESSAGE') AS messages
               FROM live_event WHERE stream_id = ANY($1) AND payload ? 'sender' GROUP BY 1, 2) s
       LEFT JOIN board_score b ON b.board = 'STREAM' AND b.owner_id = s.stream_id AND b.viewer_id = s.viewer_id`,
    [streams.map(rowOf)],
  );
  expect(rows.length).toBeGreaterThanOrEqual(viewers.length);
  for (const row of rows) expect(row).toMatchObject({ coins: row.sent, messages: row.said });
});

test('all boards are the same again when the logs are counted anew', async ({ db, viewer, live }) => {
  const before = await (async () => {
    // More than one transaction counts of a stream at once.
    await db.pool.query(
      `SELECT live_append(array_fill($1::bigint, ARRAY[5000]), array_fill('CHAT_MESSAGE'::text, ARRAY[5000]),
                          array_fill($2::jsonb, ARRAY[5000]), now())`,
      [rowOf(live.streamId), JSON.stringify({ sender: { id: Number(rowOf(viewer.id)) }, text: 'hi' })],
    );
    await counted(db.pool);
    return boardRows(db.pool);
  })();
  expect((await readBoards(viewer, live.streamId, { by: 'CHAT' })).stream.you).toMatchObject({
    rank: 1,
    messages: 5_000,
  });
  expect(before.length).toBeGreaterThan(10);
  await db.pool.query('WITH gone AS (DELETE FROM board_score) UPDATE board_cursor SET seq = 0, done = false');
  await counted(db.pool);
  expect(await boardRows(db.pool)).toEqual(before);
});

// ---- names -------------------------------------------------------------------------------------------------------------

const TOP = `query Top($id: ID!) { liveStream(id: $id) { topGifters { rank isYou coins profile { id handle displayName } } } }`;
type Top = { liveStream: { topGifters: { rank: number; isYou: boolean; profile: { id: string; handle: string } }[] } };

test('who does not want to be named keeps the place, and only they see that it is theirs', async ({
  db,
  server,
  funded,
  live,
}) => {
  const watcher = await signIn(server);
  succeed(await sendGift(funded, live.streamId, { quantity: 3 }));
  await counted(db.pool);
  const me = 'query { me { namedOnBoards } }';
  expect(await query(funded.api, me)).toEqual({ me: { namedOnBoards: true } });
  expect(succeed(await isNamed(funded, false))).toMatchObject({ viewer: { namedOnBoards: false }, replayed: false });
  expect(succeed(await isNamed(funded, false))).toMatchObject({ viewer: { namedOnBoards: false }, replayed: true });

  const hidden = (await readBoards(watcher, live.streamId)).stream;
  expect(hidden.places).toMatchObject([{ rank: 1, profile: null, isYou: false, coins: 3 }]);
  const own = (await readBoards(funded, live.streamId)).stream;
  expect(own.places).toMatchObject([{ rank: 1, profile: { id: funded.id }, isYou: true }]);
  expect(own.you).toMatchObject({ rank: 1, isYou: true });

  const { liveStream } = await query<Top>(server.http(), TOP, { id: live.streamId });
  expect(liveStream.topGifters).toMatchObject([{ rank: 1, isYou: false, profile: { handle: 'anonymous' } }]);
  expect(Buffer.from(liveStream.topGifters[0]!.profile.id, 'base64').toString()).toBe('Viewer:anonymous-1');
  expect(JSON.stringify([hidden, liveStream])).not.toContain(funded.handle);
  expect(JSON.stringify([hidden, liveStream])).not.toContain(funded.id);
  expect((await query<Top>(funded.api, TOP, { id: live.streamId })).liveStream.topGifters).toMatchObject([
    { rank: 1, isYou: true, profile: { id: funded.id, handle: funded.handle } },
  ]);

  succeed(await isNamed(funded, true));
  expect((await readBoards(watcher, live.streamId)).stream.places).toMatchObject([{ profile: { id: funded.id } }]);
});

test('nobody chooses for who is not signed in', async ({ server, viewer }) => {
  expect(await isNamed({ ...viewer, api: server.http() }, false)).toMatchObject({ code: 'NOT_SIGNED_IN' });
});

// ---- reading -----------------------------------------------------------------------------------------------------------

test('equal places go to who joined first, and a place beyond the page is told', async ({ db, server, live }) => {
  const viewers: Actor[] = [];
  for (let n = 0; n < 5; n++) viewers.push(await signIn(server));
  for (const viewer of viewers.toReversed()) await appendGift(db.pool, live.streamId, viewer, { coins: 9 });
  await counted(db.pool);
  const { stream } = await readBoards(viewers[4]!, live.streamId, { by: 'COINS', first: 2 });
  expect(stream.places.map(({ profile }) => profile?.handle)).toEqual([viewers[0]!.handle, viewers[1]!.handle]);
  expect(stream.you).toMatchObject({ rank: 5, isYou: true });
  const none = await readBoards(viewers[4]!, live.streamId, { first: 0 });
  expect(none.stream.places).toEqual([]);
});

test('a wrong day and a negative page are refused', async ({ server }) => {
  for (const args of ['day: "2026-02-30"', 'day: "today"', 'first: -1']) {
    const { errors } = await server.http().request(`{ leaderboard(${args}) { by } }`);
    expect(errors?.length).toBe(1);
    expect(JSON.stringify(errors)).not.toContain('Unexpected');
  }
});

test('the boards of a list cost a fixed number of statements', async ({ db, viewer }) => {
  const quiet = await startServer({ ...QUIET, databaseUrl: db.url });
  try {
    const document = `query List($first: Int) { liveStreams(first: $first) { edges { node {
      leaderboard { places { rank profile { handle } } you { rank } }
      creator { leaderboard(by: COINS) { places { rank } } } } } } }`;
    const api = quiet.http(viewer.token);
    await query(api, document, { first: 1 }); // signs in
    const counts = [];
    for (const first of [2, 6]) {
      counts.push(
        (await countSql(quiet.app, () => query<{ liveStreams: { edges: Board[] } }>(api, document, { first }))).count,
      );
    }
    expect(counts[0]).toBe(counts[1]);
    expect(counts[0]).toBeLessThanOrEqual(4);
  } finally {
    await quiet.close();
  }
});
