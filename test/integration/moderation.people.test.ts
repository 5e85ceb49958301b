/** Moderators, reports, and the log of who did what. */
import { expect } from 'vitest';
import { REPORT_FIELDS } from '../support/documents.ts';
import { type Actor, mutate, query, sendChatMessage, signIn, startStream, succeed } from '../support/operations.ts';
import { countSql } from '../support/sql-count.ts';
import { creatorIdOf, kindOf, moderate, operator } from './support/moderation.ts';
import { atOnce, successes } from './support/outcomes.ts';
import { test } from './support/shared-server.ts';

type Moderators = { creator: { moderators: { id: string }[] }; replayed: boolean };
type Report = {
  id: string;
  subject: string;
  viewer: { id: string };
  quote: string | null;
  state: string;
  reporter: { id: string } | null;
};
type Filed = { report: Report; replayed: boolean };

async function appoint(creator: Actor, viewer: Actor) {
  const creatorId = await creatorIdOf(creator);
  return mutate<Moderators>(creator.api, 'addModerator', { creatorId, viewerId: viewer.id });
}

async function dismiss(by: Actor, creator: Actor, viewer: Actor) {
  const creatorId = await creatorIdOf(creator);
  return mutate<Moderators>(by.api, 'removeModerator', { creatorId, viewerId: viewer.id });
}

function report(by: Actor, input: Record<string, unknown>) {
  return mutate<Filed>(by.api, 'reportContent', { reason: 'SPAM', ...input });
}

async function reports(by: Actor, variables: { creatorId?: string; state?: string; first?: number } = {}) {
  const document = `query Reports($creatorId: ID, $state: ReportState, $first: Int) {
    reports(creatorId: $creatorId, state: $state, first: $first) { totalCount edges { node { ${REPORT_FIELDS} } } } }`;
  type Data = { reports: { totalCount: number; edges: { node: Report }[] } };
  return (await query<Data>(by.api, document, variables)).reports;
}

const LOG = `query Log($creatorId: ID, $viewerId: ID, $first: Int) {
  moderationLog(creatorId: $creatorId, viewerId: $viewerId, first: $first) { totalCount edges { node {
    kind actor { id } viewer { id } creator { id handle } stream { id } reason until } } } }`;

async function readLog(by: Actor, variables: { creatorId?: string; viewerId?: string; first?: number }) {
  type Data = { moderationLog: { totalCount: number; edges: { node: Record<string, unknown> }[] } };
  return (await query<Data>(by.api, LOG, variables)).moderationLog;
}

test('a creator appoints moderators, who may mute and ban but not appoint; dismissed, they may no more', async ({
  server,
  viewer,
  live,
}) => {
  const [moderator, other] = await Promise.all([signIn(server), signIn(server)]);
  const where = { viewerId: viewer.id, streamId: live.streamId };
  expect(kindOf(await moderate.mute(moderator, where))).toBe('ForbiddenError');
  expect(succeed(await appoint(live.creator, moderator))).toMatchObject({
    creator: { moderators: [{ id: moderator.id }] },
    replayed: false,
  });
  expect(succeed(await appoint(live.creator, moderator)).replayed).toBe(true);
  for (const act of Object.values(moderate)) succeed(await act(moderator, where));
  const creatorId = await creatorIdOf(live.creator);
  expect(kindOf(await mutate(moderator.api, 'addModerator', { creatorId, viewerId: other.id }))).toBe('ForbiddenError');
  expect(kindOf(await dismiss(moderator, live.creator, moderator))).toBe('ForbiddenError');
  expect(kindOf(await moderate.mute(moderator, { viewerId: viewer.id, creatorId }))).toBe('MuteViewerSuccess');
  expect(succeed(await dismiss(live.creator, live.creator, moderator))).toMatchObject({
    creator: { moderators: [] },
    replayed: false,
  });
  expect(kindOf(await moderate.unmute(moderator, where))).toBe('ForbiddenError');
});

