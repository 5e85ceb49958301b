/** /ready, /metrics and request ids, as load balancers, Prometheus and clients see them. */
import { once } from 'node:events';
import { describe, expect, onTestFinished } from 'vitest';
import { METRICS } from '../../src/app/metrics.ts';
import { test as withDatabase } from '../support/fixtures.ts';
import { readMetrics, sample } from '../support/metrics.ts';
import { buyCoins, sendGift, signIn, startStream, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { test } from './support/shared-server.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-characters';

describe('/metrics', () => {
  test('has every metric that is defined, and those of the process', async ({ server }) => {
    const { text } = await readMetrics(server.url);
    for (const { name, type } of METRICS) expect(text).toContain(`# TYPE ${name} ${type}\n`);
    expect(text).toContain('process_resident_memory_bytes');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(METRICS.map(({ name }) => name)).toEqual([...new Set(METRICS.map(({ name }) => name))]);
  });

  test('counts a gift as an operation, a batch and a transaction', async ({ server, funded, live }) => {
    const before = await readMetrics(server.url);
    succeed(await sendGift(funded, live.streamId));
    const after = await readMetrics(server.url);
    const operation = { kind: 'mutation', field: 'sendGift', operation: 'other', code: 'OK' };
    const grown = (name: string, labels: Record<string, string>) =>
      sample(after, name, labels) - sample(before, name, labels);
    expect(grown('hadiya_operations_total', operation)).toBe(1);
    expect(grown('hadiya_batches_total', { batch: 'gifts' })).toBe(1);
    expect(grown('hadiya_batch_size_count', { batch: 'gifts' })).toBe(1);
    expect(grown('hadiya_batch_size_sum', { batch: 'gifts' })).toBe(1);
    expect(grown('hadiya_batch_size_bucket', { batch: 'gifts', le: '1' })).toBe(1);
    expect(sample(after, 'hadiya_batch_queue_length', { batch: 'gifts' })).toBe(0);
    expect(sample(after, 'hadiya_bus_up')).toBe(1);
    expect(sample(after, 'hadiya_postgres_connections')).toBeGreaterThan(0);
  });

  test('tells how an operation failed: in a union, as an error, and before it was executed', async ({
    server,
    viewer,
    live,
  }) => {
    const before = await readMetrics(server.url);
    expect(await sendGift(viewer, live.streamId)).toMatchObject({ code: 'INSUFFICIENT_COINS' });
    await post(server.url, '{ liveStream(id: "nonsense") { id } }');
    await post(server.url, '{ nothingOfTheSort }');
    const socket = await server.raw();
    await socket.init();
    socket.subscribe('1', '{ nothingOfTheSort }');
    await socket.messages.next();
    await socket.close();
    const after = await readMetrics(server.url);
    const grown = (name: string, labels: Record<string, string>) =>
      sample(after, name, labels) - sample(before, name, labels);
    const operation = { kind: 'mutation', field: 'sendGift', operation: 'other', code: 'INSUFFICIENT_COINS' };
    expect(grown('hadiya_operations_total', operation)).toBe(1);
    expect(grown('hadiya_operations_refused_total', { code: 'GRAPHQL_VALIDATION_FAILED' })).toBe(2);
  });

  test('names that clients make up are no labels', async ({ server }) => {
    await post(server.url, 'query MadeUpByAClient { gifts { id } }');
    const { text } = await readMetrics(server.url);
    expect(text).not.toContain('MadeUpByAClient');
    expect(text).toMatch(/hadiya_operations_total\{kind="query",field="gifts",operation="other",code="OK"\} \d+/);
  });

  test('counts sockets, subscriptions, groups and close codes', async ({ server, live }) => {
    const open = async () => {
      const metrics = await readMetrics(server.url);
      return [
        'hadiya_sockets_open',
        'hadiya_subscriptions_open',
        'hadiya_fan_out_groups',
        'hadiya_streams_watched',
      ].map((name) => sample(metrics, name));
    };
    const before = await open();
    const socket = await server.raw();
    await socket.init();
    for (const id of ['1', '2']) {
      socket.subscribe(id, 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { cursor } }', {
        id: live.streamId,
      });
      await socket.messages.next();
    }
    expect((await open()).map((count, index) => count - before[index]!)).toEqual([1, 2, 1, 1]);
    const metrics = await readMetrics(server.url);
    expect(sample(metrics, 'hadiya_viewer_lag_events', { percentile: '100' })).toBe(0);
    const closed = sample(metrics, 'hadiya_sockets_closed_total', { code: '1000' });
    await socket.close();
    await expect.poll(open).toEqual(before);
    expect(sample(await readMetrics(server.url), 'hadiya_sockets_closed_total', { code: '1000' })).toBe(closed + 1);
  });
});

