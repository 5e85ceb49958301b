/** The live room's page as it is served: its files and places, with what protects them, and nothing else of the disk. */
import { request } from 'node:http';
import { expect, vi } from 'vitest';
import { WebSocket } from 'ws';
import { demoSession } from '../../examples/clients/demo-session.ts';
import { start } from '../../examples/clients/start.ts';
import { endStream, succeed } from '../support/operations.ts';
import { startServer } from '../support/server.ts';
import { test } from './support/shared-server.ts';

/** A request whose path goes out as it is: `fetch` would tidy it up. */
function get(base: string, path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  return new Promise<{ status: number; headers: Record<string, string>; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const sent = request({ hostname, port, path, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers as Record<string, string>, body }),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}

test('the page and its places are one document, which is asked for anew each time', async ({ server }) => {
  const page = await get(server.url, '/');
  expect(page.status).toBe(200);
  expect(page.headers['content-type']).toMatch(/^text\/html/);
  expect(page.headers['cache-control']).toBe('no-cache');
  expect(page.body).toContain('<div id="root">');
  for (const path of ['/streams/TGl2ZVN0cmVhbTox', '/streams/a%3D?x=1', '/orders', '/orders/x', '/wallet', '/studio']) {
    expect(await get(server.url, path), path).toMatchObject({ status: 200, body: page.body });
  }
});

test('it runs nothing but its own scripts, loads nothing from elsewhere, and is shown in no frame', async ({
  server,
}) => {
  const { headers, body } = await get(server.url, '/');
  const policy = headers['content-security-policy']!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  expect(body).not.toMatch(/<script(?![^>]*src="\/assets\/)|(src|href)="(https?:)?\/\//);
});

test('files whose names change with their content are kept for ever', async ({ server }) => {
  const { body } = await get(server.url, '/');
  const assets = [...body.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path!);
  expect(assets.length).toBeGreaterThanOrEqual(2);
  for (const path of assets) {
    const file = await get(server.url, path, { headers: { range: 'bytes=5-2' } });
    expect(file.status, path).toBe(200); // whole files only, whatever the range
    expect(file.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(file.headers['x-content-type-options']).toBe('nosniff');
    const again = await get(server.url, path, { headers: { 'if-none-match': file.headers.etag! } });
    expect(again).toMatchObject({ status: 304, body: '' });
  }
});

test('HEAD says what GET would; nothing else is taken', async ({ server }) => {
  const head = await get(server.url, '/', { method: 'HEAD' });
  expect(head).toMatchObject({ status: 200, body: '' });
  expect(Number(head.headers['content-length'])).toBeGreaterThan(0);
  expect((await get(server.url, '/', { method: 'POST' })).status).toBe(405);
  expect((await get(server.url, '/streams/x', { method: 'DELETE' })).status).toBe(404);
});

test.for([
  '/nowhere',
  '/streams',
  '/streams/a/b',
  '/assets/missing.js',
  '/assets/',
  '/.built-from',
  '/../package.json',
  '/..%2f..%2fpackage.json',
  '/assets/..%2f..%2fvite.config.ts',
  '/assets/../../vite.config.ts',
  '/%2e%2e/%2e%2e/package.json',
  '/assets/%00',
  '/%E0%A4%A',
  '//etc/passwd',
  '/C:%5cwindows',
])('%s is not there', async (path, { server }) => {
  const { status, headers, body } = await get(server.url, path);
  expect(status).toBe(404);
  expect(JSON.parse(body)).toEqual({ errors: [{ message: 'Nothing here. The API is at /graphql.' }] });
  expect(headers['cache-control']).toBeUndefined();
});

test('without a built page / leads to GraphiQL, and the welcome says why', async ({ db }) => {
  const server = await startServer({ databaseUrl: db.url, overrides: { liveRoomFolder: 'no-such-folder' } });
  try {
    expect(await get(server.url, '/')).toMatchObject({ status: 302, headers: { location: '/graphql' } });
    expect((await get(server.url, '/streams/x')).status).toBe(404);
    expect(server.app.welcome('http://h')).toContain('npm run build:room');
  } finally {
    await server.close();
  }
});

test('without a built page and without GraphiQL there is nothing at /', async ({ db }) => {
  const nothing = { config: { introspection: false }, overrides: { liveRoomFolder: 'no-such-folder' } };
  const server = await startServer({ databaseUrl: db.url, ...nothing });
  try {
    expect((await get(server.url, '/')).status).toBe(404);
  } finally {
    await server.close();
  }
});

test('the welcome names the page first', async ({ server }) => {
  expect(server.app.welcome('http://h').trim()).toMatch(/^Hadiya is up\. Open http:\/\/h\n/);
});

test('the start of docs/clients.md sends a rose and sees the stream to its end', async ({ server, funded, live }) => {
  const { url } = server;
  const { creator, streamId } = live;
  const show = vi.fn();
  const api = { url, session: demoSession(url, funded.handle), webSocketImpl: WebSocket };
  const over = start(api, creator.handle, show);
  await expect.poll(() => show.mock.calls.map(([{ node }]) => node.__typename)).toContain('GiftSent');
  succeed(await endStream(creator, streamId));
  await over;
  expect(show.mock.lastCall?.[0].node.__typename).toBe('StreamEnded');
  await expect(start(api, creator.handle, show)).rejects.toThrow('is not on air');
  await expect(demoSession(url, 'no handle').token()).rejects.toThrow();
});