test('moderators touch neither the creator nor each other; the creator may, and a banned moderator is none', async ({
  server,
  live,
}) => {
  const [one, two] = await Promise.all([signIn(server), signIn(server)]);
  for (const each of [one, two]) succeed(await appoint(live.creator, each));
  const at = { streamId: live.streamId };
  for (const act of Object.values(moderate)) {
    expect(kindOf(await act(one, { ...at, viewerId: two.id }))).toBe('ForbiddenError');
    expect(kindOf(await act(one, { ...at, viewerId: live.creator.id }))).toBe('ForbiddenError');
  }
  succeed(await moderate.ban(live.creator, { ...at, viewerId: one.id }));
  expect(kindOf(await appoint(live.creator, one))).toBe('ForbiddenError');
  succeed(await moderate.ban(await operator(server), { ...at, viewerId: two.id, seconds: 60 }));
  const creatorId = await creatorIdOf(live.creator);
  type Data = { node: { moderators: unknown[] } };
  const document = 'query ($id: ID!) { node(id: $id) { ... on Creator { moderators { id } } } }';
  expect((await query<Data>(live.creator.api, document, { id: creatorId })).node.moderators).toEqual([]);
});

test('moderators of many creators are read in one statement', async ({ server, viewer }) => {
  const creators = await Promise.all([0, 1, 2].map(() => signIn(server)));
  for (const creator of creators) {
    await startStream(creator);
    succeed(await appoint(creator, viewer));
  }
  const document = 'query { creators(last: 3) { edges { node { handle moderators { id } } } } }';
  const { statements } = await countSql(server.app, () => query(viewer.api, document));
  expect(statements.filter((sql) => sql.includes('moderation.moderatorsOf'))).toHaveLength(1);
});

test('a chat message is reported once by each, with what was said, and its stream moderates it', async ({
  server,
  viewer,
  live,
}) => {
  const [reporter, other] = await Promise.all([signIn(server), signIn(server)]);
  const said = succeed(await sendChatMessage(viewer, live.streamId, 'Buy my coins'));
  const subject = { streamId: live.streamId, seq: said.chatMessage.seq };
  const outcomes = await atOnce(10, () => report(reporter, { ...subject, note: 'Again and again' }));
  const filed = successes(outcomes);
  expect(new Set(filed.map(({ report: { id } }) => id)).size).toBe(1);
  expect(filed.filter(({ replayed }) => !replayed)).toHaveLength(1);
  expect(filed[0]!.report).toMatchObject({
    subject: 'CHAT_MESSAGE',
    viewer: { id: viewer.id },
    quote: 'Buy my coins',
    state: 'OPEN',
    reporter: { id: reporter.id },
  });
  expect(succeed(await report(other, subject)).replayed).toBe(false);

  const creatorId = await creatorIdOf(live.creator);
  const open = await reports(live.creator, { creatorId, state: 'OPEN' });
  expect(open).toMatchObject({ totalCount: 2, edges: [{ node: { reporter: null } }, { node: { reporter: null } }] });
  const reportId = filed[0]!.report.id;
  expect(kindOf(await mutate(other.api, 'resolveReport', { reportId, resolution: 'ACTED' }))).toBe('NotFoundError');
  const closed = succeed(await mutate<Filed>(live.creator.api, 'resolveReport', { reportId, resolution: 'ACTED' }));
  expect(closed).toMatchObject({ report: { state: 'ACTED' }, replayed: false });
  const again = await mutate<Filed>(live.creator.api, 'resolveReport', { reportId, resolution: 'DISMISSED' });
  expect(again).toMatchObject({ report: { state: 'ACTED' }, replayed: true });
  expect((await reports(live.creator, { creatorId, state: 'OPEN' })).totalCount).toBe(1);
});

test('what is about a creator goes to the operators, and nobody sees what is about themselves', async ({
  server,
  viewer,
  live,
}) => {
  const [reporter, moderator] = await Promise.all([signIn(server), signIn(server)]);
  succeed(await appoint(live.creator, moderator));
  const stream = succeed(await report(reporter, { streamId: live.streamId, reason: 'SCAM' })).report;
  const creator = succeed(await report(reporter, { streamId: live.streamId, viewerId: live.creator.id })).report;
  const about = succeed(await report(reporter, { streamId: live.streamId, viewerId: moderator.id })).report;
  const somebody = succeed(await report(reporter, { viewerId: viewer.id })).report;
  expect([stream, creator, about, somebody].map(({ subject }) => subject)).toEqual([
    'STREAM',
    'VIEWER',
    'VIEWER',
    'VIEWER',
  ]);
  const creatorId = await creatorIdOf(live.creator);
  const ids = async (by: Actor, of?: string) =>
    (await reports(by, { ...(of ? { creatorId: of } : {}), first: 100 })).edges.map(({ node }) => node.id);
  expect(await ids(live.creator, creatorId)).toEqual([about.id]);
  expect(await ids(moderator, creatorId)).toEqual([]);
  expect(await ids(await operator(server))).toEqual(
    expect.arrayContaining([stream.id, creator.id, about.id, somebody.id]),
  );
  for (const [by, { id }] of [
    [live.creator, stream],
    [live.creator, creator],
    [moderator, about],
  ] as const) {
    expect(kindOf(await mutate(by.api, 'resolveReport', { reportId: id, resolution: 'DISMISSED' }))).toBe(
      'NotFoundError',
    );
  }
});

