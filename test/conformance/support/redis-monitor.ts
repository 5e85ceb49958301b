/** Everything that passes through a Redis, as its own MONITOR tells it. */
import { createConnection } from 'node:net';
import { Feed } from '../../support/feed.ts';

/** What passes, as text: quotes and line breaks are escaped. */
export type RedisMonitor = { text(): string; close(): void };

/** Watches all commands of all connections; resolves once it does. */
export async function monitorRedis(port: number): Promise<RedisMonitor> {
  let text = '';
  const chunks = new Feed<string>('the MONITOR of Redis');
  const socket = createConnection(port, '127.0.0.1');
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    chunks.push(text);
  });
  socket.once('error', (error) => chunks.end({ code: null, reason: error.message }));
  socket.write('MONITOR\r\n');
  await chunks.until((all) => all.startsWith('+OK'));
  return { text: () => text, close: () => socket.destroy() };
}
