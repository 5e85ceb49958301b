/** Secrets are planted in everything that people may say, and looked for wherever they must not be. */
import type { Pool } from 'pg';
import { test as base, describe, expect, vi } from 'vitest';
import { QUIET } from '../integration/support/shared-server.ts';
import { cloneDatabase } from '../support/database.ts';
import { LIVE_EVENTS, STREAM_PULSE } from '../support/documents.ts';
import { startRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { fail } from './support/canary-faults.ts';
import { apiOf, attack, type Canaries, moderate, type Stage, shop } from './support/canary-scenario.ts';
import { monitorRedis } from './support/redis-monitor.ts';
import { walk } from './support/walk.ts';
import { makeWorld, ROLES, type Role } from './support/world.ts';

/** Whichever test comes first plays the scenario: a minute's work, on a busy machine several. */
vi.setConfig({ testTimeout: 600_000 });

/** The one that everybody may read. */
const PUBLIC = 'a chat message';
/** Who reads what, by asking. What is not here nobody can ask for. */
const READ_BY: Record<string, string> = {
  'a blocked word': 'creator moderator operator',
  'a carrier': 'owner member',
  'a note on the way': 'owner member',
  'a tracking number': 'owner member',
  'how a report is resolved': 'operator',
  'the city of an address': 'owner member',
  'the description of a draft': 'member',
  'the first line of an address': 'owner member',
  'the name of a warehouse': 'member',
  'the name of an address': 'owner member',
  'the note of a report': 'operator',
  'the postal code of an address': 'owner member',
  'the second line of an address': 'owner member',
  'the title of a draft': 'member',
  'where a purchase is downloaded': 'owner member',
  'the code of a voucher': 'owner',
  'the number of an order': 'owner member',
  'why a ban': 'creator moderator operator',
  'why a dispute': 'owner member',
  'why a mute': 'creator moderator operator',
  'why a refund': 'owner member',
  'why an order is cancelled': 'owner member',
  'why coins are disputed': 'owner operator',
  'why earnings are held': 'creator',
  'why no refund': 'owner member',
};
/** What is not even kept, or only as a hash. */
const NOT_KEPT =
  /^(the token of|the key of|the code of|around|what the (banned|muted)|what (is searched|stands|a webhook)|a (bad token|cookie|user agent|referrer|document|link|wrong|code)|the (kid|subject|signature) of a forged)|that fails$/;
/** Kept while it is open how a payment ends: sweeps, by the clock, end it sooner or later. */
const KEPT_FOR_A_WHILE = /^the key of a payment that|^a (key|payment token) that fails$/;

type Found = {
  canaries: Canaries;
  places: Record<string, string>;
  read: Record<Role, string>;
  kept: Set<string>;
  masked: number;
};

/** Names of the canaries that stand in a text. */
const foundIn = (text: string, canaries: Canaries) =>
  Object.entries(canaries)
    .filter(([, secret]) => text.includes(secret))
    .map(([name]) => name)
    .sort();

/** The names of canaries that some row of some table holds. */
async function keptOf(pool: Pool, canaries: Canaries): Promise<Set<string>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  const secrets = Object.values(canaries);
  const { rows } = await pool.query<{ secret: string }>(
    tables
      .map(({ name }) => `SELECT secret FROM ${name} t, unnest($1::text[]) secret WHERE strpos(t::text, secret) > 0`)
      .join(' UNION '),
    [secrets],
  );
  const found = new Set(rows.map(({ secret }) => secret));
  return new Set(Object.keys(canaries).filter((name) => found.has(canaries[name]!)));
}

async function textOf(server: ServerProcess, path: string): Promise<string> {
  const response = await fetch(new URL(path, server.url));
  const text = await response.text();
  expect(text, path).not.toBe('');
  return text;
}