test('what there is not, and oneself, cannot be reported', async ({ viewer, live }) => {
  const { streamId } = live;
  const missing = 'TGl2ZVN0cmVhbTo5OTk5OTk5';
  const wrong = [
    [{ streamId: missing }, 'NotFoundError'],
    [{ viewerId: 'Vmlld2VyOjk5OTk5OTk5' }, 'NotFoundError'],
    [{ streamId: missing, viewerId: live.creator.id }, 'NotFoundError'],
    [{ streamId, seq: 1 }, 'NotFoundError'], // StreamStarted, nothing that was said
    [{ streamId, seq: 99 }, 'NotFoundError'],
    [{ streamId, seq: 0 }, 'InvalidInputError'],
    [{}, 'InvalidInputError'],
    [{ seq: 1 }, 'InvalidInputError'],
    [{ streamId, viewerId: live.creator.id, seq: 1 }, 'InvalidInputError'],
    [{ viewerId: viewer.id }, 'ForbiddenError'],
  ] as const;
  for (const [input, kind] of wrong) expect(kindOf(await report(viewer, input)), JSON.stringify(input)).toBe(kind);
});

test('the log says who did what to whom, why and until when, to those who moderate', async ({
  server,
  viewer,
  live,
}) => {
  const moderator = await signIn(server);
  succeed(await appoint(live.creator, moderator));
  const at = { viewerId: viewer.id, streamId: live.streamId };
  const muted = succeed(await moderate.mute(moderator, { ...at, reason: 'Spam' }));
  succeed(await moderate.ban(live.creator, { ...at, reason: 'More spam' }));
  succeed(await moderate.unban(live.creator, at));
  succeed(await moderate.unban(live.creator, at));
  const creatorId = await creatorIdOf(live.creator);
  const log = await readLog(moderator, { creatorId });
  const stream = { id: live.streamId };
  expect(log.totalCount).toBe(4);
  expect(log.edges.map(({ node }) => node)).toEqual([
    expect.objectContaining({
      kind: 'UNBANNED',
      actor: { id: live.creator.id },
      viewer: { id: viewer.id },
      reason: null,
    }),
    expect.objectContaining({ kind: 'BANNED', reason: 'More spam', until: null, stream }),
    expect.objectContaining({ kind: 'MUTED', actor: { id: moderator.id }, reason: 'Spam', until: muted.until, stream }),
    expect.objectContaining({ kind: 'MODERATOR_ADDED', actor: { id: live.creator.id }, viewer: { id: moderator.id } }),
  ]);
  expect((await readLog(live.creator, { creatorId, viewerId: moderator.id })).totalCount).toBe(1);
  const { errors } = await viewer.api.request(LOG, { creatorId });
  expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  const all = await viewer.api.request(LOG, {});
  expect(all.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
});

test('a page of the log costs the same however long it is', async ({ server, live, viewer }) => {
  const at = { viewerId: viewer.id, streamId: live.streamId };
  const creatorId = await creatorIdOf(live.creator);
  for (let n = 0; n < 3; n++) succeed(await moderate.mute(live.creator, at));
  const one = await countSql(server.app, () => readLog(live.creator, { creatorId, first: 1 }));
  const three = await countSql(server.app, () => readLog(live.creator, { creatorId, first: 3 }));
  expect(three.result.edges).toHaveLength(3);
  expect(three.count, three.statements.join('\n')).toBe(one.count);
});

test('what is in the log cannot be changed', async ({ db, live, viewer }) => {
  succeed(await moderate.mute(live.creator, { viewerId: viewer.id, streamId: live.streamId }));
  await expect(db.pool.query("UPDATE moderation_action SET reason = 'another'")).rejects.toThrow(/immutable/);
  await expect(db.pool.query('DELETE FROM moderation_action')).rejects.toThrow(/immutable/);
});
