/** What one client may hold and send over a WebSocket. */
import { connect } from 'node:net';
import { expect } from 'vitest';
import { MESSAGES_BURST_MAX, MESSAGES_PER_SECOND_MAX } from '../../../src/graphql/message-rate.ts';
import { OPERATION_ID_LENGTH_MAX, OPERATIONS_PER_SOCKET_MAX } from '../../../src/graphql/websocket.ts';
import type { Check } from './checks.ts';
import { closeAfter, subscribe } from './send.ts';

const SOCKET = 'src/graphql/socket-transport.ts';
const LIVE = 'subscription ($id: ID!) { liveEvents(streamId: $id, after: "") { cursor } }';

/** What one client may hold and send. */
export const SOCKET_CHECKS: Check[] = [
  {
    threat: 'an upgrade that is refused, and whose client does not close its half',
    limit: 'the connection is let go of',
    where: SOCKET,
    runs: {
      HTTP: 'Node ends the connection',
      SSE: 'likewise',
      WebSocket: async ({ server }) => {
        const { hostname, port } = new URL(server.url);
        for (const [path, origin] of [
          ['/nothing', 'http://x'],
          ['/graphql', 'https://evil.example'],
        ]) {
          const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
          socket.on('error', () => undefined); // the reset that is waited for
          const ended = new Promise((resolve) => socket.once('end', resolve));
          socket.resume();
          socket.write(
            `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\norigin: ${origin}\r\n\r\n`,
          );
          await ended;
          // Who still held the other half would take whatever comes.
          await expect
            .poll(() => {
              socket.write('x');
              return socket.destroyed;
            })
            .toBe(true);
        }
      },
    },
  },
  {
    threat: 'a flood of messages',
    limit: `${MESSAGES_BURST_MAX} at once, ${MESSAGES_PER_SECOND_MAX} a second; then 4429`,
    where: SOCKET,
    runs: {
      HTTP: 'one request is one operation: the rate limits count it',
      SSE: 'takes no messages',
      WebSocket: async (ground) => {
        const pings = Array.from({ length: MESSAGES_BURST_MAX * 4 }, () => '{"type":"ping"}');
        expect(await closeAfter(ground, pings)).toMatchObject({ code: 4429, reason: 'Too many messages' });
        const churn = Array.from({ length: MESSAGES_BURST_MAX * 2 }, () => [
          subscribe('1', 'subscription { liveEvents(streamId: "x") { cursor } }'),
          '{"id":"1","type":"complete"}',
        ]).flat();
        expect(await closeAfter(ground, churn)).toMatchObject({ code: 4429 });
      },
    },
  },
  {
    threat: 'operations without end on one socket',
    limit: `${OPERATIONS_PER_SOCKET_MAX} at once`,
    where: 'src/graphql/websocket.ts',
    runs: {
      HTTP: 'one request is one operation',
      SSE: 'one stream is one operation',
      WebSocket: async ({ server, streamId }) => {
        const socket = await server.raw();
        await socket.init();
        for (let n = 0; n <= OPERATIONS_PER_SOCKET_MAX; n++) socket.subscribe(`${n}`, LIVE, { id: streamId });
        const answers = await socket.messages.take(OPERATIONS_PER_SOCKET_MAX + 1);
        const refused = answers.filter(({ type }) => type === 'error');
        expect(refused).toMatchObject([{ payload: [{ extensions: { code: 'TOO_MANY_OPERATIONS' } }] }]);
      },
    },
  },
  {
    threat: 'ids as long as messages, or named like what every object has',
    limit: `${OPERATION_ID_LENGTH_MAX} characters; 4400`,
    where: 'src/graphql/websocket.ts',
    runs: {
      HTTP: 'has no ids',
      SSE: 'has no ids',
      WebSocket: async (ground) => {
        expect((await closeAfter(ground, [subscribe('x'.repeat(OPERATION_ID_LENGTH_MAX + 1))])).code).toBe(4400);
        for (const id of ['__proto__', 'constructor', 'toString']) {
          const socket = await ground.server.raw();
          await socket.init();
          socket.send(subscribe(id));
          const end = await Promise.race([socket.messages.next().catch(() => undefined), socket.messages.closed]);
          expect([id, 4409], JSON.stringify(end)).toContain(
            end && 'id' in end ? end.id : (await socket.messages.closed).code,
          );
        }
      },
    },
  },
  {
    threat: 'messages out of order: twice connection_init, none at all, one id twice',
    limit: '4429, 4401, 4408, 4409',
    where: 'src/graphql/websocket.ts',
    runs: {
      HTTP: 'has no order',
      SSE: 'has no order',
      WebSocket: async (ground) => {
        expect((await closeAfter(ground, ['{"type":"connection_init"}'])).code).toBe(4429);
        expect((await closeAfter(ground, [subscribe('1')], false)).code).toBe(4401);
        const live = 'subscription { liveEvents(streamId: "x") { cursor } }';
        expect((await closeAfter(ground, [subscribe('1', live), subscribe('1', live)])).code).toBe(4409);
        expect((await closeAfter(ground, [], false)).code).toBe(4408);
      },
    },
  },
];
