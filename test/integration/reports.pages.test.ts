/** Reports over HTTP: what operators download and look at, with a token or with a link that works once. */
import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { describe, expect } from 'vitest';
import { type Actor, mutate, signIn, succeed } from '../support/operations.ts';
import { test as base, CLOSING, insertGifts, insertOrder, insertPeople, openChannel } from './support/report-rows.ts';

const EVIL = '=cmd|"<script>alert(1)</script>"!A1';

type Link = { path: string; expiresAt: string };

const test = base
  .extend('operator', ({ server }) => signIn(server, 'operator'))
  .extend('get', ({ server }) => async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(path, server.url), { headers });
    return { status: response.status, headers: response.headers, body: await response.text() };
  })
  // A quarter with gifts on some days, closed; there were more in the one before.
  .extend('closed', { scope: 'file' }, async ({ server, db }) => {
    const operator = await signIn(server, 'operator');
    const channel = await openChannel(server, db.pool);
    const people = [...(await insertPeople(db.pool, 12, 'AE')), ...(await insertPeople(db.pool, 15, null))];
    for (let group = 0; group < people.length; group += 9) {
      const some = people.slice(group, group + 9);
      await insertGifts(db.pool, some, channel, 100 + group, `2012-01-${10 + group / 9}T12:00:00Z`);
      await insertGifts(db.pool, some, channel, 50 + group, `2012-04-${10 + group / 9}T12:00:00Z`);
    }
    await insertOrder(db.pool, people[0]!, { minor: 1_999 }, '2012-05-01T00:00:00Z');
    await db.pool.query(
      'UPDATE viewer SET display_name = $1 WHERE id = (SELECT viewer_id FROM creator WHERE id = $2)',
      [EVIL, channel.creatorId],
    );
    type Closed = { report: { checksum: string; giftCoins: number } };
    return succeed(await mutate<Closed>(operator.api, 'closeQuarter', { year: 2012, quarter: 2 })).report;
  });

const bearer = ({ token }: Actor) => ({ authorization: `Bearer ${token}` });
const link = async (actor: Actor, format: 'HTML' | 'CSV' | 'JSON', quarter = 2) =>
  succeed(await mutate<Link>(actor.api, 'createReportLink', { year: 2012, quarter, format })).path;

describe('downloads', CLOSING, () => {
  test('JSON: the bytes that the checksum is of, the same each time', async ({ operator, get, closed }) => {
    const [one, two] = [
      await get('/reports/2012-Q2.json', bearer(operator)),
      await get('/reports/2012-Q2.json', bearer(operator)),
    ];
    expect(one.status).toBe(200);
    expect(one.body).toBe(two.body);
    expect(createHash('sha256').update(one.body).digest('hex')).toBe(closed.checksum);
    expect(one.headers.get('x-checksum-sha256')).toBe(closed.checksum);
    expect(one.headers.get('cache-control')).toBe('no-store');
    expect(one.headers.get('content-disposition')).toContain('hadiya-2012-Q2.json');
    const document = JSON.parse(one.body);
    expect(document).toMatchObject({ name: '2012-Q2', world: { giftCoins: closed.giftCoins, gifters: 27, orders: 1 } });
    expect(document.days).toHaveLength(91);
  });

  test('CSV: the same figures, and nothing that a spreadsheet would run', async ({ operator, get, closed }) => {
    const { status, body, headers } = await get('/reports/2012-Q2.csv', bearer(operator));
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const lines = parse(body, { bom: true, columns: true }) as Record<string, string>[];
    const of = (kind: string) => lines.filter((line) => line.kind === kind);
    expect(of('world')).toMatchObject([{ key: 'world', gift_coins: String(closed.giftCoins), gifters: '27' }]);
    // Less than the quarter before: a number, and no formula.
    expect(Number(of('world')[0]!.gift_coins_growth)).toBeLessThan(0);
    expect(of('region').map(({ key }) => key)).toEqual(['AE', 'ZZ']);
    expect(of('day').reduce((sum, line) => sum + Number(line.gift_coins), 0)).toBe(closed.giftCoins);
    expect(of('creator').map(({ name }) => name)).toEqual([`'${EVIL}`]);
    expect(of('sales')).toMatchObject([
      { key: 'world', paid_minor: '1999', currency: 'USD' },
      { key: 'AE', paid_minor: '1999', currency: 'USD' },
    ]);
  });

  test('a quarter that is not closed, and one in which nothing happened', async ({ operator, get }) => {
    expect(JSON.parse((await get('/reports/2012-Q1.json', bearer(operator))).body).world.gifters).toBe(27);
    const empty = await get('/reports/2003-Q4.json', bearer(operator));
    expect(empty.headers.get('x-checksum-sha256')).toBeNull();
    expect(JSON.parse(empty.body)).toMatchObject({ world: { giftCoins: 0, gifters: 0 }, regions: [], topCreators: [] });
    expect((await get('/reports/2003-Q4', bearer(operator))).status).toBe(200);
  });
});

