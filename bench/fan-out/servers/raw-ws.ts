/** No GraphQL at all: one frame is prepared and sent to every socket. What the `ws` package costs is the floor of this design. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { OPERATION_ID } from '../../load/viewers.api.ts';
import { giftEdge } from '../event.ts';
import { serveFeed } from '../publish.ts';

type Message = { type: string; payload?: { variables: { streamId: string } } };

const rooms = new Map<string, { sockets: Set<WebSocket>; lastSeq: number }>();
const httpServer = createServer();
const wsServer = new WebSocketServer({ server: httpServer, path: '/graphql', perMessageDeflate: false });

wsServer.on('connection', (socket) => {
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.type === 'connection_init') socket.send('{"type":"connection_ack"}');
    if (message.type !== 'subscribe') return;
    const { streamId } = message.payload!.variables;
    const room = rooms.get(streamId) ?? { sockets: new Set(), lastSeq: 0 };
    rooms.set(streamId, room);
    room.sockets.add(socket);
    socket.once('close', () => room.sockets.delete(socket));
  });
});

httpServer.listen(0, '127.0.0.1', () => {
  const { port } = httpServer.address() as AddressInfo;
  serveFeed(`http://127.0.0.1:${port}`, (streams, count, padding) => {
    for (const streamId of streams) {
      const room = rooms.get(streamId);
      for (let event = 0; room && event < count; event++) {
        const payload = { data: { liveEvents: giftEdge(++room.lastSeq, padding) } };
        const frame = Buffer.from(JSON.stringify({ id: OPERATION_ID, type: 'next', payload }));
        for (const socket of room.sockets) socket.send(frame, { binary: false });
      }
    }
  });
});
