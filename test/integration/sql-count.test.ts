/** A list costs the same number of SQL statements, however long it is. */
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';
import {
  type Actor,
  buyCoins,
  giftId,
  query,
  sendChatMessage,
  sendGift,
  signIn,
  startStream,
  succeed,
} from '../support/operations.ts';
import type { Server } from '../support/server.ts';
import { countSql } from '../support/sql-count.ts';
import { atOnce } from './support/outcomes.ts';
import { QUIET } from './support/shared-server.ts';

const FEW = 2;
const MANY = 20;

test.override('serverOptions', QUIET);

/** People on air, each with gifts, chat and earnings. */
async function manyOnAir(server: Server): Promise<void> {
  const viewer = await signIn(server);
  succeed(await buyCoins(viewer, { coins: 70 }));
  const rose = await giftId(server.http(), 'Rose');
  await atOnce(MANY, async () => {
    const creator = await signIn(server);
    const { id } = await startStream(creator);
    succeed(await sendGift(viewer, id, { giftId: rose }));
    succeed(await sendChatMessage(creator, id, 'Thank you!'));
  });
}

type List = { list: { edges: unknown[] } };

/** The statements of one list query, for few and for many rows. */
async function costs(
  server: Server,
  reader: Pick<Actor, 'api'>,
  document: string,
): Promise<[few: string[], many: string[]]> {
  const run = async (first: number) => {
    await query(reader.api, document, { first }); // What is prepared or cached once is not the page's cost.
    const { result, statements } = await countSql(server.app, () => query<List>(reader.api, document, { first }));
    expect(result.list.edges).toHaveLength(first);
    return statements.map(label).sort();
  };
  return [await run(FEW), await run(MANY)];
}

/** What a statement is called, or its table. */
function label(sql: string): string {
  return /\/\* (\S+) \*\//.exec(sql)?.[1] ?? /FROM "public"\."(\w+)"/.exec(sql)?.[1] ?? sql;
}

test.for([
  ['creators with what they are live with', 6, 'creators', '{ handle displayName currentStream { id title status } }'],
  [
    'creators with all that there is',
    9,
    'creators',
    `{ handle currentStream { title creator { handle displayName }
     topGifters { rank profile { handle } } events(first: 3) { totalCount edges { node { seq } } } } }`,
  ],
  ['live streams with their creators', 5, 'liveStreams', '{ title creator { handle displayName } }'],
  [
    'live streams with all that there is',
    8,
    'liveStreams',
    `{ title creator { handle currentStream { id } }
     topGifters(first: 3) { coins profile { handle } } events(first: 5) { edges { cursor node { seq } } } }`,
  ],
] as const)('a page of %s', async ([, limit, field, node], { server, viewer }) => {
  await manyOnAir(server);
  const document = `query Page($first: Int) { list: ${field}(first: $first) {
    totalCount edges { node ${node} } pageInfo { hasNextPage } } }`;
  const [few, many] = await costs(server, viewer, document);
  expect(many).toEqual(few);
  expect(many.length, many.join('\n')).toBeLessThanOrEqual(limit);
  expect(many.length).toBeGreaterThan(0);
});

test('leaderboards of different sizes in one query are read together', async ({ server, viewer }) => {
  await manyOnAir(server);
  const document = `query Page($first: Int) { list: liveStreams(first: $first) { edges { node {
    few: topGifters(first: 1) { rank } many: topGifters(first: 50) { rank } } } } }`;
  const [few, many] = await costs(server, viewer, document);
  expect(many).toEqual(few);
  expect(many.filter((name) => name === 'gifts.top')).toHaveLength(1);
});

test('a page with a cursor costs what the first one does', async ({ server, viewer }) => {
  await manyOnAir(server);
  const document = `query Page($first: Int, $after: String) { list: liveStreams(first: $first, after: $after) {
    edges { cursor node { title creator { handle } } } } }`;
  const first = await countSql(server.app, () =>
    query<{ list: { edges: { cursor: string }[] } }>(viewer.api, document, { first: 5 }),
  );
  const after = first.result.list.edges.at(-1)!.cursor;
  const second = await countSql(server.app, () => query(viewer.api, document, { first: 5, after }));
  expect(second.statements.map(label)).toEqual(first.statements.map(label));
});