describe('who may read the metrics', () => {
  withDatabase(
    'where there is a token, who brings it; to others it looks as if there were no such page',
    async ({ db }) => {
      const token = SECRET;
      const server = await startServer({ databaseUrl: db.url, config: { metrics: { port: undefined, token } } });
      onTestFinished(() => server.close());
      const ask = async (authorization?: string) =>
        (await get(server.url, '/metrics', authorization ? { authorization } : {})).status;
      expect(await Promise.all([ask(), ask(`Bearer ${token}x`), ask(token), ask(`Bearer ${token}`)])).toEqual([
        404, 404, 404, 200,
      ]);
    },
  );

  withDatabase('in demo mode this machine, unless a proxy stands between', async ({ db }) => {
    const server = await startServer({ databaseUrl: db.url });
    onTestFinished(() => server.close());
    const ask = async (headers: Record<string, string>) => (await get(server.url, '/metrics', headers)).status;
    const statuses = [await ask({}), await ask({ 'x-forwarded-for': '127.0.0.1' })];
    expect(statuses).toEqual([200, 404]);
  });

  withDatabase('a port of its own has the metrics and nothing else', async ({ db }) => {
    const config = { metrics: { port: 0, token: SECRET } };
    const server = await startServer({ databaseUrl: db.url, config });
    onTestFinished(() => server.close());
    const own = `http://127.0.0.1:${server.app.metricsPort()}`;
    const ask = async (path: string, method = 'GET') => (await fetch(`${own}${path}`, { method })).status;
    expect(await Promise.all([ask('/metrics'), ask('/graphql'), ask('/metrics', 'POST')])).toEqual([200, 404, 404]);
    expect((await get(server.url, '/metrics')).status).toBe(404);
  });
});

describe('request ids over HTTP', () => {
  const ID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
  const ask = async (url: string, path: string, given?: string) =>
    (await get(url, path, given ? { 'x-request-id': given } : {})).headers.get('x-request-id');

  test('one that is well-formed is kept, another is replaced, and every answer tells it', async ({ server }) => {
    expect(await ask(server.url, '/health', 'proxy-4711/a')).toBe('proxy-4711/a');
    for (const bad of ['a b', '"quoted"', 'x'.repeat(129)]) expect(await ask(server.url, '/health', bad)).toMatch(ID);
    for (const path of ['/graphql', '/ready', '/nowhere', '/']) expect(await ask(server.url, path)).toMatch(ID);
    const response = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'mine' },
      body: '{"query":"{ gifts { id } }"}',
    });
    expect(response.headers.get('x-request-id')).toBe('mine');
  });
});

withDatabase('what the books say wrong is counted', async ({ db }) => {
  const server = await startServer({ databaseUrl: db.url, overrides: { booksIntervalMs: 50 } });
  onTestFinished(() => server.close());
  const [creator, viewer] = [await signIn(server), await signIn(server)];
  await startStream(creator);
  succeed(await buyCoins(viewer, { coins: 70 }));
  const imbalance = async () => sample(await readMetrics(server.url), 'hadiya_ledger_imbalance');
  await expect.poll(imbalance).toBe(0);
  await db.pool.query(
    "UPDATE ledger_account SET balance = balance + 5 WHERE id = (SELECT min(id) FROM ledger_account WHERE unit = 'COIN' AND kind = 'WALLET')",
  );
  await expect.poll(imbalance).toBe(5);
});

withDatabase('a retried transaction is counted, and what became of a deadlock', async ({ db }) => {
  const server = await startServer({ databaseUrl: db.url });
  onTestFinished(() => server.close());
  const { db: database } = server.app.services;
  await db.pool.query('CREATE TABLE pair (id int PRIMARY KEY, n int); INSERT INTO pair VALUES (1, 0), (2, 0)');
  const both = { arrived: 0 };
  const bell = new EventTarget();
  const lock = (first: number, second: number) =>
    database.inTransaction(async (sql) => {
      await sql.query(`UPDATE pair SET n = n + 1 WHERE id = ${first}`);
      // The first time both hold one row before either wants the other.
      if (++both.arrived < 2) await once(bell, 'go');
      else bell.dispatchEvent(new Event('go'));
      await sql.query(`UPDATE pair SET n = n + 1 WHERE id = ${second}`);
    });
  await Promise.all([lock(1, 2), lock(2, 1)]);
  expect((await db.pool.query('SELECT n FROM pair ORDER BY id')).rows).toEqual([{ n: 2 }, { n: 2 }]);
  // Who is tried again may take its row before the other has come to it, and meet it once more.
  const retries = sample(await readMetrics(server.url), 'hadiya_transaction_retries_total', { reason: 'deadlock' });
  expect(retries).toBeGreaterThanOrEqual(1);
});

function get(url: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(new URL(path, url), { headers, redirect: 'manual' });
}

function post(url: string, query: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
}