describe('who gets in', CLOSING, () => {
  test('an operator with a token, nobody else', async ({ get, viewer, operator, closed }) => {
    expect(closed).toBeDefined();
    for (const path of ['/reports/2012-Q2', '/reports/2012-Q2.csv', '/reports/2012-Q2.json']) {
      expect((await get(path)).status).toBe(401);
      expect((await get(path, { authorization: 'Bearer forged' })).status).toBe(401);
      const refused = await get(path, bearer(viewer));
      expect(refused.status).toBe(403);
      expect(refused.body).not.toContain('giftCoins');
      expect((await get(path, bearer(operator))).status).toBe(200);
    }
  });

  test('a link opens just what it is for, once', async ({ get, operator }) => {
    const path = await link(operator, 'JSON');
    expect((await get(path.replace('.json', '.csv'))).status).toBe(401);
    expect((await get(path.replace('Q2', 'Q1'))).status).toBe(401);
    expect((await get(path.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')))).status).toBe(401);
    const answers = await Promise.all(Array.from({ length: 10 }, () => get(path)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(401)]);
  });

  test('a link that has ended opens nothing', async ({ get, operator, db }) => {
    const path = await link(operator, 'HTML');
    await db.pool.query("UPDATE report_link SET expires_at = clock_timestamp() - interval '1 second'");
    const { status, body } = await get(path);
    expect(status).toBe(401);
    expect(body).toContain('This link has ended');
  });

  test('keys are not kept, and keys that are none are refused', async ({ get, operator, db }) => {
    const path = await link(operator, 'HTML');
    const key = new URL(path, 'http://x').searchParams.get('key')!;
    const { rows } = await db.pool.query('SELECT key_hash FROM report_link');
    expect(rows.map(({ key_hash }) => key_hash.toString('base64url'))).not.toContain(key);
    for (const wrong of ['', 'x', 'A'.repeat(43), 'A'.repeat(10_000), "' OR '1'='1", '%00']) {
      expect((await get(`/reports/2012-Q2?key=${wrong}`)).status).toBe(401);
    }
  });

  test('only operators make links', async ({ viewer, server }) => {
    const input = { year: 2012, quarter: 2, format: 'HTML' };
    expect(await mutate(viewer.api, 'createReportLink', input)).toMatchObject({ __typename: 'ForbiddenError' });
    expect(await mutate(server.http(), 'createReportLink', input)).toMatchObject({ __typename: 'NotSignedInError' });
  });

  test.for(['2012-Q5', '2012-Q0', '1999-Q1', '3000-Q1', 'x', '2012-Q2.exe', '..%2f2012-Q2', '2012-q2'])(
    'there is no report %s',
    async (name, { get, operator }) => {
      expect((await get(`/reports/${name}`, bearer(operator))).status).toBe(404);
    },
  );

  test('only a GET: nothing else uses a link up', async ({ server, operator, get }) => {
    const path = await link(operator, 'JSON');
    for (const method of ['HEAD', 'POST', 'DELETE']) {
      expect((await fetch(new URL(path, server.url), { method })).status).toBe(405);
    }
    expect((await get(path)).status).toBe(200);
  });
});

describe('the page', CLOSING, () => {
  test('carries its charts, and nothing of it runs or loads', async ({ get, operator, closed }) => {
    const { status, headers, body } = await get(await link(operator, 'HTML'));
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy')!;
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(body).toContain(closed.checksum);
    expect(body).not.toMatch(/<script|https?:\/\//);
    const charts = [...body.matchAll(/<img src="data:image\/svg\+xml;base64,([^"]+)" alt="([^"]+)"/g)];
    expect(charts.map(([, , title]) => title)).toEqual([
      'Gift coins by day',
      'Gift coins by region',
      'Growth of gift coins on the quarter before',
      'Creators who were given most',
    ]);
    for (const [, svg] of charts) expect(Buffer.from(svg!, 'base64').toString()).toMatch(/^<svg /);
    expect(Buffer.from(charts[3]![1]!, 'base64').toString()).not.toContain('<script');
  });

  test('its downloads work, once', async ({ get, operator }) => {
    const { body } = await get(await link(operator, 'HTML'));
    const paths = [...body.matchAll(/<a href="([^"]+)"/g)].map(([, path]) => path!.replaceAll('&amp;', '&'));
    expect(paths).toHaveLength(2);
    for (const path of paths) {
      expect((await get(path)).status).toBe(200);
      expect((await get(path)).status).toBe(401);
    }
  });
});
