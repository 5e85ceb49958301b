/** Mutes and bans: who may, how long they last, and what they keep from. */
import { expect } from 'vitest';
import { endStream, sendChatMessage, sendLikes, signIn, startStream, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { readEvents } from './support/log.ts';
import { creatorIdOf, kindOf, moderate, operator, rowsOf } from './support/moderation.ts';
import { test } from './support/shared-server.ts';
import { expectNothingWritten } from './support/unchanged.ts';

/** How far the clocks of Postgres and of the test may be apart, with what takes time in between. */
const TOLERANCE_MS = 10_000;

function secondsFromNow(until: string | null): number {
  return (Date.parse(until!) - Date.now()) / 1000;
}

test('a mute of N seconds keeps from chat and likes for twice as long, and writes nothing', async ({
  db,
  viewer,
  live,
}) => {
  const muted = succeed(
    await moderate.mute(live.creator, { viewerId: viewer.id, streamId: live.streamId, seconds: 600 }),
  );
  expect(Math.abs(secondsFromNow(muted.until) - 1_200) * 1000).toBeLessThan(TOLERANCE_MS);
  expect(muted.restriction).toMatchObject({ viewerId: viewer.id, ban: null, mute: { until: muted.until } });
  await expectNothingWritten(db.pool, async () => {
    expect(await sendChatMessage(viewer, live.streamId, 'Let me speak')).toMatchObject({
      __typename: 'MutedError',
      code: 'MUTED',
      until: muted.until,
    });
    expect(await sendLikes(viewer, live.streamId, 5)).toMatchObject({ __typename: 'MutedError', until: muted.until });
  });
  const { rows } = await db.pool.query(
    'SELECT gifts_until, muted_until FROM restriction WHERE viewer_id = $1 AND creator_id = $2',
    rowsOf(viewer.id, await creatorIdOf(live.creator)),
  );
  expect(rows).toEqual([{ gifts_until: new Date(muted.until!), muted_until: new Date(muted.until!) }]);
});

test('a mute is over when its time is over', async ({ db, viewer, live }) => {
  succeed(await moderate.mute(live.creator, { viewerId: viewer.id, streamId: live.streamId }));
  expect(kindOf(await sendChatMessage(viewer, live.streamId, 'Too early'))).toBe('MutedError');
  await db.pool.query(
    `UPDATE restriction SET muted_until = clock_timestamp(), gifts_until = clock_timestamp() WHERE viewer_id = $1`,
    [rowsOf(viewer.id)[0]],
  );
  succeed(await sendChatMessage(viewer, live.streamId, 'In time'));
  succeed(await sendLikes(viewer, live.streamId));
});

test('a mute holds in later streams of the creator, and nowhere else', async ({ server, viewer, live }) => {
  succeed(await moderate.mute(live.creator, { viewerId: viewer.id, streamId: live.streamId }));
  const elsewhere = (await startStream(await signIn(server))).id;
  succeed(await sendChatMessage(viewer, elsewhere, 'Here I can'));
  succeed(await endStream(live.creator, live.streamId));
  const next = (await startStream(live.creator)).id;
  expect(kindOf(await sendChatMessage(viewer, next, 'Still not'))).toBe('MutedError');
});

test('unmuting ends it at once; again, it says so', async ({ viewer, live }) => {
  const where = { viewerId: viewer.id, streamId: live.streamId };
  succeed(await moderate.mute(live.creator, where));
  expect(succeed(await moderate.unmute(live.creator, where))).toMatchObject({
    replayed: false,
    restriction: { mute: null, ban: null },
  });
  succeed(await sendChatMessage(viewer, live.streamId, 'Thanks'));
  expect(succeed(await moderate.unmute(live.creator, where)).replayed).toBe(true);
});

test('a ban is for good unless it has seconds; it keeps from chat and likes', async ({ db, viewer, live }) => {
  const where = { viewerId: viewer.id, streamId: live.streamId };
  expect(succeed(await moderate.ban(live.creator, where))).toMatchObject({
    until: null,
    restriction: { ban: { until: null } },
  });
  expect(await sendChatMessage(viewer, live.streamId, 'Hello?')).toMatchObject({
    __typename: 'BannedError',
    code: 'BANNED',
    bannedUntil: null,
  });
  expect(kindOf(await sendLikes(viewer, live.streamId))).toBe('BannedError');
  const { rows } = await db.pool.query(
    `SELECT gifts_until = 'infinity' AS forever FROM restriction WHERE viewer_id = $1`,
    [rowsOf(viewer.id)[0]],
  );
  expect(rows).toEqual([{ forever: true }]);

  const short = succeed(await moderate.ban(live.creator, { ...where, seconds: 100 }));
  expect(Math.abs(secondsFromNow(short.until) - 100) * 1000).toBeLessThan(TOLERANCE_MS);
  expect(await sendChatMessage(viewer, live.streamId, 'Hello?')).toMatchObject({ bannedUntil: short.until });
  expect(succeed(await moderate.unban(live.creator, where))).toMatchObject({
    replayed: false,
    restriction: { ban: null },
  });
  succeed(await sendChatMessage(viewer, live.streamId, 'Back'));
});

test('gifts are refused for as long as the longer of mute and ban', async ({ db, viewer, live }) => {
  const where = { viewerId: viewer.id, streamId: live.streamId };
  const giftsUntil = async () => {
    const { rows } = await db.pool.query<{ until: Date | null }>(
      'SELECT gifts_until AS until FROM restriction WHERE viewer_id = $1',
      [rowsOf(viewer.id)[0]],
    );
    return rows[0]!.until?.toISOString() ?? null;
  };
  const mute = succeed(await moderate.mute(live.creator, { ...where, seconds: 100 }));
  const ban = succeed(await moderate.ban(live.creator, { ...where, seconds: 1_000 }));
  expect(await giftsUntil()).toBe(ban.until);
  succeed(await moderate.unban(live.creator, where));
  expect(await giftsUntil()).toBe(mute.until);
  succeed(await moderate.ban(live.creator, { ...where, seconds: 10 }));
  expect(await giftsUntil()).toBe(mute.until);
  succeed(await moderate.unmute(live.creator, where));
  succeed(await moderate.unban(live.creator, where));
  expect(await giftsUntil()).toBe(null);
});

test('a message that was said before the mute is replayed, not refused', async ({ viewer, live }) => {
  const said = succeed(await sendChatMessage(viewer, live.streamId, 'Before', 'key'));
  succeed(await moderate.mute(live.creator, { viewerId: viewer.id, streamId: live.streamId }));
  expect(await sendChatMessage(viewer, live.streamId, 'Before', 'key')).toEqual({ ...said, replayed: true });
});

test('an operator mutes and bans everywhere; a creator cannot', async ({ server, viewer, live }) => {
  expect(await moderate.mute(live.creator, { viewerId: viewer.id })).toMatchObject({ __typename: 'ForbiddenError' });
  const muted = succeed(await moderate.mute(await operator(server), { viewerId: viewer.id }));
  expect(muted.restriction.creator).toBe(null);
  expect(await sendChatMessage(viewer, live.streamId, 'Anywhere?')).toMatchObject({
    __typename: 'MutedError',
    until: muted.until,
  });
});

test('nobody else has the power, and nobody restricts themselves', async ({ server, db, viewer, live }) => {
  const [other, nobody] = await Promise.all([signIn(server), 'Vmlld2VyOjk5OTk5OTk5']);
  await expectNothingWritten(db.pool, async () => {
    for (const act of Object.values(moderate)) {
      const streamId = live.streamId;
      expect(kindOf(await act(other, { viewerId: viewer.id, streamId }))).toBe('ForbiddenError');
      expect(kindOf(await act(live.creator, { viewerId: live.creator.id, streamId }))).toBe('ForbiddenError');
      expect(kindOf(await act(live.creator, { viewerId: nobody, streamId }))).toBe('NotFoundError');
      expect(kindOf(await act(live.creator, { viewerId: viewer.id, streamId: 'TGl2ZVN0cmVhbTo5OTk5OTk5' }))).toBe(
        'NotFoundError',
      );
    }
  });
});

test.for([
  ['seconds', 0],
  ['seconds', -1],
  ['seconds', 14 * 24 * 3600 + 1],
  ['reason', ''],
  ['reason', 'x'.repeat(501)],
] as const)('a mute with %s %s is refused', async ([field, value], { viewer, live }) => {
  const input = { viewerId: viewer.id, streamId: live.streamId, [field]: value };
  expect(await moderate.mute(live.creator, input)).toMatchObject({
    __typename: 'InvalidInputError',
    issues: [{ path: `input.${field}` }],
  });
});

test('stream and creator at once are refused', async ({ viewer, live }) => {
  const creatorId = await creatorIdOf(live.creator);
  expect(kindOf(await moderate.mute(live.creator, { viewerId: viewer.id, streamId: live.streamId, creatorId }))).toBe(
    'InvalidInputError',
  );
});

test('chat of many viewers, some of them muted, costs as many statements as chat of one', async ({ server, live }) => {
  const viewers = await Promise.all(Array.from({ length: 6 }, () => signIn(server)));
  await Promise.all(
    viewers.slice(0, 3).map((one) => moderate.mute(live.creator, { viewerId: one.id, streamId: live.streamId })),
  );
  const say = (by: typeof viewers) =>
    countSql(server.app, () => Promise.all(by.map((one) => sendChatMessage(one, live.streamId, 'All at once'))));
  const { count: one } = await say(viewers.slice(3, 4));
  const { result, statements } = await say(viewers);
  expect(result.map(kindOf).sort()).toEqual([
    ...Array(3).fill('MutedError'),
    ...Array(3).fill('SendChatMessageSuccess'),
  ]);
  const batches = statements.filter((sql) => sql.includes('moderation.chatRules')).length;
  expect(statements.length, statements.join('\n')).toBeLessThanOrEqual(one * batches);
  expect(await readEvents(live.creator, live.streamId)).toHaveLength(5);
});

test('likes of many viewers are one statement a batch, whoever is muted', async ({ server, live }) => {
  const viewers = await Promise.all(Array.from({ length: 4 }, () => signIn(server)));
  await moderate.mute(live.creator, { viewerId: viewers[0]!.id, streamId: live.streamId });
  const { result, statements } = await countSql(server.app, () =>
    Promise.all(viewers.map((one) => sendLikes(one, live.streamId, 2))),
  );
  expect(result.map(kindOf)).toEqual(['MutedError', ...Array(3).fill('SendLikesSuccess')]);
  expect(new Set(statements.map((sql) => /streams\.addLikes/.test(sql)))).toEqual(new Set([true]));
  expect(succeed(await sendLikes(viewers[1]!, live.streamId)).likes).toBe(7);
});
