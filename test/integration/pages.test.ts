/** What a browser and a load balancer get: GraphiQL from our own server, with tabs that run as they stand, and the health pages. */
import { Agent, get, type IncomingMessage } from 'node:http';
import { getOperationAST, parse } from 'graphql';
import { expect } from 'vitest';
import { test } from '../support/fixtures.ts';

type Page = {
  defaultTabs: { query: string }[];
  additionalHeaders: { Authorization: string };
  connectionParams: { authorization: string };
  subscriptionsProtocol: string;
};

async function graphiql(url: string): Promise<{ html: string; page: Page }> {
  const response = await fetch(url, { headers: { accept: 'text/html' } });
  expect(response.status).toBe(200);
  const html = await response.text();
  const [, options] = /querySelector\('#root'\),\s*(\{.*\}),\s*\);/.exec(html) ?? [];
  return { html, page: JSON.parse(options!) as Page };
}

test('GraphiQL loads nothing from elsewhere', async ({ server }) => {
  const { html, page } = await graphiql(server.url);
  expect(html).not.toMatch(/<(script|link|img)[^>]+(src|href)="(https?:)?\/\//);
  expect(page.subscriptionsProtocol).toBe('WS');
});

test('every example tab of GraphiQL runs as it stands', async ({ server }) => {
  const { page } = await graphiql(server.url);
  const token = page.connectionParams.authorization.replace('Bearer ', '');
  expect(page.additionalHeaders.Authorization).toBe(`Bearer ${token}`);
  const socket = await server.ws({ token });
  const answers: unknown[] = [];
  for (const { query } of page.defaultTabs) {
    if (getOperationAST(parse(query))?.operation === 'subscription') answers.push(await socket.subscribe(query).next());
    else answers.push((await server.http(token).request(query)).data);
  }
  expect(answers).toMatchObject([
    { liveEvents: { node: { __typename: 'StreamStarted', seq: 1 } } },
    { sendGift: { __typename: 'SendGiftSuccess', replayed: false } },
    { buyCoins: { __typename: 'BuyCoinsSuccess', replayed: false } },
    { walletUpdates: { coins: 10_000 - 1 + 70 } },
    { liveEvents: { node: { __typename: 'StreamStarted', seq: 1 } } },
    { buyNow: { __typename: 'BuyNowSuccess', replayed: false, order: { state: 'PAID' } } },
    { me: { orders: { totalCount: 1 } } },
    { liveStreams: { totalCount: 2 }, me: { handle: 'layla' } },
  ]);
});

test('the server says that it lives, and that it can serve', async ({ server }) => {
  const get = async (path: string) => {
    const response = await fetch(new URL(path, server.url), { redirect: 'manual' });
    return { status: response.status, body: await response.text() };
  };
  expect(await get('/health')).toEqual({ status: 200, body: '{"status":"ok"}' });
  const ready = await get('/ready');
  expect(ready.status).toBe(200);
  const ok = { state: 'ok', ms: expect.any(Number) };
  expect(JSON.parse(ready.body)).toEqual({ status: 'ready', checks: { postgres: ok, migrations: ok } });
  expect((await get('/nowhere')).status).toBe(404);
});

test('a balancer may keep its connections for a minute', async ({ server }) => {
  const agent = new Agent({ keepAlive: true });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(new URL('/health', server.url), { agent }, resolve).once('error', reject);
  });
  answer.resume();
  agent.destroy();
  // Ours is the longer: a request never meets a connection that the server is just closing.
  expect(answer.headers['keep-alive']).toBe('timeout=75');
});

test('a browser may call from this machine only, and never with credentials', async ({ server }) => {
  const preflight = async (origin: string) => {
    const headers = {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    };
    return (await fetch(server.url, { method: 'OPTIONS', headers })).headers;
  };
  const own = await preflight('http://localhost:5173');
  expect(own.get('access-control-allow-origin')).toBe('http://localhost:5173');
  expect(own.get('access-control-allow-credentials')).not.toBe('true');
  expect((await preflight('https://evil.example')).get('access-control-allow-origin')).toBeNull();
});