/** Plays the scenario against one process, and gathers everything that it let out. */
async function play(stage: Stage, redisPort: number): Promise<Found> {
  const { server, world, pool, canaries } = stage;
  const monitor = await monitorRedis(redisPort);
  const watcher = await server.ws();
  const feeds = [world.ids.streamId!, world.ids.opponentStreamId!, world.ids.shopStreamId!].flatMap((streamId) => [
    watcher.subscribe(LIVE_EVENTS, { streamId }),
    watcher.subscribe(STREAM_PULSE, { streamId }),
  ]);
  for (const [role, { token }] of Object.entries(world.people)) canaries[`the token of ${role}`] = token.split('.')[2]!;
  canaries['the code of a voucher'] = world.ids.code!;
  canaries['the number of an order'] = world.ids.orderNumber!;
  canaries['a birth date'] = '1963-07-19';
  const orders = await shop(stage);
  await moderate(stage);
  await attack(stage);
  await fail(stage);
  await feeds[0]!.until((item) => JSON.stringify(item).includes(canaries[PUBLIC]!));
  const ids = { ...world.ids, search: canaries['the title of a draft']! };
  const nodes = [...new Set([...Object.values(world.ids), ...Object.values(orders)])];
  const texts = await Promise.all(
    ROLES.map(async (role) => [role, await walk(apiOf(stage, role), ids, nodes)] as const),
  );
  const { rows } = await pool.query<{ text: string }>('SELECT payload::text AS text FROM live_event');
  const places = {
    'live events': rows.map(({ text }) => text).join('\n'),
    'what a watcher got': JSON.stringify(feeds.map(({ received }) => received)),
    refusals: stage.refusals.join('\n'),
    '/metrics': await textOf(server, '/metrics'),
    '/ready': await textOf(server, '/ready'),
    '/health': await textOf(server, '/health'),
    Redis: monitor.text(),
  };
  monitor.close();
  await server.stop();
  const all = { ...places, 'the log': server.output() };
  const kept = await keptOf(pool, canaries);
  return {
    canaries,
    places: all,
    read: Object.fromEntries(texts) as Record<Role, string>,
    kept,
    masked: stage.masked.count,
  };
}

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names of the fixtures from here.
  .extend('db', { scope: 'file' }, async ({}, { onCleanup }) => {
    const db = await cloneDatabase();
    onCleanup(() => db.drop());
    return db;
  })
  // biome-ignore lint/correctness/noEmptyPattern: as above.
  .extend('redis', { scope: 'file' }, async ({}, { onCleanup }) => {
    const redis = await startRedis();
    onCleanup(() => redis.stop());
    return redis;
  })
  .extend('world', { scope: 'file' }, async ({ db }) => {
    const maker = await startServer({ ...QUIET, databaseUrl: db.url });
    return makeWorld(maker, db.pool).finally(() => maker.close());
  })
  // One that fails to play would leave its process behind: a fixture of its own is ended all the same.
  .extend('server', { scope: 'file' }, async ({ db, redis, world: _ }, { onCleanup }) => {
    const server = await startServerProcess({ databaseUrl: db.url, redis: redis.url, env: { LOG_LEVEL: 'trace' } });
    onCleanup(async () => void (await server.kill()));
    return server;
  })
  .extend('found', { scope: 'file' }, ({ db, redis, world, server }) =>
    play({ server, pool: db.pool, world, canaries: {}, refusals: [], masked: { count: 0 } }, redis.port),
  );

describe('the search can find', () => {
  test('what everybody may read: in the log of the stream, at the watcher, in Redis, in every answer', ({ found }) => {
    for (const place of ['live events', 'what a watcher got', 'Redis'])
      expect(foundIn(found.places[place]!, found.canaries), place).toContain(PUBLIC);
    for (const role of ROLES) expect(foundIn(found.read[role], found.canaries), role).toContain(PUBLIC);
  });

  test('errors: they were forced, masked and logged', ({ found }) => {
    expect(found.masked).toBeGreaterThan(8);
    const logged = found.places['the log']!.split('unexpected error in a resolver').length - 1;
    expect(logged).toBeGreaterThanOrEqual(found.masked);
    expect(found.places['the log']).toContain('unexpected error in a request');
    for (const code of ['42703', '22P02', '23514', '57P01'])
      expect(found.places['the log'], code).toContain(`"code":"${code}"`);
  });

  test('what is kept, in the database', ({ found }) => {
    const { canaries, kept } = found;
    const names = Object.keys(canaries).filter((name) => !KEPT_FOR_A_WHILE.test(name));
    const expected = names.filter((name) => !NOT_KEPT.test(name));
    expect(expected.length).toBeGreaterThan(30);
    expect(names.filter((name) => kept.has(name)).sort()).toEqual(expected.sort());
  });
});

test.for(['live events', 'what a watcher got', 'refusals', '/metrics', '/ready', '/health', 'Redis', 'the log'])(
  'no secret is in: %s',
  (place, { found }) => {
    const mayBe = ['live events', 'what a watcher got', 'Redis'].includes(place) ? [PUBLIC] : [];
    expect(foundIn(found.places[place]!, found.canaries)).toEqual(mayBe);
  },
);

test('each secret is read by those whose it is, and by nobody else', ({ found }) => {
  const readBy = Object.fromEntries(
    Object.keys(found.canaries)
      .map((name) => [name, ROLES.filter((role) => found.read[role].includes(found.canaries[name]!)).join(' ')])
      .filter(([name, roles]) => roles !== '' && name !== PUBLIC),
  );
  expect(readBy).toEqual(READ_BY);
});
