/** Caps on what stays open: per viewer and per address, WebSockets and streams of events together. */
import { expect, onTestFinished } from 'vitest';
import { QUIET, testOn } from '../integration/support/shared-server.ts';
import { LIVE_EVENTS } from '../support/documents.ts';
import { rawSocket } from '../support/raw-socket.ts';
import { startServer } from '../support/server.ts';

const test = testOn({ ...QUIET, config: { connectionLimits: { viewer: 3, ip: 0, loopback: false } } });

test('a viewer holds three connections: one more is refused, on either transport, and others are not', async ({
  server,
  viewer,
  live,
}) => {
  const variables = { streamId: live.streamId, after: '' };
  const authorization = `Bearer ${viewer.token}`;
  const feed = server.sse(LIVE_EVENTS, variables, viewer.token);
  await feed.next();
  const sockets = [await server.raw(), await server.raw()];
  for (const socket of sockets) expect(await socket.init({ authorization })).toMatchObject({ type: 'connection_ack' });
  const surplus = await server.raw();
  surplus.send({ type: 'connection_init', payload: { authorization } });
  expect(await surplus.messages.untilClosed()).toMatchObject({ code: 4429, reason: 'Too many connections' });
  const refused = await server.sse(LIVE_EVENTS, variables, viewer.token).untilClosed();
  expect(refused.errors).toMatchObject([{ extensions: { code: 'TOO_MANY_CONNECTIONS' } }]);
  // Who is somebody else is not concerned, and a place that is left is free again.
  expect(await (await server.raw()).init()).toMatchObject({ type: 'connection_ack' });
  await feed.close();
  await expect
    .poll(async () => {
      const socket = await server.raw();
      socket.send({ type: 'connection_init', payload: { authorization } });
      return (await socket.messages.next().catch(() => undefined))?.type;
    })
    .toBe('connection_ack');
});

test('an address holds two; what a client claims in X-Forwarded-For counts only behind a proxy', async ({ db }) => {
  const config = { connectionLimits: { viewer: 0, ip: 2, loopback: false }, trustProxy: 1 };
  const server = await startServer({ ...QUIET, databaseUrl: db.url, config });
  onTestFinished(() => server.close());
  const from = (address: string) => server.raw({ headers: { 'x-forwarded-for': address } });
  const first = await from('203.0.113.7');
  await from('198.51.100.1, 203.0.113.7');
  await expect(from('203.0.113.7')).rejects.toThrow('429');
  await from('203.0.113.8');
  first.terminate();
  await expect
    .poll(() =>
      from('203.0.113.7').then(
        () => 'open',
        () => 'refused',
      ),
    )
    .toBe('open');
  // This machine itself is not counted.
  for (let n = 0; n < 5; n++) {
    const own = await rawSocket(server.url);
    onTestFinished(() => own.terminate());
  }
});
